/**
 * For how long does a move stop those who call? 16 callers never rest while it moves; measured is, for each move, the
 * longest time in which none of them got an answer. Beside it: callers of the baseline, and the time that the same
 * bytes take meanwhile. That is the pause that one would have by hand: stop, send, go on there.
 */
import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { inTurns, type Pace, type Row } from './measure.js'
import { type Peers, subject } from './peers.js'
import { stateOf } from './states.js'

const CALLERS = 16
/** Between two moves, so that callers come to rest. */
const REST_MS = 5
const SIZES = [
  { size: '100 B', bytes: 100 },
  { size: '1 MB', bytes: 1_024 * 1_024 },
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

/** For the time of a sample: acts, rests, and asks what an act cost. */
const each = async (pace: Pace, load: Load, act: () => Promise<number>): Promise<number[]> => {
  const costs: number[] = []
  const until = performance.now() + 2 * pace.sampleMs
  while (performance.now() < until) {
    await sleep(REST_MS)
    load.reset()
    costs.push(await act())
  }
  await load.stop()
  return costs
}

const one = async ({ node, echo, transfer }: Peers, pace: Pace, { size, bytes }: (typeof SIZES)[number]) => {
  const ref = await node.start(subject, { name: `bench:pause:${bytes}`, args: [stateOf('objects', bytes)] })
  let there = false
  const move = async (): Promise<number> => {
    there = !there
    return (await ref.sendMe(there ? 'b' : 'a')).stateBytes
  }
  const body = randomBytes(await move())
  const ours = async () => {
    const load = new Load(() => ref.call.plusOne(1))
    return each(pace, load, async () => {
      await move()
      // The gap ends with the next answer, which is from the new place.
      await ref.call.plusOne(1)
      return load.gapMs
    })
  }
  const raw = async () => {
    const load = new Load(() => echo.call(1))
    return each(pace, load, async () => {
      const began = performance.now()
      await transfer.bytes(body)
      return performance.now() - began
    })
  }
  const [mine = [], theirs = []] = await inTurns(pace, [ours, raw])
  await ref.stop()
  const row = (name: string, quantile: number): Row => ({
    group: `pause under load: ${CALLERS} callers`,
    name: `${size}, longest gap of a move, ${name}`,
    unit: 'ms',
    ours: mine.flat(),
    raw: theirs.flat(),
    quantile,
    beside: 'transfer + crc32 under load',
  })
  return [row('p50', 0.5), row('p99', 0.99)]
}

export const pause = async (peers: Peers, pace: Pace): Promise<Row[]> => {
  const rows: Row[] = []
  for (const at of SIZES) rows.push(...(await one(peers, pace, at)))
  return rows
}
