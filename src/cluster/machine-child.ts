/**
 * One child of the cluster, seen from its caretaker: the home of its name, in a settled view. Pure: no clock, no
 * registry, no network. `caretaker.ts` feeds it what the registry says and what the chosen node answers.
 *
 *                 live                                  free, and its restart type says: again
 *       .------> resting ------------------------------------.
 *       |          |  '-- free, and it says: no more --> removed (the record)
 *       |   ok     |                                         v                      no node can run it: later
 *     asked <------+------------- place ---------------- waiting --failed too often--> parked (the record)
 *       | '-- fails: counted, after a while; elsewhere ------^
 *       '---- its node is dead, refuses, is not ready -------'
 *
 * That there is one copy is no matter of this machine: the node that starts it claims the name (G1). So asking twice is
 * harmless, and what was lost is asked again. `busy` is whatever must not be touched: recovering, in doubt, away.
 *
 * A failure is a start that failed, or a crash. The death of its node is none: the child cannot help it.
 */
import { isOrderly } from '../process/directives.js'
import type { Child } from '../wire/messages.js'

/** What the registry says about a name. `epoch`: of the life that ended. */
export type Fate =
  | { readonly type: 'live'; readonly node: string; readonly epoch: number }
  /** No life of this record is known. */
  | { readonly type: 'never' }
  | { readonly type: 'ended'; readonly node: string; readonly epoch: number; readonly reason: string }
  | { readonly type: 'busy' }

/** The life that the next start takes the place of, when its node died. */
interface Lost {
  readonly node: string
  readonly epoch: number
}

interface Base {
  /** When it failed, in ms; only those within the period. */
  readonly failures: readonly number[]
  readonly lost: Lost | undefined
  /** The epoch of the end that was dealt with: nothing is judged twice. */
  readonly judged: number
}

export type Care = Base &
  (
    | { readonly phase: 'resting' }
    | { readonly phase: 'waiting'; readonly dueAt: number; readonly why: string; readonly avoid: string }
    | { readonly phase: 'asked'; readonly node: string; readonly id: number; readonly againAt: number }
  )

export type CareEvent =
  /** Something may have changed: the registry, the record, the view, the time. */
  | { readonly type: 'look' }
  /** Somebody waits for the end of its start. */
  | { readonly type: 'awaited'; readonly id: number }
  /** The strategy has chosen. */
  | { readonly type: 'placed'; readonly node: string; readonly id: number }
  | { readonly type: 'unplaced'; readonly why: string }
  | {
      readonly type: 'done'
      readonly id: number
      readonly node: string
      readonly code: string
      readonly reason: string
    }
  | { readonly type: 'nodeGone'; readonly node: string }

interface CareWorld {
  readonly now: number
  readonly child: Child
  readonly fate: Fate
  /** A `hub.start` waits for its first life: what fails for good is told, and not tried again. */
  readonly first: boolean
  readonly rules: CareRules
}

export interface CareRules {
  /** More failures than `restartsMax` within `periodMs` park it. */
  readonly restartsMax: number
  readonly periodMs: number
  readonly backoffMs: number
  readonly backoffMsMax: number
  /** An answer may be lost: asked again. */
  readonly againMs: number
}

export type CareEffect =
  | { readonly type: 'place' }
  | { readonly type: 'ask'; readonly node: string; readonly id: number }
  | { readonly type: 'park'; readonly reason: string }
  | { readonly type: 'remove'; readonly reason: string }
  /** To those who wait: it lives there. */
  | { readonly type: 'started'; readonly node: string }
  | { readonly type: 'refused'; readonly code: string; readonly reason: string; readonly node: string }
  | {
      readonly type: 'failed'
      readonly node: string
      readonly reason: string
      readonly failures: number
      readonly inMs: number
    }
  | { readonly type: 'lost'; readonly lost: Lost }
  | { readonly type: 'takenOver'; readonly lost: Lost; readonly node: string; readonly state: 'fresh' | 'stored' }

interface CareStep {
  /** undefined: nothing to remember */
  readonly state: Care | undefined
  readonly effects: readonly CareEffect[]
}

/** What a process says at its end when its node moves it without its state: it starts elsewhere, whatever its type. */
export const COLD_REASON = { shutdown: 'cold swap' } as const
const COLD = 'shutdown: cold swap'

