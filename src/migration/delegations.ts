/**
 * Names whose process lives in another cluster than some of its callers.
 *
 *   home cluster                     the process's cluster
 *   callers --> G gateway  ==TCP==>  D
 *                    <-- LOCATED ---      after each move, and at its end (the news of a death comes home)
 *                    --- LOCATED_OK ->
 *                    --- WHERE ------>    after D's restart, and from a new gateway when G is dead
 *
 * At D a process carries the list of clusters that send to it through a gateway. At G the name stands in the registry
 * with `via`, the address behind the gateway. A return to a cluster ends its delegation; one that is not the home's
 * ends when nobody has used it for delegationIdleMs (G12).
 */
import { type Address, addressText, type Identity, sameIdentity } from '../base/ids.js'
import type { Timer } from '../base/ports.js'
import type { Link } from '../link/link.js'
import { isPlausible } from '../registry/ledger.js'
import type { Delegation, Entry, MessageOf } from '../wire/messages.js'
import type { MoveContext } from './context.js'

const REPEAT_MS = 1_000
/** The kind in the word of a node that has no memory of the name. */
const UNKNOWN = ''
/** In one PREPARE: its field's limit. */
const DELEGATIONS_MAX = 16

/** News for one gateway, repeated until it says LOCATED_OK. */
interface News {
  readonly delegation: Delegation
  readonly entry: Entry
  readonly letGo: () => void
  timer: Timer
  readonly until: number
}

/** The other side of a gateway. */
interface Through {
  /** '' until the process has said where it is */
  cluster: string
  readonly address: Address
  readonly home: boolean
  readonly letGo: () => void
  usedAt: number
  /** It was asked where it is, and has not been heard since. */
  asked: boolean
}

/** How the entry of a name ends where it was a guest, or was about to be one: that is no end of the process. */
export const EXPIRED = 'delegation expired'
export const NOT_MOVED = 'not moved here'

export class Delegations {
  readonly #context: MoveContext
  /** At D: by name, the clusters that send through a gateway. */
  readonly #mine = new Map<string, readonly Delegation[]>()
  /** By name, the clusters that were given it with the process, and since when it is not here any more. */
  readonly #guests = new Map<string, { readonly clusters: ReadonlySet<string>; leftAt: number }>()
  /** By name, the cluster it came from, and the epoch since which its gateway there knows that. */
  readonly #leftFor = new Map<string, { readonly cluster: string; readonly epoch: number }>()
  readonly #news = new Map<string, News>()
  /** At G: by name, how to let go of the link to the process's node, and when it was last used. */
  readonly #through = new Map<string, Through>()

  constructor(context: MoveContext) {
    this.#context = context
  }

  get size(): number {
    return this.#mine.size + this.#news.size + this.#through.size
  }

  // ---- at the process

  of(name: string): readonly Delegation[] {
    return this.#mine.get(name) ?? []
  }

  /** May a node of that cluster use the name here? Later too, for what was on its way at a move or an end. */
  serves(name: string, cluster: string): boolean {
    return this.#guests.get(name)?.clusters.has(cluster) === true
  }

  /** The list that goes with a move: without the cluster it goes to, with this one if it leaves this one. */
  forMove(name: string, to: string): Delegation[] {
    const { identity, address } = this.#context.self()
    const { cluster, node, incarnation } = identity
    const list = this.of(name).filter((known) => known.cluster !== to && known.cluster !== cluster)
    if (to === cluster) return list
    // Where it was started is its home: nobody there may ever take its silence for an end.
    const home = !this.of(name).some((known) => known.home)
    // PREPARE has room for so many. The home stays, those that were left first go.
    const kept = [...list.filter((one) => one.home), ...list.filter((one) => !one.home).slice(-DELEGATIONS_MAX + 2)]
    return [...kept, { cluster, node, incarnation, address, home }]
  }

  /** It runs here now: its gateways are told. */
  arrived(entry: Entry, delegations: readonly Delegation[], from: Identity): void {
    this.stopThrough(entry.name)
    const { cluster } = this.#context.self().identity
    const others = delegations.filter((known) => known.cluster !== cluster)
    this.#guests.delete(entry.name)
    this.left(entry.name)
    if (others.length === 0) return
    this.#mine.set(entry.name, others)
    if (others.some((known) => sameIdentity(known, from)))
      this.#leftFor.set(entry.name, { cluster: from.cluster, epoch: entry.epoch })
    const clusters = new Set(others.map((known) => known.cluster))
    this.#guests.set(entry.name, { clusters, leftAt: Number.POSITIVE_INFINITY })
    for (const delegation of others) this.#tell(delegation, entry)
  }

