/** What does a cast over TCP cost, until it is acknowledged? */
import { inTurns, type Pace, type Row } from './measure.js'
import { type Peers, REMOTE, subject } from './peers.js'

/** Sent at once, before waiting for room in the window. */
const BATCH = 256

type Cast = (value: number) => Promise<void>

/** us for one, until the last is known to be there. */
const usEach = async (pace: Pace, cast: Cast, settled: () => Promise<unknown>): Promise<number> => {
  const began = performance.now()
  let sent = 0
  do {
    const batch: Promise<void>[] = []
    for (let count = 0; count < BATCH; count += 1) batch.push(cast(count))
    await Promise.all(batch)
    sent += BATCH
  } while (performance.now() < began + pace.sampleMs)
  await settled()
  return (1_000 * (performance.now() - began)) / sent
}

export const casts = async ({ node, echo }: Peers, pace: Pace): Promise<Row[]> => {
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
  const [mine = [], raw = []] = await inTurns(pace, [
    () => usEach(pace, ours, arrived),
    () =>
      usEach(
        pace,
        (value) => echo.cast(value),
        () => echo.settled(),
      ),
  ])
  const beside = 'net + msgpack-lite'
  return [
    { group: 'messages', name: 'cast over TCP, acknowledged', unit: 'us', ours: mine, raw, quantile: 0.5, beside },
  ]
}
