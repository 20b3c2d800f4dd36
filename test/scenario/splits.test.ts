/** Splits of every shape heal: one cluster again, each name once, found from everywhere. */
import t from 'tap'
import { SplitStage } from '../fixtures/split-stage.js'

const NODES = ['a', 'b', 'c', 'd']

for (const sides of [
  [['a'], ['b']],
  [
    ['a', 'b'],
    ['c', 'd'],
  ],
  [['a'], ['b', 'c']],
  [['a'], ['b'], ['c']],
  [['a', 'd'], ['b'], ['c']],
]) {
  const shape = sides.map((side) => side.join('')).join(':')
  t.test(`split ${shape}: each name once afterwards, and nobody begins anew for ever`, async (t) => {
    const names = sides.flat().sort()
    const stage = await SplitStage.open(names)
    for (const node of names) await stage.start(node, `on ${node}`, 1)
    await stage.split(...sides)
    for (const node of names) t.equal(await stage.add(node, `on ${node}`), 2)
    await stage.heal(15_000)
    const reborn = stage.reborn()
    t.equal(new Set(reborn).size, reborn.length, 'each at most once', { reborn })
    // 1:1 and 2:2: the side with the first name stays; 2:1: the larger one.
    const stays = shape === 'a:bc' ? ['b', 'c'] : sides[0]
    t.same(
      names.filter((node) => !reborn.includes(node)),
      stays,
    )
    await stage.whole(
      t,
      names.map((node) => `on ${node}`),
    )
    for (const node of names) t.equal(await stage.add(names[0] ?? '', `on ${node}`), 3, 'the state survived')
    await stage.heal(20_000)
    t.same(stage.reborn(), reborn, 'and it stays so')
    await stage.close(t)
  })
}

t.test('fault 33: both sides start a name; scenario 57: the older word never wins afterwards', async (t) => {
  const stage = await SplitStage.open(['a', 'b', 'c'])
  await stage.start('c', 'x', 100)
  await stage.split(['a', 'b'], ['c'])
  await stage.start('a', 'x', 1)
  await stage.world.run(stage.ref('c', 'x').call.ring(60_000))
  await stage.world.run(stage.ref('c', 'x').cast.put('only here'))
  const epoch = stage.world.at('a').whereis('x')?.epoch ?? 0
  await stage.heal()
  t.same(stage.reborn(), ['c'])
  const conflicts = stage.on('conflict')
  t.same(
    conflicts.map(({ on, name, keptNode, keptEpoch }) => [on, name, keptNode, keptEpoch]),
    [['c', 'x', 'a', epoch]],
    'one event, where the copy stopped',
  )
  await stage.whole(t, ['x'])
  for (const node of ['a', 'b', 'c']) t.equal(stage.world.at(node).whereis('x')?.epoch, epoch)
  t.equal(await stage.add('c', 'x'), 2)
  const { log } = await stage.world.run(stage.ref('b', 'x').call.read())
  t.same(log, ['a 1'], 'nothing of the other life')
  // A second split, the other way round: what was superseded does not come back.
  await stage.split(['a', 'b'], ['c'])
  await stage.heal()
  t.equal(await stage.add('c', 'x'), 3)
  await stage.whole(t, ['x'])
  await stage.close(t)
})

t.test('scenario 54: both sides write, resolveConflict gets both states, all nodes see one result', async (t) => {
  const stage = await SplitStage.open(NODES)
  const { summer } = stage.kinds
  for (const name of ['x', 'y']) await stage.start('c', name, 100, summer)
  await stage.split(['a', 'b'], ['c'], ['d'])
  await stage.start('a', 'x', 1, summer)
  await stage.start('d', 'x', 10, summer)
  await stage.start('b', 'y', 7, summer)
  for (const node of ['a', 'c', 'd']) await stage.add(node, 'x', 1)
  await stage.heal(15_000)
  t.same(stage.reborn(), ['c', 'd'])
  await stage.whole(t, ['x', 'y'])
  for (const node of NODES) {
    const { count, log } = await stage.world.run(stage.ref(node, 'x').call.read())
    t.equal(count, 114)
    t.same(log, ['a 1', 'c 1', 'd 1'])
    t.equal((await stage.world.run(stage.ref(node, 'y').call.read())).count, 107)
  }
  t.same(
    stage
      .on('merged')
      .map(({ on, name, from, ok }) => `${on} ${name} from ${from} ${ok}`)
      .sort(),
    ['a x from c true', 'a x from d true', 'b y from c true'],
    'exactly once for each that stopped, and only where it runs',
  )
  await stage.close(t)
})

t.test('a resolveConflict that throws, or a state over a frame, is an event and changes nothing', async (t) => {
  const stage = await SplitStage.open(['a', 'b', 'c'])
  const { thrower, summer } = stage.kinds
  await stage.start('c', 'x', 100, thrower)
  await stage.start('c', 'y', 100, summer)
  await stage.split(['a', 'b'], ['c'])
  for (const [name, kind] of [
    ['x', thrower],
    ['y', summer],
  ] as const)
    await stage.start('a', name, 1, kind)
  await stage.world.run(stage.ref('c', 'y').cast.put('z'.repeat(900_000)))
  await stage.world.run(stage.ref('c', 'y').cast.put('z'.repeat(900_000)))
  await stage.heal()
  await stage.whole(t, ['x', 'y'])
  for (const name of ['x', 'y']) t.equal(await stage.add('b', name), 2)
  t.match(
    stage
      .on('merged')
      .map(({ on, name, ok, reason }) => [on, name, ok, reason])
      .sort(),
    [
      ['a', 'x', false, /cannot/],
      ['c', 'y', false, /frame/],
    ],
  )
  await stage.close(t)
})

