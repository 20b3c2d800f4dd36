/** Each hard rule, shown on a small tree in a temporary folder: broken once, kept once. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type Test, test } from 'tap'
import { tidy } from '../../scripts/tidy.js'

type Files = Readonly<Record<string, string>>

function write(root: string, files: Files): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), text)
  }
}

/** Runs one rule over the files; returns its violations without the summary line. */
function run(t: Test, rule: string, files: Files): string[] {
  const root = t.testdir()
  write(root, files)
  const lines: string[] = []
  const code = tidy([root, '--only', rule], (line) => lines.push(line))
  const summary = lines.pop() ?? ''
  t.match(summary, new RegExp(`${lines.length} violations$`))
  t.equal(code, lines.length === 0 ? 0 : 1)
  return lines
}

const repeat = (line: string, times: number): string => `${line}\n`.repeat(times)

test('a file has at most 400 lines', async (t) => {
  t.same(run(t, 'file-size', { 'src/base/a.ts': repeat('// a', 400) }), [])
  t.same(run(t, 'file-size', { 'test/a.test.ts': repeat('// a', 401) }), [
    'test/a.test.ts:401 file-size has 401 lines, the limit is 400',
  ])
})

test('a function has at most 70 lines, a method and an arrow function too', async (t) => {
  const body = (count: number): string => repeat('  f()', count)
  t.same(run(t, 'function-size', { 'src/base/a.ts': `function f() {\n${body(68)}}\n` }), [])
  const found = run(t, 'function-size', {
    'src/base/a.ts': `function f() {\n${body(69)}}\n`,
    'src/base/b.ts': `const g = () => {\n${body(69)}}\n`,
    'src/base/c.ts': `class C {\n  m() {\n${body(69)}  }\n}\n`,
  })
  t.same(found, [
    'src/base/a.ts:1 function-size f has 71 lines, the limit is 70',
    'src/base/b.ts:1 function-size g has 71 lines, the limit is 70',
    'src/base/c.ts:2 function-size m has 71 lines, the limit is 70',
  ])
})

test('in test/ a test block is measured by itself, not in the suite around it', async (t) => {
  const block = `  test('x', () => {\n${repeat('    f()', 38)}  })\n`
  const long = `  test('x', () => {\n${repeat('    f()', 69)}  })\n`
  t.same(run(t, 'function-size', { 'test/a.test.ts': `function suite() {\n${block}${block}}\n` }), [])
  t.match(run(t, 'function-size', { 'test/a.test.ts': `function suite() {\n${block}${long}}\n` }), [
    /a function has 71/,
  ])
})

test('a line has at most 120 characters', async (t) => {
  t.same(run(t, 'line-size', { 'src/base/a.ts': `// ${'x'.repeat(117)}\n` }), [])
  t.same(run(t, 'line-size', { 'src/base/a.ts': `\n// ${'x'.repeat(118)}\n` }), [
    'src/base/a.ts:2 line-size has 121 characters, the limit is 120',
  ])
})

test('a folder imports itself and lower folders only', async (t) => {
  const good = {
    'src/base/a.ts': "import './b.js'\nimport net from 'node:net'\n",
    'src/link/a.ts': "import type { A } from '../wire/a.js'\n",
    'src/testing.ts': "import '../src/node/a.js'\n",
  }
  t.same(run(t, 'folder-order', good), [])
  const found = run(t, 'folder-order', {
    'src/base/a.ts': "import type { A } from '../wire/a.js'\n",
    'src/wire/a.ts': "export * from '../transport/a.js'\n",
    'src/link/a.ts': "type A = import('../node/a.js').A\n",
    'src/node/a.ts': "import '../index.js'\nimport 'proc-mobility'\nawait import('../../test/a.js')\n",
    'src/extra/a.ts': '',
    'src/testing.ts': '',
  })
  t.match(found, [
    /^src\/base\/a\.ts:1 .*base \(0\) may not import src\/wire\/a\.ts \(1\)$/,
    /^src\/extra\/a\.ts:1 .*extra has no number/,
    /^src\/link\/a\.ts:1 .*link \(2\) may not import src\/node\/a\.ts \(6\)$/,
    /^src\/node\/a\.ts:1 .*may not import src\/index\.ts$/,
    /^src\/node\/a\.ts:2 .*imports proc-mobility/,
    /^src\/node\/a\.ts:3 .*may not import test\/a\.ts$/,
    /^src\/wire\/a\.ts:1 .*wire \(1\) may not import src\/transport\/a\.ts \(1\)$/,
  ])
})

