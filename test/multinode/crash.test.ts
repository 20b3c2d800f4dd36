/** kill -9 of nodes that are processes of their own: what the others find out, when, and what stays. */
import { type Test, test } from 'tap'
import { startCluster, startWorker, type Worker } from '../fixtures/cluster.js'
import { isLive, start } from '../fixtures/worker-checks.js'

/** limits.refusedMs: a port that refuses for 2 s is proof of death; then registry and watchers hear it. */
const FREED_MS = 2_000
const SLACK_MS = 3_000

const sinceMs = (begun: bigint): number => Number(process.hrtime.bigint() - begun) / 1e6

test('kill -9', async (t) => {
  await t.test('G11: of the destination at rest: monitors hear it, the name is freed in time', killDestination)
  await t.test('G1: of the source at rest: the moved process does not notice', killSource)
  await t.test('G6: of the destination in the middle of the state: it runs on at the source', (t) =>
    killWhileReceiving(t, false),
  )
  await t.test('37: G6: of a destination in another cluster in the middle of the state: it runs on at home', (t) =>
    killWhileReceiving(t, true),
  )
  await t.test('37: of a node in the other cluster: unreachable, and free again once it is back', killForeigner)
})

async function killDestination(t: Test): Promise<void> {
  const all = await startCluster(t, ['a', 'b', 'c'])
  const [a, b, c] = all as [Worker, Worker, Worker]
  await start(all, a, 'tally', 'moved')
  await start(all, b, 'tally', 'native')
  t.match(await a.sendMe('moved', 'b'), { moved: true })
  t.equal(await c.call('moved', 'add', 3), 3)
  const downs = [a, c].flatMap((worker) => ['moved', 'native'].map((name) => worker.do('monitor', { name })))
  const gone = [a, c].map((worker) => worker.next('nodedown', ({ node }) => node === 'b'))
  const begun = process.hrtime.bigint()
  t.equal(await b.kill(), 'SIGKILL')
  t.same(await Promise.all(downs), Array(4).fill('nodedown'))
  const freedMs = sinceMs(begun)
  for (const event of await Promise.all(gone)) t.equal(event.reason, 'refused')
  t.ok(freedMs < FREED_MS + SLACK_MS, `freed after ${Math.round(freedMs)} ms`)
  t.comment(`freed ${Math.round(freedMs)} ms after kill -9`)
  for (const worker of [a, c]) {
    t.equal(await worker.do('whereis', { name: 'moved' }), null)
    t.same(await worker.do('list'), [])
    t.same(await worker.do('nodes'), worker === a ? ['c'] : ['a'])
  }
  const again = a.next('registered', isLive('moved'))
  await c.do('start', { kind: 'tally', name: 'moved', args: [] })
  await again
  t.equal(await a.call('moved', 'add', 1), 1, 'a new life, from the beginning')
  for (const worker of [a, c]) t.equal(await worker.leave(), 0)
}

async function killSource(t: Test): Promise<void> {
  const all = await startCluster(t, ['a', 'b', 'c'])
  const [a, b, c] = all as [Worker, Worker, Worker]
  await start(all, a, 'tally', 'moved')
  t.equal(await c.call('moved', 'add', 1), 1)
  t.match(await c.sendMe('moved', 'b'), { moved: true })
  const gone = [b, c].map((worker) => worker.next('nodedown', ({ node }) => node === 'a'))
  await a.kill()
  t.equal(await c.call('moved', 'add', 1), 2, 'while nobody knows yet that the source is dead')
  await Promise.all(gone)
  t.equal(await c.call('moved', 'add', 1), 3)
  t.equal((await c.do('whereis', { name: 'moved' })).node, 'b')
  t.match(await c.sendMe('moved', 'c'), { moved: true })
  t.equal(await b.call('moved', 'add', 1), 4)
  for (const worker of [b, c]) t.equal(await worker.leave(), 0)
}

async function killWhileReceiving(t: Test, foreign: boolean): Promise<void> {
  const home = await startCluster(t, ['a', 'c'])
  const [a, c] = home as [Worker, Worker]
  const b = await startWorker(t, foreign ? { name: 'b' } : { name: 'b', join: [a.address] })
  if (!foreign) await a.had('nodeup', ({ node }) => node === 'b')
  await start(home, a, 'big', 'big', [40])
  const before = await c.call('big', 'check')
  const sending = a.next('move', ({ phase }) => phase === 'prepare')
  const broken = { code: /^ERR_(LINK_LOST|UNREACHABLE)$/ }
  const moving = t.rejects(c.sendMe('big', foreign ? b.tcp : 'b', 15_000), broken)
  await sending
  await b.kill()
  await moving
  t.same(await c.call('big', 'check'), before)
  t.match(await c.sendMe('big', 'c'), { moved: true })
  t.same(await a.call('big', 'check'), { ...before, node: 'c' })
  for (const worker of home) t.equal(await worker.leave(), 0)
}

async function killForeigner(t: Test): Promise<void> {
  const home = await startCluster(t, ['a', 'c'])
  const [a, c] = home as [Worker, Worker]
  const x = await startWorker(t, { name: 'x' })
  await start(home, a, 'tally', 'abroad')
  t.match(await c.sendMe('abroad', x.tcp), { moved: true })
  t.equal(await c.call('abroad', 'add', 1), 1)
  const down = c.do('monitor', { name: 'abroad' })
  const cut = a.next('linkdown', ({ peer }) => String(peer).includes('x'))
  await x.kill()
  await cut
  const asked = { name: 'abroad', method: 'add', args: [1], timeoutMs: 500 }
  await Promise.all([
    t.rejects(a.do('call', asked), { code: 'ERR_UNREACHABLE', executed: 'no' }, 'the gateway knows why'),
    t.rejects(c.do('call', asked), { code: 'ERR_TIMEOUT', executed: 'maybe' }, 'the other one gave it to the gateway'),
  ])
  t.equal((await c.do('whereis', { name: 'abroad' })).node, 'a', 'silence is no proof: the name stays delegated')
  const back = await startWorker(t, { name: 'x', port: x.tcp[2] })
  t.equal(await down, 'nodedown')
  await start(home, c, 'tally', 'abroad')
  t.equal(await a.call('abroad', 'add', 1), 1)
  for (const worker of [a, c, back]) t.equal(await worker.leave(), 0)
}
