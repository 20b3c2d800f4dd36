/**
 * A new name, seen from its home. One machine a name, pure; `claiming.ts` drives it.
 *
 *   nothing --asked--> waiting --settled, name free--> reserved for one --REGISTERED--> (in the table) --> the others
 *                        ^  |                            |                                       are told: taken
 *                        |  '-- name live --> taken      |-- given back, ended, or its SYNC comes without it --> next
 *                        '-- recovering, not settled     |-- claimant dead --> the table, as recovering
 *                                                        '-- own view changed --> forgotten (claims.ts says why)
 *
 * The same claimant with the same id gets the same grant again: it may have been lost with a link. A reservation never
 * ends by time alone: a claimant that lives and is slow may have taken it.
 */
import type { Entry } from '../wire/messages.js'
import type { Life } from './views.js'

export interface Asked extends Life {
  readonly id: number
  readonly kind: string
  /** The claimant's view, as its hash. */
  readonly view: string
  /** When it came, in ms of the clock. */
  readonly at: number
}

interface Reserved extends Asked {
  readonly epoch: number
  /** Granted over a link that has ended: if the next SYNC does not list the name, the grant was lost. */
  readonly doubted: boolean
}

export interface Grant {
  readonly reserved: Reserved | undefined
  readonly waiting: readonly Asked[]
}

export type GrantEvent =
  | { readonly type: 'asked'; readonly asked: Asked }
  /** The view is settled, or the table has changed. */
  | { readonly type: 'look' }
  | { readonly type: 'viewChanged' }
  | { readonly type: 'released'; readonly by: Life; readonly id: number }
  | { readonly type: 'linked'; readonly node: string }
  | { readonly type: 'synced'; readonly node: string }
  | { readonly type: 'gone'; readonly who: Life }
  /** Forget who asked before: they have given up. */
  | { readonly type: 'sweep'; readonly before: number }

export interface GrantView {
  readonly isHome: boolean
  readonly settled: boolean
  readonly view: string
  readonly known: 'free' | 'live' | 'recovering'
  readonly owner: Entry | undefined
  /** For a life that starts now. */
  readonly nextEpoch: number
}

export type GrantEffect =
  | { readonly type: 'grant'; readonly to: Asked; readonly epoch: number }
  | { readonly type: 'taken'; readonly to: Asked; readonly entry: Entry }
  | { readonly type: 'retry'; readonly to: Asked; readonly reason: string }
  /** The claimant is dead and may have taken it: its life there needs a verdict. */
  | { readonly type: 'mourn'; readonly reserved: Reserved }

interface GrantStep {
  /** undefined: nothing to remember */
  readonly state: Grant | undefined
  readonly effects: readonly GrantEffect[]
}

const NOTHING: Grant = { reserved: undefined, waiting: [] }

const sameLife = (a: Life, b: Life): boolean => a.node === b.node && a.incarnation === b.incarnation

export const stepGrant = (before: Grant | undefined, event: GrantEvent, view: GrantView): GrantStep => {
  const state = before ?? NOTHING
  switch (event.type) {
    case 'asked':
      return asked(state, event.asked, view)
    case 'look':
      return decide(state, view)
    case 'viewChanged':
      return viewChanged(state, view)
    case 'released': {
      const { reserved } = state
      const given = reserved !== undefined && sameLife(reserved, event.by) && reserved.id === event.id
      return decide(given ? { ...state, reserved: undefined } : state, view)
    }
    case 'linked':
      if (state.reserved?.node !== event.node) return { state, effects: [] }
      return { state: { ...state, reserved: { ...state.reserved, doubted: true } }, effects: [] }
    case 'synced':
      if (state.reserved?.node !== event.node || !state.reserved.doubted) return { state, effects: [] }
      return decide({ ...state, reserved: undefined }, view)
    case 'gone':
      return gone(state, event.who, view)
    case 'sweep':
      return kept({ ...state, waiting: state.waiting.filter((w) => w.at >= event.before) }, [])
  }
}

