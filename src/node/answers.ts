/**
 * Answers on their way to a caller: copied for one of this node, as bytes for others, and what goes in their place when
 * they cannot travel, or a peer or a gateway cannot take them.
 */
import { fail, isMobilityError, type MobilityError } from '../base/errors.js'
import type { Limits } from '../base/limits.js'
import { failure, type Outcome, outcomeToWire } from '../process/outcome.js'
import { encodeValue, frameValueLimits } from '../wire/codec.js'
import { copyPortable } from '../wire/portable.js'

export const failedBody = (error: MobilityError, limits: Limits): Buffer =>
  encodeValue(outcomeToWire(failure(error)), 'result', frameValueLimits(limits))

/** The answer, or the error that it is over `limit`, the largest body that the peer takes. */
export const fittingBody = (name: string, body: Buffer, limit: number, limits: Limits): Buffer => {
  if (body.length <= limit) return body
  const fields = { bytes: body.length, limit, what: `The answer of ${name}` }
  return failedBody(fail('ERR_FRAME_TOO_LARGE', fields, { executed: 'yes' }), limits)
}

export const copiedOutcome = (outcome: Outcome, limits: Limits): Outcome => {
  const frame = frameValueLimits(limits)
  try {
    if (outcome.ok) return { ok: true, value: copyPortable(outcome.value, 'result', frame).copy }
    return { ...outcome, data: copyPortable(outcome.data, 'data', frame).copy }
  } catch (error) {
    if (!isMobilityError(error)) throw error
    return failure(fail(error.code, error.fields, { executed: 'yes' }))
  }
}
