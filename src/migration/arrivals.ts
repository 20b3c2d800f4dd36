/** All moves that come to this node: which may begin, and which machine a message is for. */
import {
  type Attempt,
  compareAttempts,
  type Identity,
  nodeKey,
  originOf,
  sameAttempt,
  sameIdentity,
} from '../base/ids.js'
import type { Link } from '../link/link.js'
import type { Process } from '../process/host.js'
import type { Entry, MessageOf } from '../wire/messages.js'
import { Admission, isOwner } from './admission.js'
import { Arrival } from './arrival.js'
import { type MoveContext, notItsOwn } from './context.js'
import type { Delegations } from './delegations.js'
import type { Death } from './machine-source.js'
import { isAsked } from './recording.js'

interface AttemptOf {
  readonly name: string
  readonly attempt: Attempt
}

const transferKey = (from: Identity, transfer: number): string => `${originOf(from)} ${transfer}`

export class Arrivals {
  readonly #context: MoveContext
  readonly #delegations: Delegations
  readonly #admission: Admission
  readonly #arrivals = new Map<string, Arrival>()
  /** By node, those whose copy has not run yet. */
  readonly #copies = new Map<string, Set<Arrival>>()
  /** By life and transfer, those whose bytes are coming. */
  readonly #receiving = new Map<string, Arrival>()
  /** Processes whose sends wait for what their last node still has to flush. */
  readonly #holding = new Map<Process, { readonly from: Identity; readonly attempt: Attempt }>()

  constructor(context: MoveContext, delegations: Delegations) {
    this.#context = context
    this.#delegations = delegations
    this.#admission = new Admission(context)
  }

