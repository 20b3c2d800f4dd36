/** Replicas of which one is active: exactly one, promoted once (scenario 62). */
import t from 'tap'
import type { PartitionPolicy } from '../../src/index.js'
import { coldSwap } from '../../src/index.js'
import { ReplicaStage } from '../fixtures/replica-stage.js'

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
  t.same(
    stage.lines.slice(told).filter(({ what }) => what !== 'here'),
    [],
    'nobody was told anything',
  )
  t.same(stage.problems('x', 2), [])
  await stage.close(t)
})

t.test('62: who has started it finds the active one in his next line, from whatever node', async (t) => {
  const stage = await ReplicaStage.open(4)
  for (const on of ['a', 'b', 'c', 'd']) {
    const node = stage.world.at(on)
    const started = node.hub.start({ kind: stage.member, name: `x${on}`, replicas: 3, active: 'one' })
    t.match(await stage.run(started), [{ ok: true }])
    t.equal(node.hub.lookup(`x${on}`)?.status, 'live')
    t.equal(await stage.run(node.ref(stage.member, `x${on}`).call.role()), 'active', on)
  }
  await stage.world.advance(1_000)
  await stage.close(t)
})

t.test('62: of one replica alone the next life is active, and nobody is between', async (t) => {
  const stage = await ReplicaStage.open(2)
  await stage.replicate('a', 'x', { replicas: 1, active: 'one' })
  const ref = stage.world.at('b').ref(stage.member, 'x')
  await t.rejects(stage.run(ref.call.crash()), { code: 'ERR_CRASHED' })
  await stage.world.advance(2_000)
  t.same(stage.told('x#1'), ['active', 'end', 'active'])
  t.equal(await stage.run(ref.call.role()), 'active')
  t.same(
    stage.heard('promoted').map(({ from, to }) => [from, to]),
    [
      ['', 'x#1'],
      ['', 'x#1'],
    ],
  )
  await stage.close(t)
})

t.test('62: they crash and their nodes die, one after the other: never two, and one at the end', async (t) => {
  const stage = await ReplicaStage.open(5)
  await stage.replicate('b', 'x', { replicas: 3, active: 'one' })
  for (let i = 0; i < 6; i++) {
    const active = stage.active('x')
    const at = stage.at(active)
    if (i % 2 === 0)
      void stage.world
        .at(at)
        .ref(stage.member, active)
        .call.crash()
        .catch(() => {})
    else stage.crash(at)
    await stage.world.advance(i % 2 === 0 ? 2_000 : 9_000)
    t.not(stage.active('x'), active, 'another one is active')
    t.same(stage.problems('x', 3), [])
    if (i % 2 === 1) {
      stage.listen(await stage.world.restart(at), at)
      await stage.world.advance(5_000)
    }
  }
  t.equal(stage.heard('promoted').filter(({ from }) => from !== '').length, 6)
  await stage.close(t)
})

t.test('62: the home of the name dies at any moment of a promotion: the next one goes on, one is active', async (t) => {
  const homes = new Set<string>()
  for (let ms = 0; ms < 12; ms++) {
    const stage = await ReplicaStage.open(5, { seed: `home ${ms}` })
    await stage.replicate('a', 'x', { replicas: 3, active: 'one' })
    const active = stage.active('x')
    const home = stage.heard('promoted')[0]?.node ?? ''
    homes.add(home)
    const from = stage.up().find(({ name }) => name !== home && name !== stage.at(active))
    from
      ?.ref(stage.member, active)
      .call.crash()
      .catch(() => {})
    await stage.world.advance(ms)
    stage.crash(home)
    await stage.world.advance(15_000)
    t.same(stage.problems('x', 3), [], `crash of the home after ${ms} ms`)
    t.not(stage.active('x'), '', `one is active, ${ms} ms`)
    t.equal(stage.lines.filter((line) => line.name === active && line.what === 'active').length <= 2, true)
    await stage.close(t)
  }
  t.ok(homes.has('') === false, 'the home is known')
})

const MAJORITY: PartitionPolicy = { quorum: 'majority', size: 5 }

