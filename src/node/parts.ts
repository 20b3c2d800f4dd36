/**
 * The parts of a node, made and joined: every arrow between folders that is not an import is here.
 *
 *   links --> router --> inbox --> processes --> channels --> router --> links
 *     |-----> coordinator (moves)       membership --> registry, coordinator (who lives)
 *     '-----> registry (who runs what)
 */
import { Events } from '../base/events.js'
import { type Address, addressText, type Identity, type Origin, originOf, parseOrigin } from '../base/ids.js'
import { Channels } from '../channel/channels.js'
import { Inbox } from '../channel/inbox.js'
import { Replies } from '../channel/replies.js'
import { Candidates } from '../cluster/candidates.js'
import { Cordons } from '../cluster/cordons.js'
import { Discovery } from '../cluster/discovery.js'
import { dnsResolver } from '../cluster/dns.js'
import { Membership } from '../cluster/membership.js'
import { Partition } from '../cluster/partition.js'
import type { Link } from '../link/link.js'
import { Links } from '../link/links.js'
import { Coordinator } from '../migration/coordinator.js'
import { oldestReadable } from '../process/gen-server.js'
import type { ProcessHost } from '../process/host.js'
import type { KindTable } from '../process/kind.js'
import { ProcessTable } from '../process/process-table.js'
import { Scheduler } from '../process/scheduler.js'
import type { ServerProcess } from '../process/server.js'
import type { NodeDirectory } from '../registry/directory.js'
import type { KindOffer, Member, Message } from '../wire/messages.js'
import { answer } from './answers.js'
import { makeDirectory } from './directories.js'
import { HubParts } from './hub-parts.js'
import { type Keeping, keepingOf } from './keeping.js'
import { moveContextOf } from './move-context.js'
import { Names } from './names.js'
import type { Settings } from './options.js'
import { Monitors, Outlet } from './outlet.js'
import { Pulse } from './pulse.js'
import { Returns } from './returns.js'
import { LinkRoads } from './roads.js'
import { Router } from './router.js'
import { Trees } from './trees.js'
import type { Heritage, World } from './world.js'

const SWEEP_MS = 10_000

const offersOf = (kinds: KindTable): KindOffer[] =>
  [...kinds.values()].map((kind) => ({ kind: kind.kind, version: kind.version, oldest: oldestReadable(kind) }))

export class Parts {
  readonly settings: Settings
  readonly world: World
  readonly events: Events
  readonly table = new ProcessTable((name) => this.names.notice(name))
  readonly names = new Names(this)
  readonly links: Links
  readonly membership: Membership
  readonly discovery: Discovery
  readonly partition: Partition
  readonly cordons: Cordons
  readonly candidates: Candidates
  readonly hub: HubParts
  readonly registry: NodeDirectory
  readonly channels: Channels
  readonly inbox: Inbox
  readonly replies: Replies
  readonly router: Router
  readonly coordinator: Coordinator
  readonly roads: LinkRoads
  readonly monitors: Monitors
  readonly keeping: Keeping | undefined
  readonly trees: Trees
  readonly host: ProcessHost
  readonly pulse: Pulse
  readonly returns: Returns
  address: Address
  /** Where it listens, with the port that it was given. */
  bound: Address
  /** Until then claims wait: the seeds may know the name. */
  expectingUntil = 0
  /** Until this member is met; '': any. */
  expects = ''
  stopping = false
  /** Ends the listening to signals. */
  deaf: (() => void) | undefined
  /** This life is over: nothing of it starts any more. */
  over = false
  /** Others hold this life for dead, and it is this node that gives way. */
  condemned: (by: Identity) => void = () => {}
  rested: (process: ServerProcess) => void = () => {}
  #identity: Identity
  #origin: Origin
  #sweep = { cancel(): void {} }

