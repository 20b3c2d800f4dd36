/** Moves inside a cluster of three operating system processes, with callers on each of them. */
import { type Test, test } from 'tap'
import { inTime, startCluster, type Worker } from '../fixtures/cluster.js'
import { checkLoad, gateAt, growth, logOf, settledStats, start, startLoad } from '../fixtures/worker-checks.js'

test('moves between three processes', async (t) => {
  const all = await startCluster(t, ['a', 'b', 'c'])
  const [a, b, c] = all as [Worker, Worker, Worker]

  await t.test('21: G6: every kind of value arrives as it was', async (t) => {
    const hash = await c.do('hashOfSamples', { seed: 21 })
    await start(all, a, 'values', 'values', [21])
    t.same(await b.call('values', 'hash'), { node: 'a', hash })
    t.match(await c.sendMe('values', 'b'), { moved: true })
    t.same(await c.call('values', 'hash'), { node: 'b', hash })
    t.equal(await c.do('hashOfEcho', { name: 'values' }), await c.do('hashOfNamed'), 'over a call, there and back')
    t.match(await c.sendMe('values', 'a'), { moved: true })
    t.same(await c.call('values', 'hash'), { node: 'a', hash })
  })

  await t.test('22, 23, 25: G1 G3 G4: 20 moves under load: nothing lost, doubled, reordered; never two serving', (t) =>
    underLoad(t, all),
  )

  await t.test('24: G9: what waits at the source is handled by the destination, as what it is', async (t) => {
    await start(all, a, 'keeper', 'queue')
    await start(all, a, 'tally', 'beside')
    await a.call('queue', 'askBefore', 'gate')
    const moving = c.sendMe('queue', 'b')
    await gateAt(a, 'gate')
    const called = b.call('queue', 'note', 'waits')
    await b.cast('queue', 'note', 'waits')
    await b.do('send', { name: 'queue', message: 'waits' })
    // The same link keeps their order: once this is answered, all three are in the mailbox.
    await b.call('beside', 'report')
    await a.do('openGate', { gate: 'gate' })
    t.match(await moving, { moved: true })
    t.equal(await called, 'b')
    const log = await a.call('queue', 'log')
    t.same(
      log.filter((line: string) => line.includes('waits')),
      ['call waits b', 'cast waits b', 'info waits b'],
    )
    t.same(
      log.filter((line: string) => line.includes('self')),
      ['cast self b'],
      'its message to itself went with it',
    )
  })

  await t.test('29: G12: 50 moves back and forth: no table grows, the name is found all the time', async (t) => {
    await start(all, a, 'tally', 'shuttle')
    const once = async (): Promise<void> => {
      for (const to of ['b', 'a']) t.match(await c.sendMe('shuttle', to), { moved: true })
    }
    await c.load('finder', 'calls', 'shuttle', 2)
    await once()
    const before = await settledStats(all)
    for (let i = 0; i < 24; i++) await once()
    const found = await c.endLoad('finder')
    t.same(found.errors, [])
    t.same(growth(before, await settledStats(all)), [])
    t.equal(await b.call('shuttle', 'add', 0), found.sent)
  })

  await t.test('32: who knows only the old place gets through, and then goes direct', async (t) => {
    await start(all, a, 'tally', 'moved')
    t.equal(await c.call('moved', 'add', 1), 1)
    // Both calls may be answered before the move: that c knows the new place comes by its own way.
    const known = c.next('registered', (event) => event.name === 'moved' && event.node === 'b')
    // Asked in one breath: the calls leave c before it can know of the move.
    const answers = [a.sendMe('moved', 'b'), c.call('moved', 'add', 1), c.call('moved', 'add', 1)] as const
    t.match(await answers[0], { moved: true })
    t.same([await answers[1], await answers[2]], [2, 3])
    await known
    t.equal((await c.do('whereis', { name: 'moved' })).node, 'b')
  })

  await t.test('35: G7: a timer fires once, with its remaining time, on the new node', async (t) => {
    await start(all, a, 'keeper', 'alarm')
    await b.call('alarm', 'arm', 400)
    t.match(await a.sendMe('alarm', 'c'), { moved: true })
    t.match(await a.sendMe('alarm', 'b'), { moved: true })
    // Behind its own timer of 700 ms stands whatever the first one could do twice.
    const log = await inTime('the timer', logOf(c, 'alarm', /^timer/))
    t.equal(log.length, 1)
    const [, ms, node] = (log[0] ?? '').split(' ')
    t.equal(node, 'b')
    t.ok(Number(ms) >= 400, `never early: ${ms} ms`)
    t.ok(Number(ms) < 1_500, `with its remaining time: ${ms} ms`)
  })

  await t.test('36: G9: a reply that was put off is given from the new node', async (t) => {
    await start(all, a, 'keeper', 'later')
    const held = c.call('later', 'hold')
    await c.call('later', 'note', 'behind it')
    t.match(await b.sendMe('later', 'b'), { moved: true })
    await a.call('later', 'release')
    t.equal(await held, 'from b')
  })

  await t.test('G8: monitors do not see moves, and see a death once, with its reason', async (t) => {
    await start(all, a, 'tally', 'watched')
    await start(all, b, 'keeper', 'watcher')
    await a.call('watcher', 'watch', 'watched')
    const downs = all.map((worker) => worker.do('monitor', { name: 'watched' }))
    t.match(await c.sendMe('watched', 'c'), { moved: true })
    t.match(await c.sendMe('watcher', 'a'), { moved: true })
    await t.rejects(b.call('watched', 'crash'), { code: 'ERR_CRASHED' })
    t.same(await Promise.all(downs), Array(3).fill('crash: asked to'))
    t.same(await logOf(c, 'watcher', /^down/), ['down crash: asked to a'])
  })

  await t.test('30: 100 MB in chunks, while calls on the same link go on', (t) => largeState(t, a))

  for (const worker of all) t.equal(await worker.leave(), 0, `${worker.name} ends by itself after stop`)
})

