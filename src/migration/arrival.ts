/**
 * The driver of one move at its destination: makes an inert copy of bytes, does what machine-target.ts decides.
 *
 *   PREPARE, chunks -> decode, upgrade, alterHandover, schema -> [claim, from outside] -> inert copy -> PREPARED
 *   COMMIT | taken  -> attach -> registered -> runs -> ACTIVATED (until RETIRED)
 */
import { Alarm } from '../base/alarm.js'
import { fail, isMobilityError, type MobilityError, reasonOf } from '../base/errors.js'
import type { MovePhase } from '../base/events.js'
import { type Address, type Identity, originOf, sameAttempt, sameIdentity } from '../base/ids.js'
import type { MoveResult } from '../process/directives.js'
import type { Process } from '../process/host.js'
import type { AnyKind } from '../process/kind.js'
import { callKey } from '../process/mailbox.js'
import { restore } from '../process/mobile.js'
import { success } from '../process/outcome.js'
import { NOT_MOVED } from '../registry/reasons.js'
import type { Entry, MessageOf } from '../wire/messages.js'
import { Incoming } from './chunks.js'
import { type MoveContext, moveEvent, type PhaseFigures, tell, tellParked } from './context.js'
import type { Death } from './machine-source.js'
import {
  beginTarget,
  holdsCopy,
  isTargetOver,
  stepTarget,
  type TargetEffect,
  type TargetEvent,
  type TargetState,
} from './machine-target.js'
import { Pause } from './pause.js'
import { lookUpRecord, takeRecorded } from './recording.js'
import type { Snapshot } from './snapshot.js'
import { abortedOf, activatedOf, doubtOf, givenUp, outgrownBy, preparedOf, refusedOf } from './target-words.js'
import { unpack } from './unpacking.js'

interface ArrivalOptions {
  readonly prepare: MessageOf<'PREPARE'>
  readonly from: Identity
  readonly fromAddress: Address
  readonly foreign: boolean
  readonly kind: AnyKind
  /** The name is known here as delegated, and this is that process on its way home. */
  readonly returning: boolean
  readonly over: (arrival: Arrival) => void
  /** It runs here now. */
  readonly activated: (arrival: Arrival) => void
}

export class Arrival {
  readonly prepare: MessageOf<'PREPARE'>
  readonly from: Identity
  readonly foreign: boolean
  readonly #context: MoveContext
  readonly #options: ArrivalOptions
  readonly #incoming: Incoming
  #state: TargetState
  #snapshot: Snapshot | undefined
  /** The inert copy; later the running process. */
  process: Process | undefined
  #claimed: Entry | undefined
  #bytes: Buffer | undefined
  #stateBytes = 0
  /** Under which it runs here; 0 until then. */
  epoch = 0
  readonly #deadline: Alarm
  readonly #tick: Alarm
  readonly #doubt: Alarm
  #backoffMs: number
  #cause: MobilityError | undefined
  readonly #pause: Pause
  readonly #letGo: () => void
  #waiting: Array<() => void> = []
  /** Why it waits for an operator. */
  parked: string | undefined
  /** The holder of another cluster that told it to run: the new gateway there. */
  tookOverFor: { readonly identity: Identity; readonly address: Address } | undefined

  constructor(context: MoveContext, options: ArrivalOptions) {
    this.prepare = options.prepare
    this.from = options.from
    this.foreign = options.foreign
    this.#context = context
    this.#options = options
    this.#incoming = new Incoming(options.prepare.totalBytes)
    const thirdHolder = options.prepare.holder !== '' || context.moves !== undefined
    this.#state = beginTarget({ thirdHolder, foreign: options.foreign })
    this.#backoffMs = context.limits.resendMs
    this.#pause = new Pause(context.clock)
    this.#letGo = options.foreign ? context.roads.keep(options.fromAddress) : () => {}
    const ms = context.limits.moveTimeoutMs
    const late = () => fail('ERR_TIMEOUT', { what: `The snapshot of ${this.name}`, ms })
    this.#deadline = new Alarm(context.clock, () => this.#fail(late()))
    this.#tick = new Alarm(context.clock, () => this.#again())
    this.#doubt = new Alarm(context.clock, () => this.#doubtful())
    this.#progress()
  }

