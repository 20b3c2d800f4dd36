/**
 * Two revisions, row by row: is what changed more than noise? Pure.
 *
 * A change is within the noise when the middle halves of the two sides overlap (by chance alone they miss each other in
 * 1 of 80 rows, of 12 values a side), when it is less than 2 %, or when the baseline, whose code is the same at both,
 * changed as much.
 */
import { median, quantile } from './measure.js'
import { aligned, digits } from './report.js'
import type { Row } from './rows.js'

/** Less is nothing that anybody would keep a change for. */
const LEAST = 0.02

interface Box {
  readonly low: number
  readonly middle: number
  readonly high: number
}

interface Change {
  readonly id: string
  readonly group: string
  readonly name: string
  readonly unit: Row['unit']
  readonly before: Box
  readonly after: Box
  /** after / before - 1 */
  readonly change: number
  /** The same of the baseline: the weather. Undefined where there is none. */
  readonly weather: number | undefined
  readonly verdict: 'better' | 'worse' | 'within the noise'
}

const boxOf = (values: readonly number[]): Box => ({
  low: quantile(values, 0.25),
  middle: median(values),
  high: quantile(values, 0.75),
})

/** What each round says, of all turns. */
const figures = (rows: readonly Row[], side: 'ours' | 'raw'): number[] =>
  rows.flatMap((row) => row[side].map((values) => quantile(values, row.quantile)))

const grown = (before: Box, after: Box): number => after.middle / before.middle - 1

const verdictOf = (unit: Row['unit'], before: Box, after: Box, weather: number): Change['verdict'] => {
  const change = grown(before, after)
  const overlap = after.low <= before.high && before.low <= after.high
  if (overlap || Math.abs(change) <= Math.max(LEAST, Math.abs(weather))) return 'within the noise'
  return change > 0 === (unit === '/s') ? 'better' : 'worse'
}

/** Rows that only one of the two has are left out. Each list: the rows of all turns. */
export const changesOf = (before: readonly Row[], after: readonly Row[]): Change[] => {
  const ids = [...new Set(after.map(({ id }) => id))].filter((id) => before.some((row) => row.id === id))
  return ids.flatMap((id) => {
    const [old, now] = [before, after].map((rows) => rows.filter((row) => row.id === id)) as [Row[], Row[]]
    const row = now[0]
    if (row === undefined) return []
    const { group, name, unit } = row
    const [was, is] = [boxOf(figures(old, 'ours')), boxOf(figures(now, 'ours'))]
    const [rawWas, rawIs] = [figures(old, 'raw'), figures(now, 'raw')]
    const weather = rawWas.length === 0 || rawIs.length === 0 ? undefined : grown(boxOf(rawWas), boxOf(rawIs))
    const verdict = verdictOf(unit, was, is, weather ?? 0)
    return [{ id, group, name, unit, before: was, after: is, change: grown(was, is), weather, verdict }]
  })
}

const percent = (share: number | undefined): string => {
  if (share === undefined || !Number.isFinite(share)) return '-'
  return `${share > 0 ? '+' : ''}${(100 * share).toFixed(Math.abs(share) < 0.1 ? 1 : 0)} %`
}

const boxText = ({ low, high }: Box): string => `${digits(low)} .. ${digits(high)}`

const HEAD = ['', 'before', 'middle half', 'after', 'middle half', 'unit', 'change', 'baseline', '']
const LEFT: ReadonlySet<number> = new Set([0, 5, 8])

export const changeTable = (changes: readonly Change[]): string => {
  const lines: string[][] = [HEAD]
  let seen = ''
  for (const { group, name, unit, before, after, change, weather, verdict } of changes) {
    if (group !== seen) lines.push([], [group])
    seen = group
    const [was, is] = [digits(before.middle), digits(after.middle)]
    lines.push([name, was, boxText(before), is, boxText(after), unit, percent(change), percent(weather), verdict])
  }
  return aligned(lines, LEFT)
}
