/**
 * Edges of a move that fails, or must not: a consent that outlasts the time of the move that asked for it, a
 * destination that stops between PREPARED and COMMIT, a slow line, and a copy that is woken and cannot have its
 * attachment back.
 */
import t from 'tap'
import { OddStage } from '../fixtures/odd-stage.js'

const NODES = { two: ['a', 'b'], three: ['a', 'b', 'c'] } as const

for (const [count, names] of Object.entries(NODES)) {
  t.test(`${count}: G6: mayMove outlasts the time of this move: it fails then, calls are answered`, async (t) => {
    const stage = await OddStage.open(`${count} mayMove 500`, names)
    const x = await stage.start()
    stage.odd.mayMove = () => new Promise(() => {})
    const moving = stage.move('b', 500)
    const call = stage.code(x.with({ timeoutMs: 20_000 }).call.add())
    t.equal(await stage.within(600, moving), 'ERR_MOVE_TIMEOUT')
    t.equal(await stage.within(10, call), 'ok')
    t.equal(await stage.within(1_000, stage.code(x.call.add())), 'ok')
    stage.odd = {}
    t.equal(await stage.run(stage.move('b')), 'ok', 'and it can move')
    t.equal(await stage.within(1_000, x.call.add()), 3)
    await stage.world.close()
  })
}

for (const [count, names] of Object.entries(NODES)) {
  for (const frame of ['PREPARED', 'COMMIT'] as const) {
    t.test(`${count}: G6: D stops in order as ${frame} arrives: no rollback, S goes on as it was`, async (t) => {
      const stage = await OddStage.open(`${count} D stops ${frame}`, names)
      const x = await stage.start()
      const epoch = stage.node('a').whereis('x')?.epoch
      const events: string[] = []
      stage.node('a').on('rollback', ({ type }) => events.push(type))
      const [from, to] = frame === 'COMMIT' ? ['a', 'b'] : ['b', 'a']
      const stops = stage.points.arm({
        frame,
        from: from as string,
        to: to as string,
        before: () => stage.end('b', 'leaves'),
      })
      t.equal(await stage.within(5_000, stage.move('b')), 'ERR_REFUSED')
      await stops
      t.same(events, [])
      t.equal(await stage.within(1_000, x.call.add()), 1)
      t.match(await stage.within(10, x.call.local()), { on: 'a' })
      t.equal(stage.node('a').whereis('x')?.epoch, epoch)
      await stage.world.close()
    })
  }
}

t.test('G6 G10: a slow line, 256 kbit/s: a state of 400 KB moves, for something moves all the time (28)', async (t) => {
  const stage = await OddStage.open('slow line', ['a', 'b', 'c'])
  const x = await stage.start()
  t.equal(await stage.run(x.call.grow(400_000)), 400_000)
  stage.world.network.shape('a', 'b', { bytesPerMs: 32 })
  t.equal(await stage.within(30_000, stage.move('b')), 'ok')
  t.match(await stage.within(1_000, x.call.local()), { on: 'b' })
  await stage.world.close()
})

t.test('G5 G11: S wakes after the death of D, and its attach fails: the name has ended everywhere', async (t) => {
  const stage = await OddStage.open('wake fails', ['a', 'b', 'c'])
  await stage.start()
  stage.points.lose('ACTIVATED', 'b', 'a')
  stage.points.lose('REGISTERED', 'b', 'a')
  const moving = stage.move('b')
  await stage.world.advance(500)
  t.equal(stage.node('c').whereis('x')?.node, 'b')
  const monitor = stage.ref('c').monitor()
  stage.odd.attach = async () => {
    await stage.wait(1_000)
    throw new Error('no room')
  }
  stage.world.crash('b')
  await stage.world.advance(60_000)
  for (const name of ['a', 'c']) {
    t.equal(stage.node(name).whereis('x'), undefined, name)
    t.match(await stage.within(1_000, stage.code(stage.ref(name).call.add())), /^ERR_(?!UNREACHABLE)/, name)
  }
  t.not(await stage.within(10, monitor.down), 'late', 'who watches it hears of it')
  t.not(await stage.within(10, moving), 'late')
  await stage.world.close()
})
