/**
 * Signs of life on one link. Each side keeps its own watch:
 *
 *   nothing sent for heartbeatMs   -> HEARTBEAT { sentAt }              a ping
 *   a ping arrives                 -> HEARTBEAT { sentAt, echo }        at once: the echo is a round trip
 *   nothing heard for downMs       -> silent
 *
 * An answer does not count as sent: else one side of an idle link would never ping, and never know its round trip.
 * Any bytes count as life: a frame of 1 MiB may take longer than downMs on a thin line.
 *
 * Fault 53: when our own timer fires late by more than half of downMs we stood still, and what the peer sent meanwhile
 * still lies unread in the kernel. It gets one more heartbeatMs before the verdict.
 */
import type { Limits } from '../base/limits.js'
import type { Clock, Timer } from '../base/ports.js'

export interface Beat {
  readonly sentAt: number
  readonly echo?: number | undefined
}

interface HeartbeatDeps {
  readonly clock: Clock
  readonly limits: Limits
  send(beat: Beat): void
  silent(): void
}

export class Heartbeat {
  readonly #deps: HeartbeatDeps
  #rttMs: number
  #sentAt: number
  #heardAt: number
  /** The ping without an answer: its number on the wire, and the exact time. */
  #ping: { readonly id: number; readonly at: number } | undefined
  #timer: Timer | undefined
  #waived = false
  #stopped = false

  /** @param rttMs  what the handshake took for one round trip */
  constructor(deps: HeartbeatDeps, rttMs: number) {
    this.#deps = deps
    this.#rttMs = rttMs
    this.#sentAt = deps.clock.now()
    this.#heardAt = this.#sentAt
    this.#arm()
  }

  get rttMs(): number {
    return this.#rttMs
  }

  /** How long the peer has said nothing, in ms. */
  get silentMs(): number {
    return this.#waived ? 0 : this.#deps.clock.now() - this.#heardAt
  }

  /** A message that is no heartbeat. */
  sent(): void {
    this.#sentAt = this.#deps.clock.now()
  }

  heard(): void {
    this.#heardAt = this.#deps.clock.now()
  }

  received(beat: Beat): void {
    const now = this.#deps.clock.now()
    if (beat.echo === undefined) {
      this.#deps.send({ sentAt: Math.floor(now), echo: beat.sentAt })
    } else if (this.#ping !== undefined && beat.echo === this.#ping.id) {
      this.#rttMs = now - this.#ping.at
      this.#ping = undefined
    }
  }

  /** While nothing is read from the peer its silence is our doing. */
  waive(waived: boolean): void {
    this.#waived = waived
    if (!waived) this.heard()
  }

  stop(): void {
    this.#stopped = true
    this.#timer?.cancel()
  }

  #arm(): void {
    const { clock, limits } = this.#deps
    const due = this.#sentAt + limits.heartbeatMs
    const verdict = this.#waived ? Number.POSITIVE_INFINITY : this.#heardAt + limits.downMs
    const at = Math.max(clock.now(), Math.min(due, verdict))
    this.#timer = clock.after(at - clock.now(), () => this.#tick(at))
  }

  #tick(due: number): void {
    const { clock, limits } = this.#deps
    const now = clock.now()
    if (now - due > limits.downMs / 2) {
      this.#heardAt = Math.max(this.#heardAt, now - limits.downMs + limits.heartbeatMs)
    }
    if (!this.#waived && now - this.#heardAt >= limits.downMs) {
      this.#deps.silent()
      return
    }
    if (now - this.#sentAt >= limits.heartbeatMs) {
      this.#ping = { id: Math.floor(now), at: now }
      this.#sentAt = now
      this.#deps.send({ sentAt: this.#ping.id })
    }
    if (!this.#stopped) this.#arm()
  }
}
