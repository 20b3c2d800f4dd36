/**
 * The bytes of a snapshot on a link: cut, credited, put together again.
 *
 *   S  CHUNK 0 .. CHUNK n-1, CHUNK_END(crc)      so many ahead as the line takes without a queue of its own, at most
 *                                                bulkInFlightBytes: what lies in the kernel, no call can overtake
 *   D  CREDIT(received)                          for each: few bytes in flight are enough, and on a slow line S sees
 *                                                that something moves, and does not give up
 */
import { fail, type MobilityError, reasonOf } from '../base/errors.js'
import type { Limits } from '../base/limits.js'
import type { Clock } from '../base/ports.js'
import type { Link } from '../link/link.js'
import type { Sendable } from '../wire/frame.js'
import type { MessageOf } from '../wire/messages.js'
import { bytesOf, PieceCutter } from '../wire/pieces.js'
import { checksum, type SnapshotBytes } from './snapshot.js'

/** Always in flight, if bulkInFlightBytes allows: it keeps a fast network busy, and is through in less than 1 ms. */
const WINDOW_BYTES_MIN = 192 * 1_024
/** A way there and back that takes longer needs more in flight. */
const LONG_WAY_MS = 2

/** How many bytes are in flight: on a long way more and more, while that makes none of them wait. */
class Window {
  readonly #max: number
  readonly #clock: Clock
  bytes: number
  #bestMs = Number.POSITIVE_INFINITY
  /** A byte on its way, and when it left. */
  #mark = 0
  #markedAt = 0

  constructor(max: number, clock: Clock) {
    this.#max = max
    this.#clock = clock
    this.bytes = Math.min(max, WINDOW_BYTES_MIN)
  }

