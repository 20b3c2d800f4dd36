/** Trees in a cluster: children that move, crowds of them, and trees that the hub places (G14, scenarios 14, 20). */
import { test } from 'tap'
import { supervisor } from '../../src/supervisor/supervisor.js'
import { QUICK } from '../fixtures/split-stage.js'
import { childOf, Trees } from '../fixtures/tree-stage.js'

test('G14: a child that moves is neither restarted nor counted; it is a child still, wherever it is', async (t) => {
  const stage = new Trees('moves')
  const sup = supervisor('sup', { intensity: 3, children: ['x', 'y'].map((id) => childOf(stage, id)) })
  const [a] = [await stage.node('a', [sup]), await stage.node('b', [sup])]
  const ref = await stage.run(a.start(sup, { name: 'sup' }))
  stage.told()
  const x = a.ref(stage.worker, 'sup/x')
  await stage.run(x.sendMe('b'))
  await stage.world.advance(1_000)
  t.same(stage.told(), [], 'nothing was started or stopped')
  t.same(stage.news(), [])
  t.equal(await stage.run(x.call.where()), 'b')
  t.equal(await stage.which(a, 'sup'), 'x: running, y: running')
  await stage.code(x.call.crash())
  await stage.world.advance(1_000)
  t.same(stage.news(), ['restart sup/x'], 'its crash is noticed, and counts')
  t.equal(await stage.run(x.call.where()), 'a', 'it is started where its supervisor is')
  await stage.run(x.sendMe('b'))
  t.equal(await stage.code(ref.call.terminateChild('x')), 'ok')
  t.equal(a.whereis('sup/x'), undefined, 'it is terminated where it is')
  await stage.run(ref.call.restartChild('x'))
  await stage.run(x.sendMe('b'))
  stage.world.crash('b')
  await stage.world.advance(20_000)
  t.equal(await stage.run(x.call.where()), 'a', 'the death of its node is an end as well')
  await stage.world.close()
})

test('G14: a supervisor stops its children that have moved, in order; it does not move itself', async (t) => {
  const stage = new Trees('stops abroad')
  const sup = supervisor('sup', { children: ['x', 'y', 'z'].map((id) => childOf(stage, id)) })
  const [a, b] = [await stage.node('a', [sup]), await stage.node('b', [sup])]
  const ref = await stage.run(a.start(sup, { name: 'sup' }))
  t.equal(await stage.code(ref.sendMe('b')), 'ERR_NOT_NOW')
  await stage.run(a.ref(stage.worker, 'sup/y').sendMe('b'))
  stage.told()
  await stage.run(a.stop())
  t.same(
    stage.told(),
    ['z', 'y', 'x'].flatMap((id) => [`terminate ${id} shutdown`, `over ${id}`]),
  )
  t.same(b.list(), [])
  await stage.world.close()
})

test('G14: a child elsewhere that does not end in its time is left behind, by name', async (t) => {
  const stage = new Trees('left behind')
  const sup = supervisor('sup', { children: [childOf(stage, 'x'), childOf(stage, 'y', { shutdown: 500 })] })
  const [a] = [await stage.node('a', [sup]), await stage.node('b', [sup])]
  const ref = await stage.run(a.start(sup, { name: 'sup' }))
  await stage.run(a.ref(stage.worker, 'sup/y').sendMe('b'))
  const hung = stage.said(a.ref(stage.worker, 'sup/y').with({ timeoutMs: 5_000 }).call.hang())
  await stage.world.advance(100)
  await stage.run(ref.stop('shutdown'))
  t.same(stage.news(), ['left_behind sup/y'])
  t.equal(a.whereis('sup'), undefined)
  t.equal(await stage.run(hung), 'ERR_TIMEOUT')
  await stage.world.close()
})

test('20: 2,000 dynamic starts at once, none is lost', async (t) => {
  const stage = new Trees('many')
  const sup = supervisor('sup')
  const [a] = [await stage.node('a', [sup]), await stage.node('b', [sup])]
  const ref = await stage.run(a.start(sup, { name: 'sup' }))
  const ids = Array.from({ length: 2_000 }, (_, i) => `c${i}`)
  const up = ref.with({ timeoutMs: 60_000 })
  const started = await stage.run(Promise.all(ids.map((id) => up.call.startChild({ id, kind: 'worker', args: [id] }))))
  t.same(
    started.map(({ name }) => name),
    ids.map((id) => `sup/${id}`),
  )
  t.same(await stage.run(ref.call.countChildren()), { specs: 2_000, active: 2_000, supervisors: 0, workers: 2_000 })
  t.same(
    (await stage.run(ref.call.whichChildren())).map(({ id }) => id),
    ids,
    'in the order of the calls',
  )
  t.equal(a.list({ kind: 'worker' }).length, 2_000)
  await stage.world.close()
})

