/**
 * The driver of all holder machines of a node: what it remembers of other nodes' attempts, and, when such a source is
 * dead and its destination lives in another cluster, the one who tells that destination to run (it never does unasked).
 */
import type { Address, Attempt, Identity } from '../base/ids.js'
import { sameAttempt, sameIdentity } from '../base/ids.js'
import type { Timer } from '../base/ports.js'
import type { Link } from '../link/link.js'
import { isPlausible } from '../registry/plausible.js'
import type { MessageOf } from '../wire/messages.js'
import { isOwner } from './admission.js'
import { type MoveContext, moveEvent, notItsOwn, tell } from './context.js'
import { type HolderState, stepHolder } from './machine-holder.js'

interface Held {
  state: HolderState
  readonly source: Identity
  readonly destination: Identity | undefined
  readonly address: Address | undefined
  readonly foreign: boolean
  at: number
  /** Asks a foreign destination to take over, until it answers. */
  asking: { timer: Timer; readonly since: number; readonly letGo: () => void } | undefined
}

/** What a record becomes. Only of the very same attempt it is known where it went. */
const heldOf = (known: Held | undefined, state: HolderState, source: Identity, destination?: Identity): Held =>
  known !== undefined && sameAttempt(known.state.attempt, state.attempt)
    ? { ...known, state }
    : { state, source, destination, address: undefined, foreign: false, at: 0, asking: undefined }

interface HoldersDeps {
  /** A foreign destination runs the process of a dead source: this node is the gateway now. */
  readonly tookOver: (message: MessageOf<'ACTIVATED'>, held: { destination: Identity; address: Address }) => void
}

export class Holders {
  readonly #context: MoveContext
  readonly #deps: HoldersDeps
  readonly #held = new Map<string, Held>()

  constructor(context: MoveContext, deps: HoldersDeps) {
    this.#context = context
    this.#deps = deps
  }

  get size(): number {
    return this.#held.size
  }