test('index.ts holds re-exports only', async (t) => {
  t.same(run(t, 'index-reexports', { 'src/index.ts': "export { a } from './base/a.js'\nexport {}\n" }), [])
  t.match(run(t, 'index-reexports', { 'src/index.ts': 'export const a = 1\n' }), [/src\/index\.ts:1 /])
})

test('a missing index.ts is said', async (t) => {
  t.match(run(t, 'index-reexports', {}), [/src\/index\.ts:1 index-reexports is missing/])
})

test('no circle of imports, types included', async (t) => {
  const line = { 'src/base/a.ts': "import './b.js'\n", 'src/base/b.ts': "import './c.js'\n", 'src/base/c.ts': '' }
  t.same(run(t, 'import-cycle', line), [])
  t.same(run(t, 'import-cycle', { ...line, 'src/base/c.ts': "import type { A } from './a.js'\n" }), [
    'src/base/c.ts:1 import-cycle src/base/a.ts -> src/base/b.ts -> src/base/c.ts -> src/base/a.ts',
  ])
})

test('sockets only in transport/tcp.ts', async (t) => {
  t.same(run(t, 'sockets', { 'src/transport/tcp.ts': "import net from 'node:net'\nimport tls from 'node:tls'\n" }), [])
  const found = run(t, 'sockets', {
    'src/transport/tcp.ts': '',
    'src/link/a.ts': "import type { Socket } from 'node:net'\nimport { connect } from 'tls'\n",
  })
  t.match(found, [/^src\/link\/a\.ts:1 sockets/, /^src\/link\/a\.ts:2 sockets/])
})

const CLOCKS = [
  'Date.now()',
  'new Date()',
  'performance.now()',
  'Math.random()',
  'process.hrtime.bigint()',
  'setTimeout(f, 1)',
  'globalThis.setInterval(f, 1)',
  'const later = setImmediate',
  'crypto.randomUUID()',
  'AbortSignal.timeout(5)',
  "import { randomBytes } from 'node:crypto'",
  "import { setTimeout as wait } from 'node:timers/promises'",
]

test('time and chance only in base/', async (t) => {
  const text = CLOCKS.map((line) => `${line}\n`).join('')
  t.same(run(t, 'time-and-chance', { 'src/base/a.ts': text }), [])
  const found = run(t, 'time-and-chance', { 'src/link/a.ts': text })
  t.same(
    [...new Set(found.map((line) => Number(/:(\d+) /.exec(line)?.[1])))],
    CLOCKS.map((_, index) => index + 1),
  )
})

test('what only looks like time is free', async (t) => {
  const lines = [
    "import { createHmac, timingSafeEqual } from 'node:crypto'",
    'clock.setTimeout(f, 1)',
    'interface Clock { setTimeout(f: () => void, ms: number): void; now(): number }',
    'new Date(0)',
    'random.bytes(4)',
    "'Date.now()' // setTimeout",
  ]
  t.same(run(t, 'time-and-chance', { 'src/link/a.ts': lines.join('\n') }), [])
})

test('the console only in cli/', async (t) => {
  t.same(run(t, 'console', { 'src/cli/a.ts': 'console.log(1)\n', 'scripts/a.ts': 'console.log(1)\n' }), [])
  t.match(run(t, 'console', { 'src/node/a.ts': '\nconsole.error(1)\n' }), [/^src\/node\/a\.ts:2 console/])
})

