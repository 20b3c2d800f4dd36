/**
 * One move, seen from its source S. Pure: no clock, no socket, no registry. The departure feeds it events and performs
 * its effects.
 *
 *   freezing --frozen--> preparing --prepared, begun--> detaching --detached--> committed --activated--> retired
 *      |                  |   | refused, not sent          |                      |
 *      | giveUp, D or H   |   '--> resumed                 | D dead               |--refused (D ran nothing)--> resumed
 *      v dead             v giveUp, D dead, H dead         v                      |--D dead, for H too--> woken
 *   resumed           aborting <---------------------------'                      '--silent, no H; or home--> parked
 *                         |--aborted (by H, or by D which burned it)--> resumed
 *                         |--taken (by H for D)--> committed
 *                         |--D dead, and it was the holder--> resumed        D silent --> parked
 *                         '--H and D dead--> woken
 *
 * Where moves are recorded at an engine, that is H, and it never dies; the record is the commit:
 *
 *   detaching --detached--> recording --recorded--> committed --refused, D dead--> reclaiming
 *                            | | |                     ^                            | | | '--same--> resumed
 *   resumed <--notRecorded---' | '--nameTaken          '--held (D's lease lives)----' | '--fresh (D may have)--> woken
 *   reclaiming <----nameFree---'      '--> retired                                    '--nameTaken--> retired
 *   aborting --notRecorded--> resumed         (on the word of the engine only: D may have asked it to be the owner)
 *            '--taken--> committed
 *
 * G1  callbacks stop before PREPARE leaves. S runs again only on the word of H or D that D will not, or on their death.
 * G6  until `committed` the way back is `resumed`: same epoch, same line, same state.
 * G10 no timer leaves `committed`, and none leaves `aborting`: a lost answer is not a decision.
 * R1  after the commit S resumes only when D says that it burned the attempt without running it.
 *     Nor `recording` and `reclaiming`: the engine is asked until it has answered.
 * The one commit point is the step to `committed`: COMMIT leaves there, and nowhere else.
 */
import { never } from '../base/invariant.js'

type SourcePhase =
  | 'freezing'
  | 'preparing'
  | 'detaching'
  | 'recording'
  | 'committed'
  | 'reclaiming'
  | 'aborting'
  | 'parked'
  | 'resumed'
  | 'woken'
  | 'retired'

/** How sure we are that a node is no more. `verdict`: only silent for the down time. */
export type Death = 'proved' | 'verdict'

export interface SourceState {
  readonly phase: SourcePhase
  /** A third member remembers the attempt; else D itself does. */
  readonly thirdHolder: boolean
  readonly foreign: boolean
  /** H is the engine: the commit is a record there, and so is each way back from it. */
  readonly engine: boolean
  /** After the commit D has said that it will not run it. */
  readonly burned: boolean
  /** D's cluster is the home of the process: when D is dead, the members there judge the name and ask nobody here. */
  readonly homeward: boolean
  readonly prepared: boolean
  readonly begun: boolean
  readonly destinationDead: Death | undefined
  readonly holderDead: Death | undefined
  /** The phase in which it was parked, for the operator and for late news. */
  readonly parkedIn: 'aborting' | 'committed' | undefined
}

export type SourceEvent =
  | { readonly type: 'frozen' }
  | { readonly type: 'begun' }
  | { readonly type: 'prepared' }
  /** D burned the attempt and runs nothing of it. */
  | { readonly type: 'refused' }
  /** Time is up, the link broke, a callback threw, the state cannot travel. */
  | { readonly type: 'giveUp' }
  /** There was no way to D when PREPARE was due: nothing has left. */
  | { readonly type: 'notSent' }
  | { readonly type: 'detached' }
  /** The engine: D is the owner now. */
  | { readonly type: 'recorded' }
  /** It never will be, by this attempt; the name is still here. */
  | { readonly type: 'notRecorded' }
  /** Nobody has the name any more. */
  | { readonly type: 'nameFree' }
  /** Somebody else has it, or it has ended. */
  | { readonly type: 'nameTaken' }
  /** The name is back here. `fresh`: D may have run it meanwhile. */
  | { readonly type: 'reclaimed'; readonly fresh: boolean }
  /** Not now: D's lease lives. */
  | { readonly type: 'held' }
  | { readonly type: 'aborted' }
  | { readonly type: 'taken' }
  | { readonly type: 'activated' }
  | { readonly type: 'destinationDead'; readonly death: Death }
  | { readonly type: 'holderDead'; readonly death: Death }
  /** H holds D for dead too. */
  | { readonly type: 'witnessed' }
  | { readonly type: 'tick' }
  | { readonly type: 'decide'; readonly choice: 'restore' | 'discard' }

