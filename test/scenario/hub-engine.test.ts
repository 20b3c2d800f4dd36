/** Children of a cluster whose directory is on an engine: each name has one owner there, whoever looks after it. */
import t from 'tap'
import { EngineWorld, TTL_MS } from '../fixtures/engine-world.js'

const names = Array.from({ length: 30 }, (_, i) => `c:${i}`)

const NODES = ['a', 'b', 'c', 'd']

interface Stage {
  readonly world: EngineWorld
  /** Calls each child once. @returns what they say, in order */
  add(on: string): Promise<number[]>
  /** None is good: each child lives on the node that all these name. */
  wrong(...nodes: readonly string[]): string[]
  /** Children by node, as that node sees them. */
  spread(on: string): Readonly<Record<string, number>>
}

const open = async (seed: string, size: number): Promise<Stage> => {
  const world = new EngineWorld(seed)
  for (const name of NODES.slice(0, size)) await world.node(name)
  await world.advance(1_000)
  const hub = world.at('a').node.hub
  const outcomes = await world.run(hub.start(names.map((name) => ({ kind: world.counter, name }))))
  t.ok(outcomes.every(({ ok }) => ok))
  return {
    world,
    add: (on) => world.run(Promise.all(names.map((name) => world.ref(on, name).call.add(1)))),
    wrong: (...nodes) =>
      names.flatMap((name) => {
        const seen = new Set(
          nodes.map((node) => {
            const info = world.at(node).node.hub.lookup(name)
            return `${info?.status} on ${info?.node} of ${world.at(node).node.whereis(name)?.node}`
          }),
        )
        return seen.size === 1 && /^live on (\w+) of \1$/.test([...seen][0] ?? '') ? [] : [`${name}: ${[...seen]}`]
      }),
    spread: (on) => {
      const counts: Record<string, number> = {}
      for (const { node } of world.at(on).node.hub.list()) counts[node] = (counts[node] ?? 0) + 1
      return counts
    },
  }
}

const close = async ({ world }: Stage): Promise<void> => {
  t.same(world.faults(), [])
  t.same(
    world.events.filter(({ type }) => type === 'violation'),
    [],
  )
  await world.close()
}

t.test('G1 G3: children on an engine: a node joins and gets its share, with their state; one is drained', async (t) => {
  const stage = await open('engine join', 3)
  const { world } = stage
  t.same(new Set(await stage.add('b')), new Set([1]))
  await world.node('d')
  await world.advance(10_000)
  t.same(stage.wrong('a', 'b', 'c', 'd'), [])
  const moved = stage.spread('a').d ?? 0
  t.ok(moved > 2 && moved < 15, `${moved} of 30 went to the newcomer`)
  t.same(new Set(await stage.add('d')), new Set([2]))
  const { ok } = await world.run(world.at('b').node.drain())
  t.ok(ok)
  await world.advance(2_000)
  t.same(stage.wrong('a', 'c', 'd'), [])
  t.same(stage.spread('a').b, undefined)
  t.same(new Set(await stage.add('a')), new Set([3]))
  await close(stage)
})

t.test('G1: children on an engine: what ran on a node that is killed starts elsewhere, once', async (t) => {
  const stage = await open('engine kill', 3)
  const { world } = stage
  await stage.add('a')
  const lost = world.at('b').node.hub.list('local').length
  world.kill('b')
  await world.advance(4 * TTL_MS)
  t.same(stage.wrong('a', 'c'), [])
  const counts = await stage.add('a')
  t.equal(counts.filter((count) => count === 1).length, lost, 'they begin anew')
  t.equal(counts.filter((count) => count === 2).length, names.length - lost, 'the others do not notice')
  const taken = world.events.filter(({ type }) => type === 'takenover')
  t.equal(taken.length, lost)
  await close(stage)
})

t.test(
  'G1: children on an engine: a node that cannot reach it stands still, and its children go on elsewhere',
  async (t) => {
    const stage = await open('engine cut', 3)
    const { world } = stage
    await stage.add('a')
    world.at('b').way.set('down')
    await world.advance(5 * TTL_MS)
    t.same(stage.wrong('a', 'c'), [])
    const after = await stage.add('a')
    world.at('b').way.set('up')
    await world.advance(2 * TTL_MS)
    t.same(stage.wrong('a', 'b', 'c'), [])
    t.same(
      await stage.add('b'),
      after.map((count) => count + 1),
      'who comes back brings nothing of what others have taken',
    )
    await close(stage)
  },
)
