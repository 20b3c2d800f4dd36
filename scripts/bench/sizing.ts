/**
 * How large a cluster must be, from what was measured: each figure of the example stands beside its formula, so that it
 * can be done again with figures of your own. Pure.
 */
import { digits } from './report.js'
import { type Row, summaryOf } from './rows.js'

const KIB_PER_GIB = 1_024 * 1_024

interface Cluster {
  readonly processes: number
  readonly nodes: number
}

export const EXAMPLE: Cluster = { processes: 1_000_000, nodes: 20 }

/** What the formulas need. */
const NEEDED = [
  'memory.process',
  'memory.name',
  'memory.node',
  'many.start',
  'many.start.server',
  'many.move',
  'call.away.64.client',
  'call.away.64.server',
]

/** What the two rows are about. */
const [STARTED, MOVED] = [10_000, 5_000]

/** @returns lines of cells: what, its formula, its value; or undefined when a figure is missing */
export const sizingOf = (rows: readonly Row[], { processes, nodes }: Cluster): string[][] | undefined => {
  const figures = new Map(rows.map((row) => [row.id, summaryOf(row).ours.value]))
  if (NEEDED.some((id) => !figures.has(id))) return undefined
  const of = (id: string): number => figures.get(id) ?? Number.NaN
  const each = processes / nodes
  const others = processes - each
  const own = (each * of('memory.process')) / KIB_PER_GIB
  const names = (others * of('memory.name')) / KIB_PER_GIB
  const empty = of('memory.node') / KIB_PER_GIB
  const all = own + names + empty
  // Each hears of the others' meanwhile. The other member also granted half of them: it is less with more nodes.
  const startS = ((each / STARTED) * of('many.start')) / 1_000 + (others * of('many.start.server')) / 1e6
  const emptyS = ((each / MOVED) * of('many.move')) / 1_000
  const [ownStart, heard] = [digits(of('many.start')), digits(of('many.start.server'))]
  const callUs = of('call.away.64.client') + of('call.away.64.server')
  const count = (value: number): string => value.toLocaleString('en')
  return [
    ['', 'how', 'is'],
    ['processes of a node', `P / N = ${count(processes)} / ${nodes}`, count(each)],
    ['their memory', `P / N x ${digits(of('memory.process'))} KB`, `${digits(own)} GiB`],
    [
      'names of all others',
      `(P - P / N) x ${digits(of('memory.name'))} KB: each member knows all`,
      `${digits(names)} GiB`,
    ],
    ['memory of a node', `the two, and ${digits(1_024 * empty)} MiB for Node.js and the node`, `${digits(all)} GiB`],
    [
      'heap to give it',
      'twice that: moves, messages and garbage need room',
      `--max-old-space-size=${Math.ceil(2 * all) * 1_024}`,
    ],
    [
      'start of all, nodes side by side, at most',
      `P / N / 10,000 x ${ownStart} ms, and (P - P / N) x ${heard} us to hear of the others`,
      `${digits(startS)} s`,
    ],
    ['emptying one node', `P / N / 5,000 x ${digits(of('many.move'))} ms`, `${digits(emptyS)} s`],
    [
      'calls between nodes, a node',
      `1 s / ${digits(callUs)} us: one core, half of it answering`,
      `${digits(1e6 / callUs)}/s`,
    ],
  ]
}
