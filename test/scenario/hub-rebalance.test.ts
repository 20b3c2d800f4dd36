/** A node joins, and gets its share: how much, under load, with consent, by which strategy (scenarios 33, 60, 63). */
import t from 'tap'
import { coldSwap, hotSwap } from '../../src/index.js'
import { Children } from '../fixtures/hub-stage.js'

/** name -> node, as a sees it. */
const placesOf = (stage: Children): Map<string, string> =>
  new Map(
    stage.world
      .at('a')
      .hub.list()
      .map(({ name, node }) => [name, node]),
  )

t.test('60, 63: one of N joins: about 1/(N+1) moves to it, live, and nothing between the others', async (t) => {
  const stage = await Children.open(4)
  const names = stage.names(500)
  await stage.start('a', names)
  await stage.world.advance(100)
  const before = placesOf(stage)
  stage.log.splice(0)
  await stage.join('e')
  await stage.world.advance(5_000)
  const after = placesOf(stage)
  const moved = names.filter((name) => before.get(name) !== after.get(name))
  t.ok(
    moved.every((name) => after.get(name) === 'e'),
    'only to the newcomer',
  )
  t.ok(moved.length > 70 && moved.length < 130, `${moved.length} of 500 moved`)
  t.same(stage.faults(names), [])
  t.same(stage.log, [], 'none began anew')
  t.same(
    stage
      .heard('migrated')
      .map(({ name, to, live }) => `${name} ${to} ${live}`)
      .sort(),
    moved.map((name) => `${name} e true`).sort(),
  )
  const done = stage.heard('redistributed').filter(({ at }) => at !== 'e')
  t.equal(
    done.reduce((sum, one) => sum + one.moved, 0),
    moved.length,
  )
  t.same(
    stage
      .heard('redistributing')
      .map(({ at }) => at)
      .sort(),
    ['a', 'b', 'c', 'd'],
  )
  t.same(stage.world.at('b').hub.plan(), [], 'each is where it belongs')
  await stage.close(t)
})

t.test('G3 G4 60: under load no acknowledged write is lost, and the order is kept', async (t) => {
  const stage = await Children.open(3)
  const names = stage.names(40)
  await stage.start('a', names)
  const sums = new Map(names.map((name) => [name, 0]))
  const orders: string[] = []
  let on = true
  const caller = async (from: string, name: string): Promise<void> => {
    const ref = stage.world.at(from).ref(stage.worker, name)
    while (on) {
      const sum = await ref.call.add(1)
      if (sum !== (sums.get(name) ?? 0) + 1) orders.push(`${name}: ${sum} after ${sums.get(name)}`)
      sums.set(name, sum)
      await stage.world.sleep(3)
    }
  }
  const callers = names.map((name, i) => caller(['a', 'b', 'c'][i % 3] as string, name))
  await stage.world.advance(200)
  await stage.join('d')
  await stage.join('e')
  await stage.world.advance(5_000)
  on = false
  await stage.run(Promise.all(callers))
  t.same(orders, [])
  t.ok(stage.heard('migrated').length > 10)
  for (const name of names)
    t.equal(await stage.run(stage.world.at('e').ref(stage.worker, name).call.value()), sums.get(name))
  t.same(stage.faults(names), [])
  await stage.close(t)
})

t.test('63: passive: nothing moves until it is asked for; the plan says what would', async (t) => {
  const stage = await Children.open(2, { hub: { rebalance: 'passive' } })
  const names = stage.names(60)
  await stage.start('a', names)
  await stage.join('c')
  await stage.world.advance(30_000)
  t.same(stage.heard('migrated'), [])
  const plan = stage.world.at('c').hub.plan()
  t.same(plan, stage.world.at('a').hub.plan(), 'the same plan everywhere')
  t.ok(plan.length > 10 && plan.every(({ to, from }) => to === 'c' && from !== 'c'))
  const results = await stage.run(Promise.all(stage.up().map((node) => node.hub.rebalance())))
  t.same(
    results.flatMap(({ moved }) => moved).sort((a, b) => (a.name < b.name ? -1 : 1)),
    [...plan].sort((a, b) => (a.name < b.name ? -1 : 1)),
  )
  t.ok(results.every(({ stayed, dropped }) => stayed.length === 0 && dropped === 0))
  await stage.world.advance(10)
  t.same(stage.faults(names), [])
  t.same(stage.world.at('b').hub.plan(), [])
  await stage.close(t)
})

