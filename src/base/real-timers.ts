/**
 * All timers of a clock on one of the machine's, which is set for the first of them: most are cancelled before their
 * time, and then cost neither a timer nor a closure.
 */
import { performance } from 'node:perf_hooks'
import { clearTimeout, setTimeout } from 'node:timers'
import { guarded } from './later.js'
import type { Timer } from './ports.js'
import { type TimerEntry, TimerHeap } from './timer-heap.js'

/** setTimeout takes 31 bits; more than that would fire at once. */
const LONGEST_MS = 2 ** 31 - 1

class RealTimer implements TimerEntry, Timer {
  readonly at: number
  readonly sequence: number
  callback: (() => void) | undefined
  readonly #timers: RealTimers

  constructor(timers: RealTimers, at: number, sequence: number, callback: () => void) {
    this.at = at
    this.sequence = sequence
    this.callback = callback
    this.#timers = timers
  }

  cancel(): void {
    this.#timers.cancel(this)
  }
}

export class RealTimers {
  readonly #heap = new TimerHeap()
  #sequence = 0
  #handle: NodeJS.Timeout | undefined
  #firesAt = Number.POSITIVE_INFINITY

  after(ms: number, callback: () => void): Timer {
    const timer = new RealTimer(this, performance.now() + ms, this.#sequence++, callback)
    this.#heap.push(timer)
    if (this.#handle === undefined || timer.at < this.#firesAt) this.#arm(timer.at, ms)
    return timer
  }

  cancel(timer: RealTimer): void {
    this.#heap.cancel(timer)
    if (this.#heap.live === 0) this.#disarm()
  }

  #disarm(): void {
    clearTimeout(this.#handle)
    this.#handle = undefined
    this.#firesAt = Number.POSITIVE_INFINITY
  }

  #arm(at: number, ms: number): void {
    this.#disarm()
    this.#firesAt = at
    this.#handle = setTimeout(() => this.#fire(), Math.min(Math.ceil(ms), LONGEST_MS))
  }

  /** Looks at the clock: setTimeout may be up to a millisecond early, and ends at 24.8 days. */
  #fire(): void {
    const now = performance.now()
    // What a callback sets for now has its own turn.
    const end = this.#sequence
    for (let timer = this.#heap.peek(); timer !== undefined; timer = this.#heap.peek()) {
      if (timer.at > now || timer.sequence >= end) return this.#arm(timer.at, Math.max(0, timer.at - performance.now()))
      const { callback } = timer
      this.#heap.pop()
      timer.callback = undefined
      if (callback !== undefined) guarded(callback)
    }
    this.#disarm()
  }
}
