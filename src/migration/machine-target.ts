/**
 * One move, seen from its destination D. Pure.
 *
 *   receiving --received--> restoring --restored--> prepared --commit--> activating --running--> activated
 *      |                       | failed                |  |                  | attach failed         |--retired--> done
 *      | abort, S dead,        | this node stops       |  |                  |  S waits: refused     '--S dead--> done
 *      | no progress, stop     |                       |  |                  |  S dead: crashed
 *      '----------> burned <---'------ abort, stop ----'  |
 *                      ^                                  | S dead
 *                      |--aborted, closed, unknown--- taking --taken--> activating
 *                      '                              (asks H; D itself when it is the holder)
 *   prepared, S dead, nobody to ask: parked            parked --decide--> activating | burned
 *
 * G1  D runs only on S's COMMIT, or on the holder's `taken` for exactly this attempt, never on silence (R2, R5).
 * R5  a copy belongs to its attempt; another attempt never activates it.
 *     A burned attempt is never prepared again, and never runs.
 */
import { never } from '../base/invariant.js'
import type { Death } from './machine-source.js'

type TargetPhase =
  | 'receiving'
  | 'restoring'
  | 'prepared'
  | 'taking'
  | 'parked'
  | 'activating'
  | 'activated'
  | 'done'
  | 'burned'
  | 'crashed'

export interface TargetState {
  readonly phase: TargetPhase
  readonly thirdHolder: boolean
  /** S is in another cluster: D never takes over unasked. */
  readonly foreign: boolean
  /** It runs because S is dead, not because S said COMMIT. */
  readonly takeover: boolean
  readonly sourceDead: Death | undefined
  readonly holderDead: Death | undefined
}

export type TargetEvent =
  | { readonly type: 'received' }
  | { readonly type: 'restored' }
  /** Checksum, decoding, version, a callback, no progress. */
  | { readonly type: 'failed' }
  /** This node stops in order. */
  | { readonly type: 'stopping' }
  | { readonly type: 'commit' }
  | { readonly type: 'abort' }
  | { readonly type: 'running' }
  | { readonly type: 'attachFailed' }
  /** While it attached, the name came to be owned in a higher epoch: this copy is of the past. */
  | { readonly type: 'superseded' }
  | { readonly type: 'retired' }
  | { readonly type: 'sourceDead'; readonly death: Death }
  | { readonly type: 'holderDead'; readonly death: Death }
  | { readonly type: 'taken'; readonly verdict: 'taken' | 'aborted' | 'closed' | 'unknown' | 'wait' }
  /** The holder of another cluster says that S is dead: run it. */
  | { readonly type: 'takeOver' }
  | { readonly type: 'tick' }
  | { readonly type: 'decide'; readonly choice: 'restore' | 'discard' }

export type TargetEffect =
  | { readonly type: 'restore' }
  | { readonly type: 'sendPrepared' }
  | { readonly type: 'sendRefused' }
  | { readonly type: 'sendAborted' }
  | { readonly type: 'sendActivated' }
  /** To H, or, when D is its own holder, to the machine beside this one. */
  | { readonly type: 'askHolder' }
  | { readonly type: 'activate' }
  /** attach failed and S is dead: there is nobody to give it back to. */
  | { readonly type: 'crash' }
  | { readonly type: 'discard' }
  | { readonly type: 'park'; readonly reason: string }

interface Step {
  readonly state: TargetState
  readonly effects: readonly TargetEffect[]
}

export const beginTarget = (options: { readonly thirdHolder: boolean; readonly foreign: boolean }): TargetState => ({
  phase: 'receiving',
  thirdHolder: options.thirdHolder,
  foreign: options.foreign,
  takeover: false,
  sourceDead: undefined,
  holderDead: undefined,
})

export const isTargetOver = (state: TargetState): boolean =>
  state.phase === 'done' || state.phase === 'burned' || state.phase === 'crashed'

