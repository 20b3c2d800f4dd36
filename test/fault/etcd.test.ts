/**
 * A directory on a real etcd of three members, and its faults: its leader is killed, or stands still; the owner of a
 * name, the source or the destination of a move is cut off from it. Never do two serve (G1). The log of the probe is
 * printed.
 */
import { test } from 'tap'
import { EtcdLab, TTL_MS } from '../fixtures/etcd-lab.js'
import { noEtcd } from '../fixtures/etcd-server.js'

const passed = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

test('G1: the leader of etcd is killed: processes serve on; starts and moves go on', {
  skip: noEtcd,
}, async (t) => {
  const lab = await EtcdLab.open(3, 'a', 'b', 'c')
  t.teardown(() => lab.close())
  const x = await lab.at('a').start(lab.counter, { name: 'x' })
  const stop = lab.load('c', 'x')
  await x.sendMe('b')
  const fences: string[] = []
  for (const name of ['a', 'b', 'c']) lab.at(name).on('fenced', ({ fenced }) => fences.push(`${name} ${fenced}`))
  const leader = await lab.server.leader()
  await leader.stop()
  const killedAt = Date.now()
  const started = lab.at('a').start(lab.counter, { name: 'y' })
  const moved = x.sendMe('c')
  t.equal((await started).name, 'y')
  const startMs = Date.now() - killedAt
  t.match(await moved, { moved: true })
  t.comment(
    `leader killed: a start took ${startMs} ms, a move ${Date.now() - killedAt} ms; fences: ${fences.join() || 'none'}`,
  )
  await passed(2 * TTL_MS)
  const { ok, failed } = await stop()
  t.ok(ok > 100)
  t.comment(`calls: ${ok} ok, ${failed} failed`)
  for (const line of lab.log('x')) t.comment(line)
  t.same(lab.faults(), [])
})

test('G1: the leader of etcd stands still, and comes back', { skip: noEtcd }, async (t) => {
  const lab = await EtcdLab.open(3, 'a', 'b')
  t.teardown(() => lab.close())
  await lab.at('a').start(lab.counter, { name: 'x' })
  const stop = lab.load('b', 'x')
  const leader = await lab.server.leader()
  for (let i = 0; i < 2; i += 1) {
    leader.signal('SIGSTOP')
    await passed(TTL_MS)
    leader.signal('SIGCONT')
    await passed(TTL_MS)
  }
  t.equal(await lab.takes('b', 'y'), 'started')
  const { ok } = await stop()
  t.ok(ok > 100, `${ok} calls`)
  for (const line of lab.log('x')) t.comment(line)
  t.same(lab.faults(), [])
})

test('G1: the owner is cut off from etcd while it serves: it stands still first', {
  skip: noEtcd,
}, async (t) => {
  const lab = await EtcdLab.open(3, 'a', 'b', 'c')
  t.teardown(() => lab.close())
  await lab.at('a').start(lab.counter, { name: 'x' })
  const stops = ['a', 'c'].map((name) => lab.load(name, 'x'))
  await passed(500)
  const conflict = lab.at('a').once('conflict')
  lab.cut('a')
  t.equal(await lab.takes('b', 'x'), 'started')
  await passed(500)
  lab.cut('a', false)
  t.match(await conflict, { name: 'x', keptNode: 'b' })
  await passed(300)
  for (const stop of stops) await stop()
  for (const line of lab.log('x')) t.comment(line)
  t.same(lab.faults(), [])
  t.same([...new Set(lab.probes.map(({ node }) => node))], ['a', 'b'])
})

test('G1: an owner that is back in time goes on; later it has the name anew', {
  skip: noEtcd,
}, async (t) => {
  const lab = await EtcdLab.open(3, 'a', 'b')
  t.teardown(() => lab.close())
  await lab.at('a').start(lab.counter, { name: 'x' })
  const stop = lab.load('b', 'x')
  for (const ms of [TTL_MS * 0.5, TTL_MS * 1.4]) {
    lab.cut('a')
    await passed(ms)
    lab.cut('a', false)
    await passed(TTL_MS)
  }
  const { ok } = await stop()
  t.ok(ok > 100, `${ok} calls`)
  const log = lab.log('x')
  for (const line of log) t.comment(line)
  t.equal(log.length, 2, 'one epoch, and one after its lease had ended')
  const highest = await lab.at('b').ref(lab.counter, 'x').call.add(0)
  t.ok(highest >= ok, `its state is kept: ${highest} of ${ok} that were answered`)
  t.same(lab.faults(), [])
})

for (const who of ['destination', 'source'] as const) {
  test(`G1 G10: the ${who} is cut off from etcd in the middle of a move`, { skip: noEtcd }, async (t) => {
    const lab = await EtcdLab.open(3, 'a', 'b', 'c')
    t.teardown(() => lab.close())
    await lab.at('a').start(lab.counter, { name: 'x' })
    const stop = lab.load('c', 'x')
    await passed(300)
    const on = who === 'source' ? 'a' : 'b'
    lab.at(on).on('move', ({ phase }) => {
      if (phase === 'prepared') lab.cut(on)
    })
    const moved = lab.at('c').ref(lab.counter, 'x').with({ timeoutMs: 20_000 }).sendMe('b')
    const said = await moved.then(
      () => 'moved',
      (error: { code: string }) => error.code,
    )
    await passed(2.5 * TTL_MS)
    lab.cut(on, false)
    await passed(2.5 * TTL_MS)
    const { ok } = await stop()
    const where = lab.at('c').whereis('x')?.node
    t.comment(`the move said ${said}; x is on ${where}; ${ok} calls`)
    for (const line of lab.log('x')) t.comment(line)
    t.ok((await lab.at('c').ref(lab.counter, 'x').call.add(0)) > 0, 'it answers')
    t.same(lab.faults(), [])
    t.same(lab.at('a').parked().concat(lab.at('b').parked()), [])
  })
}

test('G11: etcd restarts with all it had: every name is where it was', { skip: noEtcd }, async (t) => {
  const lab = await EtcdLab.open(1, 'a', 'b')
  t.teardown(() => lab.close())
  for (let i = 0; i < 20; i += 1) await lab.at('a').start(lab.counter, { name: `x${i}` })
  const [member] = lab.server.members
  if (member === undefined) return void t.fail('there is a member')
  await member.stop()
  await passed(300)
  lab.server.restart(member)
  await lab.server.ready()
  await passed(TTL_MS)
  t.equal(await lab.at('b').ref(lab.counter, 'x7').call.add(1), 1)
  t.equal(lab.at('b').list().length, 20)
  t.equal(await lab.takes('b', 'y'), 'started')
  t.same(lab.faults(), [])
})
