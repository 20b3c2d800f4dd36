/**
 * One supervisor and its children, by OTP's rules. Pure: no clock, no processes. `family.ts` starts and stops them and
 * says what became of it.
 *
 *   new --boot--> booting --all are up--> running --a restart of several--> restarting --all are up--> running
 *                    | one does not start     |  '-------one does not start: it is tried again---------^
 *                    |                        | too many restarts; significant ones have ended; told to stop
 *                    '----------------------> ending --the last one is down--> over
 *
 * One child:
 *
 *   idle --start--> starting --started--> running --ended--> again: starting | restarting; no more: idle, or forgotten
 *    ^                 |  '--failed--> restarting --again--> starting           |
 *    |                 '--cut--> cutting --failed--> idle                       '--stop--> stopping --ended--> idle
 *    '----- terminate: any of them, and it stays there until somebody restarts it
 *
 * A job is a list of children to stop, one after the other in reverse order, and then one to start, in order: a boot,
 * a restart of several, the end. Ends of others wait until it is done, as in OTP, whose supervisor does one thing at a
 * time. What OTP does not have: a request never waits for a start that is under way, so that a child may ask its
 * supervisor while it starts.
 */
import { isOrderly } from '../process/directives.js'

import type { ChildState, End, Refusal, Row, Tree, TreeEffect, TreeEvent, TreeStep, TreeWorld } from './tree.js'

/** One step while it is made. */
interface Draft extends TreeWorld {
  phase: Tree['phase']
  children: ChildState[]
  restarts: readonly number[]
  job: Tree['job']
  ends: readonly End[]
  lives: number
  reason: string
  readonly effects: TreeEffect[]
}

export const stepTree = (state: Tree, event: TreeEvent, world: TreeWorld): TreeStep => {
  const draft: Draft = { ...state, ...world, children: [...state.children], effects: [] }
  take(draft, event)
  const { phase, children, restarts, job, ends, lives, reason, effects } = draft
  return { state: { phase, children, restarts, job, ends, lives, reason }, effects }
}

const take = (d: Draft, event: TreeEvent): void => {
  switch (event.type) {
    case 'boot':
      return boot(d, event.rows)
    case 'started':
      return started(d, event)
    case 'failed':
      return failed(d, event)
    case 'ended':
      return ended(d, event)
    case 'again':
      return d.job === undefined ? judge(d, { ...event, reason: undefined }) : queue(d, { ...event, reason: undefined })
    case 'stop':
      return end(d, 'shutdown')
    default:
      return asked(d, event)
  }
}

// ---- the children

const find = (d: Draft, id: string): ChildState | undefined => d.children.find((child) => child.id === id)

const put = (d: Draft, { id }: Row, change: Partial<ChildState>): void => {
  const at = d.children.findIndex((child) => child.id === id)
  if (at >= 0) d.children[at] = { ...(d.children[at] as ChildState), ...change }
}

const added = (row: Row): ChildState => ({
  ...row,
  run: 'idle',
  life: 0,
  joining: false,
  unwanted: false,
  ask: undefined,
  asks: [],
})

const begin = (d: Draft, child: Row, again: boolean, change: Partial<ChildState> = {}): void => {
  d.lives += 1
  put(d, child, { run: 'starting', life: d.lives, unwanted: false, ...change })
  d.effects.push({ type: 'start', id: child.id, life: d.lives, again })
}

const forget = (d: Draft, { id }: Row): void => {
  d.children = d.children.filter((child) => child.id !== id)
  d.effects.push({ type: 'forget', id })
}

/** It is down. One that is temporary, or never came up, is forgotten. Who waits for its end hears of it. */
const settle = (d: Draft, child: ChildState): void => {
  if (child.restart === 'temporary' || child.joining) forget(d, child)
  else put(d, child, { run: 'idle', joining: false, ask: undefined, asks: [] })
  for (const ask of child.asks) d.effects.push({ type: 'done', ask, running: false })
}

const stop = (d: Draft, child: ChildState, change: Partial<ChildState> = {}): void => {
  const { id, life } = child
  const starts = child.run === 'starting'
  put(d, child, { run: starts ? 'cutting' : 'stopping', ...change })
  d.effects.push({ type: starts ? 'cut' : 'stop', id, life })
}

// ---- jobs