const kept = (state: Grant, effects: readonly GrantEffect[]): GrantStep => ({
  state: state.reserved === undefined && state.waiting.length === 0 ? undefined : state,
  effects,
})

/** One place a claimant: a new id replaces the old one, which it will not take any more. */
const asked = (state: Grant, who: Asked, view: GrantView): GrantStep => {
  const { reserved } = state
  if (reserved !== undefined && sameLife(reserved, who)) {
    // Another id: he has given up the attempt for which we granted, and refuses that grant when it comes.
    if (reserved.id !== who.id) return decide({ reserved: undefined, waiting: [who, ...state.waiting] }, view)
    const effect: GrantEffect = { type: 'grant', to: who, epoch: reserved.epoch }
    return { state: { ...state, reserved: { ...reserved, doubted: false } }, effects: [effect] }
  }
  const held = state.waiting.find((w) => sameLife(w, who))
  const waiting = held?.id === who.id ? state.waiting : [...state.waiting.filter((w) => w !== held), who]
  const next = decide({ ...state, waiting }, view)
  const stillHeld = next.state?.waiting.includes(held ?? who) ?? false
  // Asked twice and still no answer: say why, and go on holding it.
  if (held?.id !== who.id || !stillHeld) return next
  return { state: next.state, effects: [...next.effects, { type: 'retry', to: who, reason: whyNot(state, view) }] }
}

const whyNot = (state: Grant, view: GrantView): string => {
  if (!view.settled) return 'the members do not agree on who is a member'
  if (view.known === 'recovering') return 'the verdict on its last owner is out'
  return state.reserved === undefined ? 'it waits for its turn' : `${state.reserved.node} is about to have it`
}

const decide = (state: Grant, view: GrantView): GrantStep => {
  if (!view.isHome) return kept({ ...state, waiting: [] }, refuseAll(state.waiting, 'that node is not its home'))
  const { owner } = view
  // It began and has ended within a turn, of which only the last word is told.
  if (state.reserved !== undefined && isSpent(state.reserved, owner))
    return decide({ ...state, reserved: undefined }, view)
  if (view.known === 'live' && owner !== undefined) {
    return { state: undefined, effects: state.waiting.map((to) => ({ type: 'taken', to, entry: owner })) }
  }
  if (!view.settled || view.known !== 'free' || state.reserved !== undefined) return kept(state, [])
  const stale = state.waiting.filter((w) => w.view !== view.view)
  const [first, ...others] = state.waiting.filter((w) => w.view === view.view)
  const refused = refuseAll(stale, 'the views differ')
  if (first === undefined) return kept(NOTHING, refused)
  const reserved: Reserved = { ...first, epoch: view.nextEpoch, doubted: false }
  return {
    state: { reserved, waiting: others },
    effects: [...refused, { type: 'grant', to: first, epoch: reserved.epoch }],
  }
}

const isSpent = (reserved: Reserved, owner: Entry | undefined): boolean =>
  owner?.status === 'ended' && sameLife(owner, reserved) && owner.epoch >= reserved.epoch

const refuseAll = (waiting: readonly Asked[], reason: string): GrantEffect[] =>
  waiting.map((to) => ({ type: 'retry', to, reason }))

/** Whoever asked in another view asks again by himself; whoever was ahead of us is waiting here already. */
const viewChanged = (state: Grant, view: GrantView): GrantStep =>
  decide({ reserved: undefined, waiting: state.waiting.filter((w) => w.view === view.view) }, view)

const gone = (state: Grant, who: Life, view: GrantView): GrantStep => {
  const waiting = state.waiting.filter((w) => !sameLife(w, who))
  const { reserved } = state
  if (reserved === undefined || !sameLife(reserved, who)) return kept({ ...state, waiting }, [])
  const step =
    view.known === 'free' ? kept({ reserved: undefined, waiting }, []) : decide({ reserved: undefined, waiting }, view)
  return { state: step.state, effects: [{ type: 'mourn', reserved }, ...step.effects] }
}
