/** Seeds of `make simulate` that found something once, in the code or in the judges. They are cheap, and run again. */
import { test } from 'tap'
import { runSeed } from '../fixtures/sim-batch.js'

const FOUND = [590, 1_343, 1_389, 3_265, 4_384, 5_379, 6_796, 7_346, 7_440, 7_481, 8_943, 9_236, 9_924, 21_649, 21_708]

test(`G1 G2 G8 G9 G10 G11: ${FOUND.length} seeds that found something keep every promise`, async (t) => {
  for (const seed of FOUND) {
    const { failures } = await runSeed(seed)
    t.same(
      failures.map(({ violations }) => violations.slice(0, 3)),
      [],
      `make simulate SEED=${seed}`,
    )
  }
})
