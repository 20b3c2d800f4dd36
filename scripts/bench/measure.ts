/**
 * How everything here is measured: ours and the baseline in turns, so that both meet the same weather on the machine;
 * one round to warm up, which does not count; the median of the others and what they spread over.
 */

export interface Pace {
  readonly rounds: number
  /** Time of one sample. */
  readonly sampleMs: number
}

/** One line of the table. What is measured is a cost: lower is better, a ratio of 2 costs twice the baseline. */
export interface Row {
  readonly group: string
  readonly name: string
  readonly unit: 'us' | 'ms'
  readonly ours: readonly number[]
  readonly raw: readonly number[]
  /** Which part of the samples stands in the table: 0.5 is the median. */
  readonly quantile: number
  /** What the baseline is. */
  readonly beside: string
}

type Sample<T> = () => Promise<T>

/** Runs each of `samples` once a round, in turns. @returns what each gave, round by round */
export const inTurns = async <T>(pace: Pace, samples: readonly Sample<T>[]): Promise<T[][]> => {
  const results: T[][] = samples.map(() => [])
  for (let round = 0; round <= pace.rounds; round += 1) {
    for (const [index, sample] of samples.entries()) {
      const value = await sample()
      if (round > 0) results[index]?.push(value)
    }
  }
  return results
}

/** `inFlight` loops of `act` for the time of a sample. @returns ms for one, all loops together */
export const msEach = async (pace: Pace, inFlight: number, act: () => Promise<unknown>): Promise<number> => {
  const began = performance.now()
  const until = began + pace.sampleMs
  let done = 0
  const loop = async (): Promise<void> => {
    do {
      await act()
      done += 1
    } while (performance.now() < until)
  }
  await Promise.all(Array.from({ length: inFlight }, loop))
  return (performance.now() - began) / done
}

export const quantile = (values: readonly number[], part: number): number => {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN
}
