/**
 * Random histories of clusters with replicas: never two of a name active or on one node, and at rest each is whole.
 * REPLICA_SEEDS=1000 node dist/scripts/test.js test/property/replicas.test.ts; REPLICA_SEED=7 replays one.
 */
import t from 'tap'
import { ReplicaSim } from '../fixtures/replica-sim.js'

t.setTimeout(600_000)
const ONE = process.env.REPLICA_SEED
const COUNT = Number(process.env.REPLICA_SEEDS ?? 8)
/** Each found a bug once. */
const FOUND: readonly number[] = []
const seeds = ONE === undefined ? [...Array.from({ length: COUNT }, (_, i) => i + 1), ...FOUND] : [Number(ONE)]

t.test(`G1 G11: ${seeds.length} random histories of replicas: one active, apart, whole at the end`, async (t) => {
  let [promotions, kills, moves] = [0, 0, 0]
  for (const seed of seeds) {
    const history = await new ReplicaSim(seed).run(80)
    t.same(history.faults, [], `seed ${seed}: REPLICA_SEED=${seed}`)
    promotions += history.promotions
    kills += history.kills
    moves += history.moves
  }
  t.comment(`${promotions} promotions, ${kills} nodes killed, ${moves} moves`)
  // Else it looks at nothing.
  if (ONE === undefined) t.ok(promotions > COUNT && moves > COUNT && kills > COUNT / 2)
})
