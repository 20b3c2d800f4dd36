/** A node that leaves (acceptance 41 to 43, 46; faults 37, 45): what it ran is elsewhere, or named. */
import t, { type Test } from 'tap'
import type { MobilityNode } from '../../src/node/node.js'
import { genServer } from '../../src/process/gen-server.js'
import { type SimulatedWorld, simulate } from '../../src/testing.js'

/** A counter that can be silent, and can say that it may not move. */
const counter = genServer('counter', {
  init: (mayMove: boolean = true) => ({ count: 0, mayMove }),
  calls: {
    add: (self, by: number) => (self.state.count += by),
    allow: (self, mayMove: boolean) => (self.state.mayMove = mayMove),
    never: () => new Promise<number>(() => {}),
    hold: () => held.then(() => 0),
  },
  casts: {
    add: (self, by: number) => {
      self.state.count += by
    },
  },
  mayMove: (self) => (self.state.mayMove ? true : 'it is busy'),
})

/** What `hold` waits for. */
let held: Promise<unknown> = Promise.resolve()

const only = genServer('only', { init: () => ({}), calls: { where: (self) => self.node } })

interface Lab {
  readonly world: SimulatedWorld
  readonly names: string[]
}

/** Nodes a, b, c ... of one cluster with `count` counters p0, p1 ... on a. */
const open = async (nodes: string, count: number, seed = nodes): Promise<Lab> => {
  const world = simulate({ seed: `drain ${seed} ${count}` })
  for (const name of nodes) await world.node(name, { kinds: name === 'a' ? [counter, only] : [counter] })
  await world.advance(2_000)
  const names = Array.from({ length: count }, (_, i) => `p${i}`)
  await world.run(Promise.all(names.map((name) => world.at('a').start(counter, { name }))))
  await world.advance(50)
  return { world, names }
}

const placesOf = (node: MobilityNode, names: readonly string[]): string[] => [
  ...new Set(names.map((name) => node.whereis(name)?.node ?? 'nowhere')),
]

/** G11, G13: nothing is on the node, and each name is somewhere else, for everybody. */
const checkGone = (t: Test, { world, names }: Lab, from: string, to: readonly string[]): void => {
  t.same(world.at(from).list({ node: from }), [], 'it runs nothing')
  for (const other of to) t.same(placesOf(world.at(other), names).sort(), [...to].sort(), `as ${other} knows`)
}

t.test(
  '41: G3 G4 G9 G13: 200 processes leave under load, nothing acknowledged is lost, and the node can stop',
  async (t) => {
    const lab = await open('abc', 200)
    const { world, names } = lab
    const b = world.at('b')
    const sent = new Map<string, number>()
    const answers: Promise<unknown>[] = []
    let on = true
    const load = async (name: string, node: MobilityNode): Promise<void> => {
      const ref = node.ref(counter, name)
      while (on) {
        void ref.cast.add(1)
        answers.push(ref.call.add(1))
        sent.set(name, (sent.get(name) ?? 0) + 2)
        await world.sleep(7)
      }
    }
    const loads = names.map((name, i) => load(name, i % 2 === 0 ? b : world.at('c')))
    await world.advance(30)
    const drained = world.at('a').once('drained')
    const result = await world.run(world.at('a').drain())
    on = false
    await world.run(Promise.all(loads))
    t.same(
      (await Promise.allSettled(answers)).filter(({ status }) => status === 'rejected'),
      [],
      'every call answered',
    )
    t.equal(result.ok, true)
    t.same(result.left, [])
    t.same(new Set(result.moved.map(({ name }) => name)), new Set(names))
    t.match(await drained, { moved: 200, left: [] })
    await world.advance(100)
    checkGone(t, lab, 'a', ['b', 'c'])
    await world.run(world.at('a').stop())
    for (const name of names) t.equal(await world.run(b.ref(counter, name).call.add(0)), sent.get(name))
    await world.close()
  },
)

