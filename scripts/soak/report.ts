/** The table of a soak, and the verdict: what did not come back, and what grew. */
import type { Figures } from './figures.js'

export interface Column {
  readonly title: string
  readonly figures: Figures
}

/**
 * The heap may grow by this from the first quarter to the last, in MiB, whatever was done meanwhile. 10^5 moves that
 * leave 100 bytes each are 10 MiB; caches of the engine and of ICU that are still filling are below 1 (measured).
 */
export const HEAP_GROWTH_MIB = 3
/**
 * Where the travellers came home, to one node or to two, decides how many links to z are kept. And whoever did not hear
 * the last guest leave, since their link was cut, has found its port closed, and dials it for some minutes more.
 */
const MORE: Readonly<Record<string, number>> = { 'table roads': 1, 'table kept': 3, 'file descriptors': 2 }

/** Idle channels are forgotten after 60 s and the next sweep. */
const SLOW_TABLES = ['table channels']

/** Sizes that are not back where they were. @param channelsMax  undefined: the channels must be back, too */
export const leftBehind = (start: Figures, end: Figures, channelsMax: number | undefined): string[] =>
  Object.keys({ ...start, ...end }).flatMap((key) => {
    const [was, is] = [start[key] ?? 0, end[key] ?? 0]
    const max = SLOW_TABLES.includes(key) && channelsMax !== undefined ? channelsMax : was + (MORE[key] ?? 0)
    return is > max ? [`${key}: ${is}, at the start ${was}, at most ${max}`] : []
  })

/** @param quarters  memory at the end of each quarter */
export const grown = (quarters: readonly Figures[]): string[] => {
  const heap = quarters.map((quarter) => quarter['heap, MiB'] ?? 0)
  const growth = (heap.at(-1) ?? 0) - (heap[0] ?? 0)
  return growth > HEAP_GROWTH_MIB
    ? [`the heap grew by ${growth.toFixed(1)} MiB in the last three quarters, more than ${HEAP_GROWTH_MIB}`]
    : []
}

const shown = (key: string, value: number | undefined): string => {
  if (value === undefined) return ''
  return /, (MiB|ms)$/.test(key) ? value.toFixed(1) : value.toLocaleString('en-US')
}

/** One line a quantity; the last column is its growth from the first column that has it to the last. */
export const tableOf = (columns: readonly Column[]): string => {
  const keys = [...new Set(columns.flatMap(({ figures }) => Object.keys(figures)))]
  const lines = keys.map((key) => {
    const values = columns.map(({ figures }) => figures[key])
    const known = values.filter((value) => value !== undefined)
    const growth = (known.at(-1) ?? 0) - (known[0] ?? 0)
    const sign = growth > 0 ? '+' : ''
    return [key, ...values.map((value) => shown(key, value)), `${sign}${shown(key, growth)}`]
  })
  const rows = [['', ...columns.map(({ title }) => title), 'growth'], ...lines]
  const widths = rows[0]?.map((_, at) => Math.max(...rows.map((row) => row[at]?.length ?? 0))) ?? []
  const text = (row: string[]) =>
    row.map((cell, at) => (at === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[at] ?? 0))).join('   ')
  return rows.map(text).join('\n')
}
