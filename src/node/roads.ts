/** The links as moves see them, and what is known of nodes in other clusters, which no membership watches. */
import { type Address, addressText, type Identity, nodeKey, sameIdentity } from '../base/ids.js'
import type { Limits } from '../base/limits.js'
import type { Clock, Timer } from '../base/ports.js'
import type { Link, Peer } from '../link/link.js'
import type { Links } from '../link/links.js'
import type { Roads } from '../migration/context.js'
import type { Death } from '../migration/machine-source.js'

interface Foreigner {
  readonly identity: Identity
  readonly address: Address
  dead: boolean
  silence: Timer | undefined
}

interface LinkRoadsDeps {
  readonly clock: Clock
  readonly limits: Limits
  readonly links: Links
  readonly cluster: () => string
  /** A life in another cluster has ended, or is silent for the down time. */
  readonly died: (identity: Identity, death: Death) => void
}

export class LinkRoads implements Roads {
  readonly #deps: LinkRoadsDeps
  readonly #foreigners = new Map<string, Foreigner>()
  readonly #kept = new Map<string, number>()
  #closed = false

  constructor(deps: LinkRoadsDeps) {
    this.#deps = deps
  }

  get size(): number {
    return this.#kept.size
  }

  connect(address: Address): Promise<Link> {
    return this.#deps.links.connect(address, { joining: false })
  }

  to(identity: Identity): Link | undefined {
    const link = this.#deps.links.to(identity.cluster, identity.node)
    return link !== undefined && sameIdentity(link.peer, identity) ? link : undefined
  }

  member(node: string): Link | undefined {
    return this.#deps.links.to(this.#deps.cluster(), node)
  }

  keep(address: Address): () => void {
    const key = addressText(address)
    const users = this.#kept.get(key) ?? 0
    this.#kept.set(key, users + 1)
    if (users === 0) this.#deps.links.keep(address, { joining: false })
    let held = true
    return () => {
      if (!held) return
      held = false
      const left = (this.#kept.get(key) ?? 1) - 1
      if (left > 0) return void this.#kept.set(key, left)
      this.#kept.delete(key)
      this.#deps.links.release(address)
    }
  }

  /** Exactly this life of a node in another cluster has provably ended. */
  isDead(identity: Identity): boolean {
    const known = this.#foreigners.get(nodeKey(identity))
    if (known === undefined) return false
    return (
      known.identity.incarnation > identity.incarnation ||
      (known.identity.incarnation === identity.incarnation && known.dead)
    )
  }

  linkUp(peer: Peer): void {
    const key = nodeKey(peer)
    const before = this.#foreigners.get(key)
    before?.silence?.cancel()
    const { cluster, node, incarnation, address } = peer
    // A life that speaks has not ended, whatever its port said. What was decided meanwhile stands; its end, when it
    // comes, is news again.
    this.#foreigners.set(key, { identity: { cluster, node, incarnation }, address, dead: false, silence: undefined })
    if (before !== undefined && before.identity.incarnation < incarnation && !before.dead)
      this.#deps.died(before.identity, 'proved')
    this.#forget()
  }

  linkDown(peer: Peer, code: string): void {
    const known = this.#foreigners.get(nodeKey(peer))
    if (known === undefined || known.identity.incarnation !== peer.incarnation || known.dead) return
    if (code === 'left') return this.#die(known)
    known.silence?.cancel()
    // The node's last links end after this is closed; a timer that is set then would keep Node alive.
    if (this.#closed) return
    known.silence = this.#deps.clock.after(this.#deps.limits.downMs, () => this.#deps.died(known.identity, 'verdict'))
  }

  refused(address: Address, forMs: number): void {
    if (forMs < this.#deps.limits.refusedMs) return
    for (const known of this.#foreigners.values()) {
      const linked = this.#deps.links.to(known.identity.cluster, known.identity.node) !== undefined
      if (!known.dead && !linked && addressText(known.address) === addressText(address)) this.#die(known)
    }
  }

  #die(known: Foreigner): void {
    known.dead = true
    known.silence?.cancel()
    this.#deps.died(known.identity, 'proved')
  }

  /** The oldest that has no link and that nobody keeps: bounded by membersMax. */
  #forget(): void {
    for (const [key, { identity, address, silence }] of this.#foreigners) {
      if (this.#foreigners.size <= this.#deps.limits.membersMax) return
      if (this.#kept.has(addressText(address)) || this.#deps.links.to(identity.cluster, identity.node) !== undefined)
        continue
      silence?.cancel()
      this.#foreigners.delete(key)
    }
  }

  close(): void {
    this.#closed = true
    for (const { silence } of this.#foreigners.values()) silence?.cancel()
  }
}