/** A whole copy stands here, or is being made of all its bytes, that may yet come to life. */
export const holdsCopy = (state: TargetState): boolean =>
  state.phase === 'restoring' ||
  state.phase === 'prepared' ||
  state.phase === 'taking' ||
  state.phase === 'parked' ||
  state.phase === 'activating'

const stay = (state: TargetState): Step => ({ state, effects: [] })

const go = (state: TargetState, phase: TargetPhase, ...effects: TargetEffect[]): Step => ({
  state: { ...state, phase },
  effects,
})

export const stepTarget = (state: TargetState, event: TargetEvent): Step => {
  const { phase } = state
  switch (event.type) {
    case 'received':
      return phase === 'receiving' ? go(state, 'restoring', { type: 'restore' }) : stay(state)
    case 'restored':
      return phase === 'restoring' ? prepared(go(state, 'prepared', { type: 'sendPrepared' })) : stay(state)
    case 'failed':
      return phase === 'receiving' || phase === 'restoring'
        ? go(state, 'burned', { type: 'discard' }, { type: 'sendRefused' })
        : stay(state)
    case 'stopping':
      return giveBack(state)
    case 'commit':
      return commit(state)
    case 'abort':
      return abort(state)
    case 'running':
      return phase === 'activating' ? running(state) : stay(state)
    case 'attachFailed':
      return attachFailed(state)
    case 'superseded':
      return phase === 'activating' ? go(state, 'burned', { type: 'discard' }, { type: 'sendRefused' }) : stay(state)
    case 'retired':
      return phase === 'activated' ? go(state, 'done') : stay(state)
    case 'sourceDead':
      return sourceDied({ ...state, sourceDead: state.sourceDead === 'proved' ? 'proved' : event.death })
    case 'holderDead':
      return holderDied({ ...state, holderDead: state.holderDead === 'proved' ? 'proved' : event.death })
    case 'taken':
      return taken(state, event.verdict)
    case 'takeOver':
      return takeOver(state)
    case 'tick':
      return again(state)
    case 'decide':
      return decide(state, event.choice)
    default:
      return never(event)
  }
}

/**
 * G6: whether COMMIT is under way or not, nothing ran here: S has its process back as it was, rather than a possible
 * rollback when this node has left. The copy of a dead S may be the last one, and is not for this node to throw away.
 */
const giveBack = (state: TargetState): Step => {
  const { phase, sourceDead } = state
  const mayGiveBack = phase === 'receiving' || phase === 'restoring' || phase === 'prepared'
  if (!mayGiveBack || sourceDead !== undefined) return stay(state)
  return go(state, 'burned', { type: 'discard' }, { type: 'sendRefused' })
}

/** S may have died while the copy was being restored. */
const prepared = (step: Step): Step => {
  if (step.state.sourceDead === undefined) return step
  const next = sourceDied(step.state)
  return { state: next.state, effects: next.effects }
}

const commit = (state: TargetState): Step => {
  switch (state.phase) {
    case 'prepared':
    case 'taking':
    case 'parked':
      return go(state, 'activating', { type: 'activate' })
    case 'activated':
    case 'done':
      return { state, effects: [{ type: 'sendActivated' }] }
    case 'burned':
      return { state, effects: [{ type: 'sendRefused' }] }
    default:
      return stay(state)
  }
}

const abort = (state: TargetState): Step => {
  switch (state.phase) {
    case 'receiving':
    case 'restoring':
    case 'prepared':
    case 'taking':
    case 'parked':
      return go(state, 'burned', { type: 'discard' }, { type: 'sendAborted' })
    case 'burned':
      return { state, effects: [{ type: 'sendAborted' }] }
    case 'activated':
    case 'done':
      return { state, effects: [{ type: 'sendActivated' }] }
    default:
      return stay(state)
  }
}