  begin(link: Link, message: MessageOf<'BEGIN'>): void {
    const { name, attempt } = message
    const entry = this.#context.directory.lookup(name)
    // D runs it already: late, and of no more use.
    if (entry !== undefined && entry.epoch > attempt.epoch) return
    if (entry === undefined || !isOwner(link, entry, attempt)) return notItsOwn(this.#context, link, message)
    const known = this.#held.get(name)
    const { state, answer } = stepHolder(known?.state, { type: 'begin', attempt })
    if (state !== undefined && (known === undefined || !sameAttempt(known.state.attempt, state.attempt))) {
      const { destination, address, foreign } = message
      this.#put(name, { state, source: link.peer, destination, address, foreign, at: 0, asking: undefined })
    }
    if (answer === 'begun') link.send({ type: 'BEGUN', name, attempt })
    this.#event(name, attempt, 'begin', link.peer.node)
  }

  /** @returns what S is told: it may resume, or D has it; undefined for anybody else */
  abort(link: Link, message: MessageOf<'ABORT'>): 'aborted' | 'taken' | undefined {
    const { name, attempt } = message
    const known = this.#held.get(name)
    const entry = this.#context.directory.lookup(name)
    const begun = known !== undefined && sameIdentity(known.source, link.peer)
    if (!begun && (entry === undefined || !isOwner(link, entry, attempt))) {
      // Late: the life that it was about has ended, or has gone on since.
      const over = entry !== undefined && (entry.epoch > attempt.epoch || entry.status === 'ended')
      if (!over) notItsOwn(this.#context, link, message)
      return undefined
    }
    const { state, answer } = stepHolder(known?.state, { type: 'abort', attempt })
    if (state !== undefined) this.#put(name, heldOf(known, state, link.peer))
    this.#event(name, attempt, 'abort', link.peer.node)
    return answer === 'taken' || answer === 'closed' ? 'taken' : 'aborted'
  }

  take(link: Link, message: MessageOf<'TAKE'>): void {
    const { name, attempt } = message
    const newest = this.#held.get(name)
    // An attempt of an earlier owner says nothing about this one's source: whether that is dead, nor where it went.
    const known = newest?.state.attempt.epoch === attempt.epoch ? newest : undefined
    // Only its destination asks for a copy; for one that this node never heard of, in the name's own epoch, anybody.
    const { destination } = known !== undefined && sameAttempt(known.state.attempt, attempt) ? known : {}
    const epoch = this.#context.directory.lookup(name)?.epoch ?? 0
    if ((destination !== undefined && !sameIdentity(destination, link.peer)) || attempt.epoch > epoch)
      return notItsOwn(this.#context, link, message)
    const sourceDead = known !== undefined && this.#context.isDead(known.source)
    const { state, answer } = stepHolder(known?.state, { type: 'take', attempt, sourceDead })
    if (state !== undefined && known !== undefined) this.#put(name, heldOf(known, state, known.source, link.peer))
    // Nothing is known of it: whoever remembers nothing must not grant anything, now or later.
    const verdict = answer === 'silence' || answer === 'begun' ? 'unknown' : known === undefined ? 'unknown' : answer
    link.send({ type: 'TAKEN', name, attempt, verdict })
    this.#event(name, attempt, 'takeover', link.peer.node, verdict)
  }

  #put(name: string, held: Held): void {
    const before = this.#held.get(name)
    if (before !== undefined && before.asking !== held.asking) this.#stopAsking(before)
    held.at = this.#context.clock.now()
    this.#held.set(name, held)
  }

  #event(
    name: string,
    attempt: Attempt,
    phase: Parameters<typeof moveEvent>[2]['phase'],
    peer: string,
    cause = '',
  ): void {
    moveEvent(this.#context, { name, attempt }, { phase, role: 'holder', peer, cause })
  }

  // ---- a dead source whose destination is in another cluster

  died(identity: Identity): void {
    for (const [name, held] of this.#held) {
      if (this.#isOpen(name, held) && sameIdentity(held.source, identity)) this.#ask(name, held)
    }
  }

  /** A foreign destination may have a copy from that life of a node: this node asks it, or is about to. */
  holds(name: string, node: string, incarnation: number): boolean {
    const held = this.#held.get(name)
    if (held === undefined || !this.#isOpen(name, held)) return false
    return held.source.node === node && held.source.incarnation === incarnation
  }

  /** A destination in another cluster may have it, and nobody knows of a newer epoch: then it has a gateway already. */
  #isOpen(name: string, { foreign, state }: Held): boolean {
    return foreign && state.status === 'begun' && !this.#outgrown(name, state.attempt)
  }

  #outgrown(name: string, attempt: Attempt): boolean {
    const entry = this.#context.directory.lookup(name)
    return entry !== undefined && entry.epoch > attempt.epoch
  }

  #ask(name: string, held: Held): void {
    const { address, destination } = held
    if (held.asking !== undefined || address === undefined || destination === undefined) return
    const { clock, limits, roads, isDead } = this.#context
    const send = (): void => {
      // What is remembered of the name may be another record by now.
      if (this.#held.get(name) !== held || !this.#isOpen(name, held)) return this.#stopAsking(held)
      // G10: both have ended, so nobody can run that attempt any more: there is nothing left to wait for.
      if (isDead(destination)) return this.#close(name, held)
      void roads.connect(address).catch(() => undefined)
      tell(this.#context, destination, { type: 'TAKE_OVER', name, attempt: held.state.attempt })
      if (held.asking !== undefined) held.asking.timer = clock.after(limits.resendMs * 5, send)
    }
    held.asking = { timer: clock.after(0, send), since: clock.now(), letGo: roads.keep(address) }
  }

  #stopAsking(held: Held): void {
    held.asking?.timer.cancel()
    held.asking?.letGo()
    held.asking = undefined
  }

  /** G10: those that nobody answers for: their callers were kept waiting for too long. */
  inDoubt(): { readonly name: string; readonly reason: string }[] {
    return [...this.#held.keys()].flatMap((name) => {
      const reason = this.doubtOf(name)
      return reason === undefined ? [] : { name, reason }
    })
  }

  doubtOf(name: string): string | undefined {
    const { clock, limits } = this.#context
    const { asking, source, destination } = this.#held.get(name) ?? {}
    if (asking === undefined || clock.now() - asking.since < limits.callTimeoutMs) return undefined
    return `${source?.node} ended in the middle of its move, and ${destination?.node} does not answer`
  }

  /** The operator's word that the destination will not run it. @returns whether it was in doubt */
  giveUp(name: string): boolean {
    const held = this.#held.get(name)
    if (held?.asking === undefined) return false
    this.#close(name, held)
    return true
  }

  /** @returns whether it was the answer of a destination that was asked */
  activated({ peer }: Link, message: MessageOf<'ACTIVATED'>): boolean {
    const held = this.#asked(peer, message)
    if (held?.destination === undefined || held.address === undefined) return false
    if (!isPlausible(message.epoch, message.attempt.epoch, this.#context.clock.wall())) return false
    held.state = { ...held.state, status: 'taken' }
    this.#deps.tookOver(message, { destination: held.destination, address: held.address })
    this.#stopAsking(held)
    tell(this.#context, held.destination, { type: 'RETIRED', name: message.name, attempt: message.attempt })
    return true
  }

  refused({ peer }: Link, message: MessageOf<'REFUSED'>): boolean {
    const held = this.#asked(peer, message)
    if (held === undefined) return false
    this.#close(message.name, held)
    return true
  }

  /** Its destination will not run it: it has refused, or that life of it has ended. */
  #close(name: string, held: Held): void {
    held.state = { ...held.state, status: 'closed' }
    this.#stopAsking(held)
    this.#event(name, held.state.attempt, 'closed', held.destination?.node ?? '')
  }

  #asked(by: Identity, { name, attempt }: { readonly name: string; readonly attempt: Attempt }): Held | undefined {
    const held = this.#held.get(name)
    if (held?.destination === undefined || !sameIdentity(held.destination, by)) return undefined
    return held?.asking !== undefined && sameAttempt(held.state.attempt, attempt) ? held : undefined
  }

  /** What the name has outgrown is forgotten, and what is old. */
  sweep(): void {
    const before = this.#context.clock.now() - this.#context.limits.endedMs
    for (const [name, held] of this.#held) {
      if (held.asking !== undefined) continue
      // An attempt that is open outlives its source only as long as the name: its verdict asked for copies.
      const open = held.state.status === 'begun' && this.#context.directory.lookup(name)?.status === 'live'
      if (this.#outgrown(name, held.state.attempt) || (held.at < before && !open)) this.#held.delete(name)
    }
  }

  close(): void {
    for (const held of this.#held.values()) this.#stopAsking(held)
    this.#held.clear()
  }
}
