/**
 * A selection of the chaos on real programs: kill -9, SIGSTOP and cuts around the commit, and some scenes. All of it:
 * `make chaos`. And the planted defects, which the same checks must find.
 */
import t, { type Test } from 'tap'
import { casesOf } from '../fixtures/chaos-cases.js'
import { MUTANTS, type Mutant } from '../fixtures/chaos-mutants.js'
import { allJobs, type Job, LAYOUTS, runJobs } from '../fixtures/chaos-pool.js'

t.setTimeout(240_000)

/** The frames around the one commit point, and those that only a death brings. */
const SELECTED: readonly RegExp[] = [
  /: (kill|killSent|pause) [SDH] at COMMIT /,
  /inside: (kill|killSent) [SD] at (PREPARED|ACTIVATED) /,
  /: rst inside at COMMIT /,
  /: kill [DH] at (TAKE|TAKE_OVER|WHERE) /,
  /: stop D at COMMIT /,
  /inside: freeze S at COMMIT /,
  /: kill S at '(commit|retire)' at S/,
  /: (half-open from COMMIT on|COMMIT arrives late|two processes change places|a loop of|D restarts at once)/,
  /: (wall clocks|a handler throws|a caller dies)/,
]

t.test('G1 G2 G3 G4 G5 G6 G9 G10 G11 G15: real programs are killed, stopped and cut off', async (t) => {
  const jobs = allJobs().filter(({ title }) => SELECTED.some((wanted) => wanted.test(title)))
  const rows = await runJobs(jobs, { worlds: 2 })
  for (const { title, faults } of rows) t.same(faults, [], title)
  t.equal(rows.filter(({ result }) => result !== undefined).length, jobs.length, 'each came to its end')
  t.comment(`${jobs.length} runs`)
})

t.test('every step of the list has its acts, every act its victims', async (t) => {
  for (const layout of LAYOUTS) t.ok(casesOf(layout).length > 300, layout)
  t.equal(new Set(allJobs().map(({ title }) => title)).size, allJobs().length, 'no two have one title')
})

const MARKS: Readonly<Record<Mutant, RegExp>> = {
  lose: /G4: calls|G3: casts/,
  double: /G3: \d+ doubled/,
  reorder: /G3: \d+ out of order/,
  twin: /G1: a ran twin/,
}

const finds = async (t: Test, mutant: Mutant, job: Job): Promise<void> => {
  const rows = await runJobs([job], { worlds: 1, mutant })
  const faults = rows.flatMap((row) => row.faults)
  t.ok(
    faults.some((fault) => MARKS[mutant].test(fault)),
    `${mutant}: ${faults.join('; ')}`,
  )
}

t.test('the checks find each planted defect', async (t) => {
  const job = allJobs().find(({ title }) => title === 'inside: pause H at COMMIT S>D') as Job
  await Promise.all(MUTANTS.map((mutant) => finds(t, mutant, job)))
})
