/** The fuzz of nodes at the size of every run of the tests; `make fuzz` is the whole. Another seed: FUZZ_SEED=7. */
import t from 'tap'
import { TcpFuzz } from '../fixtures/fuzz-tcp.js'
import { worldMutants } from '../fixtures/fuzz-world-mutants.js'
import { WorldFuzz } from '../fixtures/fuzz-world-run.js'

// Twenty times what it takes: the machine may be busy.
t.setTimeout(200_000)
const SEED = process.env.FUZZ_SEED ?? '1'

t.test('2,700 lies of peers with the secret to clusters that serve', async (t) => {
  const fuzz = new WorldFuzz(SEED)
  for (let batch = 0; batch < 9; batch += 1) await fuzz.batch(batch, 300)
  const { failures, calls, moves, movesFailed, types } = fuzz.report
  t.same(failures.slice(0, 2), [], `replay: make fuzz SEED=${SEED} BATCH=${failures[0]?.batch}`)
  t.ok(calls > 200 && moves - movesFailed > 20 && types.size > 30, `${calls} calls, ${moves} moves meanwhile`)
})

t.test('300 connections of noise to a node in a process of its own', async (t) => {
  const fuzz = new TcpFuzz(SEED)
  await fuzz.run(300)
  const { failures, ends, rssStart, rssEnd, calls } = fuzz.report
  t.same(failures, [])
  t.ok(calls >= 3 && ends.size > 3, `it said ${JSON.stringify([...ends])}`)
  t.ok(rssEnd - rssStart < 64 * 1_048_576, `RSS ${rssStart} -> ${rssEnd}`)
})

t.test('a deliberate bug in a node is found', async (t) => {
  for (const name of ['hearsay', 'admission', 'cursors', 'unhandled']) {
    const { bug, plant } = worldMutants[name]!
    const undo = plant()
    const fuzz = new WorldFuzz(1)
    for (let batch = 0; batch < 90 && fuzz.report.failures.length === 0; batch += 1) await fuzz.batch(batch, 300, false)
    undo()
    t.ok(fuzz.report.failures.length > 0, `${name}: ${bug}`)
  }
})
