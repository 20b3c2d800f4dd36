/** A node as the user sees it: start processes, get refs, look around, stop. `parts.ts` is what it is made of. */
import { realClock } from '../base/clock.js'
import { fail, reasonOf } from '../base/errors.js'
import type { EventOf, EventType } from '../base/events.js'
import { type Address, addressText, checkName, type Identity } from '../base/ids.js'
import type { Limits } from '../base/limits.js'
import { hexId } from '../base/ports.js'
import { realRandom } from '../base/random.js'
import { programSignals } from '../base/signals.js'
import type { DrainOptions, DrainResult } from '../cluster/drain.js'
import { Hub } from '../cluster/hub.js'
import type { Parked } from '../migration/parked.js'
import type { AnyKind, ArgsOf, Ref } from '../process/kind.js'
import { makeRef, type RefPort } from '../process/ref.js'
import { tcpTransport } from '../transport/tcp.js'
import { stateValueLimits } from '../wire/codec.js'
import type { Entry } from '../wire/messages.js'
import { copyPortable } from '../wire/portable.js'
import { Doorway } from './doorway.js'
import { Leaving } from './leaving.js'
import { checkOptions, type NodeOptions, type Settings } from './options.js'
import { Outlet } from './outlet.js'
import { Parts } from './parts.js'
import { Lives } from './rebirth.js'
import { beginLife, startRefusal } from './starting.js'
import type { World } from './world.js'

/** How long a node looks for its seeds before it gives up, or goes on alone. */
const JOIN_MS = 5_000

/** Where a name is, as this node knows it. */
export interface Whereabouts {
  readonly name: string
  readonly kind: string
  readonly node: string
  readonly epoch: number
  /** The process is in another cluster, reached through `node`. */
  readonly via?: string
}

export type StartOptions<K extends AnyKind> =
  [] extends ArgsOf<K>
    ? { readonly name: string; readonly args?: ArgsOf<K> }
    : { readonly name: string; readonly args: ArgsOf<K> }

/** Its arguments travel with it, and are read again at a restart: they are copied, like those of a call. */
const checkStart = (options: StartOptions<AnyKind>, limits: Limits): { name: string; args: unknown[] } => {
  const wrong = (why: string) => fail('ERR_BAD_ARGUMENT', { what: 'node.start()', why })
  if (typeof options !== 'object' || options === null) throw wrong('it takes a kind and { name, args }')
  const name = checkName(options.name)
  const args: unknown = options.args ?? []
  if (!Array.isArray(args)) throw wrong('args must be a list')
  return { name, args: copyPortable(args, 'args', stateValueLimits(limits)).copy as unknown[] }
}

/** Sizes of every table, for tests that look for leaks. */
export type NodeStats = Readonly<Record<string, number>>

export class MobilityNode {
  readonly #lives: Lives
  readonly #port: RefPort
  readonly #leaving: Leaving
  /** The children of the cluster: processes that its members keep running together. */
  readonly hub: Hub

  /** Made by `createNode`. */
  constructor(parts: Parts) {
    const lives = new Lives(parts, () => this.#leaving.reborn())
    this.#lives = lives
    const monitor = (name: string) => lives.current.monitors.open(name)
    const outlet = new Outlet({
      channels: () => lives.current.channels,
      limits: parts.settings.limits,
      monitor,
      groups: () => lives.current.hub.care.groups,
    })
    this.#port = outlet
    this.#leaving = new Leaving(lives, outlet)
    this.hub = new Hub(() => lives.current.hub.deps)
  }

  get #parts(): Parts {
    return this.#lives.current
  }

  get name(): string {
    return this.#parts.identity.node
  }

  /** The id of its cluster. */
  get cluster(): string {
    return this.#parts.identity.cluster
  }

  /** Which life of the node this is: ms since 1970, higher than any earlier one. */
  get incarnation(): number {
    return this.#parts.identity.incarnation
  }

