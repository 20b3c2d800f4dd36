/** What a destination says of a move to its source. */
import { fail, type MobilityError } from '../base/errors.js'
import type { Attempt } from '../base/ids.js'
import type { Entry, MessageOf } from '../wire/messages.js'
import type { MoveContext } from './context.js'

/** A move that comes in, as far as these messages tell of it. */
interface Arriving {
  readonly name: string
  readonly attempt: Attempt
}

/** A reason is for people, and a field of the message. */
const REASON_CHARS = 300

/** Why a copy waits, when nobody has said a word for too long. */
export const doubtOf = ({ unsettled }: { readonly unsettled: boolean }): string =>
  unsettled
    ? 'it runs here, and its source has not confirmed that it knows'
    : 'the source is dead, and its holder has not answered'

export const outgrownBy = (known: Entry | undefined, name: string): MobilityError =>
  fail('ERR_REFUSED', { node: known?.node ?? '', name, reason: 'it is owned in a higher epoch' })

/** Why it was burned, when nothing else is known. */
export const givenUp = ({ stopping, host }: MoveContext, name: string): MobilityError =>
  stopping()
    ? fail('ERR_NODE_STOPPED', { node: host.node })
    : fail('ERR_SNAPSHOT', { name, reason: 'this attempt was given up here' })

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
