/** Which members could take a process: they live, have a link, do not leave, and have its kind. */
import type { Identity } from '../base/ids.js'
import type { Peers } from '../link/peers.js'
import type { KindOffer } from '../wire/messages.js'

interface CandidatesDeps {
  readonly self: () => Identity
  readonly peers: Peers
  readonly isLeaving: (node: string) => boolean
  /** Without a lease at the engine of the directory nothing starts there. */
  readonly mayOwn: (node: string) => boolean
  /** What a node has, this one included; undefined while there is no link to it. */
  readonly offers: (node: string) => readonly KindOffer[] | undefined
}

/** @param version  of the state that it must be able to read; undefined for one that starts there */
const canTake = (offers: readonly KindOffer[] | undefined, kind: string, version: number | undefined): boolean => {
  const offer = offers?.find((offered) => offered.kind === kind)
  return offer !== undefined && (version === undefined || (offer.oldest <= version && version <= offer.version))
}

export class Candidates {
  readonly #deps: CandidatesDeps

  constructor(deps: CandidatesDeps) {
    this.#deps = deps
  }

  /**
   * @param version  of a state that is to move; undefined for a process that is to start
   * @returns names of nodes, this one among them if it could, in order
   */
  of(kind: string, version?: number): string[] {
    const { self, peers, isLeaving, mayOwn, offers } = this.#deps
    const nodes = [self().node, ...peers.live().map(({ node }) => node)]
    return nodes.filter((node) => !isLeaving(node) && mayOwn(node) && canTake(offers(node), kind, version)).sort()
  }
}
