/** The table for people. */
import { cpus, loadavg } from 'node:os'
import { goalText, isMet } from './goals.js'
import type { Answered } from './question.js'
import { type Row, summaryOf } from './rows.js'

export interface Machine {
  readonly node: string
  readonly cores: number
  readonly cpu: string
  readonly load: number
  readonly date: string
}

export const machine = (): Machine => ({
  node: process.version,
  cores: cpus().length,
  cpu: cpus()[0]?.model.trim() ?? '',
  load: loadavg()[0] ?? 0,
  date: new Date().toISOString(),
})

export const headLine = ({ node, cores, cpu, load, date }: Machine): string =>
  `Node ${node}, ${cores} cores (${cpu}), load ${load.toFixed(1)}, ${date}`

/** Three digits that count. */
export const digits = (value: number | undefined): string => {
  if (value === undefined || !Number.isFinite(value)) return '-'
  if (Math.abs(value) >= 1_000) return Number(value.toPrecision(3)).toLocaleString('en', { maximumFractionDigits: 0 })
  return Math.abs(value) >= 100 ? value.toFixed(0) : Math.abs(value) >= 10 ? value.toFixed(1) : value.toFixed(2)
}

const cost = (value: number): string => (value < 0 ? '-' : digits(value))

export const HEAD = [
  '',
  'ours',
  'min .. max',
  'baseline',
  'min .. max',
  'unit',
  'ratio',
  'goal',
  'met',
  'CPU us',
  'held ms',
  'baseline is',
]
/** Columns whose values stand on the left. */
const LEFT: ReadonlySet<number> = new Set([0, 5, 7, 8, 11])

export const cellsOf = (row: Row): string[] => {
  const { ours, raw, ratio } = summaryOf(row)
  const met = isMet(row)
  return [
    row.name,
    digits(ours.value),
    `${digits(ours.low)} .. ${digits(ours.high)}`,
    digits(raw?.value),
    raw === undefined ? '-' : `${digits(raw.low)} .. ${digits(raw.high)}`,
    row.unit,
    ratio === undefined ? '-' : `${digits(ratio)} x`,
    goalText(row),
    met === undefined ? '' : met ? 'yes' : 'NO',
    cost(row.cpuUs.ours),
    cost(row.heldMs.ours),
    row.beside,
  ]
}

/** Columns as wide as their cells; a line of one cell is a heading. */
export const aligned = (lines: readonly (readonly string[])[], left: ReadonlySet<number>): string => {
  const full = lines.filter((line) => line.length > 1)
  const widths = (full[0] ?? []).map((_, column) => Math.max(...full.map((line) => line[column]?.length ?? 0)))
  const padded = (cell: string, column: number) =>
    left.has(column) ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)
  return lines.map((line) => (line.length === 1 ? line[0] : line.map(padded).join('  ').trimEnd())).join('\n')
}

export const tableOf = (rows: readonly Row[]): string => {
  const lines: string[][] = [HEAD]
  let group = ''
  for (const row of rows) {
    if (row.group !== group) lines.push([], [row.group])
    group = row.group
    lines.push(cellsOf(row))
  }
  return aligned(lines, LEFT)
}

/** What was skipped, what the questions took, and how many goals are met. */
export const closing = (answers: readonly Answered[]): string => {
  const verdicts = answers.flatMap(({ rows }) => rows.map(isMet)).filter((met) => met !== undefined)
  const took = answers.map(
    ({ question, seconds, rssMiB }) => `${question} ${seconds.toFixed(0)} s, ${rssMiB.toFixed(0)} MiB`,
  )
  return [
    ...answers.flatMap(({ question, note }) => (note === undefined ? [] : [`${question}: ${note}`])),
    `took, and the most memory of the asking program: ${took.join('; ')}`,
    `goals: ${verdicts.filter(Boolean).length} of ${verdicts.length} met`,
  ].join('\n')
}
