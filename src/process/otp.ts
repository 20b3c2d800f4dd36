/**
 * gen_server as Erlang writes it: callbacks that take the state and return a term with the next one. Each becomes a
 * callback of `genServer`; nothing else is behind it, so moves, timers and monitors are the same.
 *
 *   node.start ----------------> init(...args)                       state | [ok] | [ignore] | [stop]
 *   ref.call.request(req) -----> handleCall(req, from, state, self)  [reply] | [noreply] | [stop]
 *   ref.cast.request(req) -----> handleCast(req, state, self)        [noreply] | [stop]
 *   send, timers, down --------> handleInfo(message, state, self)    [noreply] | [stop]
 *   ['continue', arg] ---------> handleContinue(arg, state, self)    [noreply] | [stop]
 *   stop, crash ---------------> terminate(reason, state, self)      anything
 *
 * Anything else that is returned is ERR_BAD_RETURN, OTP's bad_return_value: the process crashes with it.
 */
import { fail, shown } from '../base/errors.js'
import { type Deferred, type ExitReason, type InitIgnore, type InitStop, ignore, stop } from './directives.js'
import { genServer } from './gen-server.js'
import type { Handlers, Kind, KindSpec, Self } from './kind.js'

type Awaitable<T> = T | Promise<T>

/**
 * Whom `['noreply', state]` owes an answer: `self.reply(from, value)`. Plain data: kept in the state, it moves along.
 */
export type From = Deferred<unknown>

/** handleContinue runs with `arg` before the next message. */
type Next = readonly ['continue', arg: unknown]

export type OtpInit<S> =
  | S
  | readonly ['ok', state: S]
  | readonly ['ok', state: S, next: Next]
  | readonly ['ignore']
  | readonly ['stop', reason: ExitReason]
  | InitIgnore
  | InitStop

export type OtpNoReply<S> =
  | readonly ['noreply', state: S]
  | readonly ['noreply', state: S, next: Next]
  /** In a call: the caller gets ERR_STOPPED. */
  | readonly ['stop', reason: ExitReason, state: S]

export type OtpReply<R, S> =
  | readonly ['reply', reply: R, state: S]
  | readonly ['reply', reply: R, state: S, next: Next]
  | readonly ['stop', reason: ExitReason, reply: R, state: S]
  | OtpNoReply<S>

/** The process, beside the state that each callback gets and returns. What OTP says by a term is not here. */
export type OtpSelf<L = undefined> = Omit<Self<unknown, L>, 'state' | 'defer' | 'continueWith' | 'stop' | 'sendMe'>

/** Callbacks in OTP's words and order of arguments, `self` behind them. What OTP does not have is as in `genServer`. */
export interface OtpSpec<S, A extends unknown[], Q, T, M, L>
  extends Pick<
    KindSpec<S, A, unknown, unknown, L>,
    | 'version'
    | 'attach'
    | 'detach'
    | 'upgrade'
    | 'schema'
    | 'mayMove'
    | 'prepareHandover'
    | 'alterHandover'
    | 'resolveConflict'
    | 'shutdownMs'
    | 'trapExit'
    | 'mailboxMax'
  > {
  readonly init: (...args: A) => Awaitable<OtpInit<S>>
  readonly handleCall?: (request: Q, from: From, state: S, self: OtpSelf<L>) => T
  readonly handleCast?: (request: M, state: S, self: OtpSelf<L>) => Awaitable<OtpNoReply<NoInfer<S>>>
  readonly handleInfo?: (message: unknown, state: S, self: OtpSelf<L>) => Awaitable<OtpNoReply<NoInfer<S>>>
  readonly handleContinue?: (arg: unknown, state: S, self: OtpSelf<L>) => Awaitable<OtpNoReply<NoInfer<S>>>
  readonly terminate?: (reason: ExitReason, state: S, self: OtpSelf<L>) => unknown
}

type Replied<T> = T extends readonly ['reply', infer R, ...unknown[]]
  ? R
  : T extends readonly ['stop', unknown, infer R, unknown]
    ? R
    : never

/** What a call resolves to: all replies that handleCall returns. Unknown when it only answers later. */
type ReplyOf<T> = [Replied<Awaited<T>>] extends [never] ? unknown : Replied<Awaited<T>>

/** What `fromOtp` gives: one call and one cast, both named `request`. */
export type OtpKind<S, A extends unknown[], Q, T, M, L> = Kind<
  S,
  A,
  { request: (self: Self<S, L>, request: Q) => ReplyOf<T> },
  { request: (self: Self<S, L>, request: M) => void },
  L
>

/**
 * A kind from OTP callbacks. Annotate `request`: its type is what refs take.
 *
 * @example
 * const counter = fromOtp('counter', {
 *   init: (start: number) => ['ok', { count: start }],
 *   handleCall: (request: 'get' | { add: number }, _from, state) => {
 *     const count = request === 'get' ? state.count : state.count + request.add
 *     return ['reply', count, { count }]
 *   },
 * })
 * await node.start(counter, { name: 'counter:1', args: [1] })
 * await node.ref(counter, 'counter:1').call.request({ add: 2 }) // 3
 *
 * @param kind  its name on the wire, 1 to 255 bytes: the destination's allow-list
 * @throws ERR_KIND_INVALID  a missing init, an unknown callback, something that is not a function
 */
export const fromOtp = <
  S,
  A extends unknown[] = [],
  Q = never,
  T extends Awaitable<OtpReply<unknown, S>> = OtpReply<unknown, S>,
  M = never,
  L = undefined,
