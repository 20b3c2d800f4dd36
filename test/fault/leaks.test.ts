/**
 * What is left behind after a thousand moves, two thousand processes and two hundred cuts of a link: nothing that
 * grows. Tables, sockets, timers and the heap, before and after, as a small table.
 */
import t, { type Test } from 'tap'
import { realClock } from '../../src/base/clock.js'
import { silentLogger } from '../../src/base/ports.js'
import { realRandom } from '../../src/base/random.js'
import { type MobilityNode, startNode } from '../../src/node/node.js'
import { genServer } from '../../src/process/gen-server.js'
import { simulate } from '../../src/testing.js'
import { tcpTransport } from '../../src/transport/tcp.js'
import type { Socket } from '../../src/transport/transport.js'
import { collect } from '../fixtures/collect.js'
import { knows, noneUnhandled, SECRET } from '../fixtures/hostile-lab.js'
import { turns } from '../fixtures/process-lab.js'

const MiB = 1024 * 1024
const tally = genServer('tally', {
  init: () => ({ count: 0, filler: 'f'.repeat(2_000) }),
  calls: { add: (self) => (self.state.count += 1) },
  casts: {
    bump: (self) => {
      self.state.count += 1
    },
  },
})

interface Figures {
  readonly heapMiB: number
  readonly resources: Readonly<Record<string, number>>
  readonly stats: Readonly<Record<string, number>>
}

/** Channels and ended lives are forgotten by time, so they are counted apart. */
const BY_TIME = ['channels', 'inbox', 'entries', 'ended', 'holders', 'burned']

const measure = async (nodes: readonly MobilityNode[]): Promise<Figures> => {
  await turns(50)
  await collect()
  const resources: Record<string, number> = {}
  for (const type of process.getActiveResourcesInfo()) resources[type] = (resources[type] ?? 0) + 1
  const stats = Object.fromEntries(
    nodes.flatMap((node) => Object.entries(node.stats()).map(([key, value]) => [`${node.name} ${key}`, value])),
  )
  return { heapMiB: process.memoryUsage().heapUsed / MiB, resources, stats }
}

const channelsOf = ({ stats }: Figures): number =>
  Object.entries(stats).reduce((sum, [key, count]) => sum + (key.endsWith(' channels') ? count : 0), 0)

const compare = (t: Test, what: string, before: Figures, after: Figures, heapMiB: number): void => {
  t.comment(`${what}: heap ${before.heapMiB.toFixed(1)} -> ${after.heapMiB.toFixed(1)} MiB`)
  for (const type of new Set([...Object.keys(before.resources), ...Object.keys(after.resources)])) {
    const [was, is] = [before.resources[type] ?? 0, after.resources[type] ?? 0]
    t.comment(`  ${type.padEnd(24)} ${was} -> ${is}`)
    // Each channel may have one timer that finds nothing to send again; two more for what a node does once a second.
    const more = type === 'Timeout' ? 2 + channelsOf(after) : 1
    // Immediates come and go with the turn in which one looks.
    if (type !== 'Immediate') t.ok(is <= was + more, `${type}: no more than before`, { was, is, more })
  }
  for (const [key, is] of Object.entries(after.stats)) {
    const was = before.stats[key] ?? 0
    if (was !== is) t.comment(`  ${key.padEnd(24)} ${was} -> ${is}`)
    if (!BY_TIME.some((table) => key.endsWith(` ${table}`))) t.equal(is, was, `${key} is as before`)
    else t.ok(is <= was + 1, `${key} does not grow`, { was, is })
  }
  t.ok(after.heapMiB - before.heapMiB < heapMiB, `the heap grew by less than ${heapMiB} MiB`)
}

