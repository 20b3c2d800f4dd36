/** The timers of one process, as data: they stop with a freeze and go on, anywhere, with what they had left (G7). */
import { LazyMap } from '../base/lazy-map.js'
import type { Clock, Timer } from '../base/ports.js'

/** A timer on its way: `remainingMs` is never negative. */
export interface TimerImage {
  readonly id: number
  readonly remainingMs: number
  readonly message: unknown
}

interface Armed {
  readonly id: number
  readonly dueAt: number
  readonly message: unknown
  timer: Timer | undefined
}

/** Whose timers they are. */
export interface TimerOwner {
  inform(message: unknown): void
}

export class Timers {
  readonly #clock: Clock
  readonly #owner: TimerOwner
  readonly #armed = new LazyMap<number, Armed>()
  #lastId = 0
  #stopped = false

  constructor(clock: Clock, owner: TimerOwner) {
    this.#clock = clock
    this.#owner = owner
  }

  get size(): number {
    return this.#armed.size
  }

  get lastId(): number {
    return this.#lastId
  }

  set(ms: number, message: unknown): number {
    this.#lastId += 1
    this.#arm({ id: this.#lastId, dueAt: this.#clock.now() + ms, message, timer: undefined })
    return this.#lastId
  }

  cancel(id: number): number | undefined {
    const armed = this.#armed.get(id)
    if (armed === undefined) return undefined
    armed.timer?.cancel()
    this.#armed.delete(id)
    return Math.max(0, armed.dueAt - this.#clock.now())
  }

  /** Nothing fires any more until `resume`. A timer that comes due meanwhile keeps waiting. */
  stop(): void {
    this.#stopped = true
    for (const armed of this.#armed.values()) {
      armed.timer?.cancel()
      armed.timer = undefined
    }
  }

  resume(): void {
    this.#stopped = false
    for (const armed of this.#armed.values()) this.#arm(armed)
  }

  clear(): void {
    this.stop()
    this.#armed.clear()
  }

  image(): TimerImage[] {
    const now = this.#clock.now()
    return [...this.#armed.values()].map(({ id, dueAt, message }) => ({
      id,
      remainingMs: Math.max(0, dueAt - now),
      message,
    }))
  }

  restore(images: readonly TimerImage[], lastId: number): void {
    this.#lastId = lastId
    const now = this.#clock.now()
    for (const { id, remainingMs, message } of images) {
      this.#armed.set(id, { id, dueAt: now + remainingMs, message, timer: undefined })
    }
  }

  #arm(armed: Armed): void {
    this.#armed.set(armed.id, armed)
    if (this.#stopped) return
    const left = Math.max(0, armed.dueAt - this.#clock.now())
    armed.timer = this.#clock.after(left, () => this.#due(armed))
  }

  #due(armed: Armed): void {
    if (this.#armed.get(armed.id) !== armed || this.#stopped) return
    // A timer of the event loop may come a little early; ours never does.
    if (armed.dueAt > this.#clock.now()) return this.#arm(armed)
    this.#armed.delete(armed.id)
    this.#owner.inform(armed.message)
  }
}
