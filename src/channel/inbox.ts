/**
 * The receiver's side of all channels of a node: takes parcels into mailboxes, moves cursors, acknowledges.
 *
 *   parcel -> which copy? -> cursor (machine-receiver) -> envelope -> mailbox; ack, batched per turn
 *
 * G3  each number is taken once and in order. Every decision but "mailbox full" uses up the number.
 * G4  a frozen or inert copy takes and acknowledges nothing; it remembers whom it dropped, to call them back.
 */
import { fail, reasonOf } from '../base/errors.js'
import type { Events } from '../base/events.js'
import { type Origin, parseOrigin } from '../base/ids.js'
import type { LazyMap } from '../base/lazy-map.js'
import type { Limits } from '../base/limits.js'
import type { Clock } from '../base/ports.js'
import type { Destination } from '../process/destination.js'
import { checkReason, type MoveOptions } from '../process/directives.js'
import type { Process } from '../process/host.js'
import type { Cursor } from '../process/image.js'
import type { CallId } from '../process/mailbox.js'
import { failure } from '../process/outcome.js'
import { FIRST_SEQ, receive } from './machine-receiver.js'
import type { ChannelId, Parcel, Receipt } from './parcel.js'

/** A life that ended here: what it had taken from whom, so that a sender learns what was surely not run. */
interface EndedLife {
  readonly epoch: number
  readonly line: number
  readonly reason: string
  readonly cursors: LazyMap<string, Cursor>
  readonly at: number
}

interface InboxDeps {
  readonly clock: Clock
  readonly limits: Limits
  readonly events: Events
  /** This node's own: who its members are, membership limits. */
  readonly cluster: () => string
  readonly origin: () => Origin
  /** Sends a receipt to the sender of a channel, wherever it is. */
  readonly receipt: (id: ChannelId, receipt: Receipt) => void
  /** Runs `then` when the source of the process's last move knows that it runs here. */
  readonly whenSettled: (process: Process, then: () => void) => void
}

interface PendingAck extends ChannelId {
  readonly process: Process
  taken: number
}

const cursorOf = (cursors: LazyMap<string, Cursor>, { origin, lane }: Pick<ChannelId, 'origin' | 'lane'>) => {
  const sender = parseOrigin(origin)
  return sender === undefined ? undefined : cursors.get(sender.cursorKeys[lane])
}

/** A sender of this node hears at once when so much was taken: what it keeps until then is memory that grows old. */
const OWN_ACK_EVERY = 32

export class Inbox {
  readonly #deps: InboxDeps
  readonly #ended = new Map<string, EndedLife>()
  /** Senders whose messages a frozen or inert copy dropped. */
  readonly #dropped = new Map<string, Set<Origin>>()
  /** By the cursor that moved. */
  #acks = new Map<Cursor, PendingAck>()
  /** Dead senders that still have cursors here, and when a sweep first saw them dead. */
  #deadSince = new Map<string, number>()

  constructor(deps: InboxDeps) {
    this.#deps = deps
  }

  get size(): number {
    return this.#ended.size + this.#dropped.size + this.#acks.size
  }

