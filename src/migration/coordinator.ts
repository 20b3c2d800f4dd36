/**
 * All moves of a node: starts departures, takes arrivals, remembers for others, and hands each message to its machine.
 *
 *   ref.sendMe -> process loop -> move() -> plan -> Departure          PREPARE -> Arrival
 *   BEGIN, ABORT, TAKE -> Holders        WHERE, LOCATED_OK -> Delegations      LOCATED -> Gateways
 */
import { fail, type MobilityError } from '../base/errors.js'
import { type Identity, sameAttempt, sameIdentity } from '../base/ids.js'
import { checkMs } from '../base/millis.js'
import type { Link } from '../link/link.js'
import type { Destination } from '../process/destination.js'
import type { MoveOptions, MoveResult } from '../process/directives.js'
import type { Process } from '../process/host.js'
import type { CallId } from '../process/mailbox.js'
import { asMobilityError, failure, success } from '../process/outcome.js'
import { sameOwner } from '../registry/table.js'
import type { Entry, Message, MessageOf } from '../wire/messages.js'
import { Arrivals } from './arrivals.js'
import { type MoveContext, notItsOwn } from './context.js'
import { Delegations } from './delegations.js'
import { Departure } from './departure.js'
import { Flushing } from './flushing.js'
import { Gateways } from './gateways.js'
import { Holders } from './holders.js'
import type { Death } from './machine-source.js'
import { type Parked, parkedOf } from './parked.js'
import type { Plan } from './plan.js'
import { Turns } from './turns.js'

export class Coordinator {
  readonly #context: MoveContext
  readonly gateways: Gateways
  readonly delegations: Delegations
  readonly #holders: Holders
  /** One per name: being planned, or under way. */
  readonly #departures = new Map<string, Departure>()
  /** Names of processes whose move is asked for and not under way yet. */
  readonly #planning = new Set<string>()
  readonly #turns: Turns
  readonly #arrivals: Arrivals
  readonly #flushing: Flushing
  readonly #counters = new WeakMap<Process, number>()
  #lastTransfer = 0

