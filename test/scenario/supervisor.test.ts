/** Trees of processes on simulated nodes, by OTP's rules (G14, scenarios 14 to 20). */
import { test } from 'tap'
import { genServer } from '../../src/process/gen-server.js'
import type { AnyKind } from '../../src/process/kind.js'
import type { SupervisorOptions } from '../../src/supervisor/spec.js'
import { type SupervisorKind, supervisor } from '../../src/supervisor/supervisor.js'
import { simulatedNode } from '../fixtures/process-lab.js'
import { childOf, Trees } from '../fixtures/tree-stage.js'

const opened = async (seed: string, options: (stage: Trees) => SupervisorOptions, kinds: AnyKind[] = []) => {
  const stage = new Trees(seed)
  const sup = supervisor('sup', options(stage))
  const node = await stage.node('a', [sup, ...kinds])
  return { stage, sup, node }
}

test('children start in order and stop in reverse, and node.stop() keeps to it', async (t) => {
  const { stage, sup, node } = await opened('order', (s) => ({
    children: ['x', 'y', 'z'].map((id) => childOf(s, id)),
  }))
  stage.moods.set('y', ['slow'])
  const ref = await stage.run(node.start(sup, { name: 'sup' }))
  t.same(stage.told(), ['init x', 'up x', 'init y', 'up y', 'init z', 'up z'])
  t.equal(await stage.which(node, 'sup'), 'x: running, y: running, z: running')
  t.same(await stage.run(ref.call.countChildren()), { specs: 3, active: 3, supervisors: 0, workers: 3 })
  t.equal(node.whereis('sup/y')?.kind, 'worker')
  await stage.run(node.stop())
  t.same(
    stage.told(),
    ['z', 'y', 'x'].flatMap((id) => [`terminate ${id} shutdown`, `over ${id}`]),
  )
  t.equal(node.stats().processes, 0)
})

const crash = async (stage: Trees, on: Awaited<ReturnType<Trees['node']>>, name: string): Promise<void> => {
  await stage.code(on.ref(stage.worker, name).call.crash())
  await stage.world.advance(10)
}

test('a nested tree: leaves are restarted where they are, and what is too much goes up to the root', async (t) => {
  const stage = new Trees('nested')
  const inner = supervisor('inner', {
    strategy: 'rest_for_one',
    children: ['p', 'q', 'r'].map((id) => childOf(stage, id)),
  })
  const outer = supervisor('outer', {
    strategy: 'one_for_all',
    children: [childOf(stage, 'x'), { id: 'in', kind: inner }, childOf(stage, 'y')],
  })
  const node = await stage.node('a', [inner, outer])
  const ref = await stage.run(node.start(outer, { name: 'top' }))
  t.equal(await stage.which(node, 'top'), 'x: running, in: running, y: running')
  t.same(await stage.run(ref.call.countChildren()), { specs: 3, active: 3, supervisors: 1, workers: 2 })
  stage.told()
  await crash(stage, node, 'top/in/q')
  const order = ['terminate q error', 'over q', 'terminate r shutdown', 'over r', 'init q', 'up q', 'init r', 'up r']
  t.same(stage.told(), order, 'rest_for_one: q and r, not p')
  await crash(stage, node, 'top/in/q')
  await stage.world.advance(100)
  const down = ['terminate q error', 'over q', 'terminate p shutdown', 'over p']
  const rest = ['terminate y shutdown', 'over y', 'terminate x shutdown', 'over x']
  const again = ['x', 'p', 'q', 'r', 'y'].flatMap((id) => [`init ${id}`, `up ${id}`])
  const did = stage.told()
  t.same(did.slice(0, 2), down.slice(0, 2))
  t.same(did.slice(-10), again, 'the outer one starts all anew, in order')
  t.same(
    did
      .filter((line) => !line.includes(' r'))
      .slice(0, 8)
      .sort(),
    [...down, ...rest].sort(),
  )
  t.same(stage.news(), ['restart top/in/q', 'too_many_restarts top/in/q', 'restart top/in'])
  for (let i = 0; i < 2; i += 1) await crash(stage, node, 'top/in/p')
  await stage.world.advance(100)
  t.equal(node.whereis('top'), undefined, 'the second end of the inner one is too much for the outer one')
  t.equal(node.stats().processes, 0)
  t.same(stage.news().slice(3), ['restart top/in/p', 'too_many_restarts top/in/p', 'too_many_restarts top/in'])
  await stage.world.close()
})

test('16: a child that always crashes ends its own supervisor, and nobody else', async (t) => {
  const stage = new Trees('contained')
  const inner = supervisor('inner', { children: [childOf(stage, 'bad')] })
  const outer = supervisor('outer', {
    children: [childOf(stage, 'good'), { id: 'in', kind: inner, restart: 'temporary' }],
  })
  const node = await stage.node('a', [inner, outer])
  await stage.run(node.start(outer, { name: 'top' }))
  await stage.run(node.start(stage.worker, { name: 'other', args: ['other'] }))
  stage.moods.set('bad', ['throw'])
  await crash(stage, node, 'top/in/bad')
  t.equal(await stage.which(node, 'top'), 'good: running')
  t.same(
    node.list().map(({ name }) => name),
    ['other', 'top', 'top/good'],
  )
  t.equal(stage.told('init bad').length, 3 - 1, 'its first start, and one restart')
  await stage.world.close()
})

