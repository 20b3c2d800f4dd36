/**
 * What a node thinks of one other member, from what it has seen itself. Pure; `membership.ts` drives it.
 *
 *   unknown --link up--> alive --link lost, silence--> suspect --refused | silent | operator--> dead
 *                          ^ '----------- says left -----'--------------------------> left       |
 *                          |                             |                              |        |
 *                          |<- same life again ----------'                              |        |
 *                          '<- a newer life (of a live member: restarted, dead, then up) --------'
 *
 * Suspicion moves nothing: a suspect member is a live member. Death does, and is final for that life: a dead life that
 * links up again is turned away and told so. It is no member any more; it may come back as a newer life.
 *
 * G10 death by silence is a verdict: that life may run on beyond a cut. What shows later that it has ended (it leaves,
 * its port refuses, a newer life of it comes) makes it a *proved* one. That is told once and is no second death.
 */
import { invariant } from '../base/invariant.js'

export type Phase = 'unknown' | 'alive' | 'suspect' | 'dead' | 'left'

export type DownReason = 'left' | 'refused' | 'restarted' | 'silent' | 'operator'

export interface MemberState {
  readonly phase: Phase
  /** The newest life that was seen; 0 when none was. */
  readonly incarnation: number
  /** It is dead by silence, and nothing has proved it yet. */
  readonly unproved?: boolean
}

export type MemberEvent =
  | { readonly type: 'linkUp'; readonly incarnation: number }
  /** `left`: it said that it leaves for good. */
  | { readonly type: 'linkDown'; readonly left: boolean }
  /** Over the link that is up nothing came for `suspectMs`, or there is no link. */
  | { readonly type: 'quiet' }
  /** The link is up and something came. */
  | { readonly type: 'heard' }
  /** No sign of life for `downMs`. Only without a link. */
  | { readonly type: 'silent' }
  /** Its port has refused connections for `refusedMs`. */
  | { readonly type: 'refused' }
  /** A newer life of it has linked up; the `linkUp` of that one follows. */
  | { readonly type: 'restarted' }
  /** An operator says so. */
  | { readonly type: 'declared' }

export type MemberEffect =
  | { readonly type: 'up'; readonly incarnation: number }
  | { readonly type: 'down'; readonly incarnation: number; readonly reason: DownReason }
  /** The life that was found dead by silence has ended indeed. */
  | { readonly type: 'proved'; readonly incarnation: number }
  | { readonly type: 'suspected'; readonly incarnation: number; readonly suspect: boolean }
  /** The link belongs to a live member: greet it. */
  | { readonly type: 'linked' }
  /** Close the link and say why. */
  | { readonly type: 'turnAway'; readonly reason: string }

interface MemberStep {
  readonly state: MemberState
  readonly effects: readonly MemberEffect[]
}

const DECLARED_DEAD = 'declared dead'

export const unknownMember: MemberState = { phase: 'unknown', incarnation: 0 }

export const isLiveState = ({ phase }: MemberState): boolean => phase === 'alive' || phase === 'suspect'

export const stepMember = (state: MemberState, event: MemberEvent): MemberStep => {
  switch (event.type) {
    case 'linkUp':
      return linkUp(state, event.incarnation)
    case 'linkDown':
      if (event.left) return die(state, 'left')
      return suspect(state, true)
    case 'quiet':
      return suspect(state, true)
    case 'heard':
      return suspect(state, false)
    case 'silent':
      return state.phase === 'suspect' ? die(state, 'silent') : { state, effects: [] }
    case 'refused':
      return state.phase === 'alive' ? { state, effects: [] } : die(state, 'refused')
    case 'restarted':
      return die(state, 'restarted')
    case 'declared': {
      const { state: dead, effects } = die(state, 'operator')
      return { state: dead, effects: [...effects, { type: 'turnAway', reason: DECLARED_DEAD }] }
    }
  }
}

const linkUp = (state: MemberState, incarnation: number): MemberStep => {
  invariant(!isLiveState(state) || incarnation <= state.incarnation, 'a newer life comes after `restarted`')
  if (incarnation < state.incarnation) {
    return { state, effects: [{ type: 'turnAway', reason: 'a newer life of this node was seen' }] }
  }
  if (isLiveState(state)) {
    const back = suspect(state, false)
    return { state: back.state, effects: [...back.effects, { type: 'linked' }] }
  }
  if (incarnation === state.incarnation && state.phase !== 'unknown') {
    return { state, effects: [{ type: 'turnAway', reason: DECLARED_DEAD }] }
  }
  const { effects } = die(state, 'restarted')
  return {
    state: { phase: 'alive', incarnation },
    effects: [...effects, { type: 'up', incarnation }, { type: 'linked' }],
  }
}

const suspect = (state: MemberState, isSuspect: boolean): MemberStep => {
  const { incarnation, phase } = state
  if (!isLiveState(state) || (phase === 'suspect') === isSuspect) return { state, effects: [] }
  return {
    state: { phase: isSuspect ? 'suspect' : 'alive', incarnation },
    effects: [{ type: 'suspected', incarnation, suspect: isSuspect }],
  }
}

const die = (state: MemberState, reason: DownReason): MemberStep => {
  const { incarnation } = state
  if (state.unproved === true && reason !== 'silent' && reason !== 'operator') {
    return { state: { phase: state.phase, incarnation }, effects: [{ type: 'proved', incarnation }] }
  }
  if (!isLiveState(state)) return { state, effects: [] }
  const phase = reason === 'left' ? 'left' : 'dead'
  return {
    state: reason === 'silent' ? { phase, incarnation, unproved: true } : { phase, incarnation },
    effects: [{ type: 'down', incarnation, reason }],
  }
}
