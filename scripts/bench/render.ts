/**
 * Writes the newest figures of dist/bench/ into docs/PERFORMANCE.md, and its pictures into docs/performance/.
 *
 *   make bench-docs             measures all, then this
 *   node dist/scripts/bench/render.js
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { FOLDER } from './conduct.js'
import type { Measured } from './curve.js'
import { filled, markdownTable } from './markdown.js'
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
  mkdirSync(PICTURES, { recursive: true })
  for (const { curve, title, x, series } of curves.curves)
    writeFileSync(join(PICTURES, `${curve}.svg`), picture(title, x, series))
}
writeFileSync(PAGE, page)
const missing = results === undefined || curves === undefined ? '; what was not measured stays as it was' : ''
console.log(`wrote ${PAGE} and ${PICTURES}/${missing}`)
