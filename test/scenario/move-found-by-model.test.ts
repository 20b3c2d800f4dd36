/** What the exhaustive searches (test/model/) found in the drivers, on a simulated cluster. */
import t from 'tap'
import { faultsOf } from '../fixtures/move-checks.js'
import { MoveLab } from '../fixtures/move-lab.js'

t.test('G10: D, which holds H for dead when PREPARE names it, parks the copy when S dies too', async (t) => {
  const lab = await MoveLab.open('three', { seed: 'the holder was dead before' })
  const { world } = lab
  lab.load()
  await world.advance(10)
  // b and c turn away from each other; a sees both, and takes c as its holder.
  t.ok(world.at('b').declareDead('c'))
  const dies = lab.points.arm({
    ...{ frame: 'PREPARED', from: 'b', to: 'a', keep: false, sever: true },
    after: () => lab.crash('a'),
  })
  lab.move()
  await world.run(dies)
  t.equal(lab.points.arrived('BEGIN', 'a', 'c').length, 1)
  await world.advance(20_000)
  // It asked c for ever: there is no link to c, b was told of its death before it knew of this holder, and nothing was
  // listed that an operator could end.
  t.match(world.at('b').parked(), [{ name: 'x', role: 'destination', reason: /its holder cannot be asked/ }])
  t.ok(world.at('b').decide('x', 'restore'))
  await world.advance(10_000)
  t.equal(world.at('b').whereis('x')?.node, 'b')
  t.same(
    (await faultsOf(lab, ['kept'])).filter((fault) => !/\bc\b/.test(fault)),
    [],
  )
  await lab.close()
})
