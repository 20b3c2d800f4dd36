/**
 * Drives quorum.ts: tells the members once a beat that this node hears them (QUORUM), counts what they tell, and stands
 * with the pulse in front of every callback, and with the settled view in front of every grant and verdict.
 *
 * A lease is given only to who was in a view that this node has settled on, and not before this life is as old as one:
 * what a former life of it gave holds for so long.
 */
import type { Events } from '../base/events.js'
import type { Identity } from '../base/ids.js'
import type { Limits } from '../base/limits.js'
import type { Clock, Logger, Timer } from '../base/ports.js'
import type { Peers } from '../link/peers.js'
import type { Views } from '../registry/views.js'
import type { MessageOf } from '../wire/messages.js'
import {
  type Electorate,
  mayDecide,
  newQuorum,
  type PartitionPolicy,
  type QuorumEvent,
  type QuorumState,
  sameElectorate,
  servesUntil,
  stepQuorum,
} from './quorum.js'

interface PartitionDeps {
  readonly clock: Clock
  readonly limits: Limits
  readonly events: Events
  readonly log: Logger
  readonly policy: PartitionPolicy
  readonly self: () => Identity
  readonly peers: Peers
  /** It serves again, or may decide again. */
  readonly resumed: () => void
}

/** A member's life, and what it and this node have told each other. */
interface Told {
  readonly incarnation: number
  /** The newest time of its own that it sent, as it said it. */
  sentAt: number
  /** The newest time of ours that it says it heard. */
  heardAt: number
  /** Who counts, as it said last. */
  electorate: Electorate | undefined
}

/** Of the down time: the rest is for clocks of different speed, and for what is under way. */
const LEASE_SHARE = 0.6

/** Who was a member so long ago still counts, under `dynamic`. */
const WITHIN_MS = 90_000

export class Partition {
  readonly #deps: PartitionDeps
  readonly #bornAt: number
  readonly #told = new Map<string, Told>()
  /** Name -> when it was last a member, for `dynamic`. */
  readonly #seen = new Map<string, number>()
  readonly #left = new Set<string>()
  /** Of the settled view: lives that have not ended since. */
  #agreed = new Set<string>()
  #state: QuorumState
  #until: number
  #view: readonly string[]
  #digest = ''
  #serving: boolean
  #timer: Timer | undefined
  #closed = false

  constructor(deps: PartitionDeps) {
    this.#deps = deps
    this.#bornAt = deps.clock.now()
    this.#state = newQuorum(deps.self().node, deps.policy)
    this.#view = [deps.self().node]
    const diverges = deps.policy === 'diverge'
    this.#until = diverges ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY
    this.#serving = diverges
    if (!diverges) this.#arm()
  }

  /** False: no callback starts here (G1). */
  get serves(): boolean {
    return this.#until === Number.POSITIVE_INFINITY || this.#deps.clock.now() < this.#until
  }

