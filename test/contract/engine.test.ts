/** What every engine promises to the directory on it, for etcd and for its twin in memory. */
import { createServer as createWeb } from 'node:http'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { test } from 'tap'
import { realClock } from '../../src/base/clock.js'
import type { EngineClient, EngineEvent, EngineTxn } from '../../src/registry/engine.js'
import { EtcdClient } from '../../src/registry/etcd-client.js'
import { EtcdServer, noEtcd } from '../fixtures/etcd-server.js'
import { freePort } from '../fixtures/fault-proxy.js'
import { MemoryEngine } from '../fixtures/memory-engine.js'

const clock = realClock()

interface Lab {
  client(): EngineClient
  compact(revision: number): Promise<void>
  close(): Promise<void>
}

const memory = async (): Promise<Lab> => {
  const engine = new MemoryEngine(clock)
  const compact = async (revision: number): Promise<void> => engine.compact(revision)
  return { client: () => engine.client(), compact, close: async () => engine.close() }
}

const etcd = async (): Promise<Lab> => {
  const server = await EtcdServer.open()
  const client = () => new EtcdClient({ clock, endpoints: server.endpoints, tryMs: 2_000 })
  const compact = async (revision: number) => {
    await fetch(`${server.endpoints[0]}/v3/kv/compaction`, { method: 'POST', body: JSON.stringify({ revision }) })
  }
  return { client, compact, close: () => server.close() }
}

const put = (key: string, value: string, lease = ''): EngineTxn => ({
  compare: [],
  writes: [{ put: key, value, lease }],
  reads: [],
})

/** Collects what a watch hears, and waits for so many events. */
class Ear {
  readonly heard: [number, string][] = []
  ends = ''
  #waiting: (() => void) | undefined
  #wanted = 0
  readonly hears = {
    events: (revision: number, events: readonly EngineEvent[]) => {
      for (const event of events)
        this.heard.push([revision, event.type === 'put' ? `${event.key.key}=${event.key.value}` : `-${event.key}`])
      this.#look()
    },
    compacted: () => {
      this.ends = 'compacted'
      this.#look()
    },
    broken: (reason: string) => {
      this.ends = `broken ${reason}`
      this.#look()
    },
  }

  #look(): void {
    if (this.heard.length >= this.#wanted || this.ends !== '') this.#waiting?.()
  }

  until(count: number): Promise<void> {
    this.#wanted = count
    return new Promise((resolve) => {
      this.#waiting = resolve
      this.#look()
    })
  }
}

