/**
 * The driver of one move at its source: plans, freezes, sends, and performs what machine-source.ts decides.
 *
 *   plan (D's kinds, size, consent) -> freeze -> image -> PREPARE + chunks, BEGIN -> ... -> resume | wake | retire
 */
import { Alarm } from '../base/alarm.js'
import { fail, type MobilityError } from '../base/errors.js'
import type { MovePhase } from '../base/events.js'
import { type Address, type Attempt, type Identity, sameIdentity } from '../base/ids.js'
import type { Link } from '../link/link.js'
import type { Destination } from '../process/destination.js'
import type { Process } from '../process/host.js'
import type { CallId, SystemMessage } from '../process/mailbox.js'
import { isPlausible } from '../registry/plausible.js'
import type { Delegation, Entry, Message, MessageOf } from '../wire/messages.js'
import { Asker } from './asker.js'
import { Outgoing } from './chunks.js'
import { type MoveContext, moveEvent, notItsOwn, type PhaseFigures, tell, tellParked } from './context.js'
import {
  beginSource,
  type Death,
  isSourceOver,
  isUndecided,
  mayHaveLeft,
  type SourceEffect,
  type SourceEvent,
  type SourceState,
  stepSource,
} from './machine-source.js'
import { pack } from './packing.js'
import type { Plan } from './plan.js'
import { Recording } from './recording.js'
import type { SnapshotBytes } from './snapshot.js'
import {
  abortedOf,
  activatedBy,
  beginOf,
  commitOf,
  doubtOf,
  endedOf,
  latenessOf,
  logLeft,
  logStayed,
  prepareOf,
  refusalOf,
} from './source-words.js'
import { goOn, wake } from './waking.js'

interface DepartureOptions {
  readonly process: Process
  readonly attempt: Attempt
  readonly to: Destination
  readonly plan: Plan
  readonly timeoutMs: number
  readonly answer: CallId | undefined
  readonly delegations: readonly Delegation[]
  readonly transfer: number
  /** It goes back to the cluster in which it was started. */
  readonly homeward: boolean
  /** It is over; `moved` says where it lives now. */
  readonly over: (departure: Departure, moved: MessageOf<'ACTIVATED'> | undefined) => void
}

export class Departure {
  readonly process: Process
  readonly attempt: Attempt
  readonly destination: Identity
  readonly address: Address
  readonly foreign: boolean
  readonly holder: Identity | undefined
  readonly delegations: readonly Delegation[]
  sends: readonly string[] = []
  readonly #context: MoveContext
  readonly #options: DepartureOptions
  readonly #asker: Asker
  readonly #recording: Recording | undefined
  #state: SourceState
  #freeze: SystemMessage | undefined
  #packed: SnapshotBytes | undefined
  #stateBytes = 0
  #outgoing: Outgoing | undefined
  #frozenAt = 0
  readonly #deadline: Alarm
  readonly #tick: Alarm
  readonly #doubt: Alarm
  /** Since it first waited for a word without which nothing can go on. */
  #waits = false
  #witness: { cancel(): void } | undefined
  #backoffMs: number
  readonly #letGo: () => void
  #cause: MobilityError | undefined
  #activated: MessageOf<'ACTIVATED'> | undefined
  /** Why it is in doubt, once callers were kept waiting for too long. */
  doubt: string | undefined

  constructor(context: MoveContext, options: DepartureOptions) {
    const { plan } = options
    this.#context = context
    this.#options = options
    this.process = options.process
    this.#asker = new Asker(options.process, options.answer)
    this.attempt = options.attempt
    this.destination = plan.destination
    this.address = plan.address
    this.foreign = plan.foreign
    this.holder = plan.holder
    this.delegations = options.delegations
    this.#recording = context.moves === undefined ? undefined : new Recording(context.moves, this)
    const thirdHolder = plan.holder !== undefined
    this.#state = beginSource({ ...options, thirdHolder, foreign: plan.foreign, engine: this.#recording !== undefined })
    this.#backoffMs = context.limits.resendMs
    this.#deadline = new Alarm(context.clock, () => this.giveUp(latenessOf(this, options.timeoutMs)))
    this.#tick = new Alarm(context.clock, () => this.#again())
    this.#doubt = new Alarm(context.clock, () => this.#doubtful())
    // Members are linked anyway; for a node of another cluster somebody must ask for it.
    this.#letGo = plan.foreign ? context.roads.keep(plan.address) : () => {}
  }

