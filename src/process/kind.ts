/**
 * The types that a user's code meets: a kind and its callbacks, `self`, and refs. They speak of each other, so they
 * stand together; `gen-server.ts` makes kinds, `ref.ts` makes refs, `self-handle.ts` is `self`.
 */
import type { Logger } from '../base/ports.js'
import type { Destination } from './destination.js'
import type {
  Answer,
  ContinueDirective,
  Deferred,
  ExitReason,
  InitIgnore,
  InitStop,
  MoveDirective,
  MoveOptions,
  MoveResult,
  StopDirective,
} from './directives.js'
import type { PersistSpec } from './persist.js'
import type { StandardSchema } from './schema.js'

type Awaitable<T> = T | Promise<T>

export type InitResult<S> = S | InitIgnore | InitStop

/** Handlers by name. `never[]` lets every parameter list in, and infers each. */
export type Handlers<S, L> = Readonly<Record<string, (self: Self<S, L>, ...args: never[]) => unknown>>

/** The callbacks of a kind. Only `init` must be there. */
export interface KindSpec<S, A extends unknown[], C, U, L> {
  /** Of the state's shape, a whole number from 1. Default 1. Raise it with each change of the shape. */
  readonly version?: number
  /**
   * Makes the state: plain data, the one thing a process owns. Annotate its parameters, also one with a default:
   * TypeScript infers nothing from them otherwise.
   */
  readonly init: (...args: A) => Awaitable<InitResult<S>>
  /**
   * What cannot travel (sockets, handles): its result is `self.local`. Runs after init, a restart and a move. Write it
   * before `calls`, so that they infer it.
   */
  readonly attach?: (self: Self<S, undefined>) => Awaitable<L>
  readonly calls?: C & Handlers<S, L>
  readonly casts?: U & Handlers<S, L>
  /** After init and after a restart, never after a move. May return `self.continueWith(arg)`. */
  readonly onStart?: (self: Self<S, L>) => unknown
  readonly handleContinue?: (self: Self<S, L>, arg: unknown) => unknown
  readonly handleInfo?: (self: Self<S, L>, message: unknown) => unknown
  /** Before the end of the process, also after a crash. Has `shutdownMs`. */
  readonly terminate?: (self: Self<S, L>, reason: ExitReason) => unknown
  /** Lets go of what `attach` opened. */
  readonly detach?: (self: Self<S, L>) => unknown
  /** `{ 1: (old) => new }`: makes a state of version n into one of version n + 1. Ask for a `schema` beside it. */
  readonly upgrade?: Readonly<Record<number, (old: never) => unknown>>
  /** Any Standard Schema (zod, valibot, arktype ...). A state that does not pass is refused before the commit. */
  readonly schema?: StandardSchema
  /** May it move now? `true`, or the reason why not. */
  readonly mayMove?: (self: Self<S, L>, to: Destination) => Awaitable<true | string>
  /** What is sent instead of the state. Gets a copy. */
  readonly prepareHandover?: (state: S) => unknown
  /** Makes the state of what `prepareHandover` sent. Pure: no `self`, it may run and then be thrown away. */
  readonly alterHandover?: (handed: never) => Awaitable<S>
  /** Two copies met after a partition; makes one state of both. */
  readonly resolveConflict?: (mine: S, theirs: S) => S
  /** Keeps the state at rest: a process of this name begins with it wherever it starts again. */
  readonly persist?: PersistSpec<S>
  /** Time for `terminate` and `detach`, in ms. Default 5_000 (limits.shutdownMs). */
  readonly shutdownMs?: number
  /** Reserved for supervision: exit signals of linked processes arrive as messages. */
  readonly trapExit?: boolean
  /** Messages that may wait. Default 10_000 (limits.mailboxMax). */
  readonly mailboxMax?: number
}

declare const types: unique symbol

/** A kind, as `genServer` gives it. The type carries what refs need to know. */
export interface Kind<S = unknown, A extends unknown[] = unknown[], C = unknown, U = unknown, L = unknown> {
  readonly kind: string
  readonly version: number
  readonly spec: KindSpec<unknown, unknown[], Handlers<unknown, unknown>, Handlers<unknown, unknown>, unknown>
  readonly [types]?: { readonly state: S; readonly args: A; readonly calls: C; readonly casts: U; readonly local: L }
}

/** Any kind at all, for constraints. */
// biome-ignore lint/suspicious/noExplicitAny: a generic constraint that every kind must meet
export type AnyKind = Kind<any, any, any, any, any>

export type StateOf<K extends AnyKind> = K extends Kind<infer S, infer _A, infer _C, infer _U, infer _L> ? S : never
export type ArgsOf<K extends AnyKind> = K extends Kind<infer _S, infer A, infer _C, infer _U, infer _L> ? A : never

/** None for a kind without handlers, any for a ref whose kind is not known. */
type NamesOf<H> = 0 extends 1 & H ? keyof H : string extends keyof H ? never : keyof H

/** `ref.call`: one function per call of the kind. */
export type CallsOf<K extends AnyKind> =
  K extends Kind<infer _S, infer _A, infer C, infer _U, infer _L>
    ? {
        readonly [M in NamesOf<C>]: C[M] extends (self: never, ...args: infer P) => infer R
          ? (...args: P) => Promise<Answer<Awaited<R>>>
          : never
      }
    : never

