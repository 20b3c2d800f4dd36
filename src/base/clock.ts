/**
 * Time. `realClock` is the machine's; `VirtualClock` is a simulated one, where a minute takes a millisecond and the
 * same events come in the same order each time; `NodeClock` is what one simulated node sees of it.
 *
 *   heap keyed (time, sequence) --pop--> now = time --> callback --> a turn of the real event loop, so that
 *        ^                                                           promises settle before the next event
 *        '-- after(ms), soon()
 */
import { performance } from 'node:perf_hooks'
import process from 'node:process'
import { setImmediate } from 'node:timers'
import { invariant } from './invariant.js'
import { batched } from './later.js'
import type { Clock, Timer } from './ports.js'
import { RealTimers } from './real-timers.js'
import { type TimerEntry, TimerHeap } from './timer-heap.js'

const wait = (ms: number): number => (ms > 0 ? ms : 0)

/**
 * Virtual time comes in steps of 1/1024 ms, rounded up: sums of them are exact in every order, so that a timer is never
 * early by a rounding error, and one that is set again for "the rest" always moves on.
 */
const STEP_MS = 1 / 1_024
const onStep = (ms: number): number => Math.ceil(ms / STEP_MS) * STEP_MS

/** A timer that never fires. */
const unarmed: Timer = { cancel() {} }

/** The machine's clock. Timers never fire early; they keep Node alive until they fired or were cancelled. */
export const realClock = (): Clock => {
  const timers = new RealTimers()
  const soon = batched((run) => setImmediate(run))
  // Node runs its ticks before the promises of a callback, and those that are set in a promise after them.
  const soonest = batched((run) => queueMicrotask(() => process.nextTick(run)))
  return {
    now: () => performance.now(),
    wall: () => Date.now(),
    after: (ms, callback) => timers.after(wait(ms), callback),
    soon,
    soonest,
  }
}

/** How far a wall clock is off: steps, and a drift in parts per million. */
class Skew {
  #offset: number
  #ppm: number
  #since: number

  constructor(now: number, offsetMs = 0, driftPpm = 0) {
    this.#since = now
    this.#offset = offsetMs
    this.#ppm = driftPpm
  }

  at(now: number): number {
    return this.#offset + ((now - this.#since) * this.#ppm) / 1_000_000
  }

  step(ms: number): void {
    this.#offset += ms
  }

  /** From now on; what has drifted so far stays. */
  drift(now: number, ppm: number): void {
    this.#offset = this.at(now)
    this.#since = now
    this.#ppm = ppm
  }
}

interface RunOptions {
  /** For a predicate: how much virtual time it may take. Default: no end. */
  readonly maxMs?: number
  /** Guards against events that make each other for ever. Default 10 million. */
  readonly maxEvents?: number
}

interface NodeClockOptions {
  /** What the node's wall clock is ahead. Default 0 */
  readonly offsetMs?: number
  /** How much faster its wall clock runs, in parts per million. Default 0 */
  readonly driftPpm?: number
  /** Added to its `now()`: the monotonic times of two machines mean nothing together. Default 0 */
  readonly originMs?: number
}

/** One turn of the real event loop: every promise that can go on without a timer or I/O has done so. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** Simulated time. Nothing happens until it is driven by `run`, `advance` or `runUntil`, one of them at a time. */
export class VirtualClock implements Clock {
  readonly #heap = new TimerHeap()
  readonly #wallStart: number
  readonly #skew = new Skew(0)
  /** Real work for which the simulated time waits. */
  readonly #holds = new Set<Promise<unknown>>()
  #now = 0
  #sequence = 0
  #running = false

  /** @param wallMs  the wall clock at virtual time 0. Fixed by default, so that a seed replays. */
  constructor(wallMs = 1_700_000_000_000) {
    this.#wallStart = wallMs
  }

  now(): number {
    return this.#now
  }

