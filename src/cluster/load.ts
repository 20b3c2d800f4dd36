/**
 * How busy the members are. Each tells the others once a second (LOAD), as long as its own placement wants to know.
 * Nothing is told for ever: what a member said last counts until it is gone.
 */
import type { Clock, Timer } from '../base/ports.js'
import type { Peers } from '../link/peers.js'
import type { MessageOf } from '../wire/messages.js'

/** What a node says of itself. */
export interface Load {
  /** Processes that it has. */
  readonly processes: number
  /** Messages that wait in them. */
  readonly mailbox: number
  /** How late its timers are, in ms. */
  readonly delayMs: number
  readonly heapBytes: number
}

interface LoadsDeps {
  readonly clock: Clock
  readonly peers: Peers
  readonly self: () => string
  readonly used: boolean
  readonly measure: () => Omit<Load, 'delayMs'>
}

const BEAT_MS = 1_000

export class Loads {
  readonly #deps: LoadsDeps
  readonly #said = new Map<string, Load>()
  #timer: Timer | undefined
  #closed = false

  constructor(deps: LoadsDeps) {
    this.#deps = deps
    if (deps.used) this.#arm()
  }

  /** What it said last; of this node, what it said last, too: all are seen as the others see them. */
  of(node: string): Load | undefined {
    return this.#said.get(node)
  }

  received(from: string, { processes, mailbox, delayMs, heapBytes }: MessageOf<'LOAD'>): void {
    this.#said.set(from, { processes, mailbox, delayMs, heapBytes })
  }

  /** Who comes does not wait a second to know. */
  memberUp(node: string): void {
    const mine = this.#said.get(this.#deps.self())
    if (mine !== undefined) this.#deps.peers.send(node, { type: 'LOAD', ...mine })
  }

  memberDown(node: string): void {
    this.#said.delete(node)
  }

  close(): void {
    this.#closed = true
    this.#timer?.cancel()
  }

  #arm(): void {
    const { clock, peers, measure, self } = this.#deps
    const dueAt = clock.now() + BEAT_MS
    this.#timer = clock.after(BEAT_MS, () => {
      if (this.#closed) return
      const load: Load = { ...measure(), delayMs: Math.max(0, Math.round(clock.now() - dueAt)) }
      this.#said.set(self(), load)
      peers.broadcast({ type: 'LOAD', ...load })
      this.#arm()
    })
  }
}
