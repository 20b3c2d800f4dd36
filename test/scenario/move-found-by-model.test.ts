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

for (const [cut, who] of [
  [['b', 'c'], 'cut off after the commit'],
  [['b'], 'cut off from D alone after the commit'],
] as const) {
  t.test(`G1 G10: S ${who}: its own verdict on D lets nothing run, it asks H and waits`, async (t) => {
    const lab = await MoveLab.open('three', { seed: who })
    const { world } = lab
    lab.load()
    await world.advance(10)
    const apart = lab.points.arm({
      ...{ frame: 'ACTIVATED', from: 'b', to: 'a', keep: false, sever: true },
      after: () => world.partition(['a'], cut),
    })
    lab.points.lose('REGISTERED', 'b', 'a')
    lab.move('c')
    await world.run(apart)
    await world.advance(40_000)
    // b was silent for it 2 ms before c was: a had a third member, took that for a witness without asking it, and woke
    // its copy while the others ran theirs.
    t.notOk(lab.events.some(({ type }) => type === 'rollback'))
    t.match(world.at('a').parked(), [{ name: 'x', role: 'source' }])
    t.equal(world.at('c').whereis('x')?.node, 'b')
    const epochs = new Set(lab.journal.map(({ node, epoch }) => `${node} ${epoch - (lab.journal[0]?.epoch ?? 0)}`))
    t.same([...epochs], ['a 0', 'b 1'])
    await lab.close()
  })
}