t.test('42: G13: 2 of 40 are silent: the 38 move, the 2 are named, in the time of one', async (t) => {
  const lab = await open('abc', 40)
  const { world, names } = lab
  for (const name of ['p3', 'p17'])
    void world
      .at('b')
      .ref(counter, name)
      .call.never()
      .catch(() => {})
  await world.advance(20)
  const result = await world.run(world.at('a').drain({ perProcessMs: 1_000, totalMs: 3_000 }))
  t.equal(result.ok, false)
  t.same(result.left.map(({ name, code }) => [name, code]).sort(), [
    ['p17', 'ERR_MOVE_TIMEOUT'],
    ['p3', 'ERR_MOVE_TIMEOUT'],
  ])
  t.equal(result.moved.length, 38)
  t.ok(result.ms < 1_500, `${result.ms} ms, and none waited for them`)
  await world.advance(100)
  t.same(placesOf(world.at('c'), ['p3', 'p17']), ['a'])
  t.equal(world.at('a').ready, false)
  t.same(
    placesOf(
      world.at('c'),
      names.filter((name) => !['p3', 'p17'].includes(name)),
    ).sort(),
    ['b', 'c'],
  )
  await world.close()
})

t.test('43: G13: what goes fast does not wait for what goes slowly', async (t) => {
  const { world } = await open('ab', 1)
  const slow = await world.run(world.at('a').start(counter, { name: 'slow' }))
  held = world.sleep(2_000)
  const answer = slow.call.hold()
  await world.advance(10)
  const draining = world.at('a').drain()
  await world.advance(100)
  t.equal(world.at('b').whereis('p0')?.node, 'b', 'the fast one serves elsewhere')
  t.equal(world.at('b').whereis('slow')?.node, 'a', 'the slow one has not left')
  const { ok, ms } = await world.run(draining)
  t.ok(ok && ms >= 1_900, `${ms} ms`)
  t.equal(await answer, 0, 'its handler ended in peace')
  await world.close()
})

t.test('46: G13: two nodes that leave at once give nothing to each other', async (t) => {
  const lab = await open('abcd', 30)
  const { world } = lab
  const more = Array.from({ length: 30 }, (_, i) => `q${i}`)
  await world.run(Promise.all(more.map((name) => world.at('b').start(counter, { name }))))
  const results = await world.run(Promise.all([world.at('a').drain(), world.at('b').drain()]))
  t.same(
    results.map(({ ok }) => ok),
    [true, true],
  )
  const places = results.flatMap(({ moved }) => moved.map(({ to }) => to))
  t.same([...new Set(places)].sort(), ['c', 'd'])
  await world.advance(50)
  checkGone(t, { world, names: [...lab.names, ...more] }, 'a', ['c', 'd'])
  checkGone(t, { world, names: [...lab.names, ...more] }, 'b', ['c', 'd'])
  await world.close()
})

t.test('46: G13: a rolling restart of five nodes loses nothing', async (t) => {
  const lab = await open('abcde', 60)
  const { world, names } = lab
  for (const leaver of 'abcde') {
    const { ok, left } = await world.run(world.at(leaver).drain())
    t.same([ok, left], [true, []], leaver)
    await world.run(world.at(leaver).stop())
    world.crash(leaver)
    await world.restart(leaver)
    await world.advance(1_000)
  }
  const a = world.at('a')
  for (const name of names) t.equal(await world.run(a.ref(counter, name).call.add(1)), 1)
  t.notOk(placesOf(a, names).includes('nowhere'))
  await world.close()
})

t.test('all members leave at once: what has no place waits, is named in the end, and runs on', async (t) => {
  const { world, names } = await open('ab', 5)
  const results = await world.run(Promise.all(['a', 'b'].map((name) => world.at(name).drain({ totalMs: 1_000 }))))
  t.same(results[1]?.ok, true, 'b has nothing')
  t.same(
    results[0]?.left.map(({ code }) => code),
    Array(5).fill('ERR_NO_PLACE'),
  )
  t.match(results[0]?.left[0]?.reason, /the time to drain was over: no member can take it/)
  t.equal(
    await world.run(
      world
        .at('b')
        .ref(counter, names[0] ?? '')
        .call.add(1),
    ),
    1,
  )
  world.at('a').uncordon()
  t.equal(world.at('a').ready, true)
  await world.close()
})

t.test('a node that is alone, and one whose members lack the kind, say so at once', async (t) => {
  const alone = await open('a', 2)
  t.match(await alone.world.run(alone.world.at('a').drain()), {
    ok: false,
    ms: 0,
    left: [{ code: 'ERR_NO_PLACE' }, {}],
  })
  await alone.world.close()
  const { world } = await open('ab', 1)
  await world.run(world.at('a').start(only, { name: 'stays' }))
  const { left, moved } = await world.run(world.at('a').drain())
  t.match(left, [{ name: 'stays', code: 'ERR_NO_PLACE' }])
  t.match(moved, [{ name: 'p0', to: 'b' }])
  await world.close()
})

