/**
 * What crosses the wire as the bytes of a move: the image, and what the move itself must not forget.
 *
 *   [image, answers, sends, keptForMs]
 *     answers  calls that asked for this move: D answers them with what it did
 *     sends    names to which the process has unacknowledged messages: D holds its sends to them until FLUSHED
 */
import { crc32 } from 'node:zlib'
import { fail, isMobilityError, reasonOf } from '../base/errors.js'
import type { Limits } from '../base/limits.js'
import type { Slicing } from '../base/slices.js'
import type { ProcessImage } from '../process/image.js'
import { callIdToWire, imageFromWire, imageToWire, readCallId } from '../process/image.js'
import type { CallId } from '../process/mailbox.js'
import { stateValueLimits } from '../wire/codec.js'
import { bytesOf } from '../wire/pieces.js'
import { decodeInSlices, encodeInSlices } from '../wire/slices.js'

export interface Snapshot {
  readonly image: ProcessImage
  readonly answers: readonly CallId[]
  readonly sends: readonly string[]
}

/** A snapshot as bytes: large Buffers of the state are among the pieces, so the state must not change. */
export interface SnapshotBytes {
  readonly pieces: readonly Buffer[]
  readonly bytes: number
}

/** @throws ERR_NOT_PORTABLE (with the path of the field) ERR_STATE_TOO_LARGE */
export const encodeSnapshot = async (
  name: string,
  snapshot: Snapshot,
  slicing: Slicing,
  limits: Limits,
): Promise<SnapshotBytes> => {
  const wire = [imageToWire(snapshot.image, slicing.clock.now()), snapshot.answers.map(callIdToWire), snapshot.sends]
  const pieces = await encode(wire, limits, slicing)
  const bytes = bytesOf(pieces)
  if (bytes > limits.stateBytesMax) throw fail('ERR_STATE_TOO_LARGE', { name, bytes, limit: limits.stateBytesMax })
  return { pieces, bytes }
}

/** What a path in the image means to whoever wrote the kind. */
const PLACES = ['state', 'args', 'mailbox', 'continueWith', 'timers'] as const

const encode = async (wire: unknown, limits: Limits, slicing: Slicing): Promise<Buffer[]> => {
  try {
    return await encodeInSlices(wire, 'process', stateValueLimits(limits), slicing)
  } catch (error) {
    const { path } = isMobilityError(error) ? error.fields : {}
    if (!isMobilityError(error) || typeof path !== 'string') throw error
    const known = path.replace(/^process\[0\]\[(\d)\]/, (whole, place: string) => PLACES[Number(place)] ?? whole)
    throw fail(error.code, { ...error.fields, path: known })
  }
}

/** @throws ERR_SNAPSHOT */
export const decodeSnapshot = async (
  name: string,
  bytes: Buffer,
  slicing: Slicing,
  limits: Limits,
): Promise<Snapshot> => {
  const wrong = (reason: string) => fail('ERR_SNAPSHOT', { name, reason })
  let wire: unknown
  try {
    wire = await decodeInSlices(bytes, stateValueLimits(limits), slicing)
  } catch (error) {
    throw wrong(reasonOf(error))
  }
  if (!Array.isArray(wire) || wire.length < 3) throw wrong('parts are missing')
  const [image, answers, sends] = wire as [unknown, unknown, unknown]
  if (!Array.isArray(answers) || !Array.isArray(sends)) throw wrong('parts are not lists')
  const names = sends.filter((target): target is string => typeof target === 'string')
  return {
    image: imageFromWire(name, image, slicing.clock.now()),
    answers: answers.map((answer) => readCallId(name, answer)),
    sends: names,
  }
}

export const checksum = (bytes: Buffer, before = 0): number => crc32(bytes, before)

/** So many values are looked at in a fraction of a millisecond. */
const LOOKED_AT_MAX = 10_000

/** How much a value takes at least, in bytes, given up above `limit`: a look before the freeze, not a measure. */
export const roughBytes = (value: unknown, limit: number): number => {
  let bytes = 0
  const pending: unknown[] = [value]
  for (let left = LOOKED_AT_MAX; left > 0 && pending.length > 0 && bytes <= limit; left--) {
    const next = pending.pop()
    bytes += 1
    if (typeof next === 'string') bytes += next.length
    else if (ArrayBuffer.isView(next)) bytes += next.byteLength
    else if (Array.isArray(next)) for (const item of next) pending.push(item)
    else if (next instanceof Map) for (const [key, item] of next) pending.push(key, item)
    else if (next instanceof Set) for (const item of next) pending.push(item)
    else if (typeof next === 'object' && next !== null && isPlain(next))
      for (const item of Object.values(next)) pending.push(item)
    // A cycle ends here too: the encoder names it.
    if (pending.length > limit) return limit + 1
  }
  return bytes
}

const isPlain = (value: object): boolean => {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}
