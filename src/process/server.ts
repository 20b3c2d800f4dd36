/**
 * One process on one node: its state, its mailbox, and the loop that runs one message at a time.
 *
 *   starting --> running --freeze--> frozen --depart--> moved      (the move was committed)
 *      |          |    ^               |
 *      |          |    '----- run -----'                           (it was aborted)
 *      |          '--stop, crash--> ending --> ended
 *      '--init failed--> ended
 *   inert --attach, run--> running      inert --depart--> moved    (a copy that came from another node)
 *
 * G1  only `running` starts a callback; `frozen`, `inert` and `moved` never do.
 * G6  freezing changes nothing: `run` with the same epoch and line goes on with the same state, mailbox and timers.
 * The process knows no network: cursors and kept replies are data that it carries for the channels.
 */
import { types } from 'node:util'
import { fail, type MobilityError, reasonOf } from '../base/errors.js'
import { invariant } from '../base/invariant.js'
import { LazyMap } from '../base/lazy-map.js'
import { frameValueLimits } from '../wire/codec.js'
import { copyPortable } from '../wire/portable.js'
import { Attachment } from './attachment.js'
import { bear, type ProcessStart } from './birth.js'
import {
  askConsent,
  crashOutcome,
  invoke,
  judge,
  judgeThrow,
  proceed,
  startFailure,
  type Verdict,
} from './callbacks.js'
import { type ExitReason, exitText, isCrash } from './directives.js'
import { farewell } from './farewell.js'
import type { Phase, Process, ProcessHost } from './host.js'
import type { Cursor, OpenCall, Told, Watch } from './image.js'
import { KeptReplies } from './kept-replies.js'
import type { AnyKind, Down } from './kind.js'
import { type CallId, callKey, type Envelope, GOES_ON, Mailbox, type SystemMessage } from './mailbox.js'
import { merge } from './merging.js'
import { failure, type Outcome, success } from './outcome.js'
import type { Runnable } from './scheduler.js'
import { SelfHandle } from './self-handle.js'
import { type TimerOwner, Timers } from './timers.js'
import { type Fate, Watches, type WatchOwner } from './watches.js'

export class ServerProcess implements Process, Runnable, TimerOwner, WatchOwner {
  readonly host: ProcessHost
  readonly name: string
  readonly kind: AnyKind
  readonly args: readonly unknown[]
  /** Grows only (G2). */
  epoch: number
  line: number
  phase: Phase = 'starting'
  state: unknown
  readonly #attachment: Attachment
  readonly mailbox: Mailbox
  readonly timers: Timers
  readonly cursors = new LazyMap<string, Cursor>()
  readonly replies = new KeptReplies()
  readonly open = new LazyMap<string, OpenCall>()
  readonly watches: Watches
  /** Of a replica: its role, as it knows it. */
  told: Told | undefined
  readonly #self: SelfHandle
  /** A handler runs (it is asynchronous), so nothing else may. */
  #busy = false
  #queued = false
  #endReason = ''
  /** Who waits for its end, if anybody does. */
  #mourners: ((reason: string) => void)[] | undefined

  constructor(host: ProcessHost, start: ProcessStart) {
    this.host = host
    this.name = start.name
    this.kind = start.kind
    this.args = start.args
    this.epoch = start.epoch
    this.line = start.line
    this.mailbox = new Mailbox(start.kind.spec.mailboxMax ?? host.limits.mailboxMax)
    this.timers = new Timers(host.clock, this)
    this.watches = new Watches(this)
    this.#self = new SelfHandle(this, host.outlet(this))
    this.#attachment = new Attachment(this, this.#self)
  }

  get local(): unknown {
    return this.#attachment.local
  }

  get busy(): boolean {
    return this.#busy
  }