test('14: 100 of 1,000 crash: each is started again, the others are untouched', async (t) => {
  const stage = new Trees('crowd')
  const ids = Array.from({ length: 1_000 }, (_, i) => `c${i}`)
  const sup = supervisor('sup', { intensity: 100, children: ids.map((id) => childOf(stage, id)) })
  const [a, b] = [await stage.node('a', [sup]), await stage.node('b', [sup])]
  await stage.run(a.start(sup, { name: 'sup' }))
  const epochs = new Map(a.list({ kind: 'worker' }).map(({ name, epoch }) => [name, epoch]))
  const victims = new Set(ids.filter((_, i) => i % 10 === 3).map((id) => `sup/${id}`))
  await stage.run(Promise.all([...victims].map((name) => stage.said(a.ref(stage.worker, name).call.crash()))))
  await stage.world.advance(1_000)
  for (const node of [a, b]) {
    const now = node.list({ kind: 'worker' })
    t.equal(now.length, 1_000)
    const fresh = now.filter(({ name, epoch }) => epoch !== epochs.get(name)).map(({ name }) => name)
    t.same(fresh.sort(), [...victims].sort(), `the registry of ${node.name} follows`)
  }
  await stage.world.close()
})

test('a supervisor that is a child of the cluster: its tree goes where it is placed, and placed again', async (t) => {
  const stage = new Trees('hub')
  const sup = supervisor('sup', { children: ['x', 'y'].map((id) => childOf(stage, id)) })
  for (const name of ['a', 'b', 'c']) await stage.node(name, [sup])
  await stage.world.advance(1_000)
  const a = stage.world.at('a')
  const [outcome] = await stage.run(a.hub.start({ kind: sup, name: 'tree', nodes: ['b', 'c'] }))
  t.equal(outcome?.ok, true)
  const place = (name: string) => a.whereis(name)?.node
  const first = place('tree') ?? ''
  t.same([place('tree/x'), place('tree/y')], [first, first])
  stage.told()
  stage.world.crash(first)
  await stage.world.advance(30_000)
  const second = place('tree')
  t.ok(second !== undefined && second !== first)
  t.same([place('tree/x'), place('tree/y')], [second, second])
  t.same(
    stage.told(),
    ['x', 'y'].flatMap((id) => [`init ${id}`, `up ${id}`]),
  )
  for (let i = 0; i < 2; i += 1) {
    await stage.code(a.ref(stage.worker, 'tree/x').call.crash())
    await stage.world.advance(1_000)
  }
  t.equal(a.hub.lookup('tree')?.status, 'live', 'too many restarts end the supervisor, and the hub starts it again')
  await stage.run(a.hub.stop('tree'))
  t.same(a.list(), [])
  stage.moods.set('y', ['throw'])
  const [bad] = await stage.run(a.hub.start({ kind: sup, name: 'bad' }))
  t.equal(bad?.ok === false && bad.error.code, 'ERR_START_FAILED')
  t.same(a.list(), [])
  await stage.world.close()
})

test('G14: a node that was declared dead comes back with its trees, and nothing is restarted', async (t) => {
  const stage = new Trees('reborn')
  const inner = supervisor('inner', { children: [childOf(stage, 'p')] })
  const sup = supervisor('sup', { children: [childOf(stage, 'x'), { id: 'in', kind: inner }] })
  for (const name of ['a', 'b', 'c']) await stage.node(name, [inner, sup], QUICK)
  await stage.world.advance(2_000)
  const c = stage.world.at('c')
  const ref = await stage.run(c.start(sup, { name: 'tree' }))
  stage.told()
  stage.world.partition(['a', 'b'], ['c'])
  await stage.world.advance(10_000)
  stage.world.heal()
  await stage.world.advance(20_000)
  t.equal(stage.events.filter(({ type }) => type === 'reborn').length, 1)
  t.same(stage.news(), [])
  t.same(stage.told(), [], 'nobody was started or stopped')
  t.equal(await stage.which(c, 'tree'), 'x: running, in: running')
  await stage.code(c.ref(stage.worker, 'tree/in/p').call.crash())
  await stage.world.advance(1_000)
  t.same(stage.news(), ['restart tree/in/p'], 'it looks after them as before')
  stage.told()
  await stage.run(ref.stop('shutdown'))
  t.same(stage.told('over'), ['over p', 'over x'])
  await stage.world.advance(100)
  t.same(stage.world.at('a').list(), [])
  await stage.world.close()
})
