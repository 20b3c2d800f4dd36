/** Partitions under a quorum (acceptance 52, 53, 56): who sees too few runs nothing, loses nothing, starts nothing. */
import t, { type Test } from 'tap'
import { genServer, type NodeEvent, type PartitionPolicy } from '../../src/index.js'
import { type SimulatedWorld, simulate } from '../../src/testing.js'

interface Ran {
  readonly at: number
  readonly node: string
  readonly name: string
}

interface Lab {
  readonly world: SimulatedWorld
  readonly ran: Ran[]
  readonly events: NodeEvent[]
  readonly counter: ReturnType<typeof counterOf>
}

const counterOf = (world: SimulatedWorld, ran: Ran[]) =>
  genServer('counter', {
    init: () => ({ count: 0 }),
    calls: {
      add: (self) => {
        ran.push({ at: world.clock.now(), node: self.node, name: self.name })
        self.state.count += 1
        return self.state.count
      },
    },
  })

const open = async (nodes: string, partition: PartitionPolicy): Promise<Lab> => {
  const world = simulate({ seed: `quorum ${nodes} ${JSON.stringify(partition)}` })
  const ran: Ran[] = []
  const events: NodeEvent[] = []
  const counter = counterOf(world, ran)
  for (const name of nodes) {
    const node = await world.node(name, { kinds: [counter], partition })
    node.on('*', (event) => events.push(event as NodeEvent))
  }
  // A life gives no leases before it is as old as one.
  await world.advance(8_000)
  return { world, ran, events, counter }
}

/** Calls `name` from `node` until the end of the test, and never minds. */
const keepCalling = ({ world, counter }: Lab, node: string, name: string): void => {
  const ref = world.at(node).ref(counter, name).with({ timeoutMs: 500 })
  const again = (): void => {
    if (!world.running().includes(node)) return
    void ref.call.add().catch(() => {})
    world.clock.after(100, again)
  }
  again()
}

const ranOn = ({ ran }: Lab, node: string, from: number, to = Number.POSITIVE_INFINITY): number =>
  ran.filter((one) => one.node === node && one.at >= from && one.at < to).length

const MAJORITY: PartitionPolicy = { quorum: 'majority', size: 3 }

t.test('52: G1: split 2 to 1: the minority stops before the majority may take over, and refuses starts', async (t) => {
  const lab = await open('abc', MAJORITY)
  const { world, events, counter } = lab
  for (const node of 'abc') await world.run(world.at(node).start(counter, { name: `of ${node}` }))
  for (const node of 'abc') keepCalling(lab, node, `of ${node}`)
  await world.advance(500)
  const cutAt = world.clock.now()
  world.partition(['c'], ['a', 'b'])
  const frozen = world.at('c').once('quorum')
  t.match(await world.run(frozen), { serving: false })
  const frozenAt = world.clock.now()
  await t.rejects(world.run(world.at('c').start(counter, { name: 'late' })), { code: 'ERR_NO_QUORUM', executed: 'no' })
  t.equal(world.at('c').ready, false)
  const judged = world.at('a').once('registered', ({ name, status }) => name === 'of c' && status === 'ended')
  await world.run(judged)
  const judgedAt = world.clock.now()
  t.ok(frozenAt - cutAt < 7_000 && judgedAt - cutAt >= 9_000, `${frozenAt - cutAt}, then ${judgedAt - cutAt} ms`)
  // The majority goes on, and starts the name anew.
  t.equal(
    await world.run(
      world
        .at('b')
        .start(counter, { name: 'of c' })
        .then((ref) => ref.call.add()),
    ),
    1,
  )
  await world.advance(5_000)
  t.equal(ranOn(lab, 'c', frozenAt), 0, 'nothing ran on c since')
  for (const node of 'ab') t.ok(ranOn(lab, node, judgedAt) > 10, `${node} serves`)
  t.same(
    events.filter(({ type, node }) => type === 'quorum' && node !== 'c').length,
    2,
    'a and b began, and never froze',
  )
  await world.close()
})

t.test('52: G4: a short cut freezes the minority and loses nothing of it', async (t) => {
  const lab = await open('abc', MAJORITY)
  const { world, counter } = lab
  const ref = await world.run(world.at('c').start(counter, { name: 'x' }))
  t.equal(await world.run(ref.call.add()), 1)
  world.partition(['c'], ['a', 'b'])
  await world.run(world.at('c').once('quorum'))
  const waiting = ref.with({ timeoutMs: 20_000 }).call.add()
  await world.advance(1_000)
  t.equal(lab.ran.length, 1)
  world.heal()
  t.equal(await world.run(waiting), 2, 'what waited runs when it serves again')
  t.match(world.at('a').whereis('x'), { node: 'c' })
  await world.close()
})

