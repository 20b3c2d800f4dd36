/** The addresses to which membership keeps a connection: those of seeds, of members, and of nodes that others named. */
import type { Events } from '../base/events.js'
import { type Address, addressText } from '../base/ids.js'
import type { Limits } from '../base/limits.js'

interface KeepingDeps {
  readonly events: Events
  readonly limits: Limits
  readonly links: {
    keep(address: Address, options: { readonly joining: boolean }): void
    release(address: Address): void
  }
}

export class Keeping {
  readonly #deps: KeepingDeps
  /** Addresses of `join`, as text. */
  readonly #seeds = new Set<string>()
  readonly #kept = new Map<string, Address>()
  #closed = false

  constructor(deps: KeepingDeps) {
    this.#deps = deps
  }

  get size(): number {
    return this.#kept.size
  }

  /** What was a seed and is none any more is let go. @param used  addresses of members, which stay */
  seeds(addresses: readonly Address[], used: ReadonlySet<string>): void {
    if (this.#closed) return
    const now = new Set(addresses.map(addressText))
    for (const text of [...this.#seeds]) {
      if (now.has(text)) continue
      this.#seeds.delete(text)
      const address = this.#kept.get(text)
      if (address !== undefined && !used.has(text)) this.release(address)
    }
    for (const address of addresses) {
      const isNew = !this.#seeds.has(addressText(address))
      this.#seeds.add(addressText(address))
      if (isNew) this.keep(address)
    }
  }

  keep(address: Address): void {
    if (this.#closed) return
    const { limits, events, links } = this.#deps
    // Each node and each seed has one; more is hearsay about where they may be.
    if (this.#kept.size >= limits.membersMax + this.#seeds.size && !this.#kept.has(addressText(address)))
      return events.emit('limit', { limit: 'membersMax', name: addressText(address), value: this.#kept.size })
    this.#kept.set(addressText(address), address)
    links.keep(address, { joining: true })
  }

  /** Seeds are dialed for a while longer. */
  forget(address: Address): void {
    if (!this.#seeds.has(addressText(address))) this.release(address)
  }

  release(address: Address): void {
    if (this.#kept.delete(addressText(address))) this.#deps.links.release(address)
  }

  close(): void {
    this.#closed = true
    for (const address of [...this.#kept.values()]) this.release(address)
  }
}
