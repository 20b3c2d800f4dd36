/**
 * What a handler may hand back instead of, or around, its result. A directive acts when it is returned; one that
 * was made and not returned is ERR_DIRECTIVE_DROPPED.
 */
import { clip, fail, shown } from '../base/errors.js'
import { ReplyTo } from '../wire/portable.js'
import type { Destination } from './destination.js'

/**
 * Why a process ended. OTP's words: `normal`, `shutdown`, `{ shutdown: term }`, `killed`, `noproc`, `nodedown`; a crash
 * is `{ error: text }`.
 */
export type ExitReason = string | { readonly shutdown: unknown } | { readonly error: string }

/** One line for logs, monitors and the registry. */
export const exitText = (reason: ExitReason): string => {
  if (typeof reason === 'string') return clip(reason)
  if ('error' in reason) return clip(`crash: ${reason.error}`)
  return clip(`shutdown: ${typeof reason.shutdown === 'string' ? reason.shutdown : shown(reason.shutdown)}`)
}

/** @throws ERR_BAD_ARGUMENT */
export const checkReason = (reason: unknown): ExitReason => {
  if (typeof reason === 'string') return reason
  if (typeof reason === 'object' && reason !== null) {
    if ('shutdown' in reason) return { shutdown: reason.shutdown }
    if ('error' in reason && typeof reason.error === 'string') return { error: reason.error }
  }
  const why = 'it must be a text, { shutdown: anything } or { error: text }'
  throw fail('ERR_BAD_ARGUMENT', { what: 'The reason of a stop', why })
}

const ORDERLY = /^(normal|shutdown|shutdown: .*)$/s

/** An end that was meant, by its line of text: what is transient is not started again after it. */
export const isOrderly = (text: string): boolean => ORDERLY.test(text)

export const isCrash = (reason: ExitReason): boolean => typeof reason === 'object' && 'error' in reason

declare const result: unique symbol

/** What a move did. */
export interface MoveResult {
  /** The epoch that the new owner holds. */
  readonly epoch: number
  /** Time in which no callback ran, in ms, measured at both ends; the one way of COMMIT between them is not in it. */
  readonly pauseMs: number
  /** Size of the snapshot that was sent, in bytes. */
  readonly stateBytes: number
  /** False when it was there already. */
  readonly moved: boolean
}

export class StopDirective<T = undefined> {
  declare readonly [result]: T
  readonly name = 'stop'
  constructor(
    readonly reason: ExitReason,
    readonly reply: T,
  ) {}
}

export class ContinueDirective<T = undefined> {
  declare readonly [result]: T
  readonly name = 'continueWith'
  constructor(
    readonly arg: unknown,
    readonly reply: T,
  ) {}
}

export class MoveDirective {
  declare readonly [result]: MoveResult
  readonly name = 'sendMe'
  constructor(
    readonly to: Destination,
    readonly options: MoveOptions,
  ) {}
}

export interface MoveOptions {
  /** Limit for everything before the commit, in ms. Default 5_000 (limits.moveTimeoutMs). */
  readonly timeoutMs?: number
}

export type Directive = StopDirective<unknown> | ContinueDirective<unknown> | MoveDirective

export const isDirective = (value: unknown): value is Directive =>
  value instanceof StopDirective || value instanceof ContinueDirective || value instanceof MoveDirective

/** The answer to a call that will be given later. Plain data: it may be kept in the state, and moves with it. */
export type Deferred<T> = ReplyTo & { readonly [result]: T }

export const isDeferred = (value: unknown): value is ReplyTo => value instanceof ReplyTo

/** What a caller gets for what a handler returns. */
export type Answer<R> =
  R extends Deferred<infer T>
    ? T
    : R extends StopDirective<infer T>
      ? Answer<T>
      : R extends ContinueDirective<infer T>
        ? Answer<T>
        : R extends MoveDirective
          ? MoveResult
          : R

/** Thrown by a handler to fail one call while the process lives on. Made by `reject`. */
export class Rejection {
  constructor(
    readonly code: string,
    readonly data: unknown,
  ) {}
}

/**
 * `throw reject('insufficient', { balance })`: the caller gets ERR_REJECTED with `fields.reason` = code and `data`;
 * the process lives. Anything else that is thrown is a crash, as in OTP.
 */
export const reject = (code: string, data?: unknown): Rejection => new Rejection(String(code), data)

export class InitIgnore {
  readonly name = 'ignore'
}

export class InitStop {
  constructor(readonly reason: ExitReason) {}
}

/** Returned by `init`: do not start, and do not call it an error (`start` rejects with ERR_START_IGNORED). */
export const ignore = (): InitIgnore => new InitIgnore()

/** Returned by `init`: do not start; `start` rejects with ERR_START_FAILED and this reason. */
export const stop = (reason: ExitReason): InitStop => new InitStop(checkReason(reason))
