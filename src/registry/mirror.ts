/**
 * The engine's table as this node knows it: read once, then kept by a watch. No clock and no network inside: the time
 * comes as an argument. The rows are changed in place, there may be a million.
 *
 *   none --n/ written--> live --n/ deleted, e/ written--> ended --endedMs--> none
 *                         | ^
 *   n/ deleted, no e/:    v | n/ written
 *   its lease is over   vanished --its wait is over, nobody holds a copy--> ended: nodedown
 *
 *   vanished  messages and claims wait (`recovering`): its node may not have noticed yet, or comes back in time. The
 *             wait is one whole life of the lease: a leader of etcd that has stood still ends leases too early
 *             (etcd-io/etcd#15247, before 3.4.31 and 3.5.13), and then only the node's own clock holds it back
 *
 * G2  Of one name only what has a higher revision counts; a hint (what a member says before the engine does) only above
 *     the last revision that is known, and until the engine speaks of it.
 */
import type { Attempt } from '../base/ids.js'
import type { Entry } from '../wire/messages.js'
import type { EngineEvent, EngineKey } from './engine.js'
import { NODE_DOWN } from './reasons.js'
import {
  endedOf,
  entryOf,
  type LifeRecord,
  type MoveRecord,
  parseKey,
  readEnd,
  readLife,
  readMove,
  readOwner,
} from './records.js'
import { ownerKey } from './table.js'

/** What the engine has said last of a name. */
export interface Row {
  readonly entry: Entry
  /** Of the write or the deletion that it is from. */
  readonly revision: number
  /** Of an owner's record; '' of any other. */
  readonly lease: string
  readonly attempt: Attempt | undefined
  /** Its record has vanished, and nobody has said why. */
  readonly vanished: { readonly at: number; readonly waitMs: number } | undefined
}

interface Marker {
  readonly record: MoveRecord
  readonly revision: number
}

interface LifeRow extends LifeRecord {
  readonly lease: string
  /** The revision in which its record was deleted; undefined as long as it is there. */
  readonly gone: number | undefined
}

export interface Change {
  readonly entry: Entry
  readonly before: Entry | undefined
  readonly change: 'changed' | 'recovering'
  /** Only a member says so. */
  readonly hint?: true
}

/** Lives that are known to have ended: as many as a cluster has members at most. */
const PROVED_MAX = 1_024
/** Nodes, gone ones among them: what is known of those is how long their names wait. */
const LIVES_MAX = 2_048
/** What members say ahead of the engine, for some seconds. Who is not told so sends a message later. */
const HINTS_MAX = 100_000

const same = (a: Entry | undefined, b: Entry): boolean =>
  a !== undefined &&
  a.node === b.node &&
  a.incarnation === b.incarnation &&
  a.epoch === b.epoch &&
  a.line === b.line &&
  a.status === b.status

export class Mirror {
  readonly #root: string
  readonly #ttlMs: number
  readonly #rows = new Map<string, Row>()
  readonly #hints = new Map<string, { readonly entry: Entry; readonly at: number }>()
  readonly #ended = new Map<string, number>()
  readonly #vanished = new Set<string>()
  readonly #proved = new Set<string>()
  readonly markers = new Map<string, Marker>()
  readonly lives = new Map<string, LifeRow>()
  /** Grows when a node has got its lease, or lost it. */
  leaseChanges = 0
  /** All up to it is known. */
  revision = 0

  /** @param ttlMs  the wait for a node of which no lease was ever seen */
  constructor(root: string, ttlMs: number) {
    this.#root = root
    this.#ttlMs = ttlMs
  }

  /** What the engine has said of it. */
  row(name: string): Row | undefined {
    return this.#rows.get(name)
  }

  get(name: string): Entry | undefined {
    return this.#hints.get(name)?.entry ?? this.#rows.get(name)?.entry
  }

