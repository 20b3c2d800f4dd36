/** Two ways in which a frozen copy runs again: as if nothing had been, or as a possible rollback. */
import { isMobilityError, reasonOf } from '../base/errors.js'
import type { Attempt } from '../base/ids.js'
import type { Process } from '../process/host.js'
import type { MoveContext } from './context.js'

/** G6: the same epoch, the same line, the same state. */
export const goOn = async (context: MoveContext, process: Process): Promise<void> => {
  const { moves, directory } = context
  if (moves !== undefined) await moves.opened()
  // It may be back in a higher epoch than it had.
  const own = moves === undefined ? undefined : directory.lookup(process.name)
  if (!process.ready) {
    const failed = await reattach(context, process)
    if (failed !== undefined) return process.end({ error: failed })
  }
  if (process.phase !== 'frozen') return
  if (own !== undefined && own.epoch > process.epoch) process.raise(own.epoch, own.line)
  process.run(process.epoch, process.line)
  context.replies.resend(process)
  context.callBack(process.name)
}

/**
 * A copy that is woken after its move was committed. Its cursors may be behind what the other copy had taken: a new
 * epoch, a new line, and no word from the old one (G2, G3).
 */
export const wake = async (context: MoveContext, process: Process, attempt: Attempt, reason: string): Promise<void> => {
  const { clock, directory, events, log, moves, self, callBack } = context
  const { name } = process
  if (moves !== undefined) await moves.opened()
  const failed = process.ready ? undefined : await reattach(context, process)
  if (process.phase !== 'frozen') return
  // Only now: the registry may have learned of newer epochs meanwhile. A destination in another cluster has claimed the
  // name and run in an epoch of its wall clock, of which nobody here need have heard.
  const known = directory.lookup(name)?.epoch ?? 0
  const epoch = moves === undefined ? Math.max(attempt.epoch + 2, known + 1, clock.wall()) : known
  // Its end must be news to whoever knows the owner that died.
  process.raise(epoch, epoch)
  if (failed !== undefined) return process.end({ error: failed })
  process.cursors.clear()
  process.replies.clear()
  const { node, incarnation } = self().identity
  const kind = process.kind.kind
  directory.publish({ name, kind, node, incarnation, epoch, line: epoch, status: 'live', reason: '' })
  process.run(epoch, epoch)
  log.error({ name, epoch, reason }, `${name} was woken here and may have lost what it did elsewhere: ${reason}`)
  events.emit('rollback', { name, epoch, line: epoch, reason })
  callBack(name)
}

/**
 * What detach() had let go before the commit.
 * @returns why it cannot be had back: then the process ends, and that is said
 */
const reattach = async ({ log }: MoveContext, process: Process): Promise<string | undefined> => {
  try {
    await process.attach()
    return undefined
  } catch (error) {
    const reason = `attach: ${isMobilityError(error) ? (error.fields.reason ?? error.code) : reasonOf(error)}`
    log.error({ name: process.name, reason }, `${process.name} could not be attached again, it ends`)
    return reason
  }
}
