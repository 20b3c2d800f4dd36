/**
 * Whole clusters, random histories, every promise checked (test/fixtures/sim-plan.ts). A failing seed is replayed and
 * made small by `make simulate SEED=n`; a long run is `make simulate SEEDS=10000`.
 */
import { test } from 'tap'
import { lacking, merge, runSeed, strictShare } from '../fixtures/sim-batch.js'
import { drawPlan } from '../fixtures/sim-draw.js'
import { planOf, textOf } from '../fixtures/sim-plan.js'

const SEEDS = 500
const PIECES = 5

test('G1 G2 G3 G4 G5 G6 G7 G8 G9 G10 G11 G15: 500 random histories keep every promise', {
  timeout: 600_000,
}, async (t) => {
  let all = merge([])
  for (let piece = 0; piece < PIECES; piece += 1) {
    for (let i = 0; i < SEEDS / PIECES; i += 1) {
      const batch = await runSeed((piece * SEEDS) / PIECES + i + 1)
      for (const { seed, violations } of batch.failures)
        t.fail(`make simulate SEED=${seed}`, { violations: violations.slice(0, 3) })
      all = merge([all, batch])
    }
  }
  t.equal(all.tally.histories, SEEDS)
  t.same(lacking(all.tally), [], 'enough happened')
  t.ok(strictShare(all.tally) > 0.9, 'nearly all names are held to every promise')
})

test('a plan reads as it was written', async (t) => {
  for (const seed of [1, 2, 3, 153]) t.same(planOf(textOf(drawPlan(seed))), drawPlan(seed))
})
