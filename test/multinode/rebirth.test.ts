/** SIGSTOP of a node that is a process of its own, for longer than the down time: it comes back by itself. */
import { test } from 'tap'
import { startCluster, type Worker } from '../fixtures/cluster.js'
import { isLive, start } from '../fixtures/worker-checks.js'

/** Times a fifth of the defaults: what takes 12 s with them takes 2.4 s. */
const LIMITS = { heartbeatMs: 200, suspectMs: 600, downMs: 2_000, refusedMs: 400, redialMs: 50, redialMsMax: 1_000 }

test('fault 54: SIGSTOP longer than the down time, over TCP: a new life, with its state; callers go on', async (t) => {
  const all = await startCluster(t, ['a', 'b', 'c'], { limits: LIMITS })
  const [a, b, c] = all as [Worker, Worker, Worker]
  await start(all, c, 'tally', 'kept')
  await start(all, c, 'tally', 'taken')
  t.equal(await a.call('kept', 'add', 41), 41)
  t.equal(await a.call('taken', 'add', 7), 7)
  for (let round = 1; round <= 2; round++) {
    const gone = [a, b].map((worker) => worker.next('nodedown', ({ node }) => node === 'c'))
    c.signal('SIGSTOP')
    for (const { reason } of await Promise.all(gone)) t.equal(reason, 'silent')
    await t.rejects(a.call('kept', 'add', 1), /ERR_(NO_PROCESS|LOST|STOPPED)/, 'it has ended for those that stayed')
    if (round === 1) await b.do('start', { kind: 'tally', name: 'taken', args: [] })
    const reborn = c.next('reborn')
    const back = [a, b].map((worker) => worker.next('registered', isLive('kept')))
    const conflict = round === 1 ? c.next('conflict', ({ name }) => name === 'taken') : undefined
    c.signal('SIGCONT')
    const { former, incarnation } = await reborn
    t.ok((incarnation as number) > (former as number))
    await Promise.all(back)
    if (conflict !== undefined) t.match(await conflict, { keptNode: 'b' })
    t.equal(await b.call('kept', 'add', 1), 41 + round, 'the state survived')
    t.equal(await c.call('kept', 'add', 0), 41 + round, 'and refs of the node itself go on')
    t.equal(await c.call('taken', 'add', 1), round, 'of two lives one stays')
    t.same(await c.do('nodes'), ['a', 'b'])
  }
  t.match(await a.sendMe('kept', 'b'), { moved: true }, 'it moves as before')
  t.equal(await c.call('kept', 'add', 1), 44)
  for (const worker of all) t.equal(await worker.leave(), 0)
})
