/** What does a second core give? Two nodes, each in a program of its own, where processes call their neighbours. */
import { inTurns, type Pace } from '../measure.js'
import { openPair, subject } from '../pair.js'
import type { Question } from '../question.js'
import { plainRow, type Row } from '../rows.js'

const IN_FLIGHT = [1, 64]
const NODES = ['a', 'b']

/** One process on each node that calls, and one that is called. */
const drivers = async ({ node }: Awaited<ReturnType<typeof openPair>>) =>
  Promise.all(
    NODES.map(async (to) => {
      const called = await node.start(subject, { name: `bench:called:${to}`, args: [undefined] })
      const calls = await node.start(subject, { name: `bench:calls:${to}`, args: [undefined] })
      await Promise.all([called.sendMe(to), calls.sendMe(to)])
      return (pace: Pace, inFlight: number) => calls.call.drive(called.name, inFlight, pace.sampleMs)
    }),
  )

export const cores: Question = async ({ file, pace }) => {
  const pair = await openPair(file)
  const drive = await drivers(pair)
  const rows: Row[] = []
  for (const inFlight of IN_FLIGHT) {
    /** Calls a second of those nodes together, which work at the same time. */
    const together = (nodes: typeof drive) => async () => {
      const rates = await Promise.all(nodes.map((one) => one(pace, inFlight)))
      return { values: [rates.reduce((sum, rate) => sum + rate, 0)], operations: 1 }
    }
    const [both, alone, other] = await inTurns(pace, pair.serverCpu, [
      together(drive),
      together(drive.slice(0, 1)),
      together(drive.slice(1)),
    ])
    const one = alone.rounds.map(([here = 0], round) => (here + (other.rounds[round]?.[0] ?? 0)) / 2)
    const name = `two nodes, calls within each, ${inFlight} in flight in each`
    const beside = 'one of them, the other idle'
    rows.push(
      plainRow({ id: `cores.${inFlight}`, group: 'two cores', name, unit: '/s', beside }, both.rounds.flat(), one),
    )
  }
  await pair.close()
  return { rows }
}