t.test('G1: a node without a quorum stops in the time of one move, and runs no terminate', async (t) => {
  const world = simulate({ seed: 'stops' })
  const terminated: string[] = []
  const kind = genServer('kept', { init: () => 0, terminate: (self) => terminated.push(`${self.name} ${self.node}`) })
  for (const name of 'abc') await world.node(name, { kinds: [kind], partition: MAJORITY })
  await world.advance(8_000)
  for (let i = 0; i < 20; i++) await world.run(world.at('c').start(kind, { name: `p${i}` }))
  await world.run(world.at('a').start(kind, { name: 'of a' }))
  world.partition(['c'], ['a', 'b'])
  await world.run(world.at('c').once('quorum'))
  await world.run(world.at('c').stop(), 6_000)
  await world.run(world.at('a').stop())
  t.same(terminated, ['of a a'])
  world.crash('a')
  world.crash('c')
  await world.close()
})

t.test('53: majority: nobody serves before the cluster has begun, and readiness says when', async (t) => {
  const world = simulate({ seed: 'begin' })
  const counter = counterOf(world, [])
  const a = await world.node('a', { kinds: [counter], partition: MAJORITY })
  await world.advance(20_000)
  t.equal(a.ready, false)
  await t.rejects(world.run(a.start(counter, { name: 'x' })), { code: 'ERR_NO_QUORUM' })
  const begun = a.once('quorum', ({ serving }) => serving)
  await world.node('b', { kinds: [counter], partition: MAJORITY })
  await world.run(begun)
  t.equal(a.ready, true)
  await world.run(a.start(counter, { name: 'x' }))
  await world.close()
})

t.test(
  '53: majority: nodes that leave in order count no more; what is left below size waits for a reset',
  async (t) => {
    const lab = await open('abcde', MAJORITY)
    const { world, counter } = lab
    for (const node of ['e', 'd', 'c']) {
      await world.run(world.at(node).stop())
      world.crash(node)
      await world.advance(8_000)
    }
    t.equal(world.at('a').ready, true, 'two of three')
    await world.run(world.at('b').stop())
    world.crash('b')
    await world.advance(1_000)
    t.equal(world.at('a').ready, false, 'one of three')
    world.at('a').resetQuorum()
    t.equal(world.at('a').ready, true, 'an operator has said that nobody else is there')
    await world.run(world.at('a').start(counter, { name: 'x' }))
    await world.close()
  },
)

for (const [text, partition, sides] of [
  ['static: 3 of 5', { quorum: 'static', size: 3 }, ['ab', 'cde']],
  ['dynamic: 60 % of 5', { quorum: 'dynamic', percent: 60 }, ['ab', 'cde']],
  ['majority of 5', { quorum: 'majority', size: 3 }, ['ab', 'cde']],
  ['majority of 4: nobody', { quorum: 'majority', size: 4 }, ['ab', 'cd']],
] as const) {
  t.test(`53: G1: ${text} decides which side serves`, async (t: Test) => {
    const [left, right] = sides
    const { world } = await open(left + right, partition)
    world.partition([...left], [...right])
    await world.advance(30_000)
    const ready = (side: string): boolean[] => [...new Set([...side].map((node) => world.at(node).ready))]
    t.same(ready(left), [false])
    t.same(ready(right), [right.length > left.length])
    await world.close()
  })
}

t.test('56: G1: one way only: who is not heard stops, though it hears all others', async (t) => {
  const lab = await open('abc', MAJORITY)
  const { world, counter } = lab
  await world.run(world.at('c').start(counter, { name: 'x' }))
  keepCalling(lab, 'c', 'x')
  await world.advance(1_000)
  const cutAt = world.clock.now()
  for (const other of 'ab') world.network.block('c', other)
  await world.advance(9_500)
  t.ok(ranOn(lab, 'c', cutAt, cutAt + 5_000) > 10, 'its leases hold for a while')
  t.equal(ranOn(lab, 'c', cutAt + 7_100), 0, 'then it stops, before anybody can hold it for dead')
  await world.close()
})

t.test(
  '52: of two sides that hold each other for dead the one without a quorum gives way, however many it sees',
  async (t) => {
    const lab = await open('abc', MAJORITY)
    const { world, counter } = lab
    const ref = await world.run(world.at('a').start(counter, { name: 'x' }))
    await world.run(ref.call.add())
    world.partition(['c'], ['a', 'b'])
    await world.advance(20_000)
    // Three more join the minority: it sees four, and none of them may serve.
    for (const name of 'def') {
      world.partition([name], ['a', 'b'])
      await world.node(name, { kinds: [counter], partition: MAJORITY, join: ['c:1805'] })
    }
    await world.advance(10_000)
    t.same(
      [...'abcdef'].map((name) => world.at(name).ready),
      [true, true, false, false, false, false],
    )
    const before = world.at('a').incarnation
    world.heal()
    await world.advance(60_000)
    t.equal(world.at('a').incarnation, before)
    t.same(
      [...'abcdef'].map((name) => world.at(name).ready),
      Array(6).fill(true),
    )
    t.equal(await world.run(world.at('f').ref(counter, 'x').call.add()), 2)
    await world.close()
  },
)
