/**
 * A directory whose authority is an engine outside of the cluster (etcd): who owns a name stands there, on the lease of
 * its node, and changes by compare-and-set only. So a name has one owner in a partition too, and a node that cannot
 * renew its lease runs nothing.
 *
 *   claim, end ----> engine-names.ts  \                        / watchers, superseded
 *   a new lease ---> engine-return.ts  > engine <-- watch --> mirror.ts (engine-table.ts)
 *   lease.ts (lease-keeper.ts) -------/                        \ hints from members, ahead of it
 *
 * G1   callbacks start only while this node's lease surely holds (`mayRun`), and a name is created only when nobody has
 *      it, its last owner's time is over and no copy is left of a move.
 * G2   an epoch is the revision of the owner's record (records.ts).
 * G11  what this node publishes, the next line here finds; the table follows the engine revision by revision.
 */
import { fail } from '../base/errors.js'
import type { Events } from '../base/events.js'
import type { Identity } from '../base/ids.js'
import type { Limits } from '../base/limits.js'
import type { Clock, Logger } from '../base/ports.js'
import type { Peers } from '../link/peers.js'
import type { Entry, Member, Message } from '../wire/messages.js'
import { type EntryFilter, matches, type NodeDirectory } from './directory.js'
import type { EngineClient } from './engine.js'
import { EngineMoves } from './engine-moves.js'
import { EngineNames } from './engine-names.js'
import { EngineReturn } from './engine-return.js'
import { EngineTable } from './engine-table.js'
import { type EngineHooks, EngineWork } from './engine-work.js'
import { LeaseKeeper } from './lease-keeper.js'
import type { Watcher } from './ledger.js'
import type { Change } from './mirror.js'
import { PART } from './sync.js'

interface EngineDeps {
  readonly clock: Clock
  readonly log: Logger
  readonly events: Events
  readonly limits: Limits
  readonly self: () => Identity
  readonly peers: Peers
  readonly client: EngineClient
  readonly ttlMs: number
  readonly prefix: string
  /** Of a former life of this node. */
  readonly formerLeases?: readonly string[]
  readonly hooks: EngineHooks
}

/** A node that cannot get its first lease within this time does not start. */
const START_MS = 10_000
/** How long a node that leaves waits for the engine to hear of it. */
const LEAVE_MS = 2_000

export class EngineDirectory implements NodeDirectory {
  readonly #deps: EngineDeps
  #work: EngineWork | undefined
  #names: EngineNames | undefined
  #return: EngineReturn | undefined
  /** @see MoveLedger. Undefined until the cluster is known. */
  moves: EngineMoves | undefined
  readonly #pending = new Map<string, Entry>()
  readonly #watchers = new Set<Watcher>()
  #opened: (() => void)[] = []
  #troubled = false
  /** Somebody wanted to run and was told no: he is woken. */
  #asked = false
  #closed = false

  constructor(deps: EngineDeps) {
    this.#deps = deps
  }

