/** A message of a process to itself: into its mailbox, no channel. */
import { fail, type MobilityError } from '../base/errors.js'
import { frameValueLimits } from '../wire/codec.js'
import { copyPortable } from '../wire/portable.js'
import type { Process } from './host.js'
import type { Envelope } from './mailbox.js'

type OwnMessage = Extract<Envelope, { what: 'cast' | 'info' }>

/**
 * Resolves when it is in the mailbox. Its rejection is handled already, as for a message to another one.
 * Rejects with ERR_OVERLOAD ERR_NOT_PORTABLE
 */
export const postToSelf = (process: Process, message: OwnMessage): Promise<void> => {
  const { name, host } = process
  const posted = post(process, message)
  posted.catch((error: MobilityError) =>
    host.events.emit('undelivered', { name, what: message.what, count: 1, reason: error.code }),
  )
  return posted
}

const post = async (process: Process, message: OwnMessage): Promise<void> => {
  const { name, host, kind } = process
  const copy = (value: unknown, root: string) => copyPortable(value, root, frameValueLimits(host.limits)).copy
  const own: OwnMessage =
    message.what === 'cast'
      ? { ...message, args: copy(message.args, 'args') as unknown[] }
      : { what: 'info', message: copy(message.message, 'message') }
  if (process.put(own)) return
  const limit = kind.spec.mailboxMax ?? host.limits.mailboxMax
  const what = 'A message to itself'
  throw fail('ERR_OVERLOAD', { what, name, limit, unit: 'messages', option: 'mailboxMax' })
}
