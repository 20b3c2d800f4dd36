/**
 * What members say to each other, on the simulated network: exact, and without the headers of TCP. Heartbeats,
 * registrations, moves, children, a join, against the number of nodes.
 */
import { genServer, gossip, type PartitionPolicy, pubsub, type Sync } from '../../../src/index.js'
import { type SimulatedWorld, simulate } from '../../../src/testing.js'
import type { Curve } from '../curve.js'
import { Meter } from './meter.js'

const COUNT = 1_000
const IDLE_MS = 60_000

const idler = genServer('bench-idler', { init: () => ({ count: 0 }) })

interface Options {
  readonly partition?: PartitionPolicy
  readonly sync?: Sync
}

class Cluster {
  readonly world: SimulatedWorld
  readonly meter: Meter
  readonly #nodes: number
  /** Bytes that all send in a ms without work. */
  #beats = 0

  constructor(world: SimulatedWorld, meter: Meter, nodes: number) {
    this.world = world
    this.meter = meter
    this.#nodes = nodes
  }

  static async open(count: number, { partition = 'diverge', sync = pubsub() }: Options = {}): Promise<Cluster> {
    const world: SimulatedWorld = simulate({ seed: `traffic ${count}` })
    const names = Array.from({ length: count }, (_, index) => `n${index}`)
    const meter = new Meter(world, [...names, 'more'])
    for (const name of names) await world.node(name, { kinds: [idler], partition, hub: { sync } })
    await world.advance(10_000)
    return new Cluster(world, meter, count)
  }

  /** A node in a second. */
  async idle(): Promise<{ bytes: number; messages: number }> {
    this.meter.reset()
    await this.world.advance(IDLE_MS)
    const { bytes, messages } = this.meter.read()
    this.#beats = bytes / IDLE_MS
    const share = this.#nodes * (IDLE_MS / 1_000)
    return { bytes: bytes / share, messages: messages / share }
  }

  /** Bytes that all send because of it. @param act  lets the time pass that it takes */
  async costOf(act: () => Promise<unknown>): Promise<number> {
    const began = this.world.clock.now()
    this.meter.reset()
    await act()
    await this.world.advance(1_000)
    return this.meter.read().bytes - this.#beats * (this.world.clock.now() - began)
  }

  /** The same of many at once, for each. */
  async costOfAll(each: (index: number) => Promise<unknown>): Promise<number> {
    const all = (): Promise<unknown> => Promise.all(Array.from({ length: COUNT }, (_, index) => each(index)))
    return (await this.costOf(() => this.world.run(all()))) / COUNT
  }

  startAll(): Promise<number> {
    return this.costOfAll((i) => this.world.at('n0').start(idler, { name: `name:${i}` }))
  }
}

const childrenOf = async (count: number, sync: Sync): Promise<number> => {
  const cluster = await Cluster.open(count, { sync })
  await cluster.idle()
  const { world } = cluster
  const specs = Array.from({ length: COUNT }, (_, i) => ({ kind: idler, name: `child:${i}` }))
  const cost = await cluster.costOf(() => world.run(world.at('n0').hub.start(specs)))
  await cluster.world.close()
  return cost / COUNT
}

export const traffic: Curve = {
  title: 'Traffic',
  x: 'nodes of a cluster',
  points: [2, 3, 5, 10, 15, 20],
  far: [],
  series: {
    idle: { title: 'a node without work sends, in one second', unit: 'B' },
    beats: { title: 'in so many', unit: 'messages' },
    quorum: { title: 'the same under a majority quorum', unit: 'B' },
    start: { title: 'all send for the start of one process', unit: 'B' },
    move: { title: 'for one move', unit: 'B' },
    child: { title: 'for the start of one child, `pubsub`', unit: 'B' },
    gossiped: { title: 'the same, `gossip`', unit: 'B' },
    join: { title: 'all send for one more node, with 1,000 names there', unit: 'B' },
  },
  measure: async (x) => {
    const plain = await Cluster.open(x)
    const { bytes: idle, messages: beats } = await plain.idle()
    const start = await plain.startAll()
    const join = await plain.costOf(() => plain.world.node('more', { kinds: [idler] }))
    await plain.world.close()
    const moving = await Cluster.open(x)
    await moving.idle()
    await moving.startAll()
    const move = await moving.costOfAll((i) => moving.world.at('n0').ref(idler, `name:${i}`).sendMe('n1'))
    await moving.world.close()
    const voting = await Cluster.open(x, { partition: { quorum: 'majority', size: x } })
    const { bytes: quorum } = await voting.idle()
    await voting.world.close()
    const child = await childrenOf(x, pubsub())
    const gossiped = await childrenOf(x, gossip())
    return { idle, beats, quorum, start, move, child, gossiped, join }
  },
}
