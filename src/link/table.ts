/** The links that are up: one a node, found by name or by address; and the highest life of each node ever linked. */
import { type Address, addressText, nodeKey } from '../base/ids.js'
import type { Link } from './link.js'

export class LinkTable {
  readonly #knownMax: number
  /** By cluster, then by node: every message asks. */
  readonly #up = new Map<string, Map<string, Link>>()
  /** Where a link leads: the address that the peer named, and those that were dialed. */
  readonly #byAddress = new Map<string, Link>()
  /** Oldest first. */
  readonly #known = new Map<string, number>()

  /** @param knownMax  nodes whose incarnation is remembered; those with a link always are */
  constructor(knownMax: number) {
    this.#knownMax = knownMax
  }

  get(cluster: string, node: string): Link | undefined {
    return this.#up.get(cluster)?.get(node)
  }

  at(address: Address): Link | undefined {
    return this.#byAddress.get(addressText(address))
  }

  all(): Link[] {
    return [...this.#up.values()].flatMap((links) => [...links.values()])
  }

  highest(key: string): number | undefined {
    return this.#known.get(key)
  }

  put(link: Link, addresses: readonly Address[]): void {
    const { cluster, node, incarnation } = link.peer
    const links = this.#up.get(cluster) ?? new Map<string, Link>()
    this.#up.set(cluster, links.set(node, link))
    for (const address of addresses) this.reach(link, address)
    const key = nodeKey(link.peer)
    this.#known.delete(key)
    this.#known.set(key, incarnation)
    if (this.#known.size <= this.#knownMax) return
    const linked = new Set(this.all().map((up) => nodeKey(up.peer)))
    for (const old of this.#known.keys()) {
      if (this.#known.size <= this.#knownMax) return
      if (!linked.has(old)) this.#known.delete(old)
    }
  }

  /** One more address that leads to this link. */
  reach(link: Link, address: Address): void {
    this.#byAddress.set(addressText(address), link)
  }

  /** @returns whether it was in */
  drop(link: Link): boolean {
    const { cluster, node } = link.peer
    const links = this.#up.get(cluster)
    if (links?.get(node) !== link) return false
    links.delete(node)
    if (links.size === 0) this.#up.delete(cluster)
    for (const [address, to] of this.#byAddress) if (to === link) this.#byAddress.delete(address)
    return true
  }
}
