/** Processes on three nodes of one cluster, each an operating system process of its own, over real TCP. */
import { type Test, test } from 'tap'
import { startCluster, startWorker, type Worker, type WorkerError, type WorkerEvent } from '../fixtures/cluster.js'
import { isLive } from '../fixtures/worker-checks.js'

const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'no error',
    (error: WorkerError) => error.code,
  )

const everyWorker = <T>(all: readonly Worker[], ask: (worker: Worker) => Promise<T>): Promise<T[]> =>
  Promise.all(all.map(ask))

/** Live names and their nodes, as a worker lists them. */
const listOf = async (worker: Worker): Promise<string[]> =>
  (await worker.do('list')).map(({ name, node }: { name: string; node: string }) => `${name} ${node}`)

test('a cluster of three processes', async (t) => {
  const all = await startCluster(t, ['a', 'b', 'c'])
  const [a, b, c] = all as [Worker, Worker, Worker]

  await t.test('7: G11: own write is visible: the line after start finds the name', async (t) => {
    for (let i = 0; i < 100; i++) {
      await b.do('start', { kind: 'tally', name: `own:${i}`, args: [] })
      t.equal((await b.do('whereis', { name: `own:${i}` }))?.node, 'b')
    }
    for (const worker of all) t.equal((await worker.had('registered', isLive('own:99'))).node, 'b')
    const names = new Set(await everyWorker(all, async (worker) => (await listOf(worker)).join()))
    t.equal(names.size, 1, 'all lists agree')
  })

  await t.test('8: G1: racers for one name: one wins, the others hear where', async (t) => {
    const names = Array.from({ length: 20 }, (_, i) => `race:${i % 5}`)
    const results = await everyWorker(all, (worker) => worker.do('race', { kind: 'tally', names }))
    for (let i = 0; i < 5; i++) {
      const of = results.flatMap((list, node) =>
        list.filter((_: unknown, at: number) => at % 5 === i).map((one: unknown) => ({ one, node: 'abc'[node] })),
      )
      const winners = of.filter(({ one }) => one === 'won')
      t.equal(winners.length, 1, `one winner of race:${i}`)
      for (const { one } of of)
        if (one !== 'won') t.strictSame(one, { code: 'ERR_ALREADY_STARTED', at: winners[0]?.node })
      t.equal((await everyWorker(all, (worker) => worker.call(`race:${i}`, 'report'))).length, 3)
    }
  })

  await t.test('11: G5: a name that nobody has is an error, surely not executed', async (t) => {
    for (const what of ['call', 'cast', 'send', 'sendMe', 'stopProcess']) {
      const asked = a.do(what, { name: 'nobody', method: 'seq', args: [1], to: 'b' })
      await t.rejects(asked, { code: 'ERR_NO_PROCESS', executed: 'no' }, what)
    }
  })

  await t.test('stop from another node: the name is gone everywhere and free again', async (t) => {
    const gone = everyWorker(all, (worker) => worker.next('registered', isEnd('own:0')))
    await c.do('stopProcess', { name: 'own:0', reason: 'normal' })
    t.same(new Set((await gone).map(({ reason }) => reason)), new Set(['normal']))
    t.equal(await codeOf(a.call('own:0', 'report')), 'ERR_NO_PROCESS')
    const known = a.next('registered', isLive('own:0'))
    await c.do('start', { kind: 'tally', name: 'own:0', args: [] })
    t.equal((await known).node, 'c')
    t.equal((await a.call('own:0', 'report')).node, 'c')
  })

  await t.test('28: G6: a destination that refuses: the source goes on, the next attempt works', async (t) => {
    const old = await startWorker(t, {
      name: 'old',
      join: [a.address],
      kinds: ['oldDated', 'keeper', 'big'],
      limits: { stateBytesMax: 1_000_000 },
    })
    await a.had('nodeup', ({ node }) => node === 'old')
    await a.do('start', { kind: 'tally', name: 'stays', args: [] })
    await a.do('start', { kind: 'dated', name: 'newer', args: [] })
    await a.do('start', { kind: 'big', name: 'large', args: [2] })
    t.equal(await codeOf(a.sendMe('stays', 'old')), 'ERR_KIND_UNKNOWN')
    t.equal(await codeOf(b.sendMe('newer', 'old')), 'ERR_VERSION')
    t.equal(await codeOf(a.sendMe('large', 'old')), 'ERR_STATE_TOO_LARGE')
    t.equal(await codeOf(a.sendMe('stays', 'nowhere')), 'ERR_UNREACHABLE')
    t.equal(await codeOf(a.sendMe('stays', ['tcp', 'localhost', 1])), 'ERR_UNREACHABLE')
    for (const name of ['stays', 'newer', 'large']) t.equal((await c.do('whereis', { name })).node, 'a')
    t.equal(await c.call('stays', 'add', 1), 1)
    t.same(await c.call('newer', 'read'), { version: 2, node: 'a' })
    t.match(await a.sendMe('stays', 'b'), { moved: true })
    t.equal(await c.call('stays', 'add', 1), 2)
    await upgrades(t, a, old)
  })

  for (const worker of all) t.equal(await worker.leave(), 0, `${worker.name} ends by itself after stop`)
})

/** An old process that comes to a node with the newer kind is read there, and cannot go back. */
const upgrades = async (t: Test, a: Worker, old: Worker): Promise<void> => {
  await old.do('start', { kind: 'oldDated', name: 'older', args: [] })
  await a.had('registered', isLive('older'))
  t.same(await a.call('older', 'read'), { version: 1, node: 'old' })
  t.match(await a.sendMe('older', 'a'), { moved: true })
  t.same(await old.call('older', 'read'), { version: 2, node: 'a' })
  t.equal(await codeOf(a.sendMe('older', 'old')), 'ERR_VERSION')
  t.equal(await old.leave(), 0)
}

const isEnd = (ended: string) => (event: WorkerEvent) => event.name === ended && event.status === 'ended'
