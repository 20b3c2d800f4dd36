/**
 * Keeps a connection to one address.
 *
 *   dialing --up--> linked --link down--> dialing (at once)
 *      ^ '--failed--> waiting
 *      '---- time ------'
 *
 * A port that refuses is how a dead node is told from a silent one: so a refusing port is asked again within
 * refusedMs / 4 until it has refused for twice refusedMs. All other waits double from redialMs to redialMsMax, with
 * up to half as much on top by chance, so that a cluster does not come back in one beat (fault 22); to heartbeatMs when
 * links come up and the network loses them again.
 */
import type { Address } from '../base/ids.js'
import type { Limits } from '../base/limits.js'
import { type Clock, fraction, type Random, type Timer } from '../base/ports.js'
import type { Link } from './link.js'

export interface Failures {
  /** Since the last success. */
  readonly count: number
  /** When the first of the refusals in a row came. */
  readonly refusedSince: number | undefined
}

export const noFailures: Failures = { count: 0, refusedSince: undefined }

/** After one more failure: what is known then, how long the port has refused (if it did), when to dial again. */
export const afterFailure = (
  failures: Failures,
  refused: boolean,
  now: number,
  chance: number,
  limits: Limits,
): { readonly failures: Failures; readonly refusedForMs: number | undefined; readonly waitMs: number } => {
  const count = failures.count + 1
  const refusedSince = refused ? (failures.refusedSince ?? now) : undefined
  const doubled = Math.min(limits.redialMs * 2 ** Math.min(failures.count, 30), limits.redialMsMax)
  const slow = doubled * (1 + chance / 2)
  const refusedForMs = refusedSince === undefined ? undefined : now - refusedSince
  const watched = refusedForMs !== undefined && refusedForMs < 2 * limits.refusedMs
  const waitMs = watched ? Math.min(slow, limits.refusedMs / 4) : slow
  return { failures: { count, refusedSince }, refusedForMs, waitMs }
}

interface KeeperDeps {
  readonly clock: Clock
  readonly random: Random
  readonly limits: Limits
  connect(): Promise<Link>
  /** What a failed dial means. `self`: that is us. */
  judge(error: unknown): 'refused' | 'self' | 'other'
  refused(forMs: number): void
  /** Keeping has no sense: the address is this node's. */
  pointless(): void
}

export class Keeper {
  readonly address: Address
  readonly joining: boolean
  readonly #deps: KeeperDeps
  #failures = noFailures
  /** Links in a row that came up and were lost at once. */
  #flaps = noFailures
  #link: Link | undefined
  #timer: Timer | undefined
  #dialing = false
  #released = false

  constructor(address: Address, joining: boolean, deps: KeeperDeps) {
    this.address = address
    this.joining = joining
    this.#deps = deps
    void this.#dial()
  }

  /** A link to this address came up, whoever dialed. */
  linked(link: Link): void {
    this.#link = link
    this.#timer?.cancel()
  }

  /** A link is down: was it ours? @param lost  the network lost it, nobody turned us away */
  unlinked(link: Link, lost: boolean): void {
    if (this.#link !== link || this.#released) return
    this.#link = undefined
    const { clock, limits } = this.#deps
    // Turned away after the handshake, again and again: that must not go round as fast as the network lets it.
    const isShort = clock.now() - link.upAt < limits.heartbeatMs
    if (isShort) return lost ? this.#flap() : this.#again('other')
    this.#failures = noFailures
    this.#flaps = noFailures
    // At the end of the turn: a link that replaces this one is up by then.
    clock.soon(() => void this.#dial())
  }

  release(): void {
    this.#released = true
    this.#timer?.cancel()
  }

  async #dial(): Promise<void> {
    if (this.#dialing || this.#released || this.#link?.up === true) return
    this.#dialing = true
    try {
      const link = await this.#deps.connect()
      if (link.up) this.linked(link)
      else this.#again('other')
    } catch (error) {
      const meaning = this.#deps.judge(error)
      if (this.#released) return
      if (meaning === 'self') this.#deps.pointless()
      else this.#again(meaning)
    } finally {
      this.#dialing = false
    }
  }

  /** It answers, so a network that flaps must not keep it away for longer than a beat or so. */
  #flap(): void {
    const { clock, random, limits } = this.#deps
    const redialMsMax = Math.min(limits.redialMsMax, limits.heartbeatMs)
    const next = afterFailure(this.#flaps, false, clock.now(), fraction(random), { ...limits, redialMsMax })
    this.#flaps = next.failures
    this.#wait(next.waitMs)
  }

  #again(meaning: 'refused' | 'other'): void {
    if (this.#released || this.#link?.up === true) return
    const { clock, random, limits, refused } = this.#deps
    const next = afterFailure(this.#failures, meaning === 'refused', clock.now(), fraction(random), limits)
    this.#failures = next.failures
    this.#wait(next.waitMs)
    if (next.refusedForMs !== undefined) refused(next.refusedForMs)
  }

  #wait(ms: number): void {
    this.#timer?.cancel()
    this.#timer = this.#deps.clock.after(ms, () => void this.#dial())
  }
}
