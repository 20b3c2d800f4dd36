/**
 * May this node serve, and may it decide for others? Pure; partition.ts drives it. Under `diverge` always.
 *
 * To *serve* it needs leases of enough members: each has told it that it heard what this node sent at a time t, and
 * counts until t + leaseMs, which is before it can hold this node for dead (also when only one direction is cut). To
 * *decide* (grant a name, judge the dead) it needs to serve, and a settled view of enough members: then enough of them
 * hold whoever is not in it for dead, so nobody of those has leases of enough (G1).
 *
 *   serving --leases of too few--> frozen --leases of enough--> serving
 *
 *   static    enough: `size` members, this one counted
 *   dynamic   enough: `percent` of those that were members within `withinMs`
 *   majority  enough: more than half of the *electorate*, and of `size`
 *
 * The electorate is a set of names, changed like a configuration of Raft (joint consensus: Ongaro, "Consensus: bridging
 * theory and practice", 2014, section 4.3), with the settled views of the registry in the place of its log:
 *
 *   E --all members of view V say its hash, most of E among them--> E and E' both count --V is settled--> E'
 *                                                       E' = V and those of E that did not leave in order
 *
 * Who has said the digest of V counts both sets, since another member may have settled on V. What a restarted node has
 * forgotten the others tell it; to begin, more than half of `size` must meet.
 */

/** What is done on both sides of a partition. */
export type PartitionPolicy =
  | 'diverge'
  | { readonly quorum: 'static'; readonly size: number }
  | { readonly quorum: 'dynamic'; readonly percent?: number; readonly withinMs?: number }
  | { readonly quorum: 'majority'; readonly size: number }

/** Who counts, as one member tells it to others. */
export interface Electorate {
  /** Grows with each change. 0: there was none yet. */
  readonly serial: number
  /** Sorted. */
  readonly names: readonly string[]
  /** It counts as if it had so many names at least: `size`, until an operator says otherwise. */
  readonly least: number
}

export interface QuorumState {
  readonly self: string
  readonly now: Electorate
  /** Said in a view that may have been settled on, by somebody: they count as well. */
  readonly pending: readonly Electorate[]
}

export type QuorumEvent =
  /** All members of this view, this node among them, say its hash. `left`: names that went in order. */
  | { readonly type: 'agreed'; readonly view: readonly string[]; readonly left: ReadonlySet<string> }
  /** They all know it of each other. */
  | { readonly type: 'settled'; readonly view: readonly string[]; readonly left: ReadonlySet<string> }
  | { readonly type: 'told'; readonly electorate: Electorate }
  /** An operator: these are all that there are. */
  | { readonly type: 'reset'; readonly names: readonly string[] }

export const newQuorum = (self: string, policy: PartitionPolicy): QuorumState => ({
  self,
  now: { serial: 0, names: [], least: policy !== 'diverge' && policy.quorum === 'majority' ? policy.size : 1 },
  pending: [],
})

export const stepQuorum = (state: QuorumState, event: QuorumEvent): QuorumState => {
  switch (event.type) {
    case 'agreed': {
      const proposed = proposal(state, event)
      if (proposed === undefined || state.pending.some((one) => sameElectorate(one, proposed))) return state
      return { ...state, pending: [...state.pending, proposed] }
    }
    case 'settled': {
      const proposed = proposal(state, event)
      if (proposed !== undefined) return { ...state, now: proposed, pending: [] }
      return state
    }
    case 'told':
      if (!isNewer(event.electorate, state.now)) return state
      return {
        ...state,
        now: event.electorate,
        pending: state.pending.filter(({ serial }) => serial > event.electorate.serial),
      }
    case 'reset': {
      const names = [...event.names].sort()
      return { ...state, now: { serial: nextSerial(state), names, least: names.length }, pending: [] }
    }
  }
}

export const sameElectorate = (a: Electorate, b: Electorate): boolean =>
  a.serial === b.serial && a.names.length === b.names.length && a.names.every((name, i) => name === b.names[i])

/** Of one serial, both are of one view: who knew more of those that left has fewer. */
const isNewer = (a: Electorate, b: Electorate): boolean =>
  a.serial > b.serial ||
  (a.serial === b.serial &&
    !sameElectorate(a, b) &&
    (a.names.length < b.names.length || (a.names.length === b.names.length && `${a.names}` < `${b.names}`)))

/** @returns undefined when this view may not change who counts, or changes nothing */
const proposal = (
  state: QuorumState,
  { view, left }: { readonly view: readonly string[]; readonly left: ReadonlySet<string> },
): Electorate | undefined => {
  const { now, pending } = state
  const inView = new Set(view)
  if (view.length * 2 <= now.least) return undefined
  // Also of those that may count already, for all this node knows.
  if (![now, ...pending].every(({ names }) => hasMost(names, inView))) return undefined
  const names = [...new Set([...view, ...now.names.filter((name) => !left.has(name))])].sort()
  if (pending.length === 0 && `${names}` === `${now.names}`) return undefined
  return { serial: nextSerial(state), names, least: now.least }
}

/** Above what others may have settled on. */
const nextSerial = ({ now, pending }: QuorumState): number =>
  Math.max(...[now, ...pending].map(({ serial }) => serial)) + 1

/** None: there was no electorate yet. */
const hasMost = (names: readonly string[], of: ReadonlySet<string>): boolean =>
  names.length === 0 || names.filter((name) => of.has(name)).length * 2 > names.length

/** A member that is live for this node. */
export interface Voter {
  readonly node: string
  /** It has said that it hears what this node sent then; in ms of this node's clock. */
  readonly heardAt: number
}

/** @param recent  how many were members within `withinMs`, the live ones and this node among them */
const sets = (policy: Exclude<PartitionPolicy, 'diverge'>, state: QuorumState, recent: number): Needed[] => {
  if (policy.quorum === 'static') return [{ of: undefined, count: policy.size }]
  if (policy.quorum === 'dynamic')
    return [{ of: undefined, count: Math.ceil((recent * (policy.percent ?? PERCENT)) / 100) }]
  return [state.now, ...state.pending].map(({ serial, names, least }) => ({
    of: new Set(names),
    count: serial === 0 ? Number.POSITIVE_INFINITY : Math.floor(Math.max(names.length, least) / 2) + 1,
  }))
}

/** So many of these; undefined: of all. */
interface Needed {
  readonly of: ReadonlySet<string> | undefined
  readonly count: number
}

const PERCENT = 50

/** Until when this node may serve, in ms of its clock: Infinity when it needs nobody, -Infinity when it may not. */
export const servesUntil = (
  policy: PartitionPolicy,
  state: QuorumState,
  voters: readonly Voter[],
  recent: number,
  leaseMs: number,
): number => {
  if (policy === 'diverge') return Number.POSITIVE_INFINITY
  const all: readonly Voter[] = [...voters, { node: state.self, heardAt: Number.POSITIVE_INFINITY }]
  const ends = sets(policy, state, recent).map(({ of, count }) => {
    const counted = all.filter(({ node }) => of?.has(node) !== false).map(({ heardAt }) => heardAt)
    return (counted.sort((a, b) => b - a)[count - 1] ?? Number.NEGATIVE_INFINITY) + leaseMs
  })
  return Math.min(...ends)
}

/** May a settled view of these members grant names and judge the dead? */
export const mayDecide = (
  policy: PartitionPolicy,
  state: QuorumState,
  view: readonly string[],
  recent: number,
): boolean =>
  policy === 'diverge' ||
  sets(policy, state, recent).every(({ of, count }) => view.filter((node) => of?.has(node) !== false).length >= count)
