/**
 * What a holder remembers of one attempt must not answer for another, and a copy whose holder cannot answer must not
 * wait for ever unseen. Found by the search of moves in a row.
 */
import t from 'tap'
import { fateOf } from '../fixtures/move-checks.js'
import { MoveLab } from '../fixtures/move-lab.js'

/** Records are kept so long that no sweep mends anything here. */
const open = (seed: string): Promise<MoveLab> => MoveLab.open('three', { seed, limits: { endedMs: 600_000 } })

/** x went from a to b, c held; it is on its way back, and b is dead. `lost`: what b said and c never heard. */
const returning = async (lab: MoveLab, loses: 'BEGIN' | 'ABORTED'): Promise<void> => {
  lab.move('a', 'b')
  await lab.world.advance(500)
  t.equal(lab.world.at('c').whereis('x')?.node, 'b')
  lab.points.lose('BEGIN', 'b', 'c')
  lab.points.lose('PREPARED', 'a', 'b')
  lab.points.lose('ABORT', 'b', 'a')
  // It asks its holder to abort, is told, and never hears it; or it dies before it asks.
  lab.points.lose('ABORTED', 'c', 'b')
  lab.move('b', 'a')
  await lab.world.advance(loses === 'ABORTED' ? 8_000 : 1_000)
  lab.crash('b')
}

t.test(
  'G10: D takes over with a holder that knows an attempt of an earlier owner only: it is told, and ends',
  async (t) => {
    const lab = await open('holder knows an older attempt')
    await returning(lab, 'BEGIN')
    // 2 s until a refused port is a death, and the holder is not swept before 10 s.
    await lab.world.advance(6_000)
    t.equal(fateOf(lab), 'ended')
    t.equal(lab.world.at('a').stats().arrivals, 0)
    t.equal(lab.world.at('c').stats().recovering, 0)
    await lab.close()
  },
)

t.test('G10: D takes over with a holder that heard of the abort only: it is told, and ends', async (t) => {
  const lab = await open('holder knows the abort only')
  await returning(lab, 'ABORTED')
  await lab.world.advance(40_000)
  t.equal(fateOf(lab), 'ended')
  t.equal(lab.world.at('a').stats().arrivals, 0)
  t.same(lab.happened('violation'), [])
  await lab.close()
})

t.test('G10: the holder lives and never answers: the copy is listed, an operator ends it', async (t) => {
  const lab = await open('holder does not answer')
  lab.points.lose('PREPARED', 'b', 'a')
  lab.points.lose('TAKEN', 'c', 'b')
  lab.move('a', 'b')
  await lab.world.advance(500)
  lab.crash('a')
  await lab.world.advance(20_000)
  t.equal(fateOf(lab), 'parked')
  t.match(lab.world.at('b').parked(), [{ name: 'x', role: 'destination', reason: /its holder has not answered/ }])
  t.ok(lab.world.at('b').decide('x', 'restore'))
  await lab.world.advance(1_000)
  t.equal(lab.world.at('b').whereis('x')?.node, 'b')
  await lab.close()
})
