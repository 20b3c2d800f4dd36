/**
 * Two nodes of one cluster meet, and one holds the other's life for dead, or each does. Which of them begins anew?
 *
 *   dead for one of them        the one that is dead
 *   each is dead for the other  who does not serve, or sees fewer live members; of equals, whose first member has the
 *                               higher name; of those (some third node is a member of both), who has it itself
 *   dead for none               none
 *
 * Both decide on the same two words, which go with READY, and the order is total: so exactly one of them begins anew,
 * never both and never neither. And it ends: a new life is dead for nobody and holds nobody for dead, so each takes
 * verdicts away and brings none (test/unit/standing.test.ts). Pure.
 */
import type { Member, Standing } from '../wire/messages.js'

/** A node, and what it says of the other one's life and of its own view. */
interface Meeting {
  readonly node: string
  readonly standing: Standing
}

const isBehind = (own: Meeting, peer: Meeting): boolean => {
  const [a, b] = [own.standing, peer.standing]
  if (a.size !== b.size) return a.size < b.size
  return a.lowest === b.lowest ? own.node > peer.node : a.lowest > b.lowest
}

/** Is it this node that begins a new life? */
const mustBeReborn = (own: Meeting, peer: Meeting): boolean =>
  peer.standing.dead && (!own.standing.dead || isBehind(own, peer))

/** The same, of a link that came up: false when one side says nothing of it. */
export const isCondemned = (
  node: string,
  peer: { readonly node: string; readonly said?: Standing | undefined; readonly heard?: Standing | undefined },
): boolean => {
  const { said, heard } = peer
  if (said === undefined || heard === undefined) return false
  return mustBeReborn({ node, standing: said }, { node: peer.node, standing: heard })
}

/**
 * @param live  the other live members, in the order of their names
 * @param serves  without a quorum a side has decided nothing, however many it sees: it gives way
 */
export const standingOf = (own: string, live: readonly Member[], dead: boolean, serves: boolean): Standing => {
  const first = live[0]?.node ?? own
  return { dead, size: serves ? live.length + 1 : 0, lowest: first < own ? first : own }
}
