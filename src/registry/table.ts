/**
 * The table name -> Entry and the rule by which two members that know different things come to know the same.
 * No clock and no network inside: the time comes as an argument. The rows are changed in place, there may be a million.
 *
 *   none --live--> live(e) --ended, same epoch--> ended(e) --endedMs--> none
 *                   |  ^                            |
 *                   '--'---- any entry of e' > e <--'
 *
 * Of two entries the greater stays, in this order (G2):
 *   1. the higher epoch
 *   2. ended over live: what has ended at an epoch never lives at it again
 *   3. the higher (incarnation, node) of the owner; two live owners at one epoch are a conflict, and reported
 * It is a total order, so the result depends on what has arrived and not on when.
 *
 * Rows that are dropped leave their epoch behind in `floor`: a new life of any name starts above it.
 *
 * Each life of a node has a digest of what is live on it, kept as the rows change: two tables that name the same have
 * the same one (digests.ts).
 */
import type { Entry } from '../wire/messages.js'
import { hash32 } from './rendezvous.js'

interface Row {
  readonly entry: Entry
  /** Who told us: one peer may fill only so much of the table. */
  readonly teller: string
  /** In the digest of its owner; 0 once it has ended. */
  readonly hash: number
  /** Its owner's, in `byOwner`. */
  readonly owned: Owned
}

/** How many names are live on a life of a node, and the XOR of the hashes of these names in their epochs. */
export interface Digest {
  readonly live: number
  readonly hash: number
}

interface Owned {
  /** Live and ended. */
  readonly names: Set<string>
  live: number
  hash: number
}

interface Table {
  readonly rows: Map<string, Row>
  /** `node/incarnation` -> its names. */
  readonly byOwner: Map<string, Owned>
  /** Teller -> rows that it has told us. */
  readonly byTeller: Map<string, number>
  /** Name -> when it was heard that it has ended, the oldest first. */
  readonly ended: Map<string, number>
  /** No new life may start at or below it. */
  floor: number
}

/** One life of a node. */
interface Owner {
  readonly node: string
  readonly incarnation: number
}

/** Life of a node as a key. */
export const ownerKey = (owner: Owner): string => `${owner.node}/${owner.incarnation}`

export const sameOwner = (a: Owner, b: Owner): boolean => a.node === b.node && a.incarnation === b.incarnation

/** `new`: it is in the table now. `conflict`: two live owners at one epoch, the greater one is in the table. */
export interface Merged {
  readonly outcome: 'new' | 'same' | 'stale' | 'conflict'
  readonly before: Entry | undefined
  /** What stands in the table now. */
  readonly kept: Entry
}

export const createTable = (): Table => ({
  rows: new Map(),
  byOwner: new Map(),
  byTeller: new Map(),
  ended: new Map(),
  floor: 0,
})

const rank = (entry: Entry): number => (entry.status === 'ended' ? 1 : 0)

/** Positive when `a` stays, negative when `b` does, 0 when they say the same of the same life. */
export const compareEntries = (a: Entry, b: Entry): number =>
  a.epoch - b.epoch ||
  rank(a) - rank(b) ||
  a.incarnation - b.incarnation ||
  (a.node === b.node ? 0 : a.node > b.node ? 1 : -1)

/** Takes in an entry. @param now  in ms of any clock that only grows */
export const merge = (table: Table, entry: Entry, teller: string, now: number): Merged => {
  const before = table.rows.get(entry.name)?.entry
  if (before === undefined) {
    replace(table, entry, teller, now)
    return { outcome: 'new', before, kept: entry }
  }
  const order = compareEntries(entry, before)
  if (order === 0) return { outcome: 'same', before, kept: before }
  if (order > 0) replace(table, entry, teller, now)
  const kept = order > 0 ? entry : before
  const conflict = entry.epoch === before.epoch && entry.status === 'live' && before.status === 'live'
  return { outcome: conflict ? 'conflict' : order > 0 ? 'new' : 'stale', before, kept }
}

/** Puts an entry in, whatever stood there. */
export const replace = (table: Table, entry: Entry, teller: string, now: number): void => {
  const before = table.rows.get(entry.name)
  const owned = before !== undefined && sameOwner(before.entry, entry) ? before.owned : ownedBy(table, entry)
  if (before !== undefined) unlink(table, before, owned)
  const hash = entry.status === 'live' ? hash32(entry.name, entry.epoch % 0x1_0000_0000) | 0 : 0
  const row: Row = { entry, teller, hash, owned }
  count(row, 1)
  owned.names.add(entry.name)
  table.rows.set(entry.name, row)
  table.byTeller.set(teller, (table.byTeller.get(teller) ?? 0) + 1)
  if (entry.status === 'ended') table.ended.set(entry.name, now)
}

const ownedBy = (table: Table, owner: Owner): Owned => {
  const key = ownerKey(owner)
  const known = table.byOwner.get(key)
  if (known !== undefined) return known
  const owned: Owned = { names: new Set(), live: 0, hash: 0 }
  table.byOwner.set(key, owned)
  return owned
}

/** Into the digest of its owner, or out of it. */
const count = ({ entry, hash, owned }: Row, by: 1 | -1): void => {
  if (entry.status === 'ended') return
  owned.live += by
  owned.hash ^= hash
}

/** @param keeps  the owner that it stays with */
const unlink = (table: Table, row: Row, keeps?: Owned): void => {
  const { entry, owned } = row
  table.ended.delete(entry.name)
  count(row, -1)
  if (owned !== keeps) {
    owned.names.delete(entry.name)
    if (owned.names.size === 0) table.byOwner.delete(ownerKey(entry))
  }
  const told = (table.byTeller.get(row.teller) ?? 1) - 1
  if (told === 0) table.byTeller.delete(row.teller)
  else table.byTeller.set(row.teller, told)
}

/** Drops what had ended by then. @returns when the oldest of the others ended, undefined when there is none */
export const dropEnded = (table: Table, until: number): number | undefined => {
  for (const [name, endedAt] of table.ended) {
    if (endedAt > until) return endedAt
    const row = table.rows.get(name)
    if (row === undefined) continue
    table.floor = Math.max(table.floor, row.entry.epoch)
    table.rows.delete(name)
    unlink(table, row)
  }
  return undefined
}

/** The highest epoch that this table knows of the name, or of names that it has forgotten. */
export const highestEpoch = (table: Table, name: string): number =>
  Math.max(table.floor, table.rows.get(name)?.entry.epoch ?? 0)

/** What is live on that life of a node, as this table believes. */
export const liveOn = (table: Table, owner: Owner): Entry[] => {
  const found: Entry[] = []
  for (const name of table.byOwner.get(ownerKey(owner))?.names ?? []) {
    const entry = table.rows.get(name)?.entry
    if (entry?.status === 'live') found.push(entry)
  }
  return found
}

/** The highest epoch of that life of a node; 0 when nothing of it is known. */
export const highestOn = (table: Table, owner: Owner): number => {
  let highest = 0
  for (const name of table.byOwner.get(ownerKey(owner))?.names ?? []) {
    highest = Math.max(highest, table.rows.get(name)?.entry.epoch ?? 0)
  }
  return highest
}

export const digestOn = (table: Table, owner: Owner): Digest => {
  const { live, hash } = table.byOwner.get(ownerKey(owner)) ?? { live: 0, hash: 0 }
  return { live, hash: hash >>> 0 }
}
