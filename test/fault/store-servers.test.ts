/** Stores on a server, through the fault proxy: cut connections, a server that is away, slow, silent; its limits. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { type Test, test as tapTest } from 'tap'
import { realClock } from '../../src/base/clock.js'
import { hexId } from '../../src/base/ports.js'
import { realRandom } from '../../src/base/random.js'
import { mysqlStore } from '../../src/store/mysql-store.js'
import { patient } from '../../src/store/patient.js'
import { postgresStore } from '../../src/store/postgres-store.js'
import { redisStore } from '../../src/store/redis-store.js'
import type { Stamp, Store } from '../../src/store/store.js'
import { FaultProxy, freePort } from '../fixtures/fault-proxy.js'
import { type StoreServer, storeServers } from '../fixtures/store-servers.js'
import { testFolder } from '../fixtures/stores.js'

const at = (revision: number): Stamp => ({ epoch: 1, revision })
const bytesOf = (revision: number): Buffer => Buffer.from(`state ${revision}`)

/** The store behind a proxy whose door has this name; nobody says a name when it dials. */
const DOOR = 'server'
const NOBODY = ''

interface Behind {
  readonly store: Store
  readonly proxy: FaultProxy
  readonly port: number
  readonly namespace: string
}

const behind = async (
  t: Test,
  server: StoreServer,
  { ms = 5_000, ...options }: { ms?: number; timeoutMs?: number; connections?: number } = {},
): Promise<Behind> => {
  const namespace = `fault-${hexId(realRandom(), 6)}`
  t.teardown(() => server.clear(namespace))
  const proxy = new FaultProxy()
  const port = Number((await proxy.door(DOOR, { raw: true })).split(':')[1])
  await proxy.serve(DOOR, server.port)
  const inner = server.open({ namespace, port, ...options })
  const store = patient(inner, realClock(), ms)
  t.teardown(async () => {
    proxy.close()
    await store.close().catch(() => {})
  })
  return { store, proxy, port, namespace }
}

const set = (proxy: FaultProxy, change: { stalled?: boolean; swallowed?: boolean; delayMs?: number }): void => {
  proxy.set(NOBODY, DOOR, change)
  proxy.set(DOOR, NOBODY, change)
}

/** As a caller does: again, while it is ERR_STORE. */
const insist = async <T>(t: Test, act: () => Promise<T>, tries = 50): Promise<T> => {
  for (let left = tries; ; left -= 1) {
    try {
      return await act()
    } catch (error) {
      t.match(error, { code: 'ERR_STORE', retryable: true })
      if (left === 0) throw error
      await new Promise(setImmediate)
    }
  }
}