const running = (state: TargetState): Step => {
  const next = go(state, 'activated', { type: 'sendActivated' })
  return state.sourceDead === undefined ? next : { state: { ...next.state, phase: 'done' }, effects: next.effects }
}

const attachFailed = (state: TargetState): Step => {
  if (state.phase !== 'activating') return stay(state)
  // S still has its frozen copy as long as it lives: give the process back rather than lose it.
  if (state.takeover || state.sourceDead === 'proved') return go(state, 'crashed', { type: 'crash' })
  return go(state, 'burned', { type: 'discard' }, { type: 'sendRefused' })
}

const sourceDied = (state: TargetState): Step => {
  switch (state.phase) {
    case 'receiving':
      return go(state, 'burned', { type: 'discard' })
    case 'activated':
      return state.sourceDead === 'proved' ? go(state, 'done') : stay(state)
    case 'prepared':
    case 'parked':
      return orphaned(state)
    default:
      return stay(state)
  }
}

const orphaned = (state: TargetState): Step => {
  if (state.thirdHolder) {
    if (state.foreign) return stay(state)
    if (state.holderDead !== undefined) return park(state, 'the source is dead and its holder cannot be asked')
    return go(state, 'taking', { type: 'askHolder' })
  }
  if (state.foreign)
    return park(state, 'the source is dead, and nobody of its cluster is left to say whether to run it here')
  // D is the holder. Only a proof lets it act: with two members silence may as well be its own.
  if (state.sourceDead === 'proved') return go(state, 'taking', { type: 'askHolder' })
  return park(state, 'the source is silent, and there is no third member')
}

const holderDied = (state: TargetState): Step =>
  state.phase === 'taking' && state.thirdHolder
    ? park(state, 'the source is dead and its holder cannot be asked')
    : stay(state)

const park = (state: TargetState, reason: string): Step =>
  state.phase === 'parked' ? stay(state) : go(state, 'parked', { type: 'park', reason })

const taken = (state: TargetState, verdict: 'taken' | 'aborted' | 'closed' | 'unknown' | 'wait'): Step => {
  if (state.phase !== 'taking') return stay(state)
  if (verdict === 'wait') return stay(state)
  if (verdict === 'taken') return go({ ...state, takeover: true }, 'activating', { type: 'activate' })
  return go(state, 'burned', { type: 'discard' })
}

const takeOver = (state: TargetState): Step => {
  switch (state.phase) {
    case 'prepared':
    case 'parked':
      return go({ ...state, takeover: true }, 'activating', { type: 'activate' })
    case 'activated':
    case 'done':
      return { state, effects: [{ type: 'sendActivated' }] }
    case 'receiving':
    case 'restoring':
      return go(state, 'burned', { type: 'discard' }, { type: 'sendRefused' })
    case 'burned':
    case 'crashed':
      return { state, effects: [{ type: 'sendRefused' }] }
    default:
      return stay(state)
  }
}

const again = (state: TargetState): Step => {
  switch (state.phase) {
    case 'prepared':
      // The holder in the other cluster asks when it knows of the attempt. It may never have heard of it.
      if (state.foreign && state.sourceDead !== undefined)
        return park(state, 'the source is dead, and its holder has not asked for it')
      return { state, effects: [{ type: 'sendPrepared' }] }
    case 'taking':
      return { state, effects: [{ type: 'askHolder' }] }
    case 'activated':
      return { state, effects: [{ type: 'sendActivated' }] }
    default:
      return stay(state)
  }
}

const decide = (state: TargetState, choice: 'restore' | 'discard'): Step => {
  // It runs; only its source never confirmed it. On the operator's word it is settled.
  if (state.phase === 'activated') return go(state, 'done')
  if (state.phase !== 'parked' && state.phase !== 'taking') return stay(state)
  if (choice === 'restore') return go({ ...state, takeover: true }, 'activating', { type: 'activate' })
  return go(state, 'burned', { type: 'discard' })
}
