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
  for (let at = 0; at <= 5; at += 0.5) {
    const limits = {
      endedMs: 6_000,
      delegationIdleMs: 4_000,
      relayAgeMs: 4_000,
      downMs: 2_500,
      heartbeatMs: 250,
      suspectMs: 750,
    }
    const stage = await Children.open(2, { seed: `children ${at}`, limits: { ...limits, refusedMs: 500 } })
    const { world } = stage
    const away = await stage.join('z', { cluster: 'other' })
    await stage.run(world.at('a').start(stage.worker, { name: 'x' }))
    await stage.run(world.at('a').ref(stage.worker, 'x').sendMe(tcp('z', 1805)))
    await stage.run(away.ref(stage.worker, 'x').sendMe(tcp('a', 1805)))
    const down = world.at('a').once('nodedown', ({ node }) => node === 'b')
    // It is asked to come again while it leaves, and dies where it went before anybody has told of that.
    const moved = world.at('a').ref(stage.worker, 'x').sendMe('b')
    await world.advance(at)
    const asked = away.ref(stage.worker, 'x').sendMe(tcp('a', 1805))
    const ended = asked.then(
      () => 'moved',
      ({ code }: { code: string }) => code,
    )
    await stage.run(moved)
    world.crash('b')
    await world.run(down)
    // It has no deadline of its own.
    t.match(await stage.run(ended, 30_000), /^ERR_(NO_PROCESS|STOPPED|LOST|MOVING)$/, `asked after ${at} ms`)
    await stage.close(t)
  }
})