for (const server of storeServers) {
  const test = (what: string, body: (t: Test) => Promise<void>) =>
    tapTest(`${server.name}: ${what}`, { skip: server.skip, timeout: 60_000 }, body)

  test('the connections are cut in the middle of saves: what was answered is there, and it goes on', async (t) => {
    const { store, proxy } = await behind(t, server)
    await insist(t, () => store.save('x', at(1), bytesOf(1), 2))
    let revision = 1
    for (const how of ['rst', 'fin', 'rst'] as const) {
      const saves = Array.from({ length: 20 }, () => {
        revision += 1
        const own = revision
        return store.save('x', at(own), bytesOf(own), 2).then(
          (answer) => (answer === 'saved' ? own : 0),
          (error: unknown) => {
            t.match(error, { code: 'ERR_STORE', executed: 'maybe' })
            return 0
          },
        )
      })
      await Promise.race(saves)
      t.ok(proxy.between(NOBODY, DOOR).length > 0)
      proxy.cut(NOBODY, DOOR, how)
      const highest = Math.max(...(await Promise.all(saves)))
      const found = await insist(t, () => store.load('x', 0))
      t.ok((found?.revision ?? 0) >= highest, `${highest} was answered, ${found?.revision} is there`)
      t.equal(found?.bytes.toString(), `state ${found?.revision}`)
    }
    revision += 1
    t.equal(await insist(t, () => store.save('x', at(revision), bytesOf(revision), 2)), 'saved')
  })

  test('G2: the answer to a save is lost: the same save again is saved, an older one is not', async (t) => {
    const { store, proxy } = await behind(t, server, { ms: 1_000, timeoutMs: 700 })
    await insist(t, () => store.save('x', at(1), bytesOf(1), 2))
    proxy.set(DOOR, NOBODY, { swallowed: true })
    await t.rejects(store.save('x', at(2), bytesOf(2), 2), { code: 'ERR_STORE' })
    proxy.heal()
    proxy.cut(NOBODY, DOOR)
    t.equal(await insist(t, () => store.save('x', at(2), bytesOf(2), 2)), 'saved')
    t.equal(await insist(t, () => store.save('x', at(1), bytesOf(1), 2)), 'stale')
    t.equal((await insist(t, () => store.load('x', 1)))?.revision, 1, 'and it is there once')
    t.equal(await insist(t, () => store.load('x', 2)), undefined)
  })

  test('a server that is away is ERR_STORE, at once; when it is back it goes on', async (t) => {
    const { store, proxy } = await behind(t, server)
    await insist(t, () => store.save('x', at(1), bytesOf(1), 2))
    proxy.shut(DOOR)
    proxy.cut(NOBODY, DOOR)
    for (let tries = 0; tries < 3; tries += 1) await t.rejects(store.load('x', 0), { code: 'ERR_STORE' })
    await t.rejects(store.list('', 10), { code: 'ERR_STORE', fields: { reason: /ECONNREFUSED/ } })
    await proxy.serve(DOOR, server.port)
    t.equal((await insist(t, () => store.load('x', 0)))?.bytes.toString(), 'state 1')
    t.equal(await store.save('x', at(2), bytesOf(2), 2), 'saved')
  })

  test('a server that was never there', async (t) => {
    const { store, proxy } = await behind(t, server)
    proxy.shut(DOOR)
    await t.rejects(store.save('x', at(1), bytesOf(1), 2), { code: 'ERR_STORE' })
    await proxy.serve(DOOR, server.port)
    t.equal(await insist(t, () => store.save('x', at(1), bytesOf(1), 2)), 'saved')
  })

  test('a slow server: ERR_STORE after its time; when it is quick again it goes on', async (t) => {
    const { store, proxy } = await behind(t, server, { ms: 600 })
    await insist(t, () => store.save('x', at(1), bytesOf(1), 2))
    set(proxy, { delayMs: 900 })
    const began = performance.now()
    const failures: Promise<unknown>[] = [store.save('x', at(2), bytesOf(2), 2), store.load('x', 0), store.list('', 1)]
    const late = { code: 'ERR_STORE', fields: { reason: 'it did not answer within 600 ms' } }
    await Promise.all(failures.map((failure) => t.rejects(failure, late)))
    const ms = performance.now() - began
    t.ok(ms >= 595 && ms < 5_000, `after ${ms} ms`)
    proxy.heal()
    t.equal(await insist(t, () => store.save('x', at(3), bytesOf(3), 2)), 'saved')
    t.equal((await insist(t, () => store.load('x', 0)))?.revision, 3)
  })

  test('a connection on which all vanishes is given up, and another one is made', async (t) => {
    const { store, proxy } = await behind(t, server, { ms: 2_000, timeoutMs: 500, connections: 2 })
    await insist(t, () => store.save('x', at(1), bytesOf(1), 2))
    set(proxy, { swallowed: true })
    const saves = Array.from({ length: 6 }, (_, i) => store.save('x', at(2 + i), bytesOf(2 + i), 2))
    await Promise.all(saves.map((save) => t.rejects(save, { code: 'ERR_STORE' })))
    proxy.heal()
    t.equal(await insist(t, () => store.save('x', at(20), bytesOf(20), 2)), 'saved')
    t.equal((await insist(t, () => store.load('x', 0)))?.bytes.toString(), 'state 20')
  })

  test('as many connections as it may have, and no more', async (t) => {
    const { store, proxy } = await behind(t, server, { connections: 2 })
    const loads = Array.from({ length: 60 }, (_, i) => store.load(`n${i}`, 0))
    let most = 0
    for (const load of loads) {
      await load
      most = Math.max(most, proxy.between(NOBODY, DOOR).length)
    }
    t.ok(most >= 1 && most <= 2, `${most} connections`)
  })

  test('two namespaces of one server know nothing of each other', async (t) => {
    const { store, port, namespace } = await behind(t, server)
    const other = server.open({ namespace: `${namespace}-2`, port })
    t.teardown(async () => {
      await other.close()
      await server.clear(`${namespace}-2`)
    })
    await store.save('x', at(5), bytesOf(5), 2)
    t.equal(await other.load('x', 0), undefined)
    t.equal(await other.save('x', at(1), bytesOf(1), 2), 'saved')
    await other.forget('x', at(9))
    t.same(await other.list('', 10), [])
    t.equal((await store.load('x', 0))?.revision, 5)
    t.same(await store.list('', 10), ['x'])
  })

  test('nodes that start at once make the tables once; when they are dropped they are made again', async (t) => {
    const table = `proc_mobility_${hexId(realRandom(), 6)}`
    t.teardown(() => server.dropTables(table))
    const namespace = table
    if (server.name === 'redis') t.teardown(() => server.clear(namespace))
    const stores = Array.from({ length: 6 }, () => patient(server.open({ namespace, table }), realClock(), 5_000))
    for (const store of stores) t.teardown(() => store.close())
    const answers = await Promise.all(stores.map((store, i) => store.save(`n${i}`, at(1), bytesOf(1), 2)))
    t.same(answers, Array(6).fill('saved'))
    t.equal((await (stores[0] as Store).list('', 10)).length, 6)
    await server.dropTables(table)
    for (const store of stores) {
      t.equal(await insist(t, () => store.save('x', at(1), bytesOf(1), 2), 2), 'saved')
    }
  })
}

