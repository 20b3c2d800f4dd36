/**
 * Who is about to leave. A node that is *cordoned* takes nothing in: no start, no arrival, no part in a move of others.
 * It says so to every member (CORDON), and again on each new link; it goes on serving what it has.
 */
import type { Events } from '../base/events.js'
import type { Identity } from '../base/ids.js'
import type { Peers } from '../link/peers.js'
import type { Life } from '../registry/views.js'
import type { MessageOf } from '../wire/messages.js'

interface CordonsDeps {
  readonly events: Events
  readonly self: () => Identity
  readonly peers: Peers
}

export class Cordons {
  readonly #deps: CordonsDeps
  readonly #others = new Map<string, number>()
  #on = false

  constructor(deps: CordonsDeps) {
    this.#deps = deps
  }

  /** This node itself. */
  get on(): boolean {
    return this.#on
  }

  set(on: boolean): void {
    if (this.#on === on) return
    this.#on = on
    const { events, self, peers } = this.#deps
    peers.broadcast({ type: 'CORDON', on })
    events.emit('cordoned', { node: self().node, cordoned: on })
  }

  isLeaving(node: string): boolean {
    return node === this.#deps.self().node ? this.#on : this.#others.has(node)
  }

  /** Before anything else is said on that link: who comes must not be chosen for a moment. */
  memberUp({ node }: Life): void {
    if (this.#on) this.#deps.peers.send(node, { type: 'CORDON', on: true })
  }

  memberDown({ node, incarnation }: Life): void {
    if (this.#others.get(node) === incarnation) this.#others.delete(node)
  }

  received({ node, incarnation }: Life, { on }: MessageOf<'CORDON'>): void {
    if (this.isLeaving(node) === on) return
    if (on) this.#others.set(node, incarnation)
    else this.#others.delete(node)
    this.#deps.events.emit('cordoned', { node, cordoned: on })
  }
}
