/**
 * Runs one message through a kind's handler and says what the result means. No life cycle here: server.ts owns that.
 *
 *   envelope -> handler -> value | promise | token | directive | throw
 *                            '-> Verdict: answer, later, stop, continue, move, crash
 */
import { fail, isMobilityError, type MobilityError, reasonOf } from '../base/errors.js'
import { within } from '../base/within.js'
import type { Destination } from './destination.js'
import { type Directive, isDeferred, isDirective, Rejection } from './directives.js'
import type { Process } from './host.js'
import type { Handlers } from './kind.js'
import { callKey, type Envelope } from './mailbox.js'
import { failure, type Outcome, success } from './outcome.js'
import type { SelfHandle } from './self-handle.js'

/** What the server loop must do next. `outcome` answers the call, where the message was one. */
export type Verdict =
  | { readonly type: 'answered'; readonly outcome: Outcome }
  | { readonly type: 'later' }
  /** `outcome` is not there yet when the answer comes later: from the move, or by `self.reply`. */
  | { readonly type: 'directive'; readonly directive: Directive; readonly outcome: Outcome | undefined }
  | { readonly type: 'crash'; readonly error: unknown }

const handlerOf = (handlers: Handlers<unknown, unknown> | undefined, method: string) =>
  handlers !== undefined && Object.hasOwn(handlers, method) ? handlers[method] : undefined

/** What `continueWith` asked for. */
export const proceed = (process: Process, self: SelfHandle, arg: unknown): unknown => {
  const { spec, kind } = process.kind
  self.takeMade()
  self.current = undefined
  if (spec.handleContinue !== undefined) return spec.handleContinue(self, arg)
  process.host.log.warn({ name: process.name, kind }, `${process.name} continues, and its kind has no handleContinue`)
  return undefined
}

/** Calls the handler. What it throws is thrown. */
export const invoke = (process: Process, self: SelfHandle, envelope: Envelope): unknown => {
  const { spec, kind } = process.kind
  self.takeMade()
  self.current = envelope.what === 'call' ? { to: envelope.from, dueAt: envelope.dueAt } : undefined
  if (envelope.what === 'info') {
    if (spec.handleInfo === undefined) {
      process.host.log.warn({ name: process.name, kind }, `${process.name} got an info, and its kind has no handleInfo`)
      return undefined
    }
    return spec.handleInfo(self, envelope.message)
  }
  const handler = handlerOf(envelope.what === 'call' ? spec.calls : spec.casts, envelope.method)
  if (handler === undefined)
    throw fail('ERR_UNKNOWN_CALL', { kind, what: envelope.what, method: envelope.method, name: process.name })
  return handler(self, ...(envelope.args as never[]))
}

/** What a returned value means. */
export const judge = (process: Process, self: SelfHandle, envelope: Envelope, result: unknown): Verdict => {
  const dropped = self.takeMade().find((directive) => directive !== result)
  if (dropped !== undefined) {
    const error = fail('ERR_DIRECTIVE_DROPPED', { name: process.name, directive: dropped.name })
    process.host.log.error({ name: process.name, code: error.code }, error.message)
    return { type: 'answered', outcome: failure(error) }
  }
  if (isDirective(result)) {
    const outcome = result.name === 'sendMe' ? undefined : answerOf(envelope, result.reply)
    return { type: 'directive', directive: result, outcome }
  }
  const outcome = answerOf(envelope, result)
  return outcome === undefined ? { type: 'later' } : { type: 'answered', outcome }
}

/** The value that answers the message; undefined for the call's own token: `self.reply` will. */
const answerOf = (envelope: Envelope, value: unknown): Outcome | undefined => {
  if (envelope.what !== 'call') return success(undefined)
  if (!isDeferred(value)) return success(value)
  const { origin, lane, seq } = envelope.from
  if (value.origin === origin && value.lane === lane && value.seq === seq) return undefined
  const why = 'a call can return only its own token'
  return failure(fail('ERR_BAD_ARGUMENT', { what: `The answer of ${callKey(envelope.from)}`, why }))
}

/** What a throw means: a rejection and our own refusals fail the one message, all else is a crash. */
export const judgeThrow = (process: Process, envelope: Envelope, error: unknown): Verdict => {
  if (error instanceof Rejection) {
    const rejected = fail('ERR_REJECTED', { name: process.name, reason: error.code }, { data: error.data })
    if (envelope.what !== 'call') {
      process.host.log.warn({ name: process.name, reason: error.code }, `${process.name} rejected a ${envelope.what}`)
    }
    return { type: 'answered', outcome: failure(rejected) }
  }
  // Thrown by `invoke` itself, before any code of the user ran.
  if (isMobilityError(error) && error.code === 'ERR_UNKNOWN_CALL' && error.fields.name === process.name) {
    if (envelope.what !== 'call') process.host.log.warn({ name: process.name }, error.message)
    return { type: 'answered', outcome: failure(error) }
  }
  return { type: 'crash', error }
}

export const crashOutcome = (process: Process, error: unknown): Outcome =>
  isMobilityError(error) && error.code === 'ERR_BAD_RETURN'
    ? failure(error)
    : failure(fail('ERR_CRASHED', { name: process.name, reason: reasonOf(error) }))

/** Errors that say themselves why a process does not start. */
const SAID: ReadonlySet<string> = new Set(['ERR_START_IGNORED', 'ERR_START_FAILED', 'ERR_STORE', 'ERR_UNUSABLE'])

/** What `start` rejects with. It may have met an error of the same sort from a process that its init started. */
export const startFailure = (name: string, error: unknown): MobilityError => {
  if (isMobilityError(error) && SAID.has(error.code) && error.fields.name === name) return error
  return fail('ERR_START_FAILED', { name, reason: reasonOf(error) }, { cause: error })
}

/** May it move there now? Anything but `true` is a reason why not. What must be at rest before, is then. */
export const askConsent = (
  process: Process,
  self: SelfHandle,
  { to, ms }: { readonly to: Destination; readonly ms: number },
  decide: (refusal: MobilityError | undefined) => void,
): void => {
  const { name } = process
  const answered = (verdict: unknown): void => {
    const reason = typeof verdict === 'string' ? verdict : 'mayMove did not say true'
    if (verdict !== true) decide(fail('ERR_NOT_NOW', { name, reason }))
    else if (process.host.keeper === undefined) decide(undefined)
    else void process.host.keeper.atMove(process, ms).then(decide)
  }
  const threw = (error: unknown): void =>
    decide(fail('ERR_CALLBACK', { callback: 'mayMove', name, reason: reasonOf(error) }))
  try {
    const late = () => fail('ERR_TIMEOUT', { what: `mayMove of ${name}`, ms })
    const verdict = within(process.host.clock, ms, process.kind.spec.mayMove?.(self, to) ?? true, late)
    if (verdict instanceof Promise) verdict.then(answered, threw)
    else answered(verdict)
  } catch (error) {
    threw(error)
  }
}
