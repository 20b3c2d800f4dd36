/**
 * Who belongs to the cluster and lives: one machine (machine.ts) for each other member, fed by links and time.
 *
 *   seeds, MEMBERS --> keep a link --up--> machine --> nodeup, memberUp --> MEMBERS to it, the newcomer to the others
 *                                   down, refused, silence --> machine --> nodedown, memberDown
 *
 * Hearsay makes a node dial, nothing else: MEMBERS neither brings a member up nor down.
 * Silence is counted in beats of `heartbeatMs`, each for at most two: a node that stood still accuses nobody at once.
 */
import type { ErrorCode } from '../base/errors.js'
import type { Events } from '../base/events.js'
import { type Address, addressText, type Identity } from '../base/ids.js'
import type { Limits } from '../base/limits.js'
import type { Clock, Logger, Timer } from '../base/ports.js'
import type { Verdict } from '../link/machine.js'
import type { Peers } from '../link/peers.js'
import type { Member, Message, MessageOf, Standing } from '../wire/messages.js'
import { Keeping } from './keeping.js'
import {
  type DownReason,
  isLiveState,
  type MemberEffect,
  type MemberEvent,
  type MemberState,
  stepMember,
  unknownMember,
} from './machine.js'
import { type Acquaintance, Probation } from './probation.js'
import { isCondemned, standingOf } from './standing.js'

/** What membership needs of a link. */
export interface MemberLink {
  readonly peer: Identity & {
    readonly address: Address
    readonly member: boolean
    readonly said?: Standing | undefined
    readonly heard?: Standing | undefined
  }
  readonly up: boolean
  /** How long the peer has said nothing, in ms. */
  readonly silentMs: number
  send(message: Message): void
  close(code: ErrorCode | 'left', reason: string): void
}

interface MemberLinks {
  to(cluster: string, node: string): MemberLink | undefined
  keep(address: Address, options: { readonly joining: boolean }): void
  release(address: Address): void
}

interface MembershipDeps {
  readonly clock: Clock
  readonly log: Logger
  readonly events: Events
  readonly limits: Limits
  readonly links: MemberLinks
  readonly self: () => Identity
  /** It has a quorum. */
  readonly serves: () => boolean
  readonly handlers: {
    /** A link to a live member is up. `first`: this life was not a member before. It is in `live()` already. */
    memberUp(member: Member, first: boolean): void
    /** This life is over. It is not in `live()` any more. */
    memberDown(member: Member, reason: DownReason): void
    /** A life that was down for its silence has ended indeed. Once; before the `memberUp` of a newer life. */
    memberProved(member: Member): void
    /** This life of this node is dead for others, and it is the one that gives way: it must begin a new one. */
    condemned?(by: Identity): void
  }
}

interface Known {
  readonly node: string
  address: Address
  state: MemberState
  /** Counted silence, in ms. */
  silentMs: number
  /** Since when it is unknown or over. */
  since: number
}

/** How long a life that has ended, and a node that others named and nobody answers for, is still dialed. */
const FORGET_MS = 10 * 60_000
/** And one that is dead by its silence alone: it may live beyond a cut, and only meeting it heals that. */
const FORGET_SILENT_MS = 24 * 60 * 60_000

export class Membership implements Peers {
  readonly #deps: MembershipDeps
  readonly #known = new Map<string, Known>()
  readonly #keeping: Keeping
  readonly #probation: Probation
  #live: readonly Member[] = []
  #beat: Timer | undefined
  #beatAt = 0
  #closed = false

  constructor(deps: MembershipDeps) {
    this.#deps = deps
    this.#keeping = new Keeping(deps)
    this.#probation = new Probation(deps)
  }

  /** Dials the seeds, and from then on everybody they know. What was a seed and is none any more is let go. */
  seeds(addresses: readonly Address[]): void {
    this.#keeping.seeds(addresses, new Set([...this.#known.values()].map(({ address }) => addressText(address))))
  }