  /** A parcel for a copy that is here. */
  take(process: Process, parcel: Parcel): void {
    if (!process.accepting) return this.#drop(process, parcel.origin)
    const sender = parseOrigin(parcel.origin)
    if (sender === undefined) return
    const key = sender.cursorKeys[parcel.lane]
    const cursor = process.cursors.get(key)
    // An older life of the sender: what it sent is of no one any more (R8).
    if (cursor !== undefined && cursor.incarnation > sender.incarnation) return
    if (cursor === undefined && sender.cluster !== this.#deps.cluster() && this.#isCrowded(process)) return
    const known = cursor?.incarnation === sender.incarnation ? cursor.next : undefined
    const { verdict, next } = receive(known, process.line, parcel)
    if (verdict === 'stale' || verdict === 'ahead') return
    if (verdict === 'reset') return this.#receipt(parcel, { type: 'reset', line: process.line, epoch: process.epoch })
    if (verdict === 'accept' && !this.#accept(process, parcel)) return
    const moved = known === undefined ? undefined : cursor
    const kept = moved ?? { incarnation: sender.incarnation, next }
    if (moved === undefined) process.cursors.set(key, kept)
    else moved.next = next
    // A move is under way before the turn ends, and a frozen copy acknowledges nothing: its sender would send it again.
    if (parcel.lane === 1) this.#receipt(parcel, { type: 'ack', line: process.line, epoch: process.epoch, next })
    else this.#ack(kept, process, parcel)
  }

  /** A gateway speaks for whomever it likes: what it may fill has an end (G15). Members are known, one by one. */
  #isCrowded(process: Process): boolean {
    const max = 2 * this.#deps.limits.membersMax
    if (process.cursors.size < max) return false
    const own = `${this.#deps.cluster()}/`
    let others = 0
    for (const key of process.cursors.keys()) if (!key.startsWith(own)) others += 1
    if (others < max) return false
    this.#deps.events.emit('limit', { limit: 'membersMax', name: process.name, value: others })
    return true
  }

  /** A parcel for a name that lives nowhere that this node knows of. @param reason  of its end, if it was not here */
  takeForNobody(parcel: Parcel, reason = 'noproc'): true {
    const life = this.#ended.get(parcel.name)
    if (life === undefined || parcel.line !== life.line) {
      this.#receipt(parcel, { type: 'gone', epoch: life?.epoch ?? 0, next: 0, reason: life?.reason ?? reason })
      return true
    }
    const sender = parseOrigin(parcel.origin)
    const cursor = cursorOf(life.cursors, parcel)
    const known = cursor?.incarnation === sender?.incarnation ? cursor?.next : undefined
    this.#receipt(parcel, { type: 'gone', epoch: life.epoch, next: known ?? FIRST_SEQ, reason: life.reason })
    return true
  }

  #receipt(id: ChannelId, receipt: Receipt): void {
    this.#deps.receipt({ name: id.name, origin: id.origin, lane: id.lane }, receipt)
  }

  /** @returns false only when the mailbox is full: then nothing was used up, and the sender tries again */
  #accept(process: Process, parcel: Parcel): boolean {
    if (parcel.what === 'void') return true
    const from: CallId = { origin: parcel.origin, lane: parcel.lane, seq: parcel.seq }
    try {
      const body = parcel.load.value()
      if (parcel.lane === 1) return this.#system(process, from, body)
      if (this.#put(process, parcel, from, body)) return true
    } catch (error) {
      const reason = reasonOf(error)
      if (parcel.what === 'call')
        process.answer(from, failure(fail('ERR_BAD_ARGUMENT', { what: `A call of ${process.name}`, why: reason })))
      else this.#deps.events.emit('undelivered', { name: process.name, what: parcel.what, count: 1, reason })
      return true
    }
    this.#deps.events.emit('limit', { limit: 'mailboxMax', name: process.name, value: process.mailbox.length })
    return false
  }