t.test('33: one that says not now is asked again, and stays by name when it goes on saying so', async (t) => {
  const { world } = await open('ab', 0)
  const a = world.at('a')
  await world.run(a.start(counter, { name: 'soon', args: [false] }))
  await world.run(a.start(counter, { name: 'never', args: [false] }))
  const draining = a.drain({ perProcessMs: 2_000 })
  await world.advance(500)
  await world.run(a.ref(counter, 'soon').call.allow(true))
  const { left, moved, ms } = await world.run(draining)
  t.match(moved, [{ name: 'soon', to: 'b' }])
  t.match(left, [{ name: 'never', code: 'ERR_NOT_NOW' }])
  t.ok(ms >= 2_000 && ms < 2_500, `${ms} ms`)
  await world.close()
})

t.test('45: a cordoned node takes nothing in: no start, no arrival, until it is uncordoned', async (t) => {
  const { world } = await open('abc', 1)
  const b = world.at('b')
  const told = world.at('a').once('cordoned')
  b.cordon()
  await world.run(told)
  await t.rejects(world.run(b.start(counter, { name: 'x' })), { code: 'ERR_NODE_LEAVING', executed: 'no' })
  const ref = world.at('a').ref(counter, 'p0')
  await t.rejects(world.run(ref.sendMe('b')), { code: 'ERR_REFUSED' })
  t.equal(await world.run(ref.call.add(1)), 1)
  b.uncordon()
  t.match(await world.run(ref.sendMe('b')), { moved: true })
  await world.close()
})

t.test('37: what was on its way here when the drain began goes on, and so does a start', async (t) => {
  const { world } = await open('abc', 10)
  const b = world.at('b')
  const arriving = world.run(
    Promise.all([...Array(10).keys()].map((i) => world.at('a').ref(counter, `p${i}`).sendMe('b'))),
  )
  let drained: ReturnType<MobilityNode['drain']> | undefined
  let started: Promise<unknown> | undefined
  b.on('move', ({ phase }) => {
    started ??= b.start(counter, { name: 'young' })
    if (phase === 'prepared') drained ??= b.drain()
  })
  await Promise.allSettled([arriving])
  const result = await world.run(drained ?? Promise.reject(new Error('nothing was under way')))
  t.equal(result.ok, true)
  await world.run(started ?? Promise.reject(new Error('no start')))
  await world.advance(50)
  t.same(b.list({ node: 'b' }), [])
  t.notOk(placesOf(world.at('c'), ['young', ...[...Array(10).keys()].map((i) => `p${i}`)]).includes('nowhere'))
  await world.close()
})

for (const fault of ['crash', 'pause'] as const) {
  t.test(
    `G13: a member that takes them and ${fault}s meanwhile costs nobody its state: the others take the rest`,
    async (t) => {
      const { world, names } = await open('abc', 60, `abc ${fault}`)
      const struck = world.at('a').once('move', ({ phase, peer }) => phase === 'prepare' && peer === 'b')
      const draining = world.at('a').drain({ perProcessMs: 2_000 })
      await world.run(struck)
      world[fault]('b')
      const { left, moved } = await world.run(draining)
      await world.advance(15_000)
      const onC = moved.filter(({ to }) => to === 'c').map(({ name }) => name)
      t.same(
        left.map(({ name, code }) => `${name} ${code}`),
        [],
        'none is left',
      )
      const lost = names.filter((name) => !onC.includes(name))
      // What had gone to b before it was struck is b's to lose; what had not is on c.
      t.ok(lost.length < 30, `${lost.length} were on b`)
      for (const name of onC) t.equal(await world.run(world.at('c').ref(counter, name).call.add(1)), 1)
      if (fault === 'pause') world.resume('b')
      await world.close()
    },
  )
}

t.test('bad options are refused; asked twice, it is one drain; a stop ends it', async (t) => {
  const { world } = await open('ab', 1)
  const a = world.at('a')
  await t.rejects(a.drain({ totalMs: 0 }), { code: 'ERR_BAD_ARGUMENT', message: /totalMs of a drain/ })
  t.equal(a.ready, true, 'nothing has begun')
  void a
    .ref(counter, 'p0')
    .call.never()
    .catch(() => {})
  await world.advance(10)
  const twice = Promise.all([a.drain(), a.drain()])
  await world.advance(10)
  await world.run(a.stop())
  const [first, second] = await world.run(twice)
  t.equal(first, second)
  t.match(first.left, [{ name: 'p0', reason: /under way/ }])
  await t.rejects(a.drain(), { code: 'ERR_NODE_STOPPED' })
  await world.close()
})
