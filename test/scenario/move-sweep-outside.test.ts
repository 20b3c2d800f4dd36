/** The same between two clusters: homes of one and of two nodes, and a second member at the destination. */
import t from 'tap'
import { sweep, sweepPairs } from '../fixtures/move-sweep.js'

t.setTimeout(240_000)

for (const world of ['out', 'out2', 'far'] as const) {
  t.test(`${world}: G1 G3 G4 G6 G9 G10 G11 G15: each frame of a move, each fault (19 to 26)`, async (t) => {
    const { runs, faults } = await sweep([world])
    t.same(faults, [])
    t.comment(`${world}: ${runs} runs`)
  })
}

const SEED = 'outside pairs 1'
t.test(`G1 G3 G4 G6 G9 G10: two faults of the network at once, 150 runs, seed ${SEED}`, async (t) => {
  t.same(await sweepPairs(SEED, 150, ['out', 'out2', 'far']), [])
})
