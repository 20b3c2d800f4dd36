/** What the last line of `make test` counts. */
import { test } from 'tap'
import { tally } from '../../scripts/tally.js'

const BLOCK = '# Subtest: fine\n    ok 1 - a\n    ok 2 - b\n    1..2\nok 1 - fine\n'

test('a block counts once, however many assertions it holds', async (t) => {
  t.match(tally('a.test.ts', `TAP version 14\n${BLOCK}1..1\n`), { passed: 1, failed: 0, skipped: [] })
})

test('a file without blocks counts once', async (t) => {
  t.match(tally('a.test.ts', 'TAP version 14\nok 1 - a\nok 2 - b\n1..2\n'), { passed: 1, failed: 0 })
})

test('the inner blocks of a group count, the group does not', async (t) => {
  const inner = BLOCK.replace(/^/gm, '    ').trimEnd()
  const output = `TAP version 14\n# Subtest: group\n${inner}\n    1..1\nok 1 - group\n1..1\n`
  t.match(tally('a.test.ts', output), { passed: 1, failed: 0 })
})

test('a failed block is counted and described', async (t) => {
  const output =
    'TAP version 14\n# Subtest: bad\n    not ok 1 - the sum\n      ---\n      diff: |\n        -1\n        +2\n' +
    '      at:\n        fileName: test/a.test.ts\n        lineNumber: 3\n        columnNumber: 5\n      ...\n' +
    '    1..1\nnot ok 1 - bad\n1..1\n'
  const counts = tally('a.test.ts', output)
  t.match(counts, { passed: 0, failed: 1 })
  t.equal(
    counts.failures.join('\n'),
    'FAILED a.test.ts > bad\n  the sum\n    at test/a.test.ts:3:5\n    diff:\n      -1\n      +2',
  )
})

test('a crash between blocks is one failure more', async (t) => {
  t.match(tally('a.test.ts', `TAP version 14\n${BLOCK}not ok 2 - at top\n1..2\n`), { passed: 1, failed: 1 })
})

test('a file that was killed fails, whatever passed before', async (t) => {
  t.match(tally('a.test.ts', `TAP version 14\n${BLOCK}# Subtest: cut\n    ok 1 - a\n`), { passed: 1, failed: 1 })
})

test('a file that was killed after a failure counts both', async (t) => {
  const output = 'TAP version 14\n# Subtest: bad\n    not ok 1 - a\n    1..1\nnot ok 1 - bad\n# Subtest: cut\n'
  t.match(tally('a.test.ts', output), { passed: 0, failed: 2 })
})

test('a file that ran nothing fails', async (t) => {
  for (const output of [undefined, '', 'TAP version 14\n1..0 # no tests found\n']) {
    t.match(tally('a.test.ts', output), { passed: 0, failed: 1 })
  }
})

test('a skipped test is named and is neither passed nor failed', async (t) => {
  const output = `TAP version 14\n${BLOCK}ok 2 - needs etcd # SKIP no server\n1..2\n`
  t.match(tally('a.test.ts', output), { passed: 1, failed: 0, skipped: ['a.test.ts > needs etcd'] })
})

test('what a file wrote is kept beside its results', async (t) => {
  const output = `TAP version 14\nseed 42\n# replay: 42\n${BLOCK}1..1\n# time=3ms\n`
  t.same(tally('a.test.ts', output).notes.sort(), ['# replay: 42', 'seed 42'])
})
