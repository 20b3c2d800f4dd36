/**
 * The driver of one connection's session: feeds the machine (machine.ts) what the socket brings and performs what it
 * decides. Owns the socket from the first byte to the last; once up, a Link writes to it.
 *
 *   socket --bytes--> FrameReader --frames--> HELLO AUTH READY BYE --> machine --> effects
 *                                    '------> all others, once up ---> link
 */
import { type ErrorCode, fail, isMobilityError, reasonOf } from '../base/errors.js'
import { type Address, addressText, type Identity } from '../base/ids.js'
import type { Limits } from '../base/limits.js'
import type { Clock, Timer } from '../base/ports.js'
import type { Socket } from '../transport/transport.js'
import { decodeFrame, encodeFrame } from '../wire/frame.js'
import { FrameReader } from '../wire/frame-reader.js'
import { KIND } from '../wire/kinds.js'
import type { Message } from '../wire/messages.js'
import { frameOf, type Hello, type Role } from './handshake.js'
import { Link, type Peer } from './link.js'
import {
  type End,
  type SessionEffect,
  type SessionEvent,
  type SessionState,
  start,
  step,
  type Verdict,
} from './machine.js'

/** Time for a peer to read our BYE and to end its side. Longer only keeps a descriptor for someone who is gone. */
const LINGER_MS = 1_000

interface SessionDeps {
  readonly clock: Clock
  readonly limits: Limits
  readonly socket: Socket
  readonly role: Role
  readonly hello: Hello
  readonly secret: Buffer | undefined
  /** When the handshake must be over, in ms of the clock. */
  readonly deadline: number
  /** When this dial, or this accepted connection, began. */
  readonly begunAt: number
  /** The address that was dialed; of an accepted connection the other end. */
  readonly address: Address
  /** May this peer have a link? Asked with the identity that it claims; counts only once its proof holds. */
  judge(session: Session): Verdict
  up(session: Session, link: Link): void
  message(link: Link, message: Message): void
  /** Once. The socket may live a little longer. */
  ended(session: Session, end: End): void
  /** The socket is gone. */
  closed(session: Session): void
}

export class Session {
  readonly role: Role
  readonly address: Address
  readonly begunAt: number
  readonly #deps: SessionDeps
  readonly #reader: FrameReader
  readonly #deadline: Timer
  #state: SessionState
  #link: Link | undefined
  #linger: Timer | undefined
  #helloAt = 0
  #rttMs = 0

  /** @throws ERR_FRAME_TOO_LARGE  our own HELLO is over the limit: too many kinds, or too long names */
  constructor(deps: SessionDeps) {
    const { clock, limits, socket, role, hello, secret } = deps
    this.role = role
    this.address = deps.address
    this.begunAt = deps.begunAt
    this.#deps = deps
    this.#reader = new FrameReader(limits.helloFrameBytesMax)
    const frame = encodeFrame(hello, { ...limits, frameBytesMax: limits.helloFrameBytesMax })
    const begun = start(role, { hello, frame, secret, exporter: socket.exporter })
    this.#state = begun.state
    this.#deadline = clock.after(Math.max(0, deps.deadline - clock.now()), () => this.#feed({ type: 'timeout' }))
    socket.handle({
      data: (bytes) => this.#data(bytes),
      drain: () => this.#link?.drained(),
      closed: (reason) => this.#closed(reason),
    })
    this.#perform(begun.effects)
  }

  get phase(): SessionState['phase'] {
    return this.#state.phase
  }

  /** Who the peer says it is: from its HELLO on. Proven from `confirming` on. */
  get claimed(): (Identity & { readonly member: boolean }) | undefined {
    const { peer, relation } = this.#state
    if (peer === undefined || relation === undefined) return undefined
    const { node, incarnation } = peer.hello
    return { cluster: relation.cluster, node, incarnation, member: relation.member }
  }

  /** What the peer said, whatever came of it. */
  get heard(): Hello | undefined {
    return this.#state.peer?.hello
  }

  get proven(): boolean {
    return this.#state.proven
  }

  close(code: ErrorCode | 'left', reason: string): void {
    this.#feed({ type: 'close', code, reason })
  }

  /** Without another word. */
  destroy(): void {
    this.#deps.socket.destroy()
  }

