/**
 * What it costs to tell all members of a change of a child: 1,000 changes in one second, of children with one home,
 * with `pubsub` and with `gossip`. On the simulated network: exact, and without the headers of TCP.
 */
import { genServer, gossip, pubsub, type Sync } from '../../../src/index.js'
import { homeOf, ringOf } from '../../../src/registry/rendezvous.js'
import { simulate } from '../../../src/testing.js'
import type { Curve } from '../curve.js'
import { Meter } from './meter.js'

const COUNT = 1_000
const HOME = 'n1'
/** Told, asked for, answered. */
const names = ['CHILDREN', 'CHILD_START', 'CHILD_DONE'] as const

const idler = genServer('bench-idler', { init: () => ({ count: 0 }) })

const measured = async (count: number, sync: Sync) => {
  const nodes = Array.from({ length: count }, (_, index) => `n${index}`)
  const world = simulate({ seed: `told ${count}` })
  const meter = new Meter(world, nodes)
  for (const name of nodes) await world.node(name, { kinds: [idler], hub: { sync } })
  await world.advance(10_000)
  const ring = ringOf(nodes)
  const children: string[] = []
  for (let i = 0; children.length < 100; i += 1) if (homeOf(`child:${i}`, ring) === HOME) children.push(`child:${i}`)
  const { hub } = world.at('n0')
  await world.run(hub.start(children.map((name) => ({ kind: idler, name }))))
  await world.advance(10_000)
  meter.reset()
  const asked: Promise<unknown>[] = []
  for (let i = 0; i < COUNT; i += 1) {
    asked.push(hub.update(children[i % children.length] as string, { tags: [`tag:${i}`] }))
    await world.advance(1)
  }
  await world.run(Promise.all(asked))
  // What is under way arrives.
  await world.advance(500)
  const [home, all] = [meter.read({ of: HOME, names }), meter.read({ names })]
  await world.close()
  const [messages, bytes] = [home.messages / COUNT, home.bytes / COUNT]
  return { messages, bytes, allMessages: all.messages / COUNT, allBytes: all.bytes / COUNT }
}

const titles = (of: string) => ({
  [`${of}Messages`]: { title: `\`${of}\`: its home sends for one`, unit: 'messages' },
  [`${of}Bytes`]: { title: 'its home', unit: 'B' },
  [`${of}AllMessages`]: { title: 'all', unit: 'messages' },
  [`${of}AllBytes`]: { title: 'all', unit: 'B' },
})

const values = (of: string, { messages, bytes, allMessages, allBytes }: Awaited<ReturnType<typeof measured>>) => ({
  [`${of}Messages`]: messages,
  [`${of}Bytes`]: bytes,
  [`${of}AllMessages`]: allMessages,
  [`${of}AllBytes`]: allBytes,
})

export const told: Curve = {
  title: 'Changes of children, told',
  x: 'nodes, 1,000 changes in a second',
  points: [3, 10, 20, 50],
  far: [],
  series: { ...titles('pubsub'), ...titles('gossip') },
  measure: async (x) => ({
    ...values('pubsub', await measured(x, pubsub())),
    ...values('gossip', await measured(x, gossip())),
  }),
}
