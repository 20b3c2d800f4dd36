/** Children of a simulated cluster: started, found, stopped, raced for (scenarios 1 to 8, 12, 13, 47). */
import t from 'tap'
import { Children } from '../fixtures/hub-stage.js'

t.test('1: 1,000 children on 5 nodes: each lives on exactly one, every node finds every name', async (t) => {
  const stage = await Children.open(5)
  const names = stage.names(1_000)
  const outcomes = await stage.start('a', names)
  t.ok(outcomes.every(({ ok }) => ok))
  await stage.world.advance(100)
  t.same(stage.faults(names), [])
  const spread = stage.up().map((node) => node.hub.list('local').length)
  t.ok(Math.min(...spread) > 100, `spread ${spread}`)
  for (const node of stage.up()) t.equal(node.hub.count(), 1_000)
  await stage.close(t)
})

t.test('2: stop clears everywhere: when it resolves no node finds any of them, and none is left', async (t) => {
  const stage = await Children.open(4)
  const names = stage.names(200)
  await stage.start('a', names)
  const outcomes = await stage.run(stage.world.at('b').hub.stop(names))
  t.ok(outcomes.every(({ ok }) => ok))
  for (const node of stage.up()) {
    t.same(
      names.filter((name) => node.whereis(name) !== undefined || node.hub.lookup(name) !== undefined),
      [],
    )
    t.equal(node.stats().processes, 0)
    t.equal(node.hub.count(), 0)
  }
  const again = await stage.run(stage.world.at('c').hub.stop(['c:0', 'nobody']))
  t.same(
    again.map((one) => (one.ok ? 'ok' : one.error.code)),
    ['ok', 'ERR_NO_PROCESS'],
  )
  const restarted = await stage.start('d', names)
  t.ok(
    restarted.every(({ ok }) => ok),
    'the names are free',
  )
  await stage.world.advance(50)
  t.same(stage.faults(names), [])
  await stage.close(t)
})

const codes = (outcomes: readonly { ok: boolean; error?: { code: string } }[]): string[] =>
  outcomes.map((one) => (one.ok ? 'ok' : (one.error?.code ?? '')))

t.test(
  '3: a second start of a name answers with the node that runs it: here, elsewhere, twice in one batch',
  async (t) => {
    const stage = await Children.open(3)
    const first = await stage.start('a', ['x', 'x', 'y'])
    t.same(codes(first), ['ok', 'ERR_ALREADY_STARTED', 'ok'])
    const at = stage.world.at('a').whereis('x')?.node
    for (const on of ['a', 'b', 'c']) {
      const [again] = await stage.start(on, ['x'])
      t.match(again, { ok: false, error: { code: 'ERR_ALREADY_STARTED', fields: { name: 'x', node: at } } })
    }
    await stage.run(stage.world.at('b').start(stage.worker, { name: 'plain', args: [] }))
    await stage.world.advance(10)
    const [plain] = await stage.start('c', ['plain'])
    t.match(plain, { ok: false, error: { code: 'ERR_ALREADY_STARTED', fields: { node: 'b' } } })
    t.equal(stage.world.at('c').hub.lookup('plain'), undefined, 'the hub does not look after it')
    t.same(
      stage.faults(['x', 'y']).filter((fault) => !fault.includes('processes')),
      [],
    )
    await stage.close(t)
  },
)

t.test('a handler that never ends is left behind: its child is killed when its shutdown time is over', async (t) => {
  const stage = await Children.open(3)
  const names = stage.names(6)
  await stage.start('a', names, {}, { shutdownMs: 300 })
  const hung = names.map((name) => stage.world.at('b').ref(stage.worker, name).call.hang())
  const said = Promise.all(hung.map((call) => call.then(String, ({ code }: { code: string }) => code)))
  await stage.world.advance(10)
  const begun = stage.world.clock.now()
  const outcomes = await stage.run(stage.world.at('c').hub.stop(names))
  t.ok(outcomes.every(({ ok }) => ok))
  const ms = stage.world.clock.now() - begun
  t.ok(ms > 900 && ms < 2_500, `${ms} ms: as long for the handler as for terminate and detach`)
  t.same(await stage.run(said), Array(6).fill('ERR_STOPPED'))
  t.same(stage.faults([]), [])
  const again = await stage.start('a', names)
  t.ok(again.every(({ ok }) => ok))
  t.same(stage.faults(names), [], 'the names are free')
  await stage.close(t)
})

