/**
 * Tells the other members what this node has written of children (roster.ts), as the strategy says:
 *
 *   pubsub   at the end of the turn, and before anything else is said to anybody: to all
 *   gossip   in rounds (rumours.ts). Before an answer, a digest, or the question whether it is kept: to that member,
 *            what it may not know and this is about. Before a new view is said: to all
 *
 * So with both of them who is answered knows the record, and a new home can know what the one before it wrote.
 */
import type { Clock, Timer } from '../base/ports.js'
import type { Peers } from '../link/peers.js'
import type { Child, MessageOf } from '../wire/messages.js'
import { inParts } from './children.js'
import { createRumours, noteKept, noteWritten, recentOf, sharesOf, takeRound } from './rumours.js'
import type { Sync } from './sync-strategy.js'

interface TellingDeps {
  readonly clock: Clock
  readonly peers: Peers
  readonly sync: Sync
  readonly chunkBytes: number
}

export class Telling {
  readonly #deps: TellingDeps
  readonly #rumours = createRumours()
  readonly #isGossip: boolean
  #turn = 0
  #timer: Timer | undefined
  #closed = false

  constructor(deps: TellingDeps) {
    this.#deps = deps
    this.#isGossip = deps.sync.name === 'gossip'
  }

  wrote(child: Child): void {
    const { clock, sync } = this.#deps
    if (!this.#isGossip && this.#rumours.written.size === 0) clock.soon(() => this.flush())
    noteWritten(this.#rumours, child)
    if (!this.#isGossip || this.#closed) return
    this.#timer ??= clock.after(sync.gatherMs, () => {
      this.#timer = undefined
      this.#round()
    })
  }

  /** Something is about to be said, of which others need not know what this node has written. */
  flush(): void {
    if (!this.#isGossip) this.toAll()
  }

  /** Now, to everybody. */
  toAll(): void {
    const children = this.#take()
    if (children.length === 0) return
    for (const part of this.#parts(children, [])) this.#deps.peers.broadcast(part)
  }

  /** It is about to compare its table with that one's. */
  beforeDigest(node: string): void {
    if (this.#isGossip) this.tell(node, [...this.#rumours.written.values()])
    else this.toAll()
  }

  /** It is about to hear what became of these. */
  beforeAnswer(node: string, names: Iterable<string>): void {
    if (this.#isGossip) this.tell(node, recentOf(this.#rumours, names))
    else this.toAll()
  }

  /** What no other member is known to have. With pubsub all were told on the links that they have. */
  get unkept(): Child[] {
    return this.#isGossip ? [...this.#rumours.unkept.values()] : []
  }

  kept(children: readonly Child[]): void {
    noteKept(this.#rumours, children)
  }

  /** @returns false when it could not be told all */
  tell(node: string, children: readonly Child[], pass: readonly string[] = []): boolean {
    for (const part of this.#parts(children, pass)) if (!this.#deps.peers.send(node, part)) return false
    return true
  }

  /** These are this node's to tell. */
  passOn(from: string, children: readonly Child[], pass: readonly string[]): void {
    if (pass.length === 0 || children.length === 0) return
    const given = new Set(pass)
    this.#spread(
      children,
      this.#members().filter((node) => node !== from && given.has(node)),
    )
  }

  close(): void {
    this.toAll()
    this.#closed = true
    this.#timer?.cancel()
  }

  #members(): string[] {
    return this.#deps.peers.live().map(({ node }) => node)
  }

  #round(): void {
    this.#spread(this.#take(), this.#members())
  }

  #take(): Child[] {
    const { clock, peers } = this.#deps
    if (this.#rumours.written.size === 0 || this.#closed) return []
    if (!this.#isGossip || peers.live().length === 0) this.#rumours.unkept.clear()
    const children = takeRound(this.#rumours, clock.now())
    if (!this.#isGossip) this.#rumours.told.clear()
    return children
  }

  /** Who has no link hears of it when he has one. */
  #spread(children: readonly Child[], members: readonly string[]): void {
    if (children.length === 0) return
    this.#turn += 1
    for (const share of sharesOf(members, this.#deps.sync.recipients, this.#turn)) {
      for (const [index, node] of share.entries()) if (this.tell(node, children, share.slice(index + 1))) break
    }
  }

  *#parts(children: readonly Child[], pass: readonly string[]): Iterable<MessageOf<'CHILDREN'>> {
    const more = pass.length === 0 ? {} : { pass }
    for (const part of inParts(children, this.#deps.chunkBytes)) {
      yield { type: 'CHILDREN', children: part, digest: [], ask: 0, answer: 0, settings: '', ...more }
    }
  }
}
