/** What a node has for the children of its cluster, joined to its other parts. How it works: cluster/child-care.ts */
import { fail, type MobilityError, reasonOf } from '../base/errors.js'
import type { Events } from '../base/events.js'
import type { Identity } from '../base/ids.js'
import type { Clock } from '../base/ports.js'
import type { Channels } from '../channel/channels.js'
import type { Candidates } from '../cluster/candidates.js'
import type { Place } from '../cluster/caretaker.js'
import { ChildCare } from '../cluster/child-care.js'
import type { ChildDirectory } from '../cluster/child-fate.js'
import type { Cordons } from '../cluster/cordons.js'
import type { HubDeps } from '../cluster/hub.js'
import { settingsText } from '../cluster/hub-options.js'
import { Loads } from '../cluster/load.js'
import { COLD_REASON } from '../cluster/machine-child.js'
import type { Membership } from '../cluster/membership.js'
import type { Placement } from '../cluster/placement.js'
import { type LiveChild, Rebalancer } from '../cluster/rebalancer.js'
import type { Process, ProcessHost } from '../process/host.js'
import type { AnyKind } from '../process/kind.js'
import type { ProcessTable } from '../process/process-table.js'
import { tellRole } from '../process/role.js'
import type { NodeDirectory } from '../registry/directory.js'
import { NODE_STOPPED, saidAtEnd } from '../registry/reasons.js'
import { homeOf, ringOf } from '../registry/rendezvous.js'
import { decodeValue, frameValueLimits } from '../wire/codec.js'
import type { Child, Message } from '../wire/messages.js'
import { dismiss } from './dismissing.js'
import type { Keeping } from './keeping.js'
import type { Settings } from './options.js'
import { type Monitors, Outlet } from './outlet.js'
import { endInTime } from './overdue.js'
import { claimHere, startRefusal } from './starting.js'
import type { Trees } from './trees.js'

/** An answer that is lost is asked for again. Longer than thousands of starts take. */
const AGAIN_MS = 5_000

/** The parts that it needs. They are made before it. */
interface HubbedParts {
  readonly identity: Identity
  readonly settings: Settings
  readonly world: { readonly clock: Clock; readonly heapBytes?: () => number }
  readonly events: Events
  readonly channels: Channels
  readonly registry: NodeDirectory
  readonly membership: Membership
  readonly candidates: Candidates
  readonly cordons: Cordons
  readonly partition: { readonly serves: boolean; readonly decides: boolean }
  readonly table: ProcessTable
  readonly host: ProcessHost
  readonly monitors: Monitors
  readonly returns: { awaited(name: string): object | undefined }
  readonly keeping: Keeping | undefined
  readonly trees: Trees
  readonly stopping: boolean
  /** This life is over. */
  readonly over: boolean
}

export class HubParts {
  readonly #parts: HubbedParts
  readonly #outlet: Outlet
  readonly #loads: Loads
  readonly care: ChildCare
  readonly rebalancer: Rebalancer
  /** What `node.hub` works with in this life of the node. */
  readonly deps: HubDeps
  readonly #deaf: readonly (() => void)[]
  /** For whoever else places a process, among those that fit. */
  readonly placement: Placement

