/** The benchmarks run, and what they make of their figures is right. No figure is judged here. */
import { execFile } from 'node:child_process'
import { readdirSync, readFileSync, rmSync } from 'node:fs'
import { test } from 'tap'
import { changesOf, changeTable } from '../../scripts/bench/change.js'
import { curveTable } from '../../scripts/bench/curve-table.js'
import { GOALS, goalText, isMet } from '../../scripts/bench/goals.js'
import { growthOf, type Point, slopeOf } from '../../scripts/bench/growth.js'
import { filled, markdownTable, withSection } from '../../scripts/bench/markdown.js'
import { inTurns, median, quantile } from '../../scripts/bench/measure.js'
import { curveText, type Results, resultsText } from '../../scripts/bench/page.js'
import { digits, tableOf } from '../../scripts/bench/report.js'
import { plainRow, type Row, summaryOf } from '../../scripts/bench/rows.js'
import { EXAMPLE, sizingOf } from '../../scripts/bench/sizing.js'
import { picture, ticksOf } from '../../scripts/bench/svg.js'

const OUT = 'dist/bench-test'

const row = (id: string, ours: readonly number[], raw: readonly number[] = [], unit: Row['unit'] = 'ms'): Row =>
  plainRow({ id, group: 'group', name: id, unit }, ours, raw)

test('the quick suite runs, and every goal is a row of it', { timeout: 120_000 }, async (t) => {
  rmSync(OUT, { recursive: true, force: true })
  const args = ['dist/scripts/bench/main.js', '--glance', '--out', OUT]
  const env = { ...process.env, NODE_OPTIONS: '' }
  const [error, stdout] = await new Promise<[unknown, string]>((resolve) =>
    execFile(process.execPath, args, { env }, (failed, output, errors) => resolve([failed && errors, output])),
  )
  t.equal(error, null)
  const files = readdirSync(OUT)
  t.equal(files.length, 1, 'no whole run: nothing that the page would be made of')
  const { answers } = JSON.parse(readFileSync(`${OUT}/${files[0]}`, 'utf8')) as Results
  const rows = answers.flatMap((answer) => answer.rows)
  t.same(
    Object.keys(GOALS).filter((id) => !rows.some((one) => one.id === id)),
    [],
  )
  t.equal(new Set(rows.map(({ id }) => id)).size, rows.length, 'an id is given once')
  for (const one of rows) t.ok(Number.isFinite(summaryOf(one).ours.value), one.id)
  for (const one of rows) t.match(stdout, one.name)
  t.match(stdout, `of ${Object.keys(GOALS).length} met`)
  const peers = answers.find(({ question }) => question === 'peers')
  t.ok(peers?.rows.length === 4 || /^skipped: /.test(peers?.note ?? ''), 'peers run, or are visibly skipped')
  t.ok(sizingOf(rows, EXAMPLE), 'all that the sizing needs')
})

test('quantiles', async (t) => {
  t.equal(median([3, 1, 2]), 2)
  t.equal(quantile([1, 2, 3, 4], 0.99), 4)
  t.equal(quantile([5], 0.25), 5)
  t.ok(Number.isNaN(median([])))
  const values = [3, 1, 2]
  median(values)
  t.same(values, [3, 1, 2], 'the values stay in their order')
})

test('rounds in turns: the first warms up, and CPU is counted by operation', async (t) => {
  const order: string[] = []
  let cpuUs = 0
  const sample = (name: string, operations: number) => async () => {
    order.push(name)
    cpuUs += 100
    return { values: [order.length], operations }
  }
  const pace = { rounds: 2, sampleMs: 1, warmUps: 1, quick: true }
  const [ours, raw] = await inTurns(pace, async () => cpuUs, [sample('ours', 10), sample('raw', 100)])
  t.same(order, ['ours', 'raw', 'ours', 'raw', 'ours', 'raw'])
  t.same(ours.rounds, [[3], [5]])
  t.same(raw.rounds, [[4], [6]])
  t.same(
    [ours.serverUs, raw.serverUs],
    [
      [10, 10],
      [1, 1],
    ],
  )
})

test('a row: the ratio is that of the rounds where they are pairs, else that of the figures', async (t) => {
  // A round in which the machine was ten times as slow for both sides does not change the ratio.
  t.equal(summaryOf(row('a', [2, 20, 4], [1, 10, 2])).ratio, 2)
  const many: Row = { ...row('b', []), ours: [[1, 2, 9], [3]], raw: [[1], [1]], quantile: 0.5 }
  t.same(summaryOf(many), { ours: { value: 3, low: 2, high: 3 }, raw: { value: 1, low: 1, high: 1 }, ratio: 3 })
  t.same(summaryOf(row('c', [1, 3, 2])), { ours: { value: 2, low: 1, high: 3 }, raw: undefined, ratio: undefined })
})

