/**
 * The two faces at which a process and its node meet: `ProcessHost` is all that a process sees of the node (no
 * network), `Process` is what the rest of the node sees of a process. `server.ts` is the one implementation.
 */
import type { MobilityError } from '../base/errors.js'
import type { Events } from '../base/events.js'
import type { LazyMap } from '../base/lazy-map.js'
import type { Limits } from '../base/limits.js'
import type { Clock, Logger } from '../base/ports.js'
import type { Destination } from './destination.js'
import type { ExitReason, MoveOptions } from './directives.js'
import type { Cursor, OpenCall, Told } from './image.js'
import type { KeptReplies } from './kept-replies.js'
import type { AnyKind } from './kind.js'
import type { CallId, Envelope, Mailbox, SystemMessage } from './mailbox.js'
import type { Outcome } from './outcome.js'
import type { RefPort } from './ref.js'
import type { Scheduler } from './scheduler.js'
import type { Timers } from './timers.js'
import type { Fate, Watches } from './watches.js'

/** State at rest, of processes whose kind has `persist`. */
export interface Keeper {
  /**
   * The state to begin with; undefined: nothing is at rest, init makes it.
   * @throws ERR_STORE ERR_UNUSABLE
   */
  begin(process: Process): Promise<{ readonly state: unknown } | undefined>
  /** A callback has run, or a copy came to life: the state may differ from what is at rest. */
  ran(process: Process): void
  /** Before a freeze; no callback runs until it resolves. @returns why it may not move */
  atMove(process: Process, ms: number): Promise<MobilityError | undefined>
  /** After terminate. Never rejects; the process ends when it resolves. */
  atEnd(process: Process, reason: ExitReason): Promise<void>
}

export interface ProcessHost {
  readonly node: string
  readonly clock: Clock
  readonly log: Logger
  readonly events: Events
  readonly limits: Limits
  readonly scheduler: Scheduler
  /** False while the node must not run anything (it stood still and has not compared epochs yet). */
  mayRun(): boolean
  /** Default: nothing is kept at rest. */
  readonly keeper?: Keeper
  /** No handler of it runs any more. */
  rests?(process: Process): void
  /** Answers a call, from wherever it came. The answer is kept until the caller has it, or `dueAt`. */
  reply(process: Process, to: CallId, outcome: Outcome, dueAt: number): void
  /** The way out for a process's own calls and casts, counted as its sends. */
  outlet(process: Process): RefPort
  /** `answer` is the call that asked for the move and gets its result. */
  move(process: Process, to: Destination, options: MoveOptions, answer: CallId | undefined): void
  /** The process has ended: free its name, tell its monitors. */
  ended(process: Process, reason: string): void
  /** The process watches somebody from now on. */
  watching(process: Process): void
  /** Time for `terminate` and `detach` of a process, in ms. */
  shutdownMs(name: string, kind: AnyKind): number
  /** What is known of a name; undefined when nobody ever had it, or it was forgotten. */
  fate(name: string): Fate | undefined
}

export type Phase = 'starting' | 'running' | 'frozen' | 'inert' | 'ending' | 'ended' | 'moved'

export interface Process {
  readonly host: ProcessHost
  readonly name: string
  readonly kind: AnyKind
  readonly args: readonly unknown[]
  /** Grows only (G2). */
  readonly epoch: number
  /** The epoch at which its state last began without complete cursors. */
  readonly line: number
  readonly phase: Phase
  state: unknown
  /** What `attach` returned here. */
  readonly local: unknown
  /** A handler runs. */
  readonly busy: boolean
  /** Takes new messages: it runs, or is about to. */
  readonly accepting: boolean
  readonly mailbox: Mailbox
  readonly timers: Timers
  /** What the channels keep with the process, so that it moves: next seq by sender and lane, unacknowledged replies. */
  readonly cursors: LazyMap<string, Cursor>
  readonly replies: KeptReplies
  /** Calls that were taken and wait for `self.reply`, or for the end of a move or a stop. */
  readonly open: LazyMap<string, OpenCall>
  readonly watches: Watches
  /** Of a replica: the last that it was told of its role. */
  told: Told | undefined
  readonly whenEnded: Promise<string>
  /** @returns false when the mailbox is full: the sender keeps the message */
  put(envelope: Envelope): boolean
  setTimer(ms: number, message: unknown): number
  /** stop, sendMe and freeze go ahead of the mailbox. */
  system(message: SystemMessage): void
  answer(to: CallId, outcome: Outcome, dueAt?: number): void
  answerLater(to: CallId, outcome: Outcome): void
  /** News about a name that may be watched. */
  notice(name: string): void
  wake(): void
  end(reason: ExitReason, answers?: readonly CallId[]): Promise<void>
  kill(): void
  detach(): Promise<void>
  readonly ready: boolean
  attach(): Promise<void>
  run(epoch: number, line: number): void
  raise(epoch: number, line: number): void
  depart(why: string): void
}
