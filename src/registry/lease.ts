/**
 * The lease of a node at the engine: while it is surely held the node may run callbacks, else never. Pure; the keeper
 * (lease-keeper.ts) asks the engine and tells the time.
 *
 *   asking --granted--> returning --settled--> held --no renewal for too long--> fenced
 *     ^                     |                   |  ^                              |  |
 *     |                     | gone              |  '--------- renewed ------------'  |
 *     '---------------------'<------ gone ------'<-------------- gone ---------------'
 *
 *   returning  a new lease, nothing hangs on it yet: the node looks which of its names are still free
 *   fenced     the lease may be over by now, and may not: nothing runs, nothing is given up. The engine's word decides
 *   gone       the engine says that it is over, or that what hung on it is: names are to be claimed anew
 *
 * G1  The engine counts from when it took a renewal, which is not before it was sent. The node counts from there, and
 *     stops at 85 % of it: 15 % are for clocks that do not run alike, and for the handler that is running.
 *     The wall clock counts too: the monotonic one of a machine that was suspended has stood still.
 */
interface Times {
  /** Of the monotonic clock and of the wall clock, in ms. */
  readonly now: number
  readonly wall: number
}

export type LeasePhase = 'asking' | 'returning' | 'held' | 'fenced'

export interface LeaseState {
  readonly phase: LeasePhase
  /** '' while there is none. */
  readonly lease: string
  readonly ttlMs: number
  /** When the last renewal that the engine took was sent. */
  readonly proved: Times
  /** A question is under way. */
  readonly asked: boolean
  /** When the next one is due, in ms of the monotonic clock. */
  readonly askAt: number
}

export type LeaseEvent =
  | { readonly type: 'tick'; readonly at: Times }
  | { readonly type: 'granted'; readonly lease: string; readonly ttlMs: number; readonly sent: Times }
  | { readonly type: 'renewed'; readonly lease: string; readonly ttlMs: number; readonly sent: Times }
  /** No answer: it may have been done, or not. */
  | { readonly type: 'failed'; readonly at: Times }
  | { readonly type: 'gone'; readonly lease: string; readonly at: Times }
  /** Every name is decided, under this lease. */
  | { readonly type: 'settled'; readonly lease: string; readonly at: Times }

type LeaseEffect =
  | { readonly type: 'grant' }
  | { readonly type: 'renew'; readonly lease: string }
  /** Callbacks may start again. */
  | { readonly type: 'open' }
  /** From now on none starts. */
  | { readonly type: 'fence' }
  /** What hung on it is gone: names are anybody's. */
  | { readonly type: 'lost'; readonly lease: string }
  /** Look which names are still ours. */
  | { readonly type: 'return'; readonly lease: string }

interface LeaseStep {
  readonly state: LeaseState
  readonly effects: readonly LeaseEffect[]
}

const MARGIN = 0.15

/** For so long after a renewal was sent its node may run. */
const safeMs = (ttlMs: number): number => ttlMs * (1 - MARGIN)

/** When nothing was heard: soon again, and often enough to use every chance. */
const againMs = (ttlMs: number): number => Math.min(500, ttlMs / 20)

export const noLease = (ttlMs: number, at: Times): LeaseState => ({
  phase: 'asking',
  lease: '',
  ttlMs,
  proved: at,
  asked: false,
  askAt: at.now,
})

/** Is the lease surely not over at the engine? */
export const isSafe = ({ lease, proved, ttlMs }: LeaseState, { now, wall }: Times): boolean =>
  lease !== '' && Math.max(now - proved.now, wall - proved.wall) < safeMs(ttlMs)

/** May a callback start now? */
export const mayRun = (state: LeaseState, at: Times): boolean => state.phase === 'held' && isSafe(state, at)

/** The longest wait until something is due: the next question, or the fence. */
export const waitMs = (state: LeaseState, { now }: Times): number => {
  const fenceAt = state.phase === 'held' ? state.proved.now + safeMs(state.ttlMs) : Number.POSITIVE_INFINITY
  return Math.max(0, Math.min(state.asked ? Number.POSITIVE_INFINITY : state.askAt, fenceAt) - now)
}

export const stepLease = (state: LeaseState, event: LeaseEvent): LeaseStep => {
  switch (event.type) {
    case 'tick':
      return tick(state, event.at)
    case 'granted':
      return granted(state, event)
    case 'renewed':
      return renewed(state, event)
    case 'failed':
      return { state: { ...state, asked: false, askAt: event.at.now + againMs(state.ttlMs) }, effects: [] }
    case 'gone':
      return event.lease === state.lease ? gone(state, event.at) : { state, effects: [] }
    case 'settled':
      return settled(state, event.lease, event.at)
  }
}

const tick = (state: LeaseState, at: Times): LeaseStep => {
  const effects: LeaseEffect[] = []
  let next = state
  if (state.phase === 'held' && !isSafe(state, at)) {
    next = { ...next, phase: 'fenced' }
    effects.push({ type: 'fence' })
  }
  if (!next.asked && at.now >= next.askAt) {
    next = { ...next, asked: true }
    effects.push(next.lease === '' ? { type: 'grant' } : { type: 'renew', lease: next.lease })
  }
  return { state: next, effects }
}

const granted = (state: LeaseState, event: Extract<LeaseEvent, { type: 'granted' }>): LeaseStep => {
  const { lease, ttlMs, sent } = event
  // Of a question that was given up: it ends by itself.
  if (state.lease !== '') return { state, effects: [] }
  const askAt = sent.now + ttlMs / 3
  const next: LeaseState = { phase: 'returning', lease, ttlMs, proved: sent, asked: false, askAt }
  return { state: next, effects: [{ type: 'return', lease }] }
}

const renewed = (state: LeaseState, event: Extract<LeaseEvent, { type: 'renewed' }>): LeaseStep => {
  const { lease, ttlMs, sent } = event
  if (lease !== state.lease) return { state, effects: [] }
  const next = { ...state, ttlMs, proved: sent, asked: false, askAt: sent.now + ttlMs / 3 }
  // Whether it was fenced or stood still: who waits is woken.
  if (state.phase === 'fenced' || state.phase === 'held')
    return { state: { ...next, phase: 'held' }, effects: [{ type: 'open' }] }
  return { state: next, effects: [] }
}

const gone = (state: LeaseState, at: Times): LeaseStep => {
  const { lease } = state
  const fence: LeaseEffect[] = state.phase === 'held' ? [{ type: 'fence' }] : []
  const next: LeaseState = { ...state, phase: 'asking', lease: '', askAt: at.now, asked: false }
  return { state: next, effects: [...fence, { type: 'lost', lease }] }
}

const settled = (state: LeaseState, lease: string, at: Times): LeaseStep => {
  if (state.phase !== 'returning' || state.lease !== lease) return { state, effects: [] }
  if (!isSafe(state, at)) return { state: { ...state, phase: 'fenced' }, effects: [] }
  return { state: { ...state, phase: 'held' }, effects: [{ type: 'open' }] }
}
