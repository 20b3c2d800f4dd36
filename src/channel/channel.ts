/**
 * The driver of one sender channel: keeps the messages, performs the machine's effects, and settles the calls.
 *
 *   submit -> [waiting for room] -> window: seq -> on a path -> acknowledged -> (a call) replied
 */
import { fail, type MobilityError } from '../base/errors.js'
import type { Events } from '../base/events.js'
import type { Origin } from '../base/ids.js'
import { later } from '../base/later.js'
import type { Limits } from '../base/limits.js'
import type { Clock, Timer } from '../base/ports.js'
import type { Process } from '../process/host.js'
import type { Lane } from '../process/mailbox.js'
import { errorOf, type Outcome } from '../process/outcome.js'
import { Deadlines } from './deadlines.js'
import { Load } from './load.js'
import {
  openSender,
  type SenderEffect,
  type SenderEvent,
  type SenderState,
  stepSender,
  tickAfter,
} from './machine-sender.js'
import type { Outgoing, SendFate } from './outgoing.js'
import type { Courier, Parcel, Receipt } from './parcel.js'
import { Window } from './window.js'

export interface ChannelDeps {
  readonly clock: Clock
  readonly limits: Limits
  readonly events: Events
  readonly courier: Courier
  readonly origin: () => Origin
  /** Why nobody has the name. */
  readonly nobody: (name: string) => MobilityError
  /** Messages to this name were acknowledged, given up or lost: fewer are on their way. */
  readonly released: (name: string) => void
}

/** Deadlines that are looked at in a millisecond, about. */
const LOOKED_AT_IN_MS = 1_000

const submit: SenderEvent = { type: 'submit' }

export class Channel {
  readonly name: string
  readonly lane: Lane
  readonly #deps: ChannelDeps
  #state: SenderState
  readonly #window: Window
  readonly #waiting = new Set<Outgoing>()
  readonly #deadlines: Deadlines
  #tick: Timer | undefined
  #path: string | undefined
  #there = false
  /** The highest in which the name was seen to live. */
  #epoch = 0
  #progressAt = 0
  /** The highest number of an answer that the machine has not heard of. */
  #proved = 0
  /** It was sent to since a sweep last looked. */
  used = true
  idleSince = 0

  constructor(name: string, lane: Lane, firstSeq: number, deps: ChannelDeps) {
    this.name = name
    this.lane = lane
    this.#deps = deps
    this.#state = openSender(firstSeq, deps.limits)
    this.#window = new Window(firstSeq)
    this.#deadlines = new Deadlines(deps.clock, (now) => this.#look(now))
  }

  /** The name is known to live: whoever ends it says so here. */
  get open(): boolean {
    return this.#there && this.#state.line !== undefined
  }

  get nextSeq(): number {
    return this.#state.next
  }

  /** Nothing is unacknowledged, unanswered or waiting: it may be forgotten. */
  get idle(): boolean {
    return this.#window.idle && this.#waiting.size === 0
  }

