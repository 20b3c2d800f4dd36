/**
 * Long work bit by bit, with turns of the event loop between: calls are answered meanwhile. There is one line for each
 * clock, so that many works take no more of a turn than one:
 *
 *   begin --done at once: nearly all--> end
 *     '--> [a b c] --at the end of a turn, a slice of the first--> [b c a]
 *
 * A slice takes a millisecond; where turns are long it takes up to ten, so that it gets a third of the time, and a move
 * ends on a node that is busy, too.
 */
import Denque from 'denque'
import type { MobilityError } from './errors.js'
import type { Clock } from './ports.js'

const SLICE_MS = 1
const SLICE_MS_MAX = 10

interface Work {
  /** Does about so many values of it. @returns false when it is done. What it throws ends it */
  go(values: number): boolean
}

export interface Slicing {
  readonly clock: Clock
  /** Values in one slice at most: `limits.sliceValuesMax`. */
  readonly valuesMax: number
  /** Why nobody waits for it any more. It is asked before each bit, and ends the work. */
  readonly over: () => MobilityError | undefined
}

interface Job {
  readonly work: Work
  /** Values between two looks at the clock. */
  readonly step: number
  readonly slicing: Slicing
  resolve(): void
  reject(error: unknown): void
}

/** @throws what `over` says */
export const checkWanted = ({ over }: Pick<Slicing, 'over'>): void => {
  const why = over()
  if (why !== undefined) throw why
}

/** @returns whether there is more to do */
const slice = ({ work, step, slicing }: Pick<Job, 'work' | 'step' | 'slicing'>, ms: number): boolean => {
  const { clock, valuesMax } = slicing
  const began = clock.now()
  for (let left = valuesMax; left > 0; left -= step) {
    checkWanted(slicing)
    if (!work.go(Math.min(step, left))) return false
    if (clock.now() - began >= ms) return true
  }
  return true
}

class Line {
  readonly #clock: Clock
  readonly #jobs = new Denque<Job>()
  #endedAt = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get busy(): boolean {
    return this.#jobs.length > 0
  }

  add(job: Job): void {
    this.#jobs.push(job)
    if (this.#jobs.length > 1) return
    this.#endedAt = this.#clock.now()
    this.#clock.soon(() => this.#run())
  }

  #run(): void {
    const job = this.#jobs.shift()
    if (job === undefined) return
    const waited = this.#clock.now() - this.#endedAt
    try {
      if (slice(job, Math.min(SLICE_MS_MAX, Math.max(SLICE_MS, waited / 2)))) this.#jobs.push(job)
      else job.resolve()
    } catch (error) {
      job.reject(error)
    }
    this.#endedAt = this.#clock.now()
    if (this.busy) this.#clock.soon(() => this.#run())
  }
}

const lines = new WeakMap<Clock, Line>()

/** @param step  values between two looks at the clock: about a tenth of a millisecond */
export const inSlices = async (work: Work, step: number, slicing: Slicing): Promise<void> => {
  const line = lines.get(slicing.clock) ?? new Line(slicing.clock)
  lines.set(slicing.clock, line)
  // Behind others only what is small is done at once.
  if (!slice({ work, step, slicing }, line.busy ? 0 : SLICE_MS)) return
  await new Promise<void>((resolve, reject) => line.add({ work, step, slicing, resolve, reject }))
}
