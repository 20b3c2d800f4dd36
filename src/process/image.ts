/**
 * A process as data: what PREPARE carries. mobile.ts makes it of a process, and a process of it; this is the shape
 * between the two, and how it stands on the wire.
 */
import { fail } from '../base/errors.js'
import { type Origin, parseOrigin } from '../base/ids.js'
import type { CallId, Envelope } from './mailbox.js'
import type { TimerImage } from './timers.js'

/** Next sequence number that is taken from one sender on one lane. */
export interface Cursor {
  readonly incarnation: number
  next: number
}

/** A reply that the caller has not acknowledged. */
export interface KeptReply {
  readonly to: CallId
  readonly body: Buffer
  readonly dueAt: number
}

/** A call that was taken and will be answered later. */
export interface OpenCall {
  readonly to: CallId
  readonly dueAt: number
}

export interface Watch {
  readonly id: number
  readonly name: string
  readonly line: number
}

export type Role = 'active' | 'passive'

/** What a replica was told last of its role. `revision`: of the record that says so. */
export interface Told {
  readonly role: Role
  readonly revision: number
}

/** Everything that travels. Times are what is left, in ms. */
export interface ProcessImage {
  readonly handed: unknown
  readonly args: readonly unknown[]
  readonly mailbox: readonly Envelope[]
  readonly next: { readonly arg: unknown } | undefined
  readonly timers: readonly TimerImage[]
  readonly lastTimer: number
  readonly watches: readonly Watch[]
  readonly lastWatch: number
  readonly cursors: Iterable<readonly [string, Cursor]>
  readonly replies: readonly KeptReply[]
  readonly open: readonly OpenCall[]
  readonly told?: Told | undefined
}

/** In the order of their numbers on the wire. */
const ROLES: readonly Role[] = ['active', 'passive']

export const callIdToWire = (id: CallId): unknown[] => [id.origin, id.lane, id.seq]

/** The image as plain data for the codec. `now` is this node's clock. */
export const imageToWire = (image: ProcessImage, now: number): unknown[] => {
  const left = (dueAt: number): number => Math.max(0, dueAt - now)
  const message = (e: Envelope): unknown[] =>
    e.what === 'call'
      ? [0, callIdToWire(e.from), e.method, e.args, left(e.dueAt)]
      : e.what === 'cast'
        ? [1, e.method, e.args]
        : [2, e.message]
  return [
    image.handed,
    image.args,
    image.mailbox.map(message),
    image.next === undefined ? [] : [image.next.arg],
    image.timers.map((timer) => [timer.id, timer.remainingMs, timer.message]),
    image.lastTimer,
    image.watches.map((watch) => [watch.id, watch.name, watch.line]),
    image.lastWatch,
    [...image.cursors].map(([key, cursor]) => [key, cursor.incarnation, cursor.next]),
    image.replies.map((reply) => [callIdToWire(reply.to), reply.body, left(reply.dueAt)]),
    image.open.map((call) => [callIdToWire(call.to), left(call.dueAt)]),
    image.told === undefined ? [] : [ROLES.indexOf(image.told.role), image.told.revision],
  ]
}

/** Reads one part after the other; what is not of its shape refuses the whole. */
class ImageReader {
  readonly #name: string
  readonly #now: number

  constructor(name: string, now: number) {
    this.#name = name
    this.#now = now
  }