const noRedisServer = (): string | false => {
  try {
    execFileSync('redis-server', ['--version'], { stdio: 'ignore' })
    return false
  } catch {
    return 'needs redis-server: apt-get install redis-server'
  }
}

const ownRedis = async (t: Test, port: number, dir: string): Promise<ChildProcess> => {
  const words = `--port ${port} --bind 127.0.0.1 --dir ${dir} --save --appendonly yes --appendfsync always`
  const child = spawn('redis-server', words.split(' '), { stdio: ['ignore', 'pipe', 'ignore'] })
  t.teardown(() => child.kill('SIGKILL'))
  for await (const line of createInterface({ input: child.stdout as Readable })) if (/Ready to accept/.test(line)) break
  child.stdout?.resume()
  return child
}

tapTest(
  'redis with appendfsync always: killed and started again, it has all that was answered',
  {
    skip: noRedisServer(),
  },
  async (t) => {
    const port = await freePort()
    const dir = testFolder(t)
    const first = await ownRedis(t, port, dir)
    const store = patient(redisStore({ url: `redis://127.0.0.1:${port}` }), realClock(), 5_000)
    t.teardown(() => store.close())
    for (let revision = 1; revision <= 20; revision += 1) await store.save('x', at(revision), bytesOf(revision), 2)
    await store.forget('y', at(7))
    const gone = once(first, 'exit')
    first.kill('SIGKILL')
    await gone
    await t.rejects(store.load('x', 0), { code: 'ERR_STORE' })
    await ownRedis(t, port, dir)
    t.equal((await insist(t, () => store.load('x', 0)))?.bytes.toString(), 'state 20')
    t.equal(await store.save('x', at(19), bytesOf(19), 2), 'stale')
    t.equal(await store.save('y', at(7), bytesOf(7), 2), 'stale')
    t.equal(await store.save('x', at(21), bytesOf(21), 2), 'saved')
  },
)

tapTest('ERR_OPTION: what a store on a server cannot use', async (t) => {
  type Make = (options: Record<string, unknown>) => Store
  const makers: readonly [string, Make][] = [
    ['redis://127.0.0.1:1', redisStore as unknown as Make],
    ['postgres://127.0.0.1:1', postgresStore as unknown as Make],
    ['mysql://127.0.0.1:1/x', mysqlStore as unknown as Make],
  ]
  for (const [url, make] of makers) {
    const wrong = [
      ...[undefined, {}, { url: 'nowhere' }, { url: 'http://127.0.0.1' }, { url: 5 }],
      ...[{ namespace: '' }, { namespace: 'a b' }, { namespace: 'x'.repeat(65) }, { namespace: 5 }],
      ...[{ timeoutMs: 0 }, { timeoutMs: 1.5 }, { waitingMax: -1 }, { driver: 'x' }],
    ]
    for (const options of wrong) {
      const given = options === undefined || Object.hasOwn(options, 'url') ? options : { url, ...options }
      if (given !== undefined && Object.keys(given).length === 1 && given.url === url) continue
      t.throws(() => make(given as Record<string, unknown>), { code: 'ERR_OPTION' }, JSON.stringify(given))
    }
    t.throws(() => make({}), { code: 'ERR_OPTION' })
    const secret = make({ url: url.replace('//', '//user:password@') })
    t.notMatch(secret.where, /password/)
    await secret.close()
  }
  for (const make of [postgresStore, mysqlStore] as unknown as Make[]) {
    const url = make === (postgresStore as unknown as Make) ? 'postgres://h/x' : 'mysql://h/x'
    for (const wrong of [{ table: 'a; DROP' }, { table: 'A' }, { table: '' }, { connections: 0 }]) {
      t.throws(() => make({ url, ...wrong }), { code: 'ERR_OPTION' })
    }
  }
})
