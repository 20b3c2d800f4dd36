/**
 * What is lost when a node is killed under load: children of a cluster whose state is kept at rest, three programs, one
 * of them gets `kill -9`; the calls that were answered are compared with what is there afterwards.
 *
 *   node dist/scripts/bench/at-rest.js [children]     default 1000, in files
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { begin, type Program } from './program.js'

const PROGRAM = fileURLToPath(new URL('./at-rest-node.js', import.meta.url))
const LOAD_MS = 4_000

const passed = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

const measure = async (mode: 'taken' | 'saved', count: number, store: string): Promise<void> => {
  const a = await begin(PROGRAM, ['a', '', mode, store])
  const [b, c] = (await Promise.all(['b', 'c'].map((name) => begin(PROGRAM, [name, a.address, mode, store])))) as [
    Program,
    Program,
  ]
  await a.ask('start', { count })
  await a.ask('load', { count })
  await passed(LOAD_MS)
  const { local } = await b.ask('read', { count: 0 })
  const killed = performance.now()
  b.kill()
  const down = await a.until((events) => events.find(({ type, node }) => type === 'nodedown' && node === 'b'))
  const { answered, calls, failed } = await a.ask('rest')
  let read = await a.ask('read', { count })
  while (read.there.length === 0) {
    await passed(50)
    read = await a.ask('read', { count })
  }
  const ms = performance.now() - killed
  const there = new Map<string, number>(read.there)
  const onB = new Set<string>(local)
  let [lost, names, elsewhere] = [0, 0, 0]
  for (const [name, last] of answered as [string, number][]) {
    const missing = Math.max(0, last - (there.get(name) ?? 0))
    lost += missing
    if (missing > 0) names += 1
    if (missing > 0 && !onB.has(name)) elsewhere += 1
  }
  console.log(`${mode.padEnd(6)} ${calls} calls answered in ${LOAD_MS} ms and until the end, ${failed} failed`)
  const known = (down.at - killed).toFixed(0)
  console.log(
    `       ${onB.size} of ${count} ran on b; kill -9 was known after ${known} ms, all run after ${ms.toFixed(0)} ms`,
  )
  console.log(`       lost: ${lost} answered calls of ${names} processes; ${elsewhere} of them not on b`)
  for (const one of [a, c]) one.kill()
}

const count = Number(process.argv[2] ?? 1_000)
for (const mode of ['taken', 'saved'] as const) {
  const dir = mkdtempSync(join(tmpdir(), 'at-rest-'))
  await measure(mode, count, dir)
  rmSync(dir, { recursive: true, force: true })
}
process.exit(0)