  /** It was woken here, and its gateways may have been told of the node that died. */
  woken(name: string): void {
    const entry = this.#context.directory.lookup(name)
    if (entry === undefined || this.#context.table.get(name)?.accepting !== true) return
    for (const delegation of this.of(name)) this.#tell(delegation, entry)
  }

  /** It left, or its move was given up. */
  left(name: string): void {
    this.#mine.delete(name)
    this.#leftFor.delete(name)
    const guests = this.#guests.get(name)
    if (guests !== undefined) guests.leftAt = this.#context.clock.now()
  }

  /** It has ended: the news goes to every cluster that knows it through a gateway. */
  ended(entry: Entry): void {
    for (const delegation of this.of(entry.name)) this.#tell(delegation, entry)
    this.left(entry.name)
  }

  #tell(delegation: Delegation, entry: Entry): void {
    const { clock, limits, roads } = this.#context
    const key = `${delegation.cluster}|${entry.name}`
    this.#settled(key)
    const send = (): void => {
      const news = this.#news.get(key)
      if (news === undefined) return
      if (clock.now() > news.until) return this.#settled(key)
      const { address, identity } = this.#context.self()
      // Any life of the gateway will do: a new one keeps the delegation if its cluster still lives.
      void roads.connect(delegation.address).then(
        (link) => link.send({ type: 'LOCATED', entry, cluster: identity.cluster, address }),
        () => undefined,
      )
      news.timer = clock.after(REPEAT_MS, send)
    }
    const until = clock.now() + limits.endedMs
    this.#news.set(key, {
      delegation,
      entry,
      letGo: roads.keep(delegation.address),
      timer: clock.after(0, send),
      until,
    })
  }

  #settled(key: string): void {
    const news = this.#news.get(key)
    news?.timer.cancel()
    news?.letGo()
    this.#news.delete(key)
  }

  locatedOk(link: Link, { name, epoch }: MessageOf<'LOCATED_OK'>): void {
    const { cluster, node } = link.peer
    const key = `${cluster}|${name}`
    const news = this.#news.get(key)
    if (news === undefined || news.entry.epoch > epoch) return
    // Only a gateway has heard it for its cluster: the one that was told, or its successor.
    if (node !== news.delegation.node && node !== this.gatewayOf(name, cluster)?.node)
      return this.#violation(link, 'LOCATED_OK', name)
    this.#settled(key)
    // Answers that overtook the news were not believed there; those that are still kept go again, now.
    const process = this.#context.table.get(name)
    if (process?.accepting === true) this.#context.replies.resend(process)
  }

  /** A gateway asks where the process is: it may be another gateway than before. */
  where(link: Link, { name, epoch }: MessageOf<'WHERE'>): void {
    const { identity, address } = this.#context.self()
    const { cluster, node, incarnation } = link.peer
    // Whoever was not given the name hears of it what he would hear of one that nobody has.
    const given = this.serves(name, cluster)
    if (!given && this.#mayLive(name, epoch)) return
    const entry = given ? this.#context.directory.lookup(name) : undefined
    const process = this.#context.table.get(name)
    const known = this.of(name).find((one) => one.cluster === cluster)
    // It was the gateway once, and has not heard of the last departure. The one that is would hear no answer any more.
    const left = this.#leftFor.get(name)
    const outdated = left?.cluster === cluster && epoch < left.epoch
    if (outdated && known !== undefined && known.node !== node && !this.#context.isDead(known)) return
    if (process?.accepting === true && known !== undefined) {
      const renewed: Delegation = { cluster, node, incarnation, address: link.peer.address, home: known.home }
      this.#mine.set(name, [...this.of(name).filter((one) => one.cluster !== cluster), renewed])
    }
    const gone: Entry = {
      name,
      kind: UNKNOWN,
      node: identity.node,
      incarnation: identity.incarnation,
      epoch,
      line: epoch,
      status: 'ended',
      reason: 'nodedown',
    }
    const told = entry !== undefined && entry.epoch >= epoch ? entry : gone
    const at =
      told.status === 'live' && told.node !== identity.node ? this.#addressOf(told.node) : (told.via ?? address)
    if (at === undefined) return
    // Behind a gateway here it may be the asker's own cluster, to which it has gone home.
    const behind = told.via === undefined ? undefined : this.#through.get(name)?.cluster
    link.send({ type: 'LOCATED', entry: told, cluster: behind ?? identity.cluster, address: at })
  }

  #isOurs(address: Address): boolean {
    const { peers, self } = this.#context
    return [self(), ...peers.live()].some((one) => addressText(one.address) === addressText(address))
  }

  /**
   * G1: a restarted node has forgotten to whom it gave a name, and that it moved on from here: who runs it tells its
   * gateways himself. Somebody who was never given it does not know its epochs, and hears what is said below.
   */
  #mayLive(name: string, epoch: number): boolean {
    const { directory } = this.#context
    const entry = directory.lookup(name)
    return !directory.settled || (entry?.status === 'live' && entry.line <= epoch && epoch <= entry.epoch)
  }

  #addressOf(node: string): Address | undefined {
    return this.#context.peers.live().find((member) => member.node === node)?.address
  }

  // ---- at the gateway

  /** A process of ours has left to another cluster: this node is its gateway. */
  departed(entry: Entry, to: { readonly cluster: string; readonly address: Address }, home: boolean): void {
    const { identity } = this.#context.self()
    const { node, incarnation } = identity
    const { cluster, address } = to
    this.#goThrough(entry.name, { cluster, address, home })
    this.#context.directory.publish({ ...entry, node, incarnation, status: 'live', reason: '', via: address })
    this.#context.events.emit('delegated', { name: entry.name, epoch: entry.epoch, address: addressText(address) })
  }

  located(link: Link, { entry, cluster, address }: MessageOf<'LOCATED'>): void {
    const { directory, self, log } = this.#context
    const { identity } = self()
    const known = directory.lookup(entry.name)
    if (known?.via !== undefined && known.status === 'live' && !this.#mayLocate(link, known, entry)) return
    if (entry.status === 'ended' && entry.kind === UNKNOWN && this.#isTooEarly(link)) return
    const through = this.#through.get(entry.name)
    if (through !== undefined) through.asked = false
    link.send({ type: 'LOCATED_OK', name: entry.name, epoch: entry.epoch })
    // Only of a name that is known here to be away, and never backwards (G2).
    if (known?.via === undefined || entry.epoch < known.epoch) return
    // It has come home: its node says so itself. A gateway to a member would be a second owner in the same epoch (G1).
    if (cluster === identity.cluster || (entry.status === 'live' && this.#isOurs(address))) return
    const { node, incarnation } = identity
    if (entry.status === 'ended') {
      this.stopThrough(entry.name)
      log.info({ name: entry.name, reason: entry.reason }, `${entry.name} ended in another cluster: ${entry.reason}`)
      directory.publish({
        ...known,
        epoch: entry.epoch,
        line: entry.line,
        node,
        incarnation,
        status: 'ended',
        reason: entry.reason,
      })
      return
    }
    if (known.node !== node) return
    const same =
      known.epoch === entry.epoch && known.line === entry.line && addressText(known.via) === addressText(address)
    this.#goThrough(entry.name, { cluster, address, home: this.#through.get(entry.name)?.home ?? true })
    if (!same) directory.publish({ ...known, epoch: entry.epoch, line: entry.line, incarnation, via: address })
    this.#context.callBack(entry.name)
  }

  /** A node that has just begun may not have met who runs it now. It is asked again. */
  #isTooEarly({ upAt }: Link): boolean {
    return this.#context.clock.now() - upAt < this.#context.limits.downMs
  }

  /**
   * Who may say where a name is that has left: the node it is known to be on, and its cluster, to which it was given.
   * Of anybody else it is a hint, and that node is asked.
   */
  #mayLocate(link: Link, known: Entry, { name, epoch, line }: Entry): boolean {
    const { peer } = link
    const { via } = known
    const possible = line <= epoch && isPlausible(epoch, known.epoch, this.#context.clock.wall())
    if (peer.member || via === undefined || !possible) {
      this.#violation(link, 'LOCATED', name)
      return false
    }
    const there = addressText(peer.address) === addressText(via)
    if (there || peer.cluster === this.#through.get(name)?.cluster) return true
    // Whoever asks is taken for the gateway there.
    if (known.node === this.#context.self().identity.node) this.#ask(name, via, known.epoch)
    this.#violation(link, 'LOCATED', name)
    return false
  }

  #violation({ peer }: Link, what: string, name: string): void {
    const text = `${what} of a name that is not its to tell of`
    this.#context.events.emit('violation', { peer: peer.node, what: text, name })
  }

  /** This node becomes the gateway of a name whose gateway died. */
  adopt(entry: Entry): void {
    if (entry.via === undefined) return
    this.#goThrough(entry.name, { cluster: '', address: entry.via, home: true })
    this.#ask(entry.name, entry.via, entry.epoch)
  }

  #ask(name: string, address: Address, epoch: number): void {
    const through = this.#through.get(name)
    if (through !== undefined) through.asked = true
    void this.#context.roads.connect(address).then(
      (link) => link.send({ type: 'WHERE', name, epoch }),
      () => undefined,
    )
  }

  /** A link to another cluster came up: names behind it may have moved or died while it was down. */
  linkUp(link: Link): void {
    for (const [name, through] of this.#through) {
      const entry = this.#context.directory.lookup(name)
      if (entry?.via === undefined || addressText(through.address) !== addressText(link.peer.address)) continue
      through.asked = true
      link.send({ type: 'WHERE', name, epoch: entry.epoch })
    }
  }

  /** Somebody used the gateway. */
  used(name: string): void {
    const through = this.#through.get(name)
    if (through !== undefined) through.usedAt = this.#context.clock.now()
  }

  #goThrough(name: string, to: Pick<Through, 'cluster' | 'address' | 'home'>): void {
    const before = this.#through.get(name)
    if (before !== undefined && addressText(before.address) === addressText(to.address)) {
      before.cluster = to.cluster
      return
    }
    const letGo = this.#context.roads.keep(to.address)
    this.#through.set(name, { ...to, letGo, usedAt: this.#context.clock.now(), asked: false })
    before?.letGo()
  }

  /**
   * An operator says that the process behind this gateway will not come back: its name is free at home. If it lives all
   * the same, it meets a claimed name when it returns.
   */
  giveUp(name: string): boolean {
    const entry = this.#context.directory.lookup(name)
    if (!this.#through.has(name) || entry?.via === undefined) return false
    this.stopThrough(name)
    this.#context.directory.publish({
      ...entry,
      epoch: entry.epoch + 1,
      status: 'ended',
      reason: 'given up by an operator',
    })
    return true
  }

  /** The registry says who is its gateway now, or that it needs none: whoever was it before leads nowhere (G12). */
  registered({ name, node, status, via }: Entry): void {
    if (!this.#through.has(name)) return
    if (status === 'ended' || via === undefined || node !== this.#context.self().identity.node) this.stopThrough(name)
  }

  stopThrough(name: string): void {
    this.#through.get(name)?.letGo()
    this.#through.delete(name)
  }

  /** Delegations that are not the home's and that nobody uses are let go: their cluster forgets the name. */
  sweep(): void {
    const { clock, limits } = this.#context
    const gone = clock.now() - limits.endedMs
    for (const [name, { leftAt }] of this.#guests)
      if (leftAt < gone && !this.#through.has(name)) this.#guests.delete(name)
    const before = clock.now() - limits.delegationIdleMs
    for (const [name, through] of this.#through) {
      const entry = this.#context.directory.lookup(name)
      if (through.asked && entry?.via !== undefined) this.#ask(name, entry.via, entry.epoch)
      if (through.home || through.usedAt > before) continue
      this.stopThrough(name)
      if (entry?.via !== undefined) this.#context.directory.publish({ ...entry, status: 'ended', reason: EXPIRED })
    }
  }

  /** How to reach a gateway of that cluster for the process, for replies. */
  gatewayOf(name: string, cluster: string): Identity | undefined {
    return this.of(name).find((known) => known.cluster === cluster)
  }

  close(): void {
    for (const key of [...this.#news.keys()]) this.#settled(key)
    for (const name of [...this.#through.keys()]) this.stopThrough(name)
  }
}
