/**
 * The words in an entry's `reason` that mean something to the registry. All other reasons are for people.
 */
import type { Entry } from '../wire/messages.js'

/** In a live entry that somebody else than its dead owner tells. */
export const RECOVERING = 'recovering'
/** In an entry that its last owner tells: it lives elsewhere now. Not for tables. */
export const MOVED = 'moved'
/** Of a grant given back, and of a hint (no life may start at that epoch or below). Not for tables. */
export const RELEASED = 'released'
/** Its owner did not list it. Only an opinion of this node: the owner may say otherwise. */
export const LOST = 'lost'
/** Its node died, and nobody holds a copy. */
export const NODE_DOWN = 'nodedown'
/** Of a child of the cluster that ended because its node stopped: it is started elsewhere. */
export const NODE_STOPPED = 'shutdown: its node stopped'
/** Where a process was a guest, and where it was about to be one: that is no end of the process. */
export const EXPIRED = 'delegation expired'
export const NOT_MOVED = 'not moved here'

const WORDS: ReadonlySet<string> = new Set([RECOVERING, MOVED, RELEASED, LOST, NODE_DOWN, EXPIRED, NOT_MOVED])

/** Forgotten here, it may live elsewhere: no news is no death (G8), and no free name (G1). */
export const isNoEnd = ({ status, reason }: Entry): boolean =>
  status === 'ended' && (reason === EXPIRED || reason === NOT_MOVED)

/** What a process says of its end. It may say what it likes, and must not be taken for one of the words above. */
export const saidAtEnd = (reason: string): string => (WORDS.has(reason) ? `stopped: ${reason}` : reason)
