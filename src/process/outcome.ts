/** The answer to a call, as it is kept, sent and given to the caller. */
import { type ErrorFields, type Executed, fail, isErrorCode, isMobilityError, MobilityError } from '../base/errors.js'

export type Outcome =
  | { readonly ok: true; readonly value: unknown }
  | {
      readonly ok: false
      readonly code: string
      readonly fields: ErrorFields
      readonly executed: Executed
      readonly data: unknown
    }

export const success = (value: unknown): Outcome => ({ ok: true, value })

export const failure = (error: MobilityError): Outcome => ({
  ok: false,
  code: error.code,
  fields: error.fields,
  executed: error.executed,
  data: error.data,
})

/** The error that the caller sees. A code of a newer version becomes ERR_LOST, with what is known. */
export const errorOf = (outcome: Extract<Outcome, { ok: false }>): MobilityError =>
  isErrorCode(outcome.code)
    ? new MobilityError(outcome.code, outcome.fields, { executed: outcome.executed, data: outcome.data })
    : fail('ERR_LOST', { what: 'the call', reason: `unknown error ${outcome.code}` }, { executed: outcome.executed })

/** As MessagePack: [true, value] or [false, code, fields, executed, data]. */
export const outcomeToWire = (outcome: Outcome): unknown[] =>
  outcome.ok ? [true, outcome.value] : [false, outcome.code, outcome.fields, outcome.executed, outcome.data]

/** @throws ERR_DECODE */
export const outcomeFromWire = (wire: unknown): Outcome => {
  if (!Array.isArray(wire) || wire.length < 2) throw fail('ERR_DECODE', { reason: 'a reply is not an outcome' })
  if (wire[0] === true) return success(wire[1])
  const [, code, fields, executed, data] = wire as unknown[]
  const executedKnown = executed === 'no' || executed === 'yes' ? executed : 'maybe'
  if (typeof code !== 'string') throw fail('ERR_DECODE', { reason: 'a reply has no error code' })
  return { ok: false, code, fields: plainFields(fields), executed: executedKnown, data }
}

const plainFields = (fields: unknown): ErrorFields => {
  if (typeof fields !== 'object' || fields === null) return {}
  const known = Object.entries(fields).filter(([, value]) => typeof value === 'string' || typeof value === 'number')
  return Object.fromEntries(known.slice(0, 16))
}

/** Any thrown thing as an error of ours; one that is not becomes the given code. */
export const asMobilityError = (error: unknown, otherwise: (reason: unknown) => MobilityError): MobilityError =>
  isMobilityError(error) ? error : otherwise(error)