/** Nodes on real TCP whose sockets can be cut. */
const cluster = async (t: Test, names: readonly string[]) => {
  noneUnhandled(t)
  const sockets = new Set<Socket>()
  const nodes: MobilityNode[] = []
  for (const name of names) {
    const clock = realClock()
    const tcp = tcpTransport(clock)
    const keep = (socket: Socket): Socket => {
      sockets.add(socket)
      return socket
    }
    const transport = {
      listen: (...[address, accept]: Parameters<typeof tcp.listen>) =>
        tcp.listen(address, (socket) => accept(keep(socket))),
      dial: async (...args: Parameters<typeof tcp.dial>) => keep(await tcp.dial(...args)),
    }
    const limits = { redialMs: 1, redialMsMax: 5 }
    const options = { name, port: 0, cluster: 'c', secret: SECRET, kinds: [tally], logger: silentLogger, limits }
    const join = nodes.map((node) => node.address)
    const node = await startNode({ ...options, join }, { clock, random: realRandom(), transport })
    t.teardown(() => node.stop())
    nodes.push(node)
  }
  const cut = (): void => {
    for (const socket of sockets) socket.destroy()
    sockets.clear()
  }
  return { nodes, cut }
}

t.test('1,000 moves back and forth, with calls and casts going on', async (t) => {
  const { nodes } = await cluster(t, ['a', 'b'])
  const [a, b] = nodes as [MobilityNode, MobilityNode]
  const ref = await a.start(tally, { name: 'x' })
  await knows(b, 'x')
  const callers = nodes.map((node) => node.ref(tally, 'x'))
  let [on, expected] = [true, 0]
  const shuttle = async (moves: number): Promise<void> => {
    on = true
    const calling = callers.map(async (caller) => {
      while (on) {
        await caller.cast.bump()
        await caller.call.add()
        expected += 2
        await turns(1)
      }
    })
    for (let i = 0; i < moves; i += 1) t.equal((await ref.sendMe(i % 2 === 0 ? 'b' : 'a')).moved || undefined, true)
    on = false
    await Promise.all(calling)
  }
  await shuttle(100)
  const before = await measure(nodes)
  const began = performance.now()
  await shuttle(1_000)
  const ms = performance.now() - began
  compare(t, `1,000 moves in ${Math.round(ms)} ms, ${expected} messages`, before, await measure(nodes), 4)
  t.equal(await ref.call.add(), expected + 1, 'each message was run once (G3)')
  await ref.stop()
})

t.test('2,000 processes started and stopped', async (t) => {
  const { nodes } = await cluster(t, ['a', 'b'])
  const [a, b] = nodes as [MobilityNode, MobilityNode]
  const live = async (i: number): Promise<void> => {
    const at = i % 2 === 0 ? a : b
    const ref = await at.start(tally, { name: `p${i % 40}` })
    await ref.call.add()
    await ref.stop()
  }
  for (let i = 0; i < 200; i += 1) await live(i)
  const before = await measure(nodes)
  for (let i = 0; i < 2_000; i += 1) await live(i)
  compare(t, '2,000 starts and stops of 40 names', before, await measure(nodes), 4)
})

t.test('2,000 names that were used once are forgotten with time', async (t) => {
  const world = simulate({ seed: 'leaks' })
  t.teardown(() => world.close())
  const a = await world.node('a', { kinds: [tally] })
  const b = await world.node('b', { kinds: [tally] })
  await world.advance(3_000)
  const sizes = () => ({ a: a.stats(), b: b.stats() })
  const before = sizes()
  for (let i = 0; i < 2_000; i += 1) {
    const ref = await world.run((i % 2 === 0 ? a : b).start(tally, { name: `once ${i}` }))
    await world.run(ref.call.add())
    await world.run(ref.stop())
  }
  t.ok(a.stats().ended! > 1_900, 'they are remembered for a while')
  await world.advance(11 * 60_000)
  t.same(sizes(), before, 'all tables are as before')
})

t.test('200 cuts of the link between two members', async (t) => {
  const { nodes, cut } = await cluster(t, ['a', 'b'])
  const [a, b] = nodes as [MobilityNode, MobilityNode]
  const ref = await a.start(tally, { name: 'x' })
  await knows(b, 'x')
  const far = b.ref(tally, 'x')
  let expected = 0
  const flap = async (times: number): Promise<void> => {
    for (let i = 0; i < times; i += 1) {
      const up = nodes.map((node) => node.once('linkup'))
      const calling = far.call.add()
      cut()
      await Promise.all(up)
      await calling
      expected += 1
    }
  }
  await flap(20)
  const before = await measure(nodes)
  await flap(200)
  compare(t, '200 cuts', before, await measure(nodes), 4)
  t.equal(await far.call.add(), expected + 1, 'each call was run once (G3)')
  await ref.stop()
})