  constructor(settings: Settings, world: World, identity: Identity, heritage?: Heritage) {
    this.settings = settings
    this.world = world
    this.#identity = identity
    this.#origin = originOf(identity)
    this.address = settings.advertise ?? settings.listen
    this.bound = settings.listen
    this.events = heritage?.events ?? new Events(identity.node, settings.logger)
    this.links = this.#makeLinks()
    this.membership = this.#makeMembership()
    this.discovery = this.#makeDiscovery()
    this.cordons = new Cordons({ events: this.events, self: () => this.identity, peers: this.membership })
    this.candidates = this.#makeCandidates()
    this.partition = this.#makePartition()
    this.registry = makeDirectory(this, heritage)
    this.registry.watch((entry, before, change) => this.names.changed(entry, before, change))
    this.router = this.#makeRouter()
    const { clock } = world
    const { limits } = settings
    const { events } = this
    const origin = () => this.#origin
    const nobody = (name: string) => this.hub.nobody(name)
    this.channels = new Channels({ clock, limits, events, courier: this.router, origin, nobody })
    this.inbox = new Inbox({
      clock,
      limits,
      events,
      origin,
      cluster: () => this.identity.cluster,
      receipt: (id, receipt) => this.router.receipt(id, receipt),
      whenSettled: (process, then) => this.coordinator.whenSettled(process, then),
    })
    this.replies = new Replies({
      clock,
      limits,
      events,
      post: (process, reply) => this.router.post(process, reply),
      posted: (process, to) => this.inbox.answered(process, to),
      isDead: (sender) => this.isDead(parseOrigin(sender)),
    })
    this.monitors = heritage?.monitors ?? new Monitors()
    this.monitors.bind((name) => this.names.fate(name))
    this.keeping = keepingOf(this, (...answered) => answer(this, ...answered))
    this.trees = heritage?.trees ?? new Trees()
    this.trees.bind(this)
    this.host = this.#makeHost()
    this.roads = new LinkRoads({
      clock,
      limits,
      links: this.links,
      cluster: () => this.identity.cluster,
      died: (who, death) => this.coordinator.died(who, death),
    })
    this.coordinator = new Coordinator(moveContextOf(this))
    this.pulse = this.#makePulse()
    this.returns = new Returns(this)
    this.hub = new HubParts(this)
    this.#armSweep()
  }

  get identity(): Identity {
    return this.#identity
  }

  set identity(identity: Identity) {
    this.#identity = identity
    this.#origin = originOf(identity)
  }