>(
  kind: string,
  spec: OtpSpec<S, A, Q, T, M, L>,
): OtpKind<S, A, Q, T, M, L> => {
  checkOtp(kind, spec as unknown as Record<string, unknown>)
  return genServer(kind, translate(kind, spec as unknown as AnySpec)) as unknown as OtpKind<S, A, Q, T, M, L>
}

/** What genServer cannot say: it would see our wrapper, or a callback of its own. */
const checkOtp = (kind: string, spec: Record<string, unknown>): void => {
  const wrong = (why: string) => fail('ERR_KIND_INVALID', { kind: String(kind), why })
  if (typeof spec !== 'object' || spec === null) throw wrong('its callbacks are not an object')
  for (const key of ['calls', 'casts', 'onStart']) {
    if (key in spec) throw wrong(`${key} belongs to genServer; here it is handleCall, handleCast, or ['continue', arg]`)
  }
  if (spec.init === undefined) throw wrong('it has no init')
  for (const key of ['init', 'attach', 'handleCall', 'handleCast', 'handleInfo', 'handleContinue', 'terminate']) {
    if (spec[key] !== undefined && typeof spec[key] !== 'function') throw wrong(`${key} is not a function`)
  }
}

type AnySelf = Self<unknown, unknown>
type AnySpec = OtpSpec<unknown, unknown[], unknown, unknown, unknown, unknown>
type GenSpec = KindSpec<unknown, unknown[], Handlers<unknown, unknown>, Handlers<unknown, unknown>, unknown>

/** A state on its way from `init` to `onStart`, with what `['continue', arg]` asked for. */
class Beginning {
  constructor(
    readonly state: unknown,
    readonly arg: unknown,
  ) {}
}

const translate = (kind: string, spec: AnySpec): GenSpec => {
  const { init, attach, handleCall, handleCast, handleInfo, handleContinue, terminate, ...rest } = spec
  const begun = new WeakMap<object, Beginning>()
  const continues = handleContinue !== undefined
  const acting = (self: AnySelf, callback: string, from?: From) => (term: unknown) =>
    act(self, { callback, name: self.name, continues }, from, term)
  return {
    ...rest,
    init: (...args) => settled(init(...args), (term) => begin({ callback: 'init', name: kind, continues }, term)),
    // Between init and onStart, and the first to see the state.
    attach: (self) => {
      if (self.state instanceof Beginning) {
        begun.set(self, self.state)
        self.state = self.state.state
      }
      return attach?.(self)
    },
    onStart: (self) => {
      const beginning = begun.get(self)
      return beginning === undefined ? undefined : self.continueWith(beginning.arg)
    },
    ...(handleCall && {
      calls: {
        request: (self: AnySelf, request: unknown) => {
          const from = self.defer()
          return settled(handleCall(request, from, self.state, self), acting(self, 'handleCall', from))
        },
      },
    }),
    ...(handleCast && {
      casts: {
        request: (self: AnySelf, request: unknown) =>
          settled(handleCast(request, self.state, self), acting(self, 'handleCast')),
      },
    }),
    ...(handleInfo && {
      handleInfo: (self: AnySelf, message: unknown) =>
        settled(handleInfo(message, self.state, self), acting(self, 'handleInfo')),
    }),
    ...(handleContinue && {
      handleContinue: (self: AnySelf, arg: unknown) =>
        settled(handleContinue(arg, self.state, self), acting(self, 'handleContinue')),
    }),
    ...(terminate && { terminate: (self: AnySelf, reason: ExitReason) => terminate(reason, self.state, self) }),
  }
}

const settled = (returned: unknown, then: (term: unknown) => unknown): unknown =>
  returned instanceof Promise ? returned.then(then) : then(returned)

/** Whose term it is. */
interface Place {
  readonly callback: string
  readonly name: string
  /** There is a handleContinue. */
  readonly continues: boolean
}

const bad = ({ callback, name }: Place, term: unknown) =>
  fail('ERR_BAD_RETURN', { callback, name, returned: shown(term) })

/** `['continue', arg]`, or nothing at all where it may be left out. */
const isNext = (place: Place, next: readonly unknown[]): next is readonly [] | readonly [Next] => {
  const [one] = next
  if (next.length === 0) return true
  return place.continues && next.length === 1 && Array.isArray(one) && one.length === 2 && one[0] === 'continue'
}

/** A state that is an array itself would be taken for a term: it must stand in `['ok', state]`. */
const begin = (place: Place, term: unknown): unknown => {
  if (!Array.isArray(term)) return term
  const [word, value, ...next] = term as unknown[]
  if (word === 'ok' && term.length > 1 && isNext(place, next)) {
    return next.length === 0 ? value : new Beginning(value, next[0][1])
  }
  if (word === 'ignore' && term.length === 1) return ignore()
  if (word === 'stop' && term.length === 2) return stop(value as ExitReason)
  throw bad(place, term)
}

/** Takes the state over and says the rest in genServer's words. `from` is there in a call; returned, it means later. */
const act = (self: AnySelf, place: Place, from: From | undefined, term: unknown): unknown => {
  if (!Array.isArray(term)) throw bad(place, term)
  const [word, ...rest] = term as unknown[]
  const answers = from !== undefined && (word === 'reply' || (word === 'stop' && rest.length === 3))
  const before = word === 'stop' ? 1 : 0
  const [reply, state, ...next] = answers ? rest.slice(before) : [from, ...rest.slice(before)]
  const known = word === 'reply' ? answers : word === 'noreply' || word === 'stop'
  const complete = rest.length >= before + (answers ? 2 : 1)
  if (!known || !complete || !isNext(place, next) || (word === 'stop' && next.length > 0)) throw bad(place, term)
  self.state = state
  if (word === 'stop') return self.stop(rest[0] as ExitReason, reply)
  return next.length === 0 ? reply : self.continueWith(next[0][1], reply)
}
