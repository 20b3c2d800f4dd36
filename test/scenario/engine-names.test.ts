/** Names whose owner stands at an engine, in a simulated cluster: starts, leases that end, nodes that are cut off. */
import { test } from 'tap'
import { tcp } from '../../src/index.js'
import { EngineWorld, type Mutant, TTL_MS } from '../fixtures/engine-world.js'

const open = async (seed: string, ...names: string[]): Promise<EngineWorld> => {
  const world = new EngineWorld(seed)
  for (const name of names) await world.node(name)
  return world
}

test('G11 scenario 1: what one node starts every node finds, and calls', async (t) => {
  const world = await open('start', 'a', 'b', 'c')
  const ref = await world.run(world.at('a').node.start(world.counter, { name: 'x', args: [40] }))
  t.equal(await world.run(ref.call.add(1)), 41)
  t.equal(await world.run(world.ref('c', 'x').call.add(1)), 42)
  t.same(world.at('b').node.whereis('x')?.node, 'a')
  t.equal(await world.code(world.at('b').node.start(world.counter, { name: 'x' })), 'ERR_ALREADY_STARTED')
  await world.run(ref.stop())
  await world.advance(100)
  t.equal(world.at('b').node.whereis('x'), undefined)
  const again = await world.run(world.at('b').node.start(world.counter, { name: 'x' }))
  t.equal(await world.run(again.call.where()), 'b')
  await world.close()
  t.same(
    world.engine.keys.filter(({ key }) => !key.includes('/e/')),
    [],
    'nothing is left at the engine',
  )
  t.same(world.faults(), [])
})

test('scenario 8: of racers on every node one wins', async (t) => {
  const world = await open('race', 'a', 'b', 'c')
  const tries = ['a', 'b', 'c'].map((name) => world.at(name).node.start(world.counter, { name: 'x' }))
  const outcomes = await world.run(Promise.allSettled(tries))
  t.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 1)
  for (const one of outcomes) if (one.status === 'rejected') t.equal(one.reason.code, 'ERR_ALREADY_STARTED')
  await world.close()
})

test('G1: an owner that is cut off from the engine stands still in time, and goes on when it is back', async (t) => {
  const world = await open('cut', 'a', 'b')
  const ref = await world.run(world.at('a').node.start(world.counter, { name: 'x' }))
  await world.run(world.ref('b', 'x').call.add(1))
  const at = world.clock.now()
  world.at('a').way.set('silent')
  const fenced = world.at('a').node.once('fenced')
  await world.run(fenced)
  t.ok(world.clock.now() - at < TTL_MS * 0.86, `after ${world.clock.now() - at} ms`)
  t.equal(await world.code(world.ref('b', 'x').with({ timeoutMs: 200 }).call.add(1)), 'ERR_TIMEOUT')
  t.equal(world.notes.length, 1, 'no handler has run')
  world.at('a').way.set('up')
  await world.advance(1_000)
  t.equal(await world.run(ref.call.add(1)), 2, 'a call whose time was over is not run late')
  t.same(world.faults(), [])
  await world.close()
})

test('G1 G8: when the lease has ended the name may be taken, after its time; the old copy gives way', async (t) => {
  const world = await open('lost', 'a', 'b', 'c')
  const { node } = world.at('a')
  await world.run(node.start(world.counter, { name: 'x' }))
  await world.run(world.ref('b', 'x').call.add(5))
  world.at('a').way.set('down')
  const conflict = node.once('conflict')
  await world.advance(TTL_MS / 2)
  const early = world.at('b').node.start(world.counter, { name: 'x' })
  t.equal(await world.code(early), 'ERR_ALREADY_STARTED', 'its lease still lives')
  await world.advance(TTL_MS / 2)
  const start = world.at('b').node.start(world.counter, { name: 'x' })
  t.equal(await world.code(start), 'ERR_CLAIM_TIMEOUT', 'the last node may still run it')
  await world.advance(TTL_MS)
  const taken = await world.run(world.at('b').node.start(world.counter, { name: 'x' }))
  t.equal(await world.run(taken.call.add(1)), 1)
  world.at('a').way.set('up')
  t.match(await world.run(conflict), { name: 'x', keptNode: 'b' })
  await world.advance(1_000)
  t.equal(await world.run(world.ref('a', 'x').call.where()), 'b')
  t.same(world.faults(), [])
  await world.close()
})

test('G1: a name that nobody took is taken back, with its state, in a new epoch and a new line', async (t) => {
  const world = await open('back', 'a', 'b')
  const { node } = world.at('a')
  await world.run(node.start(world.counter, { name: 'x' }))
  await world.run(world.ref('b', 'x').call.add(5))
  const before = node.whereis('x')?.epoch ?? 0
  world.at('a').way.set('down')
  await world.advance(TTL_MS + 1_000)
  world.at('a').way.set('up')
  await world.advance(2_000)
  t.equal(await world.run(world.ref('b', 'x').call.add(1)), 6)
  t.ok((node.whereis('x')?.epoch ?? 0) > before)
  t.same(world.faults(), [])
  await world.close()
})

