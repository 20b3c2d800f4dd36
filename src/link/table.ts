/** The links that are up: one a node, found by name or by address; and the highest life of each node ever linked. */
import { type Address, addressText, nodeKey } from '../base/ids.js'
import type { Link } from './link.js'

export class LinkTable {
  readonly #knownMax: number
  readonly #up = new Map<string, Link>()
  /** Where a link leads: the address that the peer named, and those that were dialed. */
  readonly #byAddress = new Map<string, Link>()
  /** Oldest first. */
  readonly #known = new Map<string, number>()

  /** @param knownMax  nodes whose incarnation is remembered; those with a link always are */
  constructor(knownMax: number) {
    this.#knownMax = knownMax
  }

  get(key: string): Link | undefined {
    return this.#up.get(key)
  }

  at(address: Address): Link | undefined {
    return this.#byAddress.get(addressText(address))
  }

  all(): Link[] {
    return [...this.#up.values()]
  }

  highest(key: string): number | undefined {
    return this.#known.get(key)
  }

  put(link: Link, addresses: readonly Address[]): void {
    const key = nodeKey(link.peer)
    this.#up.set(key, link)
    for (const address of addresses) this.reach(link, address)
    this.#known.delete(key)
    this.#known.set(key, link.peer.incarnation)
    for (const old of this.#known.keys()) {
      if (this.#known.size <= this.#knownMax) return
      if (!this.#up.has(old)) this.#known.delete(old)
    }
  }

  /** One more address that leads to this link. */
  reach(link: Link, address: Address): void {
    this.#byAddress.set(addressText(address), link)
  }

  /** @returns whether it was in */
  drop(link: Link): boolean {
    const key = nodeKey(link.peer)
    if (this.#up.get(key) !== link) return false
    this.#up.delete(key)
    for (const [address, to] of this.#byAddress) if (to === link) this.#byAddress.delete(address)
    return true
  }
}
