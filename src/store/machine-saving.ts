/**
 * When the state of one process is saved, and what is at rest. Pure: no clock, no store; `node/keeping.ts` drives it.
 *
 *   clean --a callback has run--> dirty --many have, long ago, somebody waits--> taking --encoded--> writing
 *                                   ^                                               |                   |
 *                                   |-- cannot be encoded, the store fails: later --'-------------------|
 *                                   '-- something has run since, else clean <------- saved -------------|
 *                                                     over <-- stale: somebody has saved in a higher epoch
 *
 * One save at a time, of all that has run up to it: who waits meanwhile waits for the next one, together.
 */

export interface SavingRules {
  /** Saved after so many callbacks, and so long after the first of them. Infinity: not for that. */
  readonly messages: number
  readonly ms: number
  /** After a failure. */
  readonly backoffMs: number
  readonly backoffMsMax: number
}

interface Saving {
  readonly phase: 'idle' | 'taking' | 'writing' | 'over'
  /** Callbacks that have run here: all, those whose effect is at rest, those that somebody waits for. */
  readonly run: number
  readonly kept: number
  readonly wanted: number
  /** In the snapshot that is being written. */
  readonly taken: number
  /** When the first one ran that is not at rest. */
  readonly since: number
  /** Of the last save that was begun. */
  readonly revision: number
  readonly failures: number
  readonly againAt: number
}

export type SavingEvent =
  | { readonly type: 'ran' }
  /** Somebody waits until all that has run is at rest. */
  | { readonly type: 'wanted' }
  | { readonly type: 'time' }
  | { readonly type: 'taken' }
  | { readonly type: 'saved' }
  | { readonly type: 'failed'; readonly reason: string }
  | { readonly type: 'stale' }

export type SavingEffect =
  /** Between two callbacks, encode the state. */
  | { readonly type: 'take' }
  | { readonly type: 'write'; readonly revision: number }
  /** Look again. */
  | { readonly type: 'alarm'; readonly inMs: number }
  | { readonly type: 'kept'; readonly run: number }
  | { readonly type: 'failed'; readonly reason: string; readonly failures: number; readonly inMs: number }
  | { readonly type: 'stale' }

interface SavingStep {
  readonly state: Saving
  readonly effects: readonly SavingEffect[]
}

export const beginSaving = (): Saving => ({
  phase: 'idle',
  run: 0,
  kept: 0,
  wanted: 0,
  taken: 0,
  since: 0,
  revision: 0,
  failures: 0,
  againAt: 0,
})

export const stepSaving = (state: Saving, event: SavingEvent, now: number, rules: SavingRules): SavingStep => {
  if (state.phase === 'over') return { state, effects: [] }
  switch (event.type) {
    case 'ran':
      return look({ ...state, run: state.run + 1, since: state.run === state.kept ? now : state.since }, now, rules)
    case 'wanted':
      if (state.run === state.kept) return { state, effects: [{ type: 'kept', run: state.kept }] }
      return look({ ...state, wanted: state.run }, now, rules)
    case 'time':
      return look(state, now, rules)
    case 'taken': {
      const revision = state.revision + 1
      const taken: Saving = { ...state, phase: 'writing', taken: state.run, revision }
      return { state: taken, effects: [{ type: 'write', revision }] }
    }
    case 'saved': {
      // What ran while it was written is not older than that.
      const next: Saving = { ...state, phase: 'idle', kept: state.taken, since: now, failures: 0, againAt: 0 }
      const { state: looked, effects } = look(next, now, rules)
      return { state: looked, effects: [{ type: 'kept', run: state.taken }, ...effects] }
    }
    case 'failed': {
      const failures = state.failures + 1
      const inMs = Math.min(rules.backoffMsMax, rules.backoffMs * 2 ** Math.min(failures - 1, 20))
      const next: Saving = { ...state, phase: 'idle', failures, againAt: now + inMs }
      const { reason } = event
      return {
        state: next,
        effects: [
          { type: 'failed', reason, failures, inMs },
          { type: 'alarm', inMs },
        ],
      }
    }
    case 'stale':
      return { state: { ...state, phase: 'over' }, effects: [{ type: 'stale' }] }
  }
}

/** Is it time for the next one? */
const look = (state: Saving, now: number, rules: SavingRules): SavingStep => {
  const dirty = state.run - state.kept
  if (state.phase !== 'idle' || dirty === 0) return { state, effects: [] }
  const dueAt = state.wanted > state.kept || dirty >= rules.messages ? now : state.since + rules.ms
  const at = Math.max(dueAt, state.againAt)
  if (now >= at) return { state: { ...state, phase: 'taking' }, effects: [{ type: 'take' }] }
  return { state, effects: Number.isFinite(at) ? [{ type: 'alarm', inMs: at - now }] : [] }
}