  /** Where it is reached: `host:port`. */
  get address(): string {
    return addressText(this.#parts.address)
  }

  /**
   * Starts a process under a name that nobody has, in the whole cluster.
   * @returns a ref; the name is registered, and the next line here finds it
   * @throws ERR_ALREADY_STARTED (fields.node says where) ERR_KIND_UNKNOWN ERR_NAME_INVALID ERR_BAD_ARGUMENT
   *   ERR_NOT_PORTABLE (its args) ERR_START_FAILED ERR_START_IGNORED ERR_CLAIM_TIMEOUT ERR_NODE_LEAVING
   *   ERR_NO_QUORUM ERR_NODE_STOPPED
   */
  async start<K extends AnyKind>(kind: K, options: StartOptions<K>): Promise<Ref<K>> {
    const { identity, settings } = this.#parts
    if (this.#leaving.stopping) throw fail('ERR_NODE_STOPPED', { node: this.name })
    const { name, args } = checkStart(options, settings.limits)
    const refused = startRefusal(this.#parts, name)
    if (refused !== undefined) throw refused
    if (kind === undefined || kind === null || settings.kinds.get(kind.kind) !== kind) {
      throw fail('ERR_KIND_UNKNOWN', { node: identity.node, kind: String(kind?.kind) })
    }
    const entry = await this.#claim(name, kind)
    await beginLife(this.#parts, kind, name, args, entry)
    return this.ref(kind, name)
  }

  /** In the life of the node that goes on when it is granted: one that is over starts nothing. */
  async #claim(name: string, kind: AnyKind): Promise<Entry> {
    for (;;) {
      const parts = this.#parts
      if (parts.returns.awaited(name) !== undefined || parts.hub.care.groups.has(name))
        throw fail('ERR_ALREADY_STARTED', { name, node: this.name })
      try {
        const entry = await parts.registry.claim(name, kind.kind)
        // Nobody would end it any more. The claim ends with the node.
        if (this.#leaving.stopping) throw fail('ERR_NODE_STOPPED', { node: this.name })
        if (!parts.over) return entry
      } catch (error) {
        if (!parts.over || this.#leaving.stopping) throw error
      }
      // Its next life begins before this turn ends.
      if (parts === this.#parts) await Promise.resolve()
    }
  }

  /** A handle to a name, wherever it is. With a type-only import: `node.ref<typeof counter>('counter:42')`. */
  ref<K extends AnyKind>(kind: K, name: string): Ref<K>
  ref<K extends AnyKind>(name: string): Ref<K>
  ref<K extends AnyKind>(kindOrName: K | string, name?: string): Ref<K> {
    return makeRef<K>(checkName(typeof kindOrName === 'string' ? kindOrName : name), this.#port)
  }

  /**
   * Where a name is, as this node knows it now; undefined when nobody has it. Of a name with replicas the one that a
   * message would reach, by its own name.
   */
  whereis(name: string): Whereabouts | undefined {
    const entry = this.#parts.registry.lookup(this.#parts.hub.care.groups.find(name))
    if (entry === undefined || entry.status === 'ended') return undefined
    const { kind, node, epoch, via } = entry
    return { name: entry.name, kind, node, epoch, ...(via === undefined ? {} : { via: addressText(via) }) }
  }

  /** All live names that this node knows, sorted. */
  list(filter: { readonly kind?: string; readonly node?: string } = {}): Whereabouts[] {
    const names = this.#parts.registry.list(filter).map(({ name }) => name)
    return names.sort().flatMap((name) => this.whereis(name) ?? [])
  }

  /** The names of the other members that live, sorted. */
  nodes(): string[] {
    return this.#parts.membership.names()
  }

  /** Hears events; see `EventMap`. @returns a function that ends it */
  on<T extends EventType>(type: T | '*', listener: (event: EventOf<T>) => void): () => void {
    return this.#parts.events.on(type, listener)
  }

  /** The next event of a type that `accepts`. Arm it before the act. */
  once<T extends EventType>(type: T, accepts?: (event: EventOf<T>) => boolean): Promise<EventOf<T>> {
    return this.#parts.events.once(type, accepts)
  }

  /** Processes that wait for a decision: in the middle of a move, or, of a former life of this node, for their name. */
  parked(): Parked[] {
    const { coordinator, returns } = this.#parts
    return [...coordinator.parked(), ...returns.parked()]
  }

  /**
   * Ends a doubt: `restore` runs the copy that is here, `discard` gives it up. Look at both sides first: two copies
   * that are both restored are two processes. On its gateway, `discard` also frees the name of a process that left to
   * another cluster and will not come back.
   * @returns whether there was something to decide
   */
  decide(name: string, choice: 'restore' | 'discard'): boolean {
    const { coordinator, returns } = this.#parts
    return returns.decide(name, choice) || coordinator.decide(name, choice)
  }

  /**
   * Under a majority quorum: says that the live members are all that there are, on your word: of those that count and
   * are not here no one may run any more. Call it on one member.
   */
  resetQuorum(): void {
    this.#parts.partition.reset()
  }

  /** Says that a silent member is dead, on your word. @returns false when it is not a live member */
  declareDead(node: string): boolean {
    return this.#parts.membership.declareDead(node)
  }

  stats(): NodeStats {
    const { table, channels, replies, inbox, coordinator, registry, membership, roads, links, monitors, returns, hub } =
      this.#parts
    return {
      processes: table.size,
      channels: channels.size,
      replies: replies.size,
      inbox: inbox.size,
      monitors: monitors.size,
      returning: returns.size,
      roads: roads.size,
      links: links.all().length,
      ...coordinator.size(),
      ...registry.size(),
      ...membership.size(),
      ...hub.size(),
    }
  }

  /**
   * May it be given work? False from `cordon()` or `drain()` on, while it stops, while its members do not agree on who
   * is one, and without a quorum. For the readiness probe of whatever runs it.
   */
  get ready(): boolean {
    return (
      !this.#leaving.stopping &&
      !this.#parts.cordons.on &&
      this.#parts.registry.settled &&
      this.#parts.partition.decides
    )
  }

  /** From now on it takes nothing in: no start, no arrival. What it has goes on. The other members are told. */
  cordon(): void {
    this.#parts.cordons.set(true)
  }

  /** Takes back `cordon()`, or what `drain()` did of it. */
  uncordon(): void {
    this.#parts.cordons.set(false)
  }

  /**
   * Moves every process to another member, live, and stays cordoned: what to call before `stop()` (G13). One that does
   * not answer costs the others nothing.
   *
   * @returns what went where; `left` names what is here still, with the reason. Called again while it is under way, it
   *   returns the same.
   * @throws ERR_BAD_ARGUMENT ERR_NODE_STOPPED
   */
  async drain(options?: DrainOptions): Promise<DrainResult> {
    return this.#leaving.drain(options)
  }

  /**
   * Terminates its processes, the last started first, and leaves the cluster. Nothing moves: that is what drain is for.
   * Resolves when all sockets and timers are gone.
   */
  stop(): Promise<void> {
    return this.#leaving.stop()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }
}

const heapBytes = (): number => process.memoryUsage().heapUsed

/**
 * Starts a node: listens, joins if it is told to, and keeps Node alive until `stop()`.
 *
 * @throws ERR_OPTION ERR_SECRET_WEAK ERR_INSECURE ERR_PORT_IN_USE ERR_LISTEN
 * @throws ERR_UNREACHABLE ERR_AUTH ERR_WRONG_CLUSTER  no seed let it in within 5 s
 */
export const createNode = (options: NodeOptions): Promise<MobilityNode> => {
  const clock = realClock()
  return startNode(options, {
    clock,
    random: realRandom(),
    transport: tcpTransport(clock),
    signals: programSignals,
    heapBytes,
  })
}

/** The same in a given world: the real one, or a simulated one in tests. */
export const startNode = async (options: NodeOptions, world: World): Promise<MobilityNode> => {
  const settings = checkOptions(options, world.trusted === true)
  const learns = settings.cluster === undefined && settings.join.length > 0
  const cluster = learns ? '' : (settings.cluster ?? hexId(world.random, 8))
  const identity: Identity = { cluster, node: settings.name, incarnation: Math.max(1, Math.floor(world.clock.wall())) }
  const parts = new Parts(settings, { ...world, transport: new Doorway(world.transport) }, identity)
  try {
    const bound = await parts.links.listen(settings.listen)
    parts.bound = { host: settings.listen.host, port: bound.port }
    parts.address = settings.advertise ?? { host: settings.listen.host, port: bound.port }
    if (settings.join.length > 0) await join(parts, learns)
    else await parts.registry.start?.()
  } catch (error) {
    parts.close()
    await parts.links.close('could not start')
    throw error
  }
  parts.hub.share(settings.children)
  const node = new MobilityNode(parts)
  const { handleSignals } = settings
  if (handleSignals !== undefined) parts.deaf = world.signals?.add(() => leave(node, handleSignals, settings))
  return node
}

/** What a signal does. @returns whether nothing was left behind */
const leave = async (node: MobilityNode, times: DrainOptions, { logger }: Settings): Promise<boolean> => {
  logger.info({ processes: node.list({ node: node.name }).length }, 'a signal: draining')
  // It was stopping already: then that is what it does.
  const result = await node.drain(times).catch(() => undefined)
  if (result === undefined) return node.stop().then(() => true)
  const { ok, moved, left, ms } = result
  if (ok) logger.info({ moved: moved.length, ms }, 'drained')
  else logger.error({ moved: moved.length, left, ms }, 'not all could move: what is left ends with this node')
  await node.stop()
  return ok
}

const join = async (parts: Parts, learns: boolean): Promise<void> => {
  const { clock, random } = parts.world
  const own = addressText(parts.address)
  const until = clock.now() + JOIN_MS
  parts.expectingUntil = until
  const found = await parts.discovery.start()
  const seeds = found.filter((seed) => addressText(seed) !== own)
  let trouble: unknown
  if (learns && seeds.length > 0) trouble = await firstOf(parts, seeds, until)
  const { identity } = parts
  if (identity.cluster === '') {
    // One of the seeds itself, and nobody else is there: the cluster begins here.
    const first = found.map(addressText).sort()[0] === own
    if (!first && seeds.length > 0)
      throw trouble ?? fail('ERR_UNREACHABLE', { what: 'Every seed', reason: 'none let this node in' })
    parts.identity = { ...identity, cluster: hexId(random, 8) }
  }
  await parts.registry.start?.()
  // Everybody's names are known once all agree on who is a member.
  while (clock.now() < until && !(parts.membership.live().length > 0 && parts.registry.settled && parts.hub.inStep)) {
    if (seeds.length === 0) return
    await new Promise<void>((resolve) => clock.after(5, resolve))
  }
}

/** @returns why no seed let it in, or undefined when one did */
const firstOf = async (parts: Parts, seeds: readonly Address[], until: number): Promise<unknown> => {
  const { clock } = parts.world
  let trouble: unknown
  while (parts.identity.cluster === '' && clock.now() < until) {
    const tries = seeds.map((seed) => parts.links.connect(seed, { joining: true }))
    for (const outcome of await Promise.allSettled(tries)) if (outcome.status === 'rejected') trouble = outcome.reason
    const code = (trouble as { code?: string } | undefined)?.code
    if (code === 'ERR_AUTH' || code === 'ERR_WRONG_CLUSTER' || code === 'ERR_PROTOCOL_VERSION') break
    if (parts.identity.cluster === '') await new Promise<void>((resolve) => clock.after(100, resolve))
  }
  if (parts.identity.cluster !== '') return undefined
  parts.settings.logger.warn({ reason: reasonOf(trouble) }, 'no seed let this node in')
  return trouble
}