  /** @returns false when the link was not taken: not a member's, or one that was turned away */
  linkUp(link: MemberLink): boolean {
    const { peer } = link
    const { node } = this.#deps.self()
    if (this.#closed || !peer.member || peer.node === node) return false
    if (isCondemned(node, peer)) {
      link.close('ERR_WRONG_PEER', 'this life was declared dead')
      this.#deps.handlers.condemned?.(peer)
      return false
    }
    const known = this.#known.get(peer.node) ?? this.#add(peer.node, peer.address, true)
    if (known === undefined) {
      link.close('ERR_LINK_LIMIT', 'too many members')
      return false
    }
    const moved = addressText(known.address) !== addressText(peer.address)
    const older = peer.incarnation < known.state.incarnation
    if (moved && !older) {
      this.#keeping.forget(known.address)
      known.address = peer.address
    }
    known.silentMs = 0
    if (isLiveState(known.state) && peer.incarnation > known.state.incarnation) this.#step(known, { type: 'restarted' })
    this.#step(known, { type: 'linkUp', incarnation: peer.incarnation }, link)
    return isLiveState(known.state) && known.state.incarnation === peer.incarnation
  }

  /** May it have a link? It is told what this node thinks of its life. */
  admit({ node, incarnation }: Identity): Verdict {
    if (this.#probation.isHeld(node, incarnation))
      return { type: 'refuse', code: 'ERR_WRONG_PEER', reason: 'nobody has named this life yet' }
    const { self, serves } = this.#deps
    return { type: 'take', standing: standingOf(self().node, this.#live, this.isDead(node, incarnation), serves()) }
  }

  linkDown(link: MemberLink, code: string, reason: string): void {
    const { peer } = link
    const known = this.#known.get(peer.node)
    if (this.#closed || !peer.member || known?.state.incarnation !== peer.incarnation) return
    // Its successor comes up in this very moment. If it does not, the next beat finds no link.
    if (code === 'ERR_LINK_LOST' && (reason === 'replaced' || reason === 'restarted')) return
    known.silentMs = link.silentMs
    this.#step(known, { type: 'linkDown', left: code === 'left' })
    if (known.silentMs >= this.#deps.limits.downMs) this.#step(known, { type: 'silent' })
  }

  /** A kept address has refused connections for so long. */
  refused(address: Address, forMs: number): void {
    if (forMs < this.#deps.limits.refusedMs || this.#closed) return
    const text = addressText(address)
    for (const known of [...this.#known.values()]) {
      if (addressText(known.address) === text && !this.#linked(known)) this.#step(known, { type: 'refused' })
    }
  }

  received(_link: MemberLink, { members }: MessageOf<'MEMBERS'>): void {
    if (this.#closed) return
    const me = this.#deps.self().node
    this.#probation.named(members)
    for (const { node, incarnation, address } of members) {
      const known = this.#known.get(node)
      if (node === me || (known !== undefined && known.state.incarnation >= incarnation)) continue
      if (known === undefined) this.#add(node, address, false)
      // Another life of one we know, or another place: the link will tell.
      else if (!this.#linked(known)) this.#keeping.keep(address)
    }
    this.#arm()
  }

  /** An operator says that this member is dead. @returns false when it is not a live member */
  declareDead(node: string): boolean {
    const known = this.#known.get(node)
    if (known === undefined || !isLiveState(known.state)) return false
    this.#step(known, { type: 'declared' }, this.#linkTo(node))
    return true
  }

  /** The other live members, sorted. */
  names(): string[] {
    return this.#live.map((member) => member.node)
  }

  address(node: string): Address | undefined {
    return this.#known.get(node)?.address
  }

  live(): readonly Member[] {
    return this.#live
  }

  /** Has every live member said something since then, over a link that is up? */
  heardAll(since: number): boolean {
    const ms = this.#deps.clock.now() - since
    return this.#live.every(({ node }) => (this.#linkTo(node)?.silentMs ?? ms) < ms)
  }

  isLive(node: string, incarnation: number): boolean {
    const self = this.#deps.self()
    if (node === self.node) return incarnation === self.incarnation
    const state = this.#known.get(node)?.state
    return state !== undefined && isLiveState(state) && state.incarnation === incarnation
  }

  isDead(node: string, incarnation: number): boolean {
    const self = this.#deps.self()
    if (node === self.node) return incarnation < self.incarnation
    const state = this.#known.get(node)?.state
    if (state === undefined || state.phase === 'unknown') return false
    return incarnation < state.incarnation || (incarnation === state.incarnation && !isLiveState(state))
  }

  send(node: string, message: Message): boolean {
    const link = this.#linkTo(node)
    const state = this.#known.get(node)?.state
    if (link === undefined || state === undefined || !isLiveState(state)) return false
    if (link.peer.incarnation !== state.incarnation) return false
    link.send(message)
    return true
  }

  broadcast(message: Message): void {
    for (const { node } of this.#live) this.send(node, message)
  }

  /** Where others may be, as an earlier life of this node knew them. Those lives are taken when named. */
  meet(members: readonly Acquaintance[], by: string): void {
    const me = this.#deps.self().node
    this.#probation.hold(members.filter(({ node }) => node !== by))
    for (const { node, address } of members) if (node !== me && !this.#known.has(node)) this.#add(node, address, false)
    this.#arm()
  }

  /** All that have not left. */
  acquaintances(): Acquaintance[] {
    const all = [...this.#known.values()].filter(({ state }) => state.phase !== 'left')
    return all.map(({ node, address, state }) => ({ node, address, incarnation: state.incarnation }))
  }

  size(): { known: number; live: number; kept: number } {
    return { known: this.#known.size, live: this.#live.length, kept: this.#keeping.size }
  }

  /** Stops watching and dialing. Tells nobody: the links do. */
  close(): void {
    this.#closed = true
    this.#beat?.cancel()
    this.#keeping.close()
  }

  #linkTo(node: string): MemberLink | undefined {
    const link = this.#deps.links.to(this.#deps.self().cluster, node)
    return link?.up === true ? link : undefined
  }

  #linked(known: Known): boolean {
    const link = this.#linkTo(known.node)
    return link !== undefined && link.peer.incarnation === known.state.incarnation
  }

  /** @param linked  it is there itself; else somebody has told of it */
  #add(node: string, address: Address, linked: boolean): Known | undefined {
    const { limits, clock, events } = this.#deps
    if (this.#known.size >= limits.membersMax && !this.#makeRoom(linked)) {
      events.emit('limit', { limit: 'membersMax', name: node, value: this.#known.size })
      return undefined
    }
    const known: Known = { node, address, state: unknownMember, silentMs: 0, since: clock.now() }
    this.#known.set(node, known)
    this.#keeping.keep(address)
    return known
  }

  /**
   * Forgets the life that has been over for longest: a verdict should be remembered as long as there is room. For a
   * member that is there, also what was only told of: hearsay must not keep it out.
   */
  #makeRoom(linked: boolean): boolean {
    let oldest: Known | undefined
    for (const known of this.#known.values()) {
      const { phase } = known.state
      const over = phase === 'dead' || phase === 'left' || (linked && phase === 'unknown')
      if (over && known.since < (oldest?.since ?? Number.POSITIVE_INFINITY)) oldest = known
    }
    if (oldest === undefined) return false
    this.#keeping.forget(oldest.address)
    return this.#known.delete(oldest.node)
  }

  #step(known: Known, event: MemberEvent, link?: MemberLink): void {
    const { state, effects } = stepMember(known.state, event)
    if (isLiveState(known.state) && !isLiveState(state)) known.since = this.#deps.clock.now()
    known.state = state
    this.#refresh()
    this.#arm()
    for (const effect of effects) this.#perform(known, effect, link, effects)
  }

  #perform(known: Known, effect: MemberEffect, link: MemberLink | undefined, all: readonly MemberEffect[]): void {
    const { events, handlers } = this.#deps
    const { node, address } = known
    switch (effect.type) {
      case 'up':
        this.#keeping.keep(address)
        events.emit('nodeup', { node, incarnation: effect.incarnation, address: addressText(address) })
        return
      case 'linked': {
        const member: Member = { node, incarnation: known.state.incarnation, address }
        const first = all.some(({ type }) => type === 'up')
        this.#introduce(member, first)
        handlers.memberUp(member, first)
        return
      }
      case 'down': {
        const { incarnation, reason } = effect
        // Who is dead by a verdict may live: it is dialed on, and when it is met one of both gives way (standing.ts).
        if (reason === 'left') this.#keeping.forget(address)
        events.emit('nodedown', { node, incarnation, reason })
        handlers.memberDown({ node, incarnation, address }, reason)
        return
      }
      case 'proved':
        handlers.memberProved({ node, incarnation: effect.incarnation, address })
        return
      case 'suspected':
        events.emit('suspected', { node, incarnation: effect.incarnation, suspect: effect.suspect })
        return
      case 'turnAway':
        this.#deps.log.warn({ member: node, reason: effect.reason }, 'a member was turned away')
        link?.close('ERR_WRONG_PEER', effect.reason)
    }
  }

  /** It hears of all, all hear of it: whoever cannot reach it by dialing is dialed. */
  #introduce(member: Member, first: boolean): void {
    const others = this.#live.filter(({ node }) => node !== member.node)
    if (others.length > 0) this.send(member.node, { type: 'MEMBERS', members: others.slice(0, 1_024) })
    if (first) for (const { node } of others) this.send(node, { type: 'MEMBERS', members: [member] })
  }

  #refresh(): void {
    const live: Member[] = []
    for (const { node, state, address } of this.#known.values()) {
      if (isLiveState(state)) live.push({ node, incarnation: state.incarnation, address })
    }
    this.#live = live.sort((a, b) => (a.node < b.node ? -1 : 1))
  }

  #arm(): void {
    if (this.#beat !== undefined || this.#closed || this.#known.size === 0) return
    this.#beatAt = this.#deps.clock.now()
    this.#beat = this.#deps.clock.after(this.#deps.limits.heartbeatMs, () => {
      this.#beat = undefined
      this.#look()
      this.#arm()
    })
  }

  #look(): void {
    const { clock, limits } = this.#deps
    const passedMs = Math.min(clock.now() - this.#beatAt, 2 * limits.heartbeatMs)
    for (const known of [...this.#known.values()]) {
      if (isLiveState(known.state)) this.#watch(known, passedMs)
      else if (clock.now() - known.since >= (known.state.unproved === true ? FORGET_SILENT_MS : FORGET_MS))
        this.#giveUp(known)
    }
  }

  #watch(known: Known, passedMs: number): void {
    const { limits } = this.#deps
    if (this.#linked(known)) {
      known.silentMs = 0
      const quiet = (this.#linkTo(known.node)?.silentMs ?? 0) >= limits.suspectMs
      this.#step(known, { type: quiet ? 'quiet' : 'heard' })
      return
    }
    known.silentMs += passedMs
    this.#step(known, { type: 'quiet' })
    if (known.silentMs >= limits.downMs) this.#step(known, { type: 'silent' })
  }

  #giveUp(known: Known): void {
    this.#keeping.release(known.address)
    if (known.state.phase === 'unknown') this.#known.delete(known.node)
  }
}
