/**
 * Children of the cluster, as the user sees them: processes that the members keep running together, each on one
 * of them. `node.hub`. What it is made of: child-care.ts (start, stop, restart, takeover) and rebalancer.ts (who joins
 * gets his share).
 */
import { fail, type MobilityError } from '../base/errors.js'
import type { Events } from '../base/events.js'
import type { Identity } from '../base/ids.js'
import { checkName } from '../base/ids.js'
import type { Limits } from '../base/limits.js'
import { checkMs } from '../base/millis.js'
import type { Child, ChildResult } from '../wire/messages.js'
import type { ChildCare } from './child-care.js'
import { type ChildDirectory, errorOf } from './child-fate.js'
import { type ChildFilter, type ChildInfo, fitter, infoOf } from './child-info.js'
import { type ChildSpec, checkSize, checkTags, packed, toChild } from './child-spec.js'
import { checkGuide } from './guided.js'
import type { PlannedMove } from './rebalance.js'
import type { Rebalanced, Rebalancer } from './rebalancer.js'
import { isGroup, notAlone, stands } from './replica.js'

export type ChildOutcome =
  | { readonly name: string; readonly ok: true; readonly node: string }
  | { readonly name: string; readonly ok: false; readonly error: MobilityError }

export interface HubStartOptions {
  /** When one of them does not start: the others stay, or all that this call started are stopped. Default 'continue' */
  readonly onFailure?: 'continue' | 'rollback'
  /** For all, in ms. One that takes longer is ERR_TIMEOUT, and may start later all the same. Default 10_000 */
  readonly timeoutMs?: number
  /** Where each of them runs: exactly these names. As `nodes` of each child; with replicas, a node for each of them. */
  readonly guide?: Readonly<Record<string, string | readonly string[]>>
}

export interface HubDeps {
  readonly events: Events
  readonly limits: Limits
  readonly self: () => Identity
  readonly directory: ChildDirectory
  readonly care: ChildCare
  readonly rebalancer: Rebalancer
  readonly members: () => readonly string[]
  /** Of what is saved of a child, the newest state or all of it does not count any more. */
  readonly dismiss: (child: Child, what: 'newest' | 'all') => Promise<void>
  readonly stopping: () => boolean
  /** It sees enough members. */
  readonly serves: () => boolean
}

const TIMEOUT_MS = 10_000

export class Hub {
  readonly #current: () => HubDeps
  #wishes = 0

  /** Made by the node. @param current  of the life that it has now */
  constructor(current: () => HubDeps) {
    this.#current = current
  }

