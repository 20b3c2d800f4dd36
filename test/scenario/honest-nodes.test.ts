/**
 * A `violation` says that somebody lies, a `conflict` that two own one name. Between honest nodes there is neither,
 * whatever the network loses: found by the soak, where messages, answers and acknowledgements met a process that had
 * gone home meanwhile.
 */
import t from 'tap'
import type { EventOf } from '../../src/base/events.js'
import { tcp } from '../../src/process/destination.js'
import { genServer } from '../../src/process/gen-server.js'
import { SIMULATED_PORT, type SimulatedWorld, simulate } from '../../src/testing.js'

const tally = genServer('tally', {
  init: () => ({ calls: 0, casts: 0 }),
  calls: {
    add: (self) => (self.state.calls += 1),
    read: (self) => self.state,
  },
  casts: {
    bump: (self) => {
      self.state.casts += 1
    },
  },
})

const HOME = ['a', 'b', 'c']

/** Everybody calls and casts while the process goes out and home, and links are cut. */
const travel = async (world: SimulatedWorld, trips: number): Promise<{ sent: number; answered: number }> => {
  const { random, clock } = world
  let [going, sent, answered] = [true, 0, 0]
  const clients = [...HOME, 'z'].map(async (node) => {
    const ref = world.at(node).ref(tally, 'x')
    while (going) {
      sent += 1
      await ref.cast.bump()
      await ref.call.add()
      answered += 1
      await new Promise<void>((resolve) => clock.after(1, resolve))
    }
  })
  const cuts = (async () => {
    while (going) {
      await new Promise<void>((resolve) => clock.after(random.between(1, 40), resolve))
      world.cut(random.pick([...HOME, 'z']), random.pick([...HOME, 'z']))
    }
  })()
  const move = async (to: string): Promise<void> => {
    const ref = world.at('a').ref(tally, 'x')
    while (
      !(await ref.sendMe(tcp(to, SIMULATED_PORT)).then(
        () => true,
        () => false,
      ))
    );
  }
  const moves = (async () => {
    for (let trip = 0; trip < trips; trip += 1) {
      await move('z')
      await move(random.pick(HOME))
    }
    going = false
  })()
  await world.run(Promise.all([moves, cuts, ...clients]), 600_000)
  return { sent, answered }
}

for (const seed of [1, 4, 5, 11]) {
  t.test(`G3, G9: out, home and cut links, seed ${seed}: nobody is blamed, nothing is lost`, async (t) => {
    const world = simulate({ seed, shape: { latencyMs: 2, jitterMs: 3 } })
    t.teardown(() => world.close())
    const blamed: EventOf<'violation' | 'conflict'>[] = []
    const options = { kinds: [tally], limits: { redialMs: 1, redialMsMax: 5 } }
    for (const name of [...HOME, 'z']) {
      const node = await world.node(name, { ...options, cluster: name === 'z' ? 'far' : 'main' })
      for (const type of ['violation', 'conflict'] as const) node.on(type, (event) => void blamed.push(event))
    }
    await world.run(world.at('a').start(tally, { name: 'x' }))
    await world.advance(100)
    await world.run(world.at('a').ref(tally, 'x').sendMe(tcp('z', SIMULATED_PORT)))
    const { sent, answered } = await travel(world, 40)
    t.same(await world.run(world.at('b').ref(tally, 'x').call.read()), { calls: answered, casts: sent })
    t.same(blamed, [])
    await world.advance(10_000)
    // It is at home, and z may still use it through the node where it is; the gateways of earlier trips are none.
    const home = world.at('a').whereis('x')?.node
    for (const name of HOME) {
      const { delegations, roads } = world.at(name).stats()
      if (name !== home) t.same({ delegations, roads }, { delegations: 0, roads: 0 }, `G12: ${name} keeps no way to z`)
    }
  })
}
