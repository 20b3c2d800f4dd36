/**
 * Answers to calls from other nodes: kept with the process until the caller acknowledges them, or its time is over, and
 * sent again meanwhile, under the epoch that the process then has (G9).
 */
import { fail, isMobilityError } from '../base/errors.js'
import type { Events } from '../base/events.js'
import type { Origin } from '../base/ids.js'
import type { Limits } from '../base/limits.js'
import type { Clock, Timer } from '../base/ports.js'
import type { Process } from '../process/host.js'
import type { KeptReply } from '../process/image.js'
import type { CallId, Lane } from '../process/mailbox.js'
import { failure, type Outcome, outcomeToWire } from '../process/outcome.js'
import { encodeValue, frameValueLimits } from '../wire/codec.js'
import { bodyBytesMax } from '../wire/frame.js'

/** An answer outlives its call's deadline by this: the caller may be a resend away. */
const GRACE_MS = 5_000
/** Bytes of answers that one process keeps, in write queues: 64 MiB. Their number: as many as wait in a mailbox. */
const KEPT_QUEUES = 16

interface RepliesDeps {
  readonly clock: Clock
  readonly limits: Limits
  readonly events: Events
  /** Puts a reply on the path to its caller. @returns false: it cannot go there now */
  readonly post: (process: Process, reply: KeptReply) => boolean
  /** It goes, and says to its caller all that an acknowledgement would. */
  readonly posted: (process: Process, to: CallId) => void
  readonly isDead: (origin: Origin) => boolean
}

interface Resending {
  backoffMs: number
  timer: Timer
}

export class Replies {
  readonly #deps: RepliesDeps
  readonly #resending = new Map<Process, Resending>()
  /** Those in `#resending`, by name. */
  readonly #keepers = new Map<string, Set<Process>>()
  /** At most what each process keeps, in bytes. */
  readonly #keptBytes = new WeakMap<Process, number>()

  constructor(deps: RepliesDeps) {
    this.#deps = deps
  }

  get size(): number {
    return this.#resending.size
  }

  /** Sends the answer and keeps it. One that cannot travel becomes an error that can. */
  send(process: Process, to: CallId, outcome: Outcome, dueAt: number): void {
    const { clock, limits } = this.#deps
    // A caller that waits for ever (a move, a stop) may be silent for ever: of another cluster nobody calls it dead.
    const until = dueAt === Number.POSITIVE_INFINITY ? clock.now() + limits.endedMs : dueAt + GRACE_MS
    const reply: KeptReply = { to, body: this.#encode(process, outcome), dueAt: until }
    this.#makeRoom(process, reply)
    process.replies.add(reply)
    if (this.#deps.post(process, reply)) this.#deps.posted(process, to)
    this.#arm(process)
  }

  /** A caller that acknowledges none loses its oldest (G15); those of others stay. */
  #makeRoom(process: Process, { to, body }: KeptReply): void {
    const { limits, events } = this.#deps
    const bytesMax = KEPT_QUEUES * limits.writeQueueBytesMax
    let bytes = (this.#keptBytes.get(process) ?? 0) + body.length
    // Counted up, never down: when it is too much it is counted anew.
    if (bytes > bytesMax) bytes = [...process.replies].reduce((sum, kept) => sum + kept.body.length, body.length)
    let count = process.replies.size + 1
    for (const kept of process.replies.of(to.origin)) {
      if (count <= limits.mailboxMax && bytes <= bytesMax) break
      process.replies.delete(kept.to)
      count -= 1
      bytes -= kept.body.length
      events.emit('limit', { limit: 'mailboxMax', name: process.name, value: count })
    }
    this.#keptBytes.set(process, bytes)
  }

  #encode(process: Process, outcome: Outcome): Buffer {
    const { limits } = this.#deps
    const encode = (one: Outcome) => encodeValue(outcomeToWire(one), 'result', frameValueLimits(limits))
    try {
      const body = encode(outcome)
      const limit = bodyBytesMax(limits)
      if (body.length <= limit) return body
      const what = `The answer of ${process.name}`
      return encode(failure(fail('ERR_FRAME_TOO_LARGE', { bytes: body.length, limit, what }, { executed: 'yes' })))
    } catch (error) {
      if (!isMobilityError(error)) throw error
      return encode(failure(fail(error.code, error.fields, { executed: 'yes' })))
    }
  }

  /** Whoever keeps answers under this name: also a process that has ended. */
  keepersOf(name: string): Process[] {
    return [...(this.#keepers.get(name) ?? [])]
  }

  acked(process: Process, origin: Origin, lane: Lane, seqs: readonly number[]): void {
    for (const seq of seqs) process.replies.delete({ origin, lane, seq })
    if (process.replies.size === 0) this.forget(process)
  }

  /** Sends all that is kept, now: after a move, and when a link came up. */
  resend(process: Process): void {
    const now = this.#deps.clock.now()
    for (const reply of process.replies) {
      if (reply.dueAt <= now || this.#deps.isDead(reply.to.origin)) process.replies.delete(reply.to)
      else this.#deps.post(process, reply)
    }
    if (process.replies.size > 0) this.#arm(process)
    else this.forget(process)
  }

  resendAll(): void {
    for (const process of [...this.#resending.keys()]) this.resend(process)
  }

  forget(process: Process): void {
    this.#resending.get(process)?.timer.cancel()
    this.#resending.delete(process)
    const keepers = this.#keepers.get(process.name)
    keepers?.delete(process)
    if (keepers?.size === 0) this.#keepers.delete(process.name)
  }

  close(): void {
    for (const process of [...this.#resending.keys()]) this.forget(process)
  }

  #arm(process: Process): void {
    if (this.#resending.has(process)) return
    const backoffMs = this.#deps.limits.resendMs
    this.#keepers.set(process.name, (this.#keepers.get(process.name) ?? new Set()).add(process))
    this.#resending.set(process, { backoffMs, timer: this.#deps.clock.after(backoffMs, () => this.#again(process)) })
  }

  #again(process: Process): void {
    const resending = this.#resending.get(process)
    if (resending === undefined) return
    // A frozen copy sends nothing; the one that runs next has the replies and sends them.
    if (process.phase === 'frozen' || process.phase === 'moved' || process.phase === 'inert')
      return this.forget(process)
    resending.backoffMs = Math.min(resending.backoffMs * 2, this.#deps.limits.resendMsMax)
    resending.timer = this.#deps.clock.after(resending.backoffMs, () => this.#again(process))
    this.resend(process)
  }
}
