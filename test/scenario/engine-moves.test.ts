/** Moves that are recorded at an engine, in a simulated cluster: each role cut off, stopped or killed at each step. */
import { test } from 'tap'
import { EngineWorld, TTL_MS } from '../fixtures/engine-world.js'

const open = async (seed: string, ...names: string[]): Promise<EngineWorld> => {
  const world = new EngineWorld(seed)
  for (const name of names) await world.node(name)
  await world.run(world.at('a').node.start(world.counter, { name: 'x' }))
  await world.run(world.ref('b', 'x').call.add(1))
  return world
}

/** Only what has to do with names: no ends, no lives of nodes. */
const records = (world: EngineWorld): string[] =>
  world.engine.keys.map(({ key }) => key.slice('/proc-mobility/main/'.length)).filter((key) => /^[nm]/.test(key))

const owner = (world: EngineWorld): string => {
  const [key] = world.engine.keys.filter((one) => one.key.endsWith('n/x'))
  return (JSON.parse(key?.value ?? '{}') as { node?: string }).node ?? ''
}

/** Ends a node as soon as something is so. */
const killWhen = (world: EngineWorld, name: string, isSo: () => boolean): void => {
  if (isSo()) world.kill(name)
  else world.clock.after(0.25, () => killWhen(world, name, isSo))
}

test('G1 G2 scenario 21: a process moves, is recorded, and goes on at the revision of its record', async (t) => {
  const world = await open('move', 'a', 'b', 'c')
  const before = world.at('c').node.whereis('x')?.epoch ?? 0
  const moved = await world.run(world.ref('c', 'x').sendMe('b'))
  t.match(moved, { moved: true })
  const [key] = world.engine.keys.filter((one) => one.key.endsWith('n/x'))
  t.equal(moved.epoch, key?.modRevision)
  t.ok(moved.epoch > before)
  t.equal(await world.run(world.ref('a', 'x').call.add(1)), 2)
  await world.advance(500)
  t.equal(world.at('a').node.whereis('x')?.node, 'b')
  t.same(records(world), ['n/x'], 'nothing is left of the move')
  for (const to of ['c', 'a', 'b', 'c']) t.match(await world.run(world.ref('b', 'x').call.go(to)), { moved: true })
  t.equal(await world.run(world.ref('a', 'x').call.add(1)), 3)
  await world.close()
  t.same(world.faults(), [])
})

test('G3: nothing is lost or doubled of what is sent during fifty moves', async (t) => {
  const world = await open('load', 'a', 'b', 'c')
  const sent: Promise<unknown>[] = []
  const put = (from: string): void => {
    sent.push(world.ref(from, 'x').cast.put(1))
    if (sent.length < 600) world.clock.after(3, () => put(from))
  }
  for (const from of ['a', 'b', 'c']) put(from)
  for (let i = 0; i < 50; i += 1) await world.code(world.ref('a', 'x').sendMe(['b', 'c', 'a'][i % 3] ?? 'a'))
  await world.advance(2_000)
  await world.run(Promise.all(sent))
  t.equal(await world.run(world.ref('a', 'x').call.add(0)), 1 + sent.length)
  t.same(world.faults(), [])
  await world.close()
})

test('G6: a destination without a lease is refused, and the process runs on', async (t) => {
  const world = await open('no lease', 'a', 'b')
  world.at('b').way.set('down')
  await world.advance(TTL_MS + 500)
  t.equal(await world.code(world.ref('a', 'x').sendMe('b')), 'ERR_REFUSED')
  t.equal(await world.run(world.ref('a', 'x').call.add(1)), 2)
  t.equal(owner(world), 'a')
  await world.close()
})

