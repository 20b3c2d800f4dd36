/** Replicas of a child: how many, where, which is active (scenario 62; 61 for the guide). */
import t from 'tap'
import { guided, leastLoaded } from '../../src/index.js'
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

t.test('62: all or none: one that does not start leaves none, and what started is stopped', async (t) => {
  const stage = await ReplicaStage.open(3)
  const [failed] = await stage.replicate('a', 'x', { replicas: 3, args: ['throw'] })
  t.match(failed, { ok: false, error: { code: 'ERR_START_FAILED' } })
  await stage.world.advance(2_000)
  t.same([stage.world.at('b').hub.count(), stage.world.at('b').stats().processes], [0, 0])
  t.ok((await stage.replicate('b', 'x', { replicas: 3 }))[0]?.ok, 'the name is free')
  t.same(stage.problems('x', 3), [])
  const other = { kind: stage.member, name: 'y', replicas: 2 }
  const bad = { kind: stage.member, name: 'bad', args: ['throw'] }
  const { hub } = stage.world.at('c')
  const outcomes = await stage.run(hub.start([other, bad], { onFailure: 'rollback' }))
  t.same(
    outcomes.map((one) => (one.ok ? 'ok' : one.error.code)),
    ['ERR_UNDONE', 'ERR_START_FAILED'],
  )
  t.same([hub.count(), hub.lookup('y'), hub.lookup('y#1')], [3, undefined, undefined])
  await stage.close(t)
})

t.test('62: its names are taken, and taken ones are not given', async (t) => {
  const stage = await ReplicaStage.open(3)
  const [a, b] = [stage.world.at('a'), stage.world.at('b')]
  const taken = { code: 'ERR_ALREADY_STARTED' }
  await stage.replicate('a', 'x', { replicas: 2 })
  for (const name of ['x', 'x#2']) {
    await t.rejects(stage.run(b.start(stage.member, { name })), taken, `node.start of ${name}`)
    t.match(await stage.replicate('b', name, {}), [{ ok: false, error: taken }], `hub.start of ${name}`)
  }
  t.match(await stage.replicate('b', 'x', { replicas: 3 }), [{ ok: false, error: taken }])
  await stage.run(a.start(stage.member, { name: 'plain' }))
  await stage.run(a.start(stage.member, { name: 'z#2' }))
  await stage.replicate('a', 'w#1', {})
  for (const name of ['plain', 'z', 'w']) {
    const outcome = await stage.replicate('b', name, { replicas: 2 })
    t.match(outcome, [{ ok: false, error: taken }], `replicas of ${name}`)
  }
  await stage.world.advance(3_000)
  t.same(
    b.hub.list().map(({ name }) => name),
    ['w#1', 'x#1', 'x#2'],
  )
  t.equal(b.whereis('z#1'), undefined, 'what had started is stopped')
  await stage.close(t)
})

t.test('62: two ask for one name at the same time, for a process and for replicas: one of them has it', async (t) => {
  for (let i = 0; i < 12; i++) {
    const stage = await ReplicaStage.open(3, { seed: `race ${i}` })
    const [one, two] = [stage.world.at('a'), stage.world.at('b')]
    const plain = one.start(stage.member, { name: 'x' }).then(
      () => true,
      () => false,
    )
    stage.world.clock.after(i % 4, () => {})
    if (i % 3 > 0) await stage.world.advance(i % 3)
    const both = Promise.all([plain, two.hub.start({ kind: stage.member, name: 'x', replicas: 2 })])
    const [isPlain, [group]] = await stage.run(both)
    t.not(isPlain, group?.ok, `seed race ${i}: one of them`)
    await stage.world.close()
  }
})

