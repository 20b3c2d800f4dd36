/** A store in the memory of this program: for tests, and for several nodes of one program. It ends with the program. */
import { added, emptyShelf, forgotten, judge, page, type Shelf } from './shelf.js'
import type { Saved, Stamp, Store } from './store.js'

const keyOf = ({ epoch, revision }: Stamp): string => `${epoch}.${revision}`

interface Held {
  shelf: Shelf
  readonly states: Map<string, Buffer>
}

class MemoryStore implements Store {
  readonly where = 'memory'
  readonly #names = new Map<string, Held>()

  async save(name: string, stamp: Stamp, bytes: Buffer, keep: number): Promise<'saved' | 'stale'> {
    const held = this.#held(name)
    const verdict = judge(held.shelf, stamp)
    if (verdict !== 'new') return verdict === 'again' ? 'saved' : 'stale'
    const { shelf, dropped } = added(held.shelf, { epoch: stamp.epoch, revision: stamp.revision }, keep)
    held.shelf = shelf
    held.states.set(keyOf(stamp), Buffer.from(bytes))
    for (const old of dropped) held.states.delete(keyOf(old))
    return 'saved'
  }

  async load(name: string, back: number): Promise<Saved | undefined> {
    const held = this.#names.get(name)
    const stamp = held?.shelf.stamps[back]
    const bytes = stamp === undefined ? undefined : held?.states.get(keyOf(stamp))
    return stamp === undefined || bytes === undefined ? undefined : { ...stamp, bytes: Buffer.from(bytes) }
  }

  async forget(name: string, upTo: Stamp): Promise<void> {
    const held = this.#held(name)
    const { shelf, dropped } = forgotten(held.shelf, upTo)
    held.shelf = shelf
    for (const old of dropped) held.states.delete(keyOf(old))
  }

  async list(after: string, limit: number): Promise<string[]> {
    const saved = [...this.#names].filter(([, { shelf }]) => shelf.stamps.length > 0)
    return page(
      saved.map(([name]) => name),
      after,
      limit,
    )
  }

  async close(): Promise<void> {}

  #held(name: string): Held {
    const held = this.#names.get(name) ?? { shelf: emptyShelf, states: new Map() }
    this.#names.set(name, held)
    return held
  }
}

/** A store in the memory of this program, for tests. Several nodes of the program may share it. */
export const memoryStore = (): Store => new MemoryStore()
