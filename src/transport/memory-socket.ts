/**
 * The two ends of a simulated connection. An end behaves as a socket of `node:net` with `allowHalfOpen: false`:
 *
 *   open --end()--> ending --own fin sent, the other's read--> closed ''
 *     |  '--the other's fin read: ends by itself--^
 *     '--destroy() 'destroyed', reset read 'ECONNRESET'------> closed with that reason
 *
 * The inbox is the kernel's: it fills while the program is paused or does not read, until the window is full.
 */
import type { NodeClock } from '../base/clock.js'
import type { Address } from '../base/ids.js'
import type { SeededRandom } from '../base/random.js'
import { Flow, type FlowContext, type SegmentKind } from './memory-flow.js'
import type { Path } from './memory-path.js'
import type { Socket, SocketHandlers } from './transport.js'

/** A simulated computer. `up`: its kernel answers, even when no program runs. */
export interface Machine {
  readonly name: string
  up: boolean
}

/** One life of the program on it. */
export interface Life {
  readonly machine: Machine
  readonly node: NodeClock
}

interface SocketParts {
  readonly life: Life
  readonly remote: Address
  readonly out: Flow
  readonly inbound: Flow
  readonly highWaterMark: number
  readonly gone: () => void
}

class SimSocket implements Socket {
  readonly exporter = Buffer.alloc(0)
  readonly #parts: SocketParts
  #inbox: { readonly kind: SegmentKind; readonly bytes: Buffer }[] = []
  #handlers: SocketHandlers | undefined
  #state: 'open' | 'ending' | 'closed' = 'open'
  /** Set when closed, until it was told. */
  #reason: string | undefined
  #finReceived = false
  #reading = true
  #scheduled = false
  #needsDrain = false
  #drainScheduled = false

  constructor(parts: SocketParts) {
    this.#parts = parts
  }

  get remote(): Address {
    return this.#parts.remote
  }

  get life(): Life {
    return this.#parts.life
  }

  get closed(): boolean {
    return this.#state === 'closed'
  }

  get queuedBytes(): number {
    return this.#parts.out.queuedBytes
  }

  write(bytes: Uint8Array): boolean {
    return this.writeAll([bytes])
  }

