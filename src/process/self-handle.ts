/** The `self` of one process on one node. Dies with the copy: a handler that runs on finds ERR_STALE. */
import { fail, type MobilityError } from '../base/errors.js'
import { checkName } from '../base/ids.js'
import type { Logger } from '../base/ports.js'
import { ReplyTo } from '../wire/portable.js'
import type { Destination } from './destination.js'
import {
  ContinueDirective,
  checkReason,
  type Deferred,
  type Directive,
  type ExitReason,
  MoveDirective,
  type MoveOptions,
  StopDirective,
} from './directives.js'
import type { Process } from './host.js'
import type { OpenCall } from './image.js'
import type { AnyKind, MonitorId, Ref, Self, TimerId } from './kind.js'
import { type CallId, callKey } from './mailbox.js'
import { success } from './outcome.js'
import { postToSelf } from './own-post.js'
import { makeRef, type RefPort } from './ref.js'

const none: readonly Directive[] = []

export class SelfHandle implements Self<unknown, never> {
  readonly #process: Process
  readonly #outlet: RefPort
  /** Made when a handler asks for the signal. */
  #abort: AbortController | undefined
  #stale: string | undefined
  #made: readonly Directive[] = none
  /** attach or detach runs: they may look at a copy that is frozen, or has departed. */
  attaching = 0
  /** The call whose handler runs, for `defer`. */
  current: OpenCall | undefined

  constructor(process: Process, outlet: RefPort) {
    this.#process = process
    this.#outlet = outlet
  }

  /** From here on everything throws ERR_STALE. */
  retire(reason: string): void {
    if (this.#stale !== undefined) return
    this.#stale = reason
    this.#abort?.abort(this.#staleError(reason))
  }

  #check(): Process {
    if (this.attaching > 0) return this.#process
    const reason = this.#stale ?? (this.#process.phase === 'frozen' ? 'it is frozen for a move' : undefined)
    if (reason !== undefined) throw this.#staleError(reason)
    return this.#process
  }

  #staleError(reason: string): MobilityError {
    return fail('ERR_STALE', { name: this.#process.name, reason })
  }

  get state(): unknown {
    return this.#check().state
  }

  set state(state: unknown) {
    this.#check().state = state
  }

  /** `never`: what it is, only the kind knows. */
  get local(): never {
    return this.#check().local as never
  }

  get name(): string {
    return this.#process.name
  }

  get node(): string {
    return this.#process.host.node
  }

  get epoch(): number {
    return this.#process.epoch
  }

  get signal(): AbortSignal {
    this.#abort ??= new AbortController()
    if (this.#stale !== undefined) this.#abort.abort(this.#staleError(this.#stale))
    return this.#abort.signal
  }

  get log(): Logger {
    return this.#process.host.log
  }

  ref<K extends AnyKind>(kindOrName: K | string, name?: string): Ref<K> {
    return makeRef<K>(checkName(typeof kindOrName === 'string' ? kindOrName : name), this.#guarded())
  }

  call(name: string, method: string, ...args: unknown[]): Promise<unknown> {
    return this.#guarded().call(name, method, args, {})
  }

  cast(name: string, method: string, ...args: unknown[]): Promise<void> {
    return this.#guarded().cast(name, method, args)
  }

  send(name: string, message: unknown): Promise<void> {
    return this.#guarded().send(name, message)
  }

  sendAfter(ms: number, message: unknown): TimerId {
    if (typeof ms !== 'number' || !(ms >= 0) || ms === Number.POSITIVE_INFINITY) {
      throw fail('ERR_BAD_ARGUMENT', { what: 'The time of sendAfter', why: 'it must be a number of ms from 0' })
    }
    return this.#check().setTimer(ms, message)
  }

  cancelTimer(timer: TimerId): number | undefined {
    return this.#check().timers.cancel(timer)
  }

  defer<T>(): Deferred<T> {
    this.#check()
    if (this.current === undefined)
      throw fail('ERR_BAD_ARGUMENT', { what: 'self.defer()', why: 'it can be used in a call only' })
    this.#process.open.set(callKey(this.current.to), this.current)
    const { origin, lane, seq } = this.current.to
    return new ReplyTo(origin, lane, seq, this.name) as Deferred<T>
  }

  reply<T>(to: Deferred<T>, value: T): void {
    const process = this.#check()
    if (!(to instanceof ReplyTo) || to.name !== process.name) {
      throw fail('ERR_BAD_ARGUMENT', {
        what: 'self.reply()',
        why: 'it takes a token that self.defer() of the same process gave',
      })
    }
    process.answerLater(
      { origin: to.origin as CallId['origin'], lane: to.lane as CallId['lane'], seq: to.seq },
      success(value),
    )
  }

  continueWith<T>(arg: unknown, reply?: T): ContinueDirective<T> {
    this.#check()
    return this.#make(new ContinueDirective<T>(arg, reply as T))
  }

  stop<T>(reason: ExitReason, reply?: T): StopDirective<T> {
    this.#check()
    return this.#make(new StopDirective<T>(checkReason(reason), reply as T))
  }

  sendMe(to: Destination, options: MoveOptions = {}): MoveDirective {
    this.#check()
    return this.#make(new MoveDirective(to, options))
  }

  monitor(name: string): MonitorId {
    const process = this.#check()
    this.#outlet.single('monitor', name)
    return process.watches.add(name)
  }

  demonitor(monitor: MonitorId): void {
    this.#check().watches.delete(monitor)
  }

  #make<D extends Directive>(directive: D): D {
    this.#made = [...this.#made, directive]
    return directive
  }

  /** The directives made in the running callback, to find one that is not returned: nearly always none. */
  takeMade(): readonly Directive[] {
    const made = this.#made
    this.#made = none
    return made
  }

  /** Sends check at each use: a ref kept in a closure must not outlive the copy that made it. */
  #guarded(): RefPort {
    const outlet = this.#outlet
    const check = () => this.#check()
    return {
      address: (name) => outlet.address(name),
      single: (what, name) => outlet.single(what, name),
      call: async (name, method, args, options) => {
        const process = check()
        const to = outlet.address(name)
        if (process.name === to) throw fail('ERR_CALLING_SELF', { name })
        return outlet.call(to, method, args, options)
      },
      cast: (name, method, args) =>
        handled(() => {
          const process = check()
          const to = outlet.address(name)
          if (process.name === to) return postToSelf(process, { what: 'cast', method, args })
          return outlet.cast(to, method, args)
        }),
      send: (name, message) =>
        handled(() => {
          const process = check()
          const to = outlet.address(name)
          return process.name === to ? postToSelf(process, { what: 'info', message }) : outlet.send(to, message)
        }),
      sendMe: async (name, to, options) => {
        if (check().name === name) throw fail('ERR_CALLING_SELF', { name })
        return outlet.sendMe(name, to, options)
      },
      stop: async (name, reason) => {
        if (check().name === name) throw fail('ERR_CALLING_SELF', { name })
        return outlet.stop(name, reason)
      },
      monitor: (name) => {
        check()
        return outlet.monitor(name)
      },
    }
  }
}

/** A cast of a stale handle fails like any other: not awaiting it never ends Node. */
const handled = (cast: () => Promise<void>): Promise<void> => {
  try {
    return cast()
  } catch (error) {
    const failed = Promise.reject(error)
    failed.catch(() => {})
    return failed
  }
}
