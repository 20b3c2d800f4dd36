/**
 * Random histories of whole clusters under virtual time (test/fixtures/sim-plan.ts says what they are made of).
 *
 *   make simulate SEEDS=10000 FROM=1     that many histories, on two cores
 *   make simulate SEED=123               one of them, with its plan and what it did
 *   make simulate PLAN=file              a plan from a file, as a failing seed leaves it in dist/simulate/
 *   make simulate MUTANT=name            with a bug that is made on purpose: it must be found and made small
 *
 *   parent: hands out seeds, adds up, shrinks what failed  <== IPC ==>  two children (this file): run them
 */
import { execFileSync, fork } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type Batch, type Failure, lacking, merge, runSeed, strictShare } from '../test/fixtures/sim-batch.js'
import { drawPlan } from '../test/fixtures/sim-draw.js'
import { MUTANTS, mutate } from '../test/fixtures/sim-mutants.js'
import { type Plan, planOf, textOf } from '../test/fixtures/sim-plan.js'
import { type Outcome, runPlan } from '../test/fixtures/sim-run.js'
import { shrink, sizeOf } from '../test/fixtures/sim-shrink.js'
import type { Tally } from '../test/fixtures/sim-tally.js'
import { wholeFrom } from './whole.js'

const { SEED, PLAN, MUTANT } = process.env
/** Seeds that a child gets at a time. */
const PIECE = 20
/** Failing seeds that are made small; the others are only named. */
const SHRUNK_MAX = 3
const PROGRESS_MS = 5_000
const FOLDER = 'dist/simulate'

const commit = (): string => {
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim()
  } catch {
    return 'unknown'
  }
}

const child = (): void => {
  process.on('message', async ({ from, to }: { from: number; to: number }) => {
    const batches: Batch[] = []
    for (let seed = from; seed < to; seed += 1) batches.push(await runSeed(seed))
    process.send?.(merge(batches))
  })
}

/** @returns the sum of all seeds from `from` to `end`, without the last */
const runAll = (from: number, end: number, stops: (batch: Batch) => boolean): Promise<Batch> =>
  new Promise((resolve, reject) => {
    let next = from
    let done: Batch = { tally: {}, virtualMs: 0, failures: [] }
    const startedAt = performance.now()
    const progress = setInterval(() => {
      const { histories = 0 } = done.tally
      const seconds = (performance.now() - startedAt) / 1_000
      console.log(`${histories} histories, ${done.failures.length} failed, ${seconds.toFixed(0)} s`)
    }, PROGRESS_MS)
    const children = Array.from({ length: wholeFrom('CHILDREN', 2) }, () =>
      fork(fileURLToPath(import.meta.url), ['child']),
    )
    let running = children.length
    for (const one of children) {
      const more = (): void => {
        if (next >= end || stops(done)) return one.disconnect()
        const to = Math.min(next + PIECE, end)
        one.send({ from: next, to })
        next = to
      }
      one.on('message', (batch: Batch) => {
        done = merge([done, batch])
        for (const { seed, violations } of batch.failures)
          console.log(`seed ${seed}: ${violations[0]?.invariant} ${violations[0]?.text.slice(0, 200)}`)
        more()
      })
      one.on('exit', (code) => {
        if (code !== 0) reject(new Error(`a child ended with ${code}`))
        running -= 1
        if (running > 0) return
        clearInterval(progress)
        resolve(done)
      })
      more()
    }
  })

const withPrefix = (tally: Tally, prefix: string): string =>
  Object.entries(tally)
    .filter(([key]) => key.startsWith(prefix))
    .map(([key, count]) => `${key.slice(prefix.length)} ${count}`)
    .join(', ')

