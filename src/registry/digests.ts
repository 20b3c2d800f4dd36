/**
 * Does this table have what a member says that it runs? Nothing is lost on a link, and a new link begins with a SYNC
 * (sync.ts). What a member missed all the same is found here, additions and removals (scenario 50): each member tells
 * another one in turn, every REPAIR_MS, how many names live on it and a hash over them (table.ts). That stands on the
 * link behind all that it has published, so the receiver must have the same.
 *
 * What the receiver thinks of one sender:
 *
 *   agreed --differs--> seen --the same difference after REPAIR_MS--> asked --SYNC--> listed --the same--> left
 *
 *   another difference: seen again, from each of them. Equal, or a new link: agreed, from each of them
 *
 * A difference need not be an error: of a process that moved, a third node may know sooner that it has arrived than its
 * source; what is beyond `registryEntriesMax` is in no table. So a listing is asked for when the very same difference
 * stands for a while, and not again for one that a listing has left. After each listing that has not brought agreement
 * the next one waits twice as long. A difference is told by what differs (the XOR of two hashes is that of the names
 * that only one of them has), so it stays the same while other names come and go.
 *
 * The listing is a SYNC as on a new link. What it does not name is in doubt, and ends after a round (sync.ts).
 */
import type { Events } from '../base/events.js'
import type { Clock, Timer } from '../base/ports.js'
import type { Peers } from '../link/peers.js'
import type { Message, MessageOf } from '../wire/messages.js'
import type { Ledger } from './ledger.js'
import type { Listings } from './sync.js'
import type { Digest } from './table.js'
import type { Life } from './views.js'

const REPAIR_MS = 5_000
const HOLD_MS_MAX = 600_000

/** A member whose digest is not ours. */
interface Suspect {
  readonly stage: 'seen' | 'asked' | 'listed' | 'left'
  readonly difference: string
  /** The first time that it was seen, or the last that it was asked for. */
  readonly since: number
  /** After listings that have not brought agreement: how long no other one is asked for, from when. */
  readonly holdMs: number
  readonly holdSince: number
}

export type SuspectEvent =
  /** `difference` '': there is none. `doubted`: how many of its names are in doubt. */
  | { readonly type: 'heard'; readonly difference: string; readonly doubted: number }
  /** The last part of a listing has come. */
  | { readonly type: 'listed' }
  | { readonly type: 'beat' }

interface SuspectStep {
  /** undefined: the tables agree */
  readonly state: Suspect | undefined
  /** Its digest is wanted again; a listing is; the one that came was of use. */
  readonly effect: 'digest' | 'listing' | 'repaired' | undefined
}

export const stepSuspect = (state: Suspect | undefined, event: SuspectEvent, now: number): SuspectStep => {
  if (event.type === 'heard') return heard(state, event, now)
  if (state === undefined) return { state, effect: undefined }
  if (event.type === 'listed') {
    return { state: state.stage === 'asked' ? { ...state, stage: 'listed' } : state, effect: undefined }
  }
  const isOpen = state.stage === 'seen' || state.stage === 'asked'
  return { state, effect: isOpen && isRipe(state, now) ? 'digest' : undefined }
}

const heard = (
  state: Suspect | undefined,
  { difference, doubted }: { readonly difference: string; readonly doubted: number },
  now: number,
): SuspectStep => {
  const wasListed = state?.stage === 'listed'
  const repaired = wasListed && (state.difference !== difference || doubted > 0) ? 'repaired' : undefined
  if (difference === '') return { state: undefined, effect: repaired }
  const hold = holdAfter(state, now)
  if (state?.difference !== difference)
    return { state: { stage: 'seen', difference, since: now, ...hold }, effect: repaired }
  if (wasListed) return { state: { ...state, stage: 'left', ...hold }, effect: repaired }
  // What is in doubt differs until its round is over.
  if (state.stage === 'left' || doubted > 0 || !isRipe(state, now)) return { state, effect: undefined }
  return { state: { ...state, stage: 'asked', since: now }, effect: 'listing' }
}

/** A listing that has not brought agreement makes the next one wait. */
const holdAfter = (state: Suspect | undefined, now: number): Pick<Suspect, 'holdMs' | 'holdSince'> => {
  if (state === undefined) return { holdMs: 0, holdSince: now }
  const { stage, holdMs, holdSince } = state
  if (stage !== 'listed') return { holdMs, holdSince }
  return { holdMs: Math.min(HOLD_MS_MAX, Math.max(REPAIR_MS, 2 * holdMs)), holdSince: now }
}