/** OTP's table of restart types. */
const isWantedAgain = (restart: Child['restart'], reason: string): boolean =>
  reason === COLD || restart === 'permanent' || (restart === 'transient' && !isOrderly(reason))

/** The child cannot help it: another node may do better, at once. */
const CIRCUMSTANCES: ReadonlySet<string> = new Set([
  'ERR_NODE_STOPPED',
  'ERR_NODE_LEAVING',
  'ERR_NO_QUORUM',
  'ERR_CLAIM_TIMEOUT',
  'ERR_UNREACHABLE',
  'ERR_REFUSED',
  'ERR_TIMEOUT',
  'ERR_STORE',
])

/** What a start says that found a state at rest. */
export const STORED = 'stored'

const NEW: Base = { failures: [], lost: undefined, judged: 0 }

const baseOf = (state: Care | undefined): Base =>
  state === undefined ? NEW : { failures: state.failures, lost: state.lost, judged: state.judged }

export const stepCare = (state: Care | undefined, event: CareEvent, world: CareWorld): CareStep => {
  switch (event.type) {
    case 'look':
      return look(state, world)
    case 'awaited':
      return awaited(state, event.id, world)
    case 'placed':
      return state?.phase === 'waiting' ? ask(state, event.node, event.id, world) : { state, effects: [] }
    case 'unplaced':
      return unplaced(state, event.why, world)
    case 'nodeGone':
      if (state?.phase !== 'asked' || state.node !== event.node) return look(state, world)
      return look(waiting(baseOf(state), world.now, `${event.node} is gone`, event.node), world)
    case 'done':
      return state?.phase === 'asked' && state.id === event.id ? done(state, event, world) : { state, effects: [] }
  }
}

const waiting = (base: Base, dueAt: number, why: string, avoid: string): Care => ({
  ...base,
  phase: 'waiting',
  dueAt,
  why,
  avoid,
})

const ask = (state: Care, node: string, id: number, { now, rules }: CareWorld): CareStep => ({
  state: { ...baseOf(state), phase: 'asked', node, id, againAt: now + rules.againMs },
  effects: [{ type: 'ask', node, id }],
})

const rest = (base: Base, { now, rules }: CareWorld): Care | undefined => {
  const failures = base.failures.filter((at) => now - at < rules.periodMs)
  return failures.length === 0 ? undefined : { failures, lost: undefined, judged: base.judged, phase: 'resting' }
}

const look = (state: Care | undefined, world: CareWorld): CareStep => {
  const { child, fate, now } = world
  if (child.status !== 'wanted') return { state: undefined, effects: [] }
  if (state?.phase === 'asked') {
    // The answer says what became of it; the registry only that somebody has the name.
    if (now < state.againAt) return { state, effects: [] }
    return ask(state, state.node, state.id, world)
  }
  switch (fate.type) {
    case 'busy':
      return { state: rest(baseOf(state), world), effects: [] }
    case 'live': {
      // The home before this one may have started it in the place of a lost one, and nobody waits for it here.
      return { state: rest(baseOf(state), world), effects: [] }
    }
    case 'never':
      return wait(state, world)
    case 'ended':
      return fate.epoch > baseOf(state).judged ? judge(state, fate, world) : wait(state, world)
  }
}

/** It is not there, and should be. */
const wait = (state: Care | undefined, { now }: CareWorld): CareStep => {
  if (state?.phase !== 'waiting') {
    return { state: waiting(baseOf(state), now, '', ''), effects: [{ type: 'place' }] }
  }
  return { state, effects: now < state.dueAt ? [] : [{ type: 'place' }] }
}

const judge = (
  state: Care | undefined,
  { node, epoch, reason }: Extract<Fate, { type: 'ended' }>,
  world: CareWorld,
): CareStep => {
  const { child } = world
  const base: Base = { ...baseOf(state), judged: epoch }
  const lost = reason === 'nodedown' ? { node, epoch } : undefined
  const effects: CareEffect[] = lost === undefined ? [] : [{ type: 'lost', lost }]
  if (!isWantedAgain(child.restart, reason)) {
    return { state: undefined, effects: [...effects, { type: 'remove', reason }] }
  }
  if (reason === 'ignored')
    return { state: undefined, effects: [{ type: 'park', reason: 'its init returned ignore()' }] }
  if (lost !== undefined || isOrderly(reason)) {
    const again = wait({ ...base, lost: lost ?? base.lost, phase: 'resting' }, world)
    return { state: again.state, effects: [...effects, ...again.effects] }
  }
  return failed(base, node, reason, world)
}

