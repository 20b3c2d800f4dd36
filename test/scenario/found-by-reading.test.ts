/** What a reading of all that was mended found, each as the events that show it. */
import t from 'tap'
import type { Limits } from '../../src/base/limits.js'
import { tcp } from '../../src/process/destination.js'
import { genServer } from '../../src/process/gen-server.js'
import { SIMULATED_PORT, type SimulatedWorld, simulate } from '../../src/testing.js'
import { Failpoints } from '../fixtures/failpoints.js'

/** `attach` throws on the nodes that are named. */
const adder = (tripsOn: readonly string[] = [], ran: string[] = []) =>
  genServer('adder', {
    init: () => ({ sum: 0 }),
    attach: (self) => {
      if (tripsOn.includes(self.node)) throw new Error('not here')
      return {}
    },
    calls: {
      add: (self, by: number, _filler: string = '') => {
        ran.push(self.node)
        self.state.sum += by
        return self.state.sum
      },
    },
  })

const away = (node: string) => tcp(node, SIMULATED_PORT)

/** Nodes by cluster: `{ home: ['a'], other: ['b'] }`. */
const open = async (
  seed: string,
  clusters: Readonly<Record<string, readonly string[]>>,
  kind = adder(),
  limits: Partial<Limits> = {},
): Promise<{ world: SimulatedWorld; kind: typeof kind; violations: string[] }> => {
  const world = simulate({ seed })
  const violations: string[] = []
  for (const [cluster, names] of Object.entries(clusters)) {
    for (const name of names) {
      const node = await world.node(name, { cluster, kinds: [kind], limits })
      node.on('violation', ({ peer, what }) => violations.push(`${name}: ${peer} ${what}`))
    }
  }
  await world.advance(3_000)
  return { world, kind, violations }
}

for (const [what, endedMs] of [
  ['its record has expired', 600_000],
  ['nothing is known of it any more', 30_000],
] as const) {
  t.test(`G1: where x was a guest ${what}: its home does not take that for its end`, async (t) => {
    const clusters = { home: ['a'], other: ['b'], third: ['c'] }
    const { world, kind } = await open(what, clusters, adder(), { endedMs })
    const x = await world.run(world.at('a').start(kind, { name: 'x' }))
    await world.run(x.sendMe(away('b')))
    await world.advance(1_000)
    world.partition(['a'], ['c'])
    await world.run(world.at('b').ref(kind, 'x').sendMe(away('c')))
    await world.advance(100_000)
    t.equal(world.at('b').whereis('x'), undefined, 'b has forgotten it')
    world.cut('a', 'b')
    await world.advance(20_000)
    await t.rejects(world.run(world.at('a').start(kind, { name: 'x' })), { code: 'ERR_ALREADY_STARTED' })
    t.equal(world.at('c').whereis('x')?.node, 'c')
    await world.close()
  })
}

for (const trips of [false, true]) {
  t.test(`G11: x comes from a clock that is ahead${trips ? ', and is refused: its name is free' : ''}`, async (t) => {
    const { world, kind, violations } = await open(
      'clock ahead',
      { home: ['a'], other: ['b', 'd', 'e'] },
      adder(trips ? ['b'] : []),
    )
    world.stepWall('a', 60_000)
    for (const name of ['x', 'y', 'z', 'q']) {
      const ref = await world.run(world.at('a').start(kind, { name }))
      const moved = await world.run(
        ref.sendMe(away('b')).then(
          () => 'moved',
          ({ code }) => code,
        ),
      )
      await world.advance(2_000)
      t.equal(moved, trips ? 'ERR_REFUSED' : 'moved')
      t.equal(world.at('d').whereis(name)?.node, trips ? undefined : 'b', `${name} as d sees it`)
      if (trips) await world.run(world.at('d').start(kind, { name }))
    }
    t.same(violations, [])
    await world.close()
  })
}

for (const reason of ['released', 'lost', 'moved', 'recovering', 'nodedown', 'delegation expired', 'not moved here']) {
  t.test(`G8 G11: a process may say '${reason}' at its end: it has ended, for all`, async (t) => {
    const { world, kind } = await open(`ends ${reason}`, { home: ['a', 'b', 'c'] })
    const x = await world.run(world.at('a').start(kind, { name: 'x' }))
    await world.advance(100)
    const downs: string[] = []
    void world
      .at('b')
      .ref(kind, 'x')
      .monitor()
      .down.then((why) => downs.push(why))
    await world.run(x.stop(reason))
    await world.advance(1_000)
    t.equal(downs.length, 1)
    t.match(downs[0], reason)
    for (const name of ['a', 'b', 'c']) t.equal(world.at(name).whereis('x'), undefined, name)
    await world.run(world.at('c').start(kind, { name: 'x' }))
    await world.close()
  })
}

