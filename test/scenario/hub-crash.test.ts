/** Nodes that die, and children that fail: who starts what again, where, how often (scenarios 9, 10, 14 to 18, 51). */
import t from 'tap'
import { Children } from '../fixtures/hub-stage.js'

const codes = (outcomes: readonly { ok: boolean; error?: { code: string } }[]): string[] =>
  outcomes.map((one) => (one.ok ? 'ok' : (one.error?.code ?? '')))

t.test('9, 10: G1: a node is killed: what it had starts elsewhere, once, and the loss is named', async (t) => {
  const stage = await Children.open(4)
  const names = stage.names(100)
  await stage.start('a', names)
  const lost = stage.world
    .at('b')
    .hub.list('local')
    .map(({ name }) => name)
  const kept = names.filter((name) => !lost.includes(name))
  const epochs = new Map(names.map((name) => [name, stage.world.at('a').whereis(name)?.epoch]))
  stage.log.splice(0)
  stage.world.crash('b')
  await stage.world.advance(6_000)
  t.same(stage.faults(names), [])
  t.equal(stage.log.length, lost.length, 'each of them began once')
  for (const name of kept)
    t.equal(stage.world.at('a').whereis(name)?.epoch, epochs.get(name), 'the others do not notice')
  const told = stage.heard('childlost').filter(({ at }) => at !== 'b')
  t.same(told.map(({ name }) => name).sort(), [...lost].sort(), 'each loss is named, once')
  t.same(new Set(told.map(({ from, epoch, name }) => `${from} ${epoch === epochs.get(name)}`)), new Set(['b true']))
  const taken = stage.heard('takenover')
  t.same(taken.map(({ name }) => name).sort(), [...lost].sort())
  t.ok(
    taken.every(
      ({ from, to, name, state }) =>
        from === 'b' && state === 'fresh' && stage.world.at('a').whereis(name)?.node === to,
    ),
  )
  await stage.close(t)
})

t.test('15: a node dies: permanent and transient children start elsewhere, temporary ones are gone', async (t) => {
  const stage = await Children.open(3)
  for (const restart of ['permanent', 'transient', 'temporary'] as const)
    await stage.start('a', [restart], {}, { restart, nodes: ['b', 'c'] })
  for (const node of ['b', 'c']) {
    if (node === 'c') stage.listen(await stage.world.restart('b'), 'b')
    await stage.world.advance(3_000)
    stage.world.crash(node)
    await stage.world.advance(6_000)
  }
  t.same(stage.faults(['permanent', 'transient']), [])
  t.equal(stage.world.at('a').hub.lookup('temporary'), undefined)
  await stage.close(t)
})

t.test('a node stops without a drain: its children start elsewhere, also the transient ones', async (t) => {
  const stage = await Children.open(3)
  const names = stage.names(30)
  await stage.start('a', names, {}, { restart: 'transient' })
  await stage.start('a', ['temp'], {}, { restart: 'temporary', nodes: ['b'] })
  const before = stage.world.at('b').hub.list('local').length
  await stage.run(stage.world.at('b').stop())
  stage.world.crash('b')
  await stage.world.advance(3_000)
  t.same(stage.faults(names), [])
  t.equal(stage.heard('childlost').length, before, 'each loss is named')
  t.equal(stage.world.at('a').hub.lookup('temp'), undefined)
  t.equal(stage.heard('stopping', 'b').length, 1)
  await stage.close(t)
})

t.test('a drained node hands its children over, and none of them begins anew', async (t) => {
  const stage = await Children.open(3)
  const names = stage.names(40)
  await stage.start('a', names)
  stage.log.splice(0)
  const { ok } = await stage.run(stage.world.at('c').drain())
  t.ok(ok)
  await stage.run(stage.world.at('c').stop())
  stage.world.crash('c')
  await stage.world.advance(5_000)
  t.same(stage.faults(names), [])
  t.same(stage.log, [])
  await stage.close(t)
})

