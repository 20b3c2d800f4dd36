/** The machine of a supervisor against OTP's rules, row by row (scenarios 15, 16). */
import { test } from 'tap'
import type { Restart, Strategy } from '../../src/supervisor/tree.js'
import { row, TreeBench } from '../fixtures/tree-bench.js'

const STRATEGIES: readonly Strategy[] = ['one_for_one', 'one_for_all', 'rest_for_one']
const RESTARTS: readonly Restart[] = ['permanent', 'transient', 'temporary']

const ORDERLY = ['normal', 'shutdown', 'shutdown: done']
const ABNORMAL = ['crash: boom', 'killed', 'noproc', 'nodedown', 'lost', 'shutdown of the moon']

/** What each strategy does when b of a, b, c is to be started again. */
const AGAIN: Readonly<Record<Strategy, string>> = {
  one_for_one: 'start b',
  one_for_all: 'stop c, stop a, start a, start b, start c',
  rest_for_one: 'stop c, start b, start c',
}

test('15: strategy x restart type x reason: who is started again', async (t) => {
  for (const strategy of STRATEGIES) {
    for (const restart of RESTARTS) {
      for (const reason of [...ORDERLY, ...ABNORMAL]) {
        const bench = new TreeBench({ strategy }).boot([row('a'), row('b', restart), row('c')])
        t.equal(bench.did(), 'start a, start b, start c, up')
        const wanted = restart === 'permanent' || (restart === 'transient' && ABNORMAL.includes(reason))
        const gone = restart === 'temporary' ? 'forget b' : ''
        t.equal(bench.ended('b', reason).did(), wanted ? AGAIN[strategy] : gone, `${strategy}, ${restart}, ${reason}`)
        const left = { permanent: 'running', transient: wanted ? 'running' : 'idle', temporary: '' }[restart]
        const state = restart === 'temporary' ? 'a running, c running' : `a running, b ${left}, c running`
        t.equal(bench.state(), state, `${strategy}, ${restart}, ${reason}`)
      }
    }
  }
})

test('a restart of several takes along who was down, forgets who is temporary, and counts once', async (t) => {
  const rows = [row('a'), row('b', 'transient'), row('c', 'temporary'), row('d')]
  const bench = new TreeBench({ strategy: 'one_for_all', intensity: 1 }).boot(rows)
  bench.ended('b', 'normal').did()
  t.equal(bench.ended('a', 'killed').did(), 'stop d, stop c, forget c, start a, start b, start d')
  t.equal(bench.state(), 'a running, b running, d running')
  bench.now = 1_001
  t.equal(bench.ended('d', 'killed').did(), 'stop b, stop a, start a, start b, start d', 'one restart a second')
})

test('16: intensity: more restarts than so many within the period end the supervisor, in reverse order', async (t) => {
  for (const [at, survives] of [
    [999, false],
    [1_000, false],
    [1_001, true],
  ] as const) {
    const bench = new TreeBench({ intensity: 2 }).boot([row('a'), row('b'), row('c')])
    bench.ended('b', 'killed')
    bench.now = 500
    bench.ended('c', 'killed').did()
    bench.now = at
    const did = bench.ended('b', 'killed').did(true)
    const over = '(too_many_restarts b), stop c, stop a, over shutdown'
    t.equal(did, survives ? '(restart b), start b' : over, `the third at ${at} ms`)
  }
  const never = new TreeBench({ intensity: 0 }).boot([row('a'), row('b', 'temporary')])
  t.equal(never.ended('b', 'killed').did(), 'start a, start b, up, forget b', 'what is not restarted does not count')
  t.equal(never.ended('a', 'killed').did(), 'over shutdown')
})

test('significant x autoShutdown: who ends the supervisor', async (t) => {
  const cases = [
    // restart, reason, never, any, all with another one still up, all when it is the last
    ['transient', 'normal', '', 'over', '', 'over'],
    ['transient', 'shutdown', '', 'over', '', 'over'],
    ['transient', 'killed', 'again', 'again', 'again', 'again'],
    ['temporary', 'normal', '', 'over', '', 'over'],
    ['temporary', 'killed', '', 'over', '', 'over'],
  ] as const
  const what = (did: string): string =>
    did.includes('over shutdown') ? 'over' : did.includes('start b') ? 'again' : ''
  for (const [restart, reason, never, any, other, last] of cases) {
    const run = (autoShutdown: 'never' | 'any_significant' | 'all_significant', another: boolean): string => {
      const bench = new TreeBench({ autoShutdown })
      bench.boot([row('a'), row('b', restart, true), row('c', 'transient', another)])
      bench.did()
      return what(bench.ended('b', reason).did())
    }
    const got = [
      run('never', true),
      run('any_significant', true),
      run('all_significant', true),
      run('all_significant', false),
    ]
    t.same(got, [never, any, other, last], `${restart}, ${reason}`)
  }
  const bench = new TreeBench({ autoShutdown: 'any_significant' }).boot([row('a', 'transient', true), row('b')])
  bench.did()
  t.equal(bench.ask('terminate', 'a').did(), 'stop a, done', 'one that is terminated ends nobody')
  t.equal(bench.ended('b', 'killed').did(), 'start b')
  const other = new TreeBench({ autoShutdown: 'any_significant' }).boot([
    row('a', 'transient', true),
    row('b', 'transient'),
  ])
  other.did()
  t.equal(other.ended('b', 'normal').did(), '', 'nor one that is not significant')
  const all = new TreeBench({ autoShutdown: 'any_significant', strategy: 'one_for_all' })
  all.boot([row('a'), row('b', 'temporary', true)]).did()
  t.equal(all.ended('a', 'killed').did(), 'stop b, forget b, start a', 'nor one that its sibling takes along')
})

