/**
 * One process of a life that was declared dead, on its way into the next life of its node. Pure; `returns.ts` drives
 * it. It is an inert copy until its name is claimed anew: nobody runs anything on the word of the former life (G1).
 *
 *   busy --its handler has ended--> waiting --may claim--> claiming --granted--> attaching --attached--> running
 *     |                               ^                        |                     '--attach failed--> ended
 *     | the handler ended it          '-------- late ----------'
 *     v                             waiting, claiming --it lives on elsewhere in its own line--> gone
 *   gone                                |  '-- another life has the name ------------------------> stopped (conflict)
 *                                       |-- what is known is an earlier place of this very life -> attaching
 *                                       '-- an operator discards it ----------------------------> gone
 *
 * `may claim`: the members agree on who is a member; and of a copy whose move was committed, that the destination is no
 * more: what was committed away stays away.
 *
 * G2  it runs in an epoch above all that are known, and on a new line: what was on its way to it in the former life
 *     ends as lost or undelivered, and is not run twice.
 */

type ReturnPhase = 'busy' | 'waiting' | 'claiming' | 'attaching' | 'running' | 'ended' | 'stopped' | 'gone'

export interface ReturnState {
  readonly phase: ReturnPhase
  /** Its move was committed in the former life: it is a possible rollback. */
  readonly away: boolean
}

export type ReturnEvent =
  /** No handler of it runs any more. */
  | { readonly type: 'rested' }
  /** Its last handler was its end. */
  | { readonly type: 'over' }
  /** Now and then, and after news. `destinationDead`: of a move that was committed. */
  | { readonly type: 'look'; readonly settled: boolean; readonly destinationDead: boolean }
  /** The name has an owner, or had one in this line that has ended since. */
  | { readonly type: 'known'; readonly sameLine: boolean }
  /** All that the members know is where it was before it came here, in the same line. */
  | { readonly type: 'outdated' }
  | { readonly type: 'granted' }
  /** The claim was not decided in its time. */
  | { readonly type: 'late' }
  | { readonly type: 'attached' }
  | { readonly type: 'attachFailed' }
  | { readonly type: 'decide'; readonly choice: 'restore' | 'discard' }

type ReturnEffect =
  | { readonly type: 'claim' }
  /** It need not ask: it has the name, and nobody has heard. */
  | { readonly type: 'take' }
  | { readonly type: 'attach' }
  /** `rollback`: what it did elsewhere since the commit is lost. */
  | { readonly type: 'run'; readonly rollback: boolean }
  /** It has the name and cannot run: it ends, and that is said. */
  | { readonly type: 'end' }
  /** Another life has the name: this copy stops, and its state is offered to that one. */
  | { readonly type: 'conflict' }
  | { readonly type: 'drop' }

interface Step {
  readonly state: ReturnState
  readonly effects: readonly ReturnEffect[]
}

export const beginReturn = (busy: boolean, away: boolean): ReturnState => ({ phase: busy ? 'busy' : 'waiting', away })

export const isReturnOver = ({ phase }: ReturnState): boolean =>
  phase === 'running' || phase === 'ended' || phase === 'stopped' || phase === 'gone'

const stay = (state: ReturnState): Step => ({ state, effects: [] })
const go = (state: ReturnState, phase: ReturnPhase, ...effects: ReturnEffect[]): Step => ({
  state: { ...state, phase },
  effects,
})

export const stepReturn = (state: ReturnState, event: ReturnEvent): Step => {
  const { phase, away } = state
  switch (event.type) {
    case 'rested':
      return phase === 'busy' ? go(state, 'waiting') : stay(state)
    case 'over':
      return phase === 'busy' ? go(state, 'gone', { type: 'drop' }) : stay(state)
    case 'look':
      if (phase !== 'waiting' || !event.settled || (away && !event.destinationDead)) return stay(state)
      return go(state, 'claiming', { type: 'claim' })
    case 'known':
      // A handler of the former life may run yet: its copy is not whole, and it is asked again.
      if (phase !== 'waiting' && phase !== 'claiming' && phase !== 'attaching') return stay(state)
      return event.sameLine ? go(state, 'gone', { type: 'drop' }) : go(state, 'stopped', { type: 'conflict' })
    case 'outdated':
      // Of a move that was committed it may have gone on, in epochs that are above this copy's.
      if (away || (phase !== 'waiting' && phase !== 'claiming')) return stay(state)
      return go(state, 'attaching', { type: 'take' }, { type: 'attach' })
    case 'granted':
      return phase === 'claiming' ? go(state, 'attaching', { type: 'attach' }) : stay(state)
    case 'late':
      return phase === 'claiming' ? go(state, 'waiting') : stay(state)
    case 'attached':
      return phase === 'attaching' ? go(state, 'running', { type: 'run', rollback: away }) : stay(state)
    case 'attachFailed':
      return phase === 'attaching' ? go(state, 'ended', { type: 'end' }) : stay(state)
    case 'decide':
      if (phase !== 'waiting') return stay(state)
      if (event.choice === 'discard') return go(state, 'gone', { type: 'drop' })
      return go(state, 'claiming', { type: 'claim' })
  }
}