  /**
   * Once the cluster is known: reads the table and takes a lease.
   * @throws ERR_ENGINE  not within 10 s
   */
  async start(patient = false): Promise<void> {
    const { clock, log, client, ttlMs, limits, prefix, self, formerLeases = [] } = this.#deps
    const root = `${prefix}/${self().cluster}/`
    const table = new EngineTable({
      clock,
      client,
      root,
      ttlMs,
      endedMs: limits.endedMs,
      changed: (change) => this.#changed(change),
      failed: (reason) => this.#failed(reason),
      leased: () => this.#deps.hooks.leased(),
    })
    table.watch((...news) => {
      for (const watcher of [...this.#watchers]) watcher(...news)
    })
    const keeper: LeaseKeeper = new LeaseKeeper({
      clock,
      client,
      ttlMs,
      opened: () => this.#open(),
      fenced: () => this.#fenced(),
      lost: (lease) => this.#lost(lease),
      returning: (lease) => this.#return?.begin(lease),
      failed: (reason) => this.#failed(reason),
    })
    const work = new EngineWork({ clock, log, client, root, self, table, keeper })
    this.#work = work
    this.#names = new EngineNames(work, limits)
    this.#return = new EngineReturn(work, this.#deps)
    this.moves = new EngineMoves(work)
    for (const lease of formerLeases) this.#return.givenUp(lease)
    const opened = new Promise<void>((resolve) => this.#opened.push(resolve))
    keeper.start()
    if (patient) return
    let late = false
    const timer = clock.after(START_MS, () => {
      late = true
      for (const done of this.#opened.splice(0)) done()
    })
    await opened
    timer.cancel()
    if (!late) return
    const reason = work.trouble === '' ? `no lease within ${START_MS} ms` : work.trouble
    this.close()
    throw fail('ERR_ENGINE', { where: client.where, reason })
  }

  get highestEpoch(): number {
    return this.#work?.mirror.highestOfAll() ?? 0
  }

  raise(epoch: number): void {
    if (this.#work !== undefined) this.#work.floor = Math.max(this.#work.floor, epoch)
  }

  get leases(): readonly string[] {
    const { lease } = this.#work?.keeper ?? { lease: '' }
    const over = this.#return?.over ?? this.#deps.formerLeases ?? []
    return lease === '' ? over : [...over, lease]
  }

  /** G1: asked before each callback. */
  mayRun(): boolean {
    const may = this.#work?.keeper.mayRun() ?? false
    this.#asked ||= !may
    return may
  }

  mayOwn(node: string): boolean {
    return this.#work?.mirror.hasLease(node) ?? false
  }

  /** The table is read, and this node may claim. */
  get settled(): boolean {
    return this.mayRun()
  }

  // ---- names

  claim(name: string, kind: string, line = 0): Promise<Entry> {
    if (this.#closed || this.#names === undefined)
      return Promise.reject(fail('ERR_NODE_STOPPED', { node: this.#deps.self().node }))
    return this.#names.claim(name, kind, line)
  }

  publish(entry: Entry): void {
    const work = this.#work
    const row = work?.mirror.row(entry.name)
    // Only its owner says something of it, and only the engine makes him that.
    if (work === undefined || row === undefined || !work.isOwn(entry) || !work.isOwn(row.entry)) return
    if (entry.epoch < row.entry.epoch || row.entry.status === 'ended') return
    work.table.tell(work.mirror.say(entry, this.#deps.clock.now()))
    if (entry.status === 'ended') this.#names?.end(row, entry)
    this.#tell(entry)
  }

  flush(): void {
    if (this.#pending.size === 0) return
    const entries = [...this.#pending.values()]
    this.#pending.clear()
    for (let i = 0; i < entries.length; i += PART)
      this.#deps.peers.broadcast({ type: 'REGISTERED', entries: entries.slice(i, i + PART) })
  }

  #tell(entry: Entry): void {
    if (this.#closed) return
    if (this.#pending.size === 0) this.#deps.clock.soon(() => this.flush())
    this.#pending.set(entry.name, entry)
  }

  lookup(name: string): Entry | undefined {
    return this.#work?.mirror.get(name)
  }

  isRecovering(name: string): boolean {
    return this.#work?.mirror.isVanished(name) ?? false
  }

  list(filter: EntryFilter = {}): Entry[] {
    const mirror = this.#work?.mirror
    return (mirror?.names() ?? []).flatMap((name) => {
      const entry = mirror?.get(name)
      return entry !== undefined && matches(entry, filter) ? [entry] : []
    })
  }

  learn(entry: Entry): void {
    this.#work?.table.hint(entry)
  }

  watch(watcher: Watcher): () => void {
    this.#watchers.add(watcher)
    return () => this.#watchers.delete(watcher)
  }

  // ---- members

  /** What was said a moment ago it may not have heard: the engine tells it. */
  memberUp(_member: Member): void {}

  memberDown(node: string, incarnation: number, proved: boolean): void {
    if (!proved) return
    const { clock } = this.#deps
    this.#work?.mirror.proved(node, incarnation)
    if (this.#work !== undefined) this.#work.table.tell(this.#work.mirror.due(clock.now()))
  }

  /** Members tell what they own ahead of the engine. All other words of a registry mean that one has another kind. */
  received(from: { readonly node: string; readonly incarnation: number }, message: Message): boolean {
    switch (message.type) {
      case 'REGISTERED':
        for (const entry of message.entries)
          if (entry.node === from.node && entry.incarnation === from.incarnation) this.learn(entry)
        return true
      case 'CLAIM':
      case 'CLAIMED':
      case 'SYNC':
      case 'VIEW':
      case 'RECOVER_ASK':
      case 'RECOVER_SAY': {
        const what = `${message.type}: its directory is not on this engine. All nodes of a cluster have the same one`
        this.#deps.events.emit('violation', { peer: from.node, what, name: '' })
        return true
      }
      default:
        return false
    }
  }

  size(): Readonly<Record<string, number>> {
    const work = this.#work
    const sizes = work?.mirror.sizes() ?? { entries: 0, ended: 0, recovering: 0, hints: 0, markers: 0 }
    const [watchers, claims, pending] = [this.#watchers.size, work?.busy ?? 0, this.#pending.size]
    return { ...sizes, watchers, claims, pending, moves: this.moves?.size ?? 0 }
  }

  /** Everything that runs here has ended: the engine hears so, and nobody need wait for this lease. */
  async leave(): Promise<void> {
    const work = this.#work
    if (work === undefined || this.#closed) return
    this.flush()
    const { clock } = this.#deps
    const until = clock.now() + LEAVE_MS
    while (work.busy > 0 && clock.now() < until) await work.pause(5)
    const { lease } = work.keeper
    work.keeper.close()
    if (lease === '') return
    const left = (async () => {
      const node = work.key('l', this.#deps.self().node)
      await work.client.txn({ compare: [], writes: [{ delete: node }], reads: [] })
      await work.client.revoke(lease)
    })()
    // Without an answer the lease ends by itself.
    await Promise.race([left.catch(() => undefined), work.pause(Math.max(1, until - clock.now()))])
  }

  close(): void {
    if (this.#closed) return
    this.flush()
    this.#closed = true
    this.#work?.keeper.close()
    this.#work?.close()
    this.#work?.table.close()
    this.#deps.client.close()
    this.#watchers.clear()
  }

  // ---- what the engine says

  #changed({ entry, before, change, hint }: Change): void {
    const { events, hooks } = this.#deps
    const work = this.#work
    if (work === undefined) return
    const { name, node, epoch, line, status, reason } = entry
    if (change === 'recovering') {
      // It hung on our lease, and we have not ended it: whoever deleted it, the lease is not to be relied on.
      if (work.isOwn(entry)) this.#return?.doubt()
      else hooks.moved(entry)
      return
    }
    const own = work.isOwn(entry)
    if (own && status === 'live' && hint === undefined) {
      this.#tell(entry)
      if (work.mirror.row(name)?.attempt !== undefined) hooks.moved(entry)
    }
    // Whoever moved it there, or from there, need not ask for it any more.
    if (!own && status === 'ended' && hint === undefined) hooks.moved(entry)
    if (!own && status === 'live' && hint === undefined && (before?.epoch ?? 0) <= epoch) hooks.superseded(entry)
    if (events.heard('registered')) events.emit('registered', { name, node, epoch, line, status, reason })
  }

  #open(): void {
    this.#troubled = false
    for (const done of this.#opened.splice(0)) done()
    if (this.#return?.fenced === true) {
      this.#return.fenced = false
      this.#deps.events.emit('fenced', { fenced: false, reason: '' })
    }
    if (this.#asked) this.#deps.hooks.opened()
    this.#asked = false
  }

  #fenced(): void {
    const work = this.#work
    if (work === undefined || this.#return === undefined || this.#return.fenced) return
    this.#return.fenced = true
    const reason = work.trouble === '' ? 'the lease at the engine is over' : work.trouble
    this.#deps.log.error({ reason }, `this node stands still: its lease at the engine may be over: ${reason}`)
    this.#deps.events.emit('fenced', { fenced: true, reason })
    this.#deps.hooks.fenced(reason)
  }

  #lost(lease: string): void {
    this.#fenced()
    this.#deps.log.warn({ lease }, 'the lease at the engine is over: it takes a new one and claims its names again')
    this.#return?.givenUp(lease)
    this.#deps.hooks.lost()
  }

  #failed(reason: string): void {
    if (this.#work !== undefined) this.#work.trouble = reason
    if (!this.#troubled) this.#deps.log.warn({ reason }, `the engine of the directory does not answer: ${reason}`)
    this.#troubled = true
  }
}
