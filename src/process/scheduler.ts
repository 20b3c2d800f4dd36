/**
 * Who runs next on this node: a queue of processes with work. It drains in a microtask, so an idle node answers in the
 * same turn, and hands the event loop back after `CALLBACKS_PER_TURN`, so sockets and timers never starve.
 */
import type { Clock } from '../base/ports.js'

/** A callback costs about a microsecond of ours: 1,000 hold the loop for about a millisecond. */
const CALLBACKS_PER_TURN = 1_000

export interface Runnable {
  /** Runs one message, if it can. @returns whether it wants to run again at once */
  step(): boolean
}

export class Scheduler {
  readonly #clock: Clock
  #queue: Runnable[] = []
  #armed = false
  #spent = 0

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
    if (this.#spent === 0) this.#clock.soon(() => this.#newTurn())
    queueMicrotask(() => this.#drain())
  }

  #newTurn(): void {
    const starved = this.#spent >= CALLBACKS_PER_TURN
    this.#spent = 0
    if (starved && this.#queue.length > 0) this.#arm()
    else if (starved) this.#armed = false
  }

  #drain(): void {
    while (this.#queue.length > 0 && this.#spent < CALLBACKS_PER_TURN) {
      const batch = this.#queue
      this.#queue = []
      for (let i = 0; i < batch.length; i += 1) {
        if (this.#spent >= CALLBACKS_PER_TURN) {
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
}
