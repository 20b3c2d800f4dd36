/**
 * The way back to a sender: for its acks, its answers, and the news of where a name is now.
 *
 *   a member                          its link
 *   of another cluster
 *     |- the process has a gateway there  the link to that one, and nobody else's: while it is down the sender waits
 *     '- else                             the link on which that cluster was heard last, or any link to it
 */
import { type Identity, type Origin, parseOrigin } from '../base/ids.js'
import type { Limits } from '../base/limits.js'
import type { Link } from '../link/link.js'
import type { Links } from '../link/links.js'

interface WaysBackDeps {
  readonly limits: Limits
  readonly links: Links
  readonly identity: () => Identity
  /** The gateway of a cluster for a process that runs here. */
  readonly gatewayOf: (name: string, cluster: string) => Identity | undefined
}

export class WaysBack {
  readonly #deps: WaysBackDeps
  /** The last link on which a sender of another cluster was heard. */
  readonly #heard = new Map<string, Link>()

  constructor(deps: WaysBackDeps) {
    this.#deps = deps
  }

  /** A gateway speaks for whatever clusters it names: what it may fill has an end (G15). */
  heard(cluster: string, link: Link): void {
    if (this.#heard.has(cluster) || this.#heard.size < this.#deps.limits.membersMax) this.#heard.set(cluster, link)
  }

  linkDown(link: Link): void {
    for (const [cluster, heard] of this.#heard) if (heard === link) this.#heard.delete(cluster)
  }

  /** The link that leads to a sender of messages to this name. */
  to(origin: Origin, name: string): Link | undefined {
    const sender = parseOrigin(origin)
    if (sender === undefined) return undefined
    const { links, identity, gatewayOf } = this.#deps
    if (sender.cluster === identity().cluster) return links.to(sender.cluster, sender.node)
    const gateway = gatewayOf(name, sender.cluster)
    // Nobody else there believes it: while this one cannot be reached, the sender waits for its link, or for the next.
    if (gateway !== undefined) return links.to(gateway.cluster, gateway.node)
    const heard = this.#heard.get(sender.cluster)
    if (heard?.up === true) return heard
    return links.all().find((link) => link.peer.cluster === sender.cluster)
  }
}