const underLoad = async (t: Test, all: readonly Worker[]): Promise<void> => {
  const [a, b] = all as [Worker, Worker]
  await start(all, a, 'tally', 'loaded')
  await startLoad('loaded', all, b)
  for (let i = 0; i < 20; i++) {
    t.match(await all[i % 3]?.sendMe('loaded', 'bca'[i % 3]), { moved: true })
    // So that each copy has something to do before it goes on.
    for (let n = 0; n < 20; n++) await a.call('loaded', 'report')
  }
  await checkLoad(t, 'loaded', all, b, 21)
}

const largeState = async (t: Test, a: Worker): Promise<void> => {
  await a.do('start', { kind: 'big', name: 'big', args: [100] })
  await a.do('start', { kind: 'tally', name: 'small', args: [] })
  t.match(await a.sendMe('small', 'b'), { moved: true })
  const before = await a.call('big', 'check')
  t.equal(before.bytes, 100 * 1024 * 1024)
  await a.load('quiet', 'calls', 'small')
  for (let i = 0; i < 100; i++) await a.call('big', 'where')
  const quiet = await a.endLoad('quiet')
  await a.load('beside', 'calls', 'small')
  const moved = await a.sendMe('big', 'b', 15_000)
  const beside = await a.endLoad('beside')
  t.match(moved, { moved: true })
  t.same(await a.call('big', 'check'), { ...before, node: 'b' })
  t.same(beside.errors, [])
  t.ok(beside.growing)
  // Both nodes copy 100 MB meanwhile, on a machine that is busy: only that calls do not wait for the whole state.
  t.ok(beside.p50Ms < moved.pauseMs / 4, `p50 of calls beside it: ${beside.p50Ms} ms`)
  t.comment(`100 MB: pause ${Math.round(moved.pauseMs)} ms; calls before ${JSON.stringify(quiet)}`)
  t.comment(`calls beside it: ${JSON.stringify(beside)}`)
  await a.do('stopProcess', { name: 'big', reason: 'normal' })
}
