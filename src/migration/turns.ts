/**
 * How many moves go to one node at once. The others wait, and run on meanwhile: a process freezes when its turn comes,
 * so in a batch of any size each stands still for no longer than in a small one.
 *
 *   take --room--> under way --done--> the next one's turn
 *     '--no room--> waits --'
 */
import Denque from 'denque'
import { type Identity, originOf } from '../base/ids.js'

interface Line {
  underWay: number
  readonly waiting: Denque<() => void>
}

export class Turns {
  readonly #max: number
  /** By the life of a node: a newer one owes nothing to what an older one has left open. */
  readonly #lines = new Map<string, Line>()

  constructor(max: number) {
    this.#max = max
  }

  /** Resolves when a move may go there. Each needs a `done`. */
  take(to: Identity): Promise<void> | undefined {
    const line = this.#lines.get(originOf(to)) ?? { underWay: 0, waiting: new Denque() }
    this.#lines.set(originOf(to), line)
    if (line.underWay < this.#max) {
      line.underWay += 1
      return undefined
    }
    return new Promise((resolve) => line.waiting.push(resolve))
  }

  done(to: Identity): void {
    const line = this.#lines.get(originOf(to))
    if (line === undefined) return
    // Who waits takes over the place.
    const next = line.waiting.shift()
    if (next !== undefined) return next()
    line.underWay -= 1
    if (line.underWay === 0) this.#lines.delete(originOf(to))
  }
}