test('a boot that fails stops who is up, in reverse; ignore is no failure', async (t) => {
  const bench = new TreeBench()
  bench.fates.set('c', ['fail'])
  bench.boot([row('a'), row('b'), row('c'), row('d')])
  t.equal(bench.did(), 'start a, start b, start c, stop b, stop a, over failed_to_start_child c: boom')
  const ignoring = new TreeBench()
  for (const id of ['b', 'c']) ignoring.fates.set(id, ['ignore'])
  ignoring.boot([row('a'), row('b'), row('c', 'temporary'), row('d')])
  t.equal(ignoring.did(), 'start a, start b, start c, forget c, start d, up')
  t.equal(ignoring.state(), 'a running, b idle, d running')
})

test('a restart that fails counts, and is tried again', async (t) => {
  const bench = new TreeBench({ intensity: 3 }).boot([row('a'), row('b')])
  bench.did()
  bench.fates.set('a', ['fail', 'fail', 'up'])
  t.equal(bench.ended('a', 'killed').did(), 'start a, again a, start a, again a, start a')
  t.equal(bench.tree.restarts.length, 3)
  bench.fates.set('a', ['fail'])
  t.equal(bench.ended('a', 'killed').did(), 'stop b, over shutdown')
  const rest = new TreeBench({ strategy: 'rest_for_one', intensity: 2 }).boot([row('a'), row('b'), row('c'), row('d')])
  rest.did()
  rest.fates.set('c', ['fail', 'up'])
  const again = 'again c, start c, start d'
  t.equal(rest.ended('b', 'killed').did(), `stop d, stop c, start b, start c, ${again}`, 'from the one that failed on')
  const all = new TreeBench({ strategy: 'one_for_all', intensity: 2 }).boot([row('a'), row('b')])
  all.did()
  all.fates.set('b', ['fail', 'up'])
  t.equal(all.ended('a', 'killed').did(), 'stop b, start a, start b, again b, stop a, start a, start b')
  all.held.add('n')
  all.add(row('n')).did()
  all.now = 2_000
  t.equal(all.ended('b', 'killed').did(), 'stop a, start a, start b', 'one that has not joined yet is let alone')
  t.equal(all.release('n').did(), 'done running')
  const ignored = new TreeBench().boot([row('a')])
  ignored.fates.set('a', ['ignore'])
  ignored.did()
  t.equal(ignored.ended('a', 'killed').did(), 'start a')
  t.equal(ignored.state(), 'a idle', 'ignored at a restart: it stays, and is down')
})

test("what is asked for, and OTP's words for no", async (t) => {
  const bench = new TreeBench({ intensity: 5 }).boot([row('a'), row('b')])
  bench.did()
  t.equal(bench.add(row('a')).did(), 'already_started')
  t.equal(bench.ask('restart', 'a').did(), 'running')
  t.equal(bench.ask('delete', 'a').did(), 'running')
  for (const what of ['terminate', 'restart', 'delete'] as const) t.equal(bench.ask(what, 'z').did(), 'not_found')
  t.equal(bench.ask('terminate', 'a').did(), 'stop a, done')
  t.equal(bench.state(), 'a idle, b running')
  t.equal(bench.ask('terminate', 'a').did(), 'done', 'twice is as good')
  t.equal(bench.add(row('a')).did(), 'already_present')
  bench.fates.set('a', ['fail', 'ignore', 'up'])
  t.equal(bench.ask('restart', 'a').did(), 'start a, failed a')
  t.equal(bench.ask('restart', 'a').did(), 'start a, done')
  t.equal(bench.ask('restart', 'a').did(), 'start a, done running')
  bench.ask('terminate', 'a').did()
  t.equal(bench.ask('delete', 'a').did(), 'forget a, done')
  t.equal(bench.add(row('a')).did(), 'start a, done running')
  t.equal(bench.state(), 'b running, a running', 'a new one is the last')
  bench.held.add('a')
  bench.ended('a', 'killed').did()
  t.equal(bench.ask('restart', 'a').did(), 'restarting')
  t.equal(bench.ask('delete', 'a').did(), 'restarting')
  t.equal(bench.tree.restarts.length, 1, 'what is asked for does not count')
})