  #put(process: Process, parcel: Parcel, from: CallId, body: unknown): boolean {
    if (parcel.what === 'info') return process.put({ what: 'info', message: body })
    if (!Array.isArray(body) || typeof body[0] !== 'string' || !Array.isArray(body[1]))
      throw new Error('its body is not [method, args]')
    const [method, args] = body as [string, unknown[]]
    if (parcel.what === 'call') return process.put({ what: 'call', from, method, args, dueAt: parcel.dueAt })
    return process.put({ what: 'cast', method, args })
  }

  #system(process: Process, from: CallId, body: unknown): boolean {
    const [method, args] = Array.isArray(body) ? (body as [unknown, unknown]) : []
    const [first, second] = Array.isArray(args) ? (args as unknown[]) : []
    const reason = method === 'stop' ? checkReason(first) : ''
    // A confirmed stop must stay one: until then the frozen copy at the source could still be woken.
    if (method === 'stop') this.#deps.whenSettled(process, () => process.system({ what: 'stop', from, reason }))
    else if (method === 'sendMe')
      process.system({ what: 'sendMe', from, to: first as Destination, options: (second ?? {}) as MoveOptions })
    else if (method === 'merge') this.#merge(process, from, args)
    else throw new Error('it is not a system message')
    return true
  }

  #merge(process: Process, from: CallId, args: unknown): void {
    const [version, handed, by] = Array.isArray(args) ? (args as unknown[]) : []
    if (!Number.isSafeInteger(version) || typeof by !== 'string') throw new Error('it is no state of another life')
    process.system({ what: 'merge', from, version: version as number, handed, by })
  }

  // ---- acks

  #ack(cursor: Cursor, process: Process, { name, origin, lane }: ChannelId): void {
    const pending = this.#acks.get(cursor)
    if (pending === undefined) {
      if (this.#acks.size === 0) this.#deps.clock.soon(() => this.#flush())
      this.#acks.set(cursor, { name, origin, lane, process, taken: 1 })
      return
    }
    pending.taken += 1
    if (pending.taken < OWN_ACK_EVERY || origin !== this.#deps.origin()) return
    pending.taken = 0
    this.#acknowledge(cursor, pending)
  }

  /** The answer to the last that was taken is on its way, and acknowledges all. */
  answered(process: Process, { origin, lane, seq }: CallId): void {
    const cursor = cursorOf(process.cursors, { origin, lane })
    if (cursor?.next === seq + 1) this.#acks.delete(cursor)
  }

  #flush(): void {
    const acks = this.#acks
    this.#acks = new Map()
    for (const [cursor, pending] of acks) this.#acknowledge(cursor, pending)
  }

  #acknowledge(cursor: Cursor, { process, name, origin, lane }: PendingAck): void {
    // Frozen since: it must not acknowledge any more, and need not, the cursor travels.
    if (!process.accepting && process.phase !== 'ending' && process.phase !== 'ended')
      return this.#drop(process, origin)
    const { line, epoch } = process
    if (cursorOf(process.cursors, { origin, lane }) === cursor)
      this.#receipt({ name, origin, lane }, { type: 'ack', line, epoch, next: cursor.next })
  }

  // ---- frozen copies

  #drop(process: Process, origin: Origin): void {
    const dropped = this.#dropped.get(process.name) ?? new Set<Origin>()
    // Whoever is not remembered is not called back: it tries again by itself.
    if (dropped.size < 4 * this.#deps.limits.membersMax) dropped.add(origin)
    this.#dropped.set(process.name, dropped)
  }

  /** @returns the senders that were dropped since it froze, once: they must be told where it is now */
  takeDropped(name: string): Origin[] {
    const dropped = this.#dropped.get(name)
    this.#dropped.delete(name)
    return [...(dropped ?? [])]
  }

  // ---- ends

  ended(process: Process, reason: string): void {
    this.#dropped.delete(process.name)
    const { epoch, line, cursors } = process
    this.#ended.set(process.name, { epoch, line, reason, cursors, at: this.#deps.clock.now() })
  }

  /**
   * Forgets ended lives after endedMs, and the cursors of senders that have been dead for the relay age: until then a
   * gateway may still bring what they had sent.
   */
  sweep(
    processes: readonly Process[],
    isDead: (origin: { cluster: string; node: string; incarnation: number }) => boolean,
  ): void {
    const now = this.#deps.clock.now()
    const { endedMs, relayAgeMs } = this.#deps.limits
    for (const [name, life] of this.#ended) if (life.at < now - endedMs) this.#ended.delete(name)
    const dead = new Map<string, number>()
    for (const process of processes) {
      if (!process.accepting) continue
      // Calls that were deferred and never answered: their callers have given up.
      for (const [key, { dueAt }] of process.open) if (dueAt < now - relayAgeMs) process.open.delete(key)
      for (const [key, { incarnation }] of process.cursors) {
        const [cluster = '', node = ''] = key.slice(0, key.lastIndexOf('|')).split('/')
        if (!isDead({ cluster, node, incarnation })) continue
        const life = `${cluster}/${node}/${incarnation}`
        const since = this.#deadSince.get(life) ?? now
        if (now - since >= relayAgeMs) process.cursors.delete(key)
        dead.set(life, since)
      }
    }
    this.#deadSince = dead
  }
}
