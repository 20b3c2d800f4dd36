/** What does a call by name cost, here and over TCP, alone and with 64 in flight? */
import { inTurns, median, type Pace, perSecond, type Side } from '../measure.js'
import { openPair, type Pair, REMOTE, subject } from '../pair.js'
import type { Question } from '../question.js'
import { LocalActor } from '../raw/actor.js'
import { FLUSHES } from '../raw/echo.js'
import { plainRow, type Row, rowOf } from '../rows.js'

const IN_FLIGHT = [1, 64]
const LOCAL = 'bench:local'
const GROUP = 'calls by name'

const here = async ({ node, serverCpu }: Pair, pace: Pace): Promise<Row[]> => {
  const local = await node.start(subject, { name: LOCAL, args: [undefined] })
  const actor = new LocalActor()
  const rows: Row[] = []
  for (const inFlight of IN_FLIGHT) {
    const [ours, raw] = await inTurns(pace, serverCpu, [
      perSecond(pace, inFlight, () => local.call.plusOne(1)),
      perSecond(pace, inFlight, () => actor.call(1)),
    ])
    const name = `same node, ${inFlight} in flight`
    const beside = 'a list + setImmediate'
    rows.push(rowOf({ id: `call.here.${inFlight}`, group: GROUP, name, unit: '/s', beside }, ours, raw))
  }
  await local.stop()
  return rows
}

const away = async ({ node, echo, serverCpu }: Pair, pace: Pace): Promise<Row[]> => {
  const remote = node.ref(subject, REMOTE)
  const rows: Row[] = []
  for (const inFlight of IN_FLIGHT) {
    const [ours, ...raws] = await inTurns(pace, serverCpu, [
      perSecond(pace, inFlight, () => remote.call.plusOne(1)),
      perSecond(pace, inFlight, () => echo.setImmediate.call(1)),
      perSecond(pace, inFlight, () => echo.nextTick.call(1)),
    ])
    const rate = (side: Side): number => median(side.rounds.flat())
    const [immediate, tick] = raws
    const [raw, how] = rate(immediate) >= rate(tick) ? [immediate, FLUSHES[0]] : [tick, FLUSHES[1]]
    const beside = `net + msgpack-lite, ${how}`
    const [id, name] = [`call.away.${inFlight}`, `other node, ${inFlight} in flight`]
    const cpu = (end: string, of: (side: Side) => readonly number[]): Row =>
      plainRow(
        { id: `${id}.${end}`, group: GROUP, name: `${name}, CPU at the ${end}`, unit: 'us', beside },
        of(ours),
        of(raw),
      )
    rows.push(
      rowOf({ id, group: GROUP, name, unit: '/s', beside }, ours, raw),
      cpu('client', (side) => side.clientUs),
      cpu('server', (side) => side.serverUs),
    )
  }
  return rows
}

export const calls: Question = async ({ file, pace }) => {
  const pair = await openPair(file)
  const rows = [...(await here(pair, pace)), ...(await away(pair, pace))]
  await pair.close()
  return { rows }
}
