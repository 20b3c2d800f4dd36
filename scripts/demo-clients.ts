/** The demo's clients: they call and cast by name without pause, and notice whatever is wrong. Both sides run them. */
import { setImmediate } from 'node:timers/promises'
import { isMobilityError, type MobilityNode } from 'proc-mobility'
import { COUNTER, counter } from './demo-counter.js'

/** Clients of one side, and casts that each sends before it waits for an answer: more is never on its way. */
const CLIENTS = 4
const CASTS = 10
/** Troubles that are told in full. */
const TROUBLES_MAX = 5

/** Plain data: the other side sends it through the pipe to its parent. */
export interface ClientReport {
  /** By sender: how many casts. */
  readonly sent: Record<string, number>
  answered: number
  failed: number
  /** Answers that went back in time: a total that did not grow, or one that does not know a cast sent before. */
  backwards: number
  /** Times in ms of the calls whose answer was the first from a new place: the pause of a move, as callers see it. */
  readonly waits: number[]
  slowestMs: number
  /** The longest time in ms in which no client of this side got an answer. */
  gapMs: number
  readonly troubles: string[]
}

export interface Clients {
  readonly report: ClientReport
  /** Resolves when each has the answer to its last call: all its casts are counted by then. */
  stop(): Promise<ClientReport>
}

interface Side {
  readonly report: ClientReport
  running: boolean
  answeredAt: number
}

export const startClients = (node: MobilityNode): Clients => {
  const report = { sent: {}, answered: 0, failed: 0, backwards: 0, waits: [], slowestMs: 0, gapMs: 0, troubles: [] }
  const side: Side = { report, running: true, answeredAt: performance.now() }
  const all = Array.from({ length: CLIENTS }, (_, index) => work(node, `${node.name}${index + 1}`, side))
  return {
    report,
    stop: async () => {
      side.running = false
      await Promise.all(all)
      return report
    },
  }
}

const work = async (node: MobilityNode, sender: string, side: Side): Promise<void> => {
  const { report } = side
  const ref = node.ref(counter, COUNTER)
  let sent = 0
  let total = 0
  let epoch = 0
  while (side.running) {
    const casts: Promise<void>[] = []
    for (let count = 0; count < CASTS; count += 1) {
      sent += 1
      casts.push(ref.cast.note(sender, sent))
    }
    report.sent[sender] = sent
    const began = performance.now()
    try {
      await Promise.all(casts)
      const [now, last, place] = await ref.call.add(sender)
      took(side, performance.now() - began, epoch !== 0 && place > epoch)
      if (now <= total || last < sent || place < epoch) {
        report.backwards += 1
        trouble(report, `${sender}: total ${total} then ${now}, cast ${sent} sent and ${last} known, epoch ${place}`)
      }
      total = now
      epoch = place
    } catch (error) {
      report.failed += 1
      trouble(report, `${sender}: ${isMobilityError(error) ? `${error.code} ` : ''}${String(error)}`)
      // What fails at once and is tried at once would leave no turn of the event loop to the network.
      await setImmediate()
    }
  }
}

const took = (side: Side, ms: number, moved: boolean): void => {
  const { report } = side
  const now = performance.now()
  report.answered += 1
  report.slowestMs = Math.max(report.slowestMs, ms)
  report.gapMs = Math.max(report.gapMs, now - side.answeredAt)
  side.answeredAt = now
  if (moved) report.waits.push(ms)
}

const trouble = (report: ClientReport, text: string): void => {
  if (report.troubles.length < TROUBLES_MAX) report.troubles.push(text)
}