t.test(
  '33: one that says not now is asked again, moves after its signal, or stays after the longest wait',
  async (t) => {
    const stage = await Children.open(2, { hub: { consentMs: 20_000 } })
    const names = stage.names(30)
    await stage.start('a', names)
    await stage.world.advance(10)
    const ref = (name: string) => stage.world.at('a').ref(stage.worker, name)
    for (const name of names) await stage.run(ref(name).call.consent('a game is on'))
    await stage.join('c')
    await stage.world.advance(5_000)
    t.same(stage.heard('migrated'), [])
    const plan = stage.world
      .at('a')
      .hub.plan()
      .map(({ name }) => name)
    t.ok(plan.length > 4)
    const [first = '', second = ''] = plan
    for (const name of [first, second]) await stage.run(ref(name).call.consent('yes'))
    await stage.world.advance(3_000)
    t.same(
      stage
        .heard('migrated')
        .map(({ name }) => name)
        .sort(),
      [first, second].sort(),
    )
    t.same(stage.heard('stayed'), [])
    await stage.world.advance(30_000)
    const stayed = stage.heard('stayed')
    t.same(stayed.map(({ name }) => name).sort(), plan.slice(2).sort())
    t.ok(stayed.every(({ code, reason }) => code === 'ERR_NOT_NOW' && /a game is on/.test(reason)))
    t.same(stage.faults(names), [])
    await stage.close(t)
  },
)

t.test('the newest plan wins: two join, one after the other, one goes again', async (t) => {
  const stage = await Children.open(2, { hub: { width: 1 } })
  const names = stage.names(200)
  await stage.start('a', names)
  await stage.join('c')
  await stage.world.advance(300)
  await stage.join('d')
  await stage.world.advance(300)
  t.ok(
    stage.heard('redistributed').some(({ dropped }) => dropped > 0),
    'what had not begun was dropped',
  )
  stage.world.crash('c')
  await stage.world.advance(20_000)
  t.same(stage.faults(names), [])
  t.same(stage.world.at('a').hub.plan(), [], 'all are where they belong')
  await stage.close(t)
})

t.test('a node that dies while it gets its share: what had moved starts elsewhere, the rest stays', async (t) => {
  for (const afterMs of [252, 255, 260, 280]) {
    const stage = await Children.open(3, { hub: { width: 4 } })
    const names = stage.names(120)
    await stage.start('a', names)
    await stage.join('d')
    await stage.world.advance(afterMs)
    stage.world.crash('d')
    await stage.world.advance(20_000)
    for (const node of stage.up()) for (const { name } of node.parked()) t.fail(`${name} is in doubt`)
    t.same(stage.faults(names), [], `after ${afterMs} ms`)
    await stage.close(t)
  }
})

t.test('a cordoned node gets no share; when it stays after all it does', async (t) => {
  const stage = await Children.open(2)
  const names = stage.names(60)
  stage.world.at('b').cordon()
  await stage.world.advance(10)
  await stage.start('a', names)
  t.equal(stage.world.at('b').hub.list('local').length, 0)
  await stage.world.advance(10_000)
  stage.world.at('b').uncordon()
  await stage.world.advance(5_000)
  t.ok(stage.world.at('b').hub.list('local').length > 15)
  t.same(stage.faults(names), [])
  await stage.close(t)
})

t.test('hotSwap and coldSwap: with the state, or anew; never two at once', async (t) => {
  const values = async (migration: ReturnType<typeof hotSwap>) => {
    const stage = await Children.open(2, { hub: { migration } })
    const names = stage.names(40)
    await stage.start('a', names, {}, { restart: 'transient' })
    await stage.world.advance(10)
    for (const name of names) await stage.run(stage.world.at('a').ref(stage.worker, name).call.add(7))
    await stage.join('c')
    await stage.world.advance(10_000)
    t.same(stage.faults(names), [])
    const moved = stage.heard('migrated')
    t.ok(moved.length > 5)
    t.ok(moved.every(({ live }) => live === migration.handover))
    const found = new Set<unknown>()
    for (const { name } of moved) found.add(await stage.run(stage.world.at('a').ref(stage.worker, name).call.value()))
    await stage.close(t)
    return [...found]
  }
  t.same(await values(hotSwap()), [7])
  t.same(await values(hotSwap({ handoverDataWaitMs: 1_000, retentionMs: 5_000, confirmHandover: true })), [7])
  t.same(await values(coldSwap({ handover: true })), [7])
  t.same(await values(hotSwap({ handover: false })), [0])
  t.same(await values(coldSwap()), [0])
  for (const wrong of [{ retention: 1 }, { handover: 1 }, { childTimeoutMs: 0 }])
    t.throws(() => hotSwap(wrong as never), { code: 'ERR_OPTION' })
  t.throws(() => coldSwap({ retentionMs: 5 } as never), { code: 'ERR_OPTION' })
})

t.test('what cannot be understood there does not go', async (t) => {
  const { genServer } = await import('../../src/index.js')
  const newer = genServer('versioned', { version: 2, init: () => ({ n: 1 }), calls: { n: (self) => self.state.n } })
  const older = genServer('versioned', { version: 1, init: () => ({ n: 1 }), calls: { n: (self) => self.state.n } })
  const stage = new Children({})
  for (const name of ['a', 'b']) await stage.join(name, { kinds: [newer] })
  await stage.world.advance(1_000)
  const specs = stage.names(30).map((name) => ({ kind: 'versioned', name }))
  await stage.run(stage.world.at('a').hub.start(specs))
  await stage.join('c', { kinds: [older] })
  await stage.world.advance(5_000)
  t.same(stage.heard('migrated'), [])
  t.same(stage.faults(stage.names(30)), [])
  await stage.close(t)
})
