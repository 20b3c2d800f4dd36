/**
 * Members of members that this node has not met. Who has joined through X knows from X's first VIEW who else is there;
 * if X dies before they have met, neither side may take itself for the whole cluster: a view with strangers does not
 * settle. Each is met, found dead, not named any more by whoever named it, or given up after `giveUpMs`.
 */
import type { Life } from './views.js'

interface Stranger extends Life {
  readonly since: number
}

export class Strangers {
  readonly #giveUpMs: number
  /** Who named them -> them. What a dead member named last stays. */
  readonly #named = new Map<string, readonly Stranger[]>()

  constructor(giveUpMs: number) {
    this.#giveUpMs = giveUpMs
  }

  /** All that this member sees now. */
  named(by: string, members: readonly Life[], now: number): void {
    const before = this.#named.get(by) ?? []
    const strangers = members.map(({ node, incarnation }) => {
      const same = before.find((s) => s.node === node && s.incarnation === incarnation)
      return same ?? { node, incarnation, since: now }
    })
    this.#named.set(by, strangers)
  }

  /** Is anybody left to meet? @param settled  this life is a member here, or is over */
  waiting(settled: (life: Life) => boolean, now: number): boolean {
    for (const [by, strangers] of [...this.#named]) {
      const left = strangers.filter((s) => !settled(s) && now - s.since < this.#giveUpMs)
      if (left.length > 0) this.#named.set(by, left)
      else this.#named.delete(by)
    }
    return this.#named.size > 0
  }
}
