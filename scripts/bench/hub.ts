/**
 * Children of a cluster at size: how long 10,000 of 100 bytes take to start through the hub, a fourth node takes to get
 * its share (100 of the children take half a second each to move, and lookups go on), one that leaves by SIGTERM to
 * hand over, and a killed node's to be started elsewhere. Real programs, real TCP on one machine.
 *
 *   node dist/scripts/bench/hub.js [children]
 */
import { fileURLToPath } from 'node:url'
import { begin, type Program } from './program.js'

const PROGRAM = fileURLToPath(new URL('./hub-node.js', import.meta.url))

const node = (name: string, join?: string): Promise<Program> =>
  begin(PROGRAM, join === undefined ? [name] : [name, join])

const per = (count: number, ms: number): string => `${Math.round((count / ms) * 1_000).toLocaleString('en')} a second`

const main = async (count: number): Promise<void> => {
  const a = await node('a')
  const all = [a, await node('b', a.address), await node('c', a.address)]
  await a.until((events) => (events.filter(({ type }) => type === 'nodeup').length === 2 ? true : undefined))
  const started = await a.ask('start', { count })
  const { ms: startMs, failed } = started
  console.log(`start      ${count} on 3 nodes: ${startMs.toFixed(0)} ms, ${per(count, startMs)}, ${failed} failed`)

  await a.ask('look')
  const joined = performance.now()
  const d = await node('d', a.address)
  const shares = await Promise.all(
    all.map((one) => one.until((events) => events.find(({ type, moved }) => type === 'redistributed' && moved > 0))),
  )
  const moved = shares.reduce((sum, one) => sum + one.moved, 0)
  const longest = Math.max(...shares.map(({ ms }) => ms))
  const wholeMs = performance.now() - joined
  const { local } = await d.ask('count')
  console.log(`join       ${moved} moved, ${local} on the newcomer: ${longest.toFixed(0)} ms, ${per(moved, longest)}`)
  console.log(`           ${wholeMs.toFixed(0)} ms from the start of its program`)
  const { count: looks, lookup, late } = await a.ask('looked')
  console.log(
    `           ${looks} lookups on a meanwhile: p99 ${lookup.toFixed(3)} ms, and ${late.toFixed(1)} ms until its turn`,
  )

  const [, b, c] = all as [Program, Program, Program]
  const { local: leaving } = await c.ask('count')
  const left = performance.now()
  const code = await c.terminate()
  const leftMs = performance.now() - left
  console.log(
    `SIGTERM    ${leaving} moved: ${leftMs.toFixed(0)} ms until its exit, ${per(leaving, leftMs)}, code ${code}`,
  )
  const { local: lost } = await b.ask('count')
  const killed = performance.now()
  b.kill()
  const down = await a.until((events) => events.find(({ type, node }) => type === 'nodedown' && node === 'b'))
  for (;;) {
    const { live } = await a.ask('count')
    if (live === count) break
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  const now = performance.now()
  console.log(`kill -9    ${lost} lost: all run elsewhere after ${(now - killed).toFixed(0)} ms, of which`)
  const restartMs = now - down.at
  const knownMs = (down.at - killed).toFixed(0)
  console.log(
    `           ${knownMs} ms until its death is known, ${restartMs.toFixed(0)} ms after that, ${per(lost, restartMs)}`,
  )
  for (const one of [a, d]) one.kill()
}

await main(Number(process.argv[2] ?? 10_000))
process.exit(0)
