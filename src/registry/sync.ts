/**
 * What two members tell each other when a link between them comes up, or when one has missed something (digests.ts),
 * and what follows from what they do not tell.
 *
 *   link up --> SYNC parts: what this node runs, what ran here and lives elsewhere now, and what nobody is left to
 *               tell but those who heard of it: ends and recovering lives of nodes that are not members
 *               --> last --> VIEW (views.ts)
 *
 * What the table says the sender runs and its SYNC does not list is *in doubt*: neither live nor free, claims wait.
 *
 *   in doubt --its owner names it, or the entry changes--> cleared
 *      '------ a round: every member has answered a question put after the doubt, the view is settled ------> lost
 *
 * Why a round and no time. Whoever runs the name now, or let it go, has told us on its link to us: in a REGISTERED, or
 * if that was lost with a link in the SYNC of the next one. Both stand before its answer. A member without a link does
 * not answer; until it does, or is dead, the name may live there (G1, G8: a false `down`, then two copies).
 */
import type { Identity } from '../base/ids.js'
import type { Limits } from '../base/limits.js'
import type { Peers } from '../link/peers.js'
import type { Entry, MessageOf } from '../wire/messages.js'
import type { Ledger } from './ledger.js'
import { LOST, MOVED, RECOVERING } from './reasons.js'
import { sameOwner } from './table.js'
import type { Life, Views } from './views.js'

/** Entries in a message: with all texts at their limits it stays below a frame of 1 MiB. */
export const PART = 512

/** @returns at least one part, the last one marked */
const syncParts = (ledger: Ledger, isLive: (life: Life) => boolean): MessageOf<'SYNC'>[] => {
  const hint = ledger.hint()
  const entries: Entry[] = hint === undefined ? [] : [hint]
  for (const entry of ledger.movedAway()) {
    if (entry.status === 'live' && !ledger.isRecovering(entry.name)) entries.push({ ...entry, reason: MOVED })
    else if (entry.status === 'ended' && entry.reason !== LOST && isLive(entry)) entries.push(entry)
  }
  for (const entry of ledger.entries()) {
    if (ledger.isOwn(entry)) entries.push(entry)
    else if (ledger.isRecovering(entry.name)) {
      // A member speaks for itself.
      if (!isLive(entry)) entries.push(relayed(entry))
    } else if (entry.status === 'ended' && entry.reason !== LOST && !isLive(entry)) entries.push(entry)
  }
  const parts: MessageOf<'SYNC'>[] = []
  for (let i = 0; i < Math.max(1, entries.length); i += PART) {
    parts.push({ type: 'SYNC', entries: entries.slice(i, i + PART), last: i + PART >= entries.length })
  }
  return parts
}

/** The life of a dead node, as those tell it who knew it. */
export const relayed = (entry: Entry): Entry => ({ ...entry, reason: RECOVERING })

interface Doubt extends Life {
  readonly epoch: number
}

/** A question to all members on behalf of the doubts that there were. */
interface Round {
  readonly id: number
  readonly doubts: ReadonlyMap<string, Doubt>
  /** Who has not answered over its newest link. */
  readonly waiting: Set<string>
}

interface ListingsDeps {
  readonly ledger: Ledger
  readonly peers: Peers
  readonly self: () => Identity
  readonly views: () => Views
  readonly limits: Limits
  readonly freshId: () => number
  /** Behind all that this node has published. */
  readonly send: (node: string, message: MessageOf<'SYNC' | 'RECOVER_ASK'>) => void
}

/** What is told; and the receiving side: one listing a member at a time, and the doubts that are left of them. */
export class Listings {
  readonly #deps: ListingsDeps
  readonly #listed = new Map<string, Set<string>>()
  readonly #doubts = new Map<string, Doubt>()
  #round: Round | undefined

  constructor(deps: ListingsDeps) {
    this.#deps = deps
  }

