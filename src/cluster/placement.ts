/**
 * Where a process should run: the port of placement strategies, and the default one.
 *
 * A strategy is asked wherever a place is needed: by the home of a child that is to start, by a node that leaves, when
 * a member joins. It must be quick, and say the same of the same candidates wherever it is asked.
 */
import { homeOf, type Ring, ringOf } from '../registry/rendezvous.js'
import type { Load } from './load.js'

/** What is to be placed. */
export interface Placeable {
  readonly name: string
  readonly kind: string
  /** Of a replica: the name that it is one of. */
  readonly group?: string
}

export interface Placement {
  /** For logs and events, and to see that all members use the same. */
  readonly name: string
  /** The members tell each other once a second how busy they are: a place may depend on it, not on the name alone. */
  readonly usesLoad?: boolean
  /**
   * @param candidates  members that could take it, in the order of their names; never empty
   * @param loadOf  what a member said last of how busy it is, with `usesLoad`
   * @returns one of them, or undefined: on none of these
   */
  place(what: Placeable, candidates: readonly string[], loadOf?: (node: string) => Load | undefined): string | undefined
}

/**
 * Rendezvous hashing (see registry/rendezvous.ts): evenly spread, and a member that joins takes over only its own
 * share. The default.
 */
export const rendezvous = (): Placement => {
  let last: { readonly candidates: readonly string[]; readonly ring: Ring } = { candidates: [], ring: [] }
  return {
    name: 'rendezvous',
    // Replicas share a ring: who joins takes the place of one of them at most.
    place({ name, group = name }, candidates) {
      const same = candidates.length === last.candidates.length && candidates.every((n, i) => n === last.candidates[i])
      // Thousands of names are placed among the same few members.
      if (!same) last = { candidates: [...candidates], ring: ringOf(candidates) }
      return homeOf(group, last.ring) || undefined
    },
  }
}
