/** The fault proxy itself: what it says it does to real connections, it does. Two nodes of this program, real TCP. */
import { type Test, test } from 'tap'
import { createNode, genServer, type MobilityNode, tcp } from '../../src/index.js'
import { FaultProxy, freePort } from '../fixtures/fault-proxy.js'

const quiet = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }
const limits = { heartbeatMs: 200, suspectMs: 600, downMs: 2_000, refusedMs: 400, redialMs: 20, redialMsMax: 200 }

const counter = genServer('counter', {
  init: (bytes: number) => ({ count: 0, filler: Buffer.alloc(bytes) }),
  calls: { add: (self, by: number) => (self.state.count += by) },
  casts: {
    put: (self) => {
      self.state.count += 1
    },
  },
})

interface Pair {
  readonly proxy: FaultProxy
  readonly a: MobilityNode
  readonly b: MobilityNode
}

const openNode = async (t: Test, proxy: FaultProxy, name: string, join: string[] = []): Promise<MobilityNode> => {
  const port = await freePort()
  const advertise = await proxy.door(name)
  const node = await createNode({ name, port, advertise, join, kinds: [counter], limits, logger: quiet })
  await proxy.serve(name, port)
  t.teardown(() => node.stop())
  return node
}

/** x lives on b, and a calls it. */
const pair = async (t: Test): Promise<Pair> => {
  const proxy = new FaultProxy()
  t.teardown(() => proxy.close())
  const a = await openNode(t, proxy, 'a')
  const b = await openNode(t, proxy, 'b', [a.address])
  while (a.nodes().length === 0) await a.once('nodeup')
  const known = a.once('registered', ({ name }) => name === 'x')
  await b.start(counter, { name: 'x', args: [300_000] })
  await known
  return { proxy, a, b }
}

test('the fault proxy between two nodes', async (t) => {
  await t.test('everything passes, and is seen with its names', passes)
  await t.test('the n-th frame of a kind is held, and goes on, twice or not at all', holds)
  for (const how of ['rst', 'fin'] as const)
    for (const where of ['before', 'inside', 'after'] as const)
      await t.test(`a connection is cut (${how}) ${where} a frame`, (t) => cuts(t, how, where))
  await t.test('one way is blocked, and what waited arrives', blocks)
  await t.test('a half-open connection swallows everything, its end too', swallows)
  await t.test('a slow and a late line', throttles)
  await t.test('the stale bytes of an old connection arrive beside the new one', strands)
  await t.test('a door whose node is gone refuses', refuses)
})

async function passes(t: Test): Promise<void> {
  const { proxy, a } = await pair(t)
  const x = a.ref(counter, 'x')
  t.equal(await x.call.add(1), 1)
  t.equal(proxy.arrived('DELIVER', 'a', 'b').length, 1)
  t.equal(proxy.arrived('REPLY', 'b', 'a').length, 1)
  t.match(await x.sendMe('a'), { moved: true })
  for (const frame of ['PREPARE', 'CHUNK', 'CHUNK_END', 'COMMIT'] as const)
    t.ok(proxy.arrived(frame, 'b', 'a').length > 0, frame)
  t.equal(await x.call.add(1), 2, 'the state is what it was')
}

async function holds(t: Test): Promise<void> {
  const { proxy, a, b } = await pair(t)
  const x = a.ref(counter, 'x')
  const third = proxy.arm({ frame: 'DELIVER', from: 'a', to: 'b', nth: 3 })
  t.equal(await x.call.add(1), 1)
  t.equal(await x.call.add(1), 2)
  const held = x.call.add(1)
  const caught = await third
  t.match(caught.message, { type: 'DELIVER', seq: 3 })
  t.equal(await b.ref(counter, 'x').call.add(0), 2, 'it is not there')
  caught.twice()
  t.equal(await held, 3, 'and once, though it came twice')
  t.equal(await x.call.add(0), 3)
  const lost = proxy.arm({ frame: 'DELIVER', from: 'a', to: 'b' })
  const again = proxy.arm({ frame: 'DELIVER', from: 'a', to: 'b', nth: 2 })
  const call = x.call.add(1)
  ;(await lost).drop()
  ;(await again).forward()
  t.equal(await call, 4, 'sent again')
  t.equal(proxy.seen.filter(({ message, arrived }) => message.type === 'DELIVER' && !arrived).length, 1)
}