test('no comment puts work off', async (t) => {
  const words = ['FIX' + 'ME', 'X'.repeat(3)]
  t.same(run(t, 'marker', { 'src/base/a.ts': `const a = '${words[0]}' + \`\${a} ${words[1]}\`\n` }), [])
  const comments = {
    'src/base/a.ts': `// ${words[0]} later\nf(/* ${words[1]} */)\n/** ${words[0]} */\nfunction f() {}\n`,
  }
  t.match(run(t, 'marker', comments), [/a\.ts:1 marker/, /a\.ts:2 marker/, /a\.ts:3 marker/])
})

const TABLE = "export const ERRORS = {\n  ERR_TIDY_A: 'a',\n  ERR_TIDY_B: entry('b'),\n}\n"

test('each error code is in a test and in docs/ERRORS.md', async (t) => {
  const good = {
    'src/base/errors.ts': TABLE,
    'test/a.test.ts': "f('ERR_TIDY_A', { code: 'ERR_TIDY_B' })\n",
    'docs/ERRORS.md': '| ERR_TIDY_A |\n| ERR_TIDY_B |\n',
  }
  t.same(run(t, 'error-codes', good), [])
  const bad = { ...good, 'test/a.test.ts': "f('ERR_TIDY_AB')\n", 'docs/ERRORS.md': 'ERR_TIDY_A\nERR_TIDY_C\n' }
  t.same(run(t, 'error-codes', bad), [
    'docs/ERRORS.md:2 error-codes ERR_TIDY_C is not in src/base/errors.ts',
    'src/base/errors.ts:2 error-codes ERR_TIDY_A is in no test',
    'src/base/errors.ts:3 error-codes ERR_TIDY_B is in no test',
    'src/base/errors.ts:3 error-codes ERR_TIDY_B is not in docs/ERRORS.md',
  ])
})

test('a missing table or page of errors is said', async (t) => {
  t.match(run(t, 'error-codes', {}), [/src\/base\/errors\.ts:1/])
  t.match(run(t, 'error-codes', { 'src/base/errors.ts': TABLE }), [/docs\/ERRORS\.md:1 error-codes is missing/])
})

const row = (number: number, since: string): string => `| ${tag(number)} | a name | ${since} | more |\n`
const tag = (number: number): string => `G${number}`

test('an invariant that is kept has code and a test', async (t) => {
  const good = {
    'docs/INVARIANTS.md': `| tag | name | kept since |\n|---|---|---|\n${row(1, '0.1.0')}${row(12, 'not yet')}`,
    'src/base/a.ts': `// ${tag(1)} holds here\n`,
    'test/a.test.ts': `suite.test(\`${tag(1)}: works for \${x}\`, () => {})\n`,
  }
  t.same(run(t, 'invariants', good), [])
  const bad = {
    'docs/INVARIANTS.md': row(1, '0.1.0') + row(2, 'soon'),
    'src/base/a.ts': `// ${tag(11)}\n`,
    'test/a.test.ts': `test('${tag(12)}: other') // ${tag(1)}\n`,
  }
  t.match(run(t, 'invariants', bad), [
    /INVARIANTS\.md:1 .* no file of src\/ has its tag/,
    /INVARIANTS\.md:1 .* no test has it in its name/,
    /INVARIANTS\.md:2 .* it says "soon"/,
  ])
})

test('a missing page of invariants, or one without rows, is said', async (t) => {
  t.match(run(t, 'invariants', {}), [/is missing/])
  t.match(run(t, 'invariants', { 'docs/INVARIANTS.md': '# Invariants\n' }), [/has no row/])
})

