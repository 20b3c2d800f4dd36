/** Moves out of the cluster: a and c are one cluster, x and y another, z a third; each node a process of its own. */
import { type Test, test } from 'tap'
import { inTime, startCluster, startWorker, type Worker } from '../fixtures/cluster.js'
import { checkLoad, gateAt, growth, isLive, logOf, settledStats, start, startLoad } from '../fixtures/worker-checks.js'

const SECRET = 'a secret of two clusters'

interface World {
  readonly a: Worker
  readonly c: Worker
  readonly x: Worker
  readonly y: Worker
  readonly z: Worker
  readonly home: readonly Worker[]
  readonly all: readonly Worker[]
}

const startWorld = async (t: Test): Promise<World> => {
  const [home, other, z] = await Promise.all([
    startCluster(t, ['a', 'c'], { secret: SECRET }),
    startCluster(t, ['x', 'y'], { secret: SECRET }),
    startWorker(t, { name: 'z', secret: SECRET }),
  ])
  const [a, c] = home as [Worker, Worker]
  const [x, y] = other as [Worker, Worker]
  return { a, c, x, y, z, home, all: [...home, ...other, z] }
}

test('37: moves between clusters', async (t) => {
  const world = await startWorld(t)
  const { a, c, x, y, z, home } = world

  await t.test('37, 21: G6: every kind of value arrives as it was', async (t) => {
    const hash = await c.do('hashOfSamples', { seed: 37 })
    await start(home, a, 'values', 'values', [37])
    t.match(await c.sendMe('values', ['tcp', 'localhost', x.tcp[2]]), { moved: true })
    t.same(await c.call('values', 'hash'), { node: 'x', hash })
    t.equal(await c.do('hashOfEcho', { name: 'values' }), await c.do('hashOfNamed'), 'over a call, there and back')
  })

  await t.test('37, 22, 23, 25: G1 G3 G4: 20 moves under load, in and out', async (t) => {
    await start(home, a, 'tally', 'loaded')
    await startLoad('loaded', home, c)
    const way = [x.tcp, 'y', x.tcp, a.tcp]
    for (let i = 0; i < 20; i++) {
      t.match(await c.sendMe('loaded', way[i % 4]), { moved: true })
      for (let n = 0; n < 20; n++) await a.call('loaded', 'report')
    }
    // The spans of every node that it ran on are needed for G1; x and y send nothing.
    for (const worker of [x, y]) await worker.load(`sender ${worker.name}`, 'casts', 'loaded')
    await checkLoad(t, 'loaded', [a, c, x, y], c, 21)
  })

  await t.test('37, 24, 36: G9: what waits and what was put off is answered from the other cluster', async (t) => {
    await start(home, a, 'keeper', 'queue')
    await start(home, a, 'tally', 'beside')
    const held = c.call('queue', 'hold')
    await c.call('queue', 'askBefore', 'gate')
    const moving = c.sendMe('queue', x.tcp)
    await gateAt(a, 'gate')
    const called = c.call('queue', 'note', 'waits')
    await c.cast('queue', 'note', 'waits')
    await c.do('send', { name: 'queue', message: 'waits' })
    await c.call('beside', 'report')
    await a.do('openGate', { gate: 'gate' })
    t.match(await moving, { moved: true })
    t.equal(await called, 'x')
    const log = await a.call('queue', 'log')
    t.same(
      log.filter((line: string) => line.includes('waits')),
      ['call waits x', 'cast waits x', 'info waits x'],
    )
    await a.call('queue', 'release')
    t.equal(await held, 'from x')
  })

  await t.test('37, 35: G7: a timer fires once, with its remaining time', async (t) => {
    await start(home, a, 'keeper', 'alarm')
    await c.call('alarm', 'arm', 300)
    t.match(await c.sendMe('alarm', x.tcp), { moved: true })
    const log = await inTime('the timer', logOf(c, 'alarm', /^timer/))
    t.equal(log.length, 1)
    t.match(log[0], / x$/)
    t.ok(Number(log[0]?.split(' ')[1]) >= 300, `never early: ${log[0]}`)
  })

  await t.test('37, 28: G6: who is not let in stays, and goes on', (t) => refusals(t, world))

  await t.test('37, 29: G12: 20 times out and back: no table grows', async (t) => {
    await start(home, a, 'tally', 'shuttle')
    const once = async (): Promise<void> => {
      for (const to of [x.tcp, a.tcp]) t.match(await c.sendMe('shuttle', to), { moved: true })
    }
    await c.load('finder', 'calls', 'shuttle', 2)
    await once()
    const before = await settledStats(world.all)
    for (let i = 0; i < 19; i++) await once()
    const found = await c.endLoad('finder')
    t.same(found.errors, [])
    t.same(growth(before, await settledStats(world.all)), [])
  })

  await t.test('38: G12: round three clusters and home: no loop, callers at home never notice', async (t) => {
    await start(home, a, 'tally', 'traveller')
    await c.load('home', 'calls', 'traveller')
    for (const [to, at] of [
      [x.tcp, 'x'],
      [z.tcp, 'z'],
      [a.tcp, 'a'],
    ] as const) {
      t.match(await c.sendMe('traveller', to), { moved: true })
      t.equal((await c.call('traveller', 'report')).node, at)
    }
    const found = await c.endLoad('home')
    t.same(found.errors, [])
    t.ok(found.growing)
    t.equal((await c.do('whereis', { name: 'traveller' })).via, undefined, 'at home nothing goes through a gateway')
    t.equal(await x.call('traveller', 'add', 0), found.sent, 'who met it on its way still reaches it')
  })

  await t.test('39: G8: it dies in the other cluster: watchers at home hear it once, the name is free', async (t) => {
    for (const [name, end, reason] of [
      ['crashes', (w: Worker) => t.rejects(w.call('crashes', 'crash'), { code: 'ERR_CRASHED' }), 'crash: asked to'],
      ['stops', (w: Worker) => w.do('stopProcess', { name: 'stops', reason: 'normal' }), 'normal'],
    ] as const) {
      await start(home, a, 'tally', name)
      const downs = home.map((worker) => worker.do('monitor', { name }))
      t.match(await c.sendMe(name, x.tcp), { moved: true })
      await end(c)
      t.same(await Promise.all(downs), [reason, reason])
      t.equal(await c.do('whereis', { name }), null)
      await start(home, c, 'tally', name)
      t.equal((await a.call(name, 'report')).node, 'c')
    }
  })

  for (const worker of world.all) t.equal(await worker.leave(), 0, `${worker.name} ends by itself after stop`)
})