export type SourceEffect =
  | { readonly type: 'sendPrepare' }
  | { readonly type: 'sendBegin' }
  | { readonly type: 'detach' }
  /** Write the new owner, until it is known whether it is written. */
  | { readonly type: 'record' }
  | { readonly type: 'reclaim'; readonly burned: boolean }
  | { readonly type: 'sendCommit' }
  | { readonly type: 'sendAbort'; readonly toHolder: boolean; readonly toDestination: boolean }
  | { readonly type: 'sendRetired' }
  /** D is silent: is it dead for H too? */
  | { readonly type: 'askWitness' }
  /** Go on as if nothing had been. */
  | { readonly type: 'resume' }
  /** Go on as a possible rollback: a new epoch, a new line, an event. */
  | { readonly type: 'wake'; readonly reason: string }
  | { readonly type: 'retire' }
  | { readonly type: 'park'; readonly reason: string }

interface Step {
  readonly state: SourceState
  readonly effects: readonly SourceEffect[]
}

export const beginSource = (options: {
  readonly thirdHolder: boolean
  readonly foreign: boolean
  readonly homeward?: boolean
  readonly engine?: boolean
}): SourceState => ({
  phase: 'freezing',
  thirdHolder: options.thirdHolder || options.engine === true,
  foreign: options.foreign,
  engine: options.engine ?? false,
  burned: false,
  homeward: options.homeward ?? false,
  prepared: false,
  // When D is its own holder, PREPARED says both.
  begun: !options.thirdHolder && options.engine !== true,
  destinationDead: undefined,
  holderDead: undefined,
  parkedIn: undefined,
})

/** Over, one way or the other: the departure can be forgotten. */
export const isSourceOver = (state: SourceState): boolean =>
  state.phase === 'resumed' || state.phase === 'woken' || state.phase === 'retired'

/** It is committed to D, or may be. */
export const mayHaveLeft = ({ phase, parkedIn }: SourceState): boolean =>
  phase === 'recording' ||
  phase === 'committed' ||
  phase === 'reclaiming' ||
  (phase === 'parked' && parkedIn === 'committed')

/** Its end hangs on a word of somebody else. */
export const isUndecided = ({ phase }: SourceState): boolean =>
  phase === 'aborting' || phase === 'recording' || phase === 'committed' || phase === 'reclaiming'

const stay = (state: SourceState): Step => ({ state, effects: [] })

const go = (state: SourceState, phase: SourcePhase, ...effects: SourceEffect[]): Step => ({
  state: { ...state, phase },
  effects,
})

export const stepSource = (state: SourceState, event: SourceEvent): Step => {
  if (isSourceOver(state)) return afterTheEnd(state, event)
  switch (event.type) {
    case 'frozen':
      return state.phase === 'freezing'
        ? go(state, 'preparing', { type: 'sendPrepare' }, { type: 'sendBegin' })
        : stay(state)
    case 'begun':
      return maybeDecide({ ...state, begun: true })
    case 'prepared':
      return maybeDecide({ ...state, prepared: true })
    case 'detached':
      if (state.phase !== 'detaching') return stay(state)
      return state.engine ? go(state, 'recording', { type: 'record' }) : go(state, 'committed', { type: 'sendCommit' })
    case 'recorded':
    case 'notRecorded':
    case 'nameFree':
    case 'nameTaken':
    case 'reclaimed':
    case 'held':
      return engineSaid(state, event)
    case 'refused':
    case 'aborted':
      return wayBack(state, event.type)
    case 'taken':
      return state.phase === 'aborting' || state.phase === 'parked'
        ? go(state, 'committed', { type: 'sendCommit' })
        : stay(state)
    case 'activated':
      // D runs it, whoever let it: whatever S still waited for, its copy is of the past.
      // While the name is being taken back the engine says which of the two is the one; D repeats it.
      return state.phase === 'freezing' || state.phase === 'reclaiming'
        ? stay(state)
        : go(state, 'retired', { type: 'sendRetired' }, { type: 'retire' })
    case 'giveUp':
      return giveUp(state)
    case 'notSent':
      return state.phase === 'preparing' ? go(state, 'resumed', { type: 'resume' }) : stay(state)
    case 'destinationDead':
      return someoneDied({ ...state, destinationDead: worse(state.destinationDead, event.death) })
    case 'holderDead':
      return someoneDied({ ...state, holderDead: worse(state.holderDead, event.death) })
    case 'witnessed':
      return state.phase === 'committed' && state.destinationDead !== undefined ? wakeAlone(state) : stay(state)
    case 'tick':
      return again(state)
    case 'decide':
      return decide(state, event.choice)
    default:
      return never(event)
  }
}

