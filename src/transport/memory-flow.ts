/**
 * One direction of a simulated connection: the sender's queue, what is on its way, and the window that holds it back.
 *
 *   write -> queue --window--> transit (arrives in order) --path open--> receiver's inbox --read--> credit
 *              |                  |
 *           queuedBytes        lost by a cut, but for a random prefix
 */
import type { VirtualClock } from '../base/clock.js'
import type { Timer } from '../base/ports.js'
import type { Path } from './memory-path.js'

/** `open` comes first and makes the other end; `fin` and `reset` come last. */
export type SegmentKind = 'open' | 'data' | 'fin' | 'reset'

interface Segment {
  readonly kind: SegmentKind
  bytes: Buffer
  at: number
  /** Made by the receiver's own kernel: passes a path that is blocked. */
  readonly local: boolean
}

export interface FlowContext {
  readonly clock: VirtualClock
  readonly connection: number
  readonly windowBytes: number
  readonly trace: (text: () => string) => void
}

interface FlowEnds {
  receive(kind: SegmentKind, bytes: Buffer): void
  /** The queue is empty. */
  flushed(): void
  /** The window has room: `pump` goes on, once the sender is awake. */
  room(): void
  /** Something was written into a flow that was cut. */
  lost(): void
}

const nothing = Buffer.alloc(0)

export class Flow {
  readonly path: Path
  readonly #context: FlowContext
  readonly #ends: FlowEnds
  #queue: Buffer[] = []
  #queuedBytes = 0
  #transit: Segment[] = []
  /** On its way or unread at the other end: what the window limits. */
  #outstanding = 0
  #lastAt = 0
  #timer: Timer | undefined
  #state: 'open' | 'ending' | 'ended' | 'cut' = 'open'

  constructor(path: Path, context: FlowContext, ends: FlowEnds) {
    this.path = path
    this.#context = context
    this.#ends = ends
  }

  get queuedBytes(): number {
    return this.#queuedBytes
  }

  /** The end of the stream has been handed to the network. */
  get ended(): boolean {
    return this.#state === 'ended'
  }

  /** Bytes on their way, or arrived and not read. */
  get outstanding(): number {
    return this.#outstanding
  }

  open(): void {
    this.#send('open', nothing)
  }