const boot = (d: Draft, rows: readonly Row[]): void => {
  if (d.phase !== 'new') return
  d.phase = 'booting'
  d.children = rows.map(added)
  d.job = { stops: [], starts: rows.map(({ id }) => id) }
  advance(d)
}

const end = (d: Draft, reason: string): void => {
  if (d.phase === 'ending' || d.phase === 'over') return
  d.phase = 'ending'
  d.reason = reason
  d.ends = []
  d.job = { stops: d.children.map(({ id }) => id).reverse(), starts: [] }
  advance(d)
}

/** Goes on with the job as far as it can. */
const advance = (d: Draft): void => {
  while (d.job !== undefined) {
    const { stops, starts } = d.job
    const [id = starts[0]] = stops
    if (id === undefined) return finish(d)
    const child = find(d, id)
    const waits = stops.length > 0 ? !stopNext(d, child) : !startNext(d, child)
    if (waits) return
    d.job = stops.length > 0 ? { stops: stops.slice(1), starts } : { stops, starts: starts.slice(1) }
  }
}

/** @returns whether it is down */
const stopNext = (d: Draft, child: ChildState | undefined): boolean => {
  if (child === undefined || child.run === 'idle') return true
  if (child.run === 'restarting') settle(d, child)
  else if (child.run === 'running' || child.run === 'starting') stop(d, child)
  return child.run === 'restarting'
}

/** @returns whether it is up, or is not to be */
const startNext = (d: Draft, child: ChildState | undefined): boolean => {
  if (child === undefined || child.run === 'running') return true
  if (child.unwanted && child.run === 'idle') {
    put(d, child, { unwanted: false })
    return true
  }
  if (child.run === 'idle') begin(d, child, d.phase === 'restarting')
  return false
}

const finish = (d: Draft): void => {
  const { phase } = d
  d.job = undefined
  if (phase === 'ending') {
    d.phase = 'over'
    return void d.effects.push({ type: 'over', reason: d.reason })
  }
  d.phase = 'running'
  if (phase === 'booting') d.effects.push({ type: 'up' })
  goOn(d)
}

/** What waited for the end of a job. */
const goOn = (d: Draft): void => {
  while (d.job === undefined && d.ends.length > 0) {
    const [first, ...rest] = d.ends
    d.ends = rest
    judge(d, first as End)
  }
}

const queue = (d: Draft, { id, life, reason }: End): void => {
  d.ends = [...d.ends, { id, life, reason }]
}

// ---- what became of them

const started = (d: Draft, { id, life }: { readonly id: string; readonly life: number }): void => {
  const child = find(d, id)
  if (child === undefined || child.life !== life) return
  if (child.run === 'cutting') {
    // It was faster.
    put(d, child, { run: 'stopping' })
    return void d.effects.push({ type: 'stop', id, life })
  }
  if (child.run !== 'starting') return
  put(d, child, { run: 'running', joining: false, ask: undefined })
  if (child.ask !== undefined) d.effects.push({ type: 'done', ask: child.ask, running: true })
  advance(d)
}

const failed = (d: Draft, { id, life, ignored, reason }: Extract<TreeEvent, { type: 'failed' }>): void => {
  const child = find(d, id)
  if (child === undefined || child.life !== life) return
  const { run, ask } = child
  if (run !== 'starting' && run !== 'cutting') return
  if (ask !== undefined && ignored) d.effects.push({ type: 'done', ask, running: false })
  else if (ask !== undefined) d.effects.push({ type: 'startFailed', ask, id, reason })
  if (ignored) put(d, child, { joining: false })
  const isRestart = run === 'starting' && ask === undefined && !ignored
  if (!isRestart) settle(d, find(d, id) as ChildState)
  else {
    d.effects.push({ type: 'report', what: 'start_failed', id, reason })
    if (d.phase === 'booting') {
      settle(d, child)
      return end(d, `failed_to_start_child ${id}: ${reason}`)
    }
    put(d, child, { run: 'restarting' })
    d.effects.push({ type: 'again', id, life })
    if (d.job?.stops.length === 0 && d.job.starts[0] === id) {
      // Those behind it stay down until it is up.
      d.job = undefined
      d.phase = 'running'
      return goOn(d)
    }
  }
  // One that is not there, or does not want to, holds up nobody.
  if (ignored && d.job?.stops.length === 0 && d.job.starts[0] === id) {
    put(d, child, { unwanted: false })
    d.job = { stops: [], starts: d.job.starts.slice(1) }
  }
  advance(d)
}