test('18: a tree that does not start leaves nothing behind', async (t) => {
  const { stage, sup, node } = await opened('boot fails', (s) => ({
    children: ['x', 'y', 'z'].map((id) => childOf(s, id)),
  }))
  stage.moods.set('z', ['throw'])
  t.equal(await stage.code(node.start(sup, { name: 'sup' })), 'ERR_START_FAILED')
  t.same(stage.told(), [
    ...['init x', 'up x', 'init y', 'up y', 'init z'],
    ...['terminate y shutdown', 'over y', 'terminate x shutdown', 'over x'],
  ])
  t.same(node.list(), [])
  t.equal(node.stats().processes, 0)
  stage.moods.set('z', ['ignore'])
  await stage.run(node.start(sup, { name: 'sup' }))
  t.equal(await stage.which(node, 'sup'), 'x: running, y: running, z: stopped')
  t.equal(node.whereis('sup/z'), undefined)
  await stage.world.close()
})

test('44: a child that does not end is killed after its time, and the next one has its own', async (t) => {
  const { stage, sup, node } = await opened('times', (s) => ({
    children: [
      childOf(s, 'quick', { shutdown: 1_000 }),
      childOf(s, 'hangs', { shutdown: 700 }),
      childOf(s, 'lingers', { shutdown: 2_000 }),
      childOf(s, 'brutal', { shutdown: 'brutal_kill' }),
      childOf(s, 'patient', { shutdown: 'infinity' }),
    ],
  }))
  await stage.run(node.start(sup, { name: 'sup' }))
  const worker = (id: string) => node.ref(stage.worker, `sup/${id}`)
  await stage.run(worker('lingers').call.linger(60_000))
  await stage.run(worker('brutal').call.linger(60_000))
  await stage.run(worker('patient').call.linger(20_000))
  const hung = stage.said(worker('hangs').with({ timeoutMs: 100_000 }).call.hang())
  stage.told()
  const began = stage.world.clock.now()
  await stage.run(node.stop(), 100_000)
  t.equal(await hung, 'ERR_STOPPED')
  const took = stage.world.clock.now() - began
  t.ok(took >= 22_700 && took < 23_000, `20 s, nothing, 2 s, 0.7 s, nothing: ${took}`)
  t.same(stage.told(), [
    ...['terminate patient shutdown', 'over patient', 'terminate lingers shutdown'],
    ...['terminate quick shutdown', 'over quick'],
  ])
})

test('44: the chain of shutdown times is shown, and a contradiction names both', async (t) => {
  const stage = new Trees('chain')
  const inner = supervisor('inner', {
    children: [childOf(stage, 'p', { shutdown: 3_000 }), childOf(stage, 'q', { shutdown: 'brutal_kill' })],
  })
  const outer = supervisor('outer', { children: [childOf(stage, 'x', { shutdown: 1_000 }), { id: 'in', kind: inner }] })
  const tight = supervisor('tight', { children: [{ id: 'in', kind: inner, shutdown: 2_000 }] })
  const short = supervisor('short', { children: [{ id: 'in', kind: inner }], shutdownMs: 2_999 })
  const node = await stage.node('a', [inner, outer, tight, short])
  const ref = await stage.run(node.start(outer, { name: 'app' }))
  t.equal(
    await stage.run(ref.call.shutdownChain()),
    [
      'app: asks 4000 ms, is given infinity',
      '  app/x: asks 1000 ms, is given 1000 ms',
      '  app/in: asks 3000 ms, is given infinity',
      '    app/in/p: asks 3000 ms, is given 3000 ms',
      '    app/in/q: asks 0 ms, is given 0 ms',
    ].join('\n'),
  )
  for (const [kind, words] of [
    [tight, ['t/in asks for 3000 ms', 't gives it 2000 ms']],
    [short, ['t asks for 3000 ms', 'node a, or who looks after it, gives it 2999 ms']],
  ] as const) {
    const error = await stage.run(node.start(kind, { name: 't' }).catch((caught: Error) => caught))
    t.equal((error as { code?: string }).code, 'ERR_SHUTDOWN_CHAIN')
    for (const word of words) t.match((error as Error).message, word)
  }
  t.same(node.list({ kind: 'tight' }), [])
  t.same(stage.told('init').length, 3, 'nothing of the others was started')
  const dynamic = supervisor('dynamic', { shutdownMs: 1_500 })
  const other = await stage.node('b', [dynamic])
  const held = await stage.run(other.start(dynamic, { name: 'd' }))
  const add = (id: string) => held.call.startChild({ id, kind: 'worker', args: [id], shutdown: 1_000 })
  t.equal(await stage.code(add('one')), 'ok')
  t.equal(await stage.code(add('two')), 'ERR_SHUTDOWN_CHAIN')
  t.equal(await stage.which(other, 'd'), 'one: running')
  await stage.world.close()
})