const report = ({ tally, virtualMs, failures }: Batch, seconds: number): void => {
  const n = (key: string): number => tally[key] ?? 0
  const share = (strictShare(tally) * 100).toFixed(1)
  const moves = Object.entries({
    committed: 'phase source commit',
    aborted: 'phase source aborted',
    refused: 'phase source refused',
    takeovers: 'phase destination takeover',
    rollbacks: 'event rollback',
    parked: 'event parked',
  })
    .map(([word, key]) => `${word} ${n(key)}`)
    .join(', ')
  const children = Object.entries({
    started: 'event childstarted',
    failed: 'event childfailed',
    'taken over': 'event takenover',
    'moved by rebalance': 'event migrated',
  })
    .map(([word, key]) => `${word} ${n(key)}`)
    .join(', ')
  const unserved = n('hubstart ERR_NO_QUORUM') + n('hubstop ERR_NO_QUORUM')
  console.log(`
histories   ${n('histories')}, ${n('ran twice')} of them run twice with equal traces unless listed as failed
operations  ${n('operations')} planned; handlers run ${n('messages in states')}
calls       ${withPrefix(tally, 'calls ')}
casts       ${withPrefix(tally, 'casts ')}; undelivered and said ${n('undelivered')}
moves       ${moves}
new lives   ${n('event reborn')}; processes that came back ${n('event returned')}, conflicts ${n('event conflict')}
drains      whole ${n('drains whole')}, in part ${n('drains in part')}; processes moved by them ${n('drained')}
starts      ${withPrefix(tally, 'start ')}
quorums     ${withPrefix(tally, 'policy ')}; nodes frozen ${n('quorum frozen')}
refused     ${n('starts of the frozen')} starts where there was no quorum
children    ${children}
hub         ${withPrefix(tally, 'hub ')}; starts ${withPrefix(tally, 'hubstart ')}
hub stops   ${withPrefix(tally, 'hubstop ')}; refused for want of a quorum ${unserved}
monitors    ${withPrefix(tally, 'monitors ')}; timers rung ${n('runs ring')}
faults      ${withPrefix(tally, 'fault ')}
splits      longer than the down time: ${withPrefix(tally, 'long ')}; of dozens of names ${n('splits of dozens')}
strict      ${share} % of ${n('names')} names held to every promise; false verdicts ${n('verdicts false')}
time        ${(virtualMs / 3_600_000).toFixed(1)} hours virtual in ${seconds.toFixed(0)} s
violations  ${failures.length} histories with violations`)
}

const showViolations = ({ violations }: Pick<Outcome, 'violations'>): void => {
  for (const { invariant, name, at, text } of violations)
    console.log(`  ${invariant} ${name} at ${at.toFixed(1)}: ${text}`)
}

/** The seed, what it violates, and the smallest history that does too. */
const explain = async (seed: number | string, plan: Plan): Promise<void> => {
  const outcome = await runPlan(plan)
  console.log(`\nseed ${seed}, commit ${commit()}: ${sizeOf(plan)}`)
  showViolations({ violations: outcome.violations.slice(0, 5) })
  if (outcome.violations.length === 0) return console.log('  (not when it runs alone)')
  const small = await shrink(plan, outcome)
  mkdirSync(FOLDER, { recursive: true })
  const file = `${FOLDER}/${seed}.plan`
  writeFileSync(file, `${textOf(small.plan)}\n`)
  const mutant = MUTANT === undefined ? '' : ` MUTANT=${MUTANT}`
  console.log(`shrunk in ${small.runs} runs to ${sizeOf(small.plan)}:`)
  console.log(textOf(small.plan))
  showViolations({ violations: small.outcome.violations.slice(0, 5) })
  console.log(`again: make simulate SEED=${seed}${mutant}    the small one: make simulate PLAN=${file}${mutant}`)
}

const many = async (): Promise<number> => {
  const startedAt = performance.now()
  const from = wholeFrom('FROM', 1)
  const to = from + wholeFrom('SEEDS', 1_000)
  // A mutant is found once: that is enough.
  const batch = await runAll(from, to, ({ failures }) => MUTANT !== undefined && failures.length > 0)
  report(batch, (performance.now() - startedAt) / 1_000)
  const failures = [...batch.failures].sort((a: Failure, b: Failure) => a.seed - b.seed)
  for (const { seed } of failures.slice(0, SHRUNK_MAX)) await explain(seed, drawPlan(seed))
  const missing = MUTANT === undefined ? lacking(batch.tally) : []
  if (missing.length > 0) console.log(`too little of: ${missing.join('; ')}`)
  return failures.length + missing.length === 0 ? 0 : 1
}

const one = async (name: string, plan: Plan): Promise<number> => {
  console.log(textOf(plan))
  const outcome = await runPlan(plan, { hash: true })
  console.log(JSON.stringify(outcome.tally))
  console.log(`trace ${outcome.hash}, ${outcome.violations.length} violations`)
  showViolations(outcome)
  if (outcome.violations.length > 0 && PLAN === undefined) await explain(name, plan)
  return outcome.violations.length === 0 ? 0 : 1
}

const main = async (): Promise<number> => {
  if (MUTANT !== undefined && !MUTANTS.includes(MUTANT)) {
    console.log(`there is no mutant ${MUTANT}; there are: ${MUTANTS.join(', ')}`)
    return 1
  }
  if (PLAN !== undefined) return one(PLAN, planOf(readFileSync(PLAN, 'utf8')))
  return SEED === undefined ? many() : one(SEED, drawPlan(SEED))
}

if (MUTANT !== undefined && MUTANTS.includes(MUTANT)) mutate(MUTANT)
if (process.argv[2] === 'child') child()
else process.exitCode = await main()
