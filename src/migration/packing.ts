/** From a frozen process to the bytes that leave. Nothing of it is changed (G6). */
import { fail, type MobilityError, reasonOf } from '../base/errors.js'
import { checkWanted } from '../base/slices.js'
import { within } from '../base/within.js'
import type { Process } from '../process/host.js'
import type { CallId } from '../process/mailbox.js'
import { dehydrate, handover } from '../process/mobile.js'
import { asMobilityError } from '../process/outcome.js'
import type { MoveContext } from './context.js'
import { encodeSnapshot, type SnapshotBytes } from './snapshot.js'

interface PackOptions {
  readonly timeoutMs: number
  /** The call that asked for the move: the destination answers it. */
  readonly answer: CallId | undefined
  /** What both nodes take. */
  readonly bytesMax: number
  /** Why the move is over, once it is. */
  readonly over: () => MobilityError | undefined
}

interface Packed {
  readonly packed: SnapshotBytes
  /** Names to which it has sends that are not acknowledged: the destination holds its sends to them until FLUSHED. */
  readonly sends: readonly string[]
}

/** @throws ERR_CALLBACK ERR_MOVE_TIMEOUT ERR_NOT_PORTABLE ERR_STATE_TOO_LARGE, and nothing else */
export const pack = async (context: MoveContext, process: Process, options: PackOptions): Promise<Packed> => {
  const { name } = process
  const { clock, limits, channels } = context
  const { timeoutMs, answer, bytesMax, over } = options
  const slicing = { clock, valuesMax: limits.sliceValuesMax, over }
  const callback = (error: unknown): MobilityError =>
    fail('ERR_CALLBACK', { callback: 'prepareHandover', name, reason: reasonOf(error) }, { cause: error })
  try {
    const late = () => fail('ERR_MOVE_TIMEOUT', { name, ms: timeoutMs, reason: 'prepareHandover did not end' })
    const handed = await within(clock, timeoutMs, handover(process, slicing), late)
    const answers = answer === undefined ? [] : [answer]
    const sends = channels.unacked(process)
    const snapshot = { image: dehydrate(process, handed), answers, sends }
    const packed = await encodeSnapshot(name, snapshot, slicing, limits)
    checkWanted(slicing)
    const { bytes } = packed
    if (bytes > bytesMax) throw fail('ERR_STATE_TOO_LARGE', { name, bytes, limit: bytesMax })
    return { packed, sends }
  } catch (error) {
    throw asMobilityError(error, callback)
  }
}