t.test(
  'G9: a gateway that cannot relay a call does not say that it was not run: an earlier copy may have been',
  async (t) => {
    const ran: string[] = []
    const kind = adder([], ran)
    const world = simulate({ seed: 'bounced' })
    const points = new Failpoints(world, ['a', 'a2', 'b', 'd'])
    for (const name of ['a', 'a2']) await world.node(name, { cluster: 'home', kinds: [kind] })
    await world.node('b', { cluster: 'other', kinds: [kind] })
    await world.node('d', { cluster: 'other', kinds: [kind], limits: { frameBytesMax: 32_768, chunkBytes: 16_384 } })
    await world.advance(3_000)
    const x = await world.run(world.at('a').start(kind, { name: 'x' }))
    await world.run(x.sendMe(away('b')))
    await world.advance(2_000)
    const found = [points.lose('REPLY', 'b', 'a'), points.lose('ACK', 'b', 'a')]
    const call = world
      .at('a2')
      .ref(kind, 'x')
      .call.add(1, 's'.repeat(100_000))
      .catch((error) => error)
    await world.advance(100)
    t.same(ran, ['b'])
    points.lose('REPLY', 'd', 'a')
    await world.run(world.at('b').ref(kind, 'x').sendMe('d'))
    for (const end of found) end()
    const told = await world.run(call)
    t.match(told, { code: 'ERR_FRAME_TOO_LARGE', executed: 'maybe' })
    await world.close()
  },
)

t.test('G2 G11: S hears that x went on from D to M before it hears that D ran it: M keeps it', async (t) => {
  for (const name of ['x', 'y', 'z', 'p']) {
    const kind = adder()
    const world = simulate({ seed: `gone on ${name}` })
    const points = new Failpoints(world, ['a', 'b', 'm', 'h'])
    for (const node of ['m', 'h', 'a', 'b']) await world.node(node, { kinds: [kind] })
    await world.advance(3_000)
    const conflicts: unknown[] = []
    for (const node of ['a', 'b', 'm', 'h']) world.at(node).on('conflict', (event) => conflicts.push(event))
    const x = await world.run(world.at('a').start(kind, { name }))
    await world.advance(100)
    void points.arm({
      ...{ frame: 'ACTIVATED', from: 'b', to: 'a', keep: false, sever: true },
      before: () => world.partition(['a'], ['b']),
    })
    points.lose('REGISTERED', 'b', 'a')
    void x.sendMe('b').catch(() => undefined)
    await world.advance(15_000)
    world.at('b').decide(name, 'restore')
    await world.advance(100)
    await world.run(world.at('b').ref(kind, name).sendMe('m'))
    await world.advance(8_000)
    t.same(conflicts, [], name)
    t.equal(world.at('a').whereis(name)?.node, 'm')
    t.equal(await world.run(world.at('a').ref(kind, name).call.add(1)), 1)
    await world.close()
  }
})

t.test(
  'G11: a new gateway that is told where x went asks there, on a link that is up already (seed 12757)',
  async (t) => {
    const { world, kind, violations } = await open('told on the way', { home: ['a', 'g'], third: ['f'], other: ['b'] })
    const y = await world.run(world.at('a').start(kind, { name: 'y' }))
    await world.run(y.sendMe(away('b')))
    const x = await world.run(world.at('g').start(kind, { name: 'x' }))
    await world.run(x.sendMe(away('f')))
    await world.advance(100)
    await world.run(world.at('f').ref(kind, 'x').sendMe(away('b')))
    world.crash('g')
    await world.advance(500)
    await world.restart('g')
    await world.advance(5_000)
    t.match(world.at('a').whereis('x'), { node: 'a', via: 'b:1805' })
    t.equal(await world.run(world.at('a').ref(kind, 'x').call.add(1)), 1)
    t.same(violations, [], 'nobody is blamed')
    await world.close()
  },
)

t.test(
  'G11: a new gateway that asks while x is frozen has its answers when the move is given up (seed 12757)',
  async (t) => {
    const { world, kind } = await open('asked while frozen', { home: ['a', 'g'], third: ['f', 'c'], other: ['b'] })
    const points = new Failpoints(world, ['a', 'g', 'f', 'c', 'b'])
    const x = await world.run(world.at('g').start(kind, { name: 'x' }))
    await world.run(x.sendMe(away('f')))
    await world.advance(100)
    points.lose('BEGUN', 'c', 'f')
    const moving = world
      .at('f')
      .ref(kind, 'x')
      .sendMe(away('b'), { timeoutMs: 20_000 })
      .catch(({ code }) => code)
    await world.advance(100)
    // No power: f does not hear that the gateway has died.
    world.crash('g', { silent: true })
    await world.advance(15_000)
    t.equal(world.at('a').whereis('x')?.node, 'a', 'a is the gateway, and has asked')
    t.equal(await world.run(moving), 'ERR_MOVE_TIMEOUT')
    t.equal(await world.run(world.at('a').ref(kind, 'x').call.add(1)), 1)
    await world.close()
  },
)
