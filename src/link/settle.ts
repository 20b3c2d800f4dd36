/**
 * Which link between two nodes stays. Pure.
 *
 *   A dials B (L1) while B dials A (L2); A has the lower name.
 *
 *   L1 is A's decision, L2 is B's: the dialer speaks last (machine.ts). The acceptor follows, whatever else it has.
 *   - A takes L1 even when L2 is up already, and closes L2. Only a link that was up before A began to dial makes A
 *     give up L1: then nothing was simultaneous, A dialed an address that it did not know to be B's.
 *   - B gives up L2 as soon as L1 is up, or so far that A may already have it up (B has sent its READY on L1). When L1
 *     is gone for B, B goes on with L2, and A, which may not have noticed yet, follows.
 *
 * A higher incarnation is another life: it wins against every link of the older one. A lower one never gets in.
 */
import type { Identity } from '../base/ids.js'
import { isLower, type Role } from './handshake.js'
import type { Verdict } from './machine.js'

/** A link or a handshake with the same node. */
export interface Rival {
  readonly incarnation: number
  readonly role: Role
  /** Since when it is up, in ms of the clock; undefined: the peer's dial to which we have said READY. */
  readonly upAt: number | undefined
}

interface Dispute {
  readonly role: Role
  readonly own: { readonly cluster: string; readonly node: string }
  readonly peer: Identity
  /** When this dial began, in ms of the clock. */
  readonly begunAt: number
  /** Highest incarnation of the peer that was ever linked. */
  readonly highest: number | undefined
  readonly rivals: readonly Rival[]
}

/** Is a link to this peer welcome? */
export const settle = (dispute: Dispute): Verdict => {
  const { role, own, peer, begunAt, highest, rivals } = dispute
  if (highest !== undefined && peer.incarnation < highest) {
    const reason = `a newer life of it is known (incarnation ${highest})`
    return { type: 'refuse', code: 'ERR_WRONG_PEER', reason }
  }
  if (role === 'acceptor') return { type: 'take' }
  const lower = isLower(own, peer)
  const yields = rivals.some((rival) => {
    if (rival.incarnation !== peer.incarnation) return false
    // Ours: an alias of its address, dialed twice.
    if (rival.role === 'dialer') return rival.upAt !== undefined
    return !lower || (rival.upAt !== undefined && rival.upAt <= begunAt)
  })
  return { type: yields ? 'yield' : 'take' }
}
