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
import type { MessageOf } from '../wire/messages.js'
import { checksum } from './snapshot.js'

/** Sends one snapshot. `bytes` is let go with the object. */
export class Outgoing {
  readonly #link: Link
  readonly #transfer: number
  readonly #bytes: Buffer
  readonly #limits: Limits
  /** What both nodes take in one piece. */
  readonly #chunkBytes: number
  #sent = 0
  #credited = 0
  #index = 0
  #ended = false
  #stopped = false

  constructor(link: Link, transfer: number, bytes: Buffer, limits: Limits) {
    this.#link = link
    this.#transfer = transfer
    this.#bytes = bytes
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
    while (!this.#stopped && this.#sent < this.#bytes.length && this.#sent - this.#credited < bulkInFlightBytes) {
      const bytes = this.#bytes.subarray(this.#sent, this.#sent + this.#chunkBytes)
      this.#send({ type: 'CHUNK', transfer: this.#transfer, index: this.#index, bytes })
      this.#index += 1
      this.#sent += bytes.length
    }
    if (this.#stopped || this.#ended || this.#sent < this.#bytes.length) return
    this.#ended = true
    this.#send({ type: 'CHUNK_END', transfer: this.#transfer, chunks: this.#index, crc: checksum(this.#bytes) })
  }

  #send(message: MessageOf<'CHUNK'> | MessageOf<'CHUNK_END'>): void {
    // One small snapshot goes with the urgent frames: a queue of its own would only cost it a turn.
    if (this.#bytes.length <= this.#chunkBytes) this.#link.send(message)
    // A link that breaks is told to the move by its own way; there is nothing to do about it here.
    else this.#link.bulk(message).catch(() => undefined)
  }
}

const GATHER_BYTES = 64 * 1_024

/** Puts one snapshot together. Any gap, double, overrun or wrong checksum ends it. */
export class Incoming {
  readonly #total: number
  readonly #creditEvery: number
  readonly #creditMs: number
  #creditedAt: number | undefined
  readonly #pieces: Buffer[] = []
  #chunks = 0
  /** Small chunks are gathered: each alone would hold the whole piece of the network in which it came. */
  #gathered = Buffer.alloc(0)
  #gatheredBytes = 0
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
    this.#received += bytes.length
    if (this.#received > this.#total)
      throw fail('ERR_SNAPSHOT', { name, reason: 'more bytes came than were announced' })
    this.#chunks += 1
    this.#keep(bytes)
    this.#crc = checksum(bytes, this.#crc)
    this.#creditedAt ??= now
    const isDue = now - this.#creditedAt >= this.#creditMs
    if (this.#received - this.#credited < this.#creditEvery && !isDue) return undefined
    this.#credited = this.#received
    this.#creditedAt = now
    return this.#received
  }

  #keep(bytes: Buffer): void {
    if (bytes.length >= GATHER_BYTES / 4) {
      this.#gather()
      this.#pieces.push(bytes)
      return
    }
    if (this.#gatheredBytes + bytes.length > this.#gathered.length) {
      this.#gather()
      this.#gathered = Buffer.allocUnsafe(Math.max(bytes.length, Math.min(GATHER_BYTES, this.#total)))
    }
    this.#gatheredBytes += bytes.copy(this.#gathered, this.#gatheredBytes)
  }

  #gather(): void {
    if (this.#gatheredBytes > 0) this.#pieces.push(this.#gathered.subarray(0, this.#gatheredBytes))
    this.#gathered = this.#gathered.subarray(this.#gatheredBytes)
    this.#gatheredBytes = 0
  }

  /** @returns the whole. @throws ERR_SNAPSHOT */
  end(name: string, { chunks, crc }: MessageOf<'CHUNK_END'>): Buffer {
    this.#gather()
    if (chunks !== this.#chunks || this.#received !== this.#total) {
      throw fail('ERR_SNAPSHOT', { name, reason: `${this.#received} of ${this.#total} bytes came` })
    }
    if (crc !== this.#crc) throw fail('ERR_SNAPSHOT', { name, reason: 'the checksum is wrong' })
    const whole = this.#pieces.length === 1 ? (this.#pieces[0] as Buffer) : Buffer.concat(this.#pieces, this.#total)
    this.#pieces.length = 0
    return whole
  }
}