test('goals: of the figure or of the ratio, at least or at most', async (t) => {
  t.equal(goalText(row('call.here.64', [1], [], '/s')), '>= 1,000,000/s')
  t.equal(isMet(row('call.here.64', [1_000_000], [], '/s')), true)
  t.equal(isMet(row('call.here.64', [999_999], [], '/s')), false)
  t.equal(goalText(row('move.1MB', [1], [1])), '<= 1.5 x')
  t.equal(isMet(row('move.1MB', [3], [2])), true)
  t.equal(isMet(row('move.1MB', [3.1], [2])), false)
  t.equal(isMet(row('move.1MB', [3.1])), false, 'without a baseline a ratio is not met')
  t.equal(isMet(row('something else', [1])), undefined)
})

test('the table: aligned, grouped, with goal and verdict', async (t) => {
  const table = tableOf([row('many.start', [100, 120, 110]), row('many.move', [900])])
  const [head = '', , group, met = '', not = ''] = table.split('\n')
  t.equal(group, 'group')
  t.match(met, /^many\.start {2,}110 {2,}100 \.\. 120 .* ms .* <= 300 ms {2,}yes/)
  t.match(not, /^many\.move {2,}900 .* <= 500 ms {2,}NO/)
  t.equal(head.indexOf('goal'), met.indexOf('<='))
  t.same([123_456, 1_000, 99.96, 12.34, 1.234, 0, Number.NaN].map(digits), [
    '123,000',
    '1,000',
    '100.0',
    '12.3',
    '1.23',
    '0.00',
    '-',
  ])
})

const curveOf = (of: (x: number) => number, xs = [10, 100, 1_000, 10_000, 100_000]): Point[] =>
  xs.map((x) => [x, of(x)])

test('growth: by the slope of the logarithms, over the upper half', async (t) => {
  const cases: readonly (readonly [string, (x: number) => number])[] = [
    ['constant', () => 7],
    ['less than linear', Math.sqrt],
    ['linear', (x) => 3 * x],
    ['linear', (x) => x * Math.log2(x)],
    ['worse than linear', (x) => x ** 1.5],
    ['falling', (x) => 1 / x],
    // What a fixed cost hides at the lower end.
    ['linear', (x) => 30 + x],
  ]
  for (const [name, of] of cases) t.equal(growthOf(curveOf(of)).name, name)
  t.ok(Math.abs(slopeOf(curveOf((x) => x ** 2)) - 2) < 1e-9)
  t.equal(growthOf([[1, 1]]).name, 'unknown')
  t.equal(growthOf([...curveOf((x) => x)].reverse()).name, 'linear', 'in any order')
})

test('changes: noise is where the middle halves overlap, or the baseline changed as much', async (t) => {
  const verdict = (...rows: [Row, Row]) => changesOf([rows[0]], [rows[1]])[0]?.verdict
  const was = [100, 101, 102, 103, 104]
  const twice = was.map((value) => 2 * value)
  t.equal(verdict(row('a', was), row('a', [102, 103, 104, 105, 106])), 'within the noise')
  t.equal(verdict(row('a', was), row('a', twice)), 'worse')
  t.equal(verdict(row('a', twice), row('a', was)), 'better')
  t.equal(verdict(row('a', was, [], '/s'), row('a', twice, [], '/s')), 'better')
  t.equal(verdict(row('a', was, was), row('a', twice, twice)), 'within the noise', 'the weather')
  t.equal(verdict(row('a', was, was), row('a', twice, was)), 'worse')
  t.equal(verdict(row('a', [100]), row('a', [101])), 'within the noise', 'less than 2 %')
  const changes = changesOf([row('a', was), row('gone', [1])], [row('a', was), row('a', was), row('new', [1])])
  t.same(
    changes.map(({ id, change }) => [id, change]),
    [['a', 0]],
    'rows that only one has are left out',
  )
  t.match(changeTable(changesOf([row('a', was)], [row('a', twice)])), /a {2,}102 .*204 .*\+100 % {2,}- {2,}worse/)
})