test('G1: a node that stood still runs nothing when its lease has ended meanwhile', async (t) => {
  const world = await open('still', 'a', 'b')
  await world.run(world.at('a').node.start(world.counter, { name: 'x' }))
  await world.run(world.ref('b', 'x').call.add(1))
  world.pause('a')
  const late = world.ref('b', 'x').cast.put(100)
  await world.advance(2 * TTL_MS + 1_000)
  const taken = await world.run(world.at('b').node.start(world.counter, { name: 'x' }))
  await world.run(taken.call.add(1))
  world.resume('a')
  await world.advance(5_000)
  await late.catch(() => undefined)
  t.same(world.faults(), [])
  t.notOk(
    world.notes.some(({ node, at }) => node === 'a' && at > TTL_MS),
    'a has run nothing since',
  )
  await world.close()
})

test('G1: a lease that the engine ends too early is noticed, and nobody takes the name meanwhile', async (t) => {
  const world = await open('early', 'a', 'b')
  await world.run(world.at('a').node.start(world.counter, { name: 'x' }))
  await world.run(world.ref('b', 'x').call.add(1))
  const [{ lease = '' } = {}] = world.engine.keys.filter(({ key }) => key.endsWith('n/x'))
  const fenced = world.at('a').node.once('fenced')
  world.engine.endLease(lease)
  await world.run(fenced)
  const start = world.at('b').node.start(world.counter, { name: 'x' })
  t.equal(await world.code(start), 'ERR_ALREADY_STARTED', 'it is back in time')
  await world.advance(100)
  t.equal(await world.run(world.ref('b', 'x').call.add(1)), 2)
  t.same(world.faults(), [])
  await world.close()
})

/** The lease of a ends too early while it is cut off: it goes on believing in it. @returns what is wrong then */
const endsEarly = async (mutant?: Mutant): Promise<string[]> => {
  const world = new EngineWorld('early and cut', {}, mutant)
  for (const name of ['a', 'b']) await world.node(name)
  await world.run(world.at('a').node.start(world.counter, { name: 'x' }))
  await world.run(world.ref('b', 'x').call.add(1))
  const [{ lease = '' } = {}] = world.engine.keys.filter(({ key }) => key.endsWith('n/x'))
  world.at('a').way.set('silent')
  world.engine.endLease(lease)
  for (let i = 0; i < 100; i += 1) {
    for (const name of ['a', 'b'])
      void world
        .ref(name, 'x')
        .call.add(1)
        .catch(() => undefined)
    void world
      .at('b')
      .node.start(world.counter, { name: 'x' })
      .catch(() => undefined)
    await world.advance(100)
  }
  world.at('a').way.set('up')
  await world.advance(5_000)
  await world.close()
  return world.faults()
}

test('G1: a lease that ends too early is waited for, for as long as its node may believe in it', async (t) => {
  t.same(await endsEarly(), [])
  t.not((await endsEarly('hasty')).length, 0, 'without the wait both run')
})

test('G1: a node that its members hold for dead begins a new life, and has its names again under it', async (t) => {
  const world = await open('reborn', 'a', 'b', 'c')
  for (const on of ['a', 'b']) await world.run(world.at(on).node.start(world.counter, { name: `of ${on}`, args: [5] }))
  const before = world.at('a').node.whereis('of a')?.epoch ?? 0
  const reborn = Promise.race(['a', 'b', 'c'].map((name) => world.at(name).node.once('reborn')))
  world.network.partition(['a'], ['b', 'c'])
  await world.advance(15_000)
  t.equal(await world.run(world.ref('a', 'of a').call.add(1)), 6, 'it has its lease: it serves on')
  t.equal(await world.code(world.at('b').node.start(world.counter, { name: 'of a' })), 'ERR_ALREADY_STARTED')
  world.network.heal()
  t.match(await world.run(reborn), { processes: 1 })
  await world.advance(3 * TTL_MS)
  for (const on of ['a', 'b', 'c']) {
    t.equal(await world.code(world.ref(on, 'of a').call.add(1)), 'ok', on)
    t.equal(await world.code(world.ref(on, 'of b').call.add(1)), 'ok', on)
  }
  t.equal(await world.run(world.ref('c', 'of a').call.add(0)), 9, 'its state is kept')
  t.ok((world.at('c').node.whereis('of a')?.epoch ?? 0) > before)
  t.match(await world.run(world.ref('b', 'of a').sendMe('c')), { moved: true })
  t.same(world.faults(), [])
  await world.close()
})

