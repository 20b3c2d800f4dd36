/** Sockets that have not finished the handshake: how many there may be, in all and from one address (attacks 3, 7). */
import type { Limits } from '../base/limits.js'

export class Gate {
  readonly #limits: Limits
  readonly #perHost = new Map<string, number>()
  #total = 0

  constructor(limits: Limits) {
    this.#limits = limits
  }

  get pending(): number {
    return this.#total
  }

  /** @returns the limit that is reached, 0 when there is room: then the place is taken until `leave` */
  enter(host: string): number {
    const fromHost = this.#perHost.get(host) ?? 0
    if (fromHost >= this.#limits.pendingSocketsPerAddressMax) return this.#limits.pendingSocketsPerAddressMax
    if (this.#total >= this.#limits.pendingSocketsMax) return this.#limits.pendingSocketsMax
    this.#perHost.set(host, fromHost + 1)
    this.#total++
    return 0
  }

  leave(host: string): void {
    const left = (this.#perHost.get(host) ?? 0) - 1
    if (left > 0) this.#perHost.set(host, left)
    else this.#perHost.delete(host)
    this.#total--
  }
}