const worse = (known: Death | undefined, news: Death): Death => (known === 'proved' ? known : news)

const maybeDecide = (state: SourceState): Step =>
  state.phase === 'preparing' && state.prepared && state.begun
    ? go(state, 'detaching', { type: 'detach' })
    : stay(state)

type EngineWord = Extract<
  SourceEvent,
  { readonly type: 'recorded' | 'notRecorded' | 'nameFree' | 'nameTaken' | 'reclaimed' | 'held' }
>

const engineSaid = (state: SourceState, event: EngineWord): Step => {
  const { phase } = state
  if (phase === 'aborting') return event.type === 'notRecorded' ? go(state, 'resumed', { type: 'resume' }) : stay(state)
  if (phase === 'recording') {
    if (event.type === 'recorded') return state.burned ? reclaim(state) : go(state, 'committed', { type: 'sendCommit' })
    if (event.type === 'notRecorded')
      return go(state, 'resumed', { type: 'sendAbort', toHolder: false, toDestination: true }, { type: 'resume' })
    if (event.type === 'nameFree') return reclaim(state)
  } else if (phase === 'reclaiming') {
    if (event.type === 'held') return go(state, 'committed')
    if (event.type === 'reclaimed' && !event.fresh) return go(state, 'resumed', { type: 'resume' })
    if (event.type === 'reclaimed')
      return go(state, 'woken', { type: 'wake', reason: 'the destination ended after the commit' })
  } else return stay(state)
  return event.type === 'nameTaken' ? go(state, 'retired', { type: 'retire' }) : stay(state)
}

const reclaim = (state: SourceState): Step => go(state, 'reclaiming', { type: 'reclaim', burned: state.burned })

/** H or D says that D will not run it. */
const wayBack = (state: SourceState, word: 'refused' | 'aborted'): Step => {
  const { phase, engine } = state
  // D may have been about to take it: what it asks the engine for is done although it has burned the attempt.
  if (engine && phase === 'aborting') return stay(state)
  if (phase === 'aborting' || phase === 'parked') return go(state, 'resumed', { type: 'resume' })
  // D will not run it, but it is recorded, or about to be: what is its own it must have back.
  if (engine && word === 'refused' && phase === 'recording') return stay({ ...state, burned: true })
  if (engine && word === 'refused' && phase === 'committed') return reclaim({ ...state, burned: true })
  // A refusal is D's own: it burned the attempt and never ran it, so even a commit may be taken back.
  if (word === 'refused' && (phase === 'preparing' || phase === 'committed'))
    return go(state, 'resumed', ...tellHolder(state), { type: 'resume' })
  if (word === 'refused' && phase === 'detaching') return toAborting(state)
  return stay(state)
}

/** D's word is enough for S; H only need not remember the attempt as open. */
const tellHolder = ({ thirdHolder, holderDead }: SourceState): SourceEffect[] =>
  thirdHolder && holderDead === undefined ? [{ type: 'sendAbort', toHolder: true, toDestination: false }] : []

const giveUp = (state: SourceState): Step => {
  if (state.phase === 'freezing') return go(state, 'resumed', { type: 'resume' })
  if (state.phase === 'preparing') return toAborting(state)
  return stay(state)
}

/** Asks whoever lives; if nobody is left to ask, what is known of their ends decides. */
const toAborting = (state: SourceState): Step => {
  const aborting = go(state, 'aborting', abortTo(state))
  const next = undecided(aborting.state)
  return { state: next.state, effects: [...aborting.effects, ...next.effects] }
}

const abortTo = (state: SourceState): SourceEffect => ({
  type: 'sendAbort',
  toHolder: state.thirdHolder && state.holderDead === undefined,
  toDestination: state.destinationDead === undefined,
})

