/** Bodies of answers that are errors: from a gateway that cannot relay, and in place of what a peer cannot take. */
import { fail, type MobilityError } from '../base/errors.js'
import type { Limits } from '../base/limits.js'
import { failure, outcomeToWire } from '../process/outcome.js'
import { encodeValue, frameValueLimits } from '../wire/codec.js'

export const failedBody = (error: MobilityError, limits: Limits): Buffer =>
  encodeValue(outcomeToWire(failure(error)), 'result', frameValueLimits(limits))

/** The answer, or the error that it is over `limit`, the largest body that the peer takes. */
export const fittingBody = (name: string, body: Buffer, limit: number, limits: Limits): Buffer => {
  if (body.length <= limit) return body
  const fields = { bytes: body.length, limit, what: `The answer of ${name}` }
  return failedBody(fail('ERR_FRAME_TOO_LARGE', fields, { executed: 'yes' }), limits)
}
