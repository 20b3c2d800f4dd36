/** What a process that ends still owes: an answer to every call that it took (G9), and a word about the rest (G5). */
import { fail } from '../base/errors.js'
import type { Process } from './host.js'
import { failure, type Outcome, success } from './outcome.js'

export const farewell = (process: Process, reason: string): void => {
  const { name, mailbox, host } = process
  const stopped = (executed: 'no' | 'maybe'): Outcome => failure(fail('ERR_STOPPED', { name, reason }, { executed }))
  const dropped = { cast: 0, info: 0 }
  for (const envelope of mailbox.messages()) {
    if (envelope.what === 'call') process.answer(envelope.from, stopped('no'))
    else dropped[envelope.what] += 1
  }
  // A copy: a freeze that is told takes itself out.
  for (const message of [...mailbox.systemMessages()]) {
    if (message.what === 'freeze') message.frozen(fail('ERR_STOPPED', { name, reason }))
    else if (message.from !== undefined)
      process.answer(message.from, message.what === 'stop' ? success(undefined) : stopped('no'))
  }
  // Deferred, or in the hands of a handler that was killed.
  for (const call of [...process.open.values()]) process.answer(call.to, stopped('maybe'))
  for (const what of ['cast', 'info'] as const) {
    const count = dropped[what]
    if (count > 0) host.events.emit('undelivered', { name, what, count, reason: `it ended: ${reason}` })
  }
  mailbox.clear()
}
