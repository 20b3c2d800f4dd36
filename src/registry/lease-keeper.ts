/** Drives the lease machine (lease.ts): asks the engine, keeps the time, tells the node when to stand still. */
import { Alarm } from '../base/alarm.js'
import { reasonOf } from '../base/errors.js'
import type { Clock } from '../base/ports.js'
import type { EngineClient } from './engine.js'
import {
  isSafe,
  type LeaseEvent,
  type LeasePhase,
  type LeaseState,
  mayRun,
  noLease,
  stepLease,
  waitMs,
} from './lease.js'

interface KeeperDeps {
  readonly clock: Clock
  readonly client: EngineClient
  readonly ttlMs: number
  /** May be told again while it is open. */
  readonly opened: () => void
  readonly fenced: () => void
  readonly lost: (lease: string) => void
  /** A new lease: decide every name, then say `settled`. */
  readonly returning: (lease: string) => void
  /** A question was not answered. */
  readonly failed: (reason: string) => void
}

export class LeaseKeeper {
  readonly #deps: KeeperDeps
  readonly #alarm: Alarm
  #state: LeaseState
  #closed = false

  constructor(deps: KeeperDeps) {
    this.#deps = deps
    this.#state = noLease(deps.ttlMs, this.#times())
    this.#alarm = new Alarm(deps.clock, () => this.#tick())
  }

  start(): void {
    this.#tick()
  }

  get phase(): LeasePhase {
    return this.#state.phase
  }

  /** '' while there is none. */
  get lease(): string {
    return this.#state.lease
  }

  get ttlMs(): number {
    return this.#state.ttlMs
  }

  /** G1: false as soon as the lease might be over. Asked before each callback. */
  mayRun(): boolean {
    return !this.#closed && mayRun(this.#state, this.#times())
  }

  /** Is it surely not over? While names are decided it may be so, and nothing runs. */
  get safe(): boolean {
    return !this.#closed && isSafe(this.#state, this.#times())
  }

  /** All names are decided under this lease. */
  settled(lease: string): void {
    this.#step({ type: 'settled', lease, at: this.#times() })
  }

  /** The engine has said so, or has deleted what hung on it. */
  gone(lease: string): void {
    this.#step({ type: 'gone', lease, at: this.#times() })
  }

  close(): void {
    this.#closed = true
    this.#alarm.cancel()
  }

  #times(): { now: number; wall: number } {
    const { clock } = this.#deps
    return { now: clock.now(), wall: clock.wall() }
  }

  #tick(): void {
    this.#step({ type: 'tick', at: this.#times() })
  }

  #step(event: LeaseEvent): void {
    if (this.#closed) return
    const { state, effects } = stepLease(this.#state, event)
    this.#state = state
    for (const effect of effects) {
      if (effect.type === 'grant') void this.#grant()
      else if (effect.type === 'renew') void this.#renew(effect.lease)
      else if (effect.type === 'open') this.#deps.opened()
      else if (effect.type === 'fence') this.#deps.fenced()
      else if (effect.type === 'lost') this.#deps.lost(effect.lease)
      else this.#deps.returning(effect.lease)
    }
    // A question of this step may have been answered by a close.
    if (!this.#closed) this.#arm()
  }

  /** Ahead of an earlier time as well: an alarm that rings too soon only asks what is due. */
  #arm(): void {
    const ms = waitMs(this.#state, this.#times())
    if (ms === Number.POSITIVE_INFINITY) this.#alarm.stop()
    else this.#alarm.set(ms)
  }

  async #grant(): Promise<void> {
    const sent = this.#times()
    const { client, ttlMs } = this.#deps
    try {
      const { lease, ttlMs: given } = await client.grant(ttlMs)
      // The engine may give more, and the node counts on no more than it wanted.
      this.#step({ type: 'granted', lease, ttlMs: Math.min(ttlMs, given), sent })
    } catch (error) {
      this.#failed(error)
    }
  }

  async #renew(lease: string): Promise<void> {
    const sent = this.#times()
    const { client, ttlMs } = this.#deps
    try {
      const left = await client.keepAlive(lease)
      if (left > 0) this.#step({ type: 'renewed', lease, ttlMs: Math.min(ttlMs, left), sent })
      else this.gone(lease)
    } catch (error) {
      this.#failed(error)
    }
  }

  #failed(error: unknown): void {
    if (this.#closed) return
    this.#deps.failed(reasonOf(error))
    this.#step({ type: 'failed', at: this.#times() })
  }
}
