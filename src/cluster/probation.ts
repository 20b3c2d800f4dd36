/**
 * Whom a new life of a node does not take yet: nodes that its former life knew, which was declared dead. Most of them
 * are about to begin a new life, too, and until then they tell what the side that gave way believes: ends of processes
 * that live, owners that nobody else has heard of. A node that had both as members would spread that. Those that the
 * former life held for dead among them: whoever stayed may hold them for dead as well.
 *
 *   member of the former life --a member of now names that very life (MEMBERS)--> taken
 *                              --it comes as a newer life--> taken
 *                              --two down times have passed: nobody else can reach it--> taken
 */
import type { Address } from '../base/ids.js'
import type { Limits } from '../base/limits.js'
import type { Clock } from '../base/ports.js'
import type { Life } from '../registry/views.js'

/** How long, in down times. */
export const PROBATION_DOWN_TIMES = 2

/** A node as an earlier life of this one knew it. */
export interface Acquaintance {
  readonly node: string
  readonly incarnation: number
  readonly address: Address
}

export class Probation {
  readonly #clock: Clock
  readonly #ms: number
  readonly #held = new Map<string, number>()
  #until = 0

  constructor({ clock, limits }: { readonly clock: Clock; readonly limits: Limits }) {
    this.#clock = clock
    this.#ms = PROBATION_DOWN_TIMES * limits.downMs
  }

  hold(lives: readonly Life[]): void {
    this.#until = this.#clock.now() + this.#ms
    for (const { node, incarnation } of lives) this.#held.set(node, incarnation)
  }

  named(lives: readonly Life[]): void {
    for (const { node, incarnation } of lives) if (this.#held.get(node) === incarnation) this.#held.delete(node)
  }

  isHeld(node: string, incarnation: number): boolean {
    return this.#held.get(node) === incarnation && this.#clock.now() < this.#until
  }
}