async function cuts(t: Test, how: 'rst' | 'fin', where: 'before' | 'inside' | 'after'): Promise<void> {
  const { proxy, a, b } = await pair(t)
  const point = proxy.arm({ frame: 'DELIVER', from: 'a', to: 'b' })
  const down = [a.once('linkdown'), b.once('linkdown')]
  const up = [a.once('linkup'), b.once('linkup')]
  const call = a.ref(counter, 'x').call.add(1)
  const caught = await point
  const before = proxy.arrived('DELIVER', 'a', 'b').length
  caught.cut(how, where)
  await Promise.all(down)
  t.equal(proxy.arrived('DELIVER', 'a', 'b').length - before, where === 'after' ? 1 : 0)
  await Promise.all(up)
  t.equal(await call, 1, 'over the next connection, and once')
}

async function blocks(t: Test): Promise<void> {
  const { proxy, a, b } = await pair(t)
  proxy.set('a', 'b', { stalled: true })
  const suspected = b.once('suspected', ({ suspect }) => suspect)
  const call = a.ref(counter, 'x').call.add(1)
  await suspected
  t.equal(proxy.arrived('DELIVER', 'a', 'b').length, 0)
  t.ok(proxy.arrived('HEARTBEAT', 'b', 'a').length > 0, 'the other way is open')
  proxy.heal()
  t.equal(await call, 1)
}

async function swallows(t: Test): Promise<void> {
  const { proxy, a, b } = await pair(t)
  for (const [from, to] of ['ab', 'ba'] as const) proxy.set(from!, to!, { swallowed: true })
  const down = [a.once('linkdown'), b.once('linkdown')]
  const [connection] = proxy.between('a', 'b')
  // Too late for this cluster: each declares the other dead.
  const lost = t.rejects(a.ref(counter, 'x').with({ timeoutMs: 15_000 }).call.add(1))
  for (const event of await Promise.all(down)) t.match(event, { code: 'ERR_LINK_LOST', reason: /silent|no sign/ })
  t.teardown(() => connection?.cut('rst'))
  t.equal(proxy.arrived('DELIVER', 'a', 'b').length, 0)
  await lost
}

async function throttles(t: Test): Promise<void> {
  const { proxy, a } = await pair(t)
  const x = a.ref(counter, 'x')
  proxy.set('b', 'a', { bytesPerSecond: 600_000 })
  let begun = performance.now()
  t.match(await x.sendMe('a'), { moved: true })
  const slowMs = performance.now() - begun
  t.ok(slowMs >= 400, `300 KB at 600 KB/s took ${Math.round(slowMs)} ms`)
  proxy.heal()
  proxy.set('a', 'b', { delayMs: 300 })
  begun = performance.now()
  t.match(await x.sendMe('b'), { moved: true })
  t.ok(performance.now() - begun >= 300, 'late')
}

async function strands(t: Test): Promise<void> {
  const { proxy, a, b } = await pair(t)
  const x = a.ref(counter, 'x')
  proxy.set('a', 'b', { stalled: true })
  void x.cast.put()
  const call = x.call.add(1)
  const [old] = proxy.between('a', 'b')
  const up = a.once('linkup')
  old?.strand('a')
  proxy.heal()
  await up
  t.equal(await call, 2, 'over the new connection')
  t.equal(proxy.between('a', 'b').length, 2, 'the old one is half-open')
  old?.release()
  t.equal(await x.call.add(1), 3, 'what came late was not run again')
  t.equal(await b.ref(counter, 'x').call.add(0), 3)
}

async function refuses(t: Test): Promise<void> {
  const { proxy, a, b } = await pair(t)
  const gone = a.once('nodedown')
  proxy.cut('a', 'b')
  await b.stop()
  t.match(await gone, { reason: /^(left|refused)$/ })
  await a.start(counter, { name: 'y', args: [0] })
  const [host = '', port = ''] = b.address.split(':')
  await t.rejects(a.ref(counter, 'y').sendMe(tcp(host, Number(port))), { code: 'ERR_UNREACHABLE' })
  await t.rejects(a.ref(counter, 'y').sendMe(tcp(host, Number(port))), { code: 'ERR_UNREACHABLE', message: /refuse/i })
}
