/**
 * The monitors that one process holds. A watch is on a name and a line: it sees one real death, and no move (G8).
 * A copy that does not run notices nothing; whoever runs next compares its watches with the registry.
 */
import type { Watch } from './image.js'

/** What is known of a name: `line` of its last life, and how that ended if it did. */
export interface Fate {
  readonly line: number
  readonly alive: boolean
  readonly reason: string
}

export class Watches {
  readonly #fateOf: (name: string) => Fate | undefined
  readonly #down: (watch: Watch, reason: string) => void
  readonly #added: () => void
  readonly #watches = new Map<number, Watch>()
  #lastId = 0

  /** @param added  it holds at least one watch from now on */
  constructor(
    fateOf: (name: string) => Fate | undefined,
    down: (watch: Watch, reason: string) => void,
    added: () => void = () => {},
  ) {
    this.#fateOf = fateOf
    this.#down = down
    this.#added = added
  }

  get size(): number {
    return this.#watches.size
  }

  get lastId(): number {
    return this.#lastId
  }

  add(name: string): number {
    this.#lastId += 1
    const fate = this.#fateOf(name)
    const watch = { id: this.#lastId, name, line: fate?.line ?? 0 }
    if (fate?.alive === true) {
      this.#watches.set(watch.id, watch)
      this.#added()
    } else {
      this.#down(watch, 'noproc')
    }
    return watch.id
  }

  delete(id: number): void {
    this.#watches.delete(id)
  }

  clear(): void {
    this.#watches.clear()
  }

  all(): Watch[] {
    return [...this.#watches.values()]
  }

  restore(watches: readonly Watch[], lastId: number): void {
    this.#lastId = lastId
    for (const watch of watches) this.#watches.set(watch.id, watch)
    if (watches.length > 0) this.#added()
  }

  /** Something is new about `name`. */
  compare(name: string): void {
    for (const watch of this.#watches.values()) if (watch.name === name) this.#judge(watch)
  }

  compareAll(): void {
    for (const watch of [...this.#watches.values()]) this.#judge(watch)
  }

  #judge(watch: Watch): void {
    const fate = this.#fateOf(watch.name)
    // Nothing is known of it here, as of a name at home when the process is away: no news is no death (G8).
    if (fate === undefined || (fate.alive && fate.line <= watch.line)) return
    this.#watches.delete(watch.id)
    // Another line is another life: the one that was watched is over, however it ended.
    this.#down(watch, fate.alive ? 'restarted' : fate.reason)
  }
}
