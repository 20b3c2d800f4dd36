/** How many casts a second go to another node, counted when the last one is known to be there? */
import { inTurns, median, type Pace, type Sample } from '../measure.js'
import { openPair, REMOTE, subject } from '../pair.js'
import type { Question } from '../question.js'
import type { EchoClient } from '../raw/echo.js'
import { rowOf } from '../rows.js'

/** Sent at once, before waiting for room in the window. */
const BATCH = 256

type Cast = (value: number) => Promise<void>

const sampleOf =
  (pace: Pace, cast: Cast, settled: () => Promise<unknown>): Sample =>
  async () => {
    const began = performance.now()
    let operations = 0
    do {
      const batch: Promise<void>[] = []
      for (let count = 0; count < BATCH; count += 1) batch.push(cast(count))
      await Promise.all(batch)
      operations += BATCH
    } while (performance.now() < began + pace.sampleMs)
    await settled()
    return { values: [(1_000 * operations) / (performance.now() - began)], operations }
  }

export const casts: Question = async ({ file, pace }) => {
  const { node, echo, serverCpu, close } = await openPair(file)
  const remote = node.ref(subject, REMOTE)
  let sent = await remote.call.casts()
  const ours = (value: number): Promise<void> => {
    sent += 1
    return remote.cast.note(value)
  }
  // A call stands behind the casts of its sender: its answer acknowledges them all.
  const arrived = async (): Promise<void> => {
    const counted = await remote.call.casts()
    if (counted !== sent) throw new Error(`${sent} casts were sent, and ${counted} counted`)
  }
  const byHand = (client: EchoClient): Sample =>
    sampleOf(
      pace,
      (value) => client.cast(value),
      () => client.settled(),
    )
  const [mine, immediate, tick] = await inTurns(pace, serverCpu, [
    sampleOf(pace, ours, arrived),
    byHand(echo.setImmediate),
    byHand(echo.nextTick),
  ])
  await close()
  const faster = median(immediate.rounds.flat()) >= median(tick.rounds.flat())
  const [raw, how] = faster ? [immediate, 'setImmediate'] : [tick, 'nextTick']
  const beside = `net + msgpack-lite, ${how}`
  const about = { id: 'cast.away', group: 'casts', name: 'other node, acknowledged', unit: '/s', beside } as const
  return { rows: [rowOf(about, mine, raw)] }
}
