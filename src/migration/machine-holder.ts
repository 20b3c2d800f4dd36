/**
 * What a holder remembers of one name: its newest attempt, decided once, first request wins. Pure.
 *
 *   (nothing) --begin--> begun --abort (S asks)-----------> aborted
 *                          |----take (D asks, S is dead)--> taken
 *                          '----close (recovery)----------> closed
 *   abort or take of an attempt that was never begun: remembered as aborted or closed, so that a late BEGIN finds it.
 *
 * G1  `aborted` and `taken` exclude each other: S resumes on the one, D runs on the other.
 * An attempt is never begun twice, and an older one never again.
 */
import { type Attempt, compareAttempts } from '../base/ids.js'

export interface HolderState {
  readonly attempt: Attempt
  readonly status: 'begun' | 'aborted' | 'taken' | 'closed'
}

type HolderEvent =
  | { readonly type: 'begin'; readonly attempt: Attempt }
  | { readonly type: 'abort'; readonly attempt: Attempt }
  | { readonly type: 'take'; readonly attempt: Attempt; readonly sourceDead: boolean }
  | { readonly type: 'close'; readonly attempt: Attempt }

type HolderAnswer = 'begun' | 'aborted' | 'taken' | 'closed' | 'unknown' | 'wait' | 'silence'

interface Step {
  readonly state: HolderState | undefined
  readonly answer: HolderAnswer
}

export const stepHolder = (state: HolderState | undefined, event: HolderEvent): Step => {
  const order = state === undefined ? 1 : compareAttempts(event.attempt, state.attempt)
  if (order > 0) return first(state, event)
  // Older than what is known: its source has gone on since, so it was not committed.
  if (order < 0 || state === undefined)
    return { state, answer: event.type === 'begin' ? 'silence' : event.type === 'abort' ? 'aborted' : 'closed' }
  if (state.status !== 'begun') return { state, answer: event.type === 'begin' ? 'silence' : state.status }
  switch (event.type) {
    case 'begin':
      return { state, answer: 'begun' }
    case 'abort':
      return { state: { ...state, status: 'aborted' }, answer: 'aborted' }
    case 'take':
      return event.sourceDead ? { state: { ...state, status: 'taken' }, answer: 'taken' } : { state, answer: 'wait' }
    case 'close':
      return { state: { ...state, status: 'closed' }, answer: 'closed' }
  }
}

/** The first that is heard of an attempt. */
const first = (state: HolderState | undefined, event: HolderEvent): Step => {
  const { attempt } = event
  switch (event.type) {
    case 'begin':
      return { state: { attempt, status: 'begun' }, answer: 'begun' }
    case 'abort':
      return { state: { attempt, status: 'aborted' }, answer: 'aborted' }
    case 'take':
      return event.sourceDead ? { state: { attempt, status: 'closed' }, answer: 'unknown' } : { state, answer: 'wait' }
    case 'close':
      return { state: { attempt, status: 'closed' }, answer: 'closed' }
  }
}