  get phase(): SourceState['phase'] {
    return this.#state.phase
  }

  get name(): string {
    return this.process.name
  }

  start(): void {
    this.#progress()
    const { to, timeoutMs } = this.#options
    this.#freeze = { what: 'freeze', to, ms: timeoutMs, frozen: (error) => void this.#frozen(error) }
    this.process.system(this.#freeze)
  }

  /** Before the freeze, and as long as something moves: time is counted from the last progress. */
  #progress(): void {
    this.#deadline.set(this.#options.timeoutMs)
  }

  giveUp(cause: MobilityError): void {
    this.because(cause)
    this.step({ type: 'giveUp' })
  }

  because(cause: MobilityError): void {
    this.#cause ??= cause
  }

  async #frozen(error: unknown): Promise<void> {
    if (error !== undefined) return this.giveUp(error as MobilityError)
    // Given up while mayMove was asked: nothing was sent, so it simply goes on.
    if (isSourceOver(this.#state)) return goOn(this.#context, this.process)
    this.#frozenAt = this.#context.clock.now()
    this.#event('freeze')
    this.#progress()
    const { timeoutMs, answer, plan } = this.#options
    try {
      const options = { timeoutMs, answer, bytesMax: plan.stateBytesMax, over: () => this.#over() }
      ;({ packed: this.#packed, sends: this.sends } = await pack(this.#context, this.process, options))
    } catch (thrown) {
      return this.giveUp(thrown as MobilityError)
    }
    const ended = this.#over()
    if (ended !== undefined) return this.giveUp(ended)
    this.#progress()
    this.step({ type: 'frozen' })
  }

  /** Given up; or the process was killed, and is not sent any more (G2). */
  #over(): MobilityError | undefined {
    return isSourceOver(this.#state) || this.process.phase !== 'frozen' ? endedOf(this) : undefined
  }

  // ---- what comes in

  credit(link: Link, { transfer, received }: MessageOf<'CREDIT'>): void {
    if (transfer !== this.#options.transfer || !sameIdentity(link.peer, this.destination)) return
    if (this.#outgoing?.credit(received) === true && this.phase === 'preparing') this.#progress()
  }

  received(link: Link, message: MessageOf<'BEGUN' | 'PREPARED' | 'REFUSED' | 'ABORTED' | 'ACTIVATED'>): void {
    // Only D and H have a say, and only in this life of theirs.
    const ofHolder = message.type === 'BEGUN' || message.type === 'ABORTED'
    const from = [this.destination, ofHolder ? this.holder : undefined]
    if (!from.some((known) => known !== undefined && sameIdentity(link.peer, known)))
      return notItsOwn(this.#context, link, message)
    switch (message.type) {
      case 'BEGUN':
        return this.step({ type: 'begun' })
      case 'PREPARED':
        this.#event('prepared')
        return this.step({ type: 'prepared' })
      case 'REFUSED':
        this.#cause ??= refusalOf(this, message)
        return this.step({ type: 'refused' })
      case 'ABORTED':
        return this.step({ type: message.verdict === 'taken' ? 'taken' : 'aborted' })
      case 'ACTIVATED':
        if (!isPlausible(message.epoch, this.attempt.epoch, this.#context.clock.wall()))
          return notItsOwn(this.#context, link, message)
        this.#activated = message
        return this.step({ type: 'activated' })
    }
  }

  /** The registry knows an owner in a higher epoch: as good as ACTIVATED. */
  superseded(entry: Entry): void {
    this.#activated ??= activatedBy(entry, this.attempt)
    this.step({ type: 'activated' })
  }

  died(identity: Identity, death: Death): void {
    if (sameIdentity(identity, this.destination)) {
      this.#cause ??= fail('ERR_UNREACHABLE', { what: `Node ${identity.node}`, reason: 'it died during the move' })
      this.step({ type: 'destinationDead', death })
    }
    if (this.holder === undefined || !sameIdentity(identity, this.holder)) return
    if (this.phase === 'freezing' || this.phase === 'preparing')
      this.#cause ??= fail('ERR_UNREACHABLE', { what: `Node ${identity.node}`, reason: 'it held the move, and died' })
    this.step({ type: 'holderDead', death })
  }

  /** It was committed to that node, and the frozen copy here is what is left if that node dies. */
  keepsCopyFrom(node: string, incarnation: number): boolean {
    const keeps = this.phase === 'committed' || this.phase === 'parked' || this.phase === 'woken'
    return keeps && this.destination.node === node && this.destination.incarnation === incarnation
  }

  get isCommitted(): boolean {
    return mayHaveLeft(this.#state)
  }

  /** Before PREPARED a broken link means to begin anew; after it, the timer goes on asking. */
  linkLost(identity: Identity): void {
    const { cluster, node } = this.destination
    if (identity.cluster !== cluster || identity.node !== node || this.phase !== 'preparing') return
    this.giveUp(fail('ERR_LINK_LOST', { peer: node, reason: 'it broke during the move' }))
  }

  // ---- machine

  step(event: SourceEvent): void {
    const { phase, begun, prepared } = this.#state
    const { state, effects } = stepSource(this.#state, event)
    this.#state = state
    // What D and H repeat is no progress (G10).
    const moves = state.phase !== phase || state.begun !== begun || state.prepared !== prepared
    if (moves) this.#entered(phase)
    for (const effect of effects) {
      // An effect may have ended it: what was to follow is void.
      if (isSourceOver(this.#state) && !isSourceOver(state)) return
      this.#perform(effect)
    }
  }

  #entered(before: SourceState['phase']): void {
    const { phase } = this.#state
    if (phase === 'freezing' || phase === 'preparing') this.#progress()
    else this.#deadline.stop()
    if (phase === before) return
    this.#backoffMs = this.#context.limits.resendMs
    if (!isSourceOver(this.#state)) this.#tick.set(this.#backoffMs)
    if (phase === 'aborting') this.#event('abort', { cause: this.#cause?.code ?? '' })
    if (isUndecided(this.#state) && !this.#waits) this.#doubt.set(this.#context.limits.callTimeoutMs)
    this.#waits ||= isUndecided(this.#state)
  }

  #again(): void {
    this.#backoffMs = Math.min(this.#backoffMs * 2, this.#context.limits.resendMsMax)
    this.step({ type: 'tick' })
    if (!isSourceOver(this.#state)) this.#tick.set(this.#backoffMs)
  }

  /** Nobody waits for ever to hear that nobody knows. */
  #doubtful(): void {
    this.doubt = doubtOf(this)
    this.#asker.tell(fail('ERR_IN_DOUBT', { name: this.name, reason: this.doubt }))
  }

  #perform(effect: SourceEffect): void {
    if (this.#recording?.perform(effect) === true) return
    switch (effect.type) {
      case 'sendPrepare':
        return this.#sendPrepare()
      case 'sendBegin':
        return this.#toHolder(beginOf(this))
      case 'detach':
        return void this.process.detach().then(() => this.step({ type: 'detached' }))
      case 'sendCommit':
        return this.#sendCommit()
      case 'sendAbort':
        this.#outgoing?.stop()
        if (effect.toHolder) this.#toHolder({ type: 'ABORT', name: this.name, attempt: this.attempt })
        if (effect.toDestination) this.#toDestination('ABORT')
        return
      case 'sendRetired':
        return this.#toDestination('RETIRED')
      case 'askWitness': {
        const { name, holder, destination } = this
        const agreed = (): void => this.step({ type: 'witnessed' })
        if (holder !== undefined) this.#witness = this.#context.witness(name, holder, destination, agreed)
        return
      }
      case 'resume':
        return this.#resume()
      case 'wake':
        return this.#wake(effect.reason)
      case 'retire':
        return this.#retire()
      case 'park':
        this.doubt = effect.reason
        tellParked(this.#context, this.name, 'source', effect.reason)
        this.#asker.tell(fail('ERR_IN_DOUBT', { name: this.name, reason: effect.reason }))
    }
  }

  #toHolder(message: Message): void {
    if (this.holder !== undefined) tell(this.#context, this.holder, message)
  }

  #toDestination(type: 'ABORT' | 'RETIRED'): void {
    tell(this.#context, this.destination, { type, name: this.name, attempt: this.attempt })
  }

  #sendPrepare(): void {
    const link: Link | undefined = this.#context.roads.to(this.destination)
    const packed = this.#packed
    if (link === undefined || packed === undefined) {
      this.#cause ??= fail('ERR_LINK_LOST', { peer: this.destination.node, reason: 'it broke before the move' })
      return this.step({ type: 'notSent' })
    }
    const { transfer } = this.#options
    // Neither D nor H takes a move of a name of which it has not heard that it is ours.
    this.#context.directory.flush()
    this.#stateBytes = packed.bytes
    link.send(prepareOf(this, transfer, packed.bytes))
    this.#outgoing = new Outgoing(link, transfer, packed, this.#context, (error) => this.giveUp(error))
    this.#event('prepare', { bytes: packed.bytes })
    this.#outgoing.start()
  }

  #sendCommit(): void {
    const frozenUs = Math.round((this.#context.clock.now() - this.#frozenAt) * 1_000)
    tell(this.#context, this.destination, commitOf(this, frozenUs))
    if (this.#packed !== undefined) this.#event('commit', { bytes: this.#stateBytes })
    // The snapshot is not needed any more: the frozen copy itself is what could be woken.
    this.#outgoing = undefined
    this.#packed = undefined
  }

  // ---- the three ends

  /** G6: as if nothing had been. */
  #resume(): void {
    const cause = this.#cause ?? abortedOf(this)
    if (this.#freeze !== undefined) this.process.mailbox.withdraw(this.#freeze)
    this.#event(cause.code === 'ERR_REFUSED' ? 'refused' : 'aborted', { cause: cause.code })
    logStayed(this.#context.log, this, cause)
    this.#end(undefined)
    this.#asker.tell(cause)
    if (this.process.phase === 'frozen') void goOn(this.#context, this.process)
  }

  /** G5: what happened elsewhere since the freeze is lost, and said. */
  #wake(reason: string): void {
    this.#event('rollback', { cause: reason })
    this.#asker.tell(this.#cause ?? fail('ERR_LOST', { what: 'the move', reason }))
    // Until it runs it is a copy in the middle of a move, and no recovery may take it for lost.
    void wake(this.#context, this.process, this.attempt, reason).then(() => this.#end(undefined))
  }

  #retire(): void {
    const moved = this.#activated
    const pauseMs = this.#context.clock.now() - this.#frozenAt
    this.#event('retire', { ms: pauseMs, bytes: moved?.bytes ?? 0 })
    logLeft(this.#context.log, this, moved)
    if (moved !== undefined) this.#asker.arrived(moved, this.destination, { pauseMs, stateBytes: this.#stateBytes })
    this.process.depart('it moved')
    this.#context.table.delete(this.process)
    this.#end(moved)
  }

  #end(moved: MessageOf<'ACTIVATED'> | undefined): void {
    this.close()
    this.#options.over(this, moved)
  }

  /** No timer, no transfer: it is over, or the node stops. */
  close(): void {
    for (const pending of [this.#deadline, this.#tick, this.#doubt, this.#witness]) pending?.cancel()
    this.#outgoing?.stop()
    this.#packed = undefined
    this.#letGo()
  }

  #event(phase: MovePhase, more: PhaseFigures = {}): void {
    if (!this.#context.events.heard('move')) return
    const ms = more.ms ?? (this.#frozenAt === 0 ? 0 : this.#context.clock.now() - this.#frozenAt)
    moveEvent(this.#context, this, { phase, role: 'source', peer: this.destination.node, ...more, ms })
  }
}
