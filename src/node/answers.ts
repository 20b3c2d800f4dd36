/**
 * Answers on their way to a caller: copied for one of this node, as bytes for others, and what goes in their place when
 * they cannot travel, or a peer or a gateway cannot take them.
 */
import { fail, isMobilityError, type MobilityError, reasonOf } from '../base/errors.js'
import type { Origin } from '../base/ids.js'
import { later } from '../base/later.js'
import type { Limits } from '../base/limits.js'
import type { Channels } from '../channel/channels.js'
import type { Replies } from '../channel/replies.js'
import type { Process } from '../process/host.js'
import type { CallId } from '../process/mailbox.js'
import { failure, type Outcome, outcomeFromWire, outcomeToWire } from '../process/outcome.js'
import { decodeValue, encodeValue, frameValueLimits } from '../wire/codec.js'
import { copyPortable } from '../wire/portable.js'

export const failedBody = (error: MobilityError, limits: Limits): Buffer =>
  encodeValue(outcomeToWire(failure(error)), 'result', frameValueLimits(limits))

/** The answer, or the error that it is over `limit`, the largest body that the peer takes. */
export const fittingBody = (name: string, body: Buffer, limit: number, limits: Limits): Buffer => {
  if (body.length <= limit) return body
  const fields = { bytes: body.length, limit, what: `The answer of ${name}` }
  return failedBody(fail('ERR_FRAME_TOO_LARGE', fields, { executed: 'yes' }), limits)
}

/** An answer that came. One that cannot be read is lost: the call was executed. */
export const receivedOutcome = (name: string, body: Buffer, limits: Limits): Outcome => {
  try {
    return outcomeFromWire(decodeValue(body, frameValueLimits(limits)))
  } catch (error) {
    const fields = { what: `a call of ${name}`, reason: reasonOf(error) }
    return failure(fail('ERR_LOST', fields, { executed: 'yes' }))
  }
}

const copiedOutcome = (outcome: Outcome, limits: Limits): Outcome => {
  const frame = frameValueLimits(limits)
  try {
    if (outcome.ok) return { ok: true, value: copyPortable(outcome.value, 'result', frame).copy }
    return { ...outcome, data: copyPortable(outcome.data, 'data', frame).copy }
  } catch (error) {
    if (!isMobilityError(error)) throw error
    return failure(fail(error.code, error.fields, { executed: 'yes' }))
  }
}

/** What an answer needs of its node. */
interface Answering {
  readonly settings: { readonly limits: Limits }
  readonly router: { isOwn(origin: Origin): boolean }
  readonly channels: Channels
  readonly replies: Replies
}

/** Local callers get a copy, in a turn of its own; others get bytes that are kept until they have them. */
export const answer = (
  { settings, router, channels, replies }: Answering,
  process: Process,
  to: CallId,
  outcome: Outcome,
  dueAt: number,
): void => {
  if (!router.isOwn(to.origin)) return replies.send(process, to, outcome, dueAt)
  const copied = copiedOutcome(outcome, settings.limits)
  // Its acknowledgement comes for many at once.
  later(() => channels.reply(process.name, to.lane, to.seq, copied, false))
}
