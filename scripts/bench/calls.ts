/** What does a call by name cost, here and over TCP, alone and with 64 in flight? */
import { inTurns, msEach, type Pace, type Row } from './measure.js'
import { type Peers, REMOTE, subject } from './peers.js'
import { LocalActor } from './raw.js'

const IN_FLIGHT = [1, 64]
const LOCAL = 'bench:local'

export const calls = async ({ node, echo }: Peers, pace: Pace): Promise<Row[]> => {
  const local = await node.start(subject, { name: LOCAL, args: [undefined] })
  const remote = node.ref(subject, REMOTE)
  const actor = new LocalActor()
  const places = [
    { where: 'here', ours: () => local.call.plusOne(1), raw: () => actor.call(1), beside: 'list + setImmediate' },
    { where: 'over TCP', ours: () => remote.call.plusOne(1), raw: () => echo.call(1), beside: 'net + msgpack-lite' },
  ]
  const rows: Row[] = []
  for (const { where, ours, raw, beside } of places) {
    for (const inFlight of IN_FLIGHT) {
      const sample = (act: () => Promise<unknown>) => async () => 1_000 * (await msEach(pace, inFlight, act))
      const [mine = [], theirs = []] = await inTurns(pace, [sample(ours), sample(raw)])
      const name = `call ${where}, ${inFlight} in flight`
      rows.push({ group: 'messages', name, unit: 'us', ours: mine, raw: theirs, quantile: 0.5, beside })
    }
  }
  await local.stop()
  return rows
}
