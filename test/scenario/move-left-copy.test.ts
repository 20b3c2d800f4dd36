/**
 * The inert copy of a move that was given up stays where nobody can tell it so. It must not be in the way of the next
 * owner's move, and the next owner is no liar. Found by the soak.
 */
import t from 'tap'
import type { EventOf } from '../../src/base/events.js'
import { OddStage } from '../fixtures/odd-stage.js'

t.test('G6: a node that holds an old inert copy takes the process from its next owner', async (t) => {
  const stage = await OddStage.open('a copy that was left', ['a', 'b', 'c'])
  const blamed: EventOf<'violation'>[] = []
  for (const name of ['a', 'b', 'c']) stage.node(name).on('violation', (event) => void blamed.push(event))
  const x = await stage.start()
  t.equal(await stage.run(x.call.add()), 1)
  // b hears nothing of the end of the move; a has it from the holder.
  const hears = [stage.points.lose('PREPARED', 'b', 'a'), stage.points.lose('ABORT', 'a', 'b')]
  t.equal(await stage.run(stage.move('b', 500)), 'ERR_MOVE_TIMEOUT')
  t.equal(stage.node('b').stats().arrivals, 1, 'b holds the copy')
  t.equal(await stage.run(stage.move('c')), 'ok')
  t.equal(await stage.run(x.call.add()), 2)
  t.equal(await stage.within(400, stage.move('b')), 'ok')
  t.equal(await stage.run(x.call.add()), 3)
  t.equal(stage.node('a').whereis('x')?.node, 'b')
  for (const again of hears) again()
  await stage.world.advance(20_000)
  t.equal(await stage.run(x.call.add()), 4)
  t.same(blamed, [])
  t.equal(stage.node('b').stats().arrivals, 0)
  await stage.world.close()
})

t.test('G2: a source that has not heard yet blames nobody who tells it that its process has arrived', async (t) => {
  const stage = await OddStage.open('heard before the source', ['a', 'b', 'c'])
  const blamed: EventOf<'violation'>[] = []
  for (const name of ['a', 'b', 'c']) stage.node(name).on('violation', (event) => void blamed.push(event))
  const x = await stage.start('b')
  t.equal(await stage.run(stage.move('c', 5_000, 'x', 'b')), 'ok')
  const commits = stage.points.arm({ frame: 'COMMIT', from: 'c', to: 'a' })
  const moving = stage.move('a', 5_000, 'x', 'b')
  await stage.run(commits)
  stage.world.partition(['c'], ['a'])
  await stage.world.advance(50)
  t.equal(stage.node('b').whereis('x')?.node, 'a')
  // On a new link b tells c where the process is that it had once.
  stage.world.cut('b', 'c')
  await stage.world.advance(500)
  t.equal(stage.node('c').stats().departures, 1, 'c has not heard of the arrival')
  t.same(blamed, [])
  stage.world.heal()
  t.equal(await stage.within(20_000, moving), 'ok')
  t.equal(await stage.run(x.call.add()), 1)
  t.same(blamed, [])
  await stage.world.close()
})

t.test('G6: a word on a move that was given up comes after the end of the process: nobody is blamed', async (t) => {
  const stage = await OddStage.open('a late abort', ['a', 'b', 'c'])
  const blamed: EventOf<'violation'>[] = []
  for (const name of ['a', 'b', 'c']) stage.node(name).on('violation', (event) => void blamed.push(event))
  const x = await stage.start()
  const deaf = [stage.points.lose('PREPARED', 'b', 'a'), stage.points.lose('ABORT', 'a', 'b')]
  t.equal(await stage.run(stage.move('b', 500)), 'ERR_MOVE_TIMEOUT')
  // a answers each PREPARED that b repeats; its answers, and the news of the end between them, take long.
  stage.world.network.shape('a', 'b', { latencyMs: 2_000 })
  const first = stage.points.arm({ frame: 'PREPARED', from: 'b', to: 'a' })
  for (const again of deaf) again()
  await stage.run(first)
  await stage.run(x.stop())
  await stage.run(stage.points.arm({ frame: 'PREPARED', from: 'b', to: 'a' }))
  await stage.world.advance(20_000)
  t.equal(stage.node('b').stats().arrivals, 0)
  t.same(blamed, [])
  await stage.world.close()
})
