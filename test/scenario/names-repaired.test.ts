/**
 * What a member missed of the table of names, on a link that stayed up: found by the digests, repaired by a listing.
 * And what is no error, which must cost no listing.
 */
import t, { type Test } from 'tap'
import type { NodeEvent } from '../../src/base/events.js'
import type { MobilityNode } from '../../src/node/node.js'
import { type SimulatedWorld, simulate } from '../../src/testing.js'
import type { MessageOf } from '../../src/wire/messages.js'
import { Failpoints } from '../fixtures/failpoints.js'
import { type Rich, richKind } from '../fixtures/move-kinds.js'

type Repaired = Extract<NodeEvent, { type: 'repaired' }> & { readonly at: string; readonly ms: number }

interface Lab {
  readonly world: SimulatedWorld
  readonly points: Failpoints
  readonly rich: Rich
  readonly repaired: readonly Repaired[]
  start(on: string, name: string): Promise<void>
  digests(ask: MessageOf<'DIGEST'>['ask']): number
  /** All members name the same, in the same places. */
  agree(t: Test): void
}

const open = async (seed: string, names: readonly string[], entriesMaxOfLast?: number): Promise<Lab> => {
  const world = simulate({ seed })
  const points = new Failpoints(world, names)
  const rich = richKind()
  const repaired: Repaired[] = []
  const listen = (node: MobilityNode, at: string): void => {
    node.on('repaired', (event) => repaired.push({ ...event, at, ms: world.clock.now() }))
  }
  for (const name of names) {
    const few = name === names.at(-1) && entriesMaxOfLast !== undefined
    const limits = few ? { registryEntriesMax: entriesMaxOfLast } : {}
    listen(await world.node(name, { kinds: [rich], limits }), name)
  }
  await world.advance(10_000)
  return {
    world,
    points,
    rich,
    repaired,
    start: async (on, name) => void (await world.run(world.at(on).start(rich, { name }))),
    digests: (ask) => points.seen.filter(({ message }) => message.type === 'DIGEST' && message.ask === ask).length,
    agree: (t) => {
      const tables = world.running().map((name) =>
        world
          .at(name)
          .list()
          .map((one) => `${one.name} ${one.node} ${one.epoch}`)
          .sort(),
      )
      for (const table of tables) t.same(table, tables[0])
    },
  }
}

const REPAIR_MS = 5_000
/** Told in turn, seen for a while, asked again, listed. */
const withinMs = (nodes: number): number => (nodes - 1 + 2) * REPAIR_MS + 1_000

const settle = async (t: Test, lab: Lab, at: string): Promise<Repaired | undefined> => {
  const { world, repaired } = lab
  const began = world.clock.now()
  await world.advance(withinMs(world.running().length))
  const found = repaired.find((event) => event.at === at)
  t.ok(found !== undefined && found.ms > began, `${at} says that it has repaired something`)
  lab.agree(t)
  return found
}

t.test('G11 scenario 50: an addition that a member missed on a link that stays up is found', async (t) => {
  const lab = await open('lost addition', ['a', 'b', 'c'])
  const { world, points } = lab
  const again = points.lose('REGISTERED', 'a', 'c')
  for (const name of ['x', 'y']) await lab.start('a', name)
  await world.advance(100)
  again()
  await lab.start('a', 'z')
  await world.advance(100)
  t.match([world.at('c').whereis('x'), world.at('b').whereis('x')?.node], [undefined, 'a'])
  t.match(await settle(t, lab, 'c'), { peer: 'a', known: 1, told: 3, doubted: 0 })
  t.equal(world.at('c').whereis('x')?.node, 'a')
  t.equal(lab.repaired.length, 1, 'the others missed nothing')
  await world.advance(120_000)
  t.equal(lab.digests('listing'), 1)
  await world.close()
})

for (const forgotten of [false, true]) {
  const when = forgotten ? 'that nobody remembers any more' : 'of a while ago'
  t.test(`G11 scenario 50: a removal that a member missed is found, one ${when}`, async (t) => {
    const lab = await open('lost removal', ['a', 'b', 'c'])
    const { world, points } = lab
    for (const name of ['x', 'y']) await lab.start('a', name)
    await world.advance(100)
    const again = (['REGISTERED', 'DIGEST'] as const).map((frame) => points.lose(frame, 'a', 'c'))
    await world.run(world.at('a').ref(lab.rich, 'x').stop())
    await world.advance(forgotten ? 700_000 : 100)
    for (const end of again) end()
    t.match([world.at('c').whereis('x')?.node, world.at('b').whereis('x')], ['a', undefined])
    t.match(await settle(t, lab, 'c'), { peer: 'a', known: 2, told: 1, doubted: forgotten ? 1 : 0 })
    t.equal(world.at('c').whereis('x'), undefined)
    await lab.start('c', 'x')
    await world.advance(120_000)
    lab.agree(t)
    t.equal(lab.digests('listing'), 1)
    await world.close()
  })
}