t.test('14, 15: children crash and end: each restart type does what it says, the others are untouched', async (t) => {
  const stage = await Children.open(3)
  const kinds = ['permanent', 'transient', 'temporary'] as const
  for (const restart of kinds) await stage.start('a', stage.names(30, restart), {}, { restart })
  const ref = (name: string) => stage.world.at('b').ref(stage.worker, name)
  const ends = kinds.flatMap((kind) => [
    ...stage.names(10, kind).map((name) =>
      ref(name)
        .call.crash()
        .catch(() => {}),
    ),
    ...stage
      .names(20, kind)
      .slice(10)
      .map((name) => ref(name).call.end('normal')),
  ])
  await stage.world.advance(10)
  await stage.run(Promise.all(ends))
  await stage.world.advance(3_000)
  const there = [
    ...stage.names(30, 'permanent'),
    ...stage.names(10, 'transient'),
    ...stage.names(30, 'transient').slice(20),
    ...stage.names(30, 'temporary').slice(20),
  ]
  t.same(stage.faults(there), [])
  t.equal(stage.world.at('c').hub.count(), there.length)
  await stage.close(t)
})

t.test('16: a child that always crashes is parked alone; a retry starts it again', async (t) => {
  const stage = await Children.open(3)
  const names = stage.names(20)
  await stage.start('a', [...names, 'bad'])
  const ref = stage.world.at('a').ref(stage.worker, 'bad')
  for (let i = 0; i < 40; i++) {
    ref.call.crash().catch(() => {})
    await stage.world.advance(1_000)
  }
  for (const node of stage.up()) {
    t.same(
      node.hub.parked().map(({ name }) => name),
      ['bad'],
    )
    t.match(node.hub.lookup('bad'), {
      status: 'parked',
      node: '',
      reason: /failed 6 times within 60000 ms.*told to crash/,
    })
  }
  t.equal(stage.heard('childparked').length, 1)
  t.same(
    stage.heard('childfailed').map(({ failures }) => failures),
    [1, 2, 3, 4, 5],
  )
  t.same(stage.faults(names), [])
  await t.rejects(stage.run(ref.call.value()), { code: 'ERR_PARKED' }, 'who calls it is told')
  const again = await stage.run(stage.world.at('b').hub.retry('bad'))
  t.match(again, { name: 'bad', status: 'live' })
  await stage.world.advance(100)
  t.same(stage.faults([...names, 'bad']), [])
  await t.rejects(stage.run(stage.world.at('b').hub.retry('nobody')), { code: 'ERR_NO_PROCESS' })
  await stage.close(t)
})

t.test(
  '16, 18: one whose init fails later is tried elsewhere, ever later, and parked; a new start begins anew',
  async (t) => {
    let broken = false
    const stage = await Children.open(3)
    const { genServer } = await import('../../src/index.js')
    const inits: string[] = []
    const fragile = genServer('fragile', {
      init: () => {
        inits.push(stage.world.clock.now().toFixed(0))
        if (broken) throw new Error('no disk')
        return { n: 0 }
      },
      calls: {
        crash: () => {
          throw new Error('boom')
        },
      },
    })
    await stage.join('f', { kinds: [fragile] })
    await stage.join('g', { kinds: [fragile] })
    await stage.world.advance(1_000)
    const [one] = await stage.run(stage.world.at('a').hub.start({ kind: 'fragile', name: 'x' }))
    t.ok(one?.ok)
    broken = true
    await stage.world.advance(10)
    stage.world
      .at('a')
      .ref('x')
      .call.crash?.()
      .catch(() => {})
    await stage.world.advance(30_000)
    t.match(stage.world.at('b').hub.lookup('x'), { status: 'parked', reason: /no disk/ })
    t.equal(inits.length, 6, `tried at ${inits}`)
    const on = new Set(
      stage
        .heard('childstart')
        .filter(({ name }) => name === 'x')
        .map(({ to }) => to),
    )
    t.same([...on].sort(), ['f', 'g'], 'it was tried elsewhere, too')
    t.equal(stage.world.at('a').whereis('x'), undefined)
    broken = false
    const [again] = await stage.run(stage.world.at('c').hub.start({ kind: 'fragile', name: 'x', tags: ['new'] }))
    t.ok(again?.ok, 'a parked child may be started again, with another spec')
    t.same(stage.world.at('c').hub.lookup('x')?.tags, ['new'])
    await stage.close(t)
  },
)