  /** Granting names and judging the dead, in a settled view. */
  get decides(): boolean {
    const { policy } = this.#deps
    return policy === 'diverge' || (this.serves && mayDecide(policy, this.#state, this.#view, this.#recent()))
  }

  /** An operator: these members are all that there are. */
  reset(): void {
    const names = [this.#deps.self().node, ...this.#deps.peers.live().map(({ node }) => node)]
    this.#step({ type: 'reset', names })
  }

  /** Before any view is said on that link: a view is judged with what its members told. */
  memberUp({ node, incarnation }: { readonly node: string; readonly incarnation: number }): void {
    if (this.#deps.policy === 'diverge') return
    if (this.#told.get(node)?.incarnation !== incarnation)
      this.#told.set(node, {
        ...{ incarnation, sentAt: 0, heardAt: Number.NEGATIVE_INFINITY, electorate: undefined },
      })
    this.#left.delete(node)
    this.#say(node)
  }

  memberDown(node: string, left: boolean): void {
    this.#told.delete(node)
    // Its next life has been in no settled view.
    this.#agreed.delete(node)
    if (left) this.#left.add(node)
    this.#count()
  }

  received(
    { node, incarnation }: { readonly node: string; readonly incarnation: number },
    { sentAt, echo, serial, nodes: names, least }: MessageOf<'QUORUM'>,
  ): void {
    const told = this.#told.get(node)
    if (told === undefined || told.incarnation !== incarnation) return
    told.sentAt = Math.max(told.sentAt, sentAt)
    // No later than now: nobody has heard what was not sent.
    if (echo !== undefined) told.heardAt = Math.max(told.heardAt, Math.min(echo, this.#deps.clock.now()))
    // None: those that it was told by us.
    if (names.length === 0) return this.#count()
    told.electorate = { serial, names, least }
    this.#step({ type: 'told', electorate: told.electorate })
  }

  /** The view of the registry, after each change. */
  viewed({ members, digest, settled }: Views): void {
    if (this.#deps.policy === 'diverge') return
    const view = members.map(({ node }) => node)
    this.#view = view
    if (digest !== '' && digest !== this.#digest) this.#step({ type: 'agreed', view, left: this.#left })
    this.#digest = digest
    if (!settled) return
    this.#agreed = new Set(view)
    this.#step({ type: 'settled', view, left: this.#left })
  }

  close(): void {
    this.#closed = true
    this.#timer?.cancel()
  }

  #step(event: QuorumEvent): void {
    const { peers } = this.#deps
    const before = this.#state
    this.#state = stepQuorum(before, event)
    // Whoever hears of a later view must have heard of this before.
    if (this.#state.now !== before.now) for (const { node } of peers.live()) this.#say(node)
    this.#count()
  }

  /** How many were members not long ago, this node among them. */
  #recent(): number {
    const { policy, clock, peers } = this.#deps
    const withinMs = (typeof policy === 'object' && policy.quorum === 'dynamic' && policy.withinMs) || WITHIN_MS
    const now = clock.now()
    for (const { node } of peers.live()) this.#seen.set(node, now)
    for (const [node, at] of this.#seen) if (now - at > withinMs || this.#left.has(node)) this.#seen.delete(node)
    return this.#seen.size + 1
  }

  #count(): void {
    const { policy, limits, peers, clock, events, log, resumed } = this.#deps
    if (policy === 'diverge' || this.#closed) return
    const voters = peers.live().map(({ node }) => ({
      node,
      heardAt: this.#told.get(node)?.heardAt ?? Number.NEGATIVE_INFINITY,
    }))
    this.#until = servesUntil(policy, this.#state, voters, this.#recent(), this.#leaseMs)
    if (this.serves === this.#serving) return
    this.#serving = this.serves
    const members = voters.length + 1
    events.emit('quorum', { serving: this.#serving, members })
    const what = this.#serving ? 'serves again' : `runs nothing until it hears enough members for ${limits.downMs} ms`
    log.warn({ members, until: Math.round(this.#until - clock.now()) }, `quorum: this node ${what}`)
    // A view is heard of while the registry is being made.
    if (this.#serving) clock.soon(resumed)
  }

  get #leaseMs(): number {
    return this.#deps.limits.downMs * LEASE_SHARE
  }

  #say(node: string): void {
    const { clock, peers } = this.#deps
    const told = this.#told.get(node)
    if (told === undefined) return
    const grants = this.#agreed.has(node) && clock.now() - this.#bornAt >= this.#leaseMs && told.sentAt > 0
    const { now } = this.#state
    const known = told.electorate !== undefined && sameElectorate(told.electorate, now)
    const { serial, names, least } = now
    const electorate = { serial, nodes: known ? [] : names, least }
    const sentAt = Math.floor(clock.now())
    peers.send(node, { type: 'QUORUM', sentAt, ...(grants ? { echo: told.sentAt } : {}), ...electorate })
  }

  #arm(): void {
    this.#timer = this.#deps.clock.after(this.#deps.limits.heartbeatMs, () => {
      for (const { node } of this.#deps.peers.live()) this.#say(node)
      this.#count()
      if (!this.#closed) this.#arm()
    })
  }
}
