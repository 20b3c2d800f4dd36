/** Step 0 of a move: all that can be known before the freeze. What fails here costs the process nothing. */
import { fail } from '../base/errors.js'
import { type Address, addressText, type Identity, sameIdentity } from '../base/ids.js'
import { isSelf } from '../link/failures.js'
import type { Link } from '../link/link.js'
import { type Destination, parseDestination } from '../process/destination.js'
import type { Process } from '../process/host.js'
import { homeOf, ringOf } from '../registry/rendezvous.js'
import type { MoveContext } from './context.js'
import { roughBytes } from './snapshot.js'

export interface Plan {
  readonly destination: Identity
  /** Where D listens. */
  readonly address: Address
  /** D is in another cluster. */
  readonly foreign: boolean
  /** The third member that remembers the attempt; undefined when there is none, then D does. */
  readonly holder: Identity | undefined
  readonly stateBytesMax: number
}

/**
 * Where it goes, and whether it can run there.
 * @returns undefined when it is there already
 * @throws ERR_BAD_ARGUMENT ERR_UNREACHABLE ERR_KIND_UNKNOWN ERR_VERSION ERR_STATE_TOO_LARGE, and what a dial throws
 */
export const planMove = async (context: MoveContext, process: Process, to: Destination): Promise<Plan | undefined> => {
  const parsed = parseDestination(to)
  const link = parsed.type === 'member' ? memberLink(context, parsed.node) : await dial(context, parsed.address)
  if (link === undefined) return undefined
  const { peer } = link
  if (context.moves !== undefined && !peer.member) {
    const reason = 'with a directory on an engine nothing moves to another cluster'
    throw fail('ERR_REFUSED', { node: peer.node, name: process.name, reason })
  }
  const { kind, version } = process.kind
  const offer = peer.kinds.find((offered) => offered.kind === kind)
  if (offer === undefined) throw fail('ERR_KIND_UNKNOWN', { node: peer.node, kind })
  if (version > offer.version || version < offer.oldest) {
    throw fail('ERR_VERSION', { node: peer.node, kind, version, reads: `${offer.oldest} to ${offer.version}` })
  }
  const limit = Math.min(context.limits.stateBytesMax, peer.stateBytesMax)
  const bytes = roughBytes(process.state, limit)
  if (bytes > limit) throw fail('ERR_STATE_TOO_LARGE', { name: process.name, bytes, limit })
  const { cluster, node, incarnation, address, member } = peer
  return {
    destination: { cluster, node, incarnation },
    address,
    foreign: !member,
    holder: context.moves === undefined ? chooseHolder(context, process.name, member ? node : undefined) : undefined,
    stateBytesMax: limit,
  }
}

/** @returns undefined for this node itself */
const memberLink = (context: MoveContext, node: string): Link | undefined => {
  if (node === context.self().identity.node) return undefined
  const link = context.roads.member(node)
  if (link !== undefined) return link
  const known = context.peers.live().some((member) => member.node === node)
  const reason = known ? 'there is no link to it now' : 'it is not a member of this cluster; see node.nodes()'
  throw fail('ERR_UNREACHABLE', { what: `Node ${node}`, reason })
}

/** @returns undefined for this node itself */
const dial = async (context: MoveContext, to: Address): Promise<Link | undefined> => {
  const { identity, address } = context.self()
  if (addressText(to) === addressText(address)) return undefined
  try {
    const link = await context.roads.connect(to)
    return sameIdentity(link.peer, identity) ? undefined : link
  } catch (error) {
    // It dialed itself, by another of its names.
    if (isSelf(error)) return undefined
    throw error
  }
}

/** The name's own choice among those that could be asked and stay, so that the load of holding is spread. */
const chooseHolder = (context: MoveContext, name: string, destination: string | undefined): Identity | undefined => {
  const able = context.peers
    .live()
    .filter(
      ({ node, incarnation }) =>
        node !== destination &&
        !context.isLeaving(node) &&
        context.roads.member(node)?.peer.incarnation === incarnation,
    )
  const chosen = homeOf(name, ringOf(able.map(({ node }) => node)))
  const { cluster } = context.self().identity
  const found = able.find(({ node }) => node === chosen)
  return found === undefined ? undefined : { cluster, node: found.node, incarnation: found.incarnation }
}
