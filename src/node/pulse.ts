/**
 * Did this node stand still? A beat each heartbeatMs says that it lives. When the last one is older than half the down
 * time (SIGSTOP, a long synchronous loop, a suspended machine), others may have declared it dead and run its processes:
 * it starts no callback until it has heard every member again that it does not hold for dead (G1). Who did hold it for
 * dead says so at that meeting, and then nothing of that life runs any more (rebirth.ts).
 */
import type { Events } from '../base/events.js'
import type { Limits } from '../base/limits.js'
import type { Clock, Logger, Timer } from '../base/ports.js'

interface PulseDeps {
  readonly clock: Clock
  readonly limits: Limits
  readonly events: Events
  readonly log: Logger
  /** Has every live member said something since then? In ms of the clock. */
  readonly heardAll: (since: number) => boolean
  /** It may run again. */
  readonly resumed: () => void
}

export class Pulse {
  readonly #deps: PulseDeps
  #beatAt: number
  #stalledAt: number | undefined
  #timer: Timer | undefined

  constructor(deps: PulseDeps) {
    this.#deps = deps
    this.#beatAt = deps.clock.now()
    this.#arm(deps.limits.heartbeatMs)
  }

  /** False from the moment at which it could have been taken for dead until it has looked around. */
  mayRun(): boolean {
    return this.#stalledAt === undefined && this.#deps.clock.now() - this.#beatAt <= this.#deps.limits.downMs / 2
  }

  #arm(ms: number): void {
    this.#timer = this.#deps.clock.after(ms, () => this.#beat())
  }

  #beat(): void {
    const { clock, limits, events, log } = this.#deps
    const now = clock.now()
    const stoodMs = now - this.#beatAt
    this.#beatAt = now
    if (stoodMs > limits.downMs / 2) {
      this.#stalledAt = now
      log.warn({ ms: Math.round(stoodMs) }, 'this node stood still; it runs nothing until it has heard the others')
      events.emit('standstill', { ms: stoodMs })
      this.#arm(Math.min(100, limits.heartbeatMs))
    } else if (this.#stalledAt !== undefined && !this.#deps.heardAll(this.#stalledAt)) {
      this.#arm(Math.min(100, limits.heartbeatMs))
    } else {
      const resumed = this.#stalledAt !== undefined
      this.#stalledAt = undefined
      this.#arm(limits.heartbeatMs)
      if (resumed) this.#deps.resumed()
    }
  }

  stop(): void {
    this.#timer?.cancel()
  }
}
