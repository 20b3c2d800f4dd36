/** What a flapping link makes of moves. Found by the soak: calls ended with time-outs, and moves in doubt. */
import t from 'tap'
import { OddStage } from '../fixtures/odd-stage.js'

t.test('G9: who holds an inert copy of a move that was given up still reaches the process', async (t) => {
  const stage = await OddStage.open('own calls past an inert copy', ['a', 'b', 'c'])
  await stage.start()
  // b hears nothing of the end of the move; a has it from the holder.
  const hears = [stage.points.lose('PREPARED', 'b', 'a'), stage.points.lose('ABORT', 'a', 'b')]
  t.equal(await stage.run(stage.move('b', 500)), 'ERR_MOVE_TIMEOUT')
  t.equal(stage.node('b').stats().arrivals, 1, 'b holds the copy')
  t.equal(await stage.within(50, stage.ref('b').call.add()), 1)
  for (const again of hears) again()
  await stage.world.close()
})

t.test('G3, G9: calls of the destination itself, before, in and after the move, are run once', async (t) => {
  const stage = await OddStage.open('own calls and a move', ['a', 'b', 'c'])
  await stage.start()
  const answers: unknown[] = []
  const moving = stage.move('b')
  for (let call = 1; call <= 30; call += 1) {
    void stage
      .ref('b')
      .call.add()
      .then((answer) => answers.push(answer))
    await stage.world.advance(1)
  }
  t.equal(await stage.run(moving), 'ok')
  await stage.world.advance(100)
  t.same(
    answers,
    Array.from({ length: 30 }, (_, index) => index + 1),
  )
  await stage.world.close()
})

for (const frame of ['COMMIT', 'ACTIVATED', 'PREPARED'] as const) {
  t.test(`G10: ${frame} is lost with its link, and said again as soon as there is a new one`, async (t) => {
    const stage = await OddStage.open(`again ${frame}`, ['a', 'b', 'c'])
    await stage.start()
    const [from, to] = frame === 'COMMIT' ? ['a', 'b'] : ['b', 'a']
    const lost = stage.points.arm({
      frame,
      from: from as string,
      to: to as string,
      keep: false,
      sever: true,
      before: () => stage.world.cut('a', 'b'),
    })
    const moving = stage.move('b')
    await stage.run(lost)
    const began = stage.world.clock.now()
    const up = stage.node('a').once('linkup', ({ peer }) => peer === 'b')
    await stage.run(up)
    t.ok(stage.world.clock.now() - began < 170, 'the link is up before the timers are due')
    const outcome = await stage.within(20, moving)
    // Before PREPARED came a broken link means to begin anew.
    t.equal(outcome, frame === 'PREPARED' ? 'ERR_LINK_LOST' : 'ok')
    await stage.world.advance(20)
    t.equal(stage.node('b').stats().arrivals, 0)
    t.equal(await stage.within(50, stage.ref('b').call.add()), 1)
    await stage.world.close()
  })
}

t.test('G3 G9: links that are cut as soon as they are up come back within a beat or two, each time', async (t) => {
  const stage = await OddStage.open('flapping', ['a', 'b'])
  await stage.start()
  const a = stage.node('a')
  for (let flap = 1; flap <= 12; flap += 1) {
    const up = a.once('linkup')
    stage.world.cut('a', 'b')
    const before = stage.world.clock.now()
    await stage.run(up)
    const tookMs = stage.world.clock.now() - before
    // heartbeatMs is a second, half of it may come on top by chance; the handshake takes some ms.
    t.ok(tookMs < 1_600, `flap ${flap}: ${Math.round(tookMs)} ms`)
    t.equal(await stage.within(500, stage.ref('b').call.add()), flap)
  }
  await stage.world.close()
})
