/**
 * Looks after the children whose names have their home here: one machine each (machine-child.ts), fed with what the
 * registry says and what the chosen nodes answer. All that is asked about a child is decided here, one after the other.
 *
 *   want, share, update, stop --> the record, to all members (roster.ts) --> machine --place, start--> a member
 *   registry, answers, time, a settled view --------------------------------->'   '--> parked, removed, events
 *
 * Only in a settled view, in step with all members (roster.ts). In the next one the next home goes on, from the roster
 * and the registry alone; who waits here is told to ask there.
 */
import { Alarm } from '../base/alarm.js'
import { fail } from '../base/errors.js'
import type { Events } from '../base/events.js'
import type { Limits } from '../base/limits.js'
import type { Clock, Logger } from '../base/ports.js'
import type { Child, ChildResult } from '../wire/messages.js'
import { ASK_AGAIN, type ChildDirectory, fateOf, isLeftOver, resultOf } from './child-fate.js'
import type { What } from './child-outbox.js'
import type { Endings } from './endings.js'
import { type Care, type CareEffect, type CareEvent, type CareRules, stepCare } from './machine-child.js'
import { isGroup, keptUnder, notAlone, stands } from './replica.js'
import type { Roster } from './roster.js'
import type { Asker } from './starter.js'

interface CaretakerDeps {
  readonly clock: Clock
  readonly log: Logger
  readonly events: Events
  readonly limits: Limits
  readonly rules: CareRules
  readonly self: () => string
  readonly isLive: (node: string) => boolean
  readonly directory: ChildDirectory
  readonly roster: Roster
  readonly endings: Endings
  /** Where it should run, or why nowhere. */
  readonly place: (child: Child, avoid: string) => Place
  readonly ask: (node: string, id: number, what: 'start' | 'check', child: Child) => void
  readonly answer: (to: Asker, result: ChildResult) => void
  readonly freshId: () => number
  /** Names that stand for several children (group-care.ts). */
  readonly groups: {
    /** @returns false: it is about one process */
    request(from: Asker, what: What, given: Child): boolean
    look(group: string): void
    viewed(): void
  }
}

export type Place = { readonly node: string } | { readonly why: string }

const BEAT_MS = 100

const noSuch = (name: string): ChildResult => resultOf(name, '', fail('ERR_NO_PROCESS', { name }))

interface Waiter extends Asker {
  /** It hears of a failure, and the child is not wanted any more; else it is tried again. */
  readonly first: boolean
}

export class Caretaker {
  readonly #deps: CaretakerDeps
  readonly #cares = new Map<string, Care>()
  readonly #waiters = new Map<string, Waiter[]>()
  readonly #alarm: Alarm
  /** One id for all that is asked in a turn: the answers come together, too. */
  #batch = 0

  constructor(deps: CaretakerDeps) {
    this.#deps = deps
    this.#alarm = new Alarm(deps.clock, () => this.#beat())
  }

  get size(): number {
    return this.#cares.size + this.#waiters.size
  }

  isMine(name: string): boolean {
    const { directory, self, roster } = this.#deps
    if (!directory.settled || !roster.inStep) return false
    return directory.homeOf(keptUnder(name, roster.get(name))) === self()
  }

  // ---- what is asked of the home