const someoneDied = (state: SourceState): Step => {
  const { phase, destinationDead } = state
  // Nothing has left yet: there is nothing to ask about. Nor would anybody remember it: a dead holder answers no BEGIN.
  if (phase === 'freezing') return go(state, 'resumed', { type: 'resume' })
  if (phase === 'preparing' || phase === 'detaching') {
    // H's death after BEGUN changes nothing: D's word is enough for the rest.
    if (destinationDead === undefined && (state.begun || phase === 'detaching')) return stay(state)
    return toAborting(state)
  }
  if (phase === 'aborting' || (phase === 'parked' && state.parkedIn === 'aborting')) return undecided(state)
  if (phase === 'committed' || (phase === 'parked' && state.parkedIn === 'committed')) return decidedAndDead(state)
  return stay(state)
}

/** In `aborting`, when whoever could answer may be dead. */
const undecided = (state: SourceState): Step => {
  const { destinationDead, holderDead, thirdHolder } = state
  if (destinationDead === undefined) return stay(state)
  if (!thirdHolder) {
    // D was its own holder and never had a COMMIT: when it provably ended, nobody can run this attempt any more.
    if (destinationDead === 'proved') return go(state, 'resumed', { type: 'resume' })
    return park(state, 'aborting', 'the destination is silent, and no third member can be asked')
  }
  if (holderDead === undefined) return stay(state)
  if (destinationDead === 'proved' && holderDead === 'proved') {
    return go(state, 'woken', { type: 'wake', reason: 'the destination and the holder ended before they answered' })
  }
  return park(state, 'aborting', 'neither the destination nor the holder answers')
}

/** After the commit, when D may be dead: it may have run, so this copy is a possible rollback. */
const decidedAndDead = (state: SourceState): Step => {
  if (state.destinationDead === undefined) return stay(state)
  // Whoever says so: the engine knows whether its lease is over.
  if (state.engine) return reclaim(state)
  // G1: it may have run at home and been judged there, and another may have been started since.
  if (state.homeward) return park(state, 'committed', 'the destination, at home, ended after the commit')
  if (state.destinationDead === 'proved') return wakeAlone(state)
  // A verdict needs a witness: who is cut off itself hears nothing of anybody. With nobody else, or across clusters,
  // silence decides nothing.
  if (hasWitness(state)) return { state, effects: [{ type: 'askWitness' }] }
  return park(state, 'committed', 'the destination is silent after the commit')
}

const hasWitness = (state: SourceState): boolean =>
  state.thirdHolder && !state.foreign && state.holderDead === undefined

const wakeAlone = (state: SourceState): Step =>
  go(state, 'woken', { type: 'wake', reason: 'the destination ended after the commit' })

const park = (state: SourceState, parkedIn: 'aborting' | 'committed', reason: string): Step =>
  state.phase === 'parked' ? stay(state) : go({ ...state, parkedIn }, 'parked', { type: 'park', reason })

const again = (state: SourceState): Step => {
  const { phase, parkedIn } = state
  if (phase === 'committed' && state.engine && (state.burned || state.destinationDead !== undefined))
    return reclaim(state)
  if (phase === 'committed' && state.destinationDead === 'verdict' && hasWitness(state))
    return { state, effects: [{ type: 'askWitness' }] }
  if (phase === 'preparing' && !state.begun) return { state, effects: [{ type: 'sendBegin' }] }
  if (phase === 'aborting' || (phase === 'parked' && parkedIn === 'aborting'))
    return { state, effects: [abortTo(state)] }
  if (phase === 'committed' || (phase === 'parked' && parkedIn === 'committed'))
    return { state, effects: [{ type: 'sendCommit' }] }
  return stay(state)
}

/** The operator ends what is in doubt. */
const decide = (state: SourceState, choice: 'restore' | 'discard'): Step => {
  if (state.phase !== 'parked' && state.phase !== 'aborting' && state.phase !== 'committed') return stay(state)
  // Not against the engine: it has the name back, or it has not.
  if (choice === 'restore' && state.engine) return state.phase === 'committed' ? reclaim(state) : stay(state)
  if (choice === 'restore') return go(state, 'woken', { type: 'wake', reason: 'an operator restored it' })
  return go(state, 'retired', { type: 'retire' })
}

/** D repeats ACTIVATED until it hears RETIRED. */
const afterTheEnd = (state: SourceState, event: SourceEvent): Step =>
  state.phase === 'retired' && event.type === 'activated' ? { state, effects: [{ type: 'sendRetired' }] } : stay(state)
