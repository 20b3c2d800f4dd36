/** The table, and the same as JSON. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus, loadavg } from 'node:os'
import { join } from 'node:path'
import { type Pace, quantile, type Row } from './measure.js'

/** Not in git; `make clean` removes it. */
const FOLDER = 'dist/bench'

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

const digits = (value: number): string => {
  if (Number.isNaN(value)) return '-'
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2)
}

const spread = (values: readonly number[]): string =>
  values.length === 0 ? '-' : `${digits(Math.min(...values))} .. ${digits(Math.max(...values))}`

const summary = (row: Row) => {
  const ours = quantile(row.ours, row.quantile)
  const raw = quantile(row.raw, row.quantile)
  return { ours, raw, ratio: ours / raw }
}

const HEAD = ['', 'ours', 'min .. max', 'baseline', 'min .. max', 'unit', 'ratio', 'baseline is']
/** Columns whose values stand on the left. */
const LEFT = new Set([0, 5, 7])

const cells = (row: Row): string[] => {
  const { ours, raw, ratio } = summary(row)
  const { name, unit, beside } = row
  return [name, digits(ours), spread(row.ours), digits(raw), spread(row.raw), unit, `${digits(ratio)} x`, beside]
}

export const tableOf = (rows: readonly Row[]): string => {
  const lines: string[][] = [HEAD]
  let group = ''
  for (const row of rows) {
    if (row.group !== group) lines.push([], [row.group])
    group = row.group
    lines.push(cells(row))
  }
  const full = lines.filter((line) => line.length === HEAD.length)
  const widths = HEAD.map((_, column) => Math.max(...full.map((line) => line[column]?.length ?? 0)))
  const padded = (cell: string, column: number) =>
    LEFT.has(column) ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)
  return lines.map((line) => (line.length === 1 ? line[0] : line.map(padded).join('  ').trimEnd())).join('\n')
}

/** @returns the path of the file */
export const writeJson = (about: Machine, pace: Pace, rows: readonly Row[]): string => {
  mkdirSync(FOLDER, { recursive: true })
  const path = join(FOLDER, `${about.date.replaceAll(':', '-')}.json`)
  const results = rows.map((row) => ({ ...row, result: summary(row) }))
  writeFileSync(path, `${JSON.stringify({ machine: about, pace, results }, undefined, 2)}\n`)
  return path
}
