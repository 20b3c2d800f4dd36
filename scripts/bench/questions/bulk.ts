/** Do calls feel it when 100 MB of state cross their link? One caller after the other's answer, idle and meanwhile. */
import { randomBytes } from 'node:crypto'
import { inTurns, type Pace, type Sample } from '../measure.js'
import { openPair, REMOTE, subject } from '../pair.js'
import type { Question } from '../question.js'
import { type Row, rowOf } from '../rows.js'

const BYTES = 100_000_000
const QUICK_BYTES = 20_000_000
const ROUNDS_MAX = 5

/** Calls until `over`, each with its time in ms. */
const callsUntil = async (call: () => Promise<unknown>, over: () => boolean): Promise<number[]> => {
  const values: number[] = []
  do {
    const began = performance.now()
    await call()
    values.push(performance.now() - began)
  } while (!over())
  return values
}

const idle =
  (pace: Pace, call: () => Promise<unknown>): Sample =>
  async () => {
    const until = performance.now() + pace.sampleMs
    const values = await callsUntil(call, () => performance.now() > until)
    return { values, operations: values.length }
  }

const during =
  (call: () => Promise<unknown>, act: () => Promise<unknown>): Sample =>
  async () => {
    let over = false
    const acted = act().finally(() => {
      over = true
    })
    const values = await callsUntil(call, () => over)
    await acted
    return { values, operations: values.length }
  }

export const bulk: Question = async ({ file, pace }) => {
  const { node, echo, transfer, serverCpu, close } = await openPair(file)
  const bytes = pace.quick ? QUICK_BYTES : BYTES
  const ref = await node.start(subject, { name: 'bench:bulk', args: ['buffers', bytes] })
  const body = randomBytes(bytes)
  const remote = node.ref(subject, REMOTE)
  let there = false
  const move = (): Promise<unknown> => {
    there = !there
    return ref.sendMe(there ? 'b' : 'a')
  }
  const [ours, rawCall] = [() => remote.call.plusOne(1), () => echo.setImmediate.call(1)]
  const few: Pace = { ...pace, rounds: Math.min(pace.rounds, ROUNDS_MAX) }
  const [quiet, busy, rawQuiet, rawBusy] = await inTurns(few, serverCpu, [
    idle(few, ours),
    during(ours, move),
    idle(few, rawCall),
    during(rawCall, () => transfer.bytes(body)),
  ])
  await close()
  const group = `calls while ${bytes / 1e6} MB of state cross their link`
  const row = (part: string, quantile: number): Row[] => [
    rowOf(
      { id: `bulk.${part}`, group, name: part, unit: 'ms', quantile, beside: 'the same calls, idle link' },
      busy,
      quiet,
    ),
    rowOf(
      {
        id: `bulk.${part}.raw`,
        group,
        name: `${part} of the baseline, two sockets`,
        unit: 'ms',
        quantile,
        beside: 'the same, idle',
      },
      rawBusy,
      rawQuiet,
    ),
  ]
  return { rows: [...row('p50', 0.5), ...row('p99', 0.99)] }
}
