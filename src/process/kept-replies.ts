/** The answers of one process that their callers have not acknowledged: by caller and lane, then by number. */
import type { Origin } from '../base/ids.js'
import type { KeptReply } from './image.js'
import type { CallId } from './mailbox.js'

type Lanes = readonly [Map<number, KeptReply>, Map<number, KeptReply>]

export class KeptReplies {
  /** Made for the first answer to another node: most processes of a million never give one. */
  #byOrigin: Map<Origin, Lanes> | undefined
  #size = 0

  get size(): number {
    return this.#size
  }

  add(reply: KeptReply): void {
    const { origin, lane, seq } = reply.to
    this.#byOrigin ??= new Map()
    const lanes = this.#byOrigin.get(origin) ?? ([new Map(), new Map()] as const)
    this.#byOrigin.set(origin, lanes)
    if (!lanes[lane].has(seq)) this.#size += 1
    lanes[lane].set(seq, reply)
  }

  delete({ origin, lane, seq }: CallId): void {
    const lanes = this.#byOrigin?.get(origin)
    if (lanes?.[lane].delete(seq) !== true) return
    this.#size -= 1
    if (lanes[0].size + lanes[1].size === 0) this.#byOrigin?.delete(origin)
  }

  clear(): void {
    this.#byOrigin = undefined
    this.#size = 0
  }

  /** Those to one caller, oldest first in each lane. */
  *of(origin: Origin): Iterable<KeptReply> {
    for (const lane of this.#byOrigin?.get(origin) ?? []) yield* lane.values()
  }

  *[Symbol.iterator](): Iterator<KeptReply> {
    for (const origin of this.#byOrigin?.keys() ?? []) yield* this.of(origin)
  }
}