t.test('51: a cut of 2 s moves nothing; nor does a node that stands still for as long', async (t) => {
  const stage = await Children.open(4)
  const names = stage.names(40)
  await stage.start('a', names)
  stage.log.splice(0)
  stage.world.partition(['a', 'b'], ['c', 'd'])
  await stage.world.advance(2_000)
  stage.world.heal()
  stage.world.pause('d')
  await stage.world.advance(3_000)
  stage.world.resume('d')
  await stage.world.advance(10_000)
  t.same(stage.faults(names), [])
  t.same(stage.log, [])
  await stage.close(t)
})

/** The home of a name, as the node that starts it. */
const homeOf = (stage: Children, name: string): string =>
  stage.heard('childstart').find((one) => one.name === name)?.at ?? ''

t.test(
  'G1: the home of a name dies while it places it: the next one goes on, and who asked gets his answer',
  async (t) => {
    const trial = await Children.open(4)
    await trial.start('a', trial.names(30))
    const homes = new Map(trial.names(30).map((name) => [name, homeOf(trial, name)]))
    await trial.world.close()
    for (const afterMs of [0, 1, 2, 3, 4, 6]) {
      const stage = await Children.open(4)
      const names = stage.names(30).filter((name) => homes.get(name) === 'b')
      t.ok(names.length > 3)
      const asked = stage.world.at('a').hub.start(names.map((name) => stage.spec(name)))
      await stage.world.advance(afterMs)
      stage.world.crash('b')
      t.same(new Set(codes(await stage.run(asked))), new Set(['ok']), `after ${afterMs} ms`)
      await stage.world.advance(5_000)
      t.same(stage.faults(names), [], `after ${afterMs} ms`)
      await stage.close(t)
    }
  },
)

t.test(
  'G1: the chosen node dies before, or after, it has started what it was asked to: another one does',
  async (t) => {
    for (const afterMs of [1, 2, 3, 4, 5, 7, 20]) {
      const stage = await Children.open(4)
      const names = stage.names(40)
      const asked = stage.world.at('a').hub.start(names.map((name) => stage.spec(name)))
      await stage.world.advance(afterMs)
      stage.world.crash('c')
      t.same(new Set(codes(await stage.run(asked))), new Set(['ok']), `after ${afterMs} ms`)
      await stage.world.advance(6_000)
      t.same(stage.faults(names), [], `after ${afterMs} ms`)
      await stage.close(t)
    }
  },
)

t.test('G1: questions and answers are lost with their links: asked again, started once', async (t) => {
  for (const afterMs of [1, 2, 3, 4, 5, 6, 8]) {
    const stage = await Children.open(4)
    const names = stage.names(40)
    const asked = stage.world.at('a').hub.start(names.map((name) => stage.spec(name)))
    await stage.world.advance(afterMs)
    for (const [one, two] of [
      ['a', 'b'],
      ['a', 'c'],
      ['b', 'c'],
      ['c', 'd'],
    ] as const)
      stage.world.cut(one, two)
    t.same(new Set(codes(await stage.run(asked))), new Set(['ok']), `after ${afterMs} ms`)
    await stage.world.advance(6_000)
    t.same(stage.faults(names), [], `after ${afterMs} ms`)
    t.equal(stage.log.length, 40, `each began once, after ${afterMs} ms`)
    await stage.close(t)
  }
})

t.test('50: what a member missed it finds again: additions and removals', async (t) => {
  const stage = await Children.open(3)
  const names = stage.names(30)
  await stage.start('a', names)
  // For c alone the news of b and a is lost, again and again, and its links come back.
  for (let i = 0; i < 5; i++) {
    const more = stage.world.at('a').hub.start([stage.spec(`more:${i}`)])
    const less = stage.world.at('b').hub.stop([names[i] as string])
    stage.world.cut('a', 'c')
    stage.world.cut('b', 'c')
    await stage.run(Promise.all([more, less]))
  }
  await stage.world.advance(20_000)
  const there = [...names.slice(5), ...Array.from({ length: 5 }, (_, i) => `more:${i}`)]
  t.same(stage.faults(there), [])
  t.same(new Set(stage.up().map((node) => JSON.stringify(node.hub.list().map(({ name }) => name)))).size, 1)
  await stage.close(t)
})

