/** One line of the table: ours, what it is held against, and how the two make a figure. */
import { median, quantile, type Side } from './measure.js'

export type Unit = '/s' | 'us' | 'ms' | 'KB'

export interface Row {
  /** Stays the same over revisions: goals and comparisons go by it. */
  readonly id: string
  readonly group: string
  readonly name: string
  readonly unit: Unit
  /** Which part of the values stands in the table: 0.5 is the median. */
  readonly quantile: number
  readonly ours: readonly (readonly number[])[]
  readonly raw: readonly (readonly number[])[]
  /** What the baseline is. */
  readonly beside: string
  /** CPU time of one operation in both programs together, in us; -1 where that is not what is asked. */
  readonly cpuUs: { readonly ours: number; readonly raw: number }
  /** The longest time in which the event loop did not turn, in ms. */
  readonly heldMs: { readonly ours: number; readonly raw: number }
}

interface About {
  readonly id: string
  readonly group: string
  readonly name: string
  readonly unit: Unit
  readonly quantile?: number
  readonly beside?: string
}

const cpuOf = (side: Side | undefined): number =>
  side === undefined ? -1 : median(side.clientUs.map((us, round) => us + (side.serverUs[round] ?? 0)))

export const rowOf = (about: About, ours: Side, raw?: Side): Row => ({
  quantile: 0.5,
  beside: '',
  ...about,
  ours: ours.rounds,
  raw: raw?.rounds ?? [],
  cpuUs: { ours: cpuOf(ours), raw: cpuOf(raw) },
  heldMs: { ours: ours.heldMs, raw: raw?.heldMs ?? -1 },
})

/** A row of plain values, round by round: what is no time of an operation. */
export const plainRow = (about: About, ours: readonly number[], raw: readonly number[] = []): Row => ({
  quantile: 0.5,
  beside: '',
  ...about,
  ours: ours.map((value) => [value]),
  raw: raw.map((value) => [value]),
  cpuUs: { ours: -1, raw: -1 },
  heldMs: { ours: -1, raw: -1 },
})

interface Figure {
  readonly value: number
  readonly low: number
  readonly high: number
}

/** What the rounds say: the quantile over all values, and from which to which round it went. */
const figureOf = (rounds: Row['ours'], part: number): Figure => {
  const each = rounds.map((values) => quantile(values, part))
  return { value: quantile(rounds.flat(), part), low: Math.min(...each), high: Math.max(...each) }
}

export interface Summary {
  readonly ours: Figure
  /** Undefined where there is nothing to hold it against. */
  readonly raw: Figure | undefined
  readonly ratio: number | undefined
}

/**
 * Where each round is one value on both sides, the ratio is the median of the rounds' ratios: what slowed down both
 * sides of a round does not count. Else it is the ratio of the two figures.
 */
export const summaryOf = (row: Row): Summary => {
  const ours = figureOf(row.ours, row.quantile)
  if (row.raw.length === 0) return { ours, raw: undefined, ratio: undefined }
  const raw = figureOf(row.raw, row.quantile)
  const paired = row.raw.length === row.ours.length && [...row.ours, ...row.raw].every(({ length }) => length === 1)
  const ratio = paired
    ? median(row.ours.map(([value = Number.NaN], round) => value / (row.raw[round]?.[0] ?? Number.NaN)))
    : ours.value / raw.value
  return { ours, raw, ratio }
}