for (const [name, open, skip] of [
  ['memory', memory, false],
  ['etcd', etcd, noEtcd],
] as const) {
  test(`${name}`, { skip }, async (t) => {
    const lab = await open()
    const client = lab.client()
    t.teardown(async () => {
      client.close()
      await lab.close()
    })

    t.test('of two that create a key one does, and the other reads whose it is', async (t) => {
      const create = (value: string): EngineTxn => ({
        compare: [{ key: 'a/x/ü', created: 0 }],
        writes: [{ put: 'a/x/ü', value, lease: '' }],
        reads: ['a/x/ü', 'a/none'],
      })
      const [first, second] = await Promise.all([client.txn(create('one')), client.txn(create('two'))])
      const done = [first, second].find((answer) => answer.type === 'done')
      const differs = [first, second].find((answer) => answer.type === 'differs')
      if (done?.type !== 'done' || differs?.type !== 'differs') return void t.fail('one of each')
      const [key, ...more] = differs.found
      t.same(more, [])
      t.match(key, { key: 'a/x/ü', createRevision: done.revision, modRevision: done.revision, lease: '' })
      t.equal(key?.value, first === done ? 'one' : 'two')
    })

    t.test('G2: a compare on the revision holds once; each write is one revision higher', async (t) => {
      const made = await client.txn(put('a/y', '1'))
      if (made.type !== 'done') return void t.fail(made.type)
      const change = (value: string): EngineTxn => ({
        compare: [{ key: 'a/y', modified: made.revision }],
        writes: [
          { put: 'a/y', value, lease: '' },
          { put: 'a/y2', value, lease: '' },
        ],
        reads: ['a/y'],
      })
      const changed = await client.txn(change('2'))
      t.same(changed, { type: 'done', revision: made.revision + 1 })
      t.match(await client.txn(change('3')), {
        type: 'differs',
        found: [{ value: '2', modRevision: made.revision + 1 }],
      })
      const range = await client.range('a/', { from: 'a/y', limit: 1, revision: 0 })
      t.match(range, { revision: made.revision + 1, more: true, keys: [{ key: 'a/y', value: '2' }] })
    })

    t.test('what hangs on a lease ends with it, in one revision, and nothing hangs on one that is over', async (t) => {
      const { lease, ttlMs } = await client.grant(60_000)
      t.equal(ttlMs, 60_000)
      await client.txn(put('a/l1', '1', lease))
      const second = await client.txn(put('a/l2', '2', lease))
      const ear = new Ear()
      if (second.type !== 'done') return void t.fail(second.type)
      client.watch('a/', second.revision, ear.hears)
      t.equal(await client.keepAlive(lease), 60_000)
      await client.revoke(lease)
      await ear.until(3)
      t.same(ear.heard[0], [second.revision, 'a/l2=2'])
      t.same(ear.heard.slice(1).sort(), [
        [second.revision + 1, '-a/l1'],
        [second.revision + 1, '-a/l2'],
      ])
      t.equal(await client.keepAlive(lease), 0)
      t.same(await client.txn(put('a/l3', '3', lease)), { type: 'noLease' })
      const held = { compare: [{ key: 'a/l1', modified: 1 }], writes: put('a/l3', '3', lease).writes, reads: [] }
      t.equal((await client.txn(held)).type, 'differs', 'the compare comes first')
      await client.revoke(lease)
    })

    t.test('a lease that nobody renews is over after its time, not before', async (t) => {
      const { lease, ttlMs } = await client.grant(2_000)
      const before = clock.now()
      const made = await client.txn(put('a/short', '1', lease))
      const ear = new Ear()
      if (made.type !== 'done') return void t.fail(made.type)
      client.watch('a/short', made.revision + 1, ear.hears)
      await ear.until(1)
      t.equal(ear.heard[0]?.[1], '-a/short')
      t.ok(clock.now() - before >= ttlMs - 100, `${clock.now() - before} ms`)
    })

    t.test(
      'G11: a watch tells all from a revision on, in order, nothing twice; and a closed one nothing',
      async (t) => {
        const first = await client.txn(put('w/0', '0'))
        if (first.type !== 'done') return void t.fail(first.type)
        const closed = new Ear()
        const ear = new Ear()
        const watch = client.watch('w/', first.revision, ear.hears)
        client.watch('w/', first.revision, closed.hears).close()
        for (let i = 1; i < 20; i += 1) await client.txn(put(`w/${i}`, `${i}`))
        await client.txn(put('v/other', ''))
        await client.txn({ compare: [], writes: [{ delete: 'w/3' }, { delete: 'w/none' }], reads: [] })
        await ear.until(21)
        const numbers = Array.from({ length: 20 }, (_, i) => `w/${i}=${i}`)
        t.same(
          ear.heard.map(([, what]) => what),
          [...numbers, '-w/3'],
        )
        t.same(
          ear.heard.map(([revision]) => revision),
          [...new Set(ear.heard.map(([revision]) => revision))].sort((a, b) => a - b),
        )
        watch.close()
        t.same(closed.heard, [])
        const again = new Ear()
        client.watch('w/', (ear.heard[18]?.[0] ?? 0) + 1, again.hears)
        await again.until(2)
        t.same(again.heard, ear.heard.slice(19))
      },
    )

    t.test('a watch from a revision that is forgotten says so', async (t) => {
      const first = await client.txn(put('z/0', '0'))
      const second = await client.txn(put('z/1', '1'))
      if (first.type !== 'done' || second.type !== 'done') return void t.fail('both are done')
      await lab.compact(second.revision)
      const ear = new Ear()
      client.watch('z/', first.revision, ear.hears)
      await ear.until(Number.POSITIVE_INFINITY)
      t.same([ear.ends, ear.heard], ['compacted', []])
    })

    t.test('a client that is closed answers nothing, and its watches end', async (t) => {
      const other = lab.client()
      await other.txn(put('q', '1'))
      other.watch('q/', 1, new Ear().hears)
      other.close()
      await t.rejects(other.txn(put('q', '2')), { code: 'ERR_ENGINE' })
    })
  })
}

test('etcd: a server that does not answer is left for the next one, with the watches on it', {
  skip: noEtcd,
}, async (t) => {
  const server = await EtcdServer.open()
  t.teardown(() => server.close())
  const sockets = new Set<Socket>()
  const mute = createServer((socket) => sockets.add(socket.on('error', () => {})))
  await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    mute.close()
  })
  const { port } = mute.address() as AddressInfo
  const refused = `http://127.0.0.1:${await freePort()}`
  const endpoints = [`http://127.0.0.1:${port}`, refused, ...server.endpoints]
  const client = new EtcdClient({ clock, endpoints, tryMs: 500 })
  t.teardown(() => client.close())
  const ear = new Ear()
  client.watch('w/', 1, ear.hears)
  await t.rejects(client.txn(put('w/1', '1')), { code: 'ERR_ENGINE', fields: { where: endpoints[0] } })
  await ear.until(Number.POSITIVE_INFINITY)
  t.match(ear.ends, /^broken it did not answer within 500 ms/)
  await t.rejects(client.txn(put('w/1', '1')), { code: 'ERR_ENGINE', message: /ECONNREFUSED/ })
  t.match(await client.txn(put('w/1', '1')), { type: 'done' })
})

test('etcd: answers that are none are errors, not values', async (t) => {
  let body = ''
  let status = 200
  const web = createWeb((_, response) => response.writeHead(status).end(body))
  await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve))
  t.teardown(() => void web.close())
  const { port } = web.address() as AddressInfo
  const client = new EtcdClient({ clock, endpoints: [`http://127.0.0.1:${port}`], tryMs: 2_000 })
  t.teardown(() => client.close())
  for (const [code, text, reason] of [
    [200, 'hello', /no JSON/],
    [503, '{"error":"etcdserver: no leader","message":"etcdserver: no leader","code":14}', /no leader/],
    [200, '{"error":{"grpc_code":14,"message":"etcdserver: leader changed"}}', /leader changed/],
    [500, '{}', /HTTP 500/],
  ] as const) {
    body = text
    status = code
    await t.rejects(client.txn(put('x', '1')), { code: 'ERR_ENGINE', message: reason })
    const ear = new Ear()
    client.watch('x/', 1, ear.hears)
    await ear.until(Number.POSITIVE_INFINITY)
    t.match(ear.ends, code === 500 ? /^broken/ : /^broken (.*no leader|.*leader changed|a message is no JSON|it ended)/)
  }
})
