/**
 * Fuzzing: `make fuzz FRAMES=1000000 SEED=1`. Exit code 1 when anything is wrong.
 *
 *   bytes   frame reader, guard, codec, validators, in this program           test/fixtures/fuzz-bytes-run.ts
 *   nodes   simulated clusters that serve while peers with the secret lie     test/fixtures/fuzz-world-run.ts
 *   tcp     a node in a process of its own, and connections of noise          test/fixtures/fuzz-tcp.ts
 *   sockets the same with sockets that say nothing, and many that are reset   test/fixtures/socket-siege.ts
 *
 * What a failure prints replays it: SEED and FRAME, or SEED and BATCH. MUTANT=name (or `all`) puts a deliberate bug
 * into what is fuzzed; then the exit code is 0 when every such bug was found.
 */

import { collect } from '../test/fixtures/collect.js'
import { BytesFuzz, type BytesReport } from '../test/fixtures/fuzz-bytes-run.js'
import { mutants } from '../test/fixtures/fuzz-subject.js'
import { TcpFuzz } from '../test/fixtures/fuzz-tcp.js'
import { worldMutants } from '../test/fixtures/fuzz-world-mutants.js'
import { WorldFuzz } from '../test/fixtures/fuzz-world-run.js'
import { quantile, siege } from '../test/fixtures/socket-siege.js'
import { wholeFrom } from './whole.js'

const { SEED = '1', FRAME, BATCH, MUTANT } = process.env
const FRAMES = wholeFrom('FRAMES', 1_000_000)
const LIES = 300
/** Of all frames: lies to whole nodes take longer than bytes do, connections longer still. */
const SHARE = { lies: 0.05, connections: 0.002, resets: 0.1 }
/** What may be held more at the end than at the start, after a collection. */
const GROWTH_MIB = 64
const STEP = 10_000

/** Exceptions and rejections that nobody handled. */
const crashes: unknown[] = []
for (const type of ['uncaughtException', 'unhandledRejection'] as const)
  process.on(type, (error: unknown) => void crashes.push(error))

const MiB = 1_048_576
const mib = (bytes: number): string => `${(bytes / MiB).toFixed(1)} MiB`
const say = (line: string): void => console.log(line)

const table = (title: string, rows: ReadonlyMap<string, number>): void => {
  say(title)
  for (const [what, times] of [...rows].sort((x, y) => y[1] - x[1])) say(`  ${String(times).padStart(9)}  ${what}`)
}

const rssNow = async (): Promise<number> => {
  await collect()
  return process.memoryUsage().rss
}

const showBytes = ({ failures }: BytesReport): void => {
  for (const { frame, what, bytes } of failures.slice(0, 10)) {
    say(`FAILED frame ${frame}: ${what}\n  bytes ${bytes}\n  replay: make fuzz SEED=${SEED} FRAME=${frame}`)
  }
}

async function fuzzBytes(frames: number): Promise<number> {
  const fuzz = new BytesFuzz(SEED)
  fuzz.run(0, Math.min(frames, 2_000))
  const start = await rssNow()
  const begun = performance.now()
  for (let at = Math.min(frames, 2_000); at < frames; at += STEP) {
    fuzz.run(at, Math.min(frames, at + STEP))
    await new Promise((resolve) => setImmediate(resolve))
  }
  const ms = Math.round(performance.now() - begun)
  const end = await rssNow()
  const { report } = fuzz
  const { frames: inputs, accepted, slowestMs } = report
  say(`bytes: ${inputs} inputs in ${ms} ms, the slowest took ${slowestMs.toFixed(1)} ms of the processor`)
  say(`  messages and values accepted, with those around: ${accepted}`)
  table('  refused, by layer and code', report.refused)
  table('  inputs, by how they were made', report.ways)
  say(`  messages accepted: ${report.types.size} kinds, each at least ${Math.min(...report.types.values())} times`)
  say(`  RSS ${mib(start)} -> ${mib(end)}; failures ${report.failures.length}`)
  showBytes(report)
  if (end - start > GROWTH_MIB * MiB) say(`FAILED: it grew by more than ${GROWTH_MIB} MiB`)
  return report.failures.length + (end - start > GROWTH_MIB * MiB ? 1 : 0)
}

async function fuzzWorlds(lies: number): Promise<number> {
  const fuzz = new WorldFuzz(SEED)
  const batches = Math.max(1, Math.ceil(lies / LIES))
  await fuzz.batch(0, LIES)
  const start = await rssNow()
  const begun = performance.now()
  for (let batch = 1; batch < batches; batch += 1) await fuzz.batch(batch, LIES)
  const end = await rssNow()
  const { report } = fuzz
  say(`nodes: ${report.messages} lies to ${report.batches} clusters in ${Math.round(performance.now() - begun)} ms`)
  say(`  honest calls ${report.calls}, all answered; moves ${report.moves}, of them ${report.movesFailed} refused`)
  table('  refused, by what was said', report.refused)
  say(`  kinds of messages said: ${report.types.size}`)
  say(`  RSS ${mib(start)} -> ${mib(end)}; failures ${report.failures.length}`)
  for (const { batch, what, steps } of report.failures) {
    say(`FAILED batch ${batch}: ${what}\n  replay: make fuzz SEED=${SEED} BATCH=${batch}\n  it needs:`)
    for (const step of steps) say(`    ${step}`)
  }
  if (end - start > GROWTH_MIB * MiB) say(`FAILED: it grew by more than ${GROWTH_MIB} MiB`)
  return report.failures.length + (end - start > GROWTH_MIB * MiB ? 1 : 0)
}