  write(bytes: Buffer): void {
    if (this.#state === 'cut') {
      this.#ends.lost()
      return
    }
    if (this.#state !== 'open') return
    this.#queue.push(bytes)
    this.#queuedBytes += bytes.length
    this.pump()
  }

  /** Ends the stream behind what is queued. */
  finish(): void {
    if (this.#state === 'cut') this.#ends.lost()
    if (this.#state !== 'open') return
    this.#state = 'ending'
    this.pump()
  }

  /** Ends it now: what is queued is dropped, what is on its way arrives. */
  abort(kind: 'fin' | 'reset'): void {
    this.#dropQueue()
    if (this.#state === 'ended' || this.#state === 'cut') return
    this.#state = 'ended'
    this.#send(kind, nothing)
  }

  /** The sender's machine lost its power: what is queued is gone, and nothing says so. */
  silence(): void {
    this.#dropQueue()
    this.#state = 'cut'
  }

  /** RST, as a kernel answers bytes for a socket that is gone: behind what is on its way, whatever the state. */
  reset(): void {
    this.silence()
    this.#send('reset', nothing)
  }

  /**
   * The connection is cut: `kept` of the bytes on their way arrive, the rest is lost.
   * @param noticeMs  when the receiver learns of it; undefined: never
   */
  cut(kept: 'some' | 'none', noticeMs: number | undefined): void {
    this.silence()
    const onTheWay = this.#transit.reduce((sum, segment) => sum + segment.bytes.length, 0)
    let left = kept === 'none' || this.path.blocked ? 0 : this.path.random.between(0, onTheWay)
    const arriving: Segment[] = []
    for (const segment of this.#transit) {
      if (segment.kind !== 'open' && left <= 0) break
      segment.bytes = segment.bytes.subarray(0, left)
      left -= segment.bytes.length
      arriving.push(segment)
    }
    this.#transit = arriving
    this.#lastAt = arriving.at(-1)?.at ?? 0
    this.#timer?.cancel()
    this.#timer = undefined
    if (noticeMs === undefined) this.#arm()
    else this.notice(noticeMs)
  }

  /** The receiver's own kernel gives the connection up: a blocked path does not stop that. */
  notice(ms: number): void {
    this.#lastAt = Math.max(this.#lastAt, this.#context.clock.now() + ms)
    this.#transit.push({ kind: 'reset', bytes: nothing, at: this.#lastAt, local: true })
    this.#arm()
  }

  /** The receiver has read so many bytes. */
  credit(bytes: number): void {
    this.#outstanding -= bytes
    this.#ends.room()
  }

  /** Hands to the network what the window lets through. */
  pump(): void {
    while (this.#queuedBytes > 0 && this.#outstanding < this.#context.windowBytes) {
      const bytes = this.#take()
      this.#queuedBytes -= bytes.length
      this.#outstanding += bytes.length
      this.#send('data', bytes)
    }
    if (this.#queuedBytes > 0) return
    if (this.#state === 'ending') {
      this.#state = 'ended'
      this.#send('fin', nothing)
    }
    this.#ends.flushed()
  }

  /** The path is open again: what waited sets out anew, in order. */
  heal(): void {
    if (this.#transit.length === 0) return
    const earliest = this.#context.clock.now() + this.path.delay()
    for (const segment of this.#transit) segment.at = Math.max(segment.at, earliest)
    this.#lastAt = Math.max(this.#lastAt, earliest)
    this.#timer?.cancel()
    this.#timer = undefined
    this.#arm()
  }

  #dropQueue(): void {
    this.#queue = []
    this.#queuedBytes = 0
  }

  /** One write, or with random chunking a piece that knows no borders: log-uniform, 1 byte to 64 KiB. */
  #take(): Buffer {
    if (this.path.shape.chunking === 'whole') return this.#queue.shift() ?? nothing
    const { random } = this.path
    const wanted = Math.min(this.#queuedBytes, random.between(1, 2 ** random.between(0, 16)))
    const parts: Buffer[] = []
    let missing = wanted
    for (let head = this.#queue[0]; head !== undefined && missing > 0; head = this.#queue[0]) {
      const part = head.subarray(0, missing)
      parts.push(part)
      missing -= part.length
      if (part.length === head.length) this.#queue.shift()
      else this.#queue[0] = head.subarray(part.length)
    }
    return Buffer.concat(parts)
  }

  #send(kind: SegmentKind, bytes: Buffer): void {
    const at = Math.max(this.#lastAt, this.path.arrival(this.#context.clock.now(), bytes.length))
    this.#lastAt = at
    this.#transit.push({ kind, bytes, at, local: false })
    this.#arm()
  }

  #arm(): void {
    const head = this.#transit[0]
    if (head === undefined || this.#timer !== undefined) return
    const { clock } = this.#context
    this.#timer = clock.after(head.at - clock.now(), () => {
      this.#timer = undefined
      this.#arrive(head)
    })
  }

  #arrive(head: Segment): void {
    if (this.path.blocked && !head.local) return
    this.#transit.shift()
    const next = this.#transit[0]
    const { random, shape } = this.path
    if (head.kind === 'data' && next?.kind === 'data' && shape.chunking === 'random' && random.chance(0.3)) {
      next.bytes = Buffer.concat([head.bytes, next.bytes])
      this.#arm()
      return
    }
    this.#arm()
    if (head.kind === 'data') this.#pass(head.bytes)
    else this.#deliver(head.kind, nothing)
  }

  /** Past the cuts that wait for bytes, and past the hooks. */
  #pass(bytes: Buffer): void {
    const reached = this.path.cutWithin(bytes.length)
    const seen = this.path.see(
      reached === undefined ? bytes : bytes.subarray(0, reached.passing),
      this.#context.connection,
    )
    // The window counts what was sent; the receiver gives back what it got.
    this.#outstanding += seen.length - bytes.length
    if (seen.length > 0) this.#deliver('data', seen)
    else this.#ends.room()
    reached?.cut(this.#context.connection)
  }

  #deliver(kind: SegmentKind, bytes: Buffer): void {
    const { path } = this
    const { clock, connection, trace } = this.#context
    trace(() => `${clock.now().toFixed(3)} ${path.from}>${path.to}#${connection} ${kind} ${bytes.length}`)
    this.#ends.receive(kind, bytes)
  }
}
