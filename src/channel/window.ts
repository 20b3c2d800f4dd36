/**
 * The messages of a channel, in the order of their numbers, without a gap: those that are not acknowledged, and behind
 * them calls that are and still wait for their answer.
 *
 *   acknowledged, some still ask | not acknowledged
 *  ------------------------------|-----------------
 *  first                        base              next
 *
 * A queue, not a Map by number: a Map through which many entries pass keeps them from an early collection (its former
 * tables, grown old, refer to them), which costs twice what all the rest of a call does. Only calls that wait so long
 * that they hold up the queue go to a Map.
 */
import Denque from 'denque'
import type { Outgoing } from './outgoing.js'

/** Acknowledged entries that a call without an answer may hold up. */
const HELD_MAX = 1_024

interface Entry {
  readonly out: Outgoing
  /** Withdrawn before it was put on a path: its number is used up all the same. */
  void: boolean
  /** It was put on a path as it is. */
  carried: boolean
  /** A call without an answer. */
  asks: boolean
}

export class Window {
  readonly #entries = new Denque<Entry>()
  /** Calls that are acknowledged and not answered, and were in the way. */
  readonly #patient = new Map<number, Outgoing>()
  #first: number
  #base: number
  #bytes = 0

  constructor(first: number) {
    this.#first = first
    this.#base = first
  }

  /** Messages that are not acknowledged, and their bytes. */
  get size(): number {
    return this.#entries.length - (this.#base - this.#first)
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Nothing is unacknowledged or unanswered. */
  get idle(): boolean {
    return this.#entries.length === 0 && this.#patient.size === 0
  }

  some(test: (entry: Entry) => boolean): boolean {
    const { length } = this.#entries
    for (let at = this.#base - this.#first; at < length; at += 1) {
      if (test(this.#entries.peekAt(at) as Entry)) return true
    }
    return false
  }

  /** One that is not acknowledged. */
  at(seq: number): Entry | undefined {
    return seq < this.#base ? undefined : this.#entries.peekAt(seq - this.#first)
  }

  push(out: Outgoing): void {
    this.#entries.push({ out, void: false, carried: false, asks: out.what === 'call' })
    this.#bytes += out.bytes
  }

  /** The first that is not acknowledged, if its number is below, is from now on. A call still waits for its answer. */
  release(below: number): Entry | undefined {
    if (this.#base >= below) return undefined
    const entry = this.at(this.#base)
    if (entry === undefined) return undefined
    this.#base += 1
    this.#bytes -= entry.out.bytes
    entry.out.load = undefined
    this.#trim()
    return entry
  }

  /** The call, when it still waits: from now on it does not. */
  settle(seq: number): Outgoing | undefined {
    if (seq < this.#first) {
      const out = this.#patient.get(seq)
      this.#patient.delete(seq)
      return out
    }
    const entry = this.#entries.peekAt(seq - this.#first)
    if (entry === undefined || !entry.asks) return undefined
    entry.asks = false
    this.#trim()
    return entry.out
  }

  /** Calls that wait for their answer, in the order of their numbers. */
  calls(): Outgoing[] {
    const inside = this.#entries.toArray().filter((entry) => entry.asks)
    return [...this.#patient.values(), ...inside.map((entry) => entry.out)]
  }

  #trim(): void {
    while (this.#first < this.#base) {
      const entry = this.#entries.peekFront() as Entry
      if (entry.asks && this.#base - this.#first <= HELD_MAX) return
      if (entry.asks) this.#patient.set(this.#first, entry.out)
      this.#entries.shift()
      this.#first += 1
    }
  }
}