test('a supervisor that is killed leaves no orphan, however deep', async (t) => {
  const stage = new Trees('killed')
  const inner = supervisor('inner', { children: [childOf(stage, 'p'), childOf(stage, 'q')] })
  const outer = supervisor('outer', { children: [{ id: 'in', kind: inner, shutdown: 60_000 }] })
  const root = supervisor('root', { children: [{ id: 'mid', kind: outer, shutdown: 60_000 }, childOf(stage, 'x')] })
  const node = await stage.node('a', [inner, outer, root])
  const ref = await stage.run(node.start(root, { name: 'r' }))
  await stage.run(node.ref(stage.worker, 'r/mid/in/p').call.linger(100_000))
  stage.told()
  const began = stage.world.clock.now()
  stage.moods.set('p', [''])
  await stage.run(ref.stop('shutdown'), 200_000)
  t.equal(node.stats().processes, 0)
  t.ok(stage.world.clock.now() - began < 10_000, 'p had its 5 s')
  t.same(node.list(), [])
  await stage.world.close()
})

test('an orphan does not live: a supervisor that is killed takes its tree along', async (t) => {
  const clock = new Trees('orphans')
  const inner = supervisor('inner', { children: [childOf(clock, 'p')] })
  const sup = supervisor('sup', { children: [{ id: 'in', kind: inner }, childOf(clock, 'x')] })
  const lab = simulatedNode(t, [clock.worker, inner, sup])
  await lab.clock.runUntil(lab.node.start(sup, { name: 's' }))
  t.equal(lab.node.stats().processes, 4)
  lab.kill('s')
  await lab.clock.advance(100)
  t.equal(lab.node.stats().processes, 0)
  t.same(lab.node.list(), [])
  await lab.clock.runUntil(lab.node.start(sup, { name: 's' }))
  lab.kill('s/in')
  await lab.clock.advance(100)
  t.equal(lab.node.stats().processes, 4, 'killed below, it is started again from above')
})

test('19: a process whose start asks its supervisor gets an answer', async (t) => {
  const stage = new Trees('asks')
  const nosy = genServer('nosy', {
    init: () => ({ said: [] as string[] }),
    onStart: async (self) => {
      const up = self.ref(sup, 'sup').with({ timeoutMs: 60_000 })
      const children = await up.call.whichChildren()
      self.state.said.push(children.map(({ id, status }) => `${id}: ${status}`).join(', '))
      const { running } = await up.call.startChild({ id: 'late', kind: 'worker', args: ['late'] })
      self.state.said.push(`late: ${running}`)
      for (const what of ['restartChild', 'deleteChild'] as const) {
        self.state.said.push(await stage.said(up.call[what]('nosy')))
      }
    },
    calls: { said: (self): string[] => self.state.said },
  })
  const sup: SupervisorKind = supervisor('sup', {
    strategy: 'one_for_all',
    children: [childOf(stage, 'x'), { id: 'nosy', kind: nosy }, childOf(stage, 'y')],
  })
  const node = await stage.node('a', [sup, nosy])
  const began = stage.world.clock.now()
  await stage.run(node.start(sup, { name: 'sup' }))
  t.ok(stage.world.clock.now() - began < 100)
  const said = ['x: running, nosy: starting, y: stopped', 'late: true', 'ERR_CHILD restarting', 'ERR_CHILD restarting']
  t.same(await stage.run(node.ref(nosy, 'sup/nosy').call.said()), said)
  t.equal(await stage.which(node, 'sup'), 'x: running, nosy: running, y: running, late: running')
  await stage.world.close()
})

test('a plan may be made of the arguments; significant children end their supervisor', async (t) => {
  const stage = new Trees('plan')
  const pool = supervisor('pool', (size: number) => ({
    autoShutdown: 'all_significant',
    children: Array.from({ length: size }, (_, i) =>
      childOf(stage, `w${i}`, { restart: 'transient', significant: i > 0 }),
    ),
  }))
  const bad = supervisor('bad', () => ({ children: [{ id: '', kind: stage.worker }] }))
  const node = await stage.node('a', [pool, bad])
  t.equal(await stage.code(node.start(bad, { name: 'bad' })), 'ERR_START_FAILED')
  await stage.run(node.start(pool, { name: 'p', args: [3] }))
  const end = (id: string) => stage.run(node.ref(stage.worker, `p/${id}`).call.end('shutdown: done'))
  await end('w0')
  await end('w1')
  await stage.world.advance(100)
  t.equal(await stage.which(node, 'p'), 'w0: stopped, w1: stopped, w2: running')
  await end('w2')
  await stage.world.advance(100)
  t.same(node.list(), [])
  t.same(stage.news(), ['auto_shutdown p/w2'])
  await stage.world.close()
})