  /** All that this node runs, and so on. */
  tell(node: string): void {
    const { ledger, peers, send } = this.#deps
    for (const part of syncParts(ledger, (life) => peers.isLive(life.node, life.incarnation))) send(node, part)
  }

  /** A new link, or the end of a member: what came of a listing so far is void, and what it answered. */
  restart(node: string): void {
    this.#listed.delete(node)
    this.#round?.waiting.add(node)
  }

  /** Others are to be asked. */
  viewChanged(): void {
    this.#round = undefined
  }

  /** What the owner names it runs, or has ended. @returns what was in doubt and is not any more */
  named(from: Life, entries: readonly Entry[]): string[] {
    return entries.filter(({ name, node }) => node === from.node && this.#doubts.delete(name)).map(({ name }) => name)
  }

  part(from: Life, entries: readonly Entry[], last: boolean): void {
    const listed = this.#listed.get(from.node) ?? new Set<string>()
    // That it went elsewhere has changed the table, or was not believed.
    for (const { name, reason } of entries) {
      // What is beyond the limit is not in the table either.
      if (reason !== MOVED && listed.size < this.#deps.limits.registryEntriesMax) listed.add(name)
    }
    this.#listed.set(from.node, listed)
    if (!last) return
    this.#listed.delete(from.node)
    const { ledger } = this.#deps
    for (const entry of ledger.liveOn(from)) {
      const { name, node, incarnation, epoch } = entry
      if (listed.has(name)) continue
      this.#doubts.set(name, { node, incarnation, epoch })
      // Its life is not over, whoever told so: nobody would judge it.
      ledger.cleared(entry)
    }
  }

  /** The answer itself says nothing: what counts is all that stands before it on the link. */
  said(from: Life, { id }: MessageOf<'RECOVER_SAY'>): void {
    if (this.#round?.id === id) this.#round.waiting.delete(from.node)
  }

  /** Has its owner left it out, and nobody cleared it up yet? */
  isDoubted(name: string): boolean {
    const doubt = this.#doubts.get(name)
    return doubt !== undefined && this.#stands(name, doubt)
  }

  /** Ends a round that is over, goes on with the next. @returns whether doubts are left */
  beat(): boolean {
    for (const [name, doubt] of [...this.#doubts]) if (!this.#stands(name, doubt)) this.#doubts.delete(name)
    const { views, peers, freshId } = this.#deps
    if (this.#round?.waiting.size === 0 && views().settled) this.#conclude(this.#round)
    if (this.#doubts.size === 0) this.#round = undefined
    else {
      const waiting = new Set(peers.live().map(({ node }) => node))
      this.#round ??= { id: freshId(), doubts: new Map(this.#doubts), waiting }
      this.#ask(this.#round)
    }
    return this.#doubts.size > 0
  }

  get doubts(): number {
    return this.#doubts.size
  }

  /** Names of that life that are in doubt. */
  doubtsOf(owner: Life): number {
    let found = 0
    for (const [name, doubt] of this.#doubts) if (sameOwner(doubt, owner) && this.#stands(name, doubt)) found += 1
    return found
  }

  #conclude({ doubts }: Round): void {
    this.#round = undefined
    for (const [name, doubt] of doubts) {
      // Another doubt of the same name has come up since: it waits for the next round.
      if (this.#doubts.get(name) !== doubt) continue
      this.#doubts.delete(name)
      this.#deps.ledger.markLost(name)
    }
  }

  /** Names nothing: who is asked must not take it for an inquest. */
  #ask({ id, waiting }: Round): void {
    const { node, incarnation } = this.#deps.self()
    for (const member of waiting) this.#deps.send(member, { type: 'RECOVER_ASK', id, node, incarnation, names: [] })
  }

  #stands(name: string, doubt: Doubt): boolean {
    const { ledger } = this.#deps
    const entry = ledger.get(name)
    if (entry?.status !== 'live' || ledger.isRecovering(name)) return false
    return sameOwner(entry, doubt) && entry.epoch === doubt.epoch
  }
}
