/**
 * The bytes of a snapshot on a link: cut, credited, put together again.
 *
 *   S  CHUNK 0 .. CHUNK n-1, CHUNK_END(crc)      at most bulkInFlightBytes that D has not credited
 *   D  CREDIT(received)                          each half of that, and each heartbeatMs: on a slow line S sees that
 *                                                something moves, and does not give up
 */
import { fail } from '../base/errors.js'
import type { Limits } from '../base/limits.js'
import type { Link } from '../link/link.js'
import type { Sendable } from '../wire/frame.js'
import type { MessageOf } from '../wire/messages.js'
import { bytesOf, PieceCutter } from '../wire/pieces.js'
import { checksum, type SnapshotBytes } from './snapshot.js'

/** Sends one snapshot. It is let go with the object. */
export class Outgoing {
  readonly #link: Link
  readonly #transfer: number
  readonly #pieces: PieceCutter
  readonly #total: number
  readonly #limits: Limits
  /** What both nodes take in one piece. */
  readonly #chunkBytes: number
  #sent = 0
  #crc = 0
  #credited = 0
  #index = 0
  #ended = false
  #stopped = false

  constructor(link: Link, transfer: number, { bytes, pieces }: SnapshotBytes, limits: Limits) {
    this.#link = link
    this.#transfer = transfer
    this.#pieces = new PieceCutter(pieces)
    this.#total = bytes
    this.#limits = limits
    this.#chunkBytes = Math.max(1, Math.min(limits.chunkBytes, link.bodyBytesMax))
  }

  start(): void {
    this.#pump()
  }

  /** @returns whether it was news */
  credit(received: number): boolean {
    if (received <= this.#credited || received > this.#sent) return false
    this.#credited = received
    this.#pump()
    return true
  }

  stop(): void {
    this.#stopped = true
  }

  #pump(): void {
    const { bulkInFlightBytes } = this.#limits
    while (!this.#stopped && this.#sent < this.#total && this.#sent - this.#credited < bulkInFlightBytes) {
      const bytes = this.#pieces.cut(this.#chunkBytes)
      for (const piece of bytes) this.#crc = checksum(piece, this.#crc)
      this.#send({ type: 'CHUNK', transfer: this.#transfer, index: this.#index, bytes })
      this.#index += 1
      this.#sent += bytesOf(bytes)
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

/**
 * Room that a snapshot gets with its first chunk, if it says that it is as large: address space, which takes no memory
 * before bytes stand there. What is larger gets more when that is full, so that a mere announcement costs nothing.
 */
const FIRST_BYTES_MAX = 16 * 1_024 * 1_024
const GROWTH = 4

const empty = Buffer.alloc(0)

/** Puts one snapshot together. Any gap, double, overrun or wrong checksum ends it. */
export class Incoming {
  readonly #total: number
  readonly #creditEvery: number
  readonly #creditMs: number
  #creditedAt: number | undefined
  #whole = empty
  #chunks = 0
  #received = 0
  #credited = 0
  #crc = 0

  constructor(totalBytes: number, limits: Limits) {
    this.#total = totalBytes
    this.#creditEvery = Math.max(1, limits.bulkInFlightBytes >> 1)
    this.#creditMs = Math.min(limits.heartbeatMs, limits.moveTimeoutMs / 4)
  }

  /** @returns the credit to give, if it is time. @throws ERR_SNAPSHOT */
  chunk(name: string, { index, bytes }: MessageOf<'CHUNK'>, now: number): number | undefined {
    if (index !== this.#chunks) throw fail('ERR_SNAPSHOT', { name, reason: `chunk ${this.#chunks} is missing` })
    if (bytes.length === 0) throw fail('ERR_SNAPSHOT', { name, reason: 'a chunk is empty' })
    if (this.#received + bytes.length > this.#total)
      throw fail('ERR_SNAPSHOT', { name, reason: 'more bytes came than were announced' })
    this.#keep(bytes)
    this.#received += bytes.length
    this.#chunks += 1
    this.#crc = checksum(bytes, this.#crc)
    this.#creditedAt ??= now
    const isDue = now - this.#creditedAt >= this.#creditMs
    if (this.#received - this.#credited < this.#creditEvery && !isDue) return undefined
    this.#credited = this.#received
    this.#creditedAt = now
    return this.#received
  }

  /** Copies them to where they belong. */
  #keep(bytes: Buffer): void {
    const needed = this.#received + bytes.length
    if (needed > this.#whole.length) {
      const room = Math.min(this.#total, Math.max(FIRST_BYTES_MAX, GROWTH * needed))
      const larger = Buffer.allocUnsafeSlow(room)
      this.#whole.copy(larger, 0, 0, this.#received)
      this.#whole = larger
    }
    bytes.copy(this.#whole, this.#received)
  }

  /** @returns the whole. @throws ERR_SNAPSHOT */
  end(name: string, { chunks, crc }: MessageOf<'CHUNK_END'>): Buffer {
    if (chunks !== this.#chunks || this.#received !== this.#total) {
      throw fail('ERR_SNAPSHOT', { name, reason: `${this.#received} of ${this.#total} bytes came` })
    }
    if (crc !== this.#crc) throw fail('ERR_SNAPSHOT', { name, reason: 'the checksum is wrong' })
    const whole = this.#whole
    this.#whole = empty
    return whole
  }
}
