/**
 * What becomes of the names of a dead node. One machine for a batch of names of one dead life, pure; `verdicts.ts`
 * drives it at the home of the names, in a settled view, and drops it when the view changes: the next home asks anew.
 *
 *   asking --the last member has said--> done: names that nobody holds have ended; the others are asked again later
 *     '-- a member says: not dead for me --> done: all are asked again later
 *
 * `held`: a member has a copy in the middle of a move, and decides itself or with the holder what becomes of it. Having
 * said no it must take no copy from that dead life any more; it agreed that it is dead.
 */
export interface Inquest {
  readonly id: number
  readonly node: string
  readonly incarnation: number
  readonly names: readonly string[]
  /** Members that have not said. */
  readonly waiting: readonly string[]
  readonly held: readonly string[]
}

export type InquestEvent =
  | { readonly type: 'said'; readonly from: string; readonly agreed: boolean; readonly held: readonly string[] }
  /** An answer may be lost. */
  | { readonly type: 'again' }

type InquestEffect =
  | { readonly type: 'ask'; readonly member: string }
  | { readonly type: 'ended'; readonly names: readonly string[] }

export interface InquestStep {
  /** undefined: it is done */
  readonly state: Inquest | undefined
  readonly effects: readonly InquestEffect[]
}

const asks = (members: readonly string[]): InquestEffect[] => members.map((member) => ({ type: 'ask', member }))

const conclude = (state: Inquest): InquestStep => {
  if (state.waiting.length > 0) return { state, effects: [] }
  const held = new Set(state.held)
  return { state: undefined, effects: [{ type: 'ended', names: state.names.filter((name) => !held.has(name)) }] }
}

/** @param state  `held` has what this node itself holds, `waiting` all other members */
export const openInquest = (state: Inquest): InquestStep => {
  const step = conclude(state)
  return step.state === undefined ? step : { state, effects: asks(state.waiting) }
}

export const stepInquest = (state: Inquest, event: InquestEvent): InquestStep => {
  if (event.type === 'again') return { state, effects: asks(state.waiting) }
  if (!state.waiting.includes(event.from)) return { state, effects: [] }
  if (!event.agreed) return { state: undefined, effects: [] }
  const waiting = state.waiting.filter((member) => member !== event.from)
  return conclude({ ...state, waiting, held: [...state.held, ...event.held] })
}