t.test('17: a process that crashes wherever it arrives does not visit every node: it is parked', async (t) => {
  const stage = await Children.open(5)
  const { genServer } = await import('../../src/index.js')
  const poison = genServer('poison', {
    init: () => ({}),
    onStart: (self) => void self.sendAfter(5, 'boom'),
    handleInfo: () => {
      throw new Error('poison')
    },
  })
  for (const name of ['f', 'g']) await stage.join(name, { kinds: [poison, stage.worker] })
  await stage.world.advance(1_000)
  const names = stage.names(20)
  await stage.start('a', names)
  await stage.run(stage.world.at('a').hub.start({ kind: 'poison', name: 'p' }))
  await stage.world.advance(30_000)
  t.match(stage.world.at('e').hub.lookup('p'), { status: 'parked', reason: /poison/ })
  t.equal(stage.heard('childstarted').filter(({ name }) => name === 'p').length, 6)
  t.same(stage.faults(names), [])
  await stage.close(t)
})

t.test(
  '52: G1: split 3 to 2 under majority: the minority serves nothing, the majority starts what it had',
  async (t) => {
    const stage = new Children({})
    for (const name of ['a', 'b', 'c', 'd', 'e']) await stage.join(name, { partition: { quorum: 'majority', size: 5 } })
    await stage.world.advance(15_000)
    const names = stage.names(60)
    t.ok((await stage.start('a', names)).every(({ ok }) => ok))
    await stage.world.advance(100)
    const left = names.filter((name) => ['a', 'b'].includes(stage.world.at('c').whereis(name)?.node ?? ''))
    t.ok(left.length > 10)
    stage.world.partition(['a', 'b'], ['c', 'd', 'e'])
    await stage.world.advance(40_000)
    for (const node of ['c', 'd', 'e'].map((name) => stage.world.at(name))) {
      const rows = node.hub.list()
      t.equal(rows.filter(({ status, node: at }) => status === 'live' && !['a', 'b'].includes(at)).length, 60)
    }
    t.same(new Set(stage.heard('childlost').map(({ name }) => name)), new Set(left), 'each loss is named')
    t.same(stage.heard('childstart').filter(({ to }) => to === 'a' || to === 'b').length, 60 - (60 - left.length))
    const [own = ''] = left.filter((name) => stage.world.at('a').whereis(name)?.node === 'a')
    const asked = stage.world.at('a').ref(stage.worker, own).with({ timeoutMs: 1_000 }).call.value()
    await t.rejects(stage.run(asked), { code: 'ERR_TIMEOUT' }, 'the copy in the minority answers nobody')
    await t.rejects(stage.start('a', ['new']), { code: 'ERR_NO_QUORUM' }, 'nothing starts in the minority')
    t.equal(stage.world.at('c').hub.lookup('new'), undefined)
    for (const name of ['a', 'b']) stage.world.crash(name)
    stage.world.heal()
    for (const name of ['a', 'b']) stage.listen(await stage.world.restart(name), name)
    await stage.world.advance(20_000)
    t.same(stage.faults(names), [])
    await stage.close(t)
  },
)

t.test(
  '54, 55: G1: split under diverge, both sides start children, heal: each lives once, and none is forgotten',
  async (t) => {
    const stage = await Children.open(5)
    const names = stage.names(30)
    await stage.start('a', names)
    stage.world.partition(['a', 'b'], ['c', 'd', 'e'])
    await stage.world.advance(30_000)
    const more = [await stage.start('a', ['of the few']), await stage.start('c', ['of the many'])]
    t.ok(
      more.flat().every(({ ok }) => ok),
      'both sides go on',
    )
    await stage.run(stage.world.at('c').hub.stop('c:0'))
    stage.world.heal()
    await stage.world.advance(60_000)
    t.same(stage.faults([...names.slice(1), 'of the few', 'of the many']), [])
    t.same(new Set(stage.up().map((node) => JSON.stringify(node.hub.list()))).size, 1, 'all say the same')
    const { hub } = stage.world.at('a')
    t.equal(hub.count(), 31, 'a hub that was kept from before the split still works')
    await stage.close(t)
  },
)
