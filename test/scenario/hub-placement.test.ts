/** Where children run: guided, least loaded, a strategy of one's own, pinned nodes (scenario 61). */
import t from 'tap'
import type { Load } from '../../src/cluster/load.js'
import { createNode, guided, leastLoaded } from '../../src/index.js'
import { Children } from '../fixtures/hub-stage.js'

const codes = (outcomes: readonly { ok: boolean; error?: { code: string } }[]): string[] =>
  outcomes.map((one) => (one.ok ? 'ok' : (one.error?.code ?? '')))

t.test('61: a guide of a batch: each child runs where it says; what is missing, extra or wrong is named', async (t) => {
  const stage = await Children.open(3)
  const { hub } = stage.world.at('a')
  const guide = { x: 'b', y: ['c', 'a'], z: 'a' }
  const outcomes = await stage.start('a', ['x', 'y', 'z'], { guide })
  t.same(
    outcomes.map((one) => one.ok && one.node),
    ['b', 'c', 'a'],
  )
  t.same(hub.lookup('y')?.nodes, ['c', 'a'])
  const wrong = (names: string[], other: object, problem: string, name: string) =>
    t.rejects(
      stage.run(
        hub.start(
          names.map((one) => stage.spec(one)),
          { guide: other as never },
        ),
      ),
      {
        code: 'ERR_PLACEMENT',
        fields: { problem, name },
      },
    )
  await wrong(['p', 'q'], { p: 'a' }, 'missing', 'q')
  await wrong(['p'], { p: 'a', q: 'b' }, 'extra', 'q')
  await wrong(['p'], { p: 'nowhere' }, 'invalid node', 'p')
  await wrong(['p'], { p: [] }, 'invalid node', 'p')
  await wrong(['p'], { p: 'a b' }, 'invalid node', 'p')
  await wrong(['p'], ['a'], 'invalid guide', 'a child')
  t.equal(hub.count(), 3, 'nothing of a wrong batch was started')
  t.throws(() => guided({ p: 5 as never }), { code: 'ERR_PLACEMENT' })
  await stage.close(t)
})

t.test('61: a guided cluster: who is not named has no place', async (t) => {
  const stage = await Children.open(3, { hub: { placement: guided({ x: 'c', y: ['z', 'b'] }) } })
  const outcomes = await stage.start('a', ['x', 'y', 'other'])
  t.same(
    outcomes.map((one) => (one.ok ? one.node : one.error.code)),
    ['c', 'b', 'ERR_NO_PLACE'],
  )
  await stage.close(t)
})

t.test('pinned children wait for their nodes, and start when one comes', async (t) => {
  const stage = await Children.open(3)
  await stage.start('a', ['x'], {}, { nodes: ['b'] })
  t.equal(stage.world.at('a').hub.lookup('x')?.node, 'b')
  t.same(codes(await stage.start('a', ['y'], {}, { nodes: ['g'] })), ['ERR_NO_PLACE'])
  stage.world.crash('b')
  await stage.world.advance(20_000)
  t.match(stage.world.at('a').hub.lookup('x'), { status: 'waiting', node: '' })
  stage.listen(await stage.world.restart('b'), 'b')
  await stage.world.advance(10_000)
  t.same(stage.faults(['x']), [])
  t.equal(stage.world.at('a').hub.lookup('x')?.node, 'b')
  await stage.close(t)
})