  get #deps(): HubDeps {
    return this.#current()
  }

  /**
   * Starts children, each on the node that the placement chooses, and keeps them running.
   *
   * @returns for each, in order, where it lives or its error: ERR_ALREADY_STARTED (fields.node says where)
   *   ERR_START_FAILED ERR_START_IGNORED ERR_NO_PLACE ERR_TIMEOUT ERR_OVERLOAD; ERR_UNDONE for what a rollback stopped
   * @throws ERR_BAD_ARGUMENT ERR_NAME_INVALID ERR_NOT_PORTABLE ERR_PLACEMENT ERR_NO_QUORUM ERR_NODE_STOPPED: nothing
   *   was started
   */
  async start(specs: ChildSpec | readonly ChildSpec[], options: HubStartOptions = {}): Promise<ChildOutcome[]> {
    const { limits, self, members } = this.#deps
    const { onFailure = 'continue', timeoutMs = TIMEOUT_MS, guide } = options
    if (onFailure !== 'continue' && onFailure !== 'rollback')
      throw fail('ERR_BAD_ARGUMENT', { what: 'onFailure of hub.start()', why: "it must be 'continue' or 'rollback'" })
    const ms = checkMs('timeoutMs of hub.start()', timeoutMs)
    const list = Array.isArray(specs) ? (specs as readonly ChildSpec[]) : [specs as ChildSpec]
    const { node, incarnation } = self()
    const children = list.map((spec) => {
      this.#wishes += 1
      return toChild(spec, `${node}/${incarnation}/${this.#wishes}`, limits)
    })
    const guided = guide === undefined ? children : checkGuide(guide, children, members())
    const unique = new Map<string, Child>()
    for (const child of guided) if (!unique.has(child.name)) unique.set(child.name, child)
    const results = await this.#request('want', [...unique.values()], ms)
    const outcomes = guided.map((child) => this.#outcome(child, unique.get(child.name) === child, results, ms))
    if (onFailure === 'continue' || outcomes.every(({ ok }) => ok)) return outcomes
    return this.#undo(outcomes, ms)
  }

  /** The second of one name in one batch hears of the first. */
  #outcome(child: Child, isFirst: boolean, results: ReadonlyMap<string, ChildResult>, ms: number): ChildOutcome {
    const { name, kind } = child
    const result = results.get(name) ?? { name, code: 'ERR_TIMEOUT', reason: '', node: '' }
    if (result.code !== '') return { name, ok: false, error: errorOf(result, kind, ms) }
    if (isFirst) return { name, ok: true, node: result.node }
    return { name, ok: false, error: fail('ERR_ALREADY_STARTED', { name, node: result.node }) }
  }

  /** Stops what this batch has started, and what may start later: its wish is taken back. */
  async #undo(outcomes: readonly ChildOutcome[], ms: number): Promise<ChildOutcome[]> {
    const ours = outcomes.filter((one) => one.ok || one.error.code === 'ERR_TIMEOUT').map(({ name }) => name)
    if (ours.length > 0) await this.#stop(ours, Math.max(ms, TIMEOUT_MS))
    return outcomes.map((one) =>
      one.ok ? { name: one.name, ok: false, error: fail('ERR_UNDONE', { name: one.name }) } : one,
    )
  }

  /**
   * Takes children out of the hub and stops them. Resolves when no member finds them any more. Of one with replicas
   * all are stopped, by their common name: one of them alone is ERR_BAD_ARGUMENT.
   * @returns for each, in order; ERR_NO_PROCESS: the hub has no such child. ERR_TIMEOUT: it is not over yet
   * @throws ERR_NAME_INVALID ERR_BAD_ARGUMENT ERR_NODE_STOPPED
   */
  async stop(
    names: string | readonly string[],
    options: { readonly timeoutMs?: number } = {},
  ): Promise<ChildOutcome[]> {
    const list = (typeof names === 'string' ? [names] : [...names]).map((name) => this.#whole(checkName(name)))
    return this.#stop(list, checkMs('timeoutMs of hub.stop()', options.timeoutMs ?? TIMEOUT_MS))
  }

  /** @throws ERR_BAD_ARGUMENT  it is one of several replicas */
  #whole(name: string): string {
    const child = this.#deps.care.roster.get(name)
    if (child?.group !== undefined && stands(child)) throw notAlone(child)
    return name
  }

  async #stop(names: readonly string[], ms: number): Promise<ChildOutcome[]> {
    const children = [...new Set(names)].map((name) => bare(name))
    const results = await this.#request('stop', children, ms)
    return names.map((name) => this.#outcome(bare(name), true, results, ms))
  }

  /**
   * Starts a parked child again, with the failures forgotten. With replicas: all that are parked, or the one that has
   * this name.
   * @throws ERR_NO_PROCESS  the hub has no such child. And what its start throws
   */
  async retry(name: string, options: { readonly timeoutMs?: number } = {}): Promise<ChildInfo> {
    const child = this.#record(checkName(name))
    const ms = checkMs('timeoutMs of hub.retry()', options.timeoutMs ?? TIMEOUT_MS)
    if (child.status === 'parked' || isGroup(child)) {
      const results = await this.#request('retry', [child], ms)
      const result = results.get(name)
      if (result !== undefined && result.code !== '') throw errorOf(result, child.kind, ms)
    }
    return this.#info(this.#record(name))
  }

  /**
   * Starts a parked child with the saved state before the newest one, which is forgotten. On a node that has its kind.
   * @throws ERR_UNUSABLE  there is none before it. ERR_BAD_ARGUMENT  it is not parked
   *   ERR_STORE, and what `retry` throws
   */
  loadPrevious(name: string, options: { readonly timeoutMs?: number } = {}): Promise<ChildInfo> {
    return this.#retryWithout('newest', name, options)
  }

  /**
   * Starts a parked child with what its `init` makes; what was saved of it is forgotten. On a node that has its kind.
   * @throws ERR_BAD_ARGUMENT  it is not parked. ERR_STORE, and what `retry` throws
   */
  startFresh(name: string, options: { readonly timeoutMs?: number } = {}): Promise<ChildInfo> {
    return this.#retryWithout('all', name, options)
  }

  async #retryWithout(
    what: 'newest' | 'all',
    name: string,
    options: { readonly timeoutMs?: number },
  ): Promise<ChildInfo> {
    const child = this.#record(checkName(name))
    if (child.status !== 'parked') throw fail('ERR_BAD_ARGUMENT', { what: name, why: 'it is not parked' })
    await this.#deps.dismiss(child, what)
    return this.retry(name, options)
  }

  /**
   * Changes tags or metadata of a child; what is not given stays. Replicas have those of their common name.
   * @throws ERR_NO_PROCESS ERR_BAD_ARGUMENT ERR_NOT_PORTABLE ERR_TIMEOUT
   */
  async update(
    name: string,
    change: { readonly tags?: readonly string[]; readonly metadata?: unknown },
  ): Promise<ChildInfo> {
    const { limits } = this.#deps
    const known = this.#record(this.#whole(checkName(name)))
    const tags = change.tags === undefined ? known.tags : checkTags(name, change.tags)
    const metadata = 'metadata' in change ? packed(change.metadata, 'metadata', limits) : known.metadata
    const child: Child = { ...known, tags, metadata }
    checkSize(child, limits)
    const what = change.tags === undefined ? 'note' : 'metadata' in change ? 'update' : 'tag'
    const result = (await this.#request(what, [child], TIMEOUT_MS)).get(name)
    if (result !== undefined && result.code !== '') throw errorOf(result, child.kind, TIMEOUT_MS)
    return this.#info(this.#record(name))
  }

  /** A child of the cluster; undefined when there is none of this name. One with replicas shows them in `replicas`. */
  lookup(name: string): ChildInfo | undefined {
    const child = this.#deps.care.roster.get(name)
    return child === undefined || child.status === 'removed' ? undefined : this.#info(child)
  }

  /** All children, or those that run here, by name. Of one with replicas each of these: they say whose they are. */
  list(scope: 'local' | 'global' = 'global'): ChildInfo[] {
    if (scope !== 'local' && scope !== 'global')
      throw fail('ERR_BAD_ARGUMENT', { what: 'hub.list()', why: "it takes 'local' or 'global'" })
    const me = this.#deps.self().node
    return this.select(scope === 'local' ? { node: me } : {})
  }

  /** Those that have the tag. */
  tagged(tag: string): ChildInfo[] {
    return this.select({ tags: [tag] })
  }

  /** Those that fit, by name. */
  select(filter: ChildFilter | ((child: ChildInfo) => boolean)): ChildInfo[] {
    const fits = typeof filter === 'function' ? filter : fitter(filter)
    return this.#all().filter((info) => fits(info))
  }

  /** How many children the cluster has: as many as `list()` shows. */
  count(): number {
    const { roster, groups } = this.#deps.care
    return roster.size - groups.size
  }

  /** Those that failed too often and wait for `retry`. */
  parked(): ChildInfo[] {
    return this.select({ status: 'parked' })
  }

  /** What a rebalance would move where, in the whole cluster. It moves nothing. */
  plan(): PlannedMove[] {
    return this.#deps.rebalancer.plan()
  }

  /**
   * Moves the children of this node that should be elsewhere. Does what a join does by itself, unless
   * `hub.rebalance` is 'passive'; call it on each node.
   */
  rebalance(): Promise<Rebalanced> {
    return this.#deps.rebalancer.run('operator', '')
  }

  #all(): ChildInfo[] {
    const found: ChildInfo[] = []
    for (const child of this.#deps.care.roster.all())
      if (stands(child) && !isGroup(child)) found.push(this.#info(child))
    return found.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
  }

  #record(name: string): Child {
    const child = this.#deps.care.roster.get(name)
    if (child === undefined || child.status === 'removed') throw fail('ERR_NO_PROCESS', { name })
    return child
  }

  #info(child: Child): ChildInfo {
    return infoOf(child, this.#deps)
  }

  #request(
    what: 'want' | 'stop' | 'update' | 'tag' | 'note' | 'retry',
    children: readonly Child[],
    ms: number,
  ): Promise<ReadonlyMap<string, ChildResult>> {
    const { care, stopping, self, serves } = this.#deps
    const { node } = self()
    if (stopping()) throw fail('ERR_NODE_STOPPED', { node })
    if (!serves()) throw fail('ERR_NO_QUORUM', { node, name: children[0]?.name ?? '' })
    return care.orders.request(what, children, ms)
  }
}

/** A name alone, where nothing else is said. */
const bare = (name: string): Child => ({
  name,
  kind: '',
  args: Buffer.alloc(0),
  restart: 'permanent',
  tags: [],
  metadata: Buffer.alloc(0),
  nodes: [],
  status: 'removed',
  reason: '',
  revision: 0,
  by: '',
  born: '',
  after: 0,
})