test('G11: a node whose watch was forgotten reads everything anew', async (t) => {
  const world = await open('compact', 'a', 'b')
  await world.run(world.at('a').node.start(world.counter, { name: 'x' }))
  await world.run(world.at('a').node.start(world.counter, { name: 'y' }))
  await world.advance(100)
  world.at('b').way.set('down')
  await world.run(world.ref('a', 'x').stop())
  await world.run(world.at('a').node.start(world.counter, { name: 'z' }))
  await world.advance(100)
  world.engine.compact()
  world.at('b').way.set('up')
  await world.advance(2_000)
  t.same(
    world
      .at('b')
      .node.list()
      .map(({ name }) => name),
    ['y', 'z'],
  )
  await world.close()
})

test('G2: an engine that was set up anew: every name is claimed again, in a higher epoch', async (t) => {
  const world = await open('wiped', 'a', 'b')
  for (let i = 0; i < 30; i += 1) await world.run(world.at('a').node.start(world.counter, { name: `x${i}`, args: [i] }))
  await world.advance(100)
  const before = world.at('b').node.whereis('x7')?.epoch ?? 0
  world.engine.wipe()
  t.equal(await world.code(world.at('b').node.start(world.counter, { name: 'x7' })), 'ERR_ALREADY_STARTED')
  await world.advance(2 * TTL_MS)
  t.equal(await world.run(world.ref('b', 'x7').call.add(1)), 8)
  t.ok((world.at('b').node.whereis('x7')?.epoch ?? 0) > before)
  t.equal(world.at('b').node.list().length, 30)
  t.equal(await world.code(world.at('b').node.start(world.counter, { name: 'y' })), 'ok')
  await world.advance(100)
  t.equal(await world.run(world.ref('a', 'y').call.where()), 'b')
  t.same(world.faults(), [])
  await world.close()
})

test('G4: what comes for a node without a lease is not taken: its sender keeps it', async (t) => {
  const world = await open('kept', 'a', 'b', 'c')
  await world.run(world.at('a').node.start(world.counter, { name: 'x' }))
  world.at('a').way.set('down')
  await world.run(world.at('a').node.once('fenced'))
  const put = world.ref('c', 'x').cast.put(5)
  await world.advance(3 * TTL_MS)
  const taken = await world.run(world.at('b').node.start(world.counter, { name: 'x' }))
  t.equal(await world.run(taken.call.add(1)), 1, 'a new life has not had it')
  t.equal(await world.code(put), 'ok')
  t.same(
    world.notes.filter(({ node }) => node === 'a'),
    [],
  )
  world.at('a').way.set('up')
  await world.advance(1_000)
  await world.close()
})

test('G5: a claim whose answer is lost is made once, or given back', async (t) => {
  const world = await open('deaf', 'a', 'b')
  world.at('a').way.set('deaf')
  const start = world.at('a').node.start(world.counter, { name: 'x' })
  world.clock.after(1_200, () => world.at('a').way.set('up'))
  await world.run(start)
  t.equal(await world.run(world.ref('b', 'x').call.add(1)), 1)
  world.at('a').way.set('deaf')
  t.equal(await world.code(world.at('a').node.start(world.counter, { name: 'y' })), 'ERR_CLAIM_TIMEOUT')
  world.at('a').way.set('up')
  await world.advance(2_000)
  const other = await world.run(world.at('b').node.start(world.counter, { name: 'y' }))
  t.equal(await world.run(other.call.where()), 'b')
  await world.close()
})

test('G6: nothing moves to another cluster, nor comes from there, when the directory is on an engine', async (t) => {
  const world = await open('outside', 'a')
  await world.run(world.boot('z', 'up', 'other'))
  const ref = await world.run(world.at('a').node.start(world.counter, { name: 'x' }))
  t.equal(await world.code(ref.sendMe(tcp('z', 1805))), 'ERR_REFUSED')
  t.equal(await world.run(ref.call.add(1)), 1)
  await world.close()
})

test('a member with another directory is reported', async (t) => {
  const world = await open('mixed', 'a')
  const violation = world.at('a').node.once('violation')
  const boot = world.boot('b', 'up', 'main', false)
  t.match((await world.run(violation)).what, /its directory is not on this engine/)
  const { node } = await world.run(boot)
  t.equal(await world.code(node.start(world.counter, { name: 'x' })), 'ERR_CLAIM_TIMEOUT', 'it starts nothing')
  await world.close()
})

test('an engine that cannot be reached at the start is an error that says so', async (t) => {
  const world = new EngineWorld('away')
  await world.node('a')
  t.equal(await world.code(world.boot('b', 'down')), 'ERR_ENGINE')
  t.equal(await world.code(world.at('a').node.start(world.counter, { name: 'x' })), 'ok')
  await world.close()
})
