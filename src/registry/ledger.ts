/**
 * The table of this node with its guard: who may say what about a name, what is too much, who hears of a change.
 *
 *   REGISTERED, SYNC --accept--+
 *   REDIRECT, a move --learn---+--> guard --> merge (table.ts) --> superseded? --> watchers, event
 *   publish, a grant --own-----+
 *
 * A node is the authority for what it runs: a live entry comes from its owner, an end from anybody, but nobody else
 * ends what runs here. The life of a dead node is told by whoever knows it, as `recovering`.
 *
 * *Recovering*: the owner is dead and whether somebody holds a copy is not known yet. The entry says `live`; messages
 * and claims wait. It ends with the next change of the entry: the verdict, or a newer owner.
 */
import type { Events } from '../base/events.js'
import { type Identity, isName } from '../base/ids.js'
import type { Limits } from '../base/limits.js'
import type { Clock, Timer } from '../base/ports.js'
import type { Peers } from '../link/peers.js'
import type { Entry } from '../wire/messages.js'
import { isPlausible } from './plausible.js'
import { LOST, MOVED, NODE_DOWN, RECOVERING, RELEASED } from './reasons.js'
import {
  compareEntries,
  createTable,
  type Digest,
  digestOn,
  dropEnded,
  highestEpoch,
  highestOn,
  liveOn,
  type Merged,
  merge,
  ownerKey,
  replace,
  sameOwner,
} from './table.js'
import type { Life } from './views.js'

type Change = 'changed' | 'recovering'
export type Watcher = (entry: Entry, before: Entry | undefined, change: Change) => void

interface LedgerDeps {
  readonly clock: Clock
  readonly events: Events
  readonly limits: Limits
  readonly self: () => Identity
  readonly peers: Peers
  /** A process that runs here is to stop: this entry, newer or greater, says that it lives elsewhere (G2). */
  readonly superseded: (entry: Entry) => void
  /** It runs here for all that is known, and is on its way to another node. */
  readonly isLeaving: (name: string) => boolean
}

interface Told {
  readonly entry: Entry
  readonly teller: string
}

export class Ledger {
  readonly #deps: LedgerDeps
  readonly #table = createTable()
  readonly #recovering = new Set<string>()
  /** How often a name has come to be recovering. */
  griefs = 0
  readonly #watchers = new Set<Watcher>()
  readonly #full = new Set<string>()
  /** What ran here and lives elsewhere -> since when, the oldest first. For `endedMs`. */
  readonly #moved = new Map<string, number>()
  /** Life of a node that is live for us -> what others say it ran when it died. */
  readonly #early = new Map<string, Map<string, Told>>()
  #purge: Timer | undefined

  constructor(deps: LedgerDeps) {
    this.#deps = deps
  }

  get(name: string): Entry | undefined {
    return this.#table.rows.get(name)?.entry
  }

