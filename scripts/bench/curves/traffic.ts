/**
 * What members say to each other, in bytes: on the simulated network, so exact, and without the headers of TCP.
 * Heartbeats and registrations, against the number of nodes.
 */
import { genServer, type PartitionPolicy } from '../../../src/index.js'
import { type SimulatedWorld, simulate } from '../../../src/testing.js'
import type { Curve } from '../curve.js'

const NAMES = 1_000
const IDLE_MS = 60_000

const idler = genServer('bench-idler', { init: () => ({ count: 0 }) })

/** Bytes that went over the network since the last time it was asked. */
const meter = () => {
  let bytes = 0
  return {
    trace: (line: string): void => {
      const found = / data (\d+)$/.exec(line)
      if (found !== null) bytes += Number(found[1])
    },
    read: (): number => {
      const read = bytes
      bytes = 0
      return read
    },
  }
}

const clusterOf = async (count: number, partition: PartitionPolicy) => {
  const { trace, read } = meter()
  const world: SimulatedWorld = simulate({ seed: `traffic ${count}`, trace })
  for (let index = 0; index < count; index += 1) await world.node(`n${index}`, { kinds: [idler], partition })
  await world.advance(10_000)
  read()
  const idle = async (): Promise<number> => {
    await world.advance(IDLE_MS)
    return read() / count / (IDLE_MS / 1_000)
  }
  return { world, read, idle }
}

export const traffic: Curve = {
  title: 'Traffic',
  x: 'nodes of a cluster',
  points: [2, 3, 5, 10, 15, 20],
  far: [],
  series: {
    idle: { title: 'a node without work sends, in one second', unit: 'B' },
    quorum: { title: 'the same under a majority quorum', unit: 'B' },
    start: { title: 'all send for the start of one process', unit: 'B' },
    join: { title: 'all send for one more node, with 1,000 names there', unit: 'B' },
  },
  measure: async (x) => {
    const plain = await clusterOf(x, 'diverge')
    const { world } = plain
    const idle = await plain.idle()
    const first = world.at('n0')
    const beats = (idle * x) / 1_000
    let began = world.clock.now()
    plain.read()
    await world.run(Promise.all(Array.from({ length: NAMES }, (_, i) => first.start(idler, { name: `name:${i}` }))))
    await world.advance(1_000)
    const start = (plain.read() - beats * (world.clock.now() - began)) / NAMES
    began = world.clock.now()
    await world.node('more', { kinds: [idler] })
    await world.advance(1_000)
    const join = plain.read() - beats * (world.clock.now() - began)
    await world.close()
    const voting = await clusterOf(x, { quorum: 'majority', size: x })
    const quorum = await voting.idle()
    await voting.world.close()
    return { idle, quorum, start, join }
  },
}