/** `ref.cast`: resolves when the message is in the window. Not awaiting it is fine. */
export type CastsOf<K extends AnyKind> =
  K extends Kind<infer _S, infer _A, infer _C, infer U, infer _L>
    ? {
        readonly [M in NamesOf<U>]: U[M] extends (self: never, ...args: infer P) => unknown
          ? (...args: P) => Promise<void>
          : never
      }
    : never

/** The kinds a node knows, by name. */
export type KindTable = ReadonlyMap<string, AnyKind>

/** A running timer. Plain data: it may be kept in the state, and moves with it. */
export type TimerId = number

/** A watch. Plain data. */
export type MonitorId = number

/** What `handleInfo` gets when a monitored process ends: once, and never for a move (G8). */
export interface Down {
  readonly type: 'down'
  readonly monitor: MonitorId
  readonly name: string
  /** `normal`, `shutdown`, `crash: ...`, `killed`, `nodedown`, `noproc` */
  readonly reason: string
}

/**
 * The process, for its own handlers. Everything here throws ERR_STALE once the process has gone on without the
 * handler: killed, or ended.
 */
export interface Self<S, L = undefined> {
  /** The one thing a process owns: plain data. Assign it, or change it in place. */
  state: S
  /** What `attach` returned on this node. Never moves. */
  readonly local: L
  readonly name: string
  /** The node where it runs now. */
  readonly node: string
  /** Grows with each change of owner (G2). */
  readonly epoch: number
  /** Aborts when the process is killed or ends. */
  readonly signal: AbortSignal
  readonly log: Logger
  /** A typed handle to another process; its sends move with this one. */
  ref<K extends AnyKind>(kind: K, name: string): Ref<K>
  ref<K extends AnyKind>(name: string): Ref<K>
  /** Calls another process by name. Calling itself is ERR_CALLING_SELF. */
  call(name: string, method: string, ...args: unknown[]): Promise<unknown>
  /** Casts to a name; to itself it goes into the mailbox. */
  cast(name: string, method: string, ...args: unknown[]): Promise<void>
  /** Sends a message to a name's handleInfo; to itself it goes into the mailbox. */
  send(name: string, message: unknown): Promise<void>
  /** Sends `message` to this process's handleInfo in `ms`: once, never early, also after a move (G7). */
  sendAfter(ms: number, message: unknown): TimerId
  /** @returns the ms that were left, or undefined when it has fired */
  cancelTimer(timer: TimerId): number | undefined
  /** In a call: return its result to answer later, from here or after a move, by `reply`. */
  defer<T = unknown>(): Deferred<T>
  /** Answers a deferred call. The second answer to one call is dropped. */
  reply<T>(to: Deferred<T>, value: T): void
  /** Directives: they act when returned. */
  continueWith(arg: unknown): ContinueDirective
  continueWith<T>(arg: unknown, reply: T): ContinueDirective<T>
  stop(reason: ExitReason): StopDirective
  stop<T>(reason: ExitReason, reply: T): StopDirective<T>
  sendMe(to: Destination, options?: MoveOptions): MoveDirective
  /** Watches a name: handleInfo gets one `Down`. A name that nobody has is down at once (`noproc`). */
  monitor(name: string): MonitorId
  demonitor(monitor: MonitorId): void
}

export interface CallOptions {
  /** Time until the answer, in ms. Default 5_000 (createNode's callTimeoutMs). */
  readonly timeoutMs?: number
  /** Gives up waiting; the call may be executed all the same. */
  readonly signal?: AbortSignal
}

/** The end of a process, seen from outside. */
export interface Monitor {
  /**
   * Resolves once, with the reason: `normal`, `shutdown`, `crash: ...`, `killed`, `nodedown`, `noproc`. A move does not
   * resolve it.
   */
  readonly down: Promise<string>
  /** Ends the watch; `down` then never resolves. */
  cancel(): void
}

export interface Ref<K extends AnyKind = AnyKind> {
  readonly name: string
  readonly call: CallsOf<K>
  readonly cast: CastsOf<K>
  with(options: CallOptions): Ref<K>
  /** Sends a message to handleInfo. Resolves like a cast. */
  send(message: unknown): Promise<void>
  /**
   * Moves the running process, with its state, unread messages, timers and callers.
   *
   * Callers notice a pause: calls made meanwhile are answered by the moved process, and one sender's messages keep
   * their order.
   *
   * @param to  a member's name, or tcp(host, port) for a node outside the cluster
   * @throws ERR_REFUSED ERR_VERSION ERR_KIND_UNKNOWN ERR_NOT_NOW ERR_MOVING ERR_MOVE_TIMEOUT ERR_UNREACHABLE
   *   ERR_CALLBACK ERR_NOT_PORTABLE ERR_STATE_TOO_LARGE: the process runs on where it was.
   *   ERR_IN_DOUBT: nobody knows yet
   */
  sendMe(to: Destination, options?: MoveOptions): Promise<MoveResult>
  /** Ends the process: terminate() runs. Resolves when it has ended. Default reason `normal`. */
  stop(reason?: ExitReason): Promise<void>
  monitor(): Monitor
}