  request(from: Asker, what: What, given: Child): void {
    const { answer } = this.#deps
    if (!this.isMine(given.name)) return answer(from, { name: given.name, code: ASK_AGAIN, reason: '', node: '' })
    if (this.#deps.groups.request(from, what, given)) return
    const known = this.#deps.roster.get(given.name)
    if (what === 'retry') return this.retry(from, given.name)
    if (what === 'want' || what === 'share') return this.want(from, given, what === 'share')
    if (stands(known) && known.group !== undefined) return answer(from, resultOf(given.name, '', notAlone(known)))
    if (what === 'stop') return this.stop(from, given.name)
    if (what === 'update' || what === 'tag' || what === 'note') this.#update(from, given, what)
  }

  /** A parked one begins anew: what it failed of is forgotten. */
  retry(from: Asker, name: string): void {
    const { directory, roster, answer } = this.#deps
    const known = roster.get(name)
    if (known === undefined || known.status === 'removed') return answer(from, noSuch(name))
    if (known.status === 'parked') {
      roster.write({ ...known, status: 'wanted', reason: '', after: directory.lookup(name)?.epoch ?? 0 })
    }
    this.#await(from, name, false)
  }

  #await(from: Asker, name: string, first: boolean): void {
    const others = (this.#waiters.get(name) ?? []).filter(({ node, id }) => node !== from.node || id !== from.id)
    this.#waiters.set(name, [...others, { ...from, first }])
    this.#step(name, { type: 'awaited', id: this.#batchId() })
  }

  want(from: Asker, given: Child, shared: boolean): void {
    const { directory, roster, limits, answer } = this.#deps
    const { name } = given
    const known = roster.get(name)
    const fate = fateOf(directory, given)
    const at = fate.type === 'live' ? fate.node : ''
    const stands = known?.status === 'wanted' || (shared && known?.status === 'parked')
    if (stands && known.born !== given.born && !shared) {
      const care = this.#cares.get(name)
      const node = at === '' && care?.phase === 'asked' ? care.node : at
      return answer(from, resultOf(name, node, fail('ERR_ALREADY_STARTED', { name, node })))
    }
    // Of those who declare the same one the first is right; the others only agree.
    if (stands && shared) return answer(from, resultOf(name, at))
    if (!stands && (at !== '' || this.#deps.endings.has(name))) {
      return answer(from, resultOf(name, at, fail('ERR_ALREADY_STARTED', { name, node: at })))
    }
    if (!stands && known === undefined && roster.size >= limits.childrenMax) {
      const fields = {
        what: 'hub.start()',
        name,
        limit: limits.childrenMax,
        unit: 'children',
        option: 'limits.childrenMax',
      }
      return answer(from, resultOf(name, '', fail('ERR_OVERLOAD', fields)))
    }
    if (!stands) {
      this.#cares.delete(name)
      roster.write({ ...given, status: 'wanted', reason: '', after: directory.lookup(name)?.epoch ?? 0 })
    }
    // It was one of a group, and is no more.
    if (!this.isMine(name)) return answer(from, { name, code: ASK_AGAIN, reason: '', node: '' })
    this.#await(from, name, !shared)
  }

  /** Two may change it at once, each another part of it. */
  #update(from: Asker, { name, tags, metadata }: Child, what: 'update' | 'tag' | 'note'): void {
    const { roster, answer } = this.#deps
    const known = roster.get(name)
    if (known === undefined || known.status === 'removed') return answer(from, noSuch(name))
    const changed = { ...(what === 'note' ? {} : { tags }), ...(what === 'tag' ? {} : { metadata }) }
    roster.write({ ...known, ...changed })
    roster.whenKept(() => answer(from, resultOf(name, this.#deps.self())))
  }

  stop(from: Asker, name: string): void {
    const { roster, answer, endings } = this.#deps
    const known = roster.get(name)
    if (known === undefined) return answer(from, noSuch(name))
    if (known.status !== 'removed') this.#remove(known, 'stopped')
    endings.begin(name, from)
  }

  /** What began before this is not wanted; what begins later is somebody else's, or stopped by who starts it. */
  #remove(child: Child, reason: string): void {
    const { directory, roster } = this.#deps
    const after = Math.max(child.after, directory.lookup(child.name)?.epoch ?? 0)
    const empty = Buffer.alloc(0)
    const none = { args: empty, metadata: empty, tags: [], nodes: [] }
    this.#cares.delete(child.name)
    roster.write({ ...child, ...none, status: 'removed', reason, after })
    const stopped = fail('ERR_STOPPED', { name: child.name, reason })
    this.#tell(child.name, resultOf(child.name, '', stopped))
  }

  // ---- what happens

  /** The registry, or the record of a child, has changed. */
  changed(name: string): void {
    this.#deps.endings.changed(name)
    const child = this.#deps.roster.get(name)
    // Before one of them is started again, another one is active.
    if (isGroup(child) || child?.group !== undefined) this.#deps.groups.look(child.group ?? name)
    if (this.isMine(name)) this.#step(name, { type: 'look' })
  }

  /** It is another's now: the home of that one goes on. */
  left(name: string): void {
    if (this.isMine(name)) return
    this.#cares.delete(name)
    this.#tell(name, { name, code: ASK_AGAIN, reason: '', node: '' })
  }

  /** Where it was asked for. */
  askedAt(name: string): string | undefined {
    const care = this.#cares.get(name)
    return care?.phase === 'asked' ? care.node : undefined
  }

  /** The view has settled, and this node is in step: some names have another home now. */
  viewed(): void {
    const { roster, endings, isLive, answer } = this.#deps
    for (const name of this.#waiters.keys()) {
      if (!this.isMine(name)) this.#tell(name, { name, code: ASK_AGAIN, reason: '', node: '' })
    }
    for (const name of endings.names()) {
      if (this.isMine(name)) continue
      for (const asker of endings.drop(name)) answer(asker, { name, code: ASK_AGAIN, reason: '', node: '' })
    }
    for (const name of [...this.#cares.keys()]) if (!this.isMine(name)) this.#cares.delete(name)
    this.#deps.groups.viewed()
    for (const { name } of [...roster.all()]) {
      if (!this.isMine(name)) continue
      const care = this.#cares.get(name)
      if (care?.phase === 'asked' && !isLive(care.node)) this.#step(name, { type: 'nodeGone', node: care.node })
      else this.#step(name, { type: 'look' })
    }
  }

  done(from: string, id: number, { name, code, reason, node }: ChildResult): void {
    const care = this.#cares.get(name)
    if (!this.isMine(name) || care?.phase !== 'asked' || care.node !== from) return
    this.#step(name, { type: 'done', id, node: node === '' ? from : node, code, reason })
  }

  memberDown(node: string): void {
    for (const [name, waiters] of [...this.#waiters]) {
      const left = waiters.filter((waiter) => waiter.node !== node)
      if (left.length === 0) this.#waiters.delete(name)
      else this.#waiters.set(name, left)
    }
  }

  close(): void {
    this.#alarm.cancel()
    this.#cares.clear()
    this.#waiters.clear()
  }

  // ---- machines

  #step(name: string, event: CareEvent): void {
    const { roster, directory, endings, clock, rules } = this.#deps
    const child = roster.get(name)
    if (child === undefined || isGroup(child)) return void this.#cares.delete(name)
    if (child.status === 'removed') {
      this.#cares.delete(name)
      if (!endings.has(name) && isLeftOver(directory, child)) endings.begin(name)
      return
    }
    const before = this.#cares.get(name)
    const fate = fateOf(directory, child)
    // Most of them live, and nothing is to be said about them.
    if (before === undefined && event.type === 'look' && (fate.type === 'live' || fate.type === 'busy')) return
    const first = this.#waiters.get(name)?.some((waiter) => waiter.first) === true
    const { state, effects } = stepCare(before, event, { now: clock.now(), child, fate, first, rules })
    if (state === undefined) this.#cares.delete(name)
    else {
      this.#cares.set(name, state)
      this.#alarm.set(BEAT_MS)
    }
    for (const effect of effects) this.#perform(child, effect)
  }

  #perform(child: Child, effect: CareEffect): void {
    const { roster, events, log } = this.#deps
    const { name, kind } = child
    switch (effect.type) {
      case 'place':
        return this.#place(child)
      case 'ask':
        return this.#ask(child, effect.node, effect.id)
      case 'park':
        log.error({ name, reason: effect.reason }, `${name} is parked: ${effect.reason}`)
        roster.write({ ...child, status: 'parked', reason: effect.reason })
        events.emit('childparked', { name, kind, reason: effect.reason })
        return this.#tell(name, resultOf(name, '', fail('ERR_START_FAILED', { name, reason: effect.reason })))
      case 'remove':
        return this.#remove(child, effect.reason)
      case 'started':
        events.emit('childstarted', { name, kind, on: effect.node })
        return this.#tell(name, resultOf(name, effect.node))
      case 'refused':
        return this.#tell(name, { name, code: effect.code, reason: effect.reason, node: effect.node })
      case 'failed': {
        const { node, reason, failures, inMs } = effect
        return events.emit('childfailed', { name, kind, on: node, reason, failures, inMs })
      }
      case 'lost':
        return events.emit('childlost', { name, kind, from: effect.lost.node, epoch: effect.lost.epoch })
      case 'takenOver': {
        const { lost, node, state } = effect
        return events.emit('takenover', { name, kind, from: lost.node, to: node, epoch: lost.epoch, state })
      }
    }
  }

  #ask(child: Child, node: string, id: number): void {
    const { directory, events, ask, roster } = this.#deps
    const entry = directory.lookup(child.name)
    // An answer was lost, or another home had asked: it may be in the middle of its init.
    if (entry?.status === 'live' && entry.node === node) return ask(node, id, 'check', child)
    events.emit('childstart', { name: child.name, kind: child.kind, to: node })
    const group = child.group === undefined ? undefined : roster.get(child.group)
    // Who starts it must know which one is active: what the roster said of it may have been lost with a link.
    if (group !== undefined) ask(node, id, 'start', group)
    ask(node, id, 'start', child)
  }

  #place(child: Child): void {
    const { name } = child
    const care = this.#cares.get(name)
    if (care?.phase !== 'waiting') return
    const place = this.#deps.place(child, care.avoid)
    if ('node' in place) this.#step(name, { type: 'placed', node: place.node, id: this.#batchId() })
    else this.#step(name, { type: 'unplaced', why: place.why })
  }

  #tell(name: string, result: ChildResult): void {
    const waiters = this.#waiters.get(name)
    if (waiters === undefined) return
    this.#waiters.delete(name)
    const { answer, roster } = this.#deps
    const tell = (): void => {
      for (const waiter of waiters) answer(waiter, result)
    }
    // What was said to have started must not be forgotten with this node.
    if (result.code === '') roster.whenKept(tell)
    else tell()
  }

  #batchId(): number {
    if (this.#batch === 0) {
      this.#batch = this.#deps.freshId()
      this.#deps.clock.soon(() => {
        this.#batch = 0
      })
    }
    return this.#batch
  }

  #beat(): void {
    const now = this.#deps.clock.now()
    for (const [name, care] of [...this.#cares]) {
      const isDue = care.phase === 'asked' ? now >= care.againAt : care.phase === 'resting' || now >= care.dueAt
      if (isDue && this.isMine(name)) this.#step(name, { type: 'look' })
    }
    // What only remembers failures needs no haste.
    const busy = [...this.#cares.values()].some(({ phase }) => phase !== 'resting')
    if (this.#cares.size > 0) this.#alarm.set(busy ? BEAT_MS : 10 * BEAT_MS)
  }
}
