/**
 * Large values to bytes and back in slices of about a millisecond, with a turn of the event loop between them: calls
 * are answered meanwhile. What is small is done before the first look at the clock.
 *
 * Holds for whatever is large because it has many values, in lists, plain objects, Maps and Sets. One text, one typed
 * array, one Error with all its causes is one slice, however large.
 */
import { fail, isMobilityError, reasonOf } from '../base/errors.js'
import type { Clock } from '../base/ports.js'
import { newReader, newWriter } from './codec.js'
import { Scanning } from './guard.js'
import { Reading } from './reading.js'
import { Trail, type ValueLimits } from './trail.js'
import { Writing } from './writing.js'

const SLICE_MS = 1
/** Between two looks at the clock. Each value that is written or read may bring a row of others with it. */
const LOOKED_AT = 1_024
const CODED = 32

interface Work {
  /** @returns false when it is done */
  go(values: number): boolean
}

const turn = (clock: Clock): Promise<void> => new Promise((resolve) => clock.soon(resolve))

const inSlices = async (work: Work, values: number, clock: Clock): Promise<void> => {
  let began = clock.now()
  while (work.go(values)) {
    if (clock.now() - began < SLICE_MS) continue
    await turn(clock)
    began = clock.now()
  }
}

/**
 * As `encodeValue`, as it lies in memory: large Buffers of the value stand in the list themselves. It must not change
 * before its bytes are sent: of what does, some is old and some is new there.
 * @throws ERR_NOT_PORTABLE
 */
export const encodeInSlices = async (
  value: unknown,
  root: string,
  limits: ValueLimits,
  clock: Clock,
): Promise<Buffer[]> => {
  const writer = newWriter(new Trail())
  try {
    writer.trail.begin(root, limits)
    await inSlices(new Writing(writer, value), CODED, clock)
  } catch (error) {
    if (isMobilityError(error)) throw error
    throw fail('ERR_NOT_PORTABLE', { path: root, why: reasonOf(error) }, { cause: error })
  }
  writer.flush()
  return writer.buffers ?? []
}

/**
 * As `decodeValue`. Nobody else may use the bytes any more: large Buffers can be views of them.
 * @throws ERR_DECODE
 */
export const decodeInSlices = async (bytes: Buffer, limits: ValueLimits, clock: Clock): Promise<unknown> => {
  const scanning = new Scanning(bytes, limits)
  await inSlices(scanning, LOOKED_AT, clock)
  const reader = newReader()
  reader.buffer = bytes
  reader.offset = 0
  reader.views = 2 * scanning.largeBytes >= bytes.length
  try {
    const reading = new Reading(reader)
    await inSlices(reading, CODED, clock)
    return reading.value
  } catch (error) {
    if (isMobilityError(error)) throw error
    throw fail('ERR_DECODE', { reason: reasonOf(error) }, { cause: error })
  }
}

/** As `copyPortable`, which holds up everybody when a value is large. @throws ERR_NOT_PORTABLE */
export const copyInSlices = async (value: unknown, root: string, limits: ValueLimits, clock: Clock): Promise<unknown> =>
  decodeInSlices(Buffer.concat(await encodeInSlices(value, root, limits, clock)), limits, clock)