  size(): { arrivals: number; burned: number; holding: number } {
    return { arrivals: this.#arrivals.size, burned: this.#admission.size, holding: this.#holding.size }
  }

  get(name: string): Arrival | undefined {
    return this.#arrivals.get(name)
  }

  all(): Arrival[] {
    return [...this.#arrivals.values()]
  }

  #of({ name, attempt }: AttemptOf): Arrival | undefined {
    const arrival = this.#arrivals.get(name)
    return arrival?.is(attempt) === true ? arrival : undefined
  }

  // ---- messages

  prepare(link: Link, prepare: MessageOf<'PREPARE'>): void {
    const { name, attempt } = prepare
    const { peer } = link
    // Meant for an earlier life of this node (R8).
    if (prepare.toIncarnation !== this.#context.self().identity.incarnation) return
    const before = this.#arrivals.get(name)
    if (before !== undefined && nodeKey(before.from) !== nodeKey(peer) && !this.#replaces(link, prepare, before))
      return notItsOwn(this.#context, link, prepare)
    if (before !== undefined && compareAttempts(attempt, before.attempt) <= 0) return
    // A newer attempt says that the older one was given up at its source. Its copy would be taken for a namesake.
    before?.step({ type: 'abort' })
    const kind = this.#context.kinds.get(prepare.kind)
    const refusal = this.#admission.refusal(link, prepare, this.#copies.get(nodeKey(peer))?.size ?? 0)
    if (refusal !== undefined || kind === undefined) {
      const { code = 'ERR_KIND_UNKNOWN', message: text = '', fields = {} } = refusal ?? {}
      // The source says ERR_REFUSED itself, around this reason.
      const message = code === 'ERR_REFUSED' ? String(fields.reason) : text
      if (!this.#admission.burnFor(link, name, attempt)) return
      this.#context.log.warn({ name, from: peer.node, code }, `refused ${name} from ${peer.node}: ${message}`)
      link.send({ type: 'REFUSED', name, attempt, code, reason: message })
      return
    }
    const { cluster, node, incarnation, member, address } = peer
    const arrival = new Arrival(this.#context, {
      prepare,
      from: { cluster, node, incarnation },
      fromAddress: address,
      foreign: !member,
      kind,
      returning: this.#admission.isReturning(link, prepare),
      over: (done) => this.#over(done),
      activated: (done) => this.#activated(done),
    })
    this.#arrivals.set(name, arrival)
    this.#copies.set(nodeKey(peer), (this.#copies.get(nodeKey(peer)) ?? new Set()).add(arrival))
    this.#receiving.set(transferKey(peer, prepare.transfer), arrival)
    // Its death was told before there was anything here to tell it to, and is not told again.
    if (this.#context.isDead(arrival.holder)) arrival.died(arrival.holder, 'verdict')
    if (prepare.totalBytes === 0) arrival.step({ type: 'failed' })
  }

  /** The copy here is of a move that was given up, and nobody has told: its name has another owner since, this one. */
  #replaces(link: Link, prepare: MessageOf<'PREPARE'>, before: Arrival): boolean {
    const entry = this.#context.directory.lookup(prepare.name)
    if (entry === undefined || entry.epoch <= before.attempt.epoch || before.unsettled) return false
    return link.peer.member ? isOwner(link, entry, prepare.attempt) : this.#admission.isReturning(link, prepare)
  }

  /** It runs, or never will. */
  #settled(arrival: Arrival): void {
    const copies = this.#copies.get(nodeKey(arrival.from))
    copies?.delete(arrival)
    if (copies?.size === 0) this.#copies.delete(nodeKey(arrival.from))
    const key = transferKey(arrival.from, arrival.prepare.transfer)
    if (this.#receiving.get(key) === arrival) this.#receiving.delete(key)
  }

  chunk(link: Link, message: MessageOf<'CHUNK' | 'CHUNK_END'>): void {
    this.#receiving.get(transferKey(link.peer, message.transfer))?.chunk(message)
  }

  commit(link: Link, message: MessageOf<'COMMIT'>): void {
    if (message.toIncarnation !== this.#context.self().identity.incarnation) return
    const arrival = this.#of(message)
    if (arrival !== undefined) {
      // Only its source commits it.
      if (sameIdentity(arrival.from, link.peer)) arrival.commit(message.frozenUs)
      else notItsOwn(this.#context, link, message)
      return
    }
    const { name, attempt } = message
    // It was burned here and never ran: S may have its process back.
    if (!this.#admission.isBurned(link.peer, name, attempt)) return
    link.send({ type: 'REFUSED', name, attempt, code: 'ERR_SNAPSHOT', reason: 'this attempt was given up here' })
  }

  /** @returns whether the attempt is known here, or was overtaken, and the answer is given */
  abort(link: Link, message: MessageOf<'ABORT'>): boolean {
    const { name, attempt } = message
    const arrival = this.#of(message)
    if (arrival !== undefined) {
      if (!sameIdentity(arrival.from, link.peer)) notItsOwn(this.#context, link, message)
      // Burned now, it may be recorded to be here all the same. S says it again.
      else if (!isAsked(arrival)) arrival.step({ type: 'abort' })
      return true
    }
    const entry = this.#context.directory.lookup(name)
    // It was committed, and has gone on since: S was taken for dead, and must not run it again. Not when it was burned:
    // then the newer epoch is that of the claim for a process from outside, which was given back.
    const burned = this.#admission.isBurned(link.peer, name, attempt)
    if (!burned && entry !== undefined && entry.epoch > attempt.epoch && entry.node !== link.peer.node) {
      link.send({ type: 'ABORTED', name, attempt, by: 'destination', verdict: 'taken' })
      return true
    }
    // What is not burned is not answered: S asks again.
    return !this.#admission.burnFor(link, name, attempt)
  }

  retired(link: Link, message: MessageOf<'RETIRED'>): void {
    const arrival = this.#of(message)
    if (arrival === undefined) return
    if (arrival.mayRetire(link.peer)) arrival.step({ type: 'retired' })
    else notItsOwn(this.#context, link, message)
  }

  taken(link: Link, message: MessageOf<'TAKEN'>): void {
    const arrival = this.#of(message)
    if (arrival === undefined) return
    if (!sameIdentity(arrival.holder, link.peer)) return notItsOwn(this.#context, link, message)
    arrival.step({ type: 'taken', verdict: message.verdict })
  }

  takeOver(link: Link, message: MessageOf<'TAKE_OVER'>): void {
    const { name, attempt } = message
    const arrival = this.#of(message)
    const { cluster, node, incarnation, address, member } = link.peer
    // Among members D asks H, never the other way round.
    if (member) return notItsOwn(this.#context, link, message)
    if (arrival !== undefined) {
      if (!sameIdentity(arrival.holder, link.peer)) return notItsOwn(this.#context, link, message)
      arrival.tookOverFor = { identity: { cluster, node, incarnation }, address }
      // It may run here already, and answer to the gateway that died.
      this.#delegations.renew(link, name)
      return arrival.step({ type: 'takeOver' })
    }
    const entry = this.#context.directory.lookup(name)
    // It ran here, and is settled since: the new gateway learns that, and where it is now.
    if (entry !== undefined && entry.epoch > attempt.epoch && this.#delegations.serves(name, cluster)) {
      const { epoch, line } = entry
      this.#delegations.renew(link, name)
      link.send({ type: 'ACTIVATED', name, attempt, epoch, line, pauseUs: 0, bytes: 0 })
      return this.#delegations.where(link, { type: 'WHERE', name, epoch: attempt.epoch })
    }
    if (!this.#admission.burn({ cluster }, name, attempt)) return
    link.send({ type: 'REFUSED', name, attempt, code: 'ERR_SNAPSHOT', reason: 'there is no copy of it here' })
  }

  flushed(link: Link, { name, attempt, target }: MessageOf<'FLUSHED'>): void {
    // It may have moved on, or ended, with sends that are held here. The word of an earlier move opens nothing.
    for (const [process, held] of this.#holding) {
      const meant = process.name === name && sameAttempt(held.attempt, attempt) && sameIdentity(held.from, link.peer)
      if (meant) this.#context.channels.release(process, target)
    }
  }

  // ---- what arrivals say

  #over(arrival: Arrival): void {
    this.#settled(arrival)
    if (this.#arrivals.get(arrival.name) === arrival) this.#arrivals.delete(arrival.name)
    if (arrival.phase === 'burned') this.#admission.burn(arrival.from, arrival.name, arrival.attempt)
  }

  #activated(arrival: Arrival): void {
    this.#settled(arrival)
    const { name, epoch, process, from, attempt } = arrival
    const { node, incarnation } = this.#context.self().identity
    const { line, kind, delegations } = arrival.prepare
    const entry: Entry = { name, kind, node, incarnation, epoch, line, status: 'live', reason: '' }
    const asker = arrival.tookOverFor
    const renewed = delegations.map((one) =>
      one.cluster === asker?.identity.cluster ? { ...one, ...asker.identity, address: asker.address } : one,
    )
    this.#delegations.arrived(entry, renewed, from)
    if (process === undefined) return
    if (this.#context.isDead(from)) this.#context.channels.release(process)
    else if (this.#context.channels.holds(process)) this.#holding.set(process, { from, attempt })
  }

  // ---- the world

  died(identity: Identity, death: Death): void {
    for (const arrival of this.all()) arrival.died(identity, death)
    for (const [process, { from }] of this.#holding) {
      if (!sameIdentity(from, identity)) continue
      this.#context.channels.release(process)
      this.#holding.delete(process)
    }
  }

  /** A whole copy from that life of a node stands here and may yet come to life. */
  holds(name: string, node: string, incarnation: number): boolean {
    const arrival = this.#arrivals.get(name)
    return arrival?.holdsCopy === true && arrival.from.node === node && arrival.from.incarnation === incarnation
  }

  sweep(): void {
    this.#admission.sweep()
    for (const process of this.#holding.keys()) {
      if (!this.#context.channels.holds(process)) this.#holding.delete(process)
    }
  }

  close(): void {
    for (const arrival of this.#arrivals.values()) arrival.close()
    this.#arrivals.clear()
    this.#copies.clear()
    this.#receiving.clear()
    this.#holding.clear()
  }
}
