/**
 * How many moves go to one node at once. The others wait, and run on meanwhile: a process freezes when its turn comes,
 * so in a batch of any size each stands still for no longer than in a small one.
 *
 *   take --room--> under way --done--> the next one's turn
 *     '--no room--> waits --'--for moveTimeoutMs, and nothing ended--> ERR_MOVE_TIMEOUT
 */
import Denque from 'denque'
import { Alarm } from '../base/alarm.js'
import { fail, type MobilityError } from '../base/errors.js'
import { type Identity, originOf, sameIdentity } from '../base/ids.js'
import type { Destination } from '../process/destination.js'
import type { Process } from '../process/host.js'
import type { MoveContext } from './context.js'
import { type Plan, planMove } from './plan.js'

interface Waiting {
  readonly name: string
  go(): void
  fail(error: MobilityError): void
}

interface Line {
  underWay: number
  readonly waiting: Denque<Waiting>
  /** Those under way may be in doubt, and stay so (G10). */
  readonly late: Alarm
}

export class Turns {
  readonly #context: MoveContext
  /** By the life of a node: a newer one owes nothing to what an older one has left open. */
  readonly #lines = new Map<string, Line>()

  constructor(context: MoveContext) {
    this.#context = context
  }

  /**
   * Where it goes, and by whom it is held, when its turn has come; undefined: it is there. A plan needs a `done`. What
   * waited is planned anew: the world may have changed.
   * @throws ERR_MOVE_TIMEOUT, and what planning does
   */
  async plan(process: Process, to: Destination): Promise<Plan | undefined> {
    const plan = await planMove(this.#context, process, to)
    if (plan === undefined) return undefined
    const { destination } = plan
    const turn = this.#take(destination, process.name)
    if (turn === undefined) return plan
    await turn
    let again: Plan | undefined
    try {
      again = await planMove(this.#context, process, to)
      if (again !== undefined && !sameIdentity(again.destination, destination)) {
        const reason = 'it began anew while the move waited for its turn'
        throw fail('ERR_UNREACHABLE', { what: `Node ${destination.node}`, reason })
      }
    } catch (error) {
      this.done(destination)
      throw error
    }
    if (again === undefined) this.done(destination)
    return again
  }

  #take(to: Identity, name: string): Promise<void> | undefined {
    const { preparedPerPeerMax, moveTimeoutMs } = this.#context.limits
    const line = this.#line(originOf(to))
    if (line.underWay < preparedPerPeerMax) {
      line.underWay += 1
      return undefined
    }
    if (line.waiting.length === 0) line.late.set(moveTimeoutMs)
    return new Promise((go, refuse) => line.waiting.push({ name, go, fail: refuse }))
  }

  done(to: Identity): void {
    const line = this.#lines.get(originOf(to))
    if (line === undefined) return
    // Who waits takes over the place.
    const next = line.waiting.shift()
    if (next !== undefined) {
      line.late.set(this.#context.limits.moveTimeoutMs)
      return next.go()
    }
    line.underWay -= 1
    if (line.underWay > 0) return
    line.late.cancel()
    this.#lines.delete(originOf(to))
  }

  close(): void {
    for (const { late } of this.#lines.values()) late.cancel()
  }

  #line(key: string): Line {
    const known = this.#lines.get(key)
    if (known !== undefined) return known
    const waiting = new Denque<Waiting>()
    const late = new Alarm(this.#context.clock, () => {
      const ms = this.#context.limits.moveTimeoutMs
      const reason = 'the moves before it to that node do not end'
      for (let one = waiting.shift(); one !== undefined; one = waiting.shift())
        one.fail(fail('ERR_MOVE_TIMEOUT', { name: one.name, ms, reason }))
    })
    const line: Line = { underWay: 0, waiting, late }
    this.#lines.set(key, line)
    return line
  }
}