async function fuzzTcp(connections: number): Promise<number> {
  const fuzz = new TcpFuzz(SEED)
  const begun = performance.now()
  await fuzz.run(connections)
  const { report } = fuzz
  say(`tcp: ${report.connections} connections in ${Math.round(performance.now() - begun)} ms, calls ${report.calls}`)
  table('  what the node said last', new Map([...report.ends].map(([code, times]) => [code || '(nothing)', times])))
  say(`  RSS of the node ${mib(report.rssStart)} -> ${mib(report.rssEnd)}; failures ${report.failures.length}`)
  for (const failure of report.failures) say(`FAILED ${failure}`)
  if (report.rssEnd - report.rssStart > GROWTH_MIB * MiB) say(`FAILED: it grew by more than ${GROWTH_MIB} MiB`)
  return report.failures.length + (report.rssEnd - report.rssStart > GROWTH_MIB * MiB ? 1 : 0)
}

async function besiege(resets: number): Promise<number> {
  const begun = performance.now()
  const seen = await siege(5_000, resets)
  const [p50, p99] = [0.5, 0.99].map((part) => quantile(seen.handshakeMs, part).toFixed(1))
  say(`sockets: 5000 silent, of them ${seen.kept} kept; ${resets} resets in ${seen.resetMs} ms`)
  say(`  all in ${Math.round(performance.now() - begun)} ms; calls ${seen.calls}, all answered`)
  say(`  honest handshakes ${seen.handshakeMs.length}, p50 ${p50} ms, p99 ${p99} ms`)
  say(`  descriptors ${seen.descriptorsStart} -> ${seen.descriptorsEnd}`)
  say(`  RSS of the node ${mib(seen.rssStart)} -> ${mib(seen.rssEnd)}`)
  const left = seen.descriptorsEnd > seen.descriptorsStart || seen.rssEnd - seen.rssStart > GROWTH_MIB * MiB
  if (left) say('FAILED: something is left')
  return left ? 1 : 0
}

/** @returns how many of the bugs were not found */
async function plant(name: string): Promise<number> {
  const names = name === 'all' ? [...Object.keys(mutants), ...Object.keys(worldMutants)] : [name]
  let missed = 0
  for (const one of names) {
    const begun = performance.now()
    const found = await find(one)
    const ms = Math.round(performance.now() - begun)
    say(found === undefined ? `MISSED ${one}` : `found  ${one} (${ms} ms): ${found}`)
    missed += found === undefined ? 1 : 0
  }
  return missed
}

async function find(name: string): Promise<string | undefined> {
  const mutant = mutants[name]
  if (mutant !== undefined) {
    const fuzz = new BytesFuzz(SEED, mutant.make())
    for (let at = 0; at < FRAMES && fuzz.report.failures.length === 0; at += 100) fuzz.run(at, at + 100)
    const [failure] = fuzz.report.failures
    return failure && `${mutant.bug}: frame ${failure.frame}, ${failure.what.split('\n')[0]}`
  }
  const worldMutant = worldMutants[name]
  if (worldMutant === undefined) throw new Error(`There is no mutant ${name}.`)
  const undo = worldMutant.plant()
  try {
    const fuzz = new WorldFuzz(SEED)
    for (let batch = 0; batch < 100 && fuzz.report.failures.length === 0; batch += 1)
      await fuzz.batch(batch, LIES, false)
    const [failure] = fuzz.report.failures
    return failure && `${worldMutant.bug}: batch ${failure.batch}, ${failure.what.split('\n')[0]}`
  } finally {
    undo()
  }
}

async function main(): Promise<number> {
  say(`seed ${SEED}, ${FRAMES} frames`)
  if (MUTANT !== undefined) return plant(MUTANT)
  if (FRAME !== undefined) {
    const fuzz = new BytesFuzz(SEED)
    fuzz.run(Number(FRAME), Number(FRAME) + 1)
    showBytes(fuzz.report)
    return fuzz.report.failures.length
  }
  if (BATCH !== undefined) {
    const fuzz = new WorldFuzz(SEED)
    await fuzz.batch(Number(BATCH), LIES)
    for (const { what, steps } of fuzz.report.failures) say([what, ...steps].join('\n'))
    return fuzz.report.failures.length
  }
  const lies = Math.ceil(FRAMES * SHARE.lies)
  const connections = Math.ceil(FRAMES * SHARE.connections)
  let wrong = await fuzzBytes(FRAMES - lies - connections)
  wrong += await fuzzWorlds(lies)
  wrong += await fuzzTcp(connections)
  wrong += await besiege(Math.ceil(FRAMES * SHARE.resets))
  for (const crash of crashes) say(`CRASH ${String((crash as Error)?.stack ?? crash)}`)
  say(`crashes ${crashes.length}, wrong ${wrong}`)
  return wrong + crashes.length
}

try {
  process.exitCode = (await main()) === 0 ? 0 : 1
} catch (error) {
  // The listeners above would swallow it, and the program end with 0.
  say(`FAILED ${error instanceof Error ? error.stack : String(error)}`)
  process.exitCode = 1
}
process.exit()