  entries(): Entry[] {
    return [...this.#table.rows.values()].map((row) => row.entry)
  }

  liveOn(owner: Life): Entry[] {
    return liveOn(this.#table, owner)
  }

  /** Of what is live on it. */
  digestOn(owner: Life): Digest {
    return digestOn(this.#table, owner)
  }

  isRecovering(name: string): boolean {
    return this.#recovering.has(name)
  }

  recovering(): Entry[] {
    return [...this.#recovering].map((name) => this.get(name)).filter((entry) => entry !== undefined)
  }

  /** What ran here and went elsewhere not long ago: whoever missed the new owner's word believes that it is here. */
  movedAway(): Entry[] {
    this.#forgetMoved()
    return [...this.#moved.keys()].map((name) => this.get(name)).filter((entry) => entry !== undefined)
  }

  hasMovedAway(name: string): boolean {
    return this.#moved.has(name)
  }

  #forgetMoved(): void {
    const { clock, limits } = this.#deps
    for (const [name, since] of this.#moved) {
      if (clock.now() - since < limits.endedMs) return
      this.#moved.delete(name)
    }
  }

  #runsHere(name: string): boolean {
    const now = this.get(name)
    return now?.status === 'live' && this.isOwn(now)
  }

  isOwn(entry: Entry): boolean {
    const { node, incarnation } = this.#deps.self()
    return entry.node === node && entry.incarnation === incarnation
  }

  highestEpoch(name: string): number {
    return highestEpoch(this.#table, name)
  }

  get highestOfAll(): number {
    return this.entries().reduce((highest, { epoch }) => Math.max(highest, epoch), this.#table.floor)
  }

  /** For a life that starts now: above all that is known, ended and forgotten lives included. */
  nextEpoch(name: string): number {
    return Math.max(this.#deps.clock.wall(), this.highestEpoch(name) + 1)
  }

  /** A peer knows of an epoch of this name. Believed within reason. */
  raiseFloor(epoch: number): void {
    if (isPlausible(epoch, 0, this.#deps.clock.wall())) this.#table.floor = Math.max(this.#table.floor, epoch)
  }

  watch(watcher: Watcher): () => void {
    this.#watchers.add(watcher)
    return () => this.#watchers.delete(watcher)
  }

  /** What this node says itself: what it runs, an end, a verdict. `dead`: a life that needs one. */
  own(entry: Entry, dead = false): Merged {
    const merged = this.#put(entry, this.#deps.self().node, dead)
    if (merged.kept !== entry && merged.outcome !== 'same' && entry.status === 'live' && this.isOwn(entry)) {
      this.#deps.superseded(merged.kept)
    }
    return merged
  }

  /** From a REDIRECT or a move: the teller need not be the owner. */
  learn(entry: Entry, from: string): Merged | undefined {
    if (from !== entry.node && !this.isOwn(entry) && this.#isFalseEnd(entry)) return undefined
    return this.#mayTell(entry, from) && this.#guard(entry, from) ? this.#put(entry, from) : undefined
  }

  /**
   * Somebody beyond a cut has judged a life that lives for us. Whoever agreed on that was none of our members. (Behind
   * a gateway it is another node that died.)
   */
  #isFalseEnd({ status, reason, node, incarnation, via }: Entry): boolean {
    const judged = status === 'ended' && reason === NODE_DOWN && via === undefined
    return judged && this.#deps.peers.isLive(node, incarnation)
  }

  /** Of what lives on a live member only that member, or the one it went to, has news. The others know no more. */
  #mayTell(entry: Entry, from: string): boolean {
    const now = this.get(entry.name)
    if (now?.status !== 'live' || from === entry.node || from === now.node || entry.epoch < now.epoch) return true
    if (entry.epoch === now.epoch && entry.status === 'live' && sameOwner(entry, now)) return true
    const { peers } = this.#deps
    if (this.isOwn(now)) {
      // A member may hear sooner that it has arrived elsewhere, or, of one that is away, that it has come home.
      if (now.via === undefined && !this.#deps.isLeaving(entry.name))
        this.#violation(from, 'told of a process that runs here', entry)
    } else if (!peers.isLive(now.node, now.incarnation)) return true
    return false
  }

  /** From REGISTERED or SYNC. @returns undefined when it was not taken into account */
  accept(given: Entry, from: Life): Merged | undefined {
    const { peers } = this.#deps
    if (given.status === 'ended') return this.learn(given, from.node)
    if (sameOwner(given, from)) {
      if (!this.#guard(given, from.node)) return undefined
      const merged = this.#put(this.#revived(given), from.node)
      if (merged.outcome === 'same') this.cleared(merged.kept)
      return merged
    }
    if (given.reason === MOVED) {
      // What runs here we know best; of a life that we never met we might not hear that it is over.
      const met = peers.isLive(given.node, given.incarnation) || peers.isDead(given.node, given.incarnation)
      return met && !this.isOwn(given) ? this.learn({ ...given, reason: '' }, from.node) : undefined
    }
    if (given.reason !== RECOVERING) return this.#violation(from.node, 'registered a process of another node', given)
    const over = peers.isDead(given.node, given.incarnation)
    const now = this.get(given.name)
    // What that very life had in a newer epoch is about nobody else's process, and counts only once it is over.
    const ofOne = now?.status === 'live' && sameOwner(now, given) && !this.isOwn(now)
    if (!(over && !this.#runsHere(given.name)) && !ofOne && !this.#mayTell(given, from.node)) return undefined
    if (!this.#guard(given, from.node)) return undefined
    const entry = { ...given, reason: '' }
    if (peers.isLive(given.node, given.incarnation)) {
      const kept = this.get(given.name)
      if (kept !== undefined && compareEntries(kept, entry) > 0) return { outcome: 'stale', before: kept, kept }
      // He has seen its death before us. Until we do its owner speaks for itself.
      const early = this.#early.get(ownerKey(given)) ?? new Map<string, Told>()
      const told = early.get(given.name)?.entry
      const newer = told === undefined ? early.size < this.#deps.limits.registryEntriesMax : entry.epoch > told.epoch
      if (newer) early.set(given.name, { entry, teller: from.node })
      this.#early.set(ownerKey(given), early)
      return undefined
    }
    const merged = this.#put(this.#revived(entry), from.node, true)
    if (merged.outcome === 'same') this.markRecovering(entry.name)
    return merged
  }

  /**
   * This life is over: what it ran, as we knew it or others who saw its death before us, is recovering.
   * @returns ends that those others do not know of
   */
  bury(owner: Life): Entry[] {
    for (const { name } of this.liveOn(owner)) this.markRecovering(name)
    const early = this.#early.get(ownerKey(owner))
    this.#early.delete(ownerKey(owner))
    const ends: Entry[] = []
    for (const { entry, teller } of early?.values() ?? []) {
      const { outcome, kept } = this.#put(this.#revived(entry), teller, true)
      if (outcome === 'stale' && kept.status === 'ended') ends.push(kept)
    }
    return ends
  }

  /**
   * What a home must know when it never heard of an ended life: the epochs of those that are forgotten, and of those
   * that ended on this node, which is over and tells nobody any more.
   */
  hint(over?: Life): Entry | undefined {
    const epoch = Math.max(this.#table.floor, over === undefined ? 0 : highestOn(this.#table, over))
    if (epoch === 0) return undefined
    const { node, incarnation } = this.#deps.self()
    return { name: '*', kind: '', node, incarnation, epoch, line: 0, status: 'ended', reason: RELEASED }
  }

  /** The verdict on the owner's lives is out. */
  markRecovering(name: string): void {
    const entry = this.get(name)
    if (entry?.status !== 'live' || this.isOwn(entry) || this.#recovering.has(name)) return
    this.#grieve(name)
    this.#toldRecovering(entry)
  }

  /** Who told of it as recovering holds a life for dead that is a member here, and has just said what it runs. */
  cleared(entry: Entry): void {
    if (!this.#recovering.delete(entry.name)) return
    for (const watcher of [...this.#watchers]) watcher(entry, entry, 'changed')
  }

  #grieve(name: string): void {
    this.#recovering.add(name)
    this.griefs += 1
  }

  #toldRecovering(entry: Entry): void {
    for (const watcher of [...this.#watchers]) watcher(entry, entry, 'recovering')
  }

  /** The owner did not list it, and no member knows better (sync.ts): as far as we know it is gone. */
  markLost(name: string): void {
    const entry = this.get(name)
    if (entry?.status === 'live') this.#put({ ...entry, status: 'ended', reason: LOST }, this.#deps.self().node)
  }

  size(): { entries: number; ended: number; recovering: number; watchers: number } {
    const [entries, ended] = [this.#table.rows.size, this.#table.ended.size]
    return { entries, ended, recovering: this.#recovering.size, watchers: this.#watchers.size }
  }

  close(): void {
    this.#purge?.cancel()
    this.#purge = undefined
    this.#watchers.clear()
  }

  /** What we had given up for lost, and its owner has, or had when it died; or what others took for dead with it. */
  #revived(entry: Entry): Entry {
    const before = this.get(entry.name)
    const judged = before?.reason === NODE_DOWN && this.#deps.peers.isLive(entry.node, entry.incarnation)
    const lost = before?.status === 'ended' && (before.reason === LOST || judged)
    if (lost && before.epoch === entry.epoch && sameOwner(before, entry)) {
      replace(this.#table, { ...entry, status: 'ended', epoch: entry.epoch - 1 }, entry.node, this.#deps.clock.now())
    }
    return entry
  }

  #guard(entry: Entry, from: string): boolean {
    const { clock, limits, events } = this.#deps
    const now = this.get(entry.name)
    if (!isPlausible(entry.epoch, this.highestEpoch(entry.name), clock.wall())) {
      this.#violation(from, `named epoch ${entry.epoch}, far above any that is known`, entry)
      return false
    }
    if (!isName(entry.name)) {
      this.#violation(from, 'named a process with a name that none can have', entry)
      return false
    }
    if (entry.line > entry.epoch) {
      this.#violation(from, `named line ${entry.line} above epoch ${entry.epoch}`, entry)
      return false
    }
    const own = now?.status === 'live' && this.isOwn(now) && this.isOwn(entry)
    if (own && entry.status === 'ended' && entry.epoch === now.epoch) {
      this.#violation(from, 'ended a process that runs here', entry)
      return false
    }
    if (entry.status === 'live' && this.isOwn(entry) && (now?.epoch ?? 0) < entry.epoch) {
      this.#violation(from, 'named a process of ours that we do not have', entry)
      return false
    }
    const told = this.#table.byTeller.get(from) ?? 0
    if (now !== undefined || told < limits.registryEntriesMax) {
      if (now === undefined) this.#full.delete(from)
      return true
    }
    if (!this.#full.has(from)) events.emit('limit', { limit: 'registryEntriesMax', name: from, value: told })
    this.#full.add(from)
    return false
  }

  #violation(peer: string, what: string, entry: Entry): undefined {
    this.#deps.events.emit('violation', { peer, what, name: entry.name })
  }

  #put(entry: Entry, teller: string, dead = false): Merged {
    const { clock, events } = this.#deps
    const before = this.get(entry.name)
    if (before !== undefined && this.#takesOverGateway(entry, before)) {
      replace(this.#table, entry, teller, clock.now())
      this.#changed(entry, before, teller, dead)
      return { outcome: 'new', before, kept: entry }
    }
    const merged = merge(this.#table, entry, teller, clock.now())
    const { kept, outcome } = merged
    if (outcome === 'conflict' && before !== undefined) {
      const keptEpoch = kept.epoch
      events.emit('conflict', { name: entry.name, keptEpoch, stoppedEpoch: keptEpoch, keptNode: kept.node })
    }
    if (kept === entry && outcome !== 'same') this.#changed(entry, before, teller, dead)
    return merged
  }

  /** Of two gateways of one delegated life the one that lives wins; the merge rule knows nothing of deaths. */
  #takesOverGateway(entry: Entry, before: Entry): boolean {
    const { peers } = this.#deps
    if (entry.via === undefined || before.via === undefined || entry.epoch !== before.epoch) return false
    if (entry.status !== 'live' || before.status !== 'live' || sameOwner(entry, before)) return false
    return peers.isLive(entry.node, entry.incarnation) && !peers.isLive(before.node, before.incarnation)
  }

  #changed(entry: Entry, before: Entry | undefined, teller: string, dead: boolean): void {
    const { clock, events, peers, superseded } = this.#deps
    const { name, node, epoch, line, status, reason } = entry
    const recovering = status === 'live' && !this.isOwn(entry) && (dead || peers.isDead(node, entry.incarnation))
    // Before anybody hears of the entry: a live owner would end the claims that must wait for the verdict.
    if (recovering) this.#grieve(name)
    else this.#recovering.delete(name)
    if (status === 'ended') this.#armPurge()
    const mine = before?.status === 'live' && this.isOwn(before)
    if (this.isOwn(entry)) this.#moved.delete(name)
    else if (mine) {
      this.#forgetMoved()
      this.#moved.set(name, clock.now())
    }
    if (mine && !this.isOwn(entry) && teller !== this.#deps.self().node) superseded(entry)
    for (const watcher of [...this.#watchers]) watcher(entry, before, 'changed')
    if (recovering) this.#toldRecovering(entry)
    if (events.heard('registered')) events.emit('registered', { name, node, epoch, line, status, reason })
  }

  #armPurge(waitMs = this.#deps.limits.endedMs): void {
    const { clock, limits } = this.#deps
    this.#purge ??= clock.after(waitMs, () => {
      this.#purge = undefined
      const oldest = dropEnded(this.#table, clock.now() - limits.endedMs)
      if (oldest !== undefined) this.#armPurge(oldest + limits.endedMs - clock.now())
    })
  }
}