t.test('least loaded: a batch goes to who has least to do, not all of it to one', async (t) => {
  const stage = await Children.open(3, { hub: { placement: leastLoaded() } })
  for (let i = 0; i < 20; i++)
    await stage.run(stage.world.at('b').start(stage.worker, { name: `plain:${i}`, args: [] }))
  await stage.world.advance(2_000)
  const names = stage.names(40)
  t.ok((await stage.start('a', names)).every(({ ok }) => ok))
  await stage.world.advance(2_000)
  const spread = ['a', 'b', 'c'].map((name) => stage.world.at(name).stats().processes ?? 0)
  t.ok(Math.max(...spread) - Math.min(...spread) <= 6, `processes ${spread}`)
  await stage.join('d')
  await stage.world.advance(5_000)
  const after = ['a', 'b', 'c', 'd'].map((name) => stage.world.at(name).hub.list('local').length)
  t.equal(
    after.reduce((sum, n) => sum + n),
    40,
  )
  t.ok((after[3] ?? 0) >= 8 && (after[3] ?? 0) <= 12, `the newcomer has its share: ${after}`)
  const moved = stage.heard('migrated').length
  await stage.world.advance(60_000)
  t.equal(stage.heard('migrated').length, moved, 'nothing goes back and forth')
  await stage.close(t)
})

t.test('least loaded: its own score', async (t) => {
  t.throws(() => leastLoaded({ score: 5 as never }), { code: 'ERR_OPTION' })
  const loads: Record<string, Load> = {
    a: { processes: 1, mailbox: 0, delayMs: 0, heapBytes: 100 },
    b: { processes: 9, mailbox: 0, delayMs: 0, heapBytes: 1 },
  }
  const what = { name: 'x', kind: 'k' }
  t.equal(
    leastLoaded().place(what, ['a', 'b'], (node) => loads[node]),
    'a',
  )
  t.equal(
    leastLoaded({ score: ({ heapBytes }) => heapBytes }).place(what, ['a', 'b'], (node) => loads[node]),
    'b',
  )
})

t.test('a strategy of one own: what it says is checked, and a throw is a reason', async (t) => {
  let answer: () => string | undefined = () => 'b'
  const placement = { name: 'mine', place: () => answer() }
  const stage = await Children.open(3, { hub: { placement } })
  const [x] = await stage.start('a', ['x'])
  t.match(x, { ok: true, node: 'b' })
  answer = () => 'nowhere'
  t.match(await stage.start('a', ['y']), [{ ok: false, error: { code: 'ERR_NO_PLACE', message: /chose nowhere/ } }])
  answer = () => undefined
  t.match(await stage.start('a', ['y']), [{ ok: false, error: { code: 'ERR_NO_PLACE', message: /has no place/ } }])
  answer = () => {
    throw new Error('it is broken')
  }
  t.match(await stage.start('a', ['y']), [{ ok: false, error: { code: 'ERR_NO_PLACE', message: /it is broken/ } }])
  answer = () => 'b'
  await stage.close(t)
})

t.test('members with other settings are told of, once each', async (t) => {
  const stage = await Children.open(2)
  await stage.start('a', ['x'])
  await stage.join('c', { hub: { rebalance: 'passive' } })
  await stage.world.advance(30_000)
  const heard = stage.heard('mismatch')
  t.ok(heard.length >= 2)
  t.same(new Set(heard.map(({ at, peer }) => `${at} ${peer}`)).size, heard.length, 'once each')
  t.match(
    heard.find(({ at }) => at === 'a'),
    { peer: 'c', option: 'hub', theirs: /passive/, mine: /active/ },
  )
  await stage.close(t)
})

t.test('wrong options of the hub say which', async (t) => {
  const wrong = (hub: object, why: RegExp) =>
    t.rejects(createNode({ name: 'a', port: 0, hub: hub as never }), { code: 'ERR_OPTION', message: why })
  await wrong({ place: 1 }, /hub\.place: there is no such/)
  await wrong({ placement: {} }, /hub\.placement/)
  await wrong({ rebalance: 'on' }, /hub\.rebalance/)
  await wrong({ width: 0 }, /hub\.width/)
  await wrong({ consentMs: 1.5 }, /hub\.consentMs/)
  await wrong({ migration: {} }, /hub\.migration: must/)
  await wrong({ restarts: { max: -1 } }, /hub\.restarts\.max/)
})
