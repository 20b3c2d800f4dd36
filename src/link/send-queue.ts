/**
 * What waits to be written to one peer.
 *
 *   send --> urgent, in order ----.
 *                                  >-- while the socket holds < 128 KiB: urgent first --> socket
 *   bulk --> transfer 1: c c c ---'
 *            transfer 2: c c        one chunk at a time, round robin
 *
 * Urgent frames leave when what made them has run: the first of a turn at once, all others together at its end, and
 * much of them as several writes. A chunk in the kernel's buffer cannot be overtaken, so few are put there. The socket
 * gets 64 KiB at most in one piece: what it reports as drained is then fine enough to tell a slow peer from one that
 * reads nothing.
 *
 * Urgent frames are never dropped or refused here: who sends must hold back (windows, `queuedBytes`). Above
 * writeQueueBytesMax nothing more is read from the peer, for its requests would only add to what it does not read.
 */
import Denque from 'denque'
import { fail } from '../base/errors.js'
import type { Limits } from '../base/limits.js'
import type { Clock, Timer } from '../base/ports.js'
import type { Socket } from '../transport/transport.js'
import { bytesOf } from '../wire/pieces.js'

/** In the socket at once: some milliseconds on a fast network, and enough to keep it busy between two drains. */
const SOCKET_BYTES = 128 * 1_024
const PIECE_BYTES = 64 * 1_024
/** So much does not wait for the end of the turn: the peer can read it while the rest is being made. */
const EAGER_BYTES = 16 * 1_024

interface Chunk {
  readonly frame: readonly Uint8Array[]
  readonly bytes: number
  written(): void
  lost(error: Error): void
}

interface SendQueueDeps {
  readonly clock: Clock
  readonly limits: Limits
  readonly socket: Socket
  /** The name of the peer, for errors. */
  readonly peer: string
  /** Reading from the peer stops or goes on. */
  pressure(paused: boolean): void
  /** The peer has read nothing for slowPeerMs. */
  slow(): void
  /** A Buffer in a chunk was given away: the peer would take what follows for the rest of it. */
  torn(): void
}

export class SendQueue {
  readonly #deps: SendQueueDeps
  readonly #urgent = new Denque<Uint8Array>()
  #urgentBytes = 0
  readonly #bulk = new Map<number, Denque<Chunk>>()
  #bulkBytes = 0
  #scheduled = false
  /** In this turn. */
  #wrote = false
  #paused = false
  #closed = false
  #handed = 0
  #drained = 0
  #progressAt = 0
  #watch: Timer | undefined

  constructor(deps: SendQueueDeps) {
    this.#deps = deps
  }

  /** Accepted and not yet in the kernel's hands. */
  get queuedBytes(): number {
    return this.#urgentBytes + this.#bulkBytes + this.#deps.socket.queuedBytes
  }

  get paused(): boolean {
    return this.#paused
  }

