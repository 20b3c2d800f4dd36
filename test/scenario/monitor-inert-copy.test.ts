/** G8: the monitor of a node that holds the inert copy of a move that was given up. Found by the soak. */
import t from 'tap'
import { OddStage } from '../fixtures/odd-stage.js'

t.test('G8: a process ends while the node that watches it still holds an inert copy of it', async (t) => {
  const stage = await OddStage.open('inert and watched', ['a', 'b', 'c'])
  const x = await stage.start()
  await stage.world.advance(100)
  const { down } = stage.ref('b').monitor()
  // b hears nothing of the end of the move; a has it from the holder.
  const hears = [stage.points.lose('PREPARED', 'b', 'a'), stage.points.lose('ABORT', 'a', 'b')]
  t.equal(await stage.run(stage.move('b', 500)), 'ERR_MOVE_TIMEOUT')
  t.equal(stage.node('b').stats().arrivals, 1, 'b holds the copy')
  await stage.run(x.stop())
  await stage.world.advance(50)
  t.equal(stage.node('b').whereis('x'), undefined, 'b knows that it has ended')
  for (const again of hears) again()
  t.equal(await stage.within(20_000, down), 'normal')
  const { monitors, arrivals } = stage.node('b').stats()
  t.same({ monitors, arrivals }, { monitors: 0, arrivals: 0 })
  await stage.world.close()
})
