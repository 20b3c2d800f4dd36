/**
 * Saves the state of one process, and holds answers until what they tell of is at rest. It does what
 * store/machine-saving.ts decides:
 *
 *   take --in the process's loop, between two callbacks--> bytes --they are the process's no more--> the store
 */
import { Alarm } from '../base/alarm.js'
import { fail, reasonOf } from '../base/errors.js'
import type { Events } from '../base/events.js'
import type { Limits } from '../base/limits.js'
import type { Clock, Logger } from '../base/ports.js'
import type { Slicing } from '../base/slices.js'
import type { Process } from '../process/host.js'
import type { SystemMessage } from '../process/mailbox.js'
import {
  beginSaving,
  type SavingEffect,
  type SavingEvent,
  type SavingRules,
  stepSaving,
} from '../store/machine-saving.js'
import { sealRecord, takeState } from '../store/record.js'
import type { Store } from '../store/store.js'
import { stateValueLimits } from '../wire/codec.js'

interface SaverDeps {
  readonly clock: Clock
  readonly log: Logger
  readonly events: Events
  readonly limits: Limits
  readonly store: Store
  readonly rules: SavingRules
  readonly keep: number
  /** The store has a state of a higher epoch: another one has the name (G2). */
  readonly fenced: (process: Process) => void
}

interface Held {
  readonly run: number
  readonly send: () => void
  readonly lost: () => void
}

export class Saver {
  readonly #deps: SaverDeps
  readonly #process: Process
  #state = beginSaving()
  readonly #alarm: Alarm
  #held: Held[] = []
  #waiting: { readonly run: number; readonly done: () => void }[] = []
  /** The process's loop stands: its state is taken at once. */
  #direct = false
  #message: SystemMessage | undefined
  #body: Buffer | undefined
  #turn = 0

  constructor(deps: SaverDeps, process: Process) {
    this.#deps = deps
    this.#process = process
    this.#alarm = new Alarm(deps.clock, () => this.#step({ type: 'time' }))
  }

  /** A callback has run. */
  ran(): void {
    this.#step({ type: 'ran' })
  }

  /** G4: what `send` tells of is at rest before it is told. */
  hold(send: () => void, lost: () => void): void {
    // What the running callback does after this is in the next state that is taken: it is taken between two of them.
    this.#step({ type: 'ran' })
    this.#held.push({ run: this.#state.run, send, lost })
    this.#step({ type: 'wanted' })
  }

  /** Resolves when all that has run is at rest. No callback runs until then, or until it is given up. */
  finish(): Promise<void> {
    return new Promise((resolve) => {
      this.#direct = true
      this.#waiting.push({ run: this.#state.run, done: resolve })
      this.#step({ type: 'wanted' })
      // The loop, which has stopped, would have given it.
      const { mailbox } = this.#process
      if (this.#message !== undefined && mailbox.withdraw(this.#message)) void this.#take(this.#process.state)
    })
  }

  /** Callbacks run again: what is being taken is not whole. */
  giveUp(): void {
    this.#turn += 1
    this.#direct = false
    this.#waiting.splice(0)
  }

  /** It does not run here any more. */
  close(): void {
    this.#alarm.cancel()
    for (const { lost } of this.#held.splice(0)) lost()
  }

  #gone(): boolean {
    return this.#process.phase === 'ended' || this.#process.phase === 'moved'
  }

  #step(event: SavingEvent): void {
    // A process that has left is somebody else's to save.
    if (this.#gone()) return
    const { state, effects } = stepSaving(this.#state, event, this.#deps.clock.now(), this.#deps.rules)
    this.#state = state
    for (const effect of effects) this.#perform(effect)
  }

  #perform(effect: SavingEffect): void {
    switch (effect.type) {
      case 'take': {
        if (this.#direct) return void this.#take(this.#process.state)
        const message: SystemMessage = { what: 'take', from: undefined, taken: (state) => this.#take(state) }
        this.#message = message
        return this.#process.system(message)
      }
      case 'write':
        return void this.#write(effect.revision)
      case 'alarm':
        return this.#alarm.set(effect.inMs)
      case 'kept':
        return this.#kept(effect.run)
      case 'failed': {
        const { name } = this.#process
        const { reason, failures, inMs } = effect
        this.#deps.log.error({ name, reason, failures, inMs }, `the state of ${name} was not saved: ${reason}`)
        return this.#deps.events.emit('unsaved', { name, reason, failures, inMs })
      }
      case 'stale':
        return this.#deps.fenced(this.#process)
    }
  }

  #slicing(): Slicing {
    const { clock, limits } = this.#deps
    const turn = this.#turn
    const lost = () => fail('ERR_ABORTED', { what: `The save of ${this.#process.name}` })
    return { clock, valuesMax: limits.sliceValuesMax, over: () => (turn === this.#turn ? undefined : lost()) }
  }

  /** Between two callbacks. Never rejects. */
  async #take(state: unknown): Promise<void> {
    this.#message = undefined
    try {
      this.#body = await takeState(state, stateValueLimits(this.#deps.limits), this.#slicing())
    } catch (error) {
      return this.#step({ type: 'failed', reason: reasonOf(error) })
    }
    this.#step({ type: 'taken' })
  }

  async #write(revision: number): Promise<void> {
    const { store, clock, limits, keep, events } = this.#deps
    const { name, kind, epoch } = this.#process
    const body = this.#body ?? Buffer.alloc(0)
    this.#body = undefined
    const began = clock.now()
    try {
      const savedAt = Math.floor(clock.wall())
      const header = { kind: kind.kind, version: kind.version, name, epoch, revision, savedAt }
      const bytes = await sealRecord(header, body, stateValueLimits(limits), this.#slicing())
      const said = await store.save(name, { epoch, revision }, bytes, keep)
      if (said === 'saved')
        events.emit('saved', { name, epoch, revision, bytes: bytes.length, ms: clock.now() - began })
      this.#step({ type: said })
    } catch (error) {
      this.#step({ type: 'failed', reason: reasonOf(error) })
    }
  }

  #kept(run: number): void {
    const ready = this.#held.filter((held) => held.run <= run)
    if (ready.length > 0) this.#held = this.#held.filter((held) => held.run > run)
    for (const { send } of ready) send()
    const done = this.#waiting.filter((waiting) => waiting.run <= run)
    if (done.length > 0) this.#waiting = this.#waiting.filter((waiting) => waiting.run > run)
    if (this.#waiting.length === 0) this.#direct = false
    for (const waiting of done) waiting.done()
  }
}