  get name(): string {
    return this.prepare.name
  }

  get attempt(): MessageOf<'PREPARE'>['attempt'] {
    return this.prepare.attempt
  }

  get phase(): TargetState['phase'] {
    return this.#state.phase
  }

  /** A whole copy stands here that may yet come to life. */
  get holdsCopy(): boolean {
    return holdsCopy(this.#state)
  }

  /** It runs here, but its source does not know yet: it starts no other move and confirms no stop. */
  get unsettled(): boolean {
    return this.#state.phase === 'activated'
  }

  whenSettled(then: () => void): void {
    if (this.unsettled) this.#waiting.push(then)
    else then()
  }

  is(attempt: MessageOf<'PREPARE'>['attempt']): boolean {
    return sameAttempt(this.attempt, attempt)
  }

  /** Its source, or the holder that told it to run, may end its repeating. */
  mayRetire(peer: Identity): boolean {
    return (
      sameIdentity(peer, this.from) || (this.tookOverFor !== undefined && sameIdentity(peer, this.tookOverFor.identity))
    )
  }

  /** Bytes that do not come free what they hold. */
  #progress(): void {
    this.#deadline.set(this.#context.limits.moveTimeoutMs)
  }

  // ---- what comes in

  chunk(message: MessageOf<'CHUNK'> | MessageOf<'CHUNK_END'>): void {
    if (this.phase !== 'receiving') return
    this.#progress()
    try {
      if (message.type === 'CHUNK') {
        const received = this.#incoming.chunk(this.name, message)
        if (received !== undefined) this.#toSource({ type: 'CREDIT', transfer: message.transfer, received })
        return
      }
      this.#bytes = this.#incoming.end(this.name, message)
    } catch (error) {
      return this.#fail(error)
    }
    this.step({ type: 'received' })
  }

  commit(frozenUs: number): void {
    this.#pause.committed(frozenUs)
    this.lookUp()
  }

  /** What is said to be committed may be: the engine, where there is one, says whether it is. */
  lookUp(): void {
    const { moves } = this.#context
    const waits = this.phase === 'prepared' || this.phase === 'taking' || this.phase === 'parked'
    if (moves === undefined || !waits) this.step({ type: 'commit' })
    else lookUpRecord(moves, this)
  }

  died(identity: Identity, death: Death): void {
    if (sameIdentity(identity, this.from)) this.step({ type: 'sourceDead', death })
    if (sameIdentity(identity, this.holder)) this.step({ type: 'holderDead', death })
  }

  /** What waits for a word of the other side is said again. */
  linkUp(peer: Identity): void {
    const waits = this.phase === 'activated' || (this.phase === 'prepared' && this.#state.sourceDead === undefined)
    if ((waits && this.mayRetire(peer)) || (this.phase === 'taking' && sameIdentity(peer, this.holder)))
      this.step({ type: 'tick' })
  }

  /** Of S's cluster; without a third member its name is ''. */
  get holder(): Identity {
    return { cluster: this.from.cluster, node: this.prepare.holder, incarnation: this.prepare.holderIncarnation }
  }

  #fail(error: unknown): void {
    this.#cause ??= isMobilityError(error) ? error : fail('ERR_SNAPSHOT', { name: this.name, reason: reasonOf(error) })
    this.step({ type: 'failed' })
  }

  // ---- machine

