/**
 * What it costs, beside what one would write by hand: ratios of one run, never numbers of different machines or days.
 *
 *   node dist/scripts/bench/main.js [--quick] [--out folder] [questions]      make bench ARGS="--quick moves"
 *
 * Prints a table, and writes results-<date>.json into the folder, by default dist/bench. A goal that is not met is
 * said, and fails nothing. `--glance` measures nothing well: it shows that all runs.
 */
import { parseArgs } from 'node:util'
import { ask, chosen, FOLDER, progress, writeJson } from './conduct.js'
import { goalText, isMet } from './goals.js'
import { FULL, GLANCE, QUICK } from './measure.js'
import type { Answered } from './question.js'
import { closing, headLine, machine, tableOf } from './report.js'
import { summaryOf } from './rows.js'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    glance: { type: 'boolean', default: false },
    out: { type: 'string', default: FOLDER },
  },
})
const pace = values.glance ? GLANCE : values.quick ? QUICK : FULL
const about = machine()
console.log(headLine(about))
const { rounds, sampleMs, warmUps } = pace
console.log(`${rounds} rounds of ${sampleMs} ms in turns with the baseline, after ${warmUps} to warm up; medians\n`)
const answers: Answered[] = []
for (const question of chosen(positionals)) {
  progress(`${question} ...`)
  answers.push(await ask(question, pace))
}
progress('')
const rows = answers.flatMap((answer) => answer.rows)
const figures = rows.map((row) => ({
  id: row.id,
  unit: row.unit,
  ...summaryOf(row),
  goal: goalText(row),
  met: isMet(row),
}))
console.log(tableOf(rows))
console.log(`\n${closing(answers)}`)
const output = { date: about.date, whole: pace === FULL && positionals.length === 0, folder: values.out }
console.log(writeJson('results', output, { machine: about, pace, figures, answers }))
