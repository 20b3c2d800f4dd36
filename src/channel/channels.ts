/**
 * The sender's side of all channels of a node: one per (name, lane). Calls, casts and infos of this node and of its
 * processes go out here, whether the name is local or not.
 */
import { fail, type MobilityError } from '../base/errors.js'
import type { Timer } from '../base/ports.js'
import type { Process } from '../process/host.js'
import type { Lane } from '../process/mailbox.js'
import type { Outcome } from '../process/outcome.js'
import { frameValueLimits } from '../wire/codec.js'
import { bodyBytesMax } from '../wire/frame.js'
import { copyPortable } from '../wire/portable.js'
import { Channel, type ChannelDeps } from './channel.js'
import { Load } from './load.js'
import type { Outgoing, SendFate } from './outgoing.js'
import type { Parcel, Receipt } from './parcel.js'

/** An idle channel is forgotten after this; a new one opens above every number this life has used. */
const IDLE_MS = 60_000

/** After so many names a process's are looked through for those that are done with. */
const SENT_TO_LOOK = 1_024

/** No wait is longer: a move, which has its own limits, waits for ever. */
const LONGEST_MS = 24 * 60 * 60_000

/** The body of a call is [method, args], and its sender knows only the arguments. */
const argumentsOf = (error: MobilityError): MobilityError => {
  const { path } = error.fields
  if (error.code !== 'ERR_NOT_PORTABLE' || typeof path !== 'string') return error
  return fail(error.code, { ...error.fields, path: path.replace(/^message\[1\]/, 'args') })
}

export interface SendOptions {
  readonly lane?: Lane
  readonly timeoutMs: number
  readonly signal?: AbortSignal | undefined
  readonly owner?: Process | undefined
  readonly label: string
}

/** What nearly every cast resolves to at once. */
const inTheWindow = Promise.resolve()

/** What waits until the old node of its sender has flushed, in order. */
type Held = Map<Outgoing, { readonly channel: Channel; readonly timer: Timer }>

export class Channels {
  readonly #deps: ChannelDeps
  /** By lane, then by name. */
  readonly #channels: readonly [Map<string, Channel>, Map<string, Channel>] = [new Map(), new Map()]
  /** Sends of a moved-in process that must wait until its old node has flushed what was sent there. */
  readonly #holds = new Map<Process, Map<string, Held>>()
  /** Names to which a process has sent. */
  readonly #sentTo = new WeakMap<Process, Set<string>>()
  #flushes: Array<{ owner: Process; name: string; flushed: (name: string) => void }> = []
  /** Highest number used by any channel that was forgotten, plus one. */
  #floor = 1
  /** What becomes of messages once it is closed. */
  #closed: ((what: string, executed: 'no' | 'maybe') => MobilityError) | undefined

  constructor(deps: Omit<ChannelDeps, 'released'>) {
    this.#deps = { ...deps, released: (name) => this.#released(name) }
  }

  get size(): number {
    return this.#channels[0].size + this.#channels[1].size
  }