  writeAll(pieces: readonly Uint8Array[]): boolean {
    if (this.#state !== 'open') return false
    const { out, highWaterMark } = this.#parts
    if (this.#inbox.some((entry) => entry.kind === 'reset')) {
      this.#finish('ECONNRESET')
      return false
    }
    // A copy: the two ends must not share memory.
    const bytes = Buffer.concat(pieces)
    const more = out.queuedBytes + bytes.length < highWaterMark
    if (!more) this.#needsDrain = true
    if (bytes.length > 0) out.write(bytes)
    return more
  }

  end(): void {
    if (this.#state !== 'open') return
    this.#state = 'ending'
    this.#parts.out.finish()
  }

  destroy(): void {
    if (this.#state === 'closed') return
    this.#parts.out.abort(this.#inbox.some((entry) => entry.kind === 'data') ? 'reset' : 'fin')
    this.#finish('destroyed')
  }

  pause(): void {
    this.#reading = false
  }

  resume(): void {
    this.#reading = true
    this.#schedule()
  }

  handle(handlers: SocketHandlers): void {
    this.#handlers = handlers
    this.#report()
    this.#schedule()
  }

  /** The kernel's side: something arrived. */
  receive(kind: SegmentKind, bytes: Buffer): void {
    const { life, out } = this.#parts
    if (this.#state === 'closed') {
      if (kind === 'data' && life.machine.up) out.reset()
      return
    }
    this.#inbox.push({ kind, bytes })
    life.node.enter(() => this.#take())
  }

  /** The kernel's side: all that was written has left. */
  flushed(): void {
    if (this.#needsDrain && !this.#drainScheduled) {
      this.#drainScheduled = true
      this.#parts.life.node.soon(() => this.#drain())
    }
    this.#closeWhenBothEnded()
  }

  /** No program has it (any more): nobody hears `closed`. The other end sees a reset; when `silent`, nothing. */
  vanish(silent: boolean): void {
    if (this.#state === 'closed') return
    const { out, inbound, gone } = this.#parts
    this.#state = 'closed'
    inbound.credit(this.#inbox.reduce((sum, entry) => sum + entry.bytes.length, 0))
    this.#inbox = []
    if (silent) out.silence()
    else out.abort('reset')
    gone()
  }

  /** Once for all writes that were told to wait, and only if what followed them has left too. */
  #drain(): void {
    this.#drainScheduled = false
    if (this.#state !== 'open' || this.queuedBytes > 0) return
    this.#needsDrain = false
    this.#handlers?.drain()
  }

  #take(): void {
    if (this.#state === 'closed' || this.#handlers === undefined || !this.#reading) return
    const entry = this.#inbox.shift()
    if (entry?.kind === 'data') {
      this.#parts.inbound.credit(entry.bytes.length)
      this.#handlers.data(entry.bytes)
    } else if (entry?.kind === 'fin') {
      this.#finReceived = true
      this.end()
      this.#closeWhenBothEnded()
    } else if (entry?.kind === 'reset') {
      this.#finish('ECONNRESET')
    }
  }

  /** What has piled up is read one piece a turn. */
  #schedule(): void {
    const idle = this.#handlers === undefined || !this.#reading || this.#inbox.length === 0
    if (idle || this.#scheduled) return
    this.#scheduled = true
    this.#parts.life.node.soon(() => {
      this.#scheduled = false
      this.#take()
      this.#schedule()
    })
  }

  #closeWhenBothEnded(): void {
    if (this.#finReceived && this.#parts.out.ended && this.#state !== 'closed') this.#finish('')
  }

  #finish(reason: string): void {
    this.#state = 'closed'
    this.#inbox = []
    if (!this.#parts.out.ended) this.#parts.out.silence()
    this.#reason = reason
    this.#parts.gone()
    this.#report()
  }

  #report(): void {
    const handlers = this.#handlers
    const reason = this.#reason
    if (handlers === undefined || reason === undefined) return
    this.#reason = undefined
    this.#parts.life.node.soon(() => handlers.closed(reason))
  }
}

interface ConnectionParts {
  readonly id: number
  readonly context: FlowContext
  readonly highWaterMark: number
  readonly there: Path
  readonly back: Path
  readonly dialler: Life
  readonly listener: Life
  readonly diallerAddress: Address
  readonly listenerAddress: Address
  /** The last step of the handshake has arrived. */
  readonly accept: (socket: SimSocket) => void
  /** Both ends are closed. */
  readonly over: () => void
}

/** Two sockets and the two flows between them. */
export class Connection {
  readonly id: number
  /** Decides when each end learns of a cut. */
  readonly random: SeededRandom
  readonly client: SimSocket
  readonly server: SimSocket
  readonly there: Flow
  readonly back: Flow

  constructor(parts: ConnectionParts) {
    const { context, highWaterMark } = parts
    this.id = parts.id
    this.random = parts.there.random
    const pumped = (socket: () => SimSocket, out: () => Flow, wayBack: () => Flow) => ({
      flushed: () => socket().flushed(),
      room: () => socket().life.node.enter(() => out().pump()),
      lost: () => wayBack().notice(parts.there.delay() + parts.back.delay()),
    })
    const toClient = () => this.back
    const toServer = () => this.there
    this.there = new Flow(parts.there, context, {
      ...pumped(() => this.client, toServer, toClient),
      receive: (kind, bytes) => (kind === 'open' ? parts.accept(this.server) : this.server.receive(kind, bytes)),
    })
    this.back = new Flow(parts.back, context, {
      ...pumped(() => this.server, toClient, toServer),
      receive: (kind, bytes) => this.client.receive(kind, bytes),
    })
    const gone = (): void => {
      if (this.client.closed && this.server.closed) parts.over()
    }
    this.client = new SimSocket({
      ...{ life: parts.dialler, remote: parts.listenerAddress, highWaterMark, gone },
      ...{ out: this.there, inbound: this.back },
    })
    this.server = new SimSocket({
      ...{ life: parts.listener, remote: parts.diallerAddress, highWaterMark, gone },
      ...{ out: this.back, inbound: this.there },
    })
    this.there.open()
  }

  /** Between these two hosts? */
  joins(a: string, b: string): boolean {
    const names = [this.client.life.machine.name, this.server.life.machine.name]
    return (names[0] === a && names[1] === b) || (names[0] === b && names[1] === a)
  }

  /** @param noticeMs  when the end on this host learns of it; undefined: not before it writes */
  cut(kept: 'some' | 'none', noticeMs: (host: string) => number | undefined): void {
    this.there.cut(kept, noticeMs(this.server.life.machine.name))
    this.back.cut(kept, noticeMs(this.client.life.machine.name))
  }

  /** The machine has power again: what was sent to its old life in vain is sent again by TCP, and answered. */
  answerTheLost(machine: Machine): void {
    const ends = [
      { socket: this.client, inbound: this.back, out: this.there },
      { socket: this.server, inbound: this.there, out: this.back },
    ]
    for (const { socket, inbound, out } of ends) {
      if (socket.life.machine === machine && socket.closed && inbound.outstanding > 0) out.reset()
    }
  }
}
