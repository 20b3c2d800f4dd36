/**
 * What a save and a load cost in each store, one after the other, beside the least that a durable write can cost here:
 * a new file, written and synced.
 *
 *   node dist/scripts/bench/stores.js [--seconds 2]      of each row
 *
 * States are random bytes, so that nothing is gained by compressing them; 50 names in turns, two states kept of each.
 */
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { parseArgs } from 'node:util'
import { fileStore } from '../../src/store/file-store.js'
import { lmdbStore } from '../../src/store/lmdb-store.js'
import { memoryStore } from '../../src/store/memory-store.js'
import type { Store } from '../../src/store/store.js'
import { storeServers } from '../../test/fixtures/store-servers.js'

const NAMES = 50
const SIZES = [1_000, 100_000]
const WARM_UPS = 20
const NAMESPACE = `bench-${process.pid}`

type Act = (turn: number) => Promise<unknown>

interface Row {
  readonly name: string
  readonly size: number
  readonly what: string
  readonly ms: readonly number[]
}

const measure = async (seconds: number, act: Act): Promise<number[]> => {
  for (let turn = 0; turn < WARM_UPS; turn += 1) await act(turn)
  const ms: number[] = []
  const until = performance.now() + seconds * 1_000
  for (let turn = WARM_UPS; performance.now() < until; turn += 1) {
    const began = performance.now()
    await act(turn)
    ms.push(performance.now() - began)
  }
  return ms.sort((a, b) => a - b)
}

const at = (sorted: readonly number[], part: number): string =>
  (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN).toFixed(3)

const print = ({ name, size, what, ms }: Row): void =>
  console.log(`| ${name} | ${size / 1_000} KB | ${what} | ${at(ms, 0.5)} | ${at(ms, 0.99)} | ${ms.length} |`)

const raw = async (folder: string, seconds: number): Promise<void> => {
  for (const size of SIZES) {
    const bytes = randomBytes(size)
    const ms = await measure(seconds, async (turn) => {
      const file = await open(join(folder, `raw-${turn % NAMES}`), 'w')
      await file.writeFile(bytes)
      await file.sync()
      await file.close()
    })
    print({ name: 'write and fsync of a file', size, what: 'put', ms })
  }
}

const rowsOf = async (name: string, store: Store, seconds: number): Promise<void> => {
  let revision = 0
  for (const size of SIZES) {
    const bytes = randomBytes(size)
    const put = await measure(seconds, (turn) => {
      revision += 1
      return store.save(`n${turn % NAMES}`, { epoch: 1, revision }, bytes, 2)
    })
    print({ name, size, what: 'put', ms: put })
    const load = await measure(seconds, async (turn) => {
      const saved = await store.load(`n${turn % NAMES}`, 0)
      if (saved?.bytes.length !== size) throw new Error(`${name} has lost n${turn % NAMES}`)
    })
    print({ name, size, what: 'load', ms: load })
  }
  await store.close()
}

const main = async (): Promise<void> => {
  const { values } = parseArgs({ options: { seconds: { type: 'string', default: '2' } } })
  const seconds = Number(values.seconds)
  const folder = mkdtempSync(join(tmpdir(), 'bench-stores-'))
  console.log('| store | state | what | p50 ms | p99 ms | times |\n|---|---|---|---|---|---|')
  try {
    await raw(folder, seconds)
    await rowsOf('memory', memoryStore(), seconds)
    await rowsOf('lmdb', lmdbStore({ path: join(folder, 'lmdb') }), seconds)
    await rowsOf('file', fileStore({ dir: join(folder, 'files') }), seconds)
    for (const server of storeServers) {
      if (server.skip !== false) console.log(`${server.name}: ${server.skip}`)
      else {
        await rowsOf(server.name, server.open({ namespace: NAMESPACE }), seconds)
        await server.clear(NAMESPACE)
      }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

await main()