  /** @returns the answer; rejects with a typed error that says whether it was executed (G9) */
  call(name: string, body: readonly unknown[], options: SendOptions): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const settle: Outgoing['settle'] = (fate) => ('error' in fate ? reject(fate.error) : resolve(fate.value))
      this.#send(name, 'call', body, options, settle)
    })
  }

  /** Resolves when the message is in the window. Its rejection is handled already: not awaiting it never ends Node. */
  cast(name: string, what: 'cast' | 'info', body: unknown, options: SendOptions): Promise<void> {
    let fate: SendFate | undefined
    let later: Outgoing['settle'] | undefined
    this.#send(name, what, body, options, (settled) => {
      fate = settled
      if ('error' in settled)
        this.#deps.events.emit('undelivered', { name, what, count: 1, reason: settled.error.code })
      later?.(settled)
    })
    if (fate !== undefined && !('error' in fate)) return inTheWindow
    const sent = new Promise<void>((resolve, reject) => {
      later = (settled) => ('error' in settled ? reject(settled.error) : resolve())
      if (fate !== undefined) later(fate)
    })
    sent.catch(() => {})
    return sent
  }

  /** The way of every message: what few of them need stands apart, since a closure here would be made for each. */
  #send(name: string, what: Outgoing['what'], body: unknown, options: SendOptions, settle: Outgoing['settle']): void {
    const { limits, clock, courier } = this.#deps
    const { lane = 0, owner, label, timeoutMs, signal } = options
    if (this.#closed !== undefined) return this.#refuse(settle, this.#closed(label, 'no'))
    if (signal?.aborted === true) return this.#refuse(settle, fail('ERR_ABORTED', { what: label }, { executed: 'no' }))
    const copied = this.#copy(what, body, label)
    if ('error' in copied) return this.#refuse(settle, copied.error)
    const known = this.#channels[lane].get(name)
    if (known?.open !== true && courier.route(name).type !== 'there')
      return this.#refuse(settle, this.#deps.nobody(name))
    const channel = known ?? this.#open(name, lane)
    const now = clock.now()
    if (owner !== undefined) this.#sends(owner, name)
    const out: Outgoing = {
      what,
      label,
      load: Load.of(copied.copy, limits),
      bytes: copied.bytes,
      dueAt: now + timeoutMs,
      timeoutMs,
      owner,
      settle,
      seq: 0,
      lookAt: now + (timeoutMs === Number.POSITIVE_INFINITY ? limits.callTimeoutMs : timeoutMs),
    }
    if (signal !== undefined) this.#heed(signal, channel, out)
    const held = owner === undefined ? undefined : this.#holds.get(owner)?.get(name)
    if (held === undefined) channel.submit(out)
    else this.#hold(held, channel, out)
  }

  /** One turn later: whoever tries again in a loop of promises must not keep the answer from coming in. */
  #refuse(settle: Outgoing['settle'], error: MobilityError): void {
    this.#deps.clock.soon(() => settle({ error }))
  }

  #heed(signal: AbortSignal, channel: Channel, out: Outgoing): void {
    const { settle } = out
    const abort = (): void => this.#abort(channel, out)
    signal.addEventListener('abort', abort)
    out.settle = (fate) => {
      // A signal may outlive its calls by far.
      signal.removeEventListener('abort', abort)
      settle(fate)
    }
  }

  /** Its time runs while it is held, too (G9). */
  #hold(held: Held, channel: Channel, out: Outgoing): void {
    const { label, timeoutMs } = out
    const late = (): void =>
      this.#withdraw(held, out, fail('ERR_TIMEOUT', { what: label, ms: timeoutMs }, { executed: 'no' }))
    held.set(out, { channel, timer: this.#deps.clock.after(Math.min(timeoutMs, LONGEST_MS), late) })
  }

  #withdraw(held: Held, out: Outgoing, error: MobilityError): void {
    held.get(out)?.timer.cancel()
    held.delete(out)
    out.settle({ error })
  }

  #abort(channel: Channel, out: Outgoing): void {
    const aborted = (executed: 'no' | 'maybe') => fail('ERR_ABORTED', { what: out.label }, { executed })
    const held = out.owner === undefined ? undefined : this.#holds.get(out.owner)?.get(channel.name)
    if (held?.has(out) === true) this.#withdraw(held, out, aborted('no'))
    else channel.giveUp(out, aborted)
  }

  #sends(owner: Process, name: string): void {
    const sentTo = this.#sentTo.get(owner) ?? new Set<string>()
    if (sentTo.has(name)) return
    // Who sends to ever more names must not remember them all.
    if (sentTo.size > 0 && sentTo.size % SENT_TO_LOOK === 0) this.unacked(owner)
    this.#sentTo.set(owner, sentTo.add(name))
  }

  #copy(what: string, body: unknown, label: string): { copy: unknown; bytes: number } | { error: MobilityError } {
    const { limits } = this.#deps
    try {
      const copied = copyPortable(body, 'message', frameValueLimits(limits))
      const limit = bodyBytesMax(limits)
      // The estimate is not exact: only near the limit it is worth knowing better.
      const bytes = copied.bytes * 2 < limit ? copied.bytes : Load.of(copied.copy, limits).bytes().length
      if (bytes <= limit) return { copy: copied.copy, bytes }
      return { error: fail('ERR_FRAME_TOO_LARGE', { bytes, limit, what: label }) }
    } catch (error) {
      return { error: what === 'info' ? (error as MobilityError) : argumentsOf(error as MobilityError) }
    }
  }

  #open(name: string, lane: Lane): Channel {
    const channel = new Channel(name, lane, this.#floor, this.#deps)
    this.#channels[lane].set(name, channel)
    channel.route()
    return channel
  }

  // ---- news

  /** The registry says something new about `name`; or, with `again`, its copy runs again where it was. */
  routeChanged(name: string, again = false): void {
    for (const channels of this.#channels) channels.get(name)?.route(again)
  }

  /** A link came up or went down: every channel looks again. */
  routesChanged(): void {
    for (const channel of this.#all()) channel.route()
  }

  receipt(name: string, lane: Lane, receipt: Receipt): void {
    this.#channels[lane].get(name)?.receipt(receipt)
  }

  /** @param proves  the answer is from the process, so that its call was taken */
  reply(name: string, lane: Lane, seq: number, outcome: Outcome, proves: boolean): void {
    this.#channels[lane].get(name)?.reply(seq, outcome, proves)
  }

  /** A message of ours is too large for the peer on its way. */
  refuse({ name, lane, seq }: Parcel, error: (executed: 'no' | 'maybe') => MobilityError): void {
    this.#channels[lane].get(name)?.refuse(seq, error)
  }

  // ---- a moving sender

  /** Names to which the process has messages that are not acknowledged, or that wait for its old node. */
  unacked(owner: Process): string[] {
    const names = new Set(this.#holds.get(owner)?.keys() ?? [])
    const sentTo = this.#sentTo.get(owner)
    for (const name of sentTo ?? []) {
      // What is held goes out later.
      if (this.#hasUnacked(owner, name)) names.add(name)
      else if (!names.has(name)) sentTo?.delete(name)
    }
    return [...names]
  }

  #hasUnacked(owner: Process, name: string): boolean {
    return this.#channels.some((channels) => channels.get(name)?.hasUnacked(owner) === true)
  }

  /** Holds the process's sends to these names until `release`. */
  hold(owner: Process, names: readonly string[]): void {
    if (names.length > 0) this.#holds.set(owner, new Map(names.map((name) => [name, new Map()])))
  }

  holds(owner: Process): boolean {
    return this.#holds.has(owner)
  }

  /** One name, or all of them. */
  release(owner: Process, name?: string): void {
    const held = this.#holds.get(owner)
    for (const [target, sends] of held ?? []) {
      if (name !== undefined && target !== name) continue
      held?.delete(target)
      if (held?.size === 0) this.#holds.delete(owner)
      for (const [out, { channel, timer }] of sends) {
        timer.cancel()
        channel.submit(out)
      }
      // It may have moved on meanwhile, and its next node waits for this one.
      this.#released(target)
    }
  }

  /** Calls `flushed` for each name, once nothing of `owner` to it is unacknowledged any more. */
  whenFlushed(owner: Process, names: readonly string[], flushed: (name: string) => void): void {
    for (const name of names) this.#flushes.push({ owner, name, flushed })
    for (const name of names) this.#released(name)
  }

  #released(name: string): void {
    if (this.#flushes.length === 0) return
    const done = this.#flushes.filter((flush) => flush.name === name && !this.unacked(flush.owner).includes(name))
    if (done.length === 0) return
    this.#flushes = this.#flushes.filter((flush) => !done.includes(flush))
    for (const { flushed } of done) flushed(name)
  }

  // ---- housekeeping

  /**
   * Forgets channels on which all is acknowledged and answered and nothing was sent for a while. What waits for a name
   * whose end is forgotten, too, has nobody to ask any more.
   */
  sweep(): void {
    const now = this.#deps.clock.now()
    // What is held will go out on the channel that it was given.
    const held = new Set([...this.#holds.values()].flatMap((names) => [...names.keys()]))
    for (const channel of this.#all()) {
      if (!channel.idle && this.#deps.courier.route(channel.name).type === 'unknown') channel.route()
      if (!channel.idle || channel.used || held.has(channel.name)) {
        channel.used = false
        channel.idleSince = now
      } else if (channel.idleSince < now - IDLE_MS) {
        this.#floor = Math.max(this.#floor, channel.nextSeq)
        channel.cancel()
        this.#channels[channel.lane].delete(channel.name)
      }
    }
  }

  *#all(): Iterable<Channel> {
    yield* this.#channels[0].values()
    yield* this.#channels[1].values()
  }

  /** @param lost  why what is on its way is lost; default: the node stops */
  close(node: string, lost?: string): void {
    const over = (what: string, executed: 'no' | 'maybe'): MobilityError => {
      if (lost === undefined) return fail('ERR_NODE_STOPPED', { node }, { executed })
      return fail(executed === 'no' ? 'ERR_UNREACHABLE' : 'ERR_LOST', { what, reason: lost }, { executed })
    }
    this.#closed = over
    for (const channel of this.#all()) channel.close(over, lost ?? 'its sender stops')
    for (const channels of this.#channels) channels.clear()
    for (const byName of this.#holds.values()) {
      for (const held of byName.values()) {
        for (const out of [...held.keys()]) this.#withdraw(held, out, over(out.label, 'no'))
      }
    }
    this.#holds.clear()
  }
}
