/** From a hundred processes to a million: what do they cost to start, to keep, and to find? */
import { setTimeout as sleep } from 'node:timers/promises'
import { startMany } from '../batch.js'
import type { Curve } from '../curve.js'
import { nodeNamed, Served, usage } from '../pair.js'
import { KiB, MiB } from '../states.js'

/** Started at once. */
const BATCH = 10_000
const WARM = 3_000
const LOOKUPS = 20_000
/** Acks, words and their timers are done with. */
const SYNC_MS = 500
/** What a process takes at most, and what there is besides. */
const [PROCESS_KIB, BASE_MIB] = [8, 1_024]

export const processes: Curve = {
  title: 'Processes',
  x: 'processes of 100 B on one node of two',
  points: [100, 1_000, 10_000, 30_000, 100_000],
  far: [1_000_000],
  heapMiB: (x) => BASE_MIB + (x * PROCESS_KIB) / KiB,
  series: {
    start: { title: 'start of all', unit: 'ms' },
    memory: { title: 'heap of all, state included', unit: 'MiB' },
    names: { title: 'heap of their names at the other node', unit: 'MiB' },
    lookup: { title: 'lookup of a name', unit: 'us' },
  },
  measure: async (x, file) => {
    const node = await nodeNamed('a', [])
    const other = await Served.open(file, ['other', node.address])
    // So that what is only made once does not count, and the code is warm.
    await startMany(node, WARM, 'bench:warm')
    await sleep(SYNC_MS)
    const before = [usage(true), await other.usage(true)] as const
    const began = performance.now()
    for (let started = 0; started < x; started += BATCH)
      await startMany(node, Math.min(BATCH, x - started), `bench:${started}`)
    const start = performance.now() - began
    await sleep(SYNC_MS)
    const after = [usage(true), await other.usage(true)] as const
    const names = Array.from({ length: LOOKUPS }, () => {
      const id = Math.floor(Math.random() * x)
      return `bench:${id - (id % BATCH)}:${id % BATCH}`
    })
    const find = (): number => names.filter((name) => node.whereis(name) !== undefined).length
    // The first time round makes the names themselves flat, and the code warm.
    const found = find()
    const looked = performance.now()
    find()
    const lookup = (1_000 * (performance.now() - looked)) / LOOKUPS
    if (found !== LOOKUPS) throw new Error(`of ${LOOKUPS} names ${found} were found`)
    await other.close()
    const grown = (at: 0 | 1): number => (after[at].heapBytes - before[at].heapBytes) / MiB
    return { start, memory: grown(0), names: grown(1), lookup }
  },
}
