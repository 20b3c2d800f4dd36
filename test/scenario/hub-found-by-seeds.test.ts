/** Histories of children that `make simulate` found, made readable. */
import { test } from 'tap'
import { tcp } from '../../src/process/destination.js'
import { Children } from '../fixtures/hub-stage.js'

test('G11: a child that is stopped while it is in another cluster ends when it comes home (seed 5379)', async (t) => {
  const stage = await Children.open(2)
  const { world } = stage
  const away = await stage.join('z', { cluster: 'other' })
  await stage.start('a', ['x'])
  const ref = world.at('a').ref(stage.worker, 'x')
  await stage.run(ref.sendMe(tcp('z', 1805)))
  const stopped = world.at('b').hub.stop('x', { timeoutMs: 1_000 })
  t.match(await stage.run(stopped), [{ ok: false, error: { code: 'ERR_TIMEOUT' } }], 'nobody there can end it')
  t.equal(world.at('a').hub.lookup('x'), undefined)
  await stage.run(away.ref(stage.worker, 'x').sendMe(tcp('a', 1805)))
  await world.advance(2_000)
  t.equal(world.at('a').stats().processes, 0)
  t.equal(world.at('b').whereis('x'), undefined)
  await stage.close(t)
})

test('G11: a child that began beyond a cut, and moved on there, does not outlive its record (seed 7346)', async (t) => {
  const stage = await Children.open(2)
  const { world } = stage
  const names = stage.names(8)
  await stage.start('a', names)
  world.partition(['a'], ['b', 'c'])
  await world.advance(20_000)
  // b has taken over what ran on a; a newcomer gets its share of that, and has begun none of it.
  const moves = stage.heard('migrated').length
  await stage.join('c', { join: ['b:1805'] })
  await world.advance(10_000)
  t.ok(stage.heard('migrated').length > moves, 'some went to the newcomer')
  await stage.run(world.at('a').hub.stop(names))
  world.heal()
  await world.advance(60_000)
  t.same(stage.faults([]), [])
  t.equal(world.at('c').hub.count(), 0)
  await stage.close(t)
})

test('G9: who asks from another cluster hears that the process has died with its node (seed 6796)', async (t) => {
  const stage = await Children.open(2)
  const { world } = stage
  const away = await stage.join('z', { cluster: 'other' })
  await stage.run(world.at('a').start(stage.worker, { name: 'x' }))
  await stage.run(world.at('a').ref(stage.worker, 'x').sendMe(tcp('z', 1805)))
  await stage.run(away.ref(stage.worker, 'x').sendMe(tcp('a', 1805)))
  await stage.run(world.at('a').ref(stage.worker, 'x').sendMe('b'))
  const down = world.at('a').once('nodedown', ({ node }) => node === 'b')
  world.crash('b')
  await world.run(down)
  await world.advance(1_000)
  // It has no deadline of its own.
  const asked = away.ref(stage.worker, 'x').sendMe(tcp('a', 1805))
  await t.rejects(stage.run(asked, 20_000), { code: /ERR_NO_PROCESS|ERR_STOPPED|ERR_LOST/ })
  await stage.close(t)
})
