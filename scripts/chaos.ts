/**
 * Chaos on real programs: every named step of a move, with every act against every role, and the scenes; then a table.
 *
 *   make chaos RUNS=1            all of it, so many times
 *   make chaos ONLY=COMMIT       what has that in its title (a regular expression)
 *   make chaos MUTANT=lose       with a planted defect (lose, double, reorder, twin): it must not pass
 *   make chaos WORLDS=1          worlds side by side, of each layout. Default 2
 *
 * Ends with 1 when anything is not as promised.
 */
import { MUTANTS, type Mutant } from '../test/fixtures/chaos-mutants.js'
import { allJobs, type Job, type Row, runJobs } from '../test/fixtures/chaos-pool.js'
import { wholeFrom } from './whole.js'

const mutantOf = (name: string | undefined): Mutant | undefined => {
  if (name === undefined || name === '') return undefined
  const known = MUTANTS.find((mutant) => mutant === name)
  if (known === undefined) throw new Error(`MUTANT must be one of ${MUTANTS.join(', ')}.`)
  return known
}

const sum = (rows: readonly Row[], of: 'lost' | 'doubled' | 'reordered' | 'handled'): number =>
  rows.reduce((total, { result }) => total + (result?.[of] ?? 0), 0)

const each = (rows: readonly Row[], of: (row: Row) => unknown): string => [...new Set(rows.map(of))].join('/')

/** One line for all runs of one title. */
const lineOf = (title: string, rows: readonly Row[]): string => {
  const ran = rows.filter(({ result }) => result !== undefined)
  const isPromised = rows.every(({ faults }) => faults.length === 0)
  const figures =
    ran.length === 0
      ? ['-', '-', '-', '-', '-']
      : [
          ...(['lost', 'doubled', 'reordered'] as const).map((of) => sum(ran, of)),
          each(ran, ({ result }) => result?.copies),
          each(ran, ({ result }) => result?.outcome),
        ]
  return `| ${[title, rows.length, ...figures, isPromised ? 'yes' : 'NO'].join(' | ')} |`
}

const HEAD = [
  '| fault | runs | lost | doubled | reordered | live copies | outcome | as promised |',
  '|---|---|---|---|---|---|---|---|',
]

const print = (rows: readonly Row[], seconds: number): number => {
  const titles = [...new Set(rows.map(({ title }) => title))].sort()
  console.log(`\n${HEAD.join('\n')}`)
  for (const title of titles) {
    console.log(
      lineOf(
        title,
        rows.filter((row) => row.title === title),
      ),
    )
  }
  const wrong = rows.filter(({ faults }) => faults.length > 0)
  for (const { title, faults } of wrong) console.log(`\n${title}\n  ${faults.join('\n  ')}`)
  const repeated = rows.filter(({ again }) => again.length > 0)
  for (const { title, again } of repeated) console.log(`\ndone again: ${title}\n  ${again.join('\n  ')}`)
  const ran = rows.filter(({ result }) => result !== undefined)
  const [lost, doubled, reordered] = (['lost', 'doubled', 'reordered'] as const).map((of) => sum(ran, of))
  const messages = sum(ran, 'handled')
  console.log(
    `\n${ran.length} runs, ${messages} messages; lost ${lost}, doubled ${doubled}, reordered ${reordered}; ` +
      `not as promised ${wrong.length}; done again ${repeated.length}; ${seconds} s`,
  )
  return wrong.length
}

const main = async (): Promise<number> => {
  const only = new RegExp(process.env.ONLY || '.')
  const chosen = allJobs().filter(({ title }) => only.test(title))
  if (chosen.length === 0) throw new Error('ONLY leaves nothing to run.')
  const jobs: Job[] = Array.from({ length: wholeFrom('RUNS', 1) }, () => chosen).flat()
  const mutant = mutantOf(process.env.MUTANT)
  console.log(`${jobs.length} runs${mutant === undefined ? '' : `, with the planted defect ${mutant}`}`)
  const begun = performance.now()
  let done = 0
  const tell = ({ title, result, faults }: Row): void => {
    done += 1
    const word = faults.length > 0 ? 'NOT AS PROMISED' : (result?.outcome ?? 'ok')
    console.log(`${done} ${title}: ${word} (${result?.ms ?? '-'} ms)`)
  }
  const rows = await runJobs(jobs, { worlds: wholeFrom('WORLDS', 2), mutant, tell })
  return print(rows, Math.round((performance.now() - begun) / 1_000)) === 0 ? 0 : 1
}

process.exitCode = await main()