/** Counted; tried again after a while, or parked. */
const failed = (base: Base, node: string, reason: string, { now, rules }: CareWorld, avoid = ''): CareStep => {
  const failures = [...base.failures.filter((at) => now - at < rules.periodMs), now]
  const count = failures.length
  if (count > rules.restartsMax) {
    const why = `it failed ${count} times within ${rules.periodMs} ms, last on ${node}: ${reason}`
    return { state: undefined, effects: [{ type: 'park', reason: why }] }
  }
  // The first one is started again at once, as a supervisor does.
  const inMs = count === 1 ? 0 : Math.min(rules.backoffMsMax, rules.backoffMs * 2 ** (count - 2))
  const state = waiting({ ...base, failures }, now + inMs, reason, avoid)
  const effects: CareEffect[] = [{ type: 'failed', node, reason, failures: count, inMs }]
  return { state, effects: inMs === 0 ? [...effects, { type: 'place' }] : effects }
}

/** Who waits is answered by whoever runs it: the registry knows a life before its init is through. */
const awaited = (state: Care | undefined, id: number, world: CareWorld): CareStep => {
  const { fate } = world
  if (state?.phase === 'asked' || fate.type !== 'live') return look(state, world)
  return ask(state ?? { ...NEW, phase: 'resting' }, fate.node, id, world)
}

const unplaced = (state: Care | undefined, why: string, { now, first, rules }: CareWorld): CareStep => {
  if (state?.phase !== 'waiting') return { state, effects: [] }
  if (first) {
    const effects: CareEffect[] = [{ type: 'refused', code: 'ERR_NO_PLACE', reason: why, node: '' }]
    return { state: undefined, effects: [...effects, { type: 'remove', reason: why }] }
  }
  return { state: { ...state, dueAt: now + rules.backoffMsMax, why }, effects: [] }
}

const done = (
  state: Care,
  { node, code, reason }: Extract<CareEvent, { type: 'done' }>,
  world: CareWorld,
): CareStep => {
  const { fate, first, now, rules } = world
  const base = baseOf(state)
  if (code === '') {
    const effects: CareEffect[] = [{ type: 'started', node }]
    const begun = reason === STORED ? 'stored' : 'fresh'
    if (state.lost !== undefined) effects.push({ type: 'takenOver', lost: state.lost, node, state: begun })
    const over = { ...base, lost: undefined }
    if (fate.type !== 'ended' || fate.epoch <= base.judged) return { state: rest(over, world), effects }
    // It has ended since, and that was said before this.
    const after = judge({ ...over, phase: 'resting' }, fate, world)
    return { state: after.state, effects: [...effects, ...after.effects] }
  }
  if (code === 'ERR_ALREADY_STARTED') {
    if (first) {
      const effects: CareEffect[] = [{ type: 'refused', code, reason, node }]
      return { state: undefined, effects: [...effects, { type: 'remove', reason: `${node} has the name` }] }
    }
    if (fate.type === 'live') return { state: rest(base, world), effects: [{ type: 'started', node: fate.node }] }
  }
  if (code === 'ERR_ALREADY_STARTED' || CIRCUMSTANCES.has(code)) {
    return {
      state: waiting(base, now + rules.backoffMs, reason, state.phase === 'asked' ? state.node : ''),
      effects: [],
    }
  }
  if (first) {
    const effects: CareEffect[] = [{ type: 'refused', code, reason, node }]
    return { state: undefined, effects: [...effects, { type: 'remove', reason }] }
  }
  // A person must look at it; to try again changes nothing, and harms the neighbours.
  if (code === 'ERR_START_IGNORED' || code === 'ERR_UNUSABLE')
    return { state: undefined, effects: [{ type: 'park', reason }] }
  // Its end in the registry is this same failure.
  const judged = fate.type === 'ended' ? Math.max(base.judged, fate.epoch) : base.judged
  return failed({ ...base, judged }, node, reason, world, node)
}