test('pictures: a panel a series, ticks around all values, texts that are safe', async (t) => {
  t.same(ticksOf([10, 99_000]), [10, 100, 1_000, 10_000, 100_000])
  t.same(ticksOf([10, 10]), [10, 20, 50, 100])
  t.same(ticksOf([3, 17]), [1, 2, 5, 10, 20, 50, 100])
  t.same(ticksOf([5, 5]), [1, 2, 5, 10])
  const panels = [
    { title: 'a < b', unit: 'ms', points: curveOf((x) => x) },
    { title: 'empty', unit: 'us', points: [] },
  ]
  const svg = picture('Title & more', 'x axis', panels)
  t.match(svg, /^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" viewBox="0 0 720 282"/)
  for (const part of ['Title &amp; more', 'a &lt; b, ms', 'linear, slope 1.00', 'prefers-color-scheme: dark'])
    t.ok(svg.includes(part), part)
  t.equal(svg.match(/<circle/g)?.length, 5)
  t.notMatch(svg, /NaN|Infinity|undefined/)
  for (const tag of ['svg', 'style', 'text'])
    t.equal(svg.match(new RegExp(`<${tag}[ >]`, 'g'))?.length, svg.match(new RegExp(`</${tag}>`, 'g'))?.length, tag)
})

test('the page: figures go between their comments, and nothing else changes', async (t) => {
  const page = 'before\n<!-- bench:a -->\nold\n<!-- /bench:a -->\nafter'
  t.equal(filled(page, 'a', 'new'), 'before\n<!-- bench:a -->\n\nnew\n\n<!-- /bench:a -->\nafter')
  t.equal(filled(filled(page, 'a', 'x'), 'a', 'new'), filled(page, 'a', 'new'))
  const parts = filled(page, 'a', 'head\n\n### One\n\n1\n\n### Two\n\n2')
  t.equal(withSection(parts, 'a', '### One\n\nnew'), parts.replace('1', 'new'), 'one section, and nothing else')
  t.equal(withSection(parts, 'a', '### Three\n\n3'), parts.replace('2\n', '2\n\n### Three\n\n3\n'))
  t.throws(() => filled(page, 'b', ''), /has no <!-- bench:b -->/)
  t.equal(
    markdownTable([
      ['', 'x'],
      ['a|b', '1'],
    ]),
    '|  | x |\n| --- | ---: |\n| a\\|b | 1 |',
  )
  const machine = { node: 'v20', cores: 2, cpu: 'some', load: 0, date: 'today' }
  const answer = { question: 'q', seconds: 1, rssMiB: 1, rows: [row('many.start', [110])], note: 'skipped: x' }
  const text = resultsText({ machine, pace: { rounds: 1, sampleMs: 1, warmUps: 1, quick: false }, answers: [answer] })
  t.match(text, 'Goals met: 1 of 1.')
  t.match(text, 'q: skipped: x.')
  t.match(text, '| many.start | **110** ms | 110 .. 110 |  |  |  | <= 300 ms | yes |  |')
  for (const name of ['results', 'curves', 'sizing'])
    t.ok(filled(readFileSync('docs/PERFORMANCE.md', 'utf8'), name, ''), name)
})

test('a curve as a table: a line a point, growth and slope below', async (t) => {
  const series = [
    { title: 'one', unit: 'ms', points: curveOf((x) => x) },
    { title: 'two', unit: 'us', points: curveOf(() => 1, [10, 100]) },
  ]
  const measured = { curve: 'c', title: 'C', x: 'things', series, notes: ['a note'] }
  const lines = curveTable(measured).split('\n')
  t.match(lines[0], /^things +one, ms +two, us$/)
  t.match(lines[3], /^1,000 +1,000 +-$/)
  t.match(lines.at(-2), /^grows +linear +constant$/)
  t.match(curveText(measured), '![C: things](performance/c.svg)')
})

test('sizing: from figures to a cluster', async (t) => {
  const figures = { 'memory.process': 2, 'memory.name': 0.5, 'memory.node': 102_400, 'many.start': 300 } as const
  const more = {
    'many.move': 500,
    'call.away.64.client': 10,
    'call.away.64.server': 10,
    'many.start.server': 10,
  } as const
  const rows = Object.entries({ ...figures, ...more }).map(([id, value]) => row(id, [value]))
  t.equal(sizingOf(rows.slice(1), EXAMPLE), undefined, 'not without all figures')
  const values = sizingOf(rows, { processes: 1_048_576, nodes: 16 })?.map((cells) => cells[2])
  t.same(values, [
    'is',
    '65,536',
    '0.13 GiB',
    '0.47 GiB',
    '0.69 GiB',
    '--max-old-space-size=2048',
    '11.8 s',
    '6.55 s',
    '50,000/s',
  ])
})
