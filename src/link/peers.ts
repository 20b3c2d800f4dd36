/**
 * The port through which the registry and the moves see the other members: who lives, and a way to tell them
 * something. Membership is behind it; tests put an array there.
 */
import type { Member, Message } from '../wire/messages.js'

export interface Peers {
  /** The other members that are not dead and have not left, in the order of their names. */
  live(): readonly Member[]
  /** Is exactly this life of the node a live member? This node counts as live. */
  isLive(node: string, incarnation: number): boolean
  /** Is exactly this life known to have ended? False while it is only silent, or was never heard of. */
  isDead(node: string, incarnation: number): boolean
  /** @returns false when there is no link to the member now; nothing is queued for later */
  send(node: string, message: Message): boolean
  /** To every live member with a link. The others learn it when their link comes up. */
  broadcast(message: Message): void
}
