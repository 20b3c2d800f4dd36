/**
 * What two nodes prove to each other, and what they are to each other. Pure.
 *
 *   MAC = HMAC-SHA-256(secret, 'proc-mobility 1' | 0 | role | 0 | dialer's HELLO | acceptor's HELLO | exporter)
 *
 * The HELLOs go in as whole frames, length and kind included: each field of them (versions, names, limits, kinds) is
 * covered, so none can be changed on the way. Both nonces are in them: a recorded handshake fits no other one. The
 * role keeps a proof from being sent back to whoever made it. The exporter ties the proof to one TLS session.
 *
 * Without a secret on both sides the MAC is empty, and empty is the only one that fits.
 */
import { createHmac, timingSafeEqual } from 'node:crypto'
import { type ErrorCode, isErrorCode } from '../base/errors.js'
import { type Address, type Identity, nodeKey } from '../base/ids.js'
import type { Limits } from '../base/limits.js'
import type { KindOffer, MessageOf } from '../wire/messages.js'
import { PROTOCOL } from '../wire/version.js'

export type Role = 'dialer' | 'acceptor'
export type Hello = MessageOf<'HELLO'>

/** Both HELLO frames as they stood on the wire, and the transport's key material. */
export interface Transcript {
  readonly dialer: Uint8Array
  readonly acceptor: Uint8Array
  readonly exporter: Uint8Array
}

/** What the side with this role sends in AUTH. Empty without a secret. */
export const proofOf = (secret: Buffer | undefined, role: Role, transcript: Transcript): Buffer => {
  if (secret === undefined) return Buffer.alloc(0)
  return createHmac('sha256', secret)
    .update(`proc-mobility 1\0${role}\0`)
    .update(transcript.dialer)
    .update(transcript.acceptor)
    .update(transcript.exporter)
    .digest()
}

/** Is `given` the proof of the side with this role? Takes the same time wherever they differ. */
export const proves = (secret: Buffer | undefined, role: Role, transcript: Transcript, given: Uint8Array): boolean => {
  const wanted = proofOf(secret, role, transcript)
  // The length is public: it only tells whether there is a secret at all.
  return given.length === wanted.length && timingSafeEqual(given, wanted)
}

/** What a node says about itself. */
export interface Self {
  /** `cluster` is '' until it is learned. */
  readonly identity: Identity
  readonly listen: Address
  /** Its dials ask for membership unless they say otherwise. */
  readonly joining: boolean
  readonly kinds: readonly KindOffer[]
}

/** @param nonce  32 random bytes, new for each connection */
export const helloOf = (self: Self, joining: boolean, nonce: Buffer, limits: Limits): Hello => ({
  type: 'HELLO',
  protocolMin: PROTOCOL.min,
  protocolMax: PROTOCOL.max,
  cluster: self.identity.cluster,
  node: self.identity.node,
  incarnation: self.identity.incarnation,
  joining,
  kinds: self.kinds,
  nonce,
  listen: self.listen,
  frameBytesMax: limits.frameBytesMax,
  stateBytesMax: limits.stateBytesMax,
})

/** The frame of a body, as it stood on the wire. A copy: the reader's bytes may be used again. */
export const frameOf = (kind: number, body: Uint8Array): Buffer => {
  const frame = Buffer.allocUnsafe(5 + body.length)
  frame.writeUInt32BE(body.length + 1, 0)
  frame[4] = kind
  frame.set(body, 5)
  return frame
}

export interface Related {
  readonly ok: true
  /** The peer's cluster, or the one that it is about to learn. */
  readonly cluster: string
  readonly member: boolean
}

interface Unrelated {
  readonly ok: false
  readonly code: ErrorCode
  readonly reason: string
  /** This node met itself: nothing to report to anyone. */
  readonly self: boolean
}

const unrelated = (code: ErrorCode, reason: string, self = false): Unrelated => ({ ok: false, code, reason, self })

/** Names are parts of keys (`cluster/node/incarnation`): what could forge another key is refused. So is no nonce. */
export const wellFormed = (hello: Hello): boolean => {
  const label = /^[A-Za-z0-9._-]{1,64}$/
  return label.test(hello.node) && (hello.cluster === '' || label.test(hello.cluster)) && hello.nonce.length === 32
}

/** What two nodes are to each other. Both sides compute it from the same two HELLOs and get the same. */
export const relate = (dialer: Hello, acceptor: Hello, role: Role): Related | Unrelated => {
  const same = dialer.node === acceptor.node
  if (same && dialer.cluster === acceptor.cluster && dialer.incarnation === acceptor.incarnation) {
    return unrelated('ERR_WRONG_PEER', 'it is this node itself', true)
  }
  // Both would wait for the other to say where they belong.
  if (acceptor.cluster === '') return unrelated('ERR_UNREACHABLE', 'it has not joined its own cluster yet')
  if (dialer.cluster === '' && !dialer.joining) return unrelated('ERR_PROTOCOL', 'a node without a cluster must join')
  const learned = dialer.cluster === '' ? acceptor.cluster : dialer.cluster
  const member = learned === acceptor.cluster
  if (!member && dialer.joining) return unrelated('ERR_WRONG_CLUSTER', 'it belongs to another cluster')
  if (member && same) return unrelated('ERR_WRONG_PEER', 'it has the name of this node')
  return { ok: true, cluster: role === 'dialer' ? acceptor.cluster : learned, member }
}

/** Does the node with the lower name dial? Of two simultaneous dials that one stays. */
export const isLower = (
  own: { readonly cluster: string; readonly node: string },
  peer: { readonly cluster: string; readonly node: string },
): boolean => nodeKey(own) < nodeKey(peer)

const told: ReadonlySet<ErrorCode> = new Set([
  'ERR_AUTH',
  'ERR_PROTOCOL',
  'ERR_PROTOCOL_VERSION',
  'ERR_WRONG_CLUSTER',
  'ERR_WRONG_PEER',
  'ERR_UNREACHABLE',
  'ERR_LINK_LIMIT',
  'ERR_LINK_LOST',
  'ERR_HANDSHAKE_TIMEOUT',
  'ERR_NODE_STOPPED',
  'ERR_FRAME_TOO_LARGE',
  'ERR_EMPTY_FRAME',
  'ERR_DECODE',
])

/** The code of a BYE: only those that may end a link, whatever the peer wrote. */
export const codeOfBye = (code: string, left: boolean): ErrorCode | 'left' => {
  if (left) return 'left'
  return isErrorCode(code) && told.has(code) ? code : 'ERR_PROTOCOL'
}
