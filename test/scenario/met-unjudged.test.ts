/**
 * Found by the search of returns: a node that joined, or began anew, beyond a cut holds nobody there for dead. When it
 * is the first to be met, nobody begins a new life, and the older copy stops by its epoch alone. What it has is merged.
 */
import t from 'tap'
import { SplitStage, sleepers } from '../fixtures/split-stage.js'

for (const how of ['joined', 'began anew'] as const) {
  t.test(`G2 G5: of two copies the older stops and is merged, when only who ${how} meets it`, async (t) => {
    const stage = await SplitStage.open(['a', 'b', 'c'])
    const { world } = stage
    const { summer } = stage.kinds
    await stage.start('c', 'x', 100, summer)
    await stage.split(['a', 'b'], ['c'])
    const by = how === 'joined' ? 'd' : 'b'
    if (how === 'joined') {
      world.partition(['d'], ['c'])
      await stage.boot('d')
    } else {
      world.crash('b')
      await world.advance(1_000)
      await world.restart('b')
    }
    const merged: string[] = []
    world.at(by).on('merged', ({ from, ok }) => merged.push(`from ${from} ${ok}`))
    await world.advance(4_000)
    await stage.start(by, 'x', 1, summer)
    await stage.add('c', 'x', 5)
    world.heal([by], ['c'])
    await world.advance(4_000)
    t.same(merged, ['from c true'])
    await stage.heal()
    t.equal((await world.run(stage.ref('a', 'x').call.read())).count, 106)
    t.equal(stage.on('conflict').length, 1)
    t.same(merged, ['from c true'], 'once')
    await stage.close(t)
  })
}

t.test('G2 G5: a handler that runs in the copy that stops is waited for', async (t) => {
  const stage = await SplitStage.open(['a', 'b', 'c'])
  const { world } = stage
  await stage.start('c', 'x', 100, stage.kinds.summer)
  await stage.split(['a', 'b'], ['c'])
  world.partition(['d'], ['c'])
  await stage.boot('d')
  await world.advance(4_000)
  await stage.start('d', 'x', 1, stage.kinds.summer)
  let end = (): void => {}
  sleepers.set(1, new Promise((resolve) => (end = resolve)))
  const slow = stage.codeOf(stage.ref('c', 'x').call.slow(1))
  await world.advance(20)
  world.heal(['d'], ['c'])
  await world.advance(4_000)
  t.equal(stage.on('conflict').length, 1)
  t.same(stage.on('merged'), [], 'its state may be half changed')
  end()
  await world.advance(1_000)
  t.same(
    stage.on('merged').map(({ on, ok }) => [on, ok]),
    [['d', true]],
  )
  t.equal((await world.run(stage.ref('d', 'x').call.read())).count, 101)
  await world.run(slow)
  await stage.heal()
  await stage.close(t)
})