  /** Resolves with the reason when it has ended here. */
  get whenEnded(): Promise<string> {
    return new Promise((resolve) => {
      if (this.phase === 'ended') resolve(this.#endReason)
      else this.#mourners = [...(this.#mourners ?? []), resolve]
    })
  }

  get accepting(): boolean {
    return this.phase === 'running' || this.phase === 'starting'
  }

  // ---- life

  /**
   * init, attach, onStart. Messages wait meanwhile.
   * @throws ERR_START_IGNORED ERR_START_FAILED
   */
  async start(): Promise<void> {
    try {
      const made = await bear(this)
      if (this.phase !== 'starting') throw await this.#cutShort()
      this.state = made
      if (!this.ready) await this.#attachment.attach()
      if (this.phase !== 'starting') throw await this.#cutShort()
      const { onStart } = this.kind.spec
      const first = onStart === undefined ? undefined : await onStart(this.#self)
      if (this.phase !== 'starting') throw await this.#cutShort()
      this.phase = 'running'
      this.#conclude(undefined, judge(this, this.#self, { what: 'info', message: undefined }, first))
      this.wake()
    } catch (error) {
      const failed = startFailure(this.name, error)
      if (this.phase === 'starting') await this.#attachment.detach()
      if (this.phase === 'starting') this.#close(failed.code === 'ERR_START_IGNORED' ? 'ignored' : 'start failed')
      throw failed
    }
  }

  /** It was killed, or stopped by the node, meanwhile. */
  async #cutShort(): Promise<MobilityError> {
    return fail('ERR_START_FAILED', { name: this.name, reason: await this.whenEnded })
  }

  /** Ends it in order: terminate, detach, answers. Only from the loop, where no handler runs; others send `stop`. */
  async end(reason: ExitReason, answers: readonly CallId[] = []): Promise<void> {
    if (this.phase === 'ending' || this.phase === 'ended' || this.phase === 'moved') return
    this.phase = 'ending'
    this.timers.stop()
    if (isCrash(reason)) this.host.log.error({ name: this.name, reason: exitText(reason) }, `${this.name} crashed`)
    const { terminate } = this.kind.spec
    if (terminate !== undefined) await this.#attachment.lastly('terminate', () => terminate(this.#self, reason))
    await this.host.keeper?.atEnd(this, reason)
    await this.#attachment.detach()
    if (this.phase !== 'ending') return
    for (const to of answers) this.answer(to, success(undefined))
    this.#close(exitText(reason))
  }

  /** OTP's brutal_kill: no terminate, no waiting. What its handler still does finds ERR_STALE. */
  kill(): void {
    if (this.phase === 'ended' || this.phase === 'moved') return
    this.#close('killed')
  }

  #close(reason: string): void {
    farewell(this, reason)
    this.#endReason = reason
    this.#leave('ended', `it ended: ${reason}`)
    this.host.ended(this, reason)
    for (const told of this.#mourners ?? []) told(reason)
  }

  #leave(phase: 'ended' | 'moved', why: string): void {
    this.phase = phase
    this.timers.clear()
    this.watches.clear()
    this.#self.retire(why)
  }

  // ---- messages

  /** @returns false when the mailbox is full: the sender keeps the message */
  put(envelope: Envelope): boolean {
    if (!this.mailbox.put(envelope)) return false
    this.wake()
    return true
  }

  /** stop, sendMe and freeze go ahead of the mailbox. */
  system(message: SystemMessage): void {
    if (message.what !== 'freeze' && message.from !== undefined) {
      this.open.set(callKey(message.from), { to: message.from, dueAt: Number.POSITIVE_INFINITY })
    }
    // Only its freeze waits for the handler that runs, and no longer than the move may take.
    if (message.what === 'sendMe') return this.host.move(this, message.to, message.options, message.from)
    this.mailbox.system(message)
    if (this.phase === 'ended') farewell(this, 'it ended while this waited for a move')
    else this.wake()
  }