  constructor(parts: HubbedParts) {
    this.#parts = parts
    const { channels, settings, events, registry, membership } = parts
    const { limits } = settings
    this.#outlet = new Outlet({
      channels: () => channels,
      limits,
      monitor: (name) => parts.monitors.open(name),
      groups: () => this.care.groups,
    })
    this.#loads = this.#makeLoads()
    this.placement = this.#makePlacement()
    this.care = this.#makeCare()
    this.rebalancer = this.#makeRebalancer()
    const self = () => parts.identity
    const members = (): string[] => [parts.identity.node, ...membership.names()]
    const { care, rebalancer } = this
    const stopping = () => parts.stopping
    const directory = this.#directory()
    const serves = () => parts.partition.serves
    const discard = (child: Child, what: 'newest' | 'all') => dismiss(parts, child, what)
    this.deps = { events, limits, self, directory, care, rebalancer, members, stopping, serves, dismiss: discard }
    registry.watch((entry, before) => this.care.entryChanged(entry, before))
    const uncordoned = events.on('cordoned', ({ node, cordoned }) => {
      this.care.candidatesChanged()
      if (!cordoned) this.rebalancer.uncordoned(node)
    })
    const returned = events.on('returned', ({ name, line, formerEpoch }) => this.care.returned(name, line, formerEpoch))
    this.#deaf = [uncordoned, returned]
  }

  #makeLoads(): Loads {
    const { world, membership, table, settings } = this.#parts
    const measure = () => {
      let mailbox = 0
      for (const process of table.all()) mailbox += process.mailbox.length
      return { processes: table.size, mailbox, heapBytes: world.heapBytes?.() ?? 0 }
    }
    const used = settings.hub.placement.usesLoad === true
    return new Loads({ clock: world.clock, peers: membership, self: () => this.#parts.identity.node, used, measure })
  }

  #makePlacement(): Placement {
    const { placement } = this.#parts.settings.hub
    const loadOf = (node: string) => this.#loads.of(node)
    return {
      name: placement.name,
      place: (what, candidates) => {
        const child = this.care.roster.get(what.name)
        const group = child?.group === undefined ? {} : { group: child.group }
        return placement.place({ ...what, ...group }, candidates, loadOf)
      },
    }
  }

  #makeCare(): ChildCare {
    const { world, settings, events, membership, candidates, table } = this.#parts
    const { limits, hub, logger: log } = settings
    const rules = {
      restartsMax: hub.restartsMax,
      periodMs: hub.withinMs,
      backoffMs: limits.resendMs,
      backoffMsMax: limits.resendMsMax,
      againMs: AGAIN_MS,
    }
    return new ChildCare({
      clock: world.clock,
      log,
      events,
      limits,
      self: () => this.#parts.identity,
      peers: membership,
      directory: this.#directory(),
      candidates,
      rules,
      settings: settingsText(hub),
      sync: hub.sync,
      choose: (child, nodes) => this.#choose(child, nodes),
      runsHere: (name) => ['running', 'frozen'].includes(table.get(name)?.phase ?? ''),
      refusal: (name) => startRefusal(this.#parts, name) ?? this.#refusal(name),
      start: (child) => this.#start(child),
      stop: (name) => this.#outlet.stop(name, 'shutdown'),
      stopsHere: (name) => this.#stopsHere(name),
      rolesChanged: (names) => {
        for (const name of names) {
          const process = table.get(name)
          if (process !== undefined) this.tellRole(process)
        }
      },
    })
  }

  /** Its home has told it to stop. */
  #stopsHere(name: string): void {
    const process = this.#parts.table.get(name)
    if (process?.phase !== 'running') return
    void endInTime(this.#parts.world.clock, process, this.shutdownMs(name, process.kind))
  }

  /** Of some members those that may have that process; or why none of them. */
  fitting(name: string, nodes: readonly string[]): { readonly nodes: readonly string[] } | { readonly why: string } {
    const child = this.care.roster.get(name)
    if (child !== undefined && child.status !== 'removed') return this.care.places.fitting(child, nodes)
    return nodes.length === 0 ? { why: 'no member can take it' } : { nodes }
  }

  #refusal(name: string): MobilityError | undefined {
    const reason = this.unfit(name)
    return reason === undefined ? undefined : fail('ERR_REFUSED', { name, node: this.#parts.identity.node, reason })
  }

  /** Why a child must neither start here nor come here. */
  unfit(name: string): string | undefined {
    const isHere = (other: string): boolean =>
      !['moved', 'ended', ''].includes(this.#parts.table.get(other)?.phase ?? '')
    return this.care.unfit(name, isHere)
  }

  /** It begins, runs again, or what it should be has changed. */
  tellRole(process: Process): void {
    const role = this.care.groups.role(process.name)
    if (role !== undefined) tellRole(process, role)
  }

  /** A home decides nothing in a view of too few members. */
  #directory(): ChildDirectory & { flush(): void } {
    const { registry, membership, identity } = this.#parts
    const members = (): string[] => [identity.node, ...membership.names()]
    const mayOwn = (node: string): boolean => registry.mayOwn?.(node) ?? true
    const decides = (): boolean => registry.settled && this.#parts.partition.decides
    return {
      lookup: (name) => registry.lookup(name),
      isRecovering: (name) => registry.isRecovering(name),
      // With an engine no view is agreed on: two may look after one child for a moment, and its claim is one.
      homeOf: (name) => registry.homeOf?.(name) ?? homeOf(name, ringOf(members().filter(mayOwn))),
      mayOwn,
      isGranting: (name) => registry.isGranting?.(name) ?? false,
      get settled() {
        return decides()
      },
      flush: () => registry.flush(),
    }
  }

  /** A user's strategy may do anything. */
  #choose({ name, kind, group }: Child, nodes: readonly string[]): Place {
    const { placement } = this.#parts.settings.hub
    // A process of a former life of this node, with its state: it must not be overtaken by one without.
    if (this.#parts.returns.awaited(name) !== undefined) return { why: 'it is about to come back where it was' }
    try {
      const what = { name, kind, ...(group === undefined ? {} : { group }) }
      const node = placement.place(what, nodes, (of) => this.#loads.of(of))
      if (node === undefined) return { why: `the placement ${placement.name} has no place for it` }
      if (nodes.includes(node)) return { node }
      return { why: `the placement ${placement.name} chose ${String(node)}, which cannot take it` }
    } catch (error) {
      return { why: `the placement ${placement.name} threw: ${reasonOf(error)}` }
    }
  }

  async #start({ name, kind: kindName, args: bytes }: Child): Promise<'fresh' | 'stored'> {
    const { settings, identity } = this.#parts
    const kind: AnyKind | undefined = settings.kinds.get(kindName)
    if (kind === undefined) throw fail('ERR_KIND_UNKNOWN', { node: identity.node, kind: kindName })
    const args = decodeValue(bytes, frameValueLimits(settings.limits))
    if (!Array.isArray(args)) throw fail('ERR_DECODE', { reason: `the args of ${name} are no list` })
    const life = await claimHere(this.#parts, kind, name)
    return life(args, (process) => this.tellRole(process))
  }

  #makeRebalancer(): Rebalancer {
    const { world, settings, events, registry, membership, candidates, table } = this.#parts
    const { hub, limits } = settings
    const self = (): string => this.#parts.identity.node
    return new Rebalancer({
      clock: world.clock,
      events,
      self,
      active: hub.active,
      width: hub.width,
      rules: { consentMs: hub.consentMs, againMs: 5 * limits.resendMs, triesMax: 5 },
      migration: hub.migration,
      isStable: hub.placement.usesLoad !== true,
      settled: () => registry.settled && this.#parts.partition.decides,
      lives: () =>
        [this.#parts.identity, ...membership.live()].map(({ node, incarnation }) => `${node}/${incarnation}`),
      live: () => this.#live(),
      place: (child) => this.care.places.goal(child),
      canGo: (name, to) => {
        const kind = table.get(name)?.kind
        return kind !== undefined && candidates.of(kind.kind, kind.version).includes(to)
      },
      sendMe: (name, to, timeoutMs) => this.#outlet.sendMe(name, to, timeoutMs === undefined ? {} : { timeoutMs }),
      swapCold: (name) => this.#swapCold(name),
    })
  }

  #live(): LiveChild[] {
    const found: LiveChild[] = []
    for (const child of this.care.roster.all()) {
      const entry = this.#parts.registry.lookup(child.name)
      if (child.status !== 'wanted' || entry?.status !== 'live' || entry.via !== undefined) continue
      if (!this.#parts.registry.isRecovering(child.name)) found.push({ name: child.name, node: entry.node, child })
    }
    return found
  }

  /** It ends here; the home of its name starts it where it belongs now. */
  async #swapCold(name: string): Promise<void> {
    const { table, registry, world, settings, identity } = this.#parts
    const process = table.get(name)
    if (process === undefined) throw fail('ERR_NO_PROCESS', { name })
    const elsewhere = new Promise<void>((resolve) => {
      const off = registry.watch((entry) => {
        if (entry.name === name && entry.status === 'live' && entry.node !== identity.node) end()
      })
      const timer = world.clock.after(settings.hub.migration.childTimeoutMs, () => off())
      const end = (): void => {
        off()
        timer.cancel()
        resolve()
      }
    })
    process.system({ what: 'stop', from: undefined, reason: COLD_REASON })
    await elsewhere
  }

  /** It knows the children of the cluster; or sees too few members to decide on any. */
  get inStep(): boolean {
    return this.care.roster.inStep || !this.#parts.partition.decides
  }

  // ---- what happens

  received(from: string, message: Message): boolean {
    if (message.type !== 'LOAD') return this.care.received(from, message)
    this.#loads.received(from, message)
    return true
  }

  /** The members have changed, or agree on who they are. */
  viewed(): void {
    this.care.viewed()
    this.rebalancer.viewed()
  }

  memberUp(node: string): void {
    if (this.#parts.registry.homeOf === undefined) this.viewed()
    this.care.memberUp(node)
    this.#loads.memberUp(node)
  }

  memberDown(node: string): void {
    this.care.memberDown(node)
    if (this.#parts.registry.homeOf === undefined) this.viewed()
    this.#loads.memberDown(node)
  }

  /** What the table of names says of its end: a child whose node goes has not come to its own end. */
  saidAtEnd(name: string, reason: string): string {
    const child = this.care.roster.get(name)
    const forced = reason === 'shutdown' || reason === 'killed'
    return this.#parts.stopping && forced && child?.status === 'wanted' ? NODE_STOPPED : saidAtEnd(reason)
  }

  /** Why nobody has the name. */
  nobody(name: string): MobilityError {
    const child = this.care.roster.get(name)
    if (child?.status !== 'parked') return fail('ERR_NO_PROCESS', { name })
    return fail('ERR_PARKED', { name, reason: child.reason })
  }

  /** Time for terminate and detach. */
  shutdownMs(name: string, kind: AnyKind): number {
    return this.care.roster.get(name)?.shutdownMs ?? kind.spec.shutdownMs ?? this.#parts.settings.limits.shutdownMs
  }

  /** Children that each node of this configuration declares: the first one starts them, the others agree. */
  share(children: readonly Child[]): void {
    if (children.length === 0) return
    const { logger } = this.#parts.settings
    void this.care.orders.request('share', children, Number.POSITIVE_INFINITY).then((results) => {
      for (const { name, code, reason } of results.values()) {
        if (code !== '' && code !== 'ERR_NODE_STOPPED')
          logger.error({ name, code, reason }, `${name} does not run: ${reason}`)
      }
    })
  }

  /** This node is about to stop: it takes no children in, so that others start what ends here. */
  stopping(): void {
    this.#parts.events.emit('stopping', { processes: this.#parts.table.size })
    this.rebalancer.close()
    if (this.care.roster.size > 0) this.#parts.cordons.set(true)
  }

  size(): Readonly<Record<string, number>> {
    return { ...this.care.size(), rebalancing: this.rebalancer.size }
  }

  /** A former life of this node knew them. What was removed meanwhile is told by the others. */
  inherit({ care }: HubParts): void {
    this.care.inherit(care)
  }

  /** @param lost  why the questions of this node are lost, when it is not the node that stops */
  close(lost?: string): void {
    for (const end of this.#deaf) end()
    this.rebalancer.close()
    this.#loads.close()
    this.care.close(lost)
  }
}