const refusals = async (t: Test, { a, c, x, z, home }: World): Promise<void> => {
  const [other, stranger] = await Promise.all([
    startWorker(t, { name: 'other', secret: 'another secret than theirs' }),
    startWorker(t, { name: 'stranger', secret: SECRET, kinds: ['keeper'] }),
  ])
  await start(home, a, 'tally', 'stays')
  const taken = z.next('registered', isLive('stays'))
  await z.do('start', { kind: 'tally', name: 'stays', args: [] })
  await taken
  await t.rejects(c.sendMe('stays', other.tcp), { code: 'ERR_AUTH' })
  await t.rejects(c.sendMe('stays', stranger.tcp), { code: 'ERR_KIND_UNKNOWN' })
  await t.rejects(c.sendMe('stays', z.tcp), { code: 'ERR_REFUSED', fields: { code: 'ERR_ALREADY_STARTED' } })
  t.equal(await c.call('stays', 'add', 1), 1)
  t.equal((await c.call('stays', 'report')).node, 'a')
  t.match(await c.sendMe('stays', x.tcp), { moved: true })
  t.equal(await c.call('stays', 'add', 1), 2)
  t.equal((await z.call('stays', 'report')).count, 0, 'the other process of that name is another one')
  for (const worker of [other, stranger]) t.equal(await worker.leave(), 0)
}

test('37: G12: callers behind a gateway follow each move at once, not by the timer that sends again', async (t) => {
  const limits = { resendMs: 4_000, resendMsMax: 5_000 }
  const [home, other] = await Promise.all([
    startCluster(t, ['a', 'c'], { limits }),
    startCluster(t, ['x', 'y'], { limits }),
  ])
  const [a, c] = home as [Worker, Worker]
  const [x] = other as [Worker]
  await start(home, a, 'tally', 'followed')
  await c.load('caller', 'calls', 'followed')
  for (const to of [x.tcp, 'y', x.tcp, a.tcp, x.tcp, 'y', 'x', a.tcp]) {
    t.match(await a.sendMe('followed', to), { moved: true })
    for (let n = 0; n < 20; n++) await a.call('followed', 'report')
  }
  const caller = await c.endLoad('caller')
  t.same(caller.errors, [])
  t.ok(caller.maxMs < 3_000, `the longest call took ${caller.maxMs} ms`)
  for (const worker of [...home, ...other]) t.equal(await worker.leave(), 0)
})