test('a new child that does not start is not kept; one that ignores is, unless it is temporary', async (t) => {
  const bench = new TreeBench().boot([])
  bench.did()
  bench.fates.set('a', ['fail'])
  t.equal(bench.add(row('a')).did(), 'start a, failed a, forget a')
  bench.fates.set('a', ['ignore'])
  t.equal(bench.add(row('a')).did(), 'start a, done')
  t.equal(bench.state(), 'a idle')
  bench.fates.set('b', ['ignore'])
  t.equal(bench.add(row('b', 'temporary')).did(), 'start b, done, forget b')
  t.equal(bench.add(row('c', 'temporary')).ask('terminate', 'c').did(), 'start c, done running, stop c, forget c, done')
})

test('19: a start that is under way holds up no request, and can be cut short', async (t) => {
  const bench = new TreeBench()
  bench.held.add('b')
  bench.boot([row('a'), row('b'), row('c')])
  t.equal(bench.did(), 'start a, start b')
  t.equal(bench.add(row('d')).did(), 'start d, done running', 'while b starts')
  t.equal(bench.ask('terminate', 'a').did(), 'stop a, done')
  t.equal(bench.ask('restart', 'b').did(), 'restarting')
  t.equal(bench.release('b').did(), 'start c, up')
  bench.held.add('e')
  t.equal(bench.add(row('e')).did(), 'start e')
  t.equal(bench.ask('terminate', 'e').did(), 'cut e')
  t.equal(bench.release('e').did(), 'failed e, forget e, done', 'both hear of it')
  bench.held.add('e')
  bench.add(row('e')).ask('terminate', 'e').did()
  const life = bench.tree.lives
  bench.held.delete('e')
  t.equal(bench.step({ type: 'started', id: 'e', life }).did(), 'stop e, failed e, forget e, done', 'it was faster')
  bench.held.add('f')
  bench.add(row('f')).did()
  t.equal(bench.step({ type: 'stop' }).did(), 'cut f')
  t.equal(bench.release('f').did(), 'failed f, forget f, stop d, stop c, stop b, over shutdown')
  t.equal(bench.add(row('g')).did(), 'ending')
})

test('what ends during a restart of several waits for its end; who would be stopped does not count', async (t) => {
  const bench = new TreeBench({ strategy: 'rest_for_one', intensity: 2 }).boot(
    ['a', 'b', 'c', 'd'].map((id) => row(id)),
  )
  bench.did()
  bench.held.add('d')
  t.equal(bench.ended('b', 'killed').did(), 'stop d')
  t.equal(bench.ended('c', 'killed').did(), '')
  t.equal(bench.ended('a', 'killed').did(), '', 'a is not of the group')
  t.equal(
    bench.release('d').did(),
    'start b, start c, start d, stop d, stop c, stop b, start a, start b, start c, start d',
  )
  t.equal(bench.tree.restarts.length, 2)
  t.equal(bench.state(), 'a running, b running, c running, d running')
})

test('who is terminated during a restart of several stays down', async (t) => {
  const bench = new TreeBench({ strategy: 'one_for_all', intensity: 5 }).boot(['a', 'b', 'c'].map((id) => row(id)))
  bench.did()
  bench.held.add('c')
  bench.ended('a', 'killed').did()
  t.equal(bench.ask('terminate', 'b').did(), 'stop b, done')
  t.equal(bench.ask('terminate', 'a').did(), 'done')
  t.equal(bench.ask('terminate', 'c').did(), '')
  t.equal(bench.release('c').did(), 'done')
  t.equal(bench.state(), 'a idle, b idle, c idle')
  t.equal(bench.ask('restart', 'b').did(), 'start b, done running')
  t.equal(bench.ended('b', 'killed').did(), 'start a, start b, start c', 'the next one takes all along, as in OTP')
})

test('a stop comes before everything, and what is said of an earlier life is nothing', async (t) => {
  const bench = new TreeBench({ strategy: 'one_for_all', intensity: 5 }).boot(['a', 'b', 'c'].map((id) => row(id)))
  bench.did()
  bench.held.add('b')
  t.equal(bench.ended('a', 'killed').did(), 'stop c, stop b')
  t.equal(bench.step({ type: 'stop' }).did(), '')
  t.equal(bench.release('b').did(), 'over shutdown')
  const late = new TreeBench().boot([row('a')])
  late.did()
  late.ended('a', 'killed').did()
  t.equal(late.step({ type: 'ended', id: 'a', life: 1, reason: 'killed' }).did(), '')
  late.held.add('a')
  t.equal(late.ask('terminate', 'a').did(), 'stop a')
  t.equal(late.step({ type: 'ended', id: 'a', life: 1, reason: 'killed' }).did(), '')
  t.equal(late.release('a').did(), 'done')
  t.equal(late.ask('restart', 'a').did(), 'start a, done running')
  t.equal(late.step({ type: 'again', id: 'a', life: 1 }).did(), '')
  t.equal(late.step({ type: 'failed', id: 'a', life: 1, ignored: false, reason: '' }).did(), '')
  t.equal(late.step({ type: 'started', id: 'a', life: 1 }).did(), '')
  t.equal(new TreeBench().step({ type: 'stop' }).did(), 'over shutdown', 'one that never began')
})
