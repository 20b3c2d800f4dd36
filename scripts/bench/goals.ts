/** What was aimed at, row by row. A goal that is not met is said, and fails nothing. */
import { type Row, summaryOf } from './rows.js'

interface Goal {
  /** The figure itself, in the row's unit, or its ratio to the baseline. */
  readonly of: 'ours' | 'ratio'
  readonly atLeast?: number
  readonly atMost?: number
}

export const GOALS: Readonly<Record<string, Goal>> = {
  'call.here.64': { of: 'ours', atLeast: 1_000_000 },
  'call.away.1': { of: 'ratio', atLeast: 0.85 },
  'call.away.64': { of: 'ratio', atLeast: 0.6 },
  'call.away.64.client': { of: 'ours', atMost: 10 },
  'cast.away': { of: 'ours', atLeast: 250_000 },
  'move.100B': { of: 'ours', atMost: 0.5 },
  'move.1MB': { of: 'ratio', atMost: 1.5 },
  'move.10MB': { of: 'ratio', atMost: 1.5 },
  'move.nested': { of: 'ratio', atMost: 1.3 },
  'pause.100B.p99': { of: 'ours', atMost: 10 },
  'many.start': { of: 'ours', atMost: 300 },
  'many.move': { of: 'ours', atMost: 500 },
  'memory.process': { of: 'ours', atMost: 2 },
  'bulk.p99': { of: 'ratio', atMost: 3 },
}

export const goalText = (row: Row): string => {
  const goal = GOALS[row.id]
  if (goal === undefined) return ''
  const [sign, limit] = goal.atLeast === undefined ? ['<=', goal.atMost ?? 0] : ['>=', goal.atLeast]
  const unit = goal.of === 'ratio' ? ' x' : row.unit === '/s' ? '/s' : ` ${row.unit}`
  return `${sign} ${limit.toLocaleString('en')}${unit}`
}

/** Undefined where there is no goal. */
export const isMet = (row: Row): boolean | undefined => {
  const goal = GOALS[row.id]
  if (goal === undefined) return undefined
  const { ours, ratio = Number.NaN } = summaryOf(row)
  const value = goal.of === 'ours' ? ours.value : ratio
  return value >= (goal.atLeast ?? Number.NEGATIVE_INFINITY) && value <= (goal.atMost ?? Number.POSITIVE_INFINITY)
}