  names(): string[] {
    return [...new Set([...this.#rows.keys(), ...this.#hints.keys()])]
  }

  isVanished(name: string): boolean {
    return this.#vanished.has(name) && !this.#hints.has(name)
  }

  hasLease(node: string): boolean {
    const life = this.lives.get(node)
    return life !== undefined && life.gone === undefined
  }

  highestEpoch(name: string): number {
    return Math.max(this.get(name)?.epoch ?? 0, this.#rows.get(name)?.entry.epoch ?? 0)
  }

  highestOfAll(): number {
    return this.names().reduce((highest, name) => Math.max(highest, this.highestEpoch(name)), 0)
  }

  sizes(): { entries: number; ended: number; recovering: number; hints: number; markers: number } {
    const [entries, ended, recovering] = [this.#rows.size, this.#ended.size, this.#vanished.size]
    return { entries, ended, recovering, hints: this.#hints.size, markers: this.markers.size }
  }

  // ---- what the engine says

  /** All that there is, as of a revision. What is not in it has vanished. */
  load(revision: number, keys: readonly EngineKey[], now: number): Change[] {
    const changes: Change[] = []
    // Revisions never go back: this is another engine, or one that has lost its memory.
    if (revision < this.revision) this.#forget()
    const seen = new Set<string>()
    for (const key of keys) seen.add(key.key)
    for (const [name, row] of [...this.#rows]) {
      if (row.entry.status === 'ended' || row.vanished !== undefined || row.revision > revision) continue
      if (!seen.has(`${this.#root}n/${name}`) && !seen.has(`${this.#root}e/${name}`))
        changes.push(...this.#vanish(name, revision, now))
    }
    for (const [node, life] of this.lives)
      if (life.gone === undefined && !seen.has(`${this.#root}l/${node}`))
        this.#setLife(node, { ...life, gone: revision })
    for (const name of [...this.markers.keys()]) if (!seen.has(`${this.#root}m/${name}`)) this.markers.delete(name)
    for (const key of keys) changes.push(...this.#put(key, now))
    this.revision = Math.max(this.revision, revision)
    return changes
  }

  /** What is known keeps its epochs, and nothing of it counts against what comes. */
  #forget(): void {
    for (const [name, row] of this.#rows) this.#rows.set(name, { ...row, revision: 0 })
    this.markers.clear()
    this.lives.clear()
    this.leaseChanges += 1
    this.revision = 0
  }

  /** All that happened in one revision. */
  events(revision: number, events: readonly EngineEvent[], now: number): Change[] {
    const changes: Change[] = []
    // An end stands before the deletion of what has ended: it says why.
    const isEnd = (event: EngineEvent): boolean => event.type === 'put' && event.key.key.startsWith(`${this.#root}e/`)
    for (const event of [...events.filter(isEnd), ...events.filter((event) => !isEnd(event))]) {
      if (event.type === 'put') changes.push(...this.#put(event.key, now))
      else changes.push(...this.#deleted(event.key, event.modRevision, now))
    }
    this.revision = Math.max(this.revision, revision)
    return changes
  }

  #put(key: EngineKey, now: number): Change[] {
    const { kind, name } = parseKey(this.#root, key.key) ?? { kind: undefined, name: '' }
    const { modRevision: revision, lease } = key
    if (kind === 'n') {
      const record = readOwner(key.value)
      if (record === undefined) return []
      return this.set(name, { entry: entryOf(name, record, key), revision, lease, attempt: record.attempt }, now)
    }
    if (kind === 'e') {
      const record = readEnd(key.value)
      return record === undefined ? [] : this.set(name, { entry: endedOf(name, record), revision }, now)
    }
    if (kind === 'm') {
      const record = readMove(key.value)
      const known = this.markers.get(name)?.revision ?? 0
      if (record !== undefined && revision > known) this.markers.set(name, { record, revision })
    } else if (kind === 'l') {
      const record = readLife(key.value)
      if (record !== undefined) this.#setLife(name, { ...record, lease, gone: undefined })
      if (this.lives.size > LIVES_MAX) this.#dropLives()
    }
    return []
  }

  #setLife(node: string, life: LifeRow): void {
    const had = this.hasLease(node)
    this.lives.set(node, life)
    if (had !== this.hasLease(node)) this.leaseChanges += 1
  }

  #dropLives(): void {
    for (const [node, { gone }] of this.lives) if (gone !== undefined) this.lives.delete(node)
  }

  #deleted(key: string, revision: number, now: number): Change[] {
    const { kind, name } = parseKey(this.#root, key) ?? { kind: undefined, name: '' }
    if (kind === 'm' && (this.markers.get(name)?.revision ?? 0) < revision) this.markers.delete(name)
    if (kind === 'l') {
      const life = this.lives.get(name)
      if (life !== undefined) this.#setLife(name, { ...life, gone: revision })
    }
    if (kind !== 'n') return []
    const row = this.#rows.get(name)
    return row === undefined || row.revision >= revision ? [] : this.#vanish(name, revision, now)
  }

  #vanish(name: string, revision: number, now: number): Change[] {
    const row = this.#rows.get(name)
    if (row === undefined) return []
    if (row.entry.status === 'ended') {
      this.#rows.set(name, { ...row, revision })
      return []
    }
    const { entry } = row
    const life = this.lives.get(entry.node)
    // Whoever leaves in order takes back his own record first, when he runs nothing any more.
    const left = life?.gone !== undefined && life.gone < revision
    const waitMs = left || this.#proved.has(ownerKey(entry)) ? 0 : (life?.ttlMs ?? this.#ttlMs)
    this.#rows.set(name, { ...row, revision, lease: '', vanished: { at: now, waitMs } })
    this.#vanished.add(name)
    const hint = this.#hints.get(name)
    if (hint !== undefined && hint.entry.epoch > entry.epoch) return []
    this.#hints.delete(name)
    return [{ entry, before: entry, change: 'recovering' }]
  }

  /** Of a transaction of this node, or what the watch tells. Older news changes nothing. */
  set(
    name: string,
    news: { entry: Entry; revision: number; lease?: string; attempt?: Attempt | undefined },
    now: number,
  ): Change[] {
    const { entry, revision, lease = '', attempt } = news
    const row = this.#rows.get(name)
    if (row !== undefined && (row.revision > revision || (row.revision === revision && row.vanished === undefined)))
      return []
    const before = this.get(name)
    const hint = this.#hints.get(name)?.entry
    if (hint !== undefined && hint.epoch <= entry.epoch) this.#hints.delete(name)
    this.#rows.set(name, { entry, revision, lease, attempt, vanished: undefined })
    const vanished = this.#vanished.delete(name)
    if (entry.status === 'ended') this.#ended.set(name, now)
    else this.#ended.delete(name)
    const kept = this.get(name) ?? entry
    return kept === entry && (vanished || !same(before, entry)) ? [{ entry, before, change: 'changed' }] : []
  }

  /** This node's own word, ahead of the engine: it has ended, or speaks in a higher epoch. */
  say(entry: Entry, now: number): Change[] {
    const row = this.#rows.get(entry.name)
    const before = this.get(entry.name)
    if (row === undefined || same(before, entry)) return []
    this.#rows.set(entry.name, { ...row, entry })
    if (entry.status === 'ended') this.#ended.set(entry.name, now)
    return [{ entry, before, change: 'changed' }]
  }

  // ---- hints

  /** What a member says, ahead of the engine. For the way of messages; it decides nothing. */
  hint(entry: Entry, now: number): Change[] {
    const { name } = entry
    const row = this.#rows.get(name)
    const before = this.get(name)
    // Epochs of a name are ordered like revisions: below the last that is known the engine has spoken.
    const gone = row !== undefined && (row.vanished !== undefined || row.entry.status === 'ended')
    const floor = row === undefined ? 0 : gone ? Math.max(row.entry.epoch, row.revision) : row.entry.epoch
    const newer = entry.epoch > floor && entry.epoch > (before?.epoch ?? 0)
    const ends = entry.status === 'ended' && before?.status === 'live' && before.epoch === entry.epoch
    if ((!newer && !ends) || this.#hints.size >= HINTS_MAX) return []
    this.#hints.set(name, { entry, at: now })
    return [{ entry, before, change: 'changed', hint: true }]
  }

  /** Hints that the engine has not confirmed since. @returns what holds again */
  dropHints(until: number): Change[] {
    const changes: Change[] = []
    for (const [name, hint] of [...this.#hints]) {
      if (hint.at > until) continue
      this.#hints.delete(name)
      const entry = this.#rows.get(name)?.entry
      // Without a word of the engine there never was such a life.
      const held: Entry = entry ?? { ...hint.entry, status: 'ended', reason: NODE_DOWN }
      changes.push({ entry: held, before: hint.entry, change: 'changed', hint: true })
    }
    return changes
  }

  // ---- the dead

  /** That life of a node has ended for sure: nobody need wait for it. */
  proved(node: string, incarnation: number): void {
    const [oldest] = this.#proved
    if (oldest !== undefined && this.#proved.size >= PROVED_MAX) this.#proved.delete(oldest)
    this.#proved.add(ownerKey({ node, incarnation }))
    for (const name of this.#vanished) {
      const row = this.#rows.get(name)
      if (row?.vanished === undefined || row.entry.node !== node || row.entry.incarnation !== incarnation) continue
      this.#rows.set(name, { ...row, vanished: { ...row.vanished, waitMs: 0 } })
    }
  }

  /** Its owner's lease is over, and it has surely noticed: the name may be taken. */
  isFree(name: string, now: number): boolean {
    const row = this.#rows.get(name)
    if (row === undefined || row.entry.status === 'ended') return true
    return row.vanished !== undefined && now - row.vanished.at >= row.vanished.waitMs
  }

  /** Those that nobody came back for. A copy that is left from a move has the first word. */
  due(now: number): Change[] {
    const changes: Change[] = []
    for (const name of [...this.#vanished]) {
      const row = this.#rows.get(name)
      if (row === undefined || this.markers.has(name) || !this.isFree(name, now)) continue
      const entry: Entry = { ...row.entry, status: 'ended', reason: NODE_DOWN }
      this.#vanished.delete(name)
      this.#rows.set(name, { ...row, entry, vanished: undefined })
      this.#ended.set(name, now)
      if (this.get(name) === entry) changes.push({ entry, before: row.entry, change: 'changed' })
    }
    return changes
  }

  /** Ends that everybody has heard of. */
  dropEnded(until: number): void {
    for (const [name, at] of this.#ended) {
      if (at > until) return
      this.#ended.delete(name)
      if (this.#rows.get(name)?.entry.status === 'ended') this.#rows.delete(name)
    }
  }
}
