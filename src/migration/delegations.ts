/**
 * Names whose process lives in another cluster than some of its callers, at the process (its gateways: gateways.ts).
 *
 *   home cluster                     the process's cluster
 *   callers --> G gateway  ==TCP==>  D
 *                    <-- LOCATED ---      after each move, and at its end (the news of a death comes home)
 *                    --- LOCATED_OK ->
 *                    --- WHERE ------>    after D's restart, and from a new gateway when G is dead
 *
 * At D a process carries the list of clusters that send to it through a gateway. A return to a cluster ends its
 * delegation; one that is not the home's ends when nobody has used it for delegationIdleMs (G12).
 */
import { type Address, type Identity, sameIdentity } from '../base/ids.js'
import type { Timer } from '../base/ports.js'
import type { Link } from '../link/link.js'
import { isNoEnd, NODE_DOWN } from '../registry/reasons.js'
import type { Delegation, Entry, MessageOf } from '../wire/messages.js'
import { type MoveContext, notToTell, UNKNOWN } from './context.js'
import type { Gateways } from './gateways.js'

const REPEAT_MS = 1_000
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

export class Delegations {
  readonly #context: MoveContext
  readonly #gateways: Gateways
  /** By name, the clusters that send through a gateway. */
  readonly #mine = new Map<string, readonly Delegation[]>()
  /** By name, the clusters that were given it with the process, and since when it is not here any more. */
  readonly #guests = new Map<string, { readonly clusters: ReadonlySet<string>; leftAt: number }>()
  /** By name, the cluster it came from, and the epoch since which its gateway there knows that. */
  readonly #leftFor = new Map<string, { readonly cluster: string; readonly epoch: number }>()
  readonly #news = new Map<string, News>()

  constructor(context: MoveContext, gateways: Gateways) {
    this.#context = context
    this.#gateways = gateways
  }

  get size(): number {
    return this.#mine.size + this.#news.size
  }

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
    this.#gateways.stop(entry.name)
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

  /** It ran here in a former life of this node, and waits for its name: its gateways are told when it runs. */
  carry(name: string, delegations: readonly Delegation[]): void {
    this.#mine.set(name, delegations)
    const clusters = new Set(delegations.map((known) => known.cluster))
    this.#guests.set(name, { clusters, leftAt: Number.POSITIVE_INFINITY })
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
      return notToTell(this.#context, link, 'LOCATED_OK', name)
    this.#settled(key)
    // Answers that overtook the news were not believed there; those that are still kept go again, now.
    const process = this.#context.table.get(name)
    if (process?.accepting === true) this.#context.replies.resend(process)
  }

  /** A gateway asks where the process is: it may be another gateway than before. */
  where(link: Link, { name, epoch }: MessageOf<'WHERE'>): void {
    const { identity, address } = this.#context.self()
    const { cluster, node } = link.peer
    const { directory } = this.#context
    // It is about to come back here, or not: nobody knows yet.
    if (this.#context.isReturning(name)) return
    const given = this.serves(name, cluster)
    if (!given && !directory.settled) return
    // Whoever was not given the name hears of it what he would hear of one that nobody has.
    const entry = given ? directory.lookup(name) : this.#movedOn(name, epoch)
    if (!given && entry?.node === identity.node) return
    const known = this.of(name).find((one) => one.cluster === cluster)
    // It was the gateway once, and has not heard of the last departure. The one that is would hear no answer any more.
    const left = this.#leftFor.get(name)
    const outdated = left?.cluster === cluster && epoch < left.epoch
    if (outdated && known !== undefined && known.node !== node && !this.#context.isDead(known)) return
    this.renew(link, name)
    const gone: Entry = {
      name,
      kind: UNKNOWN,
      node: identity.node,
      incarnation: identity.incarnation,
      epoch,
      line: epoch,
      status: 'ended',
      reason: NODE_DOWN,
    }
    const told = entry !== undefined && entry.epoch >= epoch ? entry : gone
    // It was a guest here and may live elsewhere: whoever runs it tells (G1).
    if (isNoEnd(told)) return
    const at =
      told.status === 'live' && told.node !== identity.node ? this.#addressOf(told.node) : (told.via ?? address)
    // Behind a gateway here it may be the asker's own cluster, to which it has gone home; '' until that is known.
    const behind = told.via === undefined ? identity.cluster : (this.#gateways.clusterOf(name) ?? identity.cluster)
    if (at !== undefined && behind !== '') link.send({ type: 'LOCATED', entry: told, cluster: behind, address: at })
  }

  /** That node is the gateway of its cluster now, for what is here: answers go to it. */
  renew({ peer }: Link, name: string): void {
    const { cluster, node, incarnation, address } = peer
    const known = this.of(name).find((one) => one.cluster === cluster)
    // Frozen, too: its move may be given up, and then it answers from here.
    if (known === undefined) return
    const renewed: Delegation = { cluster, node, incarnation, address, home: known.home }
    this.#mine.set(name, [...this.of(name).filter((one) => one !== known), renewed])
  }

  /**
   * G1: a restarted node has forgotten to whom it gave a name, and that it moved on from here: its cluster knows where
   * to. Somebody who was never given it does not know its epochs.
   */
  #movedOn(name: string, epoch: number): Entry | undefined {
    const entry = this.#context.directory.lookup(name)
    return entry?.status === 'live' && entry.line <= epoch && epoch <= entry.epoch ? entry : undefined
  }

  #addressOf(node: string): Address | undefined {
    return this.#context.peers.live().find((member) => member.node === node)?.address
  }

  /** How to reach a gateway of that cluster for the process, for replies. */
  gatewayOf(name: string, cluster: string): Identity | undefined {
    return this.of(name).find((known) => known.cluster === cluster)
  }

  /** To whom it was given is remembered for a while after it has gone. */
  sweep(): void {
    const gone = this.#context.clock.now() - this.#context.limits.endedMs
    for (const [name, { leftAt }] of this.#guests)
      if (leftAt < gone && !this.#gateways.has(name)) this.#guests.delete(name)
  }

  close(): void {
    for (const key of [...this.#news.keys()]) this.#settled(key)
  }
}
