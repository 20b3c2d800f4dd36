/**
 * What it costs, beside what one would write by hand: ratios of one run, never numbers of different machines or days.
 *
 *   node dist/scripts/bench/main.js [--quick] [questions]      make bench ARGS="--quick moves"
 *
 * Prints a table, and writes dist/bench/results-<date>.json. A goal that is not met is said, and fails nothing.
 */
import { parseArgs } from 'node:util'
import { ask, chosen, progress, writeJson } from './conduct.js'
import { FULL, QUICK } from './measure.js'
import type { Answered } from './question.js'
import { closing, headLine, machine, tableOf } from './report.js'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { quick: { type: 'boolean', default: false } },
})
const pace = values.quick ? QUICK : FULL
const about = machine()
console.log(headLine(about))
console.log(`${pace.rounds} rounds of ${pace.sampleMs} ms in turns with the baseline, after one to warm up; medians\n`)
const answers: Answered[] = []
for (const question of chosen(positionals)) {
  progress(`${question} ...`)
  answers.push(await ask(question, pace))
}
progress('')
console.log(tableOf(answers.flatMap(({ rows }) => rows)))
console.log(`\n${closing(answers)}`)
console.log(writeJson('results', about.date, { machine: about, pace, answers }))