t.test('4: one of a batch does not start: the others stay, or all are stopped; each error is named', async (t) => {
  const stage = await Children.open(3)
  const moods = ['', 'throw', '', 'ignore', 'stop', '']
  const specs = (prefix: string) => moods.map((mood, i) => stage.spec(`${prefix}:${i}`, { args: [mood] }))
  const { hub } = stage.world.at('a')
  const kept = await stage.run(hub.start(specs('keep')))
  t.same(codes(kept), ['ok', 'ERR_START_FAILED', 'ok', 'ERR_START_IGNORED', 'ERR_START_FAILED', 'ok'])
  t.match(kept[1], { error: { fields: { reason: 'told to throw' } } })
  await stage.world.advance(5_000)
  t.same(stage.faults(['keep:0', 'keep:2', 'keep:5']), [], 'what failed is not tried again')
  const undone = await stage.run(hub.start(specs('undo'), { onFailure: 'rollback' }))
  t.same(codes(undone), [
    'ERR_UNDONE',
    'ERR_START_FAILED',
    'ERR_UNDONE',
    'ERR_START_IGNORED',
    'ERR_START_FAILED',
    'ERR_UNDONE',
  ])
  t.same(stage.faults(['keep:0', 'keep:2', 'keep:5']), [])
  t.equal(hub.count(), 3)
  await stage.close(t)
})

t.test('5: too short a time is a typed error, not a hang', async (t) => {
  const stage = await Children.open(3)
  const before = stage.world.clock.now()
  const [late] = await stage.start('a', ['slow'], { timeoutMs: 100 }, { args: ['slow'] })
  t.match(late, { ok: false, error: { code: 'ERR_TIMEOUT', fields: { ms: 100 } } })
  t.ok(stage.world.clock.now() - before < 500)
  await stage.world.advance(3_000)
  t.same(stage.faults(['slow']), [], 'it was wanted, and has started meanwhile')
  const [gone] = await stage.start('a', ['late'], { timeoutMs: 100, onFailure: 'rollback' }, { args: ['slow'] })
  t.match(gone, { ok: false, error: { code: 'ERR_TIMEOUT' } })
  await stage.world.advance(5_000)
  t.same(stage.faults(['slow']), [], 'it was taken back: when it has begun it is stopped again')
  await t.rejects(stage.start('a', ['z'], { timeoutMs: 0 }), { code: 'ERR_BAD_ARGUMENT' })
  await stage.close(t)
})

t.test('6: names: unicode, very long, composite; and specs that say which field is wrong', async (t) => {
  const stage = await Children.open(2)
  const names = ['room/42#eu', 'größe:日本:🎲', 'n'.repeat(255)]
  t.same(codes(await stage.start('a', names)), ['ok', 'ok', 'ok'])
  await stage.world.advance(10)
  t.same(stage.faults(names), [])
  const { hub } = stage.world.at('a')
  const wrong = async (spec: object, why: RegExp, code = 'ERR_BAD_ARGUMENT') =>
    t.rejects(stage.run(hub.start(spec as never)), { code, message: why })
  await wrong({ kind: 'worker', name: 'n'.repeat(256) }, /255 bytes/, 'ERR_NAME_INVALID')
  await wrong({ kind: 'worker', name: 'x', agrs: [] }, /Child x: there is no field agrs/)
  await wrong({ kind: 'worker', name: 'x', args: 5 }, /args must be a list/)
  await wrong({ kind: 'worker', name: 'x', args: [() => 1] }, /args\[0\]/, 'ERR_NOT_PORTABLE')
  await wrong({ kind: 5, name: 'x' }, /kind must be/)
  await wrong({ kind: 'worker', name: 'x', restart: 'always' }, /restart must be/)
  await wrong({ kind: 'worker', name: 'x', tags: [''] }, /tags must/)
  await wrong({ kind: 'worker', name: 'x', nodes: ['a b'] }, /nodes must/)
  await wrong({ kind: 'worker', name: 'x', shutdownMs: -1 }, /shutdownMs/)
  await wrong({ kind: 'worker', name: 'x', metadata: { big: 'x'.repeat(20_000) } }, /childBytesMax/)
  t.same(codes(await stage.run(hub.start({ kind: 'nobody has it', name: 'x' }))), ['ERR_NO_PLACE'])
  t.equal(hub.lookup('x'), undefined)
  await stage.close(t)
})

t.test('7: G11: right after a start has resolved its node finds it, 10,000 of 10,000 times', async (t) => {
  const stage = await Children.open(4)
  const names = stage.names(10_000)
  const { hub } = stage.world.at('c')
  let seen = 0
  const starts = names.map((name) =>
    hub.start(stage.spec(name)).then(([outcome]) => {
      if (outcome?.ok && hub.lookup(name)?.node === outcome.node && hub.lookup(name)?.status === 'live') seen += 1
    }),
  )
  await stage.run(Promise.all(starts))
  t.equal(seen, 10_000)
  await stage.world.advance(100)
  t.same(stage.faults(names), [])
  await stage.close(t)
})

