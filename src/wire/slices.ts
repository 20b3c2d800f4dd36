/**
 * Large values to bytes and back in slices, with turns of the event loop between (base/slices.ts); small ones at once.
 *
 * Holds for whatever is large because it has many values, in lists, plain objects, Maps and Sets. One text, one typed
 * array, one Error with all its causes, the keys of one object, is one slice, however large.
 */
import { fail, isMobilityError, reasonOf } from '../base/errors.js'
import { inSlices, type Slicing } from '../base/slices.js'
import { inPieces, newReader, newWriter } from './codec.js'
import { Scanning } from './guard.js'
import { Reading } from './reading.js'
import { Trail, type ValueLimits } from './trail.js'
import { Writing } from './writing.js'

/** Between two looks at the clock. Each value that is written or read may bring a row of others with it. */
const LOOKED_AT = 1_024
const CODED = 32

/**
 * As `encodeValue`, as it lies in memory: large Buffers of the value stand in the list themselves. It must not change
 * before its bytes are sent: of what does, some is old and some is new there.
 * @throws ERR_NOT_PORTABLE, and what `over` says
 */
export const encodeInSlices = async (
  value: unknown,
  root: string,
  limits: ValueLimits,
  slicing: Slicing,
): Promise<Buffer[]> => {
  const writer = newWriter(new Trail())
  try {
    writer.trail.begin(root, limits)
    await inSlices(new Writing(writer, value), CODED, slicing)
  } catch (error) {
    if (isMobilityError(error)) throw error
    throw fail('ERR_NOT_PORTABLE', { path: root, why: reasonOf(error) }, { cause: error })
  }
  return inPieces(writer)
}

/** As `decodeValue`. @throws ERR_DECODE, and what `over` says */
export const decodeInSlices = async (bytes: Buffer, limits: ValueLimits, slicing: Slicing): Promise<unknown> => {
  await inSlices(new Scanning(bytes, limits), LOOKED_AT, slicing)
  const reader = newReader()
  reader.buffer = bytes
  reader.offset = 0
  try {
    const reading = new Reading(reader)
    await inSlices(reading, CODED, slicing)
    return reading.value
  } catch (error) {
    if (isMobilityError(error)) throw error
    throw fail('ERR_DECODE', { reason: reasonOf(error) }, { cause: error })
  }
}

/** As `copyPortable`, which holds up everybody when a value is large. @throws ERR_NOT_PORTABLE, and what `over` says */
export const copyInSlices = async (
  value: unknown,
  root: string,
  limits: ValueLimits,
  slicing: Slicing,
): Promise<unknown> =>
  decodeInSlices(Buffer.concat(await encodeInSlices(value, root, limits, slicing)), limits, slicing)
