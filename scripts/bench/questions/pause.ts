/**
 * For how long does a move stop those who call? 16 callers never rest while it moves; measured is, for each move, the
 * longest time in which none of them got an answer. Beside it: callers of the baseline, and the time that the same
 * bytes take meanwhile. That is the pause that one would have by hand: stop, send, go on there.
 */
import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { inTurns, type Pace, type Sample, timed } from '../measure.js'
import { openPair, type Pair, subject } from '../pair.js'
import type { Question } from '../question.js'
import { type Row, rowOf } from '../rows.js'
import { MiB, type StateOrder } from '../states.js'

const CALLERS = 16
/** Between two moves, so that callers come to rest. */
const REST_MS = 5
/** A p99 wants a hundred of them. */
const SAMPLES = 2
const SIZES: ReadonlyArray<{ readonly size: string; readonly id: string; readonly state: StateOrder }> = [
  { size: '100 B', id: '100B', state: ['small', 1] },
  { size: '1 MB nested', id: '1MB', state: ['nested', MiB] },
]

/** Callers without rest, and the longest time without an answer since `reset`. */
class Load {
  readonly #callers: Promise<void>[]
  #running = true
  #answeredAt = performance.now()
  #gapMs = 0

  constructor(call: () => Promise<unknown>) {
    this.#callers = Array.from({ length: CALLERS }, async () => {
      while (this.#running) {
        await call()
        const now = performance.now()
        this.#gapMs = Math.max(this.#gapMs, now - this.#answeredAt)
        this.#answeredAt = now
      }
    })
  }

  reset(): void {
    this.#gapMs = 0
  }

  get gapMs(): number {
    return this.#gapMs
  }

  async stop(): Promise<void> {
    this.#running = false
    await Promise.all(this.#callers)
  }
}

/** For the time of a sample: rests, acts, and asks what the act cost. */
const each =
  (pace: Pace, call: () => Promise<unknown>, act: (load: Load) => Promise<number>): Sample =>
  async () => {
    const load = new Load(call)
    const values: number[] = []
    const until = performance.now() + SAMPLES * pace.sampleMs
    while (performance.now() < until) {
      await sleep(REST_MS)
      load.reset()
      values.push(await act(load))
    }
    await load.stop()
    return { values, operations: values.length }
  }

const one = async (
  { node, echo, transfer, serverCpu }: Pair,
  pace: Pace,
  { size, id, state }: (typeof SIZES)[number],
) => {
  const ref = await node.start(subject, { name: `bench:pause:${id}`, args: [...state] })
  let there = false
  const move = async (): Promise<number> => {
    there = !there
    return (await ref.sendMe(there ? 'b' : 'a')).stateBytes
  }
  const body = randomBytes(await move())
  const ours = each(
    pace,
    () => ref.call.plusOne(1),
    async (load) => {
      await move()
      // The gap ends with the next answer, which is from the new place.
      await ref.call.plusOne(1)
      return load.gapMs
    },
  )
  const raw = each(
    pace,
    () => echo.setImmediate.call(1),
    timed(() => transfer.bytes(body)),
  )
  const [mine, theirs] = await inTurns(pace, serverCpu, [ours, raw])
  await ref.stop()
  const row = (part: string, quantile: number): Row => {
    const name = `${size}, longest gap of a move, ${part}`
    const group = `pause under load: ${CALLERS} callers`
    const about = { id: `pause.${id}.${part}`, group, name, unit: 'ms', quantile } as const
    return rowOf({ ...about, beside: 'transfer + CRC32 under load' }, mine, theirs)
  }
  return [row('p50', 0.5), row('p99', 0.99)]
}

export const pause: Question = async ({ file, pace }) => {
  const pair = await openPair(file)
  const rows: Row[] = []
  for (const at of SIZES) rows.push(...(await one(pair, pace, at)))
  await pair.close()
  return { rows }
}
