/** The events of a simulation, first the one that is due first; of those due together the one that was set first. */
import { invariant } from './invariant.js'

export interface TimerEntry {
  readonly at: number
  readonly sequence: number
  /** `undefined` once fired or cancelled. */
  callback: (() => void) | undefined
}

const before = (a: TimerEntry, b: TimerEntry): boolean => a.at < b.at || (a.at === b.at && a.sequence < b.sequence)

/** A binary heap. Cancelled entries stay until they come up, or until they are more than half of it. */
export class TimerHeap {
  #entries: TimerEntry[] = []
  #cancelled = 0

  get live(): number {
    return this.#entries.length - this.#cancelled
  }

  push(entry: TimerEntry): void {
    this.#entries.push(entry)
    this.#up(this.#entries.length - 1)
  }

  cancel(entry: TimerEntry): void {
    if (entry.callback === undefined) return
    entry.callback = undefined
    this.#cancelled++
    if (this.#cancelled < 1_024 || this.#cancelled * 2 < this.#entries.length) return
    this.#entries = this.#entries.filter((kept) => kept.callback !== undefined)
    this.#cancelled = 0
    for (let i = (this.#entries.length >> 1) - 1; i >= 0; i--) this.#down(i)
  }

  /** The first live entry, which stays. */
  peek(): TimerEntry | undefined {
    for (let first = this.#entries[0]; first !== undefined; first = this.#entries[0]) {
      if (first.callback !== undefined) return first
      this.pop()
      this.#cancelled--
    }
    return undefined
  }

  pop(): void {
    const last = this.#entries.pop()
    if (last === undefined || this.#entries.length === 0) return
    this.#entries[0] = last
    this.#down(0)
  }

  #at(index: number): TimerEntry {
    const entry = this.#entries[index]
    invariant(entry !== undefined, 'the heap has an entry at each index')
    return entry
  }

  #up(start: number): void {
    const entry = this.#at(start)
    let index = start
    while (index > 0) {
      const parent = (index - 1) >> 1
      if (!before(entry, this.#at(parent))) break
      this.#entries[index] = this.#at(parent)
      index = parent
    }
    this.#entries[index] = entry
  }

  #down(start: number): void {
    const size = this.#entries.length
    const entry = this.#at(start)
    let index = start
    for (let child = 2 * index + 1; child < size; child = 2 * index + 1) {
      if (child + 1 < size && before(this.#at(child + 1), this.#at(child))) child++
      if (!before(this.#at(child), entry)) break
      this.#entries[index] = this.#at(child)
      index = child
    }
    this.#entries[index] = entry
  }
}
