/** How long do 10,000 processes take to start, and 5,000 of them to move at once to a node that is connected? */
import { defaultLimits } from 'proc-mobility'
import { moveMany, startMany, stopMany } from '../batch.js'
import { inTurns, type Pace } from '../measure.js'
import { openPair } from '../pair.js'
import type { Question } from '../question.js'
import { plainRow, type Row, rowOf } from '../rows.js'

const STARTED = 10_000
const MOVED = 5_000
/** A tenth, in a run that is only to see that it runs: its figures say so. */
const PART = 10
const ROUNDS_MAX = 3

export const many: Question = async ({ file, pace }) => {
  const { node, serverCpu, close } = await openPair(file)
  const part = pace.quick ? PART : 1
  const [started, moved] = [STARTED / part, MOVED / part]
  let round = 0
  let refs: Awaited<ReturnType<typeof startMany>> = []
  const start = async () => {
    round += 1
    const began = performance.now()
    refs = await startMany(node, started, `bench:many:${round}`)
    return { values: [part * (performance.now() - began)], operations: started }
  }
  let inFlight = moved
  const move = async () => {
    const began = performance.now()
    const refused = await moveMany(refs.slice(0, moved), 'b', inFlight)
    // A revision that does not wait by itself, seen while it warms up: so many at a time.
    if (refused.length > 0) inFlight = defaultLimits.preparedPerPeerMax
    await moveMany(refused, 'b', inFlight)
    return { values: [part * (performance.now() - began)], operations: moved }
  }
  const stop = async () => {
    await stopMany(refs)
    return { values: [0], operations: started }
  }
  const few: Pace = { ...pace, rounds: Math.min(pace.rounds, ROUNDS_MAX) }
  const [starts, moves] = await inTurns(few, serverCpu, [start, move, stop])
  await close()
  const scaled = pace.quick ? `, ${part} times a tenth` : ''
  const group = 'many processes of 100 B'
  const rows: Row[] = [
    rowOf({ id: 'many.start', group, name: `start of 10,000${scaled}`, unit: 'ms' }, starts),
    plainRow({ id: 'many.start.server', group, name: 'a start, CPU at the other member', unit: 'us' }, starts.serverUs),
    rowOf(
      {
        id: 'many.move',
        group,
        name: `move of 5,000, ${inFlight < moved ? inFlight : 'all'} at once${scaled}`,
        unit: 'ms',
      },
      moves,
    ),
  ]
  return { rows }
}
