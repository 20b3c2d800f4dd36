/** From two nodes to ten, each a program of its own: what do the others cost? */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Curve } from '../curve.js'
import { median } from '../measure.js'
import { nodeNamed, REMOTE, Served, subject } from '../pair.js'

const JOINS = 5
const TIMES = 200
const MOVES = 50
const REST_MS = 500
const IDLE_MS = 3_000

/** The median of some, in ms. */
const msOf = async (times: number, act: (round: number) => Promise<unknown>): Promise<number> => {
  const values: number[] = []
  for (let round = 0; round < 2 * times; round += 1) {
    const began = performance.now()
    await act(round)
    values.push(performance.now() - began)
  }
  // The first half warmed up.
  return median(values.slice(times))
}

export const nodes: Curve = {
  title: 'Nodes',
  x: 'nodes of a cluster',
  points: [2, 3, 4, 6, 8, 10],
  far: [],
  series: {
    join: { title: 'join of one more', unit: 'ms' },
    start: { title: 'start of a process', unit: 'ms' },
    call: { title: 'call to another node', unit: 'ms' },
    move: { title: 'move of 100 B', unit: 'ms' },
    idle: { title: 'CPU of a node without work, of one second', unit: 'ms' },
  },
  measure: async (x, file) => {
    const node = await nodeNamed('a', [])
    const others: Served[] = []
    for (let index = 1; index < x; index += 1)
      others.push(await Served.open(file, [index === 1 ? 'b' : `n${index}`, node.address]))
    while (node.nodes().length !== x - 1 || node.whereis(REMOTE) === undefined) await sleep(1)
    const joins: number[] = []
    for (let round = 0; round < JOINS; round += 1) {
      const began = performance.now()
      const more = await nodeNamed(`more${round}`, [node.address])
      joins.push(performance.now() - began)
      await more.stop()
    }
    const join = median(joins)
    while (node.nodes().length !== x - 1) await sleep(1)
    const ref = await node.start(subject, { name: 'bench:moving', args: ['small', 1] })
    const start = await msOf(TIMES, (round) =>
      node.start(subject, { name: `bench:started:${round}`, args: ['small', round] }),
    )
    const call = await msOf(TIMES, () => node.ref(subject, REMOTE).call.plusOne(1))
    const move = await msOf(MOVES, (round) => ref.sendMe(round % 2 === 0 ? 'b' : 'a'))
    await sleep(REST_MS)
    const other = others[0] as Served
    const busy = (await other.usage(false)).cpuUs
    await sleep(IDLE_MS)
    const idle = ((await other.usage(false)).cpuUs - busy) / IDLE_MS
    await Promise.all(others.map((one) => one.close()))
    return { join, start, call, move, idle }
  },
}
