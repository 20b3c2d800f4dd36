/** What each world of the demo came to: judged, and as a column of the table that is printed at the end. */
import type { ClientReport } from './demo-clients.js'
import type { Tally } from './demo-counter.js'

export interface Course {
  readonly title: string
  readonly wanted: number
  readonly seconds: number
  /** One per move: ms without a running callback, and bytes of the snapshot. */
  readonly pauses: readonly number[]
  readonly bytes: readonly number[]
  readonly sides: readonly ClientReport[]
  /** What the counter knows at the end; undefined when nobody could ask it. */
  readonly tally: Tally | undefined
  readonly troubles: readonly string[]
}

const sumsOf = ({ sides, tally }: Course) => {
  const total = (pick: (side: ClientReport) => number) => sides.reduce((sum, side) => sum + pick(side), 0)
  const sums = { sent: 0, counted: 0, lost: 0, doubled: 0, reordered: 0 }
  for (const side of sides) {
    for (const [sender, sent] of Object.entries(side.sent)) {
      const heard = tally?.senders[sender]
      const counted = heard?.counted ?? 0
      sums.sent += sent
      sums.counted += counted
      sums.lost += Math.max(0, sent - counted)
      sums.doubled += heard?.doubled ?? 0
      sums.reordered += heard?.reordered ?? 0
    }
  }
  const answered = total((side) => side.answered)
  const failed = total((side) => side.failed)
  return { answered, failed, executed: tally?.total ?? 0, backwards: total((side) => side.backwards), ...sums }
}

/** Everything that breaks the promise, in words. Empty: it held. */
export const complaints = (course: Course): string[] => {
  const sums = sumsOf(course)
  const found = [...course.troubles, ...course.sides.flatMap((side) => side.troubles)]
  const must = (held: boolean, text: string) => {
    if (!held) found.push(text)
  }
  must(course.pauses.length === course.wanted, `${course.pauses.length} of ${course.wanted} moves were made`)
  must(course.sides.length === 2, `${course.sides.length} of 2 sides told what they did`)
  if (course.tally === undefined) return [...found, 'nobody knows what the counter counted']
  must(sums.sent > 0 && sums.answered > 0, 'nothing was sent or answered')
  must(sums.failed === 0, `${sums.failed} calls failed`)
  must(sums.answered === sums.executed, `${sums.answered} calls were answered, and ${sums.executed} executed`)
  must(sums.lost === 0, `${sums.lost} casts were lost`)
  must(sums.doubled === 0, `${sums.doubled} casts were doubled`)
  must(sums.reordered === 0, `${sums.reordered} casts came out of order`)
  must(sums.backwards === 0, `${sums.backwards} answers went back in time`)
  return found
}

const quantile = (values: readonly number[], part: number): number => {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0
}

const three = (values: readonly number[]): string =>
  [0.5, 0.99, 1].map((part) => quantile(values, part).toFixed(1)).join(' / ')

const whole = (value: number): string => value.toLocaleString('en-US')

const rowsOf = (course: Course): [name: string, value: string][] => {
  const sums = sumsOf(course)
  const most = (pick: (side: ClientReport) => number) => Math.max(0, ...course.sides.map(pick))
  const known = (value: number) => (course.tally === undefined ? 'not known' : whole(value))
  return [
    ['moves', `${course.pauses.length} in ${course.seconds.toFixed(1)} s`],
    ['pause of the process: p50 / p99 / max, ms', three(course.pauses)],
    ['pause as callers see it: p50 / p99 / max, ms', three(course.sides.flatMap((side) => side.waits))],
    ['slowest call, ms', most((side) => side.slowestMs).toFixed(1)],
    ['longest time without an answer, ms', most((side) => side.gapMs).toFixed(1)],
    ['state, bytes (median)', whole(quantile(course.bytes, 0.5))],
    ['calls answered', whole(sums.answered)],
    ['calls failed', whole(sums.failed)],
    ['casts sent', whole(sums.sent)],
    ['casts counted', known(sums.counted)],
    ['lost', known(sums.lost)],
    ['doubled', known(sums.doubled)],
    ['reordered', known(sums.reordered)],
  ]
}

export const tableOf = (courses: readonly Course[]): string => {
  const columns = courses.map((course) => [course.title, ...rowsOf(course).map(([, value]) => value)])
  const names = ['', ...(courses[0] === undefined ? [] : rowsOf(courses[0]).map(([name]) => name))]
  const width = (cells: readonly string[]) => Math.max(...cells.map((cell) => cell.length))
  const line = (name: string, row: number) => {
    const cells = columns.map((column) => (column[row] ?? '').padStart(width(column) + 3))
    return `${name.padEnd(width(names))}${cells.join('')}`
  }
  return names.map(line).join('\n')
}