  step(event: TargetEvent): void {
    const before = this.#state.phase
    const { state, effects } = stepTarget(this.#state, event)
    this.#state = state
    if (state.phase !== before) this.#entered()
    for (const effect of effects) this.#perform(effect)
    if (state.phase !== before && isTargetOver(state)) this.#over()
  }

  #entered(): void {
    if (this.phase !== 'receiving') this.#deadline.stop()
    if (this.phase !== 'parked') this.parked = undefined
    const { resendMs, callTimeoutMs } = this.#context.limits
    if (this.unsettled || this.phase === 'taking') this.#doubt.set(callTimeoutMs)
    else this.#doubt.stop()
    this.#backoffMs = resendMs
    if (!isTargetOver(this.#state)) this.#tick.set(resendMs)
  }

  /** G10: what waits for the word of somebody who never speaks is listed, and an operator can end it. */
  #doubtful(): void {
    this.parked = doubtOf(this)
  }

  #again(): void {
    this.#backoffMs = Math.min(this.#backoffMs * 2, this.#context.limits.resendMsMax)
    this.step({ type: 'tick' })
    if (!isTargetOver(this.#state)) this.#tick.set(this.#backoffMs)
  }

  #over(): void {
    for (const timer of [this.#deadline, this.#tick, this.#doubt]) timer.cancel()
    this.#bytes = undefined
    this.#snapshot = undefined
    for (const then of this.#waiting.splice(0)) then()
    this.#options.over(this)
    this.#letGo()
  }

  #perform(effect: TargetEffect): void {
    const { name } = this
    switch (effect.type) {
      case 'restore':
        return void this.#restore()
      case 'sendPrepared':
        this.#event('prepared', { bytes: this.#stateBytes })
        return this.#toSource(preparedOf(this, this.#context.self().identity.incarnation))
      case 'sendRefused': {
        const cause = this.#cause ?? givenUp(this.#context, name)
        this.#event('refused', { cause: cause.code })
        return this.#toSource(refusedOf(this, cause))
      }
      case 'sendAborted':
        return this.#toSource(abortedOf(this))
      case 'sendActivated':
        return this.#sendActivated()
      case 'askHolder':
        return this.#askHolder()
      case 'activate':
        return void this.#activate()
      case 'crash':
        return this.#crash()
      case 'discard':
        return this.#discard()
      case 'park':
        this.parked = effect.reason
        tellParked(this.#context, name, 'destination', effect.reason)
    }
  }

  #toSource(message: Parameters<typeof tell>[2]): void {
    tell(this.#context, this.from, message)
  }

  async #restore(): Promise<void> {
    const { host, directory, table } = this.#context
    const { kind, returning, prepare } = this.#options
    const { line, attempt } = prepare
    try {
      const bytes = this.#bytes as Buffer
      this.#stateBytes = bytes.length
      this.#bytes = undefined
      const over = () =>
        this.phase === 'restoring' ? undefined : fail('ERR_STALE', { name: this.name, reason: 'given up' })
      const { snapshot, state } = await unpack(this.#context, this.name, kind, prepare.version, bytes, over)
      const claims = this.foreign && !returning && this.phase === 'restoring'
      if (claims) this.#claimed = await directory.claim(this.name, kind.kind, line)
      if (this.phase !== 'restoring') return this.#discard()
      if (table.get(this.name) !== undefined) throw fail('ERR_ALREADY_STARTED', { name: this.name, node: host.node })
      this.#snapshot = snapshot
      this.process = restore(host, { name: this.name, kind, epoch: attempt.epoch, line }, snapshot.image, state)
      table.set(this.process)
    } catch (error) {
      return this.phase === 'restoring' ? this.#fail(error) : this.#discard()
    }
    this.step({ type: 'restored' })
  }

  #askHolder(): void {
    const { name, attempt, holder } = this
    if (this.#context.moves !== undefined) return takeRecorded(this.#context.moves, this)
    // D is the holder: nobody else can have decided, and the machine asked only on a proof of death.
    if (holder.node === '') return this.step({ type: 'taken', verdict: 'taken' })
    tell(this.#context, holder, { type: 'TAKE', name, attempt })
  }

  async #activate(): Promise<void> {
    const process = this.process as Process
    const { channels, directory, moves, self, replies, callBack } = this.#context
    try {
      if (moves !== undefined) await moves.opened()
      if (!process.ready) await process.attach()
    } catch (error) {
      this.#cause = error as MobilityError
      return this.step({ type: 'attachFailed' })
    }
    // Killed meanwhile: the node stops.
    if (process.phase !== 'inert') return
    // Recorded on a lease that is over it is not this node's any more.
    const ours = moves === undefined || (await moves.recorded(this.name, this.attempt))
    if (process.phase !== 'inert') return
    this.epoch = this.#nextEpoch()
    const known = directory.lookup(this.name)
    if (!ours || (moves === undefined && known !== undefined && known.epoch >= this.epoch)) {
      this.#cause = outgrownBy(known, this.name)
      return this.step({ type: 'superseded' })
    }
    channels.hold(process, this.#snapshot?.sends ?? [])
    const { node, incarnation } = self().identity
    const { line, kind } = this.prepare
    const { name } = this
    directory.publish({ name, kind, node, incarnation, epoch: this.epoch, line, status: 'live', reason: '' })
    this.#options.activated(this)
    process.run(this.epoch, line)
    const answers = this.#snapshot?.answers ?? []
    const result = success(this.#arrived())
    // ACTIVATED goes first: no member hears of it before S does.
    this.step({ type: 'running' })
    replies.resend(process)
    for (const answer of answers) {
      // A caller on S has it from S, which has it from ACTIVATED.
      if (answer.origin === originOf(this.from)) process.open.delete(callKey(answer))
      else process.answerLater(answer, result)
    }
    callBack(this.name)
  }

  #arrived(): MoveResult {
    const { state, log } = { state: this.#state, log: this.#context.log }
    const pauseMs = this.#pause.ms
    const result = { epoch: this.epoch, pauseMs, stateBytes: this.#stateBytes, moved: true }
    const how = state.takeover ? 'was taken over from' : 'moved here from'
    const data = { name: this.name, from: this.from.node, epoch: this.epoch, bytes: this.#stateBytes, pauseMs }
    log.info(data, `${this.name} ${how} ${this.from.node}`)
    this.#event(state.takeover ? 'takeover' : 'activate', { ms: pauseMs, bytes: this.#stateBytes })
    return result
  }

  #sendActivated(): void {
    const message = activatedOf(this, this.#pause.ms, this.#stateBytes)
    this.#toSource(message)
    if (this.tookOverFor !== undefined) tell(this.#context, this.tookOverFor.identity, message)
  }

  /** Above that of the claim too: at the same epoch the claim's entry, with its line, would stay in the registry. */
  #nextEpoch(): number {
    const { moves, directory } = this.#context
    const recorded = moves === undefined ? 0 : (directory.lookup(this.name)?.epoch ?? 0)
    return Math.max(this.attempt.epoch + 1, (this.#claimed?.epoch ?? 0) + 1, recorded)
  }

  /** attach failed, and S is dead: it ends here, and that is said. */
  #crash(): void {
    const process = this.process as Process
    const reason = this.#cause?.message ?? 'attach failed'
    this.#context.log.error({ name: this.name, reason }, `${this.name} could not be taken over, it is lost`)
    this.epoch = this.#nextEpoch()
    process.run(this.epoch, this.prepare.line)
    void process.end({ error: reason })
  }

  #discard(): void {
    const { table, directory, moves } = this.#context
    moves?.drop(this.name, this.attempt)
    if (this.process !== undefined) {
      this.process.depart('the move was given up')
      table.delete(this.process)
      void this.process.detach()
    }
    if (this.#claimed !== undefined) directory.publish({ ...this.#claimed, status: 'ended', reason: NOT_MOVED })
    this.#claimed = undefined
    this.#context.callBack(this.name)
  }

  close(): void {
    for (const timer of [this.#deadline, this.#tick, this.#doubt]) timer.cancel()
  }

  #event(phase: MovePhase, more: PhaseFigures = {}): void {
    if (!this.#context.events.heard('move')) return
    const ms = more.ms ?? this.#pause.sincePrepare
    moveEvent(this.#context, this, { phase, role: 'destination', peer: this.from.node, ...more, ms })
  }
}
