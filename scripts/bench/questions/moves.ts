/**
 * What does the move of an idle process cost? Timed is the way there, asked for where the process is; the way back is
 * asked for from afar, and has a row of its own for the smallest state.
 */
import { randomBytes } from 'node:crypto'
import { inTurns, msOfEach, type Pace, type Side, timed } from '../measure.js'
import { openPair, type Pair, subject } from '../pair.js'
import type { Question } from '../question.js'
import { type Row, rowOf } from '../rows.js'
import { MiB, type StateOrder, stateOf } from '../states.js'

const NESTED_BYTES = 900_000
const BYTES = 'transfer + CRC32 at each end'
const CODED = 'msgpack-lite encode + transfer + decode'

interface Subject {
  readonly id: string
  readonly name: string
  readonly state: StateOrder
  /** Bytes need no codec. */
  readonly coded: boolean
}

const SUBJECTS: readonly Subject[] = [
  { id: '100B', name: '100 B', state: ['small', 1], coded: false },
  { id: '1MB', name: '1 MB of bytes', state: ['buffers', MiB], coded: false },
  { id: '10MB', name: '10 MB of bytes', state: ['buffers', 10 * MiB], coded: false },
  { id: 'nested', name: '0.9 MB nested', state: ['nested', NESTED_BYTES], coded: true },
]

const sidesOf = async ({ node, transfer, serverCpu }: Pair, pace: Pace, { id, state, coded }: Subject) => {
  const ref = await node.start(subject, { name: `bench:move:${id}`, args: [...state] })
  const { stateBytes } = await ref.sendMe('b')
  await ref.sendMe('a')
  const body = randomBytes(stateBytes)
  let back: number[] = []
  let pauses: number[] = []
  const home = timed(() => ref.sendMe('a'))
  const there = msOfEach(pace, async () => {
    const began = performance.now()
    const { pauseMs } = await ref.sendMe('b')
    const ms = performance.now() - began
    back.push(await home())
    pauses.push(pauseMs)
    return ms
  })
  const backs: number[][] = []
  const paused: number[][] = []
  const ours = async () => {
    back = []
    pauses = []
    const sampled = await there()
    backs.push(back)
    paused.push(pauses)
    return { ...sampled, operations: 2 * sampled.operations }
  }
  const data = coded ? stateOf(state) : undefined
  const raw = timed(() => (coded ? transfer.state(data) : transfer.bytes(body)))
  const [mine, theirs] = await inTurns(pace, serverCpu, [ours, msOfEach(pace, raw)])
  await ref.stop()
  const sameButFor = (rounds: number[][]): Side => ({ ...mine, rounds: rounds.slice(pace.warmUps) })
  return { mine, theirs, backs: sameButFor(backs), paused: sameButFor(paused) }
}

export const moves: Question = async ({ file, pace }) => {
  const pair = await openPair(file)
  const rows: Row[] = []
  for (const one of SUBJECTS) {
    const { mine, theirs, backs, paused } = await sidesOf(pair, pace, one)
    const beside = one.coded ? CODED : BYTES
    const about = (part: string, name: string) =>
      ({ id: `move.${one.id}${part}`, group: 'moves, idle', name: one.name + name, unit: 'ms', beside }) as const
    rows.push(rowOf(about('', ''), mine, theirs), rowOf(about('.pause', ', its pause'), paused, theirs))
    if (one.id === '100B') rows.push(rowOf(about('.back', ', asked for from afar'), backs, theirs))
  }
  await pair.close()
  return { rows }
}
