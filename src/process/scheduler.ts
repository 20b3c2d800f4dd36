/**
 * Who runs next on this node: a queue of processes with work. It drains in a microtask, so an idle node answers in the
 * same turn, and hands the event loop back after a while, so that sockets and timers never starve.
 */
import type { Clock } from '../base/ports.js'

/** Callbacks in one turn of the event loop: at most so many, for at most so long. The clock is asked now and then. */
const CALLBACKS_PER_TURN = 1_000
const TURN_MS = 2
const CALLBACKS_PER_LOOK = 16

export interface Runnable {
  /** Runs one message, if it can. @returns whether it wants to run again at once */
  step(): boolean
}

export class Scheduler {
  readonly #clock: Clock
  #queue: Runnable[] = []
  #armed = false
  #spent = 0
  #turnEndsAt = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  ready(runnable: Runnable): void {
    this.#queue.push(runnable)
    if (!this.#armed) this.#arm()
  }

  #arm(): void {
    this.#armed = true
    if (this.#spent >= CALLBACKS_PER_TURN) return
    if (this.#spent === 0) {
      this.#turnEndsAt = this.#clock.now() + TURN_MS
      this.#clock.soon(() => this.#newTurn())
    }
    queueMicrotask(() => this.#drain())
  }

  #newTurn(): void {
    const starved = this.#spent >= CALLBACKS_PER_TURN
    this.#spent = 0
    if (starved && this.#queue.length > 0) this.#arm()
    else if (starved) this.#armed = false
  }

  #drain(): void {
    while (this.#queue.length > 0 && this.#mayRun()) {
      const batch = this.#queue
      this.#queue = []
      for (let i = 0; i < batch.length; i += 1) {
        if (!this.#mayRun()) {
          this.#queue = [...batch.slice(i), ...this.#queue]
          return
        }
        this.#spent += 1
        const runnable = batch[i] as Runnable
        if (runnable.step()) this.#queue.push(runnable)
      }
    }
    this.#armed = this.#spent >= CALLBACKS_PER_TURN
  }

  /** Out of time is the same as out of callbacks. */
  #mayRun(): boolean {
    const look = this.#spent % CALLBACKS_PER_LOOK === CALLBACKS_PER_LOOK - 1
    if (look && this.#clock.now() >= this.#turnEndsAt) this.#spent = CALLBACKS_PER_TURN
    return this.#spent < CALLBACKS_PER_TURN
  }
}