test('G10: while the engine does not answer S its move is in doubt, and ends when it does', async (t) => {
  const world = await open('silent', 'a', 'b', 'c')
  world.at('a').node.on('move', ({ phase }) => {
    if (phase === 'prepared') world.at('a').way.set('down')
  })
  t.equal(await world.code(world.ref('a', 'x').with({ timeoutMs: 20_000 }).sendMe('b')), 'ERR_IN_DOUBT')
  t.same(world.at('a').node.parked(), [
    { name: 'x', role: 'source', reason: 'the engine of the directory does not answer' },
  ])
  world.at('a').way.set('up')
  await world.advance(3_000)
  t.equal(await world.run(world.ref('c', 'x').call.add(1)), 2)
  t.equal(owner(world), 'b')
  t.same(world.at('a').node.parked(), [])
  t.same(world.faults(), [])
  await world.close()
})

test('G1 scenario 27: S dies after the record, before COMMIT: D reads the record, and runs it', async (t) => {
  const world = await open('s dies', 'a', 'b', 'c')
  killWhen(world, 'a', () => owner(world) === 'b')
  void world
    .ref('c', 'x')
    .sendMe('b')
    .catch(() => undefined)
  await world.advance(2_000)
  t.equal(await world.run(world.ref('c', 'x').call.add(1)), 2)
  t.equal(world.at('c').node.whereis('x')?.node, 'b')
  await world.advance(12_000)
  t.same(records(world), ['n/x'])
  t.same(world.faults(), [])
})

test('scenario 27: S dies with the copy standing: D takes it over when the lease of S has ended', async (t) => {
  const world = await open('s dies early', 'a', 'b', 'c')
  killWhen(world, 'a', () => records(world).includes('m/x'))
  void world
    .ref('c', 'x')
    .sendMe('b')
    .catch(() => undefined)
  await world.advance(3_000)
  t.same(records(world), ['n/x', 'm/x'], 'it is in the middle of a move')
  await world.advance(2 * TTL_MS)
  t.equal(await world.run(world.ref('c', 'x').call.add(1)), 2, 'nothing is lost')
  t.equal(owner(world), 'b')
  t.same(records(world), ['n/x'])
  t.same(world.faults(), [])
})

test('scenario 26: D dies after the record: S has its copy back when the lease of D has ended', async (t) => {
  const world = await open('d dies', 'a', 'b', 'c')
  killWhen(world, 'b', () => owner(world) === 'b')
  const rollback = world.at('a').node.once('rollback')
  void world
    .ref('c', 'x')
    .sendMe('b')
    .catch(() => undefined)
  await world.advance(500)
  t.equal(owner(world), 'b', 'its lease lives')
  t.equal(await world.code(world.at('c').node.start(world.counter, { name: 'x' })), 'ERR_ALREADY_STARTED')
  await world.run(rollback)
  t.equal(await world.run(world.ref('c', 'x').call.add(1)), 2)
  t.equal(owner(world), 'a')
  t.same(records(world), ['n/x'])
  t.same(world.faults(), [])
})

test('G1: D is cut off from the engine in the middle of a move: it runs nothing that is not its own', async (t) => {
  for (const at of ['prepared', 'activate'] as const) {
    const world = await open(`d cut ${at}`, 'a', 'b', 'c')
    world.at('b').node.on('move', ({ phase }) => {
      if (phase === at) world.at('b').way.set('silent')
    })
    void world
      .ref('c', 'x')
      .sendMe('b')
      .catch(() => undefined)
    for (let i = 0; i < 40; i += 1) {
      void world
        .ref('c', 'x')
        .call.add(1)
        .catch(() => undefined)
      await world.advance(500)
    }
    world.at('b').way.set('up')
    await world.advance(3 * TTL_MS)
    t.match(await world.code(world.ref('c', 'x').call.add(1)), 'ok', at)
    t.same(world.faults(), [], at)
    t.same(records(world), ['n/x'], at)
    await world.close()
  }
})

test('G6: D gives it back after the record: S goes on with the same state', async (t) => {
  const world = await open('given back', 'a', 'b', 'c')
  world.at('b').node.on('move', ({ phase }) => {
    if (phase === 'prepared') void world.at('b').node.stop()
  })
  t.equal(await world.code(world.ref('c', 'x').sendMe('b')), 'ERR_REFUSED')
  await world.advance(500)
  t.equal(await world.run(world.ref('c', 'x').call.add(1)), 2)
  t.equal(owner(world), 'a')
  t.same(world.faults(), [])
})
