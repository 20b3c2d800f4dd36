/**
 * The engine in the place of the holder, for one departure: asks it what machine-source.ts wants to know, and tells the
 * machine what it has said. Each answer comes when it is known (G10).
 */
import { fail, type MobilityError } from '../base/errors.js'
import type { Attempt, Identity } from '../base/ids.js'
import type { MoveLedger } from '../registry/directory.js'
import type { SourceEffect, SourceEvent } from './machine-source.js'
import type { TargetEvent } from './machine-target.js'

interface RecordedMove {
  readonly name: string
  readonly attempt: Attempt
  readonly destination: Identity
  step(event: SourceEvent): void
  /** Why it fails, if it does; the first reason counts. */
  because(cause: MobilityError): void
}

export class Recording {
  readonly #ledger: MoveLedger
  readonly #move: RecordedMove
  /** Which questions are under way: the machine may want them again. */
  readonly #asking = new Set<string>()
  #wanted = true

  constructor(ledger: MoveLedger, move: RecordedMove) {
    this.#ledger = ledger
    this.#move = move
  }

  /** @returns whether there is nothing else to do */
  perform(effect: SourceEffect): boolean {
    const ledger = this.#ledger
    const { name, attempt, destination } = this.#move
    switch (effect.type) {
      case 'sendBegin': {
        const begin = () => ledger.begin(name, attempt, destination, () => this.#wanted)
        this.#ask('begin', begin, (said) => (said === 'begun' ? { type: 'begun' } : this.#without({ type: 'giveUp' })))
        return true
      }
      case 'sendAbort':
        this.#wanted = false
        if (effect.toHolder)
          this.#ask(
            'abort',
            () => ledger.abort(name, attempt),
            (said) => ({ type: said === 'taken' ? 'taken' : 'notRecorded' }),
          )
        return !effect.toDestination
      case 'record':
        this.#ask(
          'record',
          () => ledger.record(name, attempt),
          (said) => {
            if (said === 'refused') return this.#without({ type: 'notRecorded' })
            return { type: said === 'recorded' ? 'recorded' : said === 'gone' ? 'nameFree' : 'nameTaken' }
          },
        )
        return true
      case 'reclaim': {
        const reclaim = () => ledger.reclaim(name, attempt, destination, effect.burned)
        this.#ask('reclaim', reclaim, (said) => {
          if (said === 'held') return { type: 'held' }
          return said === 'taken' ? { type: 'nameTaken' } : { type: 'reclaimed', fresh: said === 'fresh' }
        })
        return true
      }
      case 'retire':
        ledger.retire(name, attempt)
        return false
      default:
        return false
    }
  }

  #without(event: SourceEvent): SourceEvent {
    const { name, destination } = this.#move
    this.#move.because(fail('ERR_REFUSED', { node: destination.node, name, reason: 'its lease at the engine is over' }))
    return event
  }

  /** One question of a kind at a time: the machine may want it again while it is asked. */
  #ask<T>(what: string, question: () => Promise<T>, event: (said: T) => SourceEvent): void {
    if (this.#asking.has(what)) return
    this.#asking.add(what)
    const over = (): void => void this.#asking.delete(what)
    // It rejects only when the node stops.
    question().then((said) => {
      over()
      this.#move.step(event(said))
    }, over)
  }
}

/** A copy at D, as far as the engine has something to do with it. */
interface RecordedCopy {
  readonly name: string
  readonly attempt: Attempt
  readonly prepare: { readonly kind: string; readonly line: number }
  step(event: TargetEvent): void
}

/** Copies for which the engine is asked: what is repeated asks it no more. */
const looking = new WeakSet<RecordedCopy>()

const ask = <T>(copy: RecordedCopy, question: () => Promise<T>, said: (answer: T) => void): void => {
  if (looking.has(copy)) return
  looking.add(copy)
  const over = (): void => void looking.delete(copy)
  // It rejects only when the node stops.
  question().then((answer) => {
    over()
    said(answer)
  }, over)
}

/** The engine is asked whether it is to run here: what it says counts. */
export const isAsked = (copy: RecordedCopy): boolean => looking.has(copy)

/** S is dead, says somebody: the engine knows, and whether the copy here is to run. It is asked again in time. */
export const takeRecorded = (ledger: MoveLedger, copy: RecordedCopy): void => {
  const { name, attempt, prepare } = copy
  const take = () => ledger.take(name, attempt, prepare)
  ask(copy, take, (word) => copy.step(word === 'recorded' ? { type: 'commit' } : { type: 'taken', verdict: word }))
}

/** At an engine it is the record that commits, not who tells of it. */
export const lookUpRecord = (ledger: MoveLedger, copy: RecordedCopy): void => {
  const recorded = () => ledger.recorded(copy.name, copy.attempt)
  ask(copy, recorded, (is) => {
    if (is) copy.step({ type: 'commit' })
  })
}
