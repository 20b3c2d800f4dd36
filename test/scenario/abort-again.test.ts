/** A source asks twice for an abort, because the first answer of a destination abroad was lost. Found by the search. */
import t from 'tap'
import { faultsOf } from '../fixtures/move-checks.js'
import { MoveLab } from '../fixtures/move-lab.js'

t.test('G6: D abroad had burned the attempt: it says so again, and not that it has the process', async (t) => {
  const lab = await MoveLab.open('out2', { seed: 'abort again' })
  lab.load()
  await lab.world.advance(10)
  lab.points.lose('PREPARED', 'b', 'a')
  const found = [lab.points.lose('ABORTED', 'b', 'a'), lab.points.lose('ABORTED', 'c', 'a')]
  lab.move()
  await lab.world.advance(6_000)
  t.ok(lab.points.arrived('ABORT', 'a', 'b').length > 0)
  for (const end of found) end()
  // The holder's word alone would do, and hide what D says.
  lab.points.lose('ABORTED', 'c', 'a')
  await lab.world.advance(10_000)
  t.equal(lab.points.arrived('COMMIT', 'a', 'b').length, 0)
  t.equal(lab.moved?.error?.executed, 'no')
  t.same(await faultsOf(lab, ['kept']), [])
  await lab.close()
})
