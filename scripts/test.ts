/**
 * Runs the tests and ends with one plain line, `N passed, N failed`.
 *
 *   node dist/scripts/test.js [tap options] [test files or folders]
 *
 * Tests are named by their source (test/unit/a.test.ts) and run as compiled files (dist/test/unit/a.test.js), so a test
 * that was deleted never runs from a stale dist/. What is counted: tally.ts.
 */
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { type Tally, tally } from './tally.js'

/** tap writes the raw output of each file here, below the file's own path. */
const RAW = 'dist/test-results'
const SUMMARY = 'dist/test-summary.txt'
/** Lines shown of what a failed file wrote. */
const NOTES_MAX = 60
const TAP = 'node_modules/tap/dist/esm/run.mjs'

async function main(argv: readonly string[]): Promise<number> {
  const options = argv.filter((arg) => arg.startsWith('-'))
  const named = argv.filter((arg) => !arg.startsWith('-'))
  const sources = [...new Set((named.length === 0 ? ['test'] : named).flatMap(testsUnder))]
  mkdirSync('dist', { recursive: true })
  rmSync(RAW, { recursive: true, force: true })
  rmSync(SUMMARY, { force: true })
  if (sources.length === 0) return report([], 1)
  const code = await runTap(options, sources.map(compiled))
  return report(sources.map(tallyOf), code)
}

/** A file stands for itself, a folder for the tests below it; fixtures are never tests. */
function testsUnder(path: string): string[] {
  if (!existsSync(path)) throw new Error(`There is no ${path}. Name a test file or a folder below test/.`)
  if (!statSync(path).isDirectory()) return [path]
  return readdirSync(path, { recursive: true, encoding: 'utf8' })
    .map((name) => join(path, name))
    .filter((name) => name.endsWith('.test.ts') && !name.includes(join('test', 'fixtures')))
    .sort()
}

const compiled = (source: string): string => join('dist', source.replace(/\.ts$/, '.js'))

function tallyOf(source: string): Tally {
  const raw = join(RAW, `${compiled(source)}.tap`)
  return tally(source, existsSync(raw) ? readFileSync(raw, 'utf8') : undefined)
}

/** Prints one line a file as it ends; what failed in it is printed at the end, from the raw output. */
function runTap(options: readonly string[], files: readonly string[]): Promise<number> {
  const args = [TAP, '--reporter=tap', `--output-dir=${RAW}`, ...options, ...files]
  const tap = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  createInterface({ input: tap.stdout }).on('line', (line) => {
    const ended = /^(ok|not ok) \d+ - dist\/(\S+)\.js(?: # time=(\S+))?/.exec(line)
    if (ended) console.log(`${ended[1] === 'ok' ? 'ok    ' : 'FAILED'} ${ended[2]}.ts ${ended[3] ?? ''}`)
  })
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => tap.kill(signal))
  return new Promise((resolve, reject) => {
    tap.on('error', reject)
    tap.on('close', (code) => resolve(code ?? 1))
  })
}

/** Prints the closing lines and keeps the last one in a file for .ci/run. */
function report(tallies: readonly Tally[], code: number): number {
  const passed = tallies.reduce((sum, one) => sum + one.passed, 0)
  const skipped = tallies.flatMap((one) => one.skipped)
  let failed = tallies.reduce((sum, one) => sum + one.failed, 0)
  for (const one of tallies.filter(({ failures }) => failures.length > 0)) {
    console.log(['', ...one.failures, ...one.notes.slice(-NOTES_MAX).map((note) => `  | ${note}`)].join('\n'))
  }
  console.log('')
  for (const name of skipped) console.log(`skipped: ${name}`)
  // .ci/run says so where a server cannot be installed at all.
  if (skipped.length > 0 && isSet(process.env.CI) && !isSet(process.env.NO_SERVERS)) {
    console.log('In CI a skipped test counts as failed: start the server that it needs.')
    failed += skipped.length
  }
  if (passed + failed + skipped.length === 0) console.log('No test ran.')
  if (failed === 0 && (code !== 0 || passed === 0)) {
    console.log(`The run as a whole failed (exit code ${code}).`)
    failed = 1
  }
  const line = `${passed} passed, ${failed} failed`
  writeFileSync(SUMMARY, `${line}\n`)
  console.log(line)
  return failed === 0 ? 0 : 1
}

const isSet = (value: string | undefined): boolean => value !== undefined && value !== '' && value !== 'false'

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  console.log('0 passed, 1 failed')
  process.exitCode = 1
}