t.test(
  '62, 53: under a quorum the smaller side promotes nobody, the larger one does, and they agree again',
  async (t) => {
    const stage = await ReplicaStage.open(5, { partition: MAJORITY })
    await stage.world.advance(8_000)
    t.match(await stage.replicate('a', 'x', { replicas: 3, active: 'one' }, { guide: { x: ['a', 'c', 'd'] } }), [
      { ok: true },
    ])
    const active = stage.active('x')
    const alone = stage.at(active)
    const others = ['a', 'b', 'c', 'd', 'e'].filter((name) => name !== alone)
    stage.world.partition([alone], others)
    await stage.world.advance(20_000)
    t.same(
      stage.heard('promoted', alone).filter(({ from }) => from !== ''),
      [],
      'no promotion by who is alone',
    )
    const now = stage.replicas('x', stage.world.at(others[0] ?? '')).filter(({ role }) => role === 'active')
    t.match(now, [{ status: 'live' }])
    t.not(now[0]?.name, active)
    stage.world.heal()
    await stage.world.advance(20_000)
    t.same(stage.active('x'), now[0]?.name)
    t.equal(await stage.run(stage.world.at(alone).ref(stage.member, 'x').call.name()), now[0]?.name)
    for (const { name } of stage.replicas('x')) {
      const role = await stage.run(stage.world.at('b').ref(stage.member, name).call.role())
      t.equal(role, name === now[0]?.name ? 'active' : 'passive', name)
    }
    await stage.close(t)
  },
)

t.test(
  '62: both sides of a diverge cluster have an active one; when they meet one stays, the other is told',
  async (t) => {
    const stage = await ReplicaStage.open(4)
    await stage.replicate('a', 'x', { replicas: 2, active: 'one' }, { guide: { x: ['a', 'c'] } })
    stage.world.partition(['a', 'b'], ['c', 'd'])
    await stage.world.advance(20_000)
    const sides = ['a', 'c'].map(
      (on) => stage.replicas('x', stage.world.at(on)).find(({ role }) => role === 'active')?.name,
    )
    t.same([...sides].sort(), ['x#1', 'x#2'], 'one each')
    stage.world.heal()
    await stage.world.advance(20_000)
    const kept = stage.active('x')
    t.not(kept, '')
    const roles = new Map<string, string>()
    for (const name of ['x#1', 'x#2'])
      roles.set(name, await stage.run(stage.world.at('b').ref(stage.member, name).call.role()))
    t.same(
      [...roles].filter(([, role]) => role === 'active'),
      [[kept, 'active']],
    )
    t.equal(
      stage.replicas('x').every(({ status }) => status === 'live'),
      true,
    )
    await stage.close(t)
  },
)

t.test(
  '62: one on each member, one active: who joins is passive, and a drain of the active one promotes once',
  async (t) => {
    const stage = await ReplicaStage.open(3)
    await stage.replicate('a', 'x', { replicas: 'all', active: 'one' })
    const active = stage.active('x')
    await stage.join('d')
    await stage.world.advance(5_000)
    t.same(stage.problems('x', 4), [])
    t.equal(stage.active('x'), active)
    const at = stage.at(active)
    stage.events.splice(0)
    const { ok, moved, left } = await stage.run(stage.world.at(at).drain())
    t.match({ ok, moved, left }, { ok: true, moved: [], left: [] }, 'it has ended in order')
    t.equal(stage.told(active).at(-1), 'end')
    await stage.world.advance(100)
    t.equal(stage.heard('promoted').length, 1)
    await stage.run(stage.world.at(at).stop())
    stage.crash(at)
    await stage.world.advance(5_000)
    t.same(stage.problems('x', 3), [])
    t.equal(stage.heard('promoted').length, 1)
    await stage.close(t)
  },
)

t.test('62: a cold swap is an end: it promotes, and nobody is active beside it', async (t) => {
  const stage = await ReplicaStage.open(3, { hub: { migration: coldSwap() } })
  for (let i = 0; i < 12; i++) await stage.replicate('a', `g${i}`, { replicas: 2, active: 'one' })
  await stage.join('d')
  await stage.world.advance(10_000)
  t.ok(stage.heard('migrated').length > 3)
  for (let i = 0; i < 12; i++) t.same(stage.problems(`g${i}`, 2), [])
  await stage.close(t)
})

t.test(
  '62: calls by the name go on over a promotion: each ends, and none is answered by a passive one for long',
  async (t) => {
    const stage = await ReplicaStage.open(4)
    await stage.replicate('b', 'x', { replicas: 3, active: 'one' })
    const before = stage.active('x')
    const answers: string[] = []
    const calls: Promise<unknown>[] = []
    const ref = stage.world.at('a').ref(stage.member, 'x')
    for (let i = 0; i < 40; i++) {
      const said = (answer: string) => answers.push(answer)
      calls.push(ref.call.name().then(said, ({ code }) => said(code)))
      if (i === 20)
        stage.world
          .at('a')
          .ref(stage.member, before)
          .call.crash()
          .catch(() => {})
      await stage.world.advance(5)
    }
    await stage.run(Promise.all(calls))
    t.equal(answers.length, 40)
    const after = stage.active('x')
    t.not(after, before)
    t.ok(
      answers.slice(0, 20).every((answer) => answer === before),
      `before: ${answers}`,
    )
    t.ok(
      answers.slice(25).every((answer) => answer === after),
      `after: ${answers}`,
    )
    await stage.close(t)
  },
)