t.test('62: hub.stop stops all of it, and the names are free; one alone is refused', async (t) => {
  const stage = await ReplicaStage.open(3)
  await stage.replicate('a', 'x', { replicas: 3 })
  const { hub } = stage.world.at('b')
  await t.rejects(stage.run(hub.stop('x#2')), { code: 'ERR_BAD_ARGUMENT', message: /x#2.*replicas of x/ })
  await t.rejects(stage.run(hub.update('x#2', { tags: ['t'] })), { code: 'ERR_BAD_ARGUMENT' })
  t.match(await stage.run(hub.stop('x')), [{ ok: true }])
  for (const node of stage.up()) {
    t.same([node.hub.count(), node.list(), node.hub.lookup('x')], [0, [], undefined])
    t.equal(node.stats().processes, 0)
  }
  t.match(await stage.run(hub.stop('x')), [{ ok: true }], 'once more')
  await stage.replicate('c', 'x#1', {})
  await stage.run(stage.world.at('c').start(stage.member, { name: 'x' }))
  await stage.world.advance(100)
  t.equal(await stage.run(stage.world.at('a').ref(stage.member, 'x').call.name()), 'x')
  t.equal(await stage.run(stage.world.at('a').ref(stage.member, 'x#1').call.name()), 'x#1')
  await stage.close(t)
})

t.test('62: what makes no sense for several is refused, and says which to name', async (t) => {
  const stage = await ReplicaStage.open(3)
  await stage.replicate('a', 'x', { replicas: 2 })
  const node = stage.world.at('b')
  const which = { code: 'ERR_BAD_ARGUMENT', message: /x has replicas: say which, as x#1/ }
  await t.rejects(stage.run(node.ref(stage.member, 'x').sendMe('c')), which)
  await t.rejects(stage.run(node.ref(stage.member, 'x').stop()), which)
  t.throws(() => node.ref(stage.member, 'x').monitor(), which)
  const other = stage.nodesOf('x').find((at) => at !== stage.at('x#1')) ?? ''
  const refused = stage.run(node.ref(stage.member, 'x#1').sendMe(other))
  await t.rejects(refused, { code: 'ERR_REFUSED', message: /another replica of x/ }, 'no two of them on one node')
  const wrong = async (spec: object, code: string, why: RegExp) =>
    t.rejects(stage.replicate('a', 'y', spec), { code, message: why })
  for (const replicas of [0, -1, 1.5, 65, 'some'])
    await wrong({ replicas }, 'ERR_BAD_ARGUMENT', /replicas must be a whole number from 1 to 64, or 'all'/)
  await wrong({ replicas: 2, active: 'two' }, 'ERR_BAD_ARGUMENT', /active must be 'all' or 'one'/)
  await wrong({ active: 'one' }, 'ERR_BAD_ARGUMENT', /active needs replicas/)
  await wrong({ replicas: 2, restart: 'transient' }, 'ERR_BAD_ARGUMENT', /restart must be permanent/)
  await wrong({ name: 'y'.repeat(254), replicas: 9 }, 'ERR_NAME_INVALID', /its replicas have longer ones/)
  t.match(await stage.replicate('a', 'y'.repeat(253), { replicas: 1 }), [{ ok: true }], 'one is enough')
  await stage.close(t)
})

t.test('61: a guide has a node for each replica', async (t) => {
  const stage = await ReplicaStage.open(4)
  t.match(await stage.replicate('a', 'x', { replicas: 3 }, { guide: { x: ['d', 'a', 'c'] } }), [{ ok: true }])
  t.same(
    stage.replicas('x').map(({ node, nodes }) => [node, nodes]),
    [
      ['d', ['d']],
      ['a', ['a']],
      ['c', ['c']],
    ],
  )
  const wrong = (replicas: number | 'all', place: unknown, problem: string) => {
    const guide = { y: place } as never
    return t.rejects(stage.replicate('a', 'y', { replicas }, { guide }), { code: 'ERR_PLACEMENT', fields: { problem } })
  }
  await wrong(3, ['a', 'b'], 'wrong replica count')
  await wrong(2, 'a', 'wrong replica count')
  await wrong('all', ['a', 'b', 'c', 'd'], 'wrong replica count')
  await wrong(2, ['a', 'a'], 'invalid node')
  await wrong(2, ['a', 'nowhere'], 'invalid node')
  await stage.close(t)
})

t.test('62: every strategy places them apart', async (t) => {
  const first = { name: 'first', place: (_: unknown, nodes: readonly string[]) => nodes[0] }
  for (const placement of [leastLoaded(), guided({ x: ['a', 'b', 'c', 'd'] }), first]) {
    const stage = await ReplicaStage.open(4, { hub: { placement } })
    t.match(await stage.replicate('b', 'x', { replicas: 3 }), [{ ok: true }], placement.name)
    await stage.world.advance(100)
    t.same(stage.problems('x', 3), [], placement.name)
    await stage.close(t)
  }
})

t.test('60, 62: who joins gets its share of many groups, and never two of one', async (t) => {
  const stage = await ReplicaStage.open(4)
  const names = Array.from({ length: 40 }, (_, i) => `g${i}`)
  const specs = names.map((name) => ({ kind: stage.member, name, replicas: 3 }))
  const outcomes = await stage.run(stage.world.at('a').hub.start(specs))
  t.ok(outcomes.every(({ ok }) => ok))
  await stage.join('e')
  await stage.join('f')
  await stage.world.advance(10_000)
  for (const name of names) t.same(stage.problems(name, 3), [])
  const moved = stage.heard('migrated')
  t.ok(moved.length > 20 && moved.every(({ to }) => to === 'e' || to === 'f'), `${moved.length} moves`)
  t.same(stage.heard('stayed'), [], 'nobody was sent to where he is refused')
  for (const node of stage.up()) t.same(node.hub.plan(), [], 'nobody should be elsewhere')
  await stage.close(t)
})

t.test('62: a drain: what has another place goes there, what has none is named and ends with its node', async (t) => {
  const stage = await ReplicaStage.open(3)
  await stage.replicate('a', 'two', { replicas: 2 })
  await stage.replicate('a', 'x', { replicas: 3 })
  const began = stage.world.clock.now()
  const { left } = await stage.run(stage.world.at('c').drain())
  t.ok(stage.world.clock.now() - began < 2_000, 'nobody waits for a place that cannot come')
  t.match(left, [{ name: /^x#/, code: 'ERR_NO_PLACE', reason: /another replica of x/ }])
  await stage.world.advance(100)
  t.same(stage.problems('two', 2), [])
  t.notOk(stage.nodesOf('two').includes('c'))
  await stage.run(stage.world.at('c').stop())
  stage.crash('c')
  await stage.world.advance(3_000)
  t.same(stage.problems('x', 2), [])
  stage.listen(await stage.world.restart('c'), 'c')
  await stage.world.advance(8_000)
  t.same(stage.problems('x', 3), [])
  await stage.close(t)
})

t.test(
  '62: tags are those of the name; a replica that fails too often is parked alone, and started by a retry',
  async (t) => {
    const stage = await ReplicaStage.open(3, { hub: { restarts: { max: 0 } } })
    await stage.replicate('a', 'x', { replicas: 3, tags: ['old'] })
    const { hub } = stage.world.at('b')
    t.same((await stage.run(hub.update('x', { tags: ['new'] }))).tags, ['new'])
    await stage.world.advance(100)
    t.same(
      hub.tagged('new').map(({ name }) => name),
      ['x#1', 'x#2', 'x#3'],
    )
    const crash = () => stage.run(stage.world.at('a').ref(stage.member, 'x#2').call.crash())
    await t.rejects(crash(), { code: 'ERR_CRASHED' })
    await stage.world.advance(1_000)
    t.same(
      hub.parked().map(({ name }) => name),
      ['x#2'],
    )
    t.equal(hub.lookup('x')?.status, 'live')
    for (const name of ['x', 'x#2']) {
      t.equal((await stage.run(hub.retry(name))).status, 'live')
      await stage.world.advance(100)
      t.same(stage.problems('x', 3), [], `after the retry of ${name}`)
      await t.rejects(crash(), { code: 'ERR_CRASHED' })
      await stage.world.advance(1_000)
    }
    await stage.close(t)
  },
)

t.test('62: a process that sends to its own name reaches another one, or hears that there is none', async (t) => {
  const stage = await ReplicaStage.open(3)
  await stage.replicate('a', 'x', { replicas: 2 })
  await stage.replicate('a', 'one', { replicas: 1 })
  await stage.replicate('a', 'y', { replicas: 2, active: 'one' })
  const ask = (name: string) => stage.run(stage.world.at('a').ref(stage.member, name).call.ask(name.replace(/#.*/, '')))
  t.same([await ask('x#1'), await ask('x#2')], ['x#2', 'x#1'])
  await t.rejects(ask('one#1'), { code: 'ERR_CRASHED', message: /called itself/ })
  const active = stage.active('y')
  const passive = active === 'y#1' ? 'y#2' : 'y#1'
  t.equal(await ask(passive), active)
  await t.rejects(ask(active), { code: 'ERR_CRASHED' })
  await stage.world.advance(1_000)
  await stage.close(t)
})

t.test('62: replicas that each node declares are started once', async (t) => {
  const children = [{ kind: 'member', name: 'x', replicas: 2 }]
  const stage = await ReplicaStage.open(3, { children })
  // The first one waited for a second node.
  await stage.world.advance(6_000)
  t.same(stage.problems('x', 2), [])
  t.equal(stage.lines.filter(({ what }) => what === 'init').length, 2)
  await stage.close(t)
})

t.test('62: all members are told to count: no more children than childrenMax, replicas counted', async (t) => {
  const stage = await ReplicaStage.open(2, { limits: { childrenMax: 4 } })
  t.match(await stage.replicate('a', 'x', { replicas: 4 }), [{ ok: false, error: { code: 'ERR_OVERLOAD' } }])
  t.match(await stage.replicate('a', 'x', { replicas: 3 }), [{ ok: true }])
  await stage.close(t)
})