  wall(): number {
    return Math.floor(this.#wallStart + this.#now + this.#skew.at(this.#now))
  }

  after(ms: number, callback: () => void): Timer {
    if (ms === Number.POSITIVE_INFINITY) return unarmed
    const at = ms > 0 ? Math.max(onStep(this.#now + ms), this.#now + STEP_MS) : this.#now
    const entry: TimerEntry = { at, sequence: this.#sequence++, callback }
    this.#heap.push(entry)
    return { cancel: () => this.#heap.cancel(entry) }
  }

  /** At the same virtual time, after everything that is due at it already. */
  soon(callback: () => void): void {
    this.#heap.push({ at: this.#now, sequence: this.#sequence++, callback })
  }

  /** Time stands still until the promise, of real I/O, settles. @returns the promise */
  hold<T>(promise: Promise<T>): Promise<T> {
    const done = (): void => void this.#holds.delete(promise)
    this.#holds.add(promise)
    promise.then(done, done)
    return promise
  }

  /** One turn, and whatever real work that has begun, with what follows from it. */
  async #settle(): Promise<void> {
    await turn()
    while (this.#holds.size > 0) {
      await Promise.allSettled(this.#holds)
      await turn()
    }
  }

  /** All that ran before has settled when an event of its own runs. */
  soonest(callback: () => void): void {
    this.soon(callback)
  }

  /** Events that are still to come, cancelled ones and those that a paused node holds excepted. */
  get pending(): number {
    return this.#heap.live
  }

  /** Sets the wall clock forward or back, for all nodes. */
  stepWall(ms: number): void {
    this.#skew.step(ms)
  }

  driftWall(ppm: number): void {
    this.#skew.drift(this.#now, ppm)
  }

  /** The clock of one life of one simulated node. */
  view(options: NodeClockOptions = {}): NodeClock {
    return new NodeClock(this, options)
  }

  /**
   * Runs events one by one, each followed by a turn of the real event loop.
   * A number is a virtual time: everything up to and with it runs. A predicate is asked before each event.
   * An event that throws ends the run with its error; the others stay and the next run goes on with them.
   *
   * @returns whether it came to its end: false when a predicate still fails and nothing is left within `maxMs`
   */
  async run(until: number | (() => boolean) = Number.POSITIVE_INFINITY, options: RunOptions = {}): Promise<boolean> {
    invariant(!this.#running, 'only one run of a VirtualClock at a time')
    const timed = typeof until === 'number'
    const end = timed ? until : this.#now + (options.maxMs ?? Number.POSITIVE_INFINITY)
    let eventsLeft = options.maxEvents ?? 10_000_000
    this.#running = true
    try {
      await this.#settle()
      for (;;) {
        if (!timed && until()) return true
        const next = this.#heap.peek()
        if (next === undefined || next.at > end) break
        if (eventsLeft-- <= 0) throw new Error(`events make each other for ever at virtual time ${this.#now}`)
        this.#fire(next)
        await this.#settle()
      }
      const jumps = timed || this.pending > 0
      if (jumps && end !== Number.POSITIVE_INFINITY) this.#now = Math.max(this.#now, onStep(end))
      return timed
    } finally {
      this.#running = false
    }
  }

  /** Lets `ms` of virtual time pass. */
  async advance(ms: number): Promise<void> {
    await this.run(this.#now + ms)
  }

  /**
   * Lets virtual time pass until the promise settles, and gives what it gives.
   * @throws Error when that takes more than `maxMs` of virtual time, or when nothing is left to run
   */
  async runUntil<T>(promise: Promise<T>, maxMs = 600_000): Promise<T> {
    let settled = false
    const settle = (): void => {
      settled = true
    }
    promise.then(settle, settle)
    if (await this.run(() => settled, { maxMs })) return promise
    if (this.pending > 0) throw new Error(`the promise did not settle within ${maxMs} ms of virtual time`)
    throw new Error(`the promise cannot settle: nothing is left to run at virtual time ${this.#now}`)
  }

  #fire(entry: TimerEntry): void {
    this.#heap.pop()
    this.#now = Math.max(this.#now, entry.at)
    const callback = entry.callback
    entry.callback = undefined
    callback?.()
  }
}

/**
 * What one life of a simulated node sees. Whatever reaches the node, timers and network alike, comes through `enter`:
 *
 *   running --pause--> held in order --resume--> released one a turn, later ones behind them --> running
 *      '------------------- kill: nothing ever comes again --------------------------------------> dead
 *
 * While it is paused `now()` and `wall()` go on, as for a program under SIGSTOP.
 */
export class NodeClock implements Clock {
  readonly #clock: VirtualClock
  readonly #skew: Skew
  readonly #originMs: number
  readonly #timers = new Set<Timer>()
  #held: (() => void)[] = []
  #releasing = false
  #state: 'running' | 'paused' | 'dead' = 'running'

  constructor(clock: VirtualClock, options: NodeClockOptions = {}) {
    this.#clock = clock
    this.#skew = new Skew(clock.now(), options.offsetMs, options.driftPpm)
    this.#originMs = onStep(options.originMs ?? 0)
  }

  get paused(): boolean {
    return this.#state === 'paused'
  }

  get dead(): boolean {
    return this.#state === 'dead'
  }

  /** Timers of this node that have not run. */
  get pending(): number {
    return this.#timers.size
  }

  now(): number {
    return this.#clock.now() + this.#originMs
  }

  wall(): number {
    return Math.floor(this.#clock.wall() + this.#skew.at(this.#clock.now()))
  }

  after(ms: number, callback: () => void): Timer {
    if (this.dead) return unarmed
    // `delete` says whether it was still set: it may have been cancelled while the node held it.
    const fire = (): void => {
      if (this.#timers.delete(timer)) callback()
    }
    const due = this.#clock.after(ms, () => this.enter(fire))
    const timer: Timer = {
      cancel: () => {
        if (this.#timers.delete(timer)) due.cancel()
      },
    }
    this.#timers.add(timer)
    return timer
  }

  soon(callback: () => void): void {
    if (!this.dead) this.#clock.soon(() => this.enter(callback))
  }

  soonest(callback: () => void): void {
    this.soon(callback)
  }

  /** Runs `callback` in the node: now, or in its turn after `resume`, or never when the node is dead. */
  enter(callback: () => void): void {
    if (this.dead) return
    if (this.paused || this.#held.length > 0) this.#held.push(callback)
    else callback()
  }

  stepWall(ms: number): void {
    this.#skew.step(ms)
  }

  driftWall(ppm: number): void {
    this.#skew.drift(this.#clock.now(), ppm)
  }

  /** SIGSTOP. */
  pause(): void {
    if (this.#state === 'running') this.#state = 'paused'
  }

  /** SIGCONT. What was held comes first. */
  resume(): void {
    if (!this.paused) return
    this.#state = 'running'
    if (this.#held.length > 0) this.#release()
  }

  /** SIGKILL. All timers of this node are gone; new ones never fire. A restarted node takes a new view. */
  kill(): void {
    this.#state = 'dead'
    for (const timer of [...this.#timers]) timer.cancel()
    this.#held = []
  }

  #release(): void {
    if (this.#releasing) return
    this.#releasing = true
    this.#clock.soon(() => {
      this.#releasing = false
      if (this.#state !== 'running') return
      const next = this.#held.shift()
      if (this.#held.length > 0) this.#release()
      next?.()
    })
  }
}
