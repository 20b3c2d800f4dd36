/**
 * How costs grow: with processes, nodes, bytes of state, moves in flight.
 *
 *   node dist/scripts/bench/curves.js [--quick] [--far] [curves]      make bench-curves ARGS="--far processes"
 *
 * `--far` adds a million processes, if there is memory for them; `--quick` leaves out the two largest points of each.
 * Prints tables with the growth of each column, and writes dist/bench/curves-<date>.json; `make bench-docs` makes
 * pictures of them.
 */

import { fork } from 'node:child_process'
import { freemem } from 'node:os'
import { parseArgs } from 'node:util'
import { progress, writeJson } from './conduct.js'
import type { Curve, Measured } from './curve.js'
import { CURVES } from './curve-list.js'
import { curveTable } from './curve-table.js'
import { headLine, machine } from './report.js'
import { MiB } from './states.js'

/** Both programs of a point; names take less than processes. */
const PROGRAMS = 2
const HEAP_MIB = 2_048

const pointOf = (name: string, x: number, heapMiB: number): Promise<Record<string, number>> =>
  new Promise((resolve, reject) => {
    const execArgv = [`--max-old-space-size=${Math.ceil(heapMiB)}`]
    const child = fork('dist/scripts/bench/curve-point.js', [name, String(x)], { execArgv })
    child.once('message', (values: Record<string, number>) => resolve(values))
    child.once('exit', (code) => reject(new Error(`it ended with ${code}`)))
  })

const measured = async (name: string, curve: Curve, points: readonly number[]): Promise<Measured> => {
  const series = Object.entries(curve.series).map(([id, about]) => ({ ...about, id, points: [] as [number, number][] }))
  const notes: string[] = []
  for (const x of points) {
    progress(`${name}: ${x} ...`)
    const heapMiB = curve.heapMiB?.(x) ?? HEAP_MIB
    const freeMiB = freemem() / MiB
    if (PROGRAMS * heapMiB > freeMiB) {
      notes.push(`${x} was left out: it may need ${PROGRAMS * heapMiB} MiB, and ${freeMiB.toFixed(0)} are free`)
      continue
    }
    const values = await pointOf(name, x, heapMiB).catch((error: Error) => void notes.push(`${x}: ${error.message}`))
    for (const one of series) {
      const y = values?.[one.id]
      if (y !== undefined) one.points.push([x, y])
    }
  }
  return { curve: name, title: curve.title, x: curve.x, series, notes }
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { quick: { type: 'boolean', default: false }, far: { type: 'boolean', default: false } },
})
const unknown = positionals.filter((name) => CURVES[name] === undefined)
if (unknown.length > 0) throw new Error(`There is no ${unknown.join(', ')}: ${Object.keys(CURVES).join(', ')}.`)
const about = machine()
console.log(headLine(about))
const curves: Measured[] = []
for (const [name, curve] of Object.entries(CURVES)) {
  if (positionals.length > 0 && !positionals.includes(name)) continue
  const points = values.quick ? curve.points.slice(0, -2) : [...curve.points, ...(values.far ? curve.far : [])]
  const one = await measured(name, curve, points)
  progress('')
  console.log(`\n${one.title}\n${curveTable(one)}`)
  for (const note of one.notes) console.log(note)
  curves.push(one)
}
const output = { date: about.date, whole: !values.quick && positionals.length === 0 }
console.log(`\n${writeJson('curves', output, { machine: about, curves })}`)