  constructor(context: MoveContext) {
    this.#context = context
    this.gateways = new Gateways(context)
    this.delegations = new Delegations(context, this.gateways)
    this.#turns = new Turns(context)
    this.#arrivals = new Arrivals(context, this.delegations)
    this.#flushing = new Flushing(context)
    this.#holders = new Holders(context, {
      tookOver: ({ name, epoch, line }, { destination, address }) => {
        const kind = context.directory.lookup(name)?.kind ?? ''
        const entry: Entry = { name, kind, ...destination, epoch, line, status: 'live', reason: '' }
        this.gateways.departed(entry, { cluster: destination.cluster, address }, true)
      },
    })
  }

  size(): Readonly<Record<string, number>> {
    return {
      departures: this.#departures.size + this.#planning.size,
      ...this.#arrivals.size(),
      flushing: this.#flushing.size,
      holders: this.#holders.size,
      delegations: this.delegations.size + this.gateways.size,
    }
  }

  // ---- out

  /** Starts a move. `answer` hears what it did, from whoever then owns the process. */
  move(process: Process, to: Destination, options: MoveOptions, answer: CallId | undefined): void {
    const { name } = process
    const say = (error: MobilityError): void => {
      if (answer !== undefined) process.answerLater(answer, failure(error))
      else this.#context.log.warn({ name, code: error.code }, `${name} stays: ${error.message}`)
    }
    if (this.#departures.has(name) || this.#planning.has(name)) return say(fail('ERR_MOVING', { name }))
    const stopped = this.#stopped()
    if (stopped !== undefined) return say(stopped)
    this.#planning.add(name)
    const unplanned = (error: unknown): void => {
      this.#planning.delete(name)
      this.#departures.delete(name)
      say(asMobilityError(error, (e) => fail('ERR_BAD_ARGUMENT', { what: `The move of ${name}`, why: String(e) })))
    }
    const ready = async (): Promise<void> => {
      const timeoutMs = checkMs('timeoutMs of a move', options.timeoutMs ?? this.#context.limits.moveTimeoutMs)
      const plan = await this.#turns.plan(process, to)
      const stopped = this.#stopped()
      if (plan !== undefined) {
        try {
          if (process.accepting && stopped === undefined) return this.#depart(process, to, plan, timeoutMs, answer)
        } catch (error) {
          this.#turns.done(plan.destination)
          throw error
        }
        this.#turns.done(plan.destination)
      }
      if (stopped !== undefined) throw stopped
      if (!process.accepting) throw fail('ERR_STOPPED', { name, reason: 'it ended before it could move' })
      this.#planning.delete(name)
      const stayed: MoveResult = { epoch: process.epoch, pauseMs: 0, stateBytes: 0, moved: false }
      if (answer !== undefined) process.answerLater(answer, success(stayed))
    }
    // It came here itself a moment ago: its source must know that before it goes on (a chain of moves).
    const arrival = this.#arrivals.get(name)
    const start = (): void => void ready().catch(unplanned)
    if (arrival === undefined) start()
    else arrival.whenSettled(start)
  }

  #stopped(): MobilityError | undefined {
    const { stopping, self } = this.#context
    return stopping() ? fail('ERR_NODE_STOPPED', { node: self().identity.node }) : undefined
  }

  #depart(process: Process, to: Destination, plan: Plan, timeoutMs: number, answer: CallId | undefined): void {
    const counter = (this.#counters.get(process) ?? 0) + 1
    this.#counters.set(process, counter)
    this.#lastTransfer += 1
    const departure = new Departure(this.#context, {
      process,
      attempt: { epoch: process.epoch, counter },
      to,
      plan,
      timeoutMs,
      answer,
      delegations: this.delegations.forMove(process.name, plan.destination.cluster),
      transfer: this.#lastTransfer,
      homeward: this.delegations
        .of(process.name)
        .some(({ home, cluster }) => home && cluster === plan.destination.cluster),
      over: (done, moved) => this.#departed(done, moved),
    })
    this.#planning.delete(process.name)
    this.#departures.set(process.name, departure)
    departure.start()
  }

  #departed(departure: Departure, moved: MessageOf<'ACTIVATED'> | undefined): void {
    const { name, process, destination, address, foreign } = departure
    this.#departures.delete(name)
    this.#turns.done(destination)
    if (departure.phase === 'woken') this.delegations.woken(name)
    if (departure.phase !== 'retired') return
    const { directory, replies, callBack } = this.#context
    const home =
      departure.delegations.find((one) => one.cluster === this.#context.self().identity.cluster)?.home ?? false
    this.delegations.left(name)
    replies.forget(process)
    if (moved !== undefined) {
      const { epoch, line } = moved
      const { node, incarnation } = destination
      const known = directory.lookup(name)
      const entry: Entry = { name, kind: process.kind.kind, node, incarnation, epoch, line, status: 'live', reason: '' }
      // It has gone on since, and its owner has said so himself (G2).
      const isNews = known === undefined || known.epoch < epoch
      if (!isNews) this.#context.log.debug({ name, epoch }, `${name} has gone on from ${node}`)
      else if (foreign) this.gateways.departed(entry, { cluster: destination.cluster, address }, home)
      else directory.learn(entry, node)
    } else {
      // Discarded by an operator: unless it lives elsewhere in a higher epoch, the name is free.
      const { node, incarnation } = this.#context.self().identity
      const { epoch, line, kind } = process
      const status = 'ended'
      directory.publish({ name, kind: kind.kind, node, incarnation, epoch, line, status, reason: 'discarded' })
    }
    this.#flushing.flush(departure, process, departure.sends, destination)
    callBack(name)
  }

  // ---- in

  /** @returns whether the message was about a move */
  received(link: Link, message: Message): boolean {
    switch (message.type) {
      case 'PREPARE':
        this.#arrivals.prepare(link, message)
        return true
      case 'CHUNK':
      case 'CHUNK_END':
        this.#arrivals.chunk(link, message)
        return true
      case 'COMMIT':
        this.#arrivals.commit(link, message)
        return true
      case 'RETIRED':
        this.#arrivals.retired(link, message)
        return true
      case 'TAKEN':
        this.#arrivals.taken(link, message)
        return true
      case 'TAKE_OVER':
        this.#arrivals.takeOver(link, message)
        return true
      case 'FLUSHED':
        this.#arrivals.flushed(link, message)
        return true
      case 'ABORT':
        this.#abort(link, message)
        return true
      case 'BEGIN':
        if (link.peer.member) this.#holders.begin(link, message)
        else notItsOwn(this.#context, link, message)
        return true
      case 'TAKE':
        if (link.peer.member) this.#holders.take(link, message)
        else notItsOwn(this.#context, link, message)
        return true
      case 'LOCATED':
        this.gateways.located(link, message)
        return true
      case 'LOCATED_OK':
        this.delegations.locatedOk(link, message)
        return true
      case 'WHERE':
        this.delegations.where(link, message)
        return true
      default:
        return this.#forSource(link, message)
    }
  }

  #forSource(link: Link, message: Message): boolean {
    switch (message.type) {
      case 'CREDIT': {
        for (const departure of this.#departures.values()) departure.credit(link, message)
        return true
      }
      case 'BEGUN':
      case 'PREPARED':
      case 'REFUSED':
      case 'ABORTED':
      case 'ACTIVATED': {
        const departure = this.#departures.get(message.name)
        if (departure !== undefined && sameAttempt(departure.attempt, message.attempt))
          departure.received(link, message)
        else this.#unexpected(link, message)
        return true
      }
      default:
        return false
    }
  }

  /** Of an attempt that is over here: whoever still asks is told how it ended. */
  #unexpected(link: Link, message: MessageOf<'BEGUN' | 'PREPARED' | 'REFUSED' | 'ABORTED' | 'ACTIVATED'>): void {
    const { name, attempt } = message
    if (message.type === 'REFUSED') this.#holders.refused(link, message)
    if (message.type === 'PREPARED') link.send({ type: 'ABORT', name, attempt })
    if (message.type === 'ACTIVATED' && !this.#holders.activated(link, message))
      link.send({ type: 'RETIRED', name, attempt })
  }

  /** This node may be D or H, and the first word to it may have been lost: it answers as both. */
  #abort(link: Link, message: MessageOf<'ABORT'>): void {
    if (this.#arrivals.abort(link, message)) return
    const { name, attempt } = message
    const verdict = link.peer.member ? this.#holders.abort(link, message) : 'aborted'
    if (verdict !== undefined) link.send({ type: 'ABORTED', name, attempt, by: 'holder', verdict })
  }

  // ---- the world

  /** A node has provably ended, or was declared dead. */
  died(identity: Identity, death: Death): void {
    for (const departure of [...this.#departures.values()]) departure.died(identity, death)
    this.#arrivals.died(identity, death)
    this.#holders.died(identity)
  }

  linkUp(link: Link): void {
    this.#flushing.linkUp(link)
    const { peer } = link
    const isPeer = (identity: Identity | undefined): boolean => identity !== undefined && sameIdentity(identity, peer)
    // What was said while it was down is lost: it is said again now, not when its next turn comes (G10).
    for (const departure of [...this.#departures.values()])
      if (isPeer(departure.destination) || isPeer(departure.holder)) departure.step({ type: 'tick' })
    for (const arrival of this.#arrivals.all()) arrival.linkUp(peer)
    if (!link.peer.member) this.gateways.linkUp(link)
  }

  linkDown(identity: Identity): void {
    for (const departure of [...this.#departures.values()]) departure.linkLost(identity)
  }

  /** Does this node hold a copy in the middle of a move from that life of a node? */
  holds(name: string, node: string, incarnation: number): boolean {
    const kept = this.#departures.get(name)?.keepsCopyFrom(node, incarnation) === true
    return kept || this.#arrivals.holds(name, node, incarnation) || this.#holders.holds(name, node, incarnation)
  }

  /** It may live elsewhere by now: that is about to be told. */
  isLeaving(name: string): boolean {
    return this.#departures.get(name)?.process.phase === 'frozen'
  }

  /** To which life of a node its move was committed, while that node has not said that it runs there. */
  committedTo(name: string): Identity | undefined {
    const departure = this.#departures.get(name)
    return departure?.isCommitted === true ? departure.destination : undefined
  }

  /** Somebody owns the name in a higher epoch. @returns whether the copy here was one in a move, and gave way */
  superseded(entry: Entry): boolean {
    const departure = this.#departures.get(entry.name)
    if (departure?.process.phase !== 'frozen') return false
    // Not sent yet: there is no move that could be over.
    if (departure.phase === 'freezing') return false
    // At an engine it is recorded before it runs there: D says when it does, or that it will not.
    const recorded = this.#context.moves !== undefined && sameOwner(departure.destination, entry)
    if (!recorded) departure.superseded(entry)
    return true
  }

  whenSettled(process: Process, then: () => void): void {
    const arrival = this.#arrivals.get(process.name)
    if (arrival?.process === process) arrival.whenSettled(then)
    else then()
  }

  doubtOf(name: string): string | undefined {
    return this.#departures.get(name)?.doubt ?? this.#arrivals.get(name)?.parked ?? this.#holders.doubtOf(name)
  }

  parked(): Parked[] {
    return parkedOf(this.#departures.values(), this.#arrivals.all(), this.#holders.inDoubt())
  }

  /** @returns whether there was something to decide */
  decide(name: string, choice: 'restore' | 'discard'): boolean {
    const departure = this.#departures.get(name)
    const arrival = this.#arrivals.get(name)
    if (departure?.doubt !== undefined) departure.step({ type: 'decide', choice })
    else if (arrival?.parked !== undefined) arrival.step({ type: 'decide', choice })
    else return choice === 'discard' && (this.#holders.giveUp(name) || this.gateways.giveUp(name))
    return true
  }

  /** The node stops: what is not committed is given up. @returns how many moves still need an answer */
  quiesce(reason: string): number {
    for (const departure of [...this.#departures.values()]) {
      departure.giveUp(fail('ERR_REFUSED', { node: departure.destination.node, name: departure.name, reason }))
    }
    for (const arrival of this.#arrivals.all()) arrival.step({ type: 'stopping' })
    return (
      this.#departures.size +
      this.#arrivals.all().filter((arrival) => arrival.phase === 'activating' || arrival.unsettled).length
    )
  }

  /** Moves that are over here, and of which a new owner has not heard all that it waits for. */
  get unsettled(): number {
    return this.#departures.size + this.#flushing.size
  }

  /** The engine says that the lease of its owner is over; of one that is owned here, that its move is recorded. */
  engineSaid({ name, node, incarnation }: Entry): void {
    const owner = { ...this.#context.self().identity, node, incarnation }
    if (sameIdentity(owner, this.#context.self().identity)) return this.#arrivals.get(name)?.lookUp()
    this.#departures.get(name)?.died(owner, 'verdict')
    this.#arrivals.get(name)?.died(owner, 'verdict')
  }

  /** Its owner is what the engine says of its move, whatever it was. */
  isRecording(name: string): boolean {
    const { phase } = this.#departures.get(name) ?? {}
    return phase === 'recording' || phase === 'committed' || phase === 'reclaiming'
  }

  sweep(): void {
    this.#context.moves?.sweep((name) => (this.#context.table.get(name) ?? this.#arrivals.get(name)) !== undefined)
    this.#arrivals.sweep()
    this.#flushing.sweep()
    this.#holders.sweep()
    this.delegations.sweep()
    this.gateways.sweep()
  }

  close(): void {
    for (const departure of this.#departures.values()) departure.close()
    this.#departures.clear()
    this.#planning.clear()
    this.#turns.close()
    this.#arrivals.close()
    this.#holders.close()
    this.delegations.close()
    this.gateways.close()
  }
}
