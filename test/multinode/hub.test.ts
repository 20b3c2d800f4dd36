/** Children of a cluster of real programs: kill -9 of one, a newcomer, calls all the time. */
import { type Test, test } from 'tap'
import { startCluster, startWorker, type Worker } from '../fixtures/cluster.js'

/** limits.refusedMs is 2 s, then the verdict; far above it, for the machine may be busy. */
const TAKEN_MS = 15_000

interface Row {
  readonly name: string
  readonly node: string
  readonly status: string
}

const listOf = (worker: Worker): Promise<Row[]> => worker.do('hubList')

/** Asks until it is so: each change is somebody's event, but of which node nobody knows beforehand. */
const until = async (t: Test, what: string, ms: number, so: () => Promise<boolean>): Promise<void> => {
  const end = process.hrtime.bigint() + BigInt(ms) * 1_000_000n
  while (!(await so())) {
    if (process.hrtime.bigint() > end) return void t.fail(`not within ${ms} ms: ${what}`)
    await new Promise((resolve) => setImmediate(resolve))
  }
}

const allLive = (rows: readonly Row[], count: number, without = ''): boolean =>
  rows.length === count && rows.every(({ status, node }) => status === 'live' && node !== without)

/** Each is asked, from everywhere: it answers, and only one copy has counted. */
const served = async (
  t: Test,
  workers: readonly Worker[],
  names: readonly string[],
  wanted: (name: string) => number,
) => {
  for (const worker of workers) {
    const counts = await Promise.all(names.map((name) => worker.call(name, 'add', 0)))
    t.same(counts, names.map(wanted), `as ${worker.name} sees it`)
  }
}

test('G1: children of real programs: killed with a node they start elsewhere; a newcomer gets its share', async (t) => {
  const all = await startCluster(t, ['a', 'b', 'c'])
  const [a, b, c] = all as [Worker, Worker, Worker]
  const names = Array.from({ length: 60 }, (_, i) => `child:${i}`)
  const homes: string[] = await a.do('hubStart', { names, kind: 'tally' })
  t.same(new Set(homes), new Set(['a', 'b', 'c']))
  t.same(new Set(await c.do('hubStart', { names, kind: 'tally' })), new Set(['ERR_ALREADY_STARTED']))
  await Promise.all(names.map((name) => a.call(name, 'add', 5)))
  const lost = names.filter((_, i) => homes[i] === 'b')

  const losses = Promise.all(
    lost.map((name) => Promise.race([a, c].map((one) => one.had('childlost', (e) => e.name === name)))),
  )
  await b.kill()
  for (const one of await losses) t.match(one, { from: 'b' })
  await until(t, 'all live on a and c', TAKEN_MS, async () => {
    const lists = await Promise.all([a, c].map(listOf))
    return lists.every((rows) => allLive(rows, 60, 'b'))
  })
  await served(t, [a, c], names, (name) => (lost.includes(name) ? 0 : 5))

  await Promise.all(names.map((name) => c.call(name, 'add', 2)))
  const before = await listOf(a)
  const d = await startWorker(t, { name: 'd', join: [a.address] })
  await Promise.all([a, c].map((one) => one.had('redistributed', ({ joined }) => joined === 'd')))
  await until(t, 'd has its share', TAKEN_MS, async () => {
    const rows = await listOf(d)
    return allLive(rows, 60) && rows.filter(({ node }) => node === 'd').length >= 8
  })
  const after = await listOf(a)
  const moved = after.filter(({ node }, i) => node !== before[i]?.node)
  t.ok(moved.length >= 8 && moved.length <= 34, `${moved.length} of 60 moved`)
  t.same(new Set(moved.map(({ node }) => node)), new Set(['d']), 'to the newcomer only')
  await served(t, [a, c, d], names, (name) => (lost.includes(name) ? 2 : 7))

  t.same(new Set(await d.do('hubStop', { names })), new Set(['ok']))
  for (const worker of [a, c, d]) {
    t.same(await listOf(worker), [])
    t.same(await worker.do('list'), [])
    t.equal((await worker.do('stats')).processes, 0)
    t.equal(await worker.leave(), 0)
  }
})