  /** Messages of `owner` that are not acknowledged yet. */
  hasUnacked(owner: Process): boolean {
    if (this.#window.some((entry) => entry.out.owner === owner && !entry.void)) return true
    for (const out of this.#waiting) if (out.owner === owner) return true
    return false
  }

  submit(out: Outgoing): void {
    this.used = true
    // Behind those that wait, also when it is small enough for the room that is left (G3).
    if (this.#waiting.size === 0 && this.#roomFor(out)) return this.#admit(out)
    if (this.#waiting.size >= this.#deps.limits.waitingSendersMax)
      return this.#settle(out, { error: this.#overload(out) })
    this.#waiting.add(out)
    this.#deadlines.by(out.lookAt)
  }

  #roomFor(out: Outgoing): boolean {
    const { windowMessagesMax, windowBytesMax } = this.#deps.limits
    if (this.#window.size >= windowMessagesMax) return false
    return this.#window.size === 0 || this.#window.bytes + out.bytes <= windowBytesMax
  }

  #admit(out: Outgoing): void {
    out.seq = this.#state.next
    this.#window.push(out)
    if (out.what === 'call') this.#deadlines.by(out.lookAt)
    this.#step(submit)
    // In the window, for a cast, is all that its promise says.
    if (out.what !== 'call') this.#settle(out, { value: undefined })
  }

  #overload(out: Outgoing): MobilityError {
    const { windowMessagesMax } = this.#deps.limits
    const option = 'limits.windowMessagesMax, or the mailboxMax of its kind'
    return fail('ERR_OVERLOAD', {
      what: out.label,
      name: this.name,
      limit: windowMessagesMax,
      unit: 'messages on their way',
      option,
    })
  }

  // ---- deadlines

  /** Deals with those that are late. @returns when the next one may be */
  #look(now: number): number {
    let next = Number.POSITIVE_INFINITY
    const all = [...this.#window.calls(), ...this.#waiting]
    for (const out of all) {
      if (out.lookAt <= now && this.#isLate(out)) this.#late(out)
      else next = Math.min(next, out.lookAt)
    }
    // Of very many some may be late by as much as it takes to look at them all.
    return Math.max(next, now + all.length / LOOKED_AT_IN_MS)
  }

  /** A move or a stop takes its time; but when the way there is known to be broken, its caller hears of it (G10). */
  #isLate(out: Outgoing): boolean {
    if (out.dueAt !== Number.POSITIVE_INFINITY || this.#deps.courier.lateBecause(this.name) !== undefined) return true
    out.lookAt += this.#deps.limits.callTimeoutMs
    return false
  }

  #late(out: Outgoing): void {
    if (this.#waiting.has(out)) return this.giveUp(out, () => this.#overload(out))
    this.giveUp(out, (executed) => {
      const because = this.#deps.courier.lateBecause(this.name)
      if (because !== undefined)
        return fail(because.code, { name: this.name, what: this.name, reason: because.reason }, { executed })
      return fail('ERR_TIMEOUT', { what: out.label, ms: out.timeoutMs }, { executed })
    })
  }

  /** The caller waits no longer. `executed` is `no` when the message was never put on a path: then it never will be. */
  giveUp(out: Outgoing, error: (executed: 'no' | 'maybe') => MobilityError): void {
    if (this.#waiting.delete(out)) {
      this.#settle(out, { error: error('no') })
      // Smaller ones may have waited behind it.
      return this.#fill()
    }
    if (out.what !== 'call' || this.#window.settle(out.seq) === undefined) return
    const entry = this.#window.at(out.seq)
    const untouched = entry !== undefined && out.seq >= this.#state.touched
    if (untouched) entry.void = true
    this.#settle(out, { error: error(untouched ? 'no' : 'maybe') })
  }

  #settle(out: Outgoing, fate: SendFate): void {
    out.settle(fate)
    this.#deps.released(this.name)
  }

  // ---- news

  /**
   * The name's place, line or reachability may have changed: on another path what is not acknowledged is sent again.
   * @param again  also on the same path: the copy there was frozen and runs again
   */
  route(again = false): void {
    const route = this.#deps.courier.route(this.name)
    this.#there = route.type === 'there'
    if (route.type === 'there') this.#follow(route)
    if (route.type === 'dead' || route.type === 'unknown') {
      this.#path = undefined
      this.#step({ type: 'dead' }, route.type === 'dead' ? route.reason : 'nobody has the name')
    } else if (route.type === 'ended' && this.#state.base === this.#state.touched) {
      this.#step({ type: 'gone', next: this.#state.base }, route.reason)
    } else if (route.type === 'ended' && this.#state.line !== route.line) {
      this.#step({ type: 'dead' }, route.reason)
    } else if (route.path === undefined) {
      this.#path = undefined
      this.#step({ type: 'unroute' })
    } else if (again || route.path !== this.#path || route.line !== this.#state.line) {
      this.#path = route.path
      this.#step({ type: 'route', line: route.line })
    }
    this.#refill(route.type !== 'there')
  }

  /** A process that comes from another cluster may be of an older line than the last that lived here. */
  #follow({ line, epoch }: { readonly line: number; readonly epoch: number }): void {
    const { line: known } = this.#state
    if (known !== undefined && line < known && epoch > this.#epoch)
      this.#step({ type: 'dead' }, 'another life of it ran')
    this.#epoch = Math.max(this.#epoch, epoch)
  }

  receipt(receipt: Receipt): void {
    if (receipt.type !== 'gone') this.#epoch = Math.max(this.#epoch, receipt.epoch)
    if (receipt.type === 'ack') this.#step({ type: 'ack', line: receipt.line, next: receipt.next })
    else if (receipt.type === 'reset') this.#step({ type: 'reset', line: receipt.line })
    else if (receipt.next === 0) this.#step({ type: 'dead' }, receipt.reason)
    // About a life before the line that this channel is on: it says nothing of what was sent since (G9).
    else if (receipt.epoch < (this.#state.line ?? 0)) return
    else this.#step({ type: 'gone', next: receipt.next }, receipt.reason)
    this.#refill(true)
  }

  /** Those that waited for room. @param looks  where nobody is any more they must hear of it, too (G9) */
  #refill(looks: boolean): void {
    this.#fill()
    if (looks && this.#state.line === undefined && this.#window.size > 0) this.route()
  }

  /**
   * A reply came. One that nobody waits for is dropped.
   * @param proves  it is from the process, so that its call was taken
   */
  reply(seq: number, outcome: Outcome, proves: boolean): void {
    if (proves && seq > this.#proved) {
      // Once for all answers that came in one piece.
      if (this.#proved === 0) later(() => this.#answered())
      this.#proved = seq
    }
    const out = this.#window.settle(seq)
    if (out !== undefined) this.#settle(out, outcome.ok ? { value: outcome.value } : { error: errorOf(outcome) })
  }

  #answered(): void {
    const seq = this.#proved
    this.#proved = 0
    this.#step({ type: 'answered', seq })
  }

  /** The peer on its way cannot take it. Nothing but its number goes there, now or later. */
  refuse(seq: number, error: (executed: 'no' | 'maybe') => MobilityError): void {
    const entry = this.#window.at(seq)
    if (entry === undefined || entry.void) return
    const { out, carried } = entry
    entry.void = true
    const failed = error(carried ? 'maybe' : 'no')
    if (this.#window.settle(seq) !== undefined) return this.#settle(out, { error: failed })
    if (out.what === 'call') return
    this.#deps.events.emit('undelivered', { name: this.name, what: out.what, count: 1, reason: failed.code })
  }

  /** No timer of it is left. */
  cancel(): void {
    this.#tick?.cancel()
    this.#deadlines.cancel()
  }

  /** The node stops, or begins a new life: nobody waits any longer. */
  close(error: (what: string, executed: 'no' | 'maybe') => MobilityError, reason: string): void {
    const waiting = [...this.#waiting]
    // Nobody is let in any more.
    this.#waiting.clear()
    for (const out of waiting) this.#settle(out, { error: error(out.label, 'no') })
    for (const out of this.#window.calls()) this.giveUp(out, (executed) => error(out.label, executed))
    // Casts that were let in: nobody sends them again (G5).
    this.#drop(this.#state.next, reason)
    this.cancel()
  }

  // ---- machine

  #step(event: SenderEvent, reason = ''): void {
    const before = this.#state
    const { state, effects } = stepSender(before, event, this.#deps.limits)
    this.#state = state
    // What sets out now, alone or anew on another path, has its full time until it is sent again.
    const setsOut = event.type === 'route' || tickAfter(before) === undefined
    if (setsOut || state.base > before.base || state.line !== before.line) this.#progressAt = this.#deps.clock.now()
    for (const effect of effects) this.#perform(effect, reason)
    this.#armTick()
  }

  #perform(effect: SenderEffect, reason: string): void {
    if (effect.type === 'transmit') return this.#transmit(effect.from, effect.to)
    if (effect.type === 'release') return this.#release(effect.below)
    const lost = effect.type === 'lost'
    const error = lost
      ? (out: Outgoing) =>
          fail('ERR_LOST', { what: out.label, reason: reason === '' ? 'its process began anew' : reason })
      : (out: Outgoing) =>
          reason === '' || reason === 'noproc' || reason.startsWith('nobody')
            ? this.#deps.nobody(this.name)
            : fail('ERR_STOPPED', { name: this.name, reason }, { executed: 'no', cause: out.label })
    this.#drop(effect.below, lost ? 'the process that took it is lost' : `it ended: ${reason}`)
    for (const out of this.#window.calls()) {
      // A lost line takes with it the answers of calls that were acknowledged too.
      if (out.seq >= effect.below || (!lost && out.seq < effect.from)) continue
      this.#window.settle(out.seq)
      this.#settle(out, { error: error(out) })
    }
  }

  /** Messages that nobody answers for: counted and said (G5). */
  #drop(below: number, reason: string): void {
    let count = 0
    for (let entry = this.#window.release(below); entry !== undefined; entry = this.#window.release(below)) {
      if (!entry.void && entry.out.what !== 'call') count += 1
    }
    if (count > 0) this.#deps.events.emit('undelivered', { name: this.name, what: 'cast', count, reason })
    this.#deps.released(this.name)
  }

  #release(below: number): void {
    while (this.#window.release(below) !== undefined);
    this.#deps.released(this.name)
    this.#fill()
  }

  #fill(): void {
    for (const out of this.#waiting) {
      if (!this.#roomFor(out)) return
      this.#waiting.delete(out)
      this.#admit(out)
    }
  }

  #transmit(from: number, to: number): void {
    const { line, opening, base } = this.#state
    for (let seq = from; seq < to; seq += 1) {
      const entry = this.#window.at(seq)
      if (entry === undefined) continue
      const { out } = entry
      const load = entry.void ? undefined : out.load
      const parcel: Parcel = {
        name: this.name,
        origin: this.#deps.origin(),
        lane: this.lane,
        line: line ?? 0,
        seq,
        open: opening && seq === base,
        hops: 0,
        what: load === undefined ? 'void' : out.what,
        dueAt: out.what === 'call' ? out.dueAt : Number.POSITIVE_INFINITY,
        load: load ?? Load.of(null, this.#deps.limits),
      }
      if (!this.#deps.courier.carry(parcel)) return
      if (!entry.void) entry.carried = true
    }
  }

  #armTick(): void {
    if (this.#tick !== undefined) return
    const ms = tickAfter(this.#state)
    if (ms === undefined) return
    const wait = Math.max(1, this.#progressAt + ms - this.#deps.clock.now())
    this.#tick = this.#deps.clock.after(Math.min(wait, ms), () => this.#onTick())
  }

  #onTick(): void {
    this.#tick = undefined
    const ms = tickAfter(this.#state)
    if (ms === undefined) return
    const now = this.#deps.clock.now()
    if (now - this.#progressAt >= ms) {
      this.#progressAt = now
      this.#step({ type: 'tick' })
    } else {
      this.#armTick()
    }
  }
}