t.test('a merge follows a process that moves meanwhile, and is done once', async (t) => {
  const stage = await SplitStage.open(['a', 'b', 'c'])
  const { summer } = stage.kinds
  await stage.start('c', 'x', 100, summer)
  await stage.split(['a', 'b'], ['c'])
  const x = await stage.start('a', 'x', 1, summer)
  stage.world.heal()
  const moving = (async () => {
    for (let i = 0; i < 60; i++) {
      await stage.codeOf(x.sendMe(i % 2 === 0 ? 'b' : 'a'))
      await stage.world.sleep(100)
    }
  })()
  await stage.world.run(moving)
  t.equal((await stage.world.run(stage.ref('c', 'x').call.read())).count, 101)
  t.equal(stage.on('merged').length, 1)
  await stage.close(t)
})

for (const [from, to] of [
  ['a', 'c'],
  ['c', 'a'],
] as const) {
  t.test(`scenario 56, fault 31: ${from} hears nothing of ${to}, one way: no lasting duplicate`, async (t) => {
    const stage = await SplitStage.open(['a', 'b', 'c'])
    for (const node of ['a', 'b', 'c']) await stage.start(node, `on ${node}`)
    stage.world.network.block(to, from)
    await stage.world.advance(12_000)
    stage.world.network.unblock(to, from)
    await stage.heal(15_000)
    const reborn = stage.reborn()
    t.equal(new Set(reborn).size, reborn.length, 'each at most once', { reborn })
    await stage.whole(t, ['on a', 'on b', 'on c'])
    await stage.close(t)
  })
}

t.test('scenario 55: 20 splits with 60 names: 60 live, 60 found on every node, no duplicates', async (t) => {
  const stage = await SplitStage.open(NODES)
  const names = Array.from({ length: 60 }, (_, i) => `n${String(i).padStart(2, '0')}`)
  const { world, kinds } = stage
  await world.run(
    Promise.all(names.map((name, i) => world.at(NODES[i % 4] ?? '').start(kinds.counter, { name, args: [i] }))),
  )
  await world.advance(100)
  let restarted = 0
  for (let round = 0; round < 20; round++) {
    const shuffled = world.random.shuffle(NODES)
    const cut = world.random.between(1, 3)
    const sides = [shuffled.slice(0, cut), shuffled.slice(cut)]
    await stage.split(...sides)
    // What ran beyond the cut is started on this side, some of it.
    for (const [i, side] of sides.entries()) {
      const on = side[0] ?? ''
      const missing = names.filter((name, j) => world.at(on).whereis(name) === undefined && (j + round + i) % 3 === 0)
      const starts = missing.map((name) => stage.codeOf(world.at(on).start(kinds.counter, { name, args: [0] })))
      const codes = await world.run(Promise.all(starts))
      restarted += codes.filter((code) => code === 'ok').length
    }
    await stage.heal(12_000)
    for (const node of NODES) t.equal(world.at(node).list().length, 60, `round ${round}: ${node} lists them all`)
  }
  t.comment(
    `${stage.reborn().length} new lives, ${restarted} starts beyond a cut, ${stage.on('conflict').length} conflicts`,
  )
  t.ok(restarted > 100 && stage.on('conflict').length > 0)
  await stage.whole(t, names)
  await stage.close(t)
})

t.test('fault 34: a link that flaps 200 ms on and off for a minute ends no life', async (t) => {
  const stage = await SplitStage.open(['a', 'b', 'c'])
  await stage.start('c', 'x')
  for (let i = 0; i < 150; i++) {
    stage.world.network.partition(['a'], ['c'], { resets: true })
    await stage.world.advance(200)
    stage.world.heal()
    await stage.world.advance(200)
  }
  await stage.heal(3_000)
  t.same(stage.on('nodedown'), [])
  t.same(stage.reborn(), [])
  await stage.whole(t, ['x'])
  await stage.close(t)
})

t.test('fault 35: links stop one by one and heal in any order', async (t) => {
  const stage = await SplitStage.open(NODES)
  for (const node of NODES) await stage.start(node, `on ${node}`)
  const { random } = stage.world
  const pairs = NODES.flatMap((a, i) => NODES.slice(i + 1).map((b) => [a, b] as const))
  for (let round = 0; round < 5; round++) {
    for (const [a, b] of random.shuffle(pairs)) {
      stage.world.partition([a], [b])
      await stage.world.advance(random.between(100, 1_500))
    }
    for (const [a, b] of random.shuffle(pairs)) {
      stage.world.heal([a], [b])
      await stage.world.advance(random.between(100, 1_500))
    }
    await stage.heal(20_000)
    await stage.whole(
      t,
      NODES.map((node) => `on ${node}`),
    )
  }
  t.comment(`${stage.reborn().length} new lives`)
  await stage.close(t)
})
