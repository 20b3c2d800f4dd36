/**
 * What this node has to tell of children, and through whom: which records, to which members, who passes them on. Pure,
 * but for the maps, which are changed in place.
 *
 *   written --gatherMs, or the members change--> told --RECENT_MS--> forgotten
 *   unkept --a member that was told of it alone has answered, or it is removed--> kept
 *
 * With gossip a round goes to `recipients` members, each with a share of the others. Whoever is told does the same with
 * his share. So each member is told once, by one that was told, and nobody sends more than `recipients` messages:
 *
 *   a --[b | c d e]--> b    b --[c]--> c   b --[d]--> d   b --[e]--> e
 *    '--[f | g h]----> f    f --[g]--> g   f --[h]--> h
 *
 * Who passes on may die, or lose a link, and then some are not told. A death is a new view, in which all compare with
 * all; a new link begins with a comparison; and all compare in turn (roster.ts).
 */
import type { Child } from '../wire/messages.js'

/** Who is told, in this order of preference: one of them, and the others are his to tell. */
type Share = readonly string[]

/** @param turn  another one each time: not always the same members pass on */
export const sharesOf = (members: readonly string[], recipients: number, turn: number): Share[] => {
  const shares: string[][] = []
  const from = members.length === 0 ? 0 : turn % members.length
  for (const [index, member] of [...members.slice(from), ...members.slice(0, from)].entries()) {
    const slot = index % recipients
    const share = shares[slot]
    if (share === undefined) shares[slot] = [member]
    else share.push(member)
  }
  return shares
}

/** Longer than it takes to pass something on. */
const RECENT_MS = 2_000

interface Rumours {
  /** Written since the last round. */
  readonly written: Map<string, Child>
  /** Told in a round, the oldest first: not all members need to have it yet. */
  readonly told: Map<string, { readonly child: Child; readonly at: number }>
  /** No other member has said that it has it. */
  readonly unkept: Map<string, Child>
}

export const createRumours = (): Rumours => ({ written: new Map(), told: new Map(), unkept: new Map() })

export const noteWritten = ({ written, told, unkept }: Rumours, child: Child): void => {
  written.set(child.name, child)
  told.delete(child.name)
  // Nobody waits for a tombstone: who holds a life of the name is told of it alone.
  if (child.status === 'removed') unkept.delete(child.name)
  else unkept.set(child.name, child)
}

/** @returns what is told in this round */
export const takeRound = ({ written, told }: Rumours, now: number): Child[] => {
  for (const [name, { at }] of told) {
    if (now - at < RECENT_MS) break
    told.delete(name)
  }
  const children = [...written.values()]
  written.clear()
  for (const child of children) told.set(child.name, { child, at: now })
  return children
}

/** Records of these names that not all members need to have. */
export const recentOf = ({ written, told }: Rumours, names: Iterable<string>): Child[] => {
  const found: Child[] = []
  for (const name of names) {
    const child = written.get(name) ?? told.get(name)?.child
    if (child !== undefined) found.push(child)
  }
  return found
}

export const noteKept = ({ unkept }: Rumours, children: readonly Child[]): void => {
  for (const child of children) if (unkept.get(child.name) === child) unkept.delete(child.name)
}
