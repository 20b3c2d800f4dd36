/**
 * Random histories of clusters with children and hardly anything else: denser than those of `make simulate`, which has
 * the same checks. At the end all members agree, each child that was asked for lives once, nothing else runs.
 * HUB_SEEDS=1000 node dist/scripts/test.js test/property/hub.test.ts; HUB_SEED=7 replays one.
 */
import t from 'tap'
import { HubSim } from '../fixtures/hub-sim.js'

t.setTimeout(600_000)
const ONE = process.env.HUB_SEED
const COUNT = Number(process.env.HUB_SEEDS ?? 3)
/** Each found a bug once. */
const FOUND = [329, 1_011, 1_044, 1_056, 3_137]
const seeds = ONE === undefined ? [...Array.from({ length: COUNT }, (_, i) => i + 1), ...FOUND] : [Number(ONE)]

t.test(`G1 G11: ${seeds.length} random histories of children: none is lost, doubled, or left over`, async (t) => {
  let [starts, kills, takeovers, moves] = [0, 0, 0, 0]
  for (const seed of seeds) {
    const history = await new HubSim(seed).run(80)
    t.same(history.faults, [], `seed ${seed}: HUB_SEED=${seed}`)
    starts += history.starts
    kills += history.kills
    takeovers += history.takeovers
    moves += history.moves
  }
  t.comment(`${starts} starts, ${kills} nodes killed, ${takeovers} takeovers, ${moves} moves`)
  // Else it looks at nothing.
  if (ONE === undefined) t.ok(takeovers > seeds.length && moves > seeds.length && kills > seeds.length / 2)
})