const ended = (d: Draft, { id, life, reason }: Extract<TreeEvent, { type: 'ended' }>): void => {
  const child = find(d, id)
  if (child === undefined || child.life !== life) return
  if (child.run === 'stopping') {
    if (child.ask !== undefined) d.effects.push({ type: 'startFailed', ask: child.ask, id, reason })
    settle(d, child)
    return advance(d)
  }
  if (child.run !== 'running') return
  if (d.job === undefined) return judge(d, { id, life, reason })
  // When the job would have stopped it, that is all: this life is over before its end is looked at.
  put(d, child, { run: 'restarting' })
  queue(d, { id, life, reason })
}

/** OTP's table: who is restarted after what. */
const judge = (d: Draft, { id, life, reason }: End): void => {
  const child = find(d, id)
  if (child === undefined || child.life !== life) return
  if (child.run !== 'restarting' && (child.run !== 'running' || reason === undefined)) return
  if (reason === undefined) return restart(d, child, 'it did not start')
  const wanted = child.restart === 'permanent' || (child.restart === 'transient' && !isOrderly(reason))
  if (wanted) return restart(d, child, reason)
  settle(d, child)
  autoShutdown(d, child, reason)
}

const autoShutdown = (d: Draft, { id, significant }: ChildState, reason: string): void => {
  const { autoShutdown: rule } = d.flags
  if (!significant || rule === 'never') return
  if (rule === 'all_significant' && d.children.some((child) => child.significant && child.run !== 'idle')) return
  d.effects.push({ type: 'report', what: 'auto_shutdown', id, reason })
  end(d, 'shutdown')
}

const restart = (d: Draft, child: ChildState, reason: string): void => {
  const { intensity, periodMs, strategy } = d.flags
  d.restarts = [...d.restarts.filter((at) => at >= d.now - periodMs), d.now]
  const { id } = child
  if (d.restarts.length > intensity) {
    d.effects.push({ type: 'report', what: 'too_many_restarts', id, reason })
    settle(d, child)
    return end(d, 'shutdown')
  }
  d.effects.push({ type: 'report', what: 'restart', id, reason })
  if (strategy === 'one_for_one') return begin(d, child, true)
  put(d, child, { run: 'idle' })
  const from = strategy === 'one_for_all' ? 0 : d.children.findIndex((one) => one.id === id)
  const group = d.children.slice(from).filter(({ joining }) => !joining)
  // Whom somebody is about to terminate stays down.
  for (const one of group) put(d, one, { unwanted: one.asks.length > 0 })
  const starts = group.map((one) => one.id)
  d.phase = 'restarting'
  d.job = { stops: [...starts].reverse(), starts }
  advance(d)
}

// ---- who asks

const asked = (d: Draft, event: Extract<TreeEvent, { ask: number }>): void => {
  const { ask, type } = event
  const no = (why: Refusal): void => void d.effects.push({ type: 'refused', ask, why })
  if (d.phase === 'ending' || d.phase === 'over' || d.phase === 'new') return no('ending')
  const child = find(d, type === 'start' ? event.row.id : event.id)
  if (type === 'start') {
    if (child !== undefined)
      return no(child.run === 'idle' || child.run === 'restarting' ? 'already_present' : 'already_started')
    d.children.push(added(event.row))
    return begin(d, event.row, false, { joining: true, ask })
  }
  if (child === undefined) return no('not_found')
  if (type === 'terminate') return terminate(d, child, ask)
  if (child.run === 'running' || child.run === 'stopping') return no('running')
  if (child.run !== 'idle' || isPending(d, child)) return no('restarting')
  if (type === 'restart') return begin(d, child, false, { ask })
  forget(d, child)
  d.effects.push({ type: 'done', ask, running: false })
}

const isPending = (d: Draft, { id, unwanted }: ChildState): boolean =>
  !unwanted && (d.job?.starts.includes(id) ?? false)

const terminate = (d: Draft, child: ChildState, ask: number): void => {
  const asks = [...child.asks, ask]
  const unwanted = d.job?.starts.includes(child.id) ?? false
  if (child.run === 'running' || child.run === 'starting') stop(d, child, { asks, unwanted })
  else if (child.run === 'stopping' || child.run === 'cutting') put(d, child, { asks, unwanted })
  else {
    put(d, child, { unwanted })
    settle(d, { ...child, asks })
  }
}
