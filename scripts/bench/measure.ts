/**
 * How everything here is measured: ours and the baselines in turns, so that both meet the same weather on the machine;
 * some rounds to warm up, which do not count; beside the time, what it cost both programs, and how long it held up the
 * event loop of this one.
 *
 *   warm-up: ours, raw | round 1: ours, raw | round 2: ours, raw | ...
 */
import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks'

export interface Pace {
  readonly rounds: number
  /** Time of one sample. */
  readonly sampleMs: number
  /** Rounds before those that count: code is compiled after some thousand calls, and ours is more code. */
  readonly warmUps: number
  /** Smaller sizes, where a size is what costs the time; the rows say so. */
  readonly quick: boolean
}

export const FULL: Pace = { rounds: 7, sampleMs: 300, warmUps: 3, quick: false }
export const QUICK: Pace = { rounds: 3, sampleMs: 100, warmUps: 2, quick: true }
/** Only to see that it runs. */
export const GLANCE: Pace = { rounds: 1, sampleMs: 10, warmUps: 1, quick: true }

/** What one sample gave: one value for all of it, or one for each operation. */
interface Sampled {
  readonly values: readonly number[]
  /** Operations, for the CPU time of one. */
  readonly operations: number
}

export type Sample = () => Promise<Sampled>

/** What all rounds of one side gave. */
export interface Side {
  /** The values, round by round. */
  readonly rounds: readonly (readonly number[])[]
  /** CPU time of one operation in this program, and in the other one, in us, round by round. */
  readonly clientUs: readonly number[]
  readonly serverUs: readonly number[]
  /** The longest time in which the event loop of this program did not turn, in ms, of all rounds. */
  readonly heldMs: number
}

/** Total CPU time of the other program so far, in us. */
export type ServerCpu = () => Promise<number>

const ownCpuUs = (): number => {
  const { user, system } = process.cpuUsage()
  return user + system
}

/** It looks at the clock every ms; what it says is later than that is what the loop was held. */
class LoopWatch {
  readonly #histogram: IntervalHistogram = monitorEventLoopDelay({ resolution: 1 })

  start(): void {
    this.#histogram.reset()
    this.#histogram.enable()
  }

  /** @returns ms */
  stop(): number {
    this.#histogram.disable()
    return this.#histogram.count === 0 ? 0 : Math.max(0, this.#histogram.max / 1e6 - 1)
  }
}

/** The longest time in which `act` held the event loop, in ms. */
export const msHeld = async (act: () => Promise<unknown>): Promise<number> => {
  const watch = new LoopWatch()
  watch.start()
  await act()
  return watch.stop()
}

/** Runs each of `samples` once a round, in turns. @returns what each gave, in their order */
export const inTurns = async <const T extends readonly Sample[]>(
  pace: Pace,
  serverCpu: ServerCpu,
  samples: T,
): Promise<{ -readonly [K in keyof T]: Side }> => {
  const taken = samples.map(() => ({
    rounds: [] as number[][],
    clientUs: [] as number[],
    serverUs: [] as number[],
    heldMs: 0,
  }))
  const watch = new LoopWatch()
  for (let round = -pace.warmUps; round < pace.rounds; round += 1) {
    for (const [index, sample] of samples.entries()) {
      const [server, client] = [await serverCpu(), ownCpuUs()]
      watch.start()
      const { values, operations } = await sample()
      const heldMs = watch.stop()
      const [clientUs, serverUs] = [ownCpuUs() - client, (await serverCpu()) - server]
      const side = taken[index]
      if (round < 0 || side === undefined) continue
      side.rounds.push([...values])
      side.clientUs.push(clientUs / operations)
      side.serverUs.push(serverUs / operations)
      side.heldMs = Math.max(side.heldMs, heldMs)
    }
  }
  return taken as unknown as { -readonly [K in keyof T]: Side }
}

/** `inFlight` loops of `act` for the time of a sample. @returns operations a second, all loops together */
export const perSecond =
  (pace: Pick<Pace, 'sampleMs'>, inFlight: number, act: () => Promise<unknown>): Sample =>
  async () => {
    const began = performance.now()
    const until = began + pace.sampleMs
    let operations = 0
    const loop = async (): Promise<void> => {
      do {
        await act()
        operations += 1
      } while (performance.now() < until)
    }
    await Promise.all(Array.from({ length: inFlight }, loop))
    return { values: [(1_000 * operations) / (performance.now() - began)], operations }
  }

/** One `act` after the other for the time of a sample; it says what it took, in ms. */
export const msOfEach =
  (pace: Pace, act: () => Promise<number>): Sample =>
  async () => {
    const until = performance.now() + pace.sampleMs
    const values: number[] = []
    do values.push(await act())
    while (performance.now() < until)
    return { values, operations: values.length }
  }

/** ms that `act` takes. */
export const timed = (act: () => Promise<unknown>) => async (): Promise<number> => {
  const began = performance.now()
  await act()
  return performance.now() - began
}

export const quantile = (values: readonly number[], part: number): number => {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN
}

export const median = (values: readonly number[]): number => quantile(values, 0.5)
