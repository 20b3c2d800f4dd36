/**
 * Acknowledgements of answers, many in one frame. A process keeps an answer until it hears of it, and can wait:
 *
 *   answer --> waits with others of its name --so many, or so long--> REPLY_ACK on the link that it came on
 */
import type { Origin } from '../base/ids.js'
import type { Limits } from '../base/limits.js'
import type { Clock, Timer } from '../base/ports.js'
import type { Link } from '../link/link.js'
import type { Lane } from '../process/mailbox.js'

const SEQS_MAX = 32
/** Far below the time after which an answer is sent again, and never above a quarter of it. */
const WAIT_MS = 10

interface ReplyAcksDeps {
  readonly clock: Clock
  readonly limits: Limits
  readonly origin: () => Origin
}

export class ReplyAcks {
  readonly #deps: ReplyAcksDeps
  /** By link and lane, then by name. */
  #waiting = new Map<Link, readonly [Map<string, number[]>, Map<string, number[]>]>()

  #timer: Timer | undefined

  constructor(deps: ReplyAcksDeps) {
    this.#deps = deps
  }

  add(link: Link, name: string, lane: Lane, seq: number): void {
    const { clock, limits } = this.#deps
    if (this.#waiting.size === 0) this.#timer = clock.after(Math.min(WAIT_MS, limits.resendMs / 4), () => this.#flush())
    const lanes = this.#waiting.get(link) ?? [new Map(), new Map()]
    this.#waiting.set(link, lanes)
    const seqs = lanes[lane].get(name)
    if (seqs === undefined) lanes[lane].set(name, [seq])
    else if (seqs.push(seq) >= SEQS_MAX) {
      lanes[lane].set(name, [])
      this.#send(link, name, lane, seqs)
    }
  }

  close(): void {
    this.#timer?.cancel()
    this.#waiting.clear()
  }

  #flush(): void {
    const waiting = this.#waiting
    this.#waiting = new Map()
    for (const [link, lanes] of waiting) {
      for (const lane of [0, 1] as const) for (const [name, seqs] of lanes[lane]) this.#send(link, name, lane, seqs)
    }
  }

  #send(link: Link, name: string, lane: Lane, seqs: readonly number[]): void {
    if (seqs.length > 0) link.send({ type: 'REPLY_ACK', name, origin: this.#deps.origin(), lane, seqs })
  }
}