const isRipe = ({ since, holdMs, holdSince }: Suspect, now: number): boolean =>
  now - since >= REPAIR_MS && now - holdSince >= holdMs

/** '' when they are the same. */
export const differenceOf = (theirs: Digest, ours: Digest): string =>
  theirs.live === ours.live && theirs.hash === ours.hash
    ? ''
    : `${theirs.live - ours.live} ${(theirs.hash ^ ours.hash) >>> 0}`

interface DigestsDeps {
  readonly clock: Clock
  readonly events: Events
  readonly self: () => Life
  readonly peers: Peers
  readonly ledger: Ledger
  /** Behind all that this node has published. */
  readonly send: (node: string, message: Message) => boolean
  readonly listings: Listings
}

export class Digests {
  readonly #deps: DigestsDeps
  readonly #suspects = new Map<string, Suspect>()
  /** Of those whose listing was asked for: how many of its names were known then. */
  readonly #known = new Map<string, number>()
  /** Whom this node has given a listing -> when. */
  readonly #given = new Map<string, number>()
  #turn = 0
  #timer: Timer | undefined
  #closed = false

  constructor(deps: DigestsDeps) {
    this.#deps = deps
  }

  /** A new link, which begins with a listing, or the end of a member. */
  restart(node: string): void {
    this.#suspects.delete(node)
    this.#known.delete(node)
    this.#given.delete(node)
    this.#arm()
  }

  /** The last part of a SYNC is in. */
  listed(from: Life): void {
    this.#step(from, { type: 'listed' })
  }

  /** @returns false for a message of another folder */
  received(from: Life, message: Message): boolean {
    if (message.type !== 'DIGEST') return false
    const { ledger, listings, events } = this.#deps
    const difference = differenceOf(message, ledger.digestOn(from))
    const doubted = this.#suspects.has(from.node) ? listings.doubtsOf(from) : 0
    if (this.#step(from, { type: 'heard', difference, doubted }) === 'repaired') {
      const known = this.#known.get(from.node) ?? 0
      events.emit('repaired', { peer: from.node, known, told: message.live, doubted })
    }
    if (message.ask === 'listing') this.#list(from.node)
    else if (message.ask === 'digest') this.#tell(from.node, 'nothing')
    return true
  }

  /** Members whose digest was not ours for a while. One that differs for a moment is nothing to tell. */
  get size(): number {
    let size = 0
    for (const { stage } of this.#suspects.values()) if (stage !== 'seen') size += 1
    return size
  }

  close(): void {
    this.#closed = true
    this.#timer?.cancel()
  }

  /** Not more often than an honest member asks: it may be long. */
  #list(node: string): void {
    const { clock, listings } = this.#deps
    const before = this.#given.get(node)
    if (before !== undefined && clock.now() - before < REPAIR_MS) return
    this.#given.set(node, clock.now())
    listings.tell(node)
    this.#tell(node, 'nothing')
  }

  #step(from: Life, event: SuspectEvent): SuspectStep['effect'] {
    const { clock, ledger } = this.#deps
    const { state, effect } = stepSuspect(this.#suspects.get(from.node), event, clock.now())
    if (state === undefined) this.#suspects.delete(from.node)
    else this.#suspects.set(from.node, state)
    if (effect === 'listing') this.#known.set(from.node, ledger.digestOn(from).live)
    if (effect === 'listing' || effect === 'digest') this.#tell(from.node, effect)
    return effect
  }

  #tell(node: string, ask: MessageOf<'DIGEST'>['ask']): boolean {
    const { ledger, self, send } = this.#deps
    return send(node, { type: 'DIGEST', ...ledger.digestOn(self()), ask })
  }

  #arm(): void {
    const { clock, peers } = this.#deps
    if (this.#closed || peers.live().length === 0) return
    this.#timer ??= clock.after(REPAIR_MS, () => {
      this.#timer = undefined
      this.#beat()
      this.#arm()
    })
  }

  /** Whose digest is not ours is asked; one is told ours: whoever has a link, the next time another one. */
  #beat(): void {
    const live = this.#deps.peers.live()
    for (const member of live) this.#step(member, { type: 'beat' })
    this.#turn += 1
    const from = this.#turn % Math.max(1, live.length)
    for (const { node } of [...live.slice(from), ...live.slice(0, from)]) if (this.#tell(node, 'nothing')) return
  }
}
