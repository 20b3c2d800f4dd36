/**
 * Everything that can happen to one frame of a move inside a cluster: every kind, both directions, lost, doubled, cut
 * before and after, S, D or H killed before and after (and started again), each of them stopped for 4 s.
 */
import t from 'tap'
import { sweep, sweepPairs } from '../fixtures/move-sweep.js'

t.setTimeout(240_000)

for (const world of ['two', 'three'] as const) {
  t.test(`${world}: G1 G3 G4 G6 G9 G10 G11 G15: each frame of a move, each fault (19 to 26)`, async (t) => {
    const { runs, faults } = await sweep([world])
    t.same(faults, [])
    t.comment(`${world}: ${runs} runs`)
  })
}

const SEED = 'inside pairs 1'
t.test(`G1 G3 G4 G6 G9 G10: two faults of the network at once, 150 runs, seed ${SEED}`, async (t) => {
  t.same(await sweepPairs(SEED, 150, ['two', 'three']), [])
})
