/** Why a dial did not become a link, as its caller sees it. */
import { fail, isMobilityError, type MobilityError } from '../base/errors.js'
import { addressText } from '../base/ids.js'
import type { Limits } from '../base/limits.js'
import { PROTOCOL } from '../wire/version.js'
import type { Link } from './link.js'
import type { End } from './machine.js'
import type { Session } from './session.js'

/** @param cluster  this node's, as far as it is known */
export const failureOf = (session: Session, end: End, cluster: string, limits: Limits): MobilityError => {
  const peer = addressText(session.address)
  const what = `The node at ${peer}`
  const stopping = end.code === 'ERR_NODE_STOPPED' && end.by === 'peer'
  if (end.code === 'left' || stopping) return fail('ERR_UNREACHABLE', { what, reason: 'it is stopping' })
  const { heard } = session
  const version = end.code === 'ERR_PROTOCOL_VERSION'
  const range = heard === undefined ? '?' : `${heard.protocolMin} to ${heard.protocolMax}`
  return fail(end.code, {
    peer,
    what,
    reason: end.reason,
    theirs: version ? range : (heard?.cluster ?? '?'),
    ours: version ? `${PROTOCOL.min} to ${PROTOCOL.max}` : cluster,
    ms: limits.handshakeMs,
    limit: limits.pendingSocketsPerAddressMax,
    bytes: '?',
    node: cluster,
    self: end.code === 'ERR_WRONG_PEER' && end.quiet ? 1 : 0,
  })
}

/** Did this dial reach this node itself? */
export const isSelf = (error: unknown): boolean =>
  isMobilityError(error) && error.code === 'ERR_WRONG_PEER' && error.fields.self === 1

/** Whoever wants to join cannot use a link to another cluster. */
export const misfit = (link: Link, joining: boolean, cluster: string): MobilityError | undefined => {
  if (!joining || link.peer.member) return undefined
  return fail('ERR_WRONG_CLUSTER', { peer: addressText(link.peer.address), theirs: link.peer.cluster, ours: cluster })
}
