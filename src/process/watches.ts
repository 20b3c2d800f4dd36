/**
 * The monitors that one process holds. A watch is on a name and a line: it sees one real death, and no move (G8).
 * A copy that does not run notices nothing; whoever runs next compares its watches with the registry.
 */
import { LazyMap } from '../base/lazy-map.js'
import type { Watch } from './image.js'

/** What is known of a name: `line` of its last life, and how that ended if it did. */
export interface Fate {
  readonly line: number
  readonly alive: boolean
  readonly reason: string
}

/** Whose watches they are. */
export interface WatchOwner {
  /** What is known of a name; undefined when nothing is. */
  fateOf(name: string): Fate | undefined
  /** It holds at least one watch from now on. */
  watchAdded(): void
  watchDown(watch: Watch, reason: string): void
}

export class Watches {
  readonly #owner: WatchOwner
  readonly #watches = new LazyMap<number, Watch>()
  #lastId = 0

  constructor(owner: WatchOwner) {
    this.#owner = owner
  }

  get size(): number {
    return this.#watches.size
  }

  get lastId(): number {
    return this.#lastId
  }

  add(name: string): number {
    this.#lastId += 1
    const fate = this.#owner.fateOf(name)
    const watch = { id: this.#lastId, name, line: fate?.line ?? 0 }
    if (fate?.alive === true) {
      this.#watches.set(watch.id, watch)
      this.#owner.watchAdded()
    } else {
      this.#owner.watchDown(watch, 'noproc')
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
    if (watches.length > 0) this.#owner.watchAdded()
  }

  /** Something is new about `name`. */
  compare(name: string): void {
    for (const watch of this.#watches.values()) if (watch.name === name) this.#judge(watch)
  }

  compareAll(): void {
    for (const watch of [...this.#watches.values()]) this.#judge(watch)
  }

  #judge(watch: Watch): void {
    const fate = this.#owner.fateOf(watch.name)
    // Nothing is known of it here, as of a name at home when the process is away: no news is no death (G8).
    if (fate === undefined || (fate.alive && fate.line <= watch.line)) return
    this.#watches.delete(watch.id)
    // Another line is another life: the one that was watched is over, however it ended.
    this.#owner.watchDown(watch, fate.alive ? 'restarted' : fate.reason)
  }
}
