/** What a destination says of a move to its source. */
import type { MobilityError } from '../base/errors.js'
import type { Attempt } from '../base/ids.js'
import type { MessageOf } from '../wire/messages.js'

/** A move that comes in, as far as these messages tell of it. */
interface Arriving {
  readonly name: string
  readonly attempt: Attempt
}

/** A reason is for people, and a field of the message. */
const REASON_CHARS = 300

export const preparedOf = ({ name, attempt }: Arriving, incarnation: number): MessageOf<'PREPARED'> => ({
  type: 'PREPARED',
  name,
  attempt,
  incarnation,
})

export const refusedOf = ({ name, attempt }: Arriving, { code, message }: MobilityError): MessageOf<'REFUSED'> => ({
  type: 'REFUSED',
  name,
  attempt,
  code,
  reason: message.slice(0, REASON_CHARS),
})

export const abortedOf = ({ name, attempt }: Arriving): MessageOf<'ABORTED'> => ({
  type: 'ABORTED',
  name,
  attempt,
  by: 'destination',
  verdict: 'aborted',
})

export const activatedOf = (
  { name, attempt, epoch, prepare }: Arriving & { readonly epoch: number; readonly prepare: MessageOf<'PREPARE'> },
  pauseMs: number,
  bytes: number,
): MessageOf<'ACTIVATED'> => ({
  type: 'ACTIVATED',
  name,
  attempt,
  epoch,
  line: prepare.line,
  // Its source may say anything of the time since its freeze.
  pauseUs: Math.min(Number.MAX_SAFE_INTEGER, Math.round(pauseMs * 1_000)),
  bytes,
})
