/** How long a process that arrives was not running, as its destination can know it. */
import type { Clock } from '../base/ports.js'

export class Pause {
  readonly #clock: Clock
  readonly #startedAt: number
  #frozenMs = 0
  #committedAt = 0

  constructor(clock: Clock) {
    this.#clock = clock
    this.#startedAt = clock.now()
  }

  /** The first COMMIT says how long it has been frozen. */
  committed(frozenUs: number): void {
    if (this.#committedAt !== 0) return
    this.#frozenMs = frozenUs / 1_000
    this.#committedAt = this.#clock.now()
  }

  get sincePrepare(): number {
    return this.#clock.now() - this.#startedAt
  }

  /** What S measured from the freeze to COMMIT, and the time here since; not COMMIT's way. Takeover: since PREPARE. */
  get ms(): number {
    const ms = this.#committedAt === 0 ? this.sincePrepare : this.#frozenMs + this.#clock.now() - this.#committedAt
    return Math.round(ms * 1_000) / 1_000
  }
}
