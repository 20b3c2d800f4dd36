/** What does the move of an idle process cost, and for how long does it stand still? */
import { randomBytes } from 'node:crypto'
import type { MoveResult } from 'proc-mobility'
import { inTurns, msEach, type Pace, type Row } from './measure.js'
import { type Peers, subject } from './peers.js'
import { stateOf } from './states.js'

const KiB = 1_024
const SIZES = [
  { size: '100 B', bytes: 100 },
  { size: '10 KB', bytes: 10 * KiB },
  { size: '1 MB', bytes: KiB * KiB },
]
const BYTES = 'transfer + crc32'
const CODED = 'msgpack-lite + transfer + crc32'

const one = async ({ node, transfer }: Peers, pace: Pace, shape: 'objects' | 'Buffers', at: (typeof SIZES)[number]) => {
  const data = stateOf(shape, at.bytes)
  const ref = await node.start(subject, { name: `bench:${shape}:${at.bytes}`, args: [data] })
  let there = false
  let pauses: number[] = []
  const move = async (): Promise<MoveResult> => {
    there = !there
    const result = await ref.sendMe(there ? 'b' : 'a')
    pauses.push(result.pauseMs)
    return result
  }
  const { stateBytes } = await move()
  const body = randomBytes(stateBytes)
  const moves = async () => {
    pauses = []
    const ms = await msEach(pace, 1, move)
    return { ms, pause: pauses.reduce((sum, pause) => sum + pause, 0) / pauses.length }
  }
  const raw = (act: () => Promise<void>) => async () => ({ ms: await msEach(pace, 1, act), pause: 0 })
  const samples = [moves, raw(() => transfer.bytes(body))]
  // Buffers are bytes already.
  if (shape === 'objects') samples.push(raw(() => transfer.state(data)))
  const [mine = [], bytes = [], coded] = await inTurns(pace, samples)
  await ref.stop()
  const ms = (samples: readonly { ms: number }[]) => samples.map((sample) => sample.ms)
  const row = (name: string, ours: number[], theirs: typeof bytes, beside: string): Row => ({
    group: `move of ${shape}, idle`,
    name: `${at.size}, ${name}`,
    unit: 'ms',
    ours,
    raw: ms(theirs),
    quantile: 0.5,
    beside,
  })
  const pause = mine.map((sample) => sample.pause)
  return [
    row('all of it', ms(mine), bytes, BYTES),
    ...(coded === undefined ? [] : [row('all of it', ms(mine), coded, CODED)]),
    row('its pause', pause, bytes, BYTES),
  ]
}

export const moves = async (peers: Peers, pace: Pace): Promise<Row[]> => {
  const rows: Row[] = []
  for (const shape of ['objects', 'Buffers'] as const) {
    for (const at of SIZES) rows.push(...(await one(peers, pace, shape, at)))
  }
  return rows
}
