/**
 * One process on its way off a node that leaves. Pure; drain.ts drives one of these for each process and bounds how
 * many are under way.
 *
 *   waiting --turn, a place--> moving --moved--> moved
 *      ^ |                        |
 *      | '--turn, no place        |--refused, unreachable, the other one is silent--> waiting: at once, elsewhere
 *      |        |                 |--not now, moving--> waiting: in a while, for perProcessMs in all
 *      '--------'                 |--its handler does not end, cannot travel, in doubt--> left
 *   any --it ended--> gone        '--the node's time is over--> left
 *
 * G13 each ends as moved, gone or left, and left has a reason: nothing is dropped silently.
 */
import type { ErrorCode } from '../base/errors.js'

export interface Leaver {
  readonly phase: 'waiting' | 'moving' | 'moved' | 'gone' | 'left'
  /** Where it moves, or has moved, to. */
  readonly to: string
  /** Nodes that did not take it, since one of all was tried last. */
  readonly tried: readonly string[]
  /** Not before then. */
  readonly at: number
  /** So long it may say not now: from its first turn on. */
  readonly until: number
  readonly code: ErrorCode
  readonly reason: string
}

export type LeaverEvent =
  /** A slot is free. `place` undefined: nobody can take it now. `nobody`: nor later. */
  | {
      readonly type: 'turn'
      readonly place: string | undefined
      readonly nobody: boolean
      /** Why nobody can take it. */
      readonly why: string
      readonly perProcessMs: number
    }
  | { readonly type: 'moved' }
  /** `busy`: a handler of it runs still. */
  | { readonly type: 'failed'; readonly code: ErrorCode; readonly reason: string; readonly busy: boolean }
  /** It is not on this node any more. */
  | { readonly type: 'ended' }
  /** The time of the node is over. */
  | { readonly type: 'over' }

/** Before one that says not now, or that nobody takes, is asked again: a rate of ten a second, each a short message. */
export const AGAIN_MS = 100

export const newLeaver: Leaver = {
  phase: 'waiting',
  to: '',
  tried: [],
  at: 0,
  until: Number.POSITIVE_INFINITY,
  code: 'ERR_NO_PLACE',
  reason: 'it had no turn',
}

/** @param now  of a clock that only grows, in ms */
export const stepLeaver = (state: Leaver, event: LeaverEvent, now: number): Leaver => {
  if (state.phase === 'moved' || state.phase === 'gone' || state.phase === 'left') return state
  switch (event.type) {
    case 'turn':
      return state.phase === 'waiting' ? turn(state, event, now) : state
    case 'moved':
      return { ...state, phase: 'moved' }
    case 'ended':
      return { ...state, phase: 'gone' }
    case 'over': {
      const reason = state.phase === 'moving' ? `its move to ${state.to} was under way` : state.reason
      return { ...state, phase: 'left', reason: `the time to drain was over: ${reason}` }
    }
    case 'failed':
      return failed(state, event, now)
  }
}

const turn = (state: Leaver, event: LeaverEvent & { readonly type: 'turn' }, now: number): Leaver => {
  const until = Math.min(state.until, now + event.perProcessMs)
  if (event.place !== undefined) return { ...state, phase: 'moving', to: event.place, until }
  const refused = state.tried.length > 0
  const why: Leaver = refused ? state : { ...state, code: 'ERR_NO_PLACE', reason: event.why }
  if (event.nobody) return { ...why, phase: 'left' }
  // All have said no: it begins again with the first.
  return { ...why, until, tried: [], at: now + AGAIN_MS }
}

/** The process is as it was, another node may take it. */
const ELSEWHERE: ReadonlySet<ErrorCode> = new Set([
  'ERR_REFUSED',
  'ERR_UNREACHABLE',
  'ERR_VERSION',
  'ERR_KIND_UNKNOWN',
  'ERR_LINK_LOST',
  'ERR_SNAPSHOT',
  'ERR_MOVE_TIMEOUT',
])

/** The process is as it was, and may go in a while. */
const LATER: ReadonlySet<ErrorCode> = new Set(['ERR_NOT_NOW', 'ERR_MOVING', 'ERR_OVERLOAD'])

const GONE: ReadonlySet<ErrorCode> = new Set(['ERR_STOPPED', 'ERR_NO_PROCESS', 'ERR_CRASHED'])

const failed = (state: Leaver, event: LeaverEvent & { readonly type: 'failed' }, now: number): Leaver => {
  const { code, reason, busy } = event
  if (GONE.has(code)) return { ...state, phase: 'gone' }
  const why = { ...state, code, reason }
  // Its handler has had all the time that a move may take: it would hold up the next one as well.
  const silent = code === 'ERR_MOVE_TIMEOUT' && busy
  if (ELSEWHERE.has(code) && !silent) return { ...why, phase: 'waiting', tried: [...state.tried, state.to], at: now }
  if (LATER.has(code) && now < state.until) return { ...why, phase: 'waiting', at: now + AGAIN_MS }
  return { ...why, phase: 'left' }
}
