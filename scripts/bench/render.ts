/**
 * Writes the newest figures of dist/bench/ into docs/PERFORMANCE.md, and its pictures into docs/performance/.
 *
 *   make bench-docs             measures all, then this
 *   node dist/scripts/bench/render.js
 *   node dist/scripts/bench/render.js dist/bench/curves-<date>.json     the curves in it, and leaves all else as it is
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { FOLDER } from './conduct.js'
import type { Measured } from './curve.js'
import { filled, markdownTable, withSection } from './markdown.js'
import { curveText, type Results, resultsText } from './page.js'
import { headLine, type Machine } from './report.js'
import { EXAMPLE, sizingOf } from './sizing.js'
import { picture } from './svg.js'

const PAGE = 'docs/PERFORMANCE.md'
const PICTURES = 'docs/performance'

interface Curves {
  readonly machine: Machine
  readonly curves: readonly Measured[]
}

const newest = <T>(name: string): T | undefined => {
  const path = join(FOLDER, `${name}-latest.json`)
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as T) : undefined
}

const draw = (curves: readonly Measured[]): void => {
  mkdirSync(PICTURES, { recursive: true })
  for (const { curve, title, x, series } of curves)
    writeFileSync(join(PICTURES, `${curve}.svg`), picture(title, x, series))
}

const renderAll = (): string => {
  const [results, curves] = [newest<Results>('results'), newest<Curves>('curves')]
  let page = readFileSync(PAGE, 'utf8')
  if (results !== undefined) {
    page = filled(page, 'results', resultsText(results))
    const rows = results.answers.flatMap((answer) => answer.rows)
    const sizing = sizingOf(rows, EXAMPLE)
    if (sizing !== undefined) page = filled(page, 'sizing', markdownTable(sizing, new Set([0, 1])))
  }
  if (curves !== undefined) {
    page = filled(page, 'curves', [headLine(curves.machine), ...curves.curves.map(curveText)].join('\n\n'))
    draw(curves.curves)
  }
  writeFileSync(PAGE, page)
  return results === undefined || curves === undefined ? '; what was not measured stays as it was' : ''
}

/** These curves alone. They say themselves when they were measured. */
const renderSome = (path: string): string => {
  const { machine, curves } = JSON.parse(readFileSync(path, 'utf8')) as Curves
  let page = readFileSync(PAGE, 'utf8')
  for (const curve of curves) page = withSection(page, 'curves', `${curveText(curve)}\n\n${headLine(machine)}`)
  draw(curves)
  writeFileSync(PAGE, page)
  return `; only ${curves.map(({ title }) => title).join(', ')}`
}

const [some] = process.argv.slice(2)
const what = some === undefined ? renderAll() : renderSome(some)
console.log(`wrote ${PAGE} and ${PICTURES}/${what}`)