  urgent(frame: Uint8Array): void {
    if (this.#closed) return
    for (let at = 0; at < frame.length; at += PIECE_BYTES) {
      this.#urgent.push(frame.length <= PIECE_BYTES ? frame : frame.subarray(at, at + PIECE_BYTES))
    }
    this.#urgentBytes += frame.length
    if (this.#urgentBytes >= EAGER_BYTES && this.#deps.socket.queuedBytes < SOCKET_BYTES) this.#pump()
    else this.#schedule()
    this.#press()
  }

  /** @throws ERR_LINK_LOST  it was not handed to the socket before the link ended */
  bulk(transfer: number, frame: readonly Uint8Array[]): Promise<void> {
    if (this.#closed) return Promise.reject(this.#lost('the link is closed'))
    return new Promise((written, lost) => {
      const chunks = this.#bulk.get(transfer) ?? new Denque<Chunk>()
      this.#bulk.set(transfer, chunks)
      const bytes = bytesOf(frame)
      chunks.push({ frame, bytes, written, lost })
      this.#bulkBytes += bytes
      this.#schedule()
    })
  }

  /** The socket has room again. */
  drain(): void {
    if (!this.#closed) this.#pump()
  }

  /** Writes what is urgent, whatever the socket holds, then nothing more. */
  finish(reason: string): void {
    if (this.#closed) return
    if (this.#urgent.length > 0) this.#deps.socket.writeAll(this.#urgent.toArray())
    this.drop(reason)
  }

  /** The socket is gone: so is what waits. */
  drop(reason: string): void {
    if (this.#closed) return
    this.#closed = true
    this.#watch?.cancel()
    this.#urgent.clear()
    this.#urgentBytes = 0
    this.#bulkBytes = 0
    const error = this.#lost(reason)
    for (const chunks of this.#bulk.values()) {
      for (const chunk of chunks.toArray()) chunk.lost(error)
    }
    this.#bulk.clear()
  }

  #lost(reason: string): Error {
    return fail('ERR_LINK_LOST', { peer: this.#deps.peer, reason })
  }

  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    const { clock } = this.#deps
    const pump = (): void => {
      this.#scheduled = false
      if (!this.#closed) this.#pump()
    }
    if (this.#wrote) return clock.soon(pump)
    this.#wrote = true
    clock.soonest(pump)
    clock.soon(() => {
      this.#wrote = false
    })
  }

  #pump(): void {
    const { socket } = this.#deps
    while (this.#urgent.length > 0 && socket.queuedBytes < SOCKET_BYTES) {
      this.#writeUrgent(SOCKET_BYTES - socket.queuedBytes)
    }
    while (this.#urgent.length === 0 && this.#bulk.size > 0 && socket.queuedBytes < SOCKET_BYTES) {
      this.#writeChunk()
    }
    this.#look()
    this.#press()
  }

  /** Up to `room` bytes in one write, at least one piece. */
  #writeUrgent(room: number): void {
    const pieces: Uint8Array[] = []
    let bytes = 0
    for (let piece = this.#urgent.peekFront(); piece !== undefined; piece = this.#urgent.peekFront()) {
      if (bytes > 0 && bytes + piece.length > room) break
      pieces.push(piece)
      bytes += piece.length
      this.#urgent.shift()
    }
    this.#urgentBytes -= bytes
    this.#handed += bytes
    // One copy of small frames costs less than what a stream does for each piece.
    this.#deps.socket.write(pieces.length === 1 ? (pieces[0] as Uint8Array) : Buffer.concat(pieces, bytes))
  }

  #writeChunk(): void {
    for (const [transfer, chunks] of this.#bulk) {
      const chunk = chunks.shift()
      // A Map keeps the order of insertion: taken out and put back, the transfer stands last.
      this.#bulk.delete(transfer)
      if (chunks.length > 0) this.#bulk.set(transfer, chunks)
      if (chunk === undefined) continue
      if (bytesOf(chunk.frame) !== chunk.bytes) return this.#deps.torn()
      this.#bulkBytes -= chunk.bytes
      this.#handed += chunk.bytes
      this.#deps.socket.writeAll(chunk.frame)
      chunk.written()
      return
    }
  }

  #press(): void {
    const { limits, socket } = this.#deps
    // Chunks do not count: the peer cannot make us queue them by sending more.
    const bytes = this.#urgentBytes + socket.queuedBytes
    const pause = bytes > (this.#paused ? limits.writeQueueBytesMax / 2 : limits.writeQueueBytesMax)
    if (pause === this.#paused) return
    this.#paused = pause
    this.#deps.pressure(pause)
  }

  /** While the socket holds something: does it get less? */
  #look(): void {
    if (this.#watch !== undefined || this.#deps.socket.queuedBytes === 0) return
    const { clock, limits } = this.#deps
    this.#progressAt = clock.now()
    this.#drained = this.#handed - this.#deps.socket.queuedBytes
    this.#rearm(limits.slowPeerMs / 4)
  }

  #rearm(ms: number): void {
    const { clock, limits, socket } = this.#deps
    const due = clock.now() + ms
    this.#watch = clock.after(ms, () => {
      this.#watch = undefined
      const now = clock.now()
      const drained = this.#handed - socket.queuedBytes
      // Late: it was we who stood still, and the socket has not been looked at since.
      const late = now - due > limits.slowPeerMs / 2
      if (drained > this.#drained || late) this.#progressAt = now
      this.#drained = drained
      if (socket.queuedBytes === 0) return
      if (now - this.#progressAt >= limits.slowPeerMs) this.#deps.slow()
      else this.#rearm(ms)
    })
  }
}
