/** The figures as the page has them. Pure. */
import type { Measured } from './curve.js'
import { curveCells } from './curve-table.js'
import { goalText, isMet } from './goals.js'
import { markdownTable } from './markdown.js'
import type { Pace } from './measure.js'
import type { Answered } from './question.js'
import { digits, headLine, type Machine } from './report.js'
import { type Row, summaryOf } from './rows.js'

export interface Results {
  readonly machine: Machine
  readonly pace: Pace
  readonly answers: readonly Answered[]
}

const HEAD = ['', 'ours', 'min .. max', 'baseline', 'min .. max', 'ratio', 'goal', 'met', 'baseline is']
const LEFT: ReadonlySet<number> = new Set([0, 6, 7, 8])

const cellsOf = (row: Row): string[] => {
  const { ours, raw, ratio } = summaryOf(row)
  const met = isMet(row)
  const unit = row.unit === '/s' ? '/s' : ` ${row.unit}`
  const span = (figure: typeof raw): string =>
    figure === undefined ? '' : `${digits(figure.low)} .. ${digits(figure.high)}`
  return [
    row.name,
    `**${digits(ours.value)}**${unit}`,
    span(ours),
    raw === undefined ? '' : `${digits(raw.value)}${unit}`,
    span(raw),
    ratio === undefined ? '' : `${digits(ratio)} x`,
    goalText(row),
    met === undefined ? '' : met ? 'yes' : '**no**',
    row.beside,
  ]
}

/** The tables, a group each. */
export const resultsText = ({ machine, pace, answers }: Results): string => {
  const rows = answers.flatMap((answer) => answer.rows)
  const groups = [...new Set(rows.map(({ group }) => group))].map((group) => {
    const lines = rows.filter((row) => row.group === group).map(cellsOf)
    return `### ${group[0]?.toUpperCase()}${group.slice(1)}\n\n${markdownTable([HEAD, ...lines], LEFT)}`
  })
  const verdicts = rows.map(isMet).filter((met) => met !== undefined)
  const notes = answers.flatMap(({ question, note }) => (note === undefined ? [] : [`${question}: ${note}.`]))
  const met = `${verdicts.filter(Boolean).length} of ${verdicts.length}`
  const head = `${headLine(machine)}; ${pace.rounds} rounds of ${pace.sampleMs} ms. Goals met: ${met}.`
  return [head, ...notes, ...groups].join('\n\n')
}

/** Its picture stands beside the page. */
export const curveText = (measured: Measured): string => {
  const { curve, title, x, notes } = measured
  const table = markdownTable(curveCells(measured), new Set())
  return [`### ${title}`, `![${title}: ${x}](performance/${curve}.svg)`, table, ...notes].join('\n\n')
}