t.test('8: G1: many want one name, from every node at once: one gets it, the others hear where it is', async (t) => {
  const stage = await Children.open(5)
  const names = stage.names(30)
  const asked = stage.up().flatMap((node) => [0, 1].map(() => node.hub.start(names.map((name) => stage.spec(name)))))
  const outcomes = await stage.run(Promise.all(asked))
  for (const [i, name] of names.entries()) {
    const mine = outcomes.map((one) => one[i] as (typeof outcomes)[0][0])
    t.equal(mine.filter(({ ok }) => ok).length, 1, name)
    const at = stage.world.at('a').whereis(name)?.node
    const others = mine.filter(
      (one) => !one.ok && (one.error.code !== 'ERR_ALREADY_STARTED' || one.error.fields.node !== at),
    )
    t.same(others, [])
  }
  await stage.world.advance(10)
  t.same(stage.faults(names), [])
  t.equal(stage.log.length, 30, 'each began once')
  await stage.close(t)
})

t.test('12: select, count, tags, metadata; a change is seen everywhere', async (t) => {
  const stage = await Children.open(3)
  const { hub } = stage.world.at('a')
  const specs = stage
    .names(9)
    .map((name, i) => stage.spec(name, { tags: i % 3 === 0 ? ['eu', 'big'] : ['us'], metadata: { room: i % 2, i } }))
  await stage.run(hub.start(specs))
  await stage.world.advance(10)
  for (const node of stage.up()) {
    t.same(
      node.hub.tagged('eu').map(({ name }) => name),
      ['c:0', 'c:3', 'c:6'],
    )
    t.same(
      node.hub.select({ tags: ['eu'], metadata: { room: 1 } }).map(({ name }) => name),
      ['c:3'],
    )
    t.equal(node.hub.select({ kind: 'worker' }).length, 9)
    t.equal(node.hub.select({ kind: 'other' }).length, 0)
    t.same(node.hub.select({ node: node.name }), node.hub.list('local'))
    t.equal(node.hub.select(({ metadata }) => (metadata as { i: number }).i > 6).length, 2)
    t.equal(node.hub.count(), 9)
  }
  const changed = await stage.run(stage.world.at('b').hub.update('c:3', { metadata: { room: 7 } }))
  t.match(changed, { name: 'c:3', tags: ['eu', 'big'], metadata: { room: 7 }, status: 'live' })
  await stage.run(stage.world.at('c').hub.update('c:3', { tags: ['moon'] }))
  await stage.world.advance(10)
  for (const node of stage.up()) t.match(node.hub.lookup('c:3'), { tags: ['moon'], metadata: { room: 7 } })
  t.equal(stage.log.length, 9, 'nothing was started again')
  await t.rejects(stage.run(hub.update('nobody', { tags: [] })), { code: 'ERR_NO_PROCESS' })
  await t.rejects(stage.run(hub.update('c:1', { tags: [''] })), { code: 'ERR_BAD_ARGUMENT' })
  t.throws(() => hub.list('here' as never), { code: 'ERR_BAD_ARGUMENT' })
  await stage.close(t)
})

t.test(
  '13: listeners hear each change once, here and from afar, with its reason; one that throws stops nothing',
  async (t) => {
    const stage = await Children.open(3)
    stage.world.at('b').on('childchanged', () => {
      throw new Error('a bad listener')
    })
    await stage.start('a', ['x'])
    await stage.world.advance(10)
    await stage.run(stage.world.at('b').hub.update('x', { tags: ['t'] }))
    await stage.run(stage.world.at('c').hub.stop('x'))
    await stage.world.advance(10)
    for (const at of ['a', 'b', 'c']) {
      const heard = stage.heard('childchanged', at).map(({ name, status, reason }) => `${name} ${status} ${reason}`)
      t.same(heard, ['x wanted ', 'x wanted ', 'x removed stopped'])
      const names = stage.heard('registered', at).map(({ name, status, reason }) => `${name} ${status} ${reason}`)
      t.same(names, ['x live ', 'x ended shutdown'])
    }
    const home = stage.heard('childstart')[0]?.at
    t.same(
      stage.heard('childstarted').map(({ name, at }) => `${name} ${at}`),
      [`x ${home}`],
    )
    await stage.close(t)
  },
)

t.test('47: nodes that declare the same children share them', async (t) => {
  const children = Array.from({ length: 12 }, (_, i) => `s:${i}`).map((name) => ({
    kind: 'worker',
    name,
    args: ['static'],
  }))
  const stage = await Children.open(1, { children })
  const names = children.map(({ name }) => name)
  t.same(stage.faults(names), [])
  await stage.join('b')
  await stage.join('c')
  await stage.world.advance(5_000)
  t.same(stage.faults(names), [])
  t.equal(stage.log.length, 12, 'each began once')
  const spread = stage.up().map((node) => node.hub.list('local').length)
  t.ok(Math.min(...spread) > 0, `each node has its share: ${spread}`)
  await stage.close(t)
})
