/**
 * A timer that is set often and seldom rings: to set it for later than before costs an assignment.
 *
 *   off --set--> due --time--> rings once --> off        set while due: the new time counts
 *    ^------- stop
 */
import type { Clock, Timer } from './ports.js'

export class Alarm {
  readonly #clock: Clock
  readonly #ring: () => void
  #dueAt = Number.POSITIVE_INFINITY
  /** The real timer, and when it fires: not after `dueAt`. */
  #timer: Timer | undefined
  #firesAt = 0

  constructor(clock: Clock, ring: () => void) {
    this.#clock = clock
    this.#ring = ring
  }

  /** Rings once, `ms` from now. */
  set(ms: number): void {
    this.#dueAt = this.#clock.now() + ms
    if (this.#timer !== undefined && this.#firesAt <= this.#dueAt) return
    this.#timer?.cancel()
    this.#arm(ms)
  }

  #arm(ms: number): void {
    this.#firesAt = this.#clock.now() + ms
    this.#timer = this.#clock.after(ms, () => this.#fired())
  }

  #fired(): void {
    this.#timer = undefined
    if (this.#dueAt === Number.POSITIVE_INFINITY) return
    const left = this.#dueAt - this.#clock.now()
    if (left > 0) return this.#arm(left)
    this.#dueAt = Number.POSITIVE_INFINITY
    this.#ring()
  }

  /** Does not ring, unless it is set again. */
  stop(): void {
    this.#dueAt = Number.POSITIVE_INFINITY
  }

  /** The same, and nothing is left behind: for the end. */
  cancel(): void {
    this.stop()
    this.#timer?.cancel()
    this.#timer = undefined
  }
}
