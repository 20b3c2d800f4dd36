/**
 * A new name, seen from the node that wants it. One machine a name, pure; `claiming.ts` drives it.
 *
 *   idle --claim--> asking --granted, this very attempt--> (entry in the table, REGISTERED to all) --> idle
 *                    |  ^ \
 *                    |  |  '-- taken, or the table knows a live owner --> all wait(er)s fail: already started
 *                    '--' own view changed, first waiter gave up: a new attempt id, to the home of today's view
 *
 * A grant for any other attempt is given back (`release`). An attempt ends with the view in which it was made: that is
 * what lets the home of the next view trust that what its members have not registered by now they never will.
 *
 * Why two racers have one winner. Grants are given by the home of the name, in a settled view (views.ts), one at a time
 * (grants.ts). Take two grants for one name by homes H (view v) and H' (v'), v the earlier of the two: every node in
 * both has had v before v'. Let C be who got H's grant.
 *   C in v'      C told H' of v' before H' granted, and H's grant had reached C before that: it stands before H's news
 *                of v' on the link. So C had taken it, and its REGISTERED stands before its own news of v' on the link
 *                to H' (or, after a cut, its SYNC does): H' knows the owner. Or C's attempt was over: it gives it back.
 *   C dead       H, which knows the grant, tells the home of its next view of it before it says that view (or H is dead
 *                too, then those do who had C's REGISTERED): the name is recovering, and H' waits for the verdict.
 *   H = H'       a home forgets its grants when its view changes: it grants again only when C has told the new period.
 *   H not in v'  H is dead. C had the grant before its view changed, or refuses it.
 * A cut link loses the end of what was sent: the successor starts with SYNC and VIEW, which say it again.
 * Two views with no node in common are two clusters: a node that joins claims nothing before its view has settled with
 * one who had joined before; whom that one had named must be met first (strangers.ts).
 */

interface Waiter {
  readonly ticket: number
  readonly kind: string
}

/** A claim in the making; idle names have no state. The first waiter is who gets the name. */
export interface Claim {
  readonly id: number
  readonly home: string
  readonly waiters: readonly [Waiter, ...Waiter[]]
  /** Why there is no answer yet: for the error. */
  readonly reason: string
}

export type ClaimEvent =
  | { readonly type: 'claim'; readonly waiter: Waiter }
  /** The link to the home is up again, or time has passed: the question or the answer may be lost. */
  | { readonly type: 'again' }
  | { readonly type: 'viewChanged' }
  | { readonly type: 'granted'; readonly id: number; readonly epoch: number; readonly from: string }
  | { readonly type: 'taken'; readonly id: number; readonly node: string }
  | { readonly type: 'retry'; readonly id: number; readonly reason: string }
  /** The table has a live owner, whose node is not dead. */
  | { readonly type: 'known'; readonly node: string }
  | { readonly type: 'expired'; readonly ticket: number }

/** What the machine must know beside its state. */
export interface ClaimView {
  readonly self: string
  /** Never used before by this life of the node. */
  readonly freshId: number
  readonly home: string
  /** Known here of the name. A grant must be above it. */
  readonly highestEpoch: number
  /** This node owns the name at that epoch, live or ended: the grant was taken, its home has yet to hear it. */
  readonly ownsEpoch: (epoch: number) => boolean
}

export type ClaimEffect =
  | { readonly type: 'ask'; readonly home: string; readonly id: number; readonly kind: string }
  | { readonly type: 'accept'; readonly ticket: number; readonly kind: string; readonly epoch: number }
  | { readonly type: 'confirm'; readonly home: string }
  | { readonly type: 'release'; readonly home: string; readonly id: number; readonly epoch: number }
  | { readonly type: 'fail'; readonly ticket: number; readonly node: string }
  | { readonly type: 'giveUp'; readonly ticket: number; readonly reason: string }

interface ClaimStep {
  readonly state: Claim | undefined
  readonly effects: readonly ClaimEffect[]
}

const NO_ANSWER = 'its home has not answered'

export const stepClaim = (state: Claim | undefined, event: ClaimEvent, view: ClaimView): ClaimStep => {
  switch (event.type) {
    case 'claim':
      if (state === undefined) return attempt([event.waiter], NO_ANSWER, view)
      return { state: { ...state, waiters: [...state.waiters, event.waiter] }, effects: [] }
    case 'again':
      return state === undefined ? { state, effects: [] } : { state, effects: [askFor(state)] }
    case 'viewChanged':
      return state === undefined ? { state, effects: [] } : attempt(state.waiters, state.reason, view)
    case 'granted':
      return granted(state, event, view)
    case 'taken':
      if (state?.id !== event.id) return { state, effects: [] }
      return { state: undefined, effects: failAll(state.waiters, event.node) }
    case 'retry':
      if (state?.id !== event.id) return { state, effects: [] }
      return { state: { ...state, reason: event.reason }, effects: [] }
    case 'known':
      return { state: undefined, effects: failAll(state?.waiters ?? [], event.node) }
    case 'expired':
      return expired(state, event.ticket, view)
  }
}

const askFor = (claim: Claim): ClaimEffect => ({
  type: 'ask',
  home: claim.home,
  id: claim.id,
  kind: claim.waiters[0].kind,
})

const attempt = (waiters: Claim['waiters'], reason: string, view: ClaimView): ClaimStep => {
  const state: Claim = { id: view.freshId, home: view.home, waiters, reason }
  return { state, effects: [askFor(state)] }
}

const failAll = (waiters: readonly Waiter[], node: string): ClaimEffect[] =>
  waiters.map(({ ticket }) => ({ type: 'fail', ticket, node }))

const granted = (
  state: Claim | undefined,
  { id, epoch, from }: Extract<ClaimEvent, { type: 'granted' }>,
  view: ClaimView,
): ClaimStep => {
  if (state === undefined && view.ownsEpoch(epoch)) return { state, effects: [{ type: 'confirm', home: from }] }
  if (state?.id !== id || state.home !== from || epoch <= view.highestEpoch) {
    // With what is known here: the home starts above it the next time.
    return { state, effects: [{ type: 'release', home: from, id, epoch: Math.max(epoch, view.highestEpoch) }] }
  }
  const [first, ...others] = state.waiters
  const accept: ClaimEffect = { type: 'accept', ticket: first.ticket, kind: first.kind, epoch }
  return { state: undefined, effects: [accept, ...failAll(others, view.self)] }
}

const expired = (state: Claim | undefined, ticket: number, view: ClaimView): ClaimStep => {
  const gone = state?.waiters.find((w) => w.ticket === ticket)
  if (state === undefined || gone === undefined) return { state, effects: [] }
  const giveUp: ClaimEffect = { type: 'giveUp', ticket, reason: state.reason }
  const [first, ...others] = state.waiters.filter((w) => w !== gone)
  if (first === undefined) return { state: undefined, effects: [giveUp] }
  if (gone !== state.waiters[0]) return { state: { ...state, waiters: [first, ...others] }, effects: [giveUp] }
  // Another kind may be asked for now: an answer to the old question is not one to this.
  const next = attempt([first, ...others], state.reason, view)
  return { state: next.state, effects: [giveUp, ...next.effects] }
}