  /** Runs when it can: called after whatever may have made it able to. */
  wake(): void {
    if (this.#queued || !this.#canRun() || this.mailbox.empty) return
    this.#queued = true
    this.host.scheduler.ready(this)
  }

  #canRun(): boolean {
    return this.phase === 'running' && !this.#busy && this.host.mayRun()
  }

  step(): boolean {
    this.#queued = false
    if (!this.#canRun()) return false
    this.#one()
    if (!this.#canRun() || this.mailbox.empty) return false
    this.#queued = true
    return true
  }

  #one(): void {
    const system = this.mailbox.takeSystem()
    if (system !== undefined) return this.#runSystem(system)
    const next = this.mailbox.next
    if (next !== undefined) {
      this.mailbox.next = undefined
      return this.#run({ what: 'info', message: next.arg }, () => proceed(this, this.#self, next.arg))
    }
    const envelope = this.mailbox.take()
    if (envelope === undefined) return
    if (envelope.what === 'call' && envelope.dueAt <= this.host.clock.now()) {
      const late = fail('ERR_TIMEOUT', { what: `${this.name}.${envelope.method}`, ms: 0 }, { executed: 'no' })
      return this.answer(envelope.from, failure(late), envelope.dueAt)
    }
    this.#run(envelope, () => invoke(this, this.#self, envelope))
  }

  #run(envelope: Envelope, callback: () => unknown): void {
    let result: unknown
    try {
      result = callback()
    } catch (error) {
      return this.#conclude(envelope, judgeThrow(this, envelope, error))
    }
    if (!types.isPromise(result)) return this.#conclude(envelope, judge(this, this.#self, envelope, result))
    this.#busy = true
    // Killed meanwhile, its caller must hear of it.
    if (envelope.what === 'call') this.open.set(callKey(envelope.from), { to: envelope.from, dueAt: envelope.dueAt })
    const finish = (verdict: () => Verdict): void => {
      if (this.phase === 'running') this.#conclude(envelope, verdict())
      this.#rests()
    }
    result.then(
      (value) => finish(() => judge(this, this.#self, envelope, value)),
      (error: unknown) => finish(() => judgeThrow(this, envelope, error)),
    )
  }

  #conclude(envelope: Envelope | undefined, verdict: Verdict): void {
    this.host.keeper?.ran(this)
    const call = envelope?.what === 'call' ? envelope.from : undefined
    const dueAt = envelope?.what === 'call' ? envelope.dueAt : undefined
    if (verdict.type === 'crash') {
      if (call !== undefined) this.answer(call, crashOutcome(this, verdict.error), dueAt)
      void this.end({ error: reasonOf(verdict.error) })
    } else if (verdict.type === 'answered') {
      if (call !== undefined) this.answer(call, verdict.outcome, dueAt)
    } else if (verdict.type === 'directive') {
      const { directive } = verdict
      if (directive.name === 'sendMe') {
        if (call !== undefined) this.open.set(callKey(call), { to: call, dueAt: dueAt ?? Number.POSITIVE_INFINITY })
        return this.host.move(this, directive.to, directive.options, call)
      }
      if (call !== undefined && verdict.outcome !== undefined) this.answer(call, verdict.outcome, dueAt)
      if (directive.name === 'continueWith') this.mailbox.next = { arg: directive.arg }
      else void this.end(directive.reason)
    }
  }

  #runSystem(message: SystemMessage): void {
    if (message.what === 'stop') return void this.end(message.reason, message.from === undefined ? [] : [message.from])
    if (message.what === 'freeze') return this.#freeze(message)
    if (message.what === 'sendMe') return
    this.#busy = true
    void (message.what === 'take' ? message.taken(this.state) : merge(this, message)).then(() => this.#rests())
  }

  /** No handler runs: the next one may, or who waited for that takes it. */
  #rests(): void {
    this.#busy = false
    this.host.rests?.(this)
    this.wake()
  }

