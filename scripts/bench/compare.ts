/**
 * What did a change change? Builds another revision in a worktree of its own, and asks both the same questions in
 * turns: the questions of this tree, the library of each.
 *
 *   make bench-compare BASE=main ARGS="--turns 6 --full calls moves"
 *
 *   turn 1: base, here | turn 2: here, base | turn 3: base, here | ...      each answer from a fresh program
 *
 * `--full`: in the sizes and rounds of a whole run, which takes four times as long.
 */
import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { changesOf, changeTable } from './change.js'
import { ask, chosen, progress, writeJson } from './conduct.js'
import { FULL, type Pace, QUICK } from './measure.js'
import { headLine, machine } from './report.js'
import type { Row } from './rows.js'

const SCRIPTS = 'dist/scripts/bench'
const OPTIONS = {
  base: { type: 'string', default: '' },
  turns: { type: 'string', default: '4' },
  full: { type: 'boolean', default: false },
} as const

const git = (...args: readonly string[]): string => execFileSync('git', args, { encoding: 'utf8' }).trim()

/** Only src/: the questions come from here. Types were checked when it was committed. */
const build = (root: string): void => {
  symlinkSync(resolve('node_modules'), join(root, 'node_modules'))
  const compilerOptions = { noCheck: true, incremental: false, tsBuildInfoFile: null, declaration: false }
  const config = { extends: './tsconfig.json', compilerOptions, include: ['src/**/*.ts'] }
  writeFileSync(join(root, 'tsconfig.bench.json'), JSON.stringify(config))
  execFileSync('node_modules/.bin/tsc', ['-p', join(root, 'tsconfig.bench.json')], { stdio: 'inherit' })
  cpSync(SCRIPTS, join(root, SCRIPTS), { recursive: true })
  const peers = 'scripts/bench/peers/node_modules'
  if (existsSync(peers) && existsSync(join(root, 'scripts/bench/peers'))) symlinkSync(resolve(peers), join(root, peers))
}

/** Runs `act` with a tree of that revision, built. */
const withTree = async (revision: string, act: (root: string) => Promise<void>): Promise<void> => {
  const root = join(mkdtempSync(join(tmpdir(), 'bench-base-')), 'tree')
  const remove = (): void => {
    git('worktree', 'remove', '--force', root)
    rmSync(join(root, '..'), { recursive: true, force: true })
  }
  git('worktree', 'add', '--detach', root, revision)
  process.once('SIGINT', () => {
    remove()
    process.exit(130)
  })
  try {
    build(root)
    await act(root)
  } finally {
    remove()
  }
}

/** A revision that cannot answer a question, because it lacks what is asked for, is left out of its rows. */
const rowsOf = async (question: string, pace: Pace, root: string, whose: string): Promise<readonly Row[]> => {
  try {
    return (await ask(question, pace, root)).rows
  } catch (error) {
    console.log(`${whose}: ${error instanceof Error ? error.message : error}`)
    return []
  }
}

const compare = async (root: string, questions: readonly string[], pace: Pace, turns: number) => {
  const before: Row[] = []
  const after: Row[] = []
  const sides = [
    { root, rows: before, whose: 'the base' },
    { root: '.', rows: after, whose: 'this tree' },
  ]
  for (let turn = 1; turn <= turns; turn += 1) {
    for (const question of questions) {
      progress(`turn ${turn} of ${turns}: ${question} ...`)
      for (const side of sides) side.rows.push(...(await rowsOf(question, pace, side.root, side.whose)))
    }
    sides.reverse()
  }
  progress('')
  return { before, after, changes: changesOf(before, after) }
}

const { values, positionals } = parseArgs({ allowPositionals: true, options: OPTIONS })
const turns = Number(values.turns)
if (values.base === '' || !(turns >= 1)) {
  console.error('Name a revision, and at least one turn: make bench-compare BASE=main')
  process.exit(2)
}
const pace = values.full ? FULL : QUICK
const revision = git('rev-parse', '--verify', `${values.base}^{commit}`)
// Peers are the same at both, unless they are asked for.
const questions = positionals.length === 0 ? chosen([]).filter((name) => name !== 'peers') : chosen(positionals)
const about = machine()
console.log(headLine(about))
console.log(`before: ${git('log', '-1', '--format=%h %s', revision)}`)
console.log(
  `after: ${git('log', '-1', '--format=%h %s')}${git('status', '--porcelain', 'src') === '' ? '' : ', changed'}`,
)
console.log(`${turns} turns of ${pace.rounds} rounds of ${pace.sampleMs} ms\n`)
await withTree(revision, async (root) => {
  const compared = await compare(root, questions, pace, turns)
  console.log(changeTable(compared.changes))
  const output = { date: about.date, whole: false }
  console.log(`\n${writeJson('compare', output, { machine: about, revision, turns, ...compared })}`)
})