  #makeMembership(): Membership {
    const { clock } = this.world
    const { limits, logger: log } = this.settings
    const memberUp = (member: Member): void => {
      this.cordons.memberUp(member)
      this.partition.memberUp(member)
      this.registry.memberUp(member)
      this.hub.memberUp(member.node)
    }
    const memberDown = ({ node, incarnation }: Member, reason: string): void => {
      this.cordons.memberDown({ node, incarnation })
      this.partition.memberDown(node, reason === 'left')
      this.registry.memberDown(node, incarnation, reason !== 'silent')
      this.hub.memberDown(node)
      const { cluster } = this.identity
      this.coordinator.died({ cluster, node, incarnation }, reason === 'silent' ? 'verdict' : 'proved')
    }
    const { events, links } = this
    const memberProved = (member: Member): void => this.coordinator.died({ ...this.identity, ...member }, 'proved')
    const condemned = (by: Identity): void => this.condemned(by)
    const handlers = { memberUp, memberDown, memberProved, condemned }
    return new Membership({
      clock,
      log,
      events,
      limits,
      links,
      self: () => this.identity,
      serves: () => this.partition.serves,
      handlers,
    })
  }

  #makeDiscovery(): Discovery {
    const { clock, resolver = dnsResolver() } = this.world
    const { limits, logger: log, join } = this.settings
    const { events, membership } = this
    const alone = (): boolean => membership.live().length === 0
    const found = (addresses: readonly Address[]): void => {
      const own = addressText(this.address)
      membership.seeds(addresses.filter((address) => addressText(address) !== own))
    }
    return new Discovery(join, { clock, log, events, limits, resolver, alone, found })
  }

  #makeCandidates(): Candidates {
    const own = offersOf(this.settings.kinds)
    const linked = (node: string) => this.links.to(this.identity.cluster, node)?.peer.kinds
    return new Candidates({
      self: () => this.identity,
      peers: this.membership,
      isLeaving: (node) => this.cordons.isLeaving(node),
      mayOwn: (node) => this.registry.mayOwn?.(node) ?? true,
      offers: (node) => (node === this.identity.node ? own : linked(node)),
    })
  }

  #makePartition(): Partition {
    const { clock } = this.world
    const { limits, logger: log, partition: policy } = this.settings
    const { events, membership: peers } = this
    const resumed = (): void => {
      this.#wakeAll()
      this.registry.decide?.()
    }
    return new Partition({ clock, limits, events, log, policy, self: () => this.identity, peers, resumed })
  }

  #wakeAll(): void {
    for (const process of this.table.all()) process.wake()
  }

  #makeRouter(): Router {
    const { limits, logger: log } = this.settings
    const { events, table, links, membership: peers, registry: directory } = this
    const identity = () => this.identity
    return new Router({
      clock: this.world.clock,
      limits,
      events,
      log,
      table,
      links,
      peers,
      directory,
      identity,
      origin: () => this.#origin,
      parts: () => this,
      awaited: (name) => this.returns.awaited(name),
    })
  }

  #makePulse(): Pulse {
    const { limits, logger: log } = this.settings
    const heardAll = (since: number): boolean => this.membership.heardAll(since)
    const { events } = this
    return new Pulse({ clock: this.world.clock, limits, events, log, heardAll, resumed: () => this.#wakeAll() })
  }

  #makeLinks(): Links {
    const { clock, random, transport } = this.world
    const { limits, logger: log, secret, kinds } = this.settings
    return new Links({
      clock,
      random,
      log,
      events: this.events,
      transport,
      limits,
      ...(secret === undefined ? {} : { secret }),
      self: () => ({ identity: this.identity, listen: this.address, joining: false, kinds: offersOf(kinds) }),
      handlers: {
        up: (link) => this.#linkUp(link),
        down: (link, code, reason) => this.#linkDown(link, code, reason),
        message: (link, message) => this.#received(link, message),
        adopt: (cluster) => {
          this.identity = { ...this.identity, cluster }
        },
        refused: (address, forMs) => {
          this.membership.refused(address, forMs)
          this.roads.refused(address, forMs)
        },
        admit: (peer) => this.membership.admit(peer),
      },
    })
  }

  #makeHost(): ProcessHost {
    const { clock } = this.world
    const { limits, logger: log } = this.settings
    const monitor = (name: string) => this.monitors.open(name)
    const groups = () => this.hub.care.groups
    const ways = { channels: () => this.channels, limits, monitor, groups }
    return {
      node: this.identity.node,
      clock,
      log,
      limits,
      events: this.events,
      scheduler: new Scheduler(clock),
      mayRun: () => !this.over && this.partition.serves && this.pulse.mayRun() && (this.registry.mayRun?.() ?? true),
      ...(this.keeping === undefined ? {} : { keeper: this.keeping }),
      reply: (process, to, outcome, dueAt) =>
        this.keeping === undefined
          ? answer(this, process, to, outcome, dueAt)
          : this.keeping.reply(process, to, outcome, dueAt),
      rests: (process) => {
        this.rested(process as ServerProcess)
        this.hub.tellRole(process)
      },
      outlet: (process) => new Outlet(ways, process),
      move: (process, to, options, answer) => this.coordinator.move(process, to, options, answer),
      ended: (process, reason) => {
        this.keeping?.ended(process)
        this.names.ended(process, reason)
        this.trees.ended(process)
      },
      watching: (process) => this.names.watching(process),
      fate: (name) => this.names.fate(name),
      shutdownMs: (name, kind) => this.trees.shutdownMs(name) ?? this.hub.shutdownMs(name, kind),
    }
  }

  isDead(who: Identity | undefined): boolean {
    if (who === undefined) return true
    if (who.cluster !== this.identity.cluster) return this.roads.isDead(who)
    return this.membership.isDead(who.node, who.incarnation)
  }

  // ---- links

  #linkUp(link: Link): void {
    if (link.peer.member) {
      if (!this.membership.linkUp(link)) return
    } else {
      this.roads.linkUp(link.peer)
    }
    this.coordinator.linkUp(link)
    this.channels.routesChanged()
    this.replies.resendAll()
  }

  #linkDown(link: Link, code: string, reason: string): void {
    this.router.linkDown(link)
    if (link.peer.member) this.membership.linkDown(link, code, reason)
    else this.roads.linkDown(link.peer, code)
    this.coordinator.linkDown(link.peer)
    this.channels.routesChanged()
  }

  #received(link: Link, message: Message): void {
    if (this.router.received(link, message) || this.coordinator.received(link, message)) return
    if (!link.peer.member)
      return void this.events.emit('violation', {
        peer: link.peer.node,
        what: `${message.type} from another cluster`,
        name: '',
      })
    if (message.type === 'MEMBERS') this.membership.received(link, message)
    else if (message.type === 'CORDON') this.cordons.received(link.peer, message)
    else if (message.type === 'QUORUM') this.partition.received(link.peer, message)
    else if (!this.hub.received(link.peer.node, message)) this.registry.received(link.peer, message)
  }

  // ---- time

  #armSweep(): void {
    this.#sweep = this.world.clock.after(SWEEP_MS, () => {
      this.channels.sweep()
      this.inbox.sweep(this.table.all(), (origin) => this.isDead(origin))
      this.coordinator.sweep()
      this.#armSweep()
    })
  }

  /** @param lost  why the calls and casts of this node are lost, when it is not the node that stops */
  close(lost?: string): void {
    this.deaf?.()
    this.#sweep.cancel()
    this.returns.close()
    this.hub.close(lost)
    this.pulse.stop()
    this.coordinator.close()
    this.router.close()
    this.channels.close(this.identity.node, lost)
    this.replies.close()
    this.discovery.close()
    this.partition.close()
    this.membership.close()
    this.registry.close()
    this.roads.close()
  }
}
