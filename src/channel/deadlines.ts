/**
 * When those who wait on a channel must be looked at: one timer for all of them, set to the earliest. It stays set when
 * one of them is answered, and then finds out who is left: most calls are answered long before they are late, and
 * setting and clearing a timer costs more than all else that a channel does for one.
 */
import type { Clock, Timer } from '../base/ports.js'

export class Deadlines {
  readonly #clock: Clock
  readonly #look: (now: number) => number
  #at = Number.POSITIVE_INFINITY
  #timer: Timer | undefined

  /** @param look  deals with all who are due by `now`; returns when the next one is, or Infinity */
  constructor(clock: Clock, look: (now: number) => number) {
    this.#clock = clock
    this.#look = look
  }

  /** Looks then, or earlier. */
  by(at: number): void {
    if (at >= this.#at) return
    this.#timer?.cancel()
    this.#at = at
    this.#timer = this.#clock.after(Math.max(0, at - this.#clock.now()), () => {
      this.#at = Number.POSITIVE_INFINITY
      this.#timer = undefined
      this.by(this.#look(this.#clock.now()))
    })
  }

  cancel(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    this.#at = Number.POSITIVE_INFINITY
  }
}