  sent(bytes: number): void {
    if (this.#mark > 0) return
    this.#mark = bytes
    this.#markedAt = this.#clock.now()
  }

  credited(bytes: number): void {
    if (this.#mark === 0 || bytes < this.#mark) return
    const ms = this.#clock.now() - this.#markedAt
    this.#mark = 0
    this.#bestMs = Math.min(this.#bestMs, ms)
    const best = this.#bestMs
    const factor = best > LONG_WAY_MS && ms < 1.5 * best ? 2 : ms > 3 * best ? 0.5 : 1
    this.bytes = Math.min(this.#max, Math.max(WINDOW_BYTES_MIN, this.bytes * factor))
  }
}

/** Sends one snapshot. It is let go with the object. */
export class Outgoing {
  readonly #link: Link
  readonly #transfer: number
  readonly #pieces: PieceCutter
  readonly #total: number
  readonly #window: Window
  /** What both nodes take in one piece. */
  readonly #chunkBytes: number
  #sent = 0
  #crc = 0
  #credited = 0
  #index = 0
  #ended = false
  #stopped = false
  readonly #failed: (error: MobilityError) => void

  /** @param failed  there are no bytes any more */
  constructor(
    link: Link,
    transfer: number,
    { bytes, pieces }: SnapshotBytes,
    { limits, clock }: { readonly limits: Limits; readonly clock: Clock },
    failed: (error: MobilityError) => void,
  ) {
    this.#failed = failed
    this.#link = link
    this.#transfer = transfer
    this.#pieces = new PieceCutter(pieces)
    this.#total = bytes
    this.#window = new Window(limits.bulkInFlightBytes, clock)
    this.#chunkBytes = Math.max(1, Math.min(limits.chunkBytes, link.bodyBytesMax))
  }

  start(): void {
    this.#pump()
  }

  /** @returns whether it was news */
  credit(received: number): boolean {
    if (received <= this.#credited || received > this.#sent) return false
    this.#credited = received
    this.#window.credited(received)
    this.#pump()
    return true
  }

  stop(): void {
    this.#stopped = true
  }

  /** Whoever holds a Buffer of the state, too, may have given it away. */
  #pump(): void {
    try {
      this.#sendMore()
    } catch (error) {
      this.#stopped = true
      this.#failed(fail('ERR_NOT_PORTABLE', { path: 'state', why: reasonOf(error) }, { cause: error }))
    }
  }

  #sendMore(): void {
    while (!this.#stopped && this.#sent < this.#total && this.#sent - this.#credited < this.#window.bytes) {
      const bytes = this.#pieces.cut(this.#chunkBytes)
      for (const piece of bytes) this.#crc = checksum(piece, this.#crc)
      this.#send({ type: 'CHUNK', transfer: this.#transfer, index: this.#index, bytes })
      this.#index += 1
      this.#sent += bytesOf(bytes)
      this.#window.sent(this.#sent)
    }
    if (this.#stopped || this.#ended || this.#sent < this.#total) return
    this.#ended = true
    this.#send({ type: 'CHUNK_END', transfer: this.#transfer, chunks: this.#index, crc: this.#crc })
  }

  #send(message: Sendable): void {
    // One small snapshot goes with the urgent frames: a queue of its own would only cost it a turn.
    if (this.#total <= this.#chunkBytes) this.#link.send(message)
    // A link that breaks is told to the move by its own way; there is nothing to do about it here.
    else this.#link.bulk(message).catch(() => undefined)
  }
}

const CRUMB_BYTES = 64
/**
 * Room that a snapshot gets with its first chunk, if it says that it is as large: address space, which takes no memory
 * before bytes stand there. Who has sent as much gets the rest too, so that a mere announcement costs next to nothing.
 */
const FIRST_BYTES_MAX = 16 * 1_024 * 1_024
/** What came before is moved there bit by bit: all at once would hold up everybody for 10 ms. */
const MOVED_BYTES = 256 * 1_024

const empty = Buffer.alloc(0)

/** Puts one snapshot together. Any gap, double, overrun or wrong checksum ends it. */
export class Incoming {
  readonly #total: number
  #whole = empty
  /** The first room, when it was not enough, and how much of it is moved. */
  #first = empty
  #moved = 0
  #chunks = 0
  #received = 0
  #crc = 0

  constructor(totalBytes: number) {
    this.#total = totalBytes
  }

  /** @returns the credit to give, if it is time. @throws ERR_SNAPSHOT */
  chunk(name: string, { index, bytes }: MessageOf<'CHUNK'>): number | undefined {
    if (index !== this.#chunks) throw fail('ERR_SNAPSHOT', { name, reason: `chunk ${this.#chunks} is missing` })
    if (bytes.length === 0) throw fail('ERR_SNAPSHOT', { name, reason: 'a chunk is empty' })
    if (this.#received + bytes.length > this.#total)
      throw fail('ERR_SNAPSHOT', { name, reason: 'more bytes came than were announced' })
    this.#keep(bytes)
    this.#received += bytes.length
    this.#chunks += 1
    this.#crc = checksum(bytes, this.#crc)
    // A peer that sends crumbs gets no frame for each.
    return bytes.length >= CRUMB_BYTES || this.#chunks % CRUMB_BYTES === 0 ? this.#received : undefined
  }

  /** Copies them to where they belong. */
  #keep(bytes: Buffer): void {
    if (this.#received + bytes.length > this.#whole.length) {
      this.#first = this.#whole.subarray(0, this.#received)
      this.#whole = Buffer.allocUnsafeSlow(this.#received === 0 ? Math.min(this.#total, FIRST_BYTES_MAX) : this.#total)
    }
    bytes.copy(this.#whole, this.#received)
    this.#move(MOVED_BYTES)
  }

  #move(bytes: number): void {
    if (this.#first.length === 0) return
    this.#moved += this.#first.copy(this.#whole, this.#moved, this.#moved, this.#moved + bytes)
    if (this.#moved === this.#first.length) this.#first = empty
  }

  /** @returns the whole. @throws ERR_SNAPSHOT */
  end(name: string, { chunks, crc }: MessageOf<'CHUNK_END'>): Buffer {
    if (chunks !== this.#chunks || this.#received !== this.#total) {
      throw fail('ERR_SNAPSHOT', { name, reason: `${this.#received} of ${this.#total} bytes came` })
    }
    if (crc !== this.#crc) throw fail('ERR_SNAPSHOT', { name, reason: 'the checksum is wrong' })
    this.#move(this.#total)
    const whole = this.#whole
    this.#whole = empty
    return whole
  }
}