test('the public names match their snapshot', async (t) => {
  const files = {
    'src/index.ts': "export { a, b as c, type T } from './base/a.js'\nexport * from './base/b.js'\n",
    'src/base/b.ts': 'export const d = 1\nexport interface E {}\n',
    'src/testing.ts': 'export function clock() {}\n',
    'test/fixtures/exports.txt': 'index E\nindex T\nindex a\nindex c\nindex d\ntesting clock\n',
  }
  t.same(run(t, 'public-exports', files), [])
  const changed = {
    ...files,
    'test/fixtures/exports.txt': 'index E\nindex T\nindex a\nindex c\nindex old\ntesting clock\n',
  }
  t.match(run(t, 'public-exports', changed), [/exports\.txt:5 .*index old is gone/, /exports\.txt:6 .*lacks index d/])
})

const KINDS = 'export const KIND = {\n  HELLO: 1,\n  BYE: 4,\n} as const\n'

test('wire kinds are append-only', async (t) => {
  const good = { 'src/wire/kinds.ts': KINDS, 'test/fixtures/wire-kinds.txt': '1 HELLO\n3 OLD retired\n4 BYE\n' }
  t.same(run(t, 'wire-kinds', good), [])
  const snapshot = (text: string): string[] => run(t, 'wire-kinds', { ...good, 'test/fixtures/wire-kinds.txt': text })
  t.match(snapshot('1 HELLO\n'), [/kinds\.ts:3 .*4 BYE is new/])
  t.match(snapshot('1 HELLO\n2 GONE\n4 BYE\n'), [/wire-kinds\.txt:2 .*2 GONE is gone/])
  t.match(snapshot('1 HELLO\n4 PART retired\n'), [/kinds\.ts:3 .*the number belongs to 4 PART retired for ever/])
  t.match(run(t, 'wire-kinds', { ...good, 'src/wire/kinds.ts': KINDS.replace('4', '1') }), [
    /kinds\.ts:3 .*1 is used twice/,
    /4 BYE is gone/,
  ])
})

test('--update writes the snapshots, and a retired number keeps its line', async (t) => {
  const root = t.testdir()
  write(root, {
    'src/index.ts': "export { KIND } from './wire/kinds.js'\n",
    'src/wire/kinds.ts': KINDS,
    'test/fixtures/wire-kinds.txt': '2 GONE\n4 PART\n',
  })
  const read = (name: string): string => readFileSync(join(root, 'test/fixtures', name), 'utf8')
  tidy([root, '--update', '--only', 'public-exports'], () => {})
  t.equal(read('exports.txt'), 'index KIND\n')
  t.equal(read('wire-kinds.txt'), '1 HELLO\n2 GONE retired\n4 PART retired\n')
})

test('an exported name is imported somewhere', async (t) => {
  const found = run(t, 'dead-export', {
    'src/index.ts': "export { a } from './base/a.js'\nexport * from './base/b.js'\n",
    'src/base/a.ts': 'export const a = 1\nexport const dead = 2\nexport type T = 1\nexport interface Used {}\n',
    'src/base/b.ts': 'export const all = 1\n',
    'src/base/c.ts': 'export const onlyHere = 1\nconst own = 1\nexport { own as other }\nexport default own\n',
    'test/a.test.ts': "import { T as X } from '../src/base/a.js'\nimport type { Used } from '../src/base/a.js'\n",
  })
  t.same(found, [
    'src/base/a.ts:2 dead-export dead is imported nowhere',
    'src/base/c.ts:1 dead-export onlyHere is imported nowhere',
    'src/base/c.ts:3 dead-export other is imported nowhere',
    'src/base/c.ts:4 dead-export default is imported nowhere',
  ])
})

test('an unknown rule is an error that names the rules', async (t) => {
  t.throws(() => tidy(['.', '--only', 'no-such-rule'], () => {}), /There are: file-size/)
})

test('the summary names files, lines by folder and the largest file', async (t) => {
  const root = t.testdir()
  write(root, { 'src/base/a.ts': '1\n2\n', 'src/index.ts': '1\n', 'test/a.test.ts': '1\n2\n3\n' })
  const lines: string[] = []
  tidy([root, '--only', 'file-size'], (line) => lines.push(line))
  t.same(lines, ['tidy: 3 files, lines: src/base 2, src 1, test 3, largest: test/a.test.ts 3, 0 violations'])
})
