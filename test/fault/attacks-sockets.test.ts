/** Attacks 3, 7, 44 and 48 (docs/ATTACKS.md) that need a node in a process of its own, or many measurements. */
import t from 'tap'
import { startWorker, WORKER, Worker } from '../fixtures/cluster.js'
import { HostileLab } from '../fixtures/hostile-lab.js'
import { quantile, siege } from '../fixtures/socket-siege.js'

t.test('attack 3, 7: 5,000 silent sockets and 5,000 resets: honest peers get in, nothing is left', async (t) => {
  const seen = await siege(5_000, 5_000)
  const { handshakeMs, kept } = seen
  const [p50, p99] = [quantile(handshakeMs, 0.5), quantile(handshakeMs, 0.99)]
  t.comment(`${handshakeMs.length} honest handshakes: p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms; kept ${kept}`)
  // 16 at a time, for 3 s each.
  t.ok(kept > 0 && kept <= 200, 'most are dropped at once', { kept })
  t.ok(p50 < 250, 'honest peers do not wait for the others', { p50 })
  t.ok(p99 < 2_500, 'none of them waits for a time-out', { p99 })
  t.equal(seen.descriptorsEnd, seen.descriptorsStart, 'no socket is left')
  t.ok(seen.rssEnd - seen.rssStart < 64 * 1_048_576, `RSS ${seen.rssStart} -> ${seen.rssEnd}`)
})

t.test('attack 44: a restore that uses up the heap ends its own node only; the source goes on', async (t) => {
  const secret = 'a secret for the greedy: 77aa01bc'
  const a = await startWorker(t, { name: 'a', secret })
  const c = await startWorker(t, { name: 'c', secret, join: [a.address] })
  const d = new Worker({ name: 'd', secret, join: [a.address] }, ['--max-old-space-size=64', WORKER])
  t.teardown(() => d.kill())
  await d.had('ready')
  await a.had('nodeup', ({ node }) => node === 'd')
  await a.do('start', { kind: 'greedy', name: 'x', args: [] })
  t.equal(await a.call('x', 'add', 1), 1)
  const moving = a.sendMe('x', 'd').then(
    () => 'moved',
    (error: Error) => error.message,
  )
  t.not(await d.exited, 0, 'the destination is gone')
  t.match(await moving, /ERR_/, 'the caller of the move is told')
  t.equal(await c.call('x', 'add', 1), 2, 'one copy, with its state, where it was')
  t.match(await c.do('whereis', { name: 'x' }), { node: 'a' })
})

t.test('attack 48: what is forbidden and what is not there take the same time to say', async (t) => {
  const lab = await HostileLab.open(t)
  const z = await lab.stranger('a')
  const times: { readonly forbidden: number[]; readonly absent: number[] } = { forbidden: [], absent: [] }
  for (let i = 0; i < 1_000; i += 1) {
    for (const [what, name] of [
      ['forbidden', 'on a'],
      ['absent', 'no a'],
    ] as const) {
      const before = z.all('LOCATED').length
      const begun = performance.now()
      z.send({ type: 'WHERE', name, epoch: 0 })
      await z.next('LOCATED', (one) => z.all('LOCATED').indexOf(one) >= before)
      times[what].push(performance.now() - begun)
      z.got.length = 0
    }
  }
  const median = (list: number[]): number =>
    quantile(
      list.sort((x, y) => x - y),
      0.5,
    )
  const ratio = median(times.forbidden) / median(times.absent)
  t.ok(ratio > 0.5 && ratio < 2, `the medians are ${ratio.toFixed(2)} apart`)
  await lab.unharmed()
})
