/** The simulator itself: its plans read and replay, equal seeds are equal, a bug that is made on purpose is found. */
import { test } from 'tap'
import { Timers } from '../../src/process/timers.js'
import { lacking, runSeed } from '../fixtures/sim-batch.js'
import { drawPlan } from '../fixtures/sim-draw.js'
import { MUTANTS, mutate } from '../fixtures/sim-mutants.js'
import { planOf, textOf } from '../fixtures/sim-plan.js'
import { runPlan } from '../fixtures/sim-run.js'
import { shrink } from '../fixtures/sim-shrink.js'

test('a plan reads as it was written, and is drawn the same each time', async (t) => {
  for (const seed of [1, 2, 3, 153]) {
    t.same(planOf(textOf(drawPlan(seed))), drawPlan(seed))
    t.not(textOf(drawPlan(seed)), textOf(drawPlan(seed + 1)))
  }
})

test('one seed leaves one trace, byte for byte; another one another', async (t) => {
  const [first, again, other] = [
    await runPlan(drawPlan(7), { hash: true }),
    await runPlan(drawPlan(7), { hash: true }),
    await runPlan(drawPlan(8), { hash: true }),
  ]
  t.equal(first.hash, again.hash)
  t.not(first.hash, other.hash)
})

test('a batch in which too little happens is none', async (t) => {
  t.ok(lacking({ histories: 1_000 }).length > 10, 'nothing happened')
  t.same(lacking((await runSeed(1)).tally), [], 'one seed promises nothing')
})

test('G7: a bug that is made on purpose is found and made small', async (t) => {
  const { image } = Timers.prototype
  t.teardown(() => {
    Timers.prototype.image = image
  })
  t.ok(MUTANTS.includes('timers-early'))
  mutate('timers-early')
  let seed = 1
  let plan = drawPlan(seed)
  let outcome = await runPlan(plan)
  while (outcome.violations.length === 0 && seed < 60) {
    seed += 1
    plan = drawPlan(seed)
    outcome = await runPlan(plan)
  }
  t.match(outcome.violations[0], { invariant: 'G7' }, `seed ${seed}`)
  const small = await shrink(plan, outcome, 80)
  t.ok(small.plan.steps.length <= 6, `${small.plan.steps.length} steps in ${small.runs} runs`)
  t.match(small.outcome.violations[0], { invariant: 'G7' })
  Timers.prototype.image = image
  t.same((await runPlan(small.plan)).violations, [], 'without the bug nothing is wrong with it')
})
