/**
 * What two members tell each other when a link between them comes up, and what follows from what they do not tell.
 *
 *   link up --> SYNC parts: what this node runs, and what nobody is left to tell but those who heard of it:
 *               ends and recovering lives of nodes that are not members --> last --> VIEW (views.ts)
 *
 * What the table says the sender runs and its SYNC does not list is *in doubt*: its end was lost with a link, or it
 * was moved and its new owner's word is on the way. What nothing has cleared after `DOUBT_MS` is lost.
 */
import type { Entry, MessageOf } from '../wire/messages.js'
import { type Ledger, LOST, RECOVERING } from './ledger.js'
import { ownerKey } from './table.js'
import type { Life } from './views.js'

/** Entries in a message: with all texts at their limits it stays below a frame of 1 MiB. */
export const PART = 512
const DOUBT_MS = 1_000

/** @returns at least one part, the last one marked */
export const syncParts = (ledger: Ledger, isLive: (life: Life) => boolean): MessageOf<'SYNC'>[] => {
  const hint = ledger.hint()
  const entries: Entry[] = hint === undefined ? [] : [hint]
  for (const entry of ledger.entries()) {
    if (ledger.isOwn(entry)) entries.push(entry)
    else if (ledger.isRecovering(entry.name)) entries.push(relayed(entry))
    else if (entry.status === 'ended' && entry.reason !== LOST && !isLive(entry)) entries.push(entry)
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
  readonly since: number
}

/** The receiving side: one listing a member at a time, and the doubts that are left of those before. */
export class Listings {
  readonly #ledger: Ledger
  readonly #listed = new Map<string, Set<string>>()
  readonly #doubts = new Map<string, Doubt>()

  constructor(ledger: Ledger) {
    this.#ledger = ledger
  }

  /** A new link, or the end of a member: what came of a listing so far is void. */
  restart(node: string): void {
    this.#listed.delete(node)
  }

  /** What the owner names it runs, or has ended. */
  named(from: Life, entries: readonly Entry[]): void {
    for (const { name, node } of entries) if (node === from.node) this.#doubts.delete(name)
  }

  part(from: Life, entries: readonly Entry[], last: boolean, now: number): void {
    const listed = this.#listed.get(from.node) ?? new Set<string>()
    for (const { name } of entries) listed.add(name)
    this.#listed.set(from.node, listed)
    if (!last) return
    this.#listed.delete(from.node)
    for (const { name, node, incarnation, epoch } of this.#ledger.liveOn(from)) {
      if (!listed.has(name)) this.#doubts.set(name, { node, incarnation, epoch, since: now })
    }
  }

  /** Gives up what has been in doubt for long enough. @returns whether doubts are left */
  beat(now: number): boolean {
    for (const [name, doubt] of [...this.#doubts]) {
      const entry = this.#ledger.get(name)
      const same = entry?.status === 'live' && ownerKey(entry) === ownerKey(doubt) && entry.epoch === doubt.epoch
      if (same && now - doubt.since < DOUBT_MS) continue
      this.#doubts.delete(name)
      if (same && !this.#ledger.isRecovering(name)) this.#ledger.markLost(name)
    }
    return this.#doubts.size > 0
  }

  get doubts(): number {
    return this.#doubts.size
  }
}
