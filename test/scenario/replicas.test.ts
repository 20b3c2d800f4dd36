/** Replicas of a child: how many, where, which is active (scenario 62; 61 for the guide). */
import t from 'tap'
import { ReplicaStage } from '../fixtures/replica-stage.js'

t.test('62: replicas: 3 gives three copies on three nodes; a message for their name reaches one', async (t) => {
  const stage = await ReplicaStage.open(4)
  const [outcome] = await stage.replicate('a', 'x', { replicas: 3 })
  t.ok(outcome?.ok)
  t.same(stage.problems('x', 3), [])
  const { hub } = stage.world.at('d')
  t.equal(hub.count(), 3)
  t.same(
    hub.list().map(({ name, group, role, status }) => [name, group, role, status]),
    [1, 2, 3].map((n) => [`x#${n}`, 'x', 'active', 'live']),
  )
  t.same(
    hub.lookup('x')?.replicas?.map(({ name }) => name),
    ['x#1', 'x#2', 'x#3'],
  )
  t.equal(hub.select({ group: 'x', node: stage.at('x#2') }).length, 1)
  for (const node of stage.up()) {
    const answers = new Set<string>()
    for (let i = 0; i < 6; i++) answers.add(await stage.run(node.ref(stage.member, 'x').call.where()))
    const own = hub.select({ group: 'x', node: node.name }).length === 1
    t.same([...answers].sort(), own ? [node.name] : stage.nodesOf('x'), `from ${node.name}`)
    t.equal(stage.nodesOf('x').includes(node.whereis('x')?.node ?? ''), true)
  }
  await stage.close(t)
})

t.test('62: with two nodes two run and the third waits; it starts when a node joins', async (t) => {
  const stage = await ReplicaStage.open(2)
  const [outcome] = await stage.replicate('a', 'x', { replicas: 3 })
  t.ok(outcome?.ok)
  t.match(stage.world.at('b').hub.lookup('x#3'), {
    status: 'waiting',
    node: '',
    reason: /each node that could take it has another replica of x/,
  })
  t.same(stage.nodesOf('x'), ['a', 'b'])
  await stage.join('c')
  await stage.world.advance(10_000)
  t.same(stage.problems('x', 3), [])
  t.equal(stage.heard('migrated').length, 0, 'the newcomer takes the one that waited')
  await stage.close(t)
})

t.test('62: cluster-wide follows joins and leaves, and moves nothing', async (t) => {
  const stage = await ReplicaStage.open(3)
  await stage.replicate('a', 'x', { replicas: 'all' })
  t.same(stage.problems('x', 3), [])
  await stage.join('d')
  await stage.world.advance(6_000)
  t.same(stage.problems('x', 4), [])
  const former = stage.at('x#2')
  stage.crash(former)
  await stage.world.advance(8_000)
  t.same(stage.numbers('x'), ['x#1', 'x#3', 'x#4'])
  t.same(stage.problems('x', 3), [])
  stage.listen(await stage.world.restart(former), former)
  await stage.world.advance(8_000)
  t.same(stage.problems('x', 4), [])
  t.equal(stage.at('x#2'), former, 'the free number is given again')
  t.equal(stage.heard('migrated').length, 0)
  await stage.close(t)
})

t.test('62: active/passive: one is active; it crashes: another one is promoted, once, and calls go on', async (t) => {
  const stage = await ReplicaStage.open(4)
  await stage.replicate('b', 'x', { replicas: 3, active: 'one' })
  t.same(stage.problems('x', 3), [])
  const active = stage.active('x')
  for (const node of stage.up())
    t.equal(await stage.run(node.ref(stage.member, 'x').call.name()), active, `from ${node.name}`)
  stage.events.splice(0)
  await t.rejects(stage.run(stage.world.at('a').ref(stage.member, active).call.crash()), { code: 'ERR_CRASHED' })
  await stage.world.advance(3_000)
  t.not(stage.active('x'), active)
  t.same(
    stage.heard('promoted').map(({ name, from, to, on }) => [name, from, to, on]),
    [['x', active, stage.active('x'), stage.at(stage.active('x'))]],
  )
  t.same(stage.problems('x', 3), [])
  for (const node of stage.up()) t.equal(await stage.run(node.ref(stage.member, 'x').call.name()), stage.active('x'))
  t.same(stage.told(active), ['active', 'end', 'passive'], 'its next life is a passive one')
  await stage.close(t)
})

t.test('62: the node of the active one dies: one is promoted, once', async (t) => {
  const stage = await ReplicaStage.open(4)
  await stage.replicate('b', 'x', { replicas: 3, active: 'one' })
  const active = stage.active('x')
  stage.events.splice(0)
  stage.crash(stage.at(active))
  await stage.world.advance(10_000)
  t.same(
    stage.heard('promoted').map(({ from, to }) => [from, to]),
    [[active, stage.active('x')]],
  )
  t.same(stage.problems('x', 3), [])
  await stage.close(t)
})

t.test('62: a move, a join, a drain of the active one promote nobody, and repeat no role', async (t) => {
  const stage = await ReplicaStage.open(4)
  await stage.replicate('b', 'x', { replicas: 2, active: 'one' })
  const active = stage.active('x')
  const told = stage.lines.length
  const free = stage.up().find(({ name }) => !stage.nodesOf('x').includes(name))
  await stage.run(
    stage.world
      .at('a')
      .ref(stage.member, active)
      .sendMe(free?.name ?? ''),
  )
  await stage.join('e')
  await stage.world.advance(5_000)
  const { ok } = await stage.run(stage.world.at(stage.at(active)).drain())
  t.ok(ok)
  await stage.world.advance(2_000)
  t.equal(stage.active('x'), active)
  t.equal(stage.heard('promoted').length, 1, 'the first one, when they started')
  t.equal(stage.lines.length, told, 'nobody was told anything')
  t.same(stage.problems('x', 2), [])
  await stage.close(t)
})
