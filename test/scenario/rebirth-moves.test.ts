/** A node is declared dead in the middle of a move: its source, its destination, its holder; a host, a gateway. */
import t from 'tap'
import type { MovePhase } from '../../src/base/events.js'
import { tcp } from '../../src/process/destination.js'
import { SIMULATED_PORT } from '../../src/testing.js'
import { SplitStage } from '../fixtures/split-stage.js'

const PHASES: readonly (readonly [MovePhase, 'source' | 'destination' | 'holder'])[] = [
  ['freeze', 'source'],
  ['prepare', 'source'],
  ['begin', 'holder'],
  ['prepared', 'destination'],
  ['prepared', 'source'],
  ['commit', 'source'],
  ['activate', 'destination'],
  ['retire', 'source'],
]

const ENDS = /^(ok|ERR_(LOST|UNREACHABLE|REFUSED|IN_DOUBT|STOPPED|LINK_LOST|MOVE_TIMEOUT))$/

for (const cut of ['b', 'c', 'a'] as const) {
  t.test(`${cut} is cut off at each step of a move from b to c, and comes back as a new life`, async (t) => {
    for (const [phase, role] of PHASES) {
      const what = `${phase} at the ${role}`
      const stage = await SplitStage.open(['a', 'b', 'c', 'd'], { seed: `moves ${cut} ${what}` })
      const { world } = stage
      const x = await stage.start('b', 'x', 10)
      await stage.add('a', 'x')
      // Whoever holds the move: it is one of two.
      const others = stage.names.filter((name) => name !== cut)
      let isCut = false
      for (const name of stage.names)
        world.at(name).on('move', (event) => {
          if (isCut || event.phase !== phase || event.role !== role) return
          isCut = true
          world.partition([cut], others)
        })
      const moved = stage.codeOf(x.sendMe('c'))
      await world.advance(6_000)
      t.ok(isCut, what)
      await stage.heal(12_000)
      const code = await world.run(moved)
      t.match(code, ENDS, `${what}: the move has an end`)
      t.same(stage.reborn(), [cut], what)
      const listed = world.at('a').whereis('x')
      t.ok(listed !== undefined, `${what}: the name is not lost`)
      t.equal(await stage.code(stage.ref('d', 'x').call.read()), 'ok', `${what}: it answers`)
      const { count } = await world.run(stage.ref('d', 'x').call.read())
      t.equal(count, 11, `${what}: with its state`)
      await stage.whole(t, ['x'])
      await stage.close(t)
    }
  })
}

t.test('a guest of another cluster comes back with its host, and its callers at home follow', async (t) => {
  const stage = await SplitStage.open(['a', 'b', 'c'])
  const { world } = stage
  await stage.boot('h', { cluster: 'home' })
  await stage.start('h', 'g', 5)
  await world.run(stage.ref('h', 'g').sendMe(tcp('c', SIMULATED_PORT)))
  t.equal(await stage.add('h', 'g'), 6)
  // The way between home and its host is open all the time.
  await stage.split(['a', 'b'], ['c'])
  t.equal(await stage.add('h', 'g'), 7)
  await stage.heal(9_000)
  t.same(stage.reborn(), ['c'])
  t.equal(world.at('a').whereis('g')?.node, 'c')
  t.equal(await stage.add('h', 'g'), 8, 'the state survived, and its gateway knows where it is')
  await world.run(stage.ref('a', 'g').sendMe(tcp('h', SIMULATED_PORT)))
  t.equal(await stage.add('h', 'g'), 9, 'and it comes home')
  await stage.close(t)
})

t.test('a guest whose name was given to another process here ends, and home hears of it', async (t) => {
  const stage = await SplitStage.open(['a', 'b', 'c'])
  const { world } = stage
  await stage.boot('h', { cluster: 'home' })
  await stage.start('h', 'g', 5)
  await world.run(stage.ref('h', 'g').sendMe(tcp('c', SIMULATED_PORT)))
  await stage.split(['a', 'b'], ['c'])
  await stage.start('a', 'g', 100)
  const down = stage.ref('h', 'g').monitor().down
  await stage.heal(9_000)
  t.equal(await world.run(down), 'another life of it runs in its cluster')
  t.equal(world.at('h').whereis('g'), undefined)
  t.equal(await stage.add('b', 'g'), 101)
  await stage.close(t)
})

for (const stays of [false, true]) {
  t.test(
    `a gateway is declared dead: ${stays ? 'another member has taken over' : 'nobody else knew of it'}`,
    async (t) => {
      const stage = await SplitStage.open(['a', 'b', 'c'])
      const { world } = stage
      await stage.boot('h', { cluster: 'other' })
      await stage.start('c', 'g', 5)
      if (stays) await world.run(stage.ref('c', 'g').sendMe(tcp('h', SIMULATED_PORT)))
      await stage.split(['a', 'b'], ['c'])
      if (!stays) await world.run(stage.ref('c', 'g').sendMe(tcp('h', SIMULATED_PORT)))
      await stage.heal(9_000)
      t.same(stage.reborn(), ['c'])
      t.ok(world.at('a').whereis('g')?.via !== undefined, 'it is away')
      for (const [i, node] of ['a', 'b', 'c'].entries()) t.equal(await stage.add(node, 'g'), 6 + i)
      await world.run(stage.ref('a', 'g').sendMe(tcp('b', SIMULATED_PORT)))
      t.equal(await stage.add('c', 'g'), 9)
      await stage.close(t)
    },
  )
}