t.test('G11 scenario 50: a move that a member missed is found', async (t) => {
  const lab = await open('lost move', ['a', 'b', 'c', 'd'])
  const { world, points } = lab
  for (const name of ['x', 'y', 'z']) await lab.start('a', name)
  await world.advance(100)
  const again = points.lose('REGISTERED', 'b', 'd')
  await world.run(world.at('a').ref(lab.rich, 'x').sendMe('b'))
  await world.advance(100)
  again()
  t.match([world.at('d').whereis('x')?.node, world.at('c').whereis('x')?.node], ['a', 'b'])
  await settle(t, lab, 'd')
  t.equal(world.at('d').whereis('x')?.node, 'b')
  t.ok(lab.digests('listing') <= 2, 'of the old owner, of the new one, or of both')
  await world.advance(120_000)
  t.ok(lab.digests('listing') <= 2)
  await world.close()
})

t.test('G11 scenario 50: a listing that is lost is asked for again', async (t) => {
  const lab = await open('lost listing', ['a', 'b'])
  const { world, points } = lab
  const again = points.lose('REGISTERED', 'a', 'b')
  await lab.start('a', 'x')
  await world.advance(100)
  again()
  const lost = points.arm({ frame: 'SYNC', from: 'a', to: 'b', keep: false })
  await world.run(lost, 60_000)
  await settle(t, lab, 'b')
  t.equal(lab.digests('listing'), 2)
  await world.close()
})

t.test(
  'G11: what moves, deaths and drains leave settles without a listing; a cluster at rest says little',
  async (t) => {
    const names = ['a', 'b', 'c', 'd', 'e']
    const lab = await open('quiet', names)
    const { world, rich } = lab
    const { random } = world
    const all = Array.from({ length: 60 }, (_, i) => `p${i}`)
    for (const name of all) await lab.start(random.pick(names), name)
    for (let round = 0; round < 100; round += 1) {
      const [from, to] = random.shuffle([...names])
      const mine = world
        .at(from as string)
        .list({ node: from as string })
        .slice(0, 8)
      for (const { name } of mine) {
        if (random.chance(0.7))
          world
            .at(from as string)
            .ref(rich, name)
            .sendMe(to as string)
            .catch(() => {})
        else if (random.chance(0.5))
          world
            .at(from as string)
            .ref(rich, name)
            .stop()
            .catch(() => {})
      }
      if (round % 25 === 10) world.cut(from as string, to as string)
      await world.advance(random.pick([1, 50, 700, 4_000]))
    }
    await world.run(world.at('e').drain())
    await world.run(world.at('e').stop())
    world.crash('d')
    await world.advance(60_000)
    lab.agree(t)
    t.ok(world.at('a').list().length > 5, 'some are left')
    const before = lab.digests('nothing')
    await world.advance(600_000)
    t.equal(lab.digests('nothing') - before, (3 * 600_000) / REPAIR_MS, 'one message a member in five seconds')
    t.same([lab.digests('digest') < 20, lab.digests('listing'), lab.repaired.length], [true, 0, 0])
    await world.close()
  },
)

t.test('G11, G15: what is beyond registryEntriesMax costs a listing now and then, and no more', async (t) => {
  const lab = await open('beyond', ['a', 'b'], 20)
  const { world, rich } = lab
  for (let i = 0; i < 30; i += 1) await lab.start('a', `p${i}`)
  await world.advance(600_000)
  t.equal(lab.digests('listing'), 1, 'nothing changes')
  for (let i = 0; i < 60; i += 1) {
    await lab.start('a', `q${i}`)
    await world.run(
      world
        .at('a')
        .ref(rich, `p${i % 30}`)
        .stop()
        .catch(() => {}),
    )
    await world.advance(20_000)
  }
  t.ok(lab.digests('listing') <= 8, `${lab.digests('listing')} in 20 minutes in which each difference is another one`)
  await world.close()
})