  /** Answers a call that was taken here. */
  answer(to: CallId, outcome: Outcome, dueAt?: number): void {
    const key = this.open.size === 0 ? '' : callKey(to)
    const until = dueAt ?? this.open.get(key)?.dueAt ?? this.host.clock.now() + this.host.limits.relayAgeMs
    this.open.delete(key)
    this.host.reply(this, to, outcome, until)
  }

  /** Answers a call that waits, once: later answers, and calls that nobody knows, are dropped. */
  answerLater(to: CallId, outcome: Outcome): void {
    if (!this.open.has(callKey(to))) return
    // Its handler has run, whatever became of the move that it asked for (G9). A system message (lane 1) is the move.
    const ran = to.lane === 0 && !outcome.ok
    this.answer(to, ran ? { ...outcome, executed: 'yes' } : outcome)
  }

  /** Timers and monitors have nobody who could send them again: they are never refused. */
  inform(message: unknown): void {
    this.mailbox.force({ what: 'info', message })
    this.wake()
  }

  fateOf(name: string): Fate | undefined {
    return this.host.fate(name)
  }

  watchAdded(): void {
    this.host.watching(this)
  }

  watchDown({ id, name }: Watch, reason: string): void {
    this.inform({ type: 'down', monitor: id, name, reason } satisfies Down)
  }

  setTimer(ms: number, message: unknown): number {
    return this.timers.set(ms, copyPortable(message, 'message', frameValueLimits(this.host.limits)).copy)
  }

  /** News about a name that may be watched. */
  notice(name: string): void {
    if (this.phase === 'running') this.watches.compare(name)
  }

  // ---- moving

  /** In the loop, so no handler runs: asks `mayMove`, then stops. */
  #freeze({ to, ms, frozen }: Extract<SystemMessage, { what: 'freeze' }>): void {
    const decide = (refusal: MobilityError | undefined): void => {
      this.#busy = false
      // What was taken must not be left behind in a copy that moves away.
      const stays = this.phase === 'running' && this.mailbox.systemMessages().every(({ what }) => GOES_ON.has(what))
      const ends = stays ? undefined : fail('ERR_STOPPED', { name: this.name, reason: 'it ends' })
      if (ends === undefined && refusal === undefined) {
        this.phase = 'frozen'
        this.timers.stop()
      }
      frozen(ends ?? refusal)
      this.#rests()
    }
    this.#busy = true
    askConsent(this, this.#self, { to, ms }, decide)
  }

  #resume(): void {
    this.phase = 'running'
    this.timers.resume()
    this.watches.compareAll()
    this.host.keeper?.ran(this)
    this.#rests()
  }

  /** It has what it needs to run here: nothing to attach, or attached and not letting go. */
  get ready(): boolean {
    return this.#attachment.ready
  }

  /**
   * Makes what cannot travel, here. An inert copy does it after the commit, a frozen one that comes back does it again.
   * @throws ERR_CALLBACK  attach failed or took too long; the copy is as inert as before
   */
  attach(): Promise<void> {
    return this.#attachment.attach()
  }

  /** Runs a copy that was inert or frozen, as this epoch. */
  run(epoch: number, line: number): void {
    invariant(this.phase === 'inert' || this.phase === 'frozen', `${this.name} is activated while ${this.phase}`)
    this.raise(epoch, line)
    this.#resume()
  }

  /** G2: from here on it speaks, and ends, in this epoch. */
  raise(epoch: number, line: number): void {
    invariant(epoch >= this.epoch, `${this.name} goes back from epoch ${this.epoch} to ${epoch}`)
    this.epoch = epoch
    this.line = line
  }

  /** Before a commit, and at the end. Never throws. */
  detach(): Promise<void> {
    return this.#attachment.detach()
  }

  /** The copy is of no more use: it lives elsewhere, or will not come to life. */
  depart(why: string): void {
    if (this.phase === 'ended' || this.phase === 'moved') return
    this.mailbox.clear()
    this.#leave('moved', why)
  }
}