  wrong(reason: string): Error {
    return fail('ERR_SNAPSHOT', { name: this.#name, reason })
  }

  list(value: unknown, what: string): unknown[] {
    if (!Array.isArray(value)) throw this.wrong(`${what} is not a list`)
    return value
  }

  whole(value: unknown, what: string): number {
    if (!Number.isSafeInteger(value) || (value as number) < 0) throw this.wrong(`${what} is not a whole number`)
    return value as number
  }

  word(value: unknown, what: string): string {
    if (typeof value !== 'string') throw this.wrong(`${what} is not a string`)
    return value
  }

  /** A time that is left, as a moment on this node's clock. Infinity stays. */
  moment(value: unknown, what: string): number {
    return this.#now + this.left(value, what)
  }

  left(value: unknown, what: string): number {
    if (typeof value !== 'number' || !(value >= 0)) throw this.wrong(`${what} is not a time`)
    return value
  }

  callId(value: unknown): CallId {
    const [origin, lane, seq] = this.list(value, 'a call')
    if (parseOrigin(this.word(origin, 'an origin')) === undefined) throw this.wrong('an origin is not one')
    if (lane !== 0 && lane !== 1) throw this.wrong('a lane is not 0 or 1')
    return { origin: origin as Origin, lane, seq: this.whole(seq, 'a call') }
  }

  envelope(value: unknown): Envelope {
    const [what, a, b, c, d] = this.list(value, 'a message')
    if (what === 0) {
      const args = this.list(c, 'arguments')
      return {
        what: 'call',
        from: this.callId(a),
        method: this.word(b, 'a method'),
        args,
        dueAt: this.moment(d, 'a deadline'),
      }
    }
    if (what === 1) return { what: 'cast', method: this.word(a, 'a method'), args: this.list(b, 'arguments') }
    if (what === 2) return { what: 'info', message: a }
    throw this.wrong('a message is of no known sort')
  }

  timer(value: unknown): TimerImage {
    const [id, left, message] = this.list(value, 'a timer')
    return { id: this.whole(id, 'a timer'), remainingMs: this.left(left, 'a timer'), message }
  }

  watch(value: unknown): Watch {
    const [id, name, line] = this.list(value, 'a monitor')
    return { id: this.whole(id, 'a monitor'), name: this.word(name, 'a monitor'), line: this.whole(line, 'a monitor') }
  }

  cursor(value: unknown): [string, Cursor] {
    const [key, incarnation, next] = this.list(value, 'a cursor')
    return [
      this.word(key, 'a cursor'),
      { incarnation: this.whole(incarnation, 'a cursor'), next: this.whole(next, 'a cursor') },
    ]
  }

  reply(value: unknown): KeptReply {
    const [to, body, left] = this.list(value, 'a reply')
    if (!Buffer.isBuffer(body)) throw this.wrong('a reply has no bytes')
    return { to: this.callId(to), body, dueAt: this.moment(left, 'a reply') }
  }

  /** Not there in images of nodes that know no roles. */
  told(value: unknown): Told | undefined {
    const [number, revision] = this.list(value ?? [], 'the role')
    if (number === undefined) return undefined
    const role = ROLES[this.whole(number, 'the role')]
    if (role === undefined) throw this.wrong('the role is none')
    return { role, revision: this.whole(revision, 'the role') }
  }

  open(value: unknown): OpenCall {
    const [to, left] = this.list(value, 'an open call')
    return { to: this.callId(to), dueAt: this.moment(left, 'an open call') }
  }
}

/** @throws ERR_SNAPSHOT */
export const readCallId = (name: string, wire: unknown): CallId => new ImageReader(name, 0).callId(wire)

/**
 * Reads what `imageToWire` wrote. Nothing in it is trusted: a wrong shape is refused as a whole.
 * @throws ERR_SNAPSHOT
 */
export const imageFromWire = (name: string, wire: unknown, now: number): ProcessImage => {
  const read = new ImageReader(name, now)
  const parts = read.list(wire, 'the image')
  if (parts.length < 11) throw read.wrong('parts are missing')
  const next = read.list(parts[3], 'the continuation')
  return {
    handed: parts[0],
    args: read.list(parts[1], 'the start arguments'),
    mailbox: read.list(parts[2], 'the mailbox').map((value) => read.envelope(value)),
    next: next.length === 0 ? undefined : { arg: next[0] },
    timers: read.list(parts[4], 'the timers').map((value) => read.timer(value)),
    lastTimer: read.whole(parts[5], 'the last timer'),
    watches: read.list(parts[6], 'the monitors').map((value) => read.watch(value)),
    lastWatch: read.whole(parts[7], 'the last monitor'),
    cursors: read.list(parts[8], 'the cursors').map((value) => read.cursor(value)),
    replies: read.list(parts[9], 'the replies').map((value) => read.reply(value)),
    open: read.list(parts[10], 'the open calls').map((value) => read.open(value)),
    told: read.told(parts[11]),
  }
}
