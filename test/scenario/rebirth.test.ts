/** A node that was declared dead while it lived begins a new life in place, and what ran there comes back with it. */
import t from 'tap'
import type { NodeEvent } from '../../src/base/events.js'
import { genServer } from '../../src/process/gen-server.js'
import { type SimulatedWorld, simulate } from '../../src/testing.js'

const LIMITS = { heartbeatMs: 250, suspectMs: 750, downMs: 2_500, refusedMs: 500, redialMs: 50, redialMsMax: 800 }

const counter = genServer('counter', {
  init: (start: number) => ({ count: start }),
  calls: { add: (self, by: number) => (self.state.count += by), where: (self) => self.node },
})

interface Seen {
  readonly world: SimulatedWorld
  readonly events: Array<NodeEvent & { readonly on: string }>
}

const open = async (names: readonly string[], seed = 'rebirth'): Promise<Seen> => {
  const world = simulate({ seed })
  const events: Seen['events'] = []
  for (const name of names) {
    const node = await world.node(name, { kinds: [counter], limits: LIMITS })
    node.on('*', (event) => events.push({ ...(event as NodeEvent), on: name }))
  }
  await world.advance(2_000)
  return { world, events }
}

t.test('scenario 51: a long cut, 2:1: the one that was alone comes back as a new life, with its process', async (t) => {
  const { world, events } = await open(['a', 'b', 'c'])
  const x = await world.run(world.at('c').start(counter, { name: 'x', args: [40] }))
  await world.run(x.call.add(1))
  const before = world.at('c').incarnation
  world.partition(['a', 'b'], ['c'])
  await world.advance(6_000)
  t.equal(world.at('a').whereis('x'), undefined, 'its name has ended there')
  t.equal(await world.run(x.call.add(1)), 42, 'it runs on, beyond the cut')
  world.heal()
  await world.advance(6_000)
  t.same(
    events.filter(({ type }) => type === 'reborn').map(({ on }) => on),
    ['c'],
  )
  t.ok(world.at('c').incarnation > before)
  t.same(world.at('a').nodes(), ['b', 'c'])
  t.same(world.at('c').nodes(), ['a', 'b'])
  t.equal(world.at('a').whereis('x')?.node, 'c')
  t.equal(await world.run(x.call.add(1)), 43, 'a ref of before goes on working')
  t.equal(await world.run(world.at('a').ref(counter, 'x').call.add(1)), 44)
  await world.close()
  for (const name of ['a', 'b', 'c']) t.equal(world.timers(name), 0)
})
