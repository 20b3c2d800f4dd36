/**
 * What the cluster wants to run: name -> Child, the same table on every member. No clock and no network inside. The
 * rows are changed in place, there may be a hundred thousand.
 *
 *   none --wanted--> wanted <--retry-- parked        (failed too often; stays, with its reason, until somebody retries)
 *                      |  '--too often-->^ |
 *                      '------- removed <--'         (a tombstone, for `endedMs`: it must outlive what was said before)
 *
 * Of two records of a name the greater stays, in this order:
 *   1. the higher revision
 *   2. removed over parked over wanted
 *   3. the higher node that wrote it, then the higher wish (`born`)
 * It is a total order, so the table depends on what has arrived and not on when (scenario 57).
 *
 * The digest tells two tables apart: the names go into BUCKETS by their hash, a bucket's digest is the XOR of the
 * hashes of what it wants. Behind these stand as many for the tombstones, which each member forgets in its own time:
 * who only looks for what is missing leaves them away.
 */
import { hash32 } from '../registry/rendezvous.js'
import type { Child } from '../wire/messages.js'

const BUCKETS = 64

interface Row {
  readonly child: Child
  readonly hash: number
  /** Of the digest: below BUCKETS, or of a tombstone above. */
  readonly slot: number
}

interface Children {
  readonly rows: Map<string, Row>
  /** Name -> when it was heard that it is removed, the oldest first. */
  readonly removed: Map<string, number>
  readonly digest: Uint32Array
}

export const createChildren = (): Children => ({
  rows: new Map(),
  removed: new Map(),
  digest: new Uint32Array(2 * BUCKETS),
})

const RANK = { wanted: 0, parked: 1, removed: 2 } as const

const compareText = (a: string, b: string): number => (a === b ? 0 : a > b ? 1 : -1)

/** Positive when `a` stays, negative when `b` does, 0 when they are the same. */
const compareChildren = (a: Child, b: Child): number =>
  a.revision - b.revision ||
  RANK[a.status] - RANK[b.status] ||
  compareText(a.by, b.by) ||
  compareText(a.born, b.born) ||
  // Nobody writes two records at one revision. If it happens all must still keep the same one.
  compareText(stamp(a), stamp(b))

const stamp = (child: Child): string => {
  const { kind, reason, tags, nodes, restart, after, shutdownMs, args, metadata, group, replicas } = child
  return JSON.stringify([
    kind,
    reason,
    tags,
    nodes,
    restart,
    after,
    shutdownMs,
    args.toString('hex'),
    metadata.toString('hex'),
    group,
    [replicas?.count, replicas?.active, replicas?.guided],
  ])
}

const bucketOf = (name: string): number => hash32(name, 0x5bd1e995) % BUCKETS

/** @returns whether it is in the table now */
export const putChild = (table: Children, child: Child, now: number): boolean => {
  const before = table.rows.get(child.name)
  if (before !== undefined && compareChildren(child, before.child) <= 0) return false
  const isRemoved = child.status === 'removed'
  const slot = (before === undefined ? bucketOf(child.name) : before.slot % BUCKETS) + (isRemoved ? BUCKETS : 0)
  const hash = hash32(`${child.name}\n${child.revision} ${child.by} ${child.born} ${child.status}`)
  if (before !== undefined) toggle(table, before)
  const row: Row = { child, hash, slot }
  toggle(table, row)
  table.rows.set(child.name, row)
  table.removed.delete(child.name)
  if (isRemoved) table.removed.set(child.name, now)
  return true
}

const toggle = (table: Children, { slot, hash }: Row): void => {
  table.digest[slot] = ((table.digest[slot] ?? 0) ^ hash) >>> 0
}

/** Drops the tombstones that are as old. @returns when the oldest of the others was heard */
export const dropRemoved = (table: Children, until: number): number | undefined => {
  for (const [name, since] of table.removed) {
    if (since > until) return since
    table.removed.delete(name)
    const row = table.rows.get(name)
    if (row !== undefined) toggle(table, row)
    table.rows.delete(name)
  }
  return undefined
}

/** For another table to compare. @param whole  with the tombstones */
export const digestOf = ({ digest }: Children, whole: boolean): number[] => [
  ...digest.subarray(0, whole ? 2 * BUCKETS : BUCKETS),
]

/** What stands in the buckets in which the tables differ: of what is wanted, tombstones too. */
export const differing = (table: Children, digest: readonly number[]): Child[] => {
  const differs = digest.map((theirs, slot) => theirs !== table.digest[slot])
  if (!differs.includes(true)) return []
  const found: Child[] = []
  for (const { child, slot } of table.rows.values()) if (differs[slot] || differs[slot % BUCKETS]) found.push(child)
  return found
}

/** Bytes that a record takes in a message, roughly. */
export const bytesOf = ({ name, kind, args, metadata, tags, nodes, reason, born, group = '' }: Child): number => {
  const texts = name.length + kind.length + reason.length + born.length + group.length
  let bytes = 90 + args.length + metadata.length + 3 * texts
  for (const text of tags) bytes += 3 * text.length + 2
  for (const text of nodes) bytes += text.length + 2
  return bytes
}

const PART = 256

/** In lists that fit into a message each. */
export const inParts = (children: readonly Child[], bytesMax: number): Child[][] => {
  const parts: Child[][] = []
  let part: Child[] = []
  let bytes = 0
  for (const child of children) {
    const more = bytesOf(child)
    if (part.length > 0 && (part.length === PART || bytes + more > bytesMax)) {
      parts.push(part)
      part = []
      bytes = 0
    }
    part.push(child)
    bytes += more
  }
  if (part.length > 0) parts.push(part)
  return parts
}
