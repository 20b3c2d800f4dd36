/**
 * One connection that is up: what goes out (send-queue), signs of life (heartbeat), what comes in.
 * Its session (session.ts) owns the socket; a link that has ended never comes back, its successor is another Link.
 *
 *   session --receive(kind, body)--> decode --> HEARTBEAT: heartbeat    all others: message()
 *   send, bulk --> encode --> send-queue --> socket
 */
import { type ErrorCode, fail, isMobilityError } from '../base/errors.js'
import { type Address, type Identity, nodeKey, originOf } from '../base/ids.js'
import type { Limits } from '../base/limits.js'
import type { Clock } from '../base/ports.js'
import type { Socket } from '../transport/transport.js'
import { bodyBytesMax, decodeFrame, encodeFrame, encodeFramePieces, type Sendable } from '../wire/frame.js'
import type { KindOffer, Message, Standing } from '../wire/messages.js'
import { type Beat, Heartbeat } from './heartbeat.js'
import { SendQueue } from './send-queue.js'

/** The node at the other end, as it said itself and as its proof covers it. */
export interface Peer extends Identity {
  /** Where it listens. */
  readonly address: Address
  readonly kinds: readonly KindOffer[]
  readonly frameBytesMax: number
  readonly stateBytesMax: number
  /** Of our own cluster. */
  readonly member: boolean
  /** What we have said to it of its life when the link came up, and it of ours. Of members only, and newer than 0.1. */
  readonly said?: Standing | undefined
  readonly heard?: Standing | undefined
}

interface LinkDeps {
  readonly clock: Clock
  readonly limits: Limits
  readonly socket: Socket
  readonly peer: Peer
  readonly dialed: boolean
  /** What the handshake took for one round trip. */
  readonly rttMs: number
  message(link: Link, message: Message): void
  /** Ends the session: BYE, then the socket. */
  close(code: ErrorCode | 'left', reason: string): void
}

export class Link {
  readonly peer: Peer
  /** This node dialed it. */
  readonly dialed: boolean
  /** When it came up, in ms of the clock. */
  readonly upAt: number
  /** Tells it from every other link: the life of the peer, and when it came up. */
  readonly path: string
  readonly #deps: LinkDeps
  readonly #limits: Limits
  readonly #queue: SendQueue
  readonly #heartbeat: Heartbeat
  #up = true
  /** Something was too large for the peer: it ends at the end of the turn, and nothing goes behind the gap. */
  #cut = false

  constructor(deps: LinkDeps) {
    const { clock, limits, socket, peer } = deps
    this.peer = peer
    this.dialed = deps.dialed
    this.upAt = clock.now()
    this.path = `${originOf(peer)} ${this.upAt}`
    this.#deps = deps
    this.#limits = { ...limits, frameBytesMax: Math.min(limits.frameBytesMax, peer.frameBytesMax) }
    const silent = (): void => this.close('ERR_LINK_LOST', 'silent')
    const send = ({ sentAt, echo }: Beat): void => this.#write({ type: 'HEARTBEAT', sentAt, echo })
    this.#heartbeat = new Heartbeat({ clock, limits, send, silent }, deps.rttMs)
    this.#queue = new SendQueue({
      clock,
      limits,
      socket,
      peer: nodeKey(peer),
      pressure: (paused) => this.#pressure(paused),
      slow: () => this.close('ERR_LINK_LOST', 'slow'),
      torn: () => this.close('ERR_LINK_LOST', 'a Buffer of a state was given away while it moved'),
    })
  }

  get up(): boolean {
    return this.#up
  }

  /** The largest body of a message or an answer that the peer takes. What is larger its sender hears of, from us. */
  get bodyBytesMax(): number {
    return bodyBytesMax(this.#limits)
  }

  /** Bytes that wait for this peer to read, chunks included. Who can hold back should, above some of them. */
  get queuedBytes(): number {
    return this.#queue.queuedBytes
  }

  /** The last round trip that was measured, in ms. */
  get rttMs(): number {
    return this.#heartbeat.rttMs
  }

  /** How long the peer has said nothing, in ms. */
  get silentMs(): number {
    return this.#heartbeat.silentMs
  }

  /**
   * Sends a message behind those sent before. On a link that has ended it does nothing: what has to arrive is sent
   * again by whoever waits for its acknowledgement. Never throws: who writes to many is not stopped by one of them, nor
   * by a timer's beat. A peer that cannot take what it must hear loses its link.
   */
  send(message: Sendable): void {
    if (!this.#up || this.#cut) return
    this.#write(message)
    this.#heartbeat.sent()
  }

  /**
   * Sends a message behind all urgent ones, in turn with other transfers. Resolves when the socket has it, which
   * says nothing about its arrival.
   * @throws ERR_LINK_LOST, ERR_FRAME_TOO_LARGE
   */
  async bulk(message: Sendable): Promise<void> {
    if (!this.#up || this.#cut) throw fail('ERR_LINK_LOST', { peer: nodeKey(this.peer), reason: 'it has ended' })
    const transfer = 'transfer' in message ? message.transfer : 0
    await this.#queue.bulk(transfer, encodeFramePieces(message, this.#limits))
    this.#heartbeat.sent()
  }

  /** Tells the peer why, sends what is urgent, ends. `left`: this node leaves for good. */
  close(code: ErrorCode | 'left', reason: string): void {
    if (this.#up) this.#deps.close(code, reason)
  }

  /** For the session: bytes came, of whatever frame. */
  heard(): void {
    this.#heartbeat.heard()
  }

  /**
   * For the session: a frame that is not of the session itself.
   * @throws ERR_DECODE, ERR_PROTOCOL
   */
  receive(kind: number, body: Buffer): void {
    const message = decodeFrame(kind, body, this.#deps.limits)
    // Of a later version, and marked as one that may be ignored.
    if (message === undefined) return
    if (message.type === 'HEARTBEAT') this.#heartbeat.received(message)
    else this.#deps.message(this, message)
  }

  /** For the session: the socket has room again. */
  drained(): void {
    this.#queue.drain()
  }

  /** For the session: it ends. With a last frame what is urgent goes out before it. */
  ended(reason: string, last: Buffer | undefined): void {
    if (!this.#up) return
    this.#up = false
    this.#heartbeat.stop()
    if (last === undefined) {
      this.#queue.drop(reason)
      return
    }
    this.#queue.urgent(last)
    this.#queue.finish(reason)
  }

  #write(message: Sendable): void {
    if (this.#cut) return
    try {
      this.#queue.urgent(encodeFrame(message, this.#limits))
    } catch (error) {
      if (!isMobilityError(error) || error.code !== 'ERR_FRAME_TOO_LARGE') throw error
      this.#cut = true
      const reason = `${message.type} of ${error.fields.bytes} bytes, the peer takes ${this.#limits.frameBytesMax}`
      // Not now: whoever sends is in the middle of something.
      this.#deps.clock.soon(() => this.close('ERR_FRAME_TOO_LARGE', reason))
    }
  }

  #pressure(paused: boolean): void {
    this.#heartbeat.waive(paused)
    if (paused) this.#deps.socket.pause()
    else this.#deps.socket.resume()
  }
}