  #data(bytes: Buffer): void {
    if (this.#state.phase === 'closed') return
    this.#link?.heard()
    try {
      this.#reader.push(bytes, (kind, body) => {
        this.#frame(kind, body)
        return this.#state.phase !== 'closed'
      })
    } catch (error) {
      const code = isMobilityError(error) ? error.code : 'ERR_DECODE'
      this.#feed({ type: 'broken', code, reason: reasonOf(error) })
    }
  }

  #frame(kind: number, body: Buffer): void {
    const ofSession = kind === KIND.HELLO || kind === KIND.AUTH || kind === KIND.READY || kind === KIND.BYE
    if (ofSession) this.#sessionFrame(kind, body)
    else if (this.#link !== undefined) this.#link.receive(kind, body)
    else this.#feed({ type: 'other', kind })
  }

  #sessionFrame(kind: number, body: Buffer): void {
    const message = decodeFrame(kind, body, this.#deps.limits)
    switch (message?.type) {
      case 'HELLO':
        this.#rttMs = this.role === 'dialer' ? this.#deps.clock.now() - this.#helloAt : 0
        this.#feed({ type: 'hello', hello: message, frame: frameOf(kind, body) })
        break
      case 'AUTH':
        if (this.role === 'acceptor') this.#rttMs = this.#deps.clock.now() - this.#helloAt
        this.#feed({ type: 'auth', mac: message.mac, verdict: this.#verdict() })
        break
      case 'READY':
        this.#feed({ type: 'ready', verdict: this.#verdict(), standing: message.standing })
        break
      case 'BYE':
        this.#feed({ type: 'bye', code: message.code, reason: message.reason, left: message.left })
        break
      default:
        this.#feed({ type: 'other', kind })
    }
  }

  /** The acceptor is asked twice (another link may have come up meanwhile), the dialer once, at the end. */
  #verdict(): Verdict {
    const { phase } = this.#state
    const asked = phase === 'confirming' || (phase === 'proving' && this.role === 'acceptor')
    return asked && this.claimed !== undefined ? this.#deps.judge(this) : { type: 'take' }
  }

  #closed(reason: string): void {
    this.#deadline.cancel()
    this.#linger?.cancel()
    this.#feed({ type: 'lost', reason: reason === '' ? 'the peer closed the connection' : reason })
    this.#deps.closed(this)
  }

  #feed(event: SessionEvent): void {
    const { state, effects } = step(this.#state, event)
    this.#state = state
    this.#perform(effects)
  }

  #perform(effects: readonly SessionEffect[]): void {
    let last: Buffer | undefined
    for (const effect of effects) {
      if (effect.do === 'hello') this.#sendHello()
      else if (effect.do === 'up') this.#goUp()
      else if (effect.do === 'end') this.#end(effect.end, last)
      else {
        const frame = encodeFrame(effect.message, this.#deps.limits)
        // The BYE of a link goes behind what the link still has to write.
        if (this.#link !== undefined && effect.message.type === 'BYE') last = frame
        else this.#deps.socket.write(frame)
      }
    }
  }

  #sendHello(): void {
    this.#helloAt = this.#deps.clock.now()
    this.#deps.socket.write(this.#state.own.frame)
  }

  #goUp(): void {
    const { clock, limits, socket } = this.#deps
    this.#deadline.cancel()
    this.#reader.setLimit(limits.frameBytesMax)
    const link = new Link({
      clock,
      limits,
      socket,
      peer: this.#peer(),
      dialed: this.role === 'dialer',
      rttMs: this.#rttMs,
      message: (from, message) => this.#deps.message(from, message),
      close: (code, reason) => this.close(code, reason),
    })
    this.#link = link
    this.#deps.up(this, link)
  }

  #peer(): Peer {
    const { claimed, heard } = this
    if (claimed === undefined || heard === undefined) throw fail('ERR_INVARIANT', { what: 'a link to nobody' })
    const { host, port } = heard.listen
    // A node that listens everywhere is reached where its connection comes from.
    const everywhere = host === '' || host === '0.0.0.0' || host === '::'
    return {
      ...claimed,
      address: { host: everywhere ? this.#deps.socket.remote.host : host, port },
      kinds: heard.kinds,
      frameBytesMax: heard.frameBytesMax,
      stateBytesMax: heard.stateBytesMax,
      said: this.#state.said,
      heard: this.#state.heard,
    }
  }

  #end(end: End, last: Buffer | undefined): void {
    const { clock, socket } = this.#deps
    this.#deadline.cancel()
    this.#link?.ended(end.reason, last)
    if (end.by !== 'network') {
      socket.end()
      this.#linger = clock.after(LINGER_MS, () => socket.destroy())
    }
    this.#deps.ended(this, end)
  }
}

/** For logs and errors: its name once it has proved it, else where it is. */
export const nameOf = (session: Session): string => {
  const claimed = session.claimed
  return session.proven && claimed !== undefined ? claimed.node : addressText(session.address)
}
