/**
 * Values as bytes: states, messages, replies. MessagePack by msgpack-lite 0.2.2, with what must stand around it: the
 * guard before it reads, our own dispatch when it writes, and extension types for what MessagePack lacks.
 *
 *   encodeValue: value -> writer (shapes say what can travel, the trail keeps limits and path) -> one Buffer
 *   decodeValue: bytes -> guard (no memory) -> reader -> value that shares nothing with the bytes
 *
 * Travels: null, booleans, strings, numbers (NaN, -0 and the infinities too), `undefined`, bigint to 1 KiB, plain
 * objects, arrays, Date, Map, Set, Buffer, typed arrays, ArrayBuffer, the seven Error classes of the language (message,
 * string `code`, `cause`; no stack), ReplyTo and ProcessRef. Objects without a prototype come back with one. What is
 * referenced twice comes back as two copies.
 */
import { fail, isMobilityError, reasonOf } from '../base/errors.js'
import { scan } from './guard.js'
import { openCodec, type Reader, type Writer } from './msgpack.js'
import { readValue } from './reader.js'
import { Trail, type ValueLimits } from './trail.js'
import { writeValue } from './writer.js'

export { frameValueLimits, stateValueLimits } from './trail.js'

const { newReader, newWriter } = openCodec({ encode: writeValue, decode: readValue })

// Taken while in use and put back after: one that threw holds stale bytes and is never put back.
let idleWriter: Writer | undefined
let idleReader: Reader | undefined

const empty = Buffer.alloc(0)

/**
 * Writes a value behind `headroom` bytes that are left for the caller to fill in: a frame needs no second buffer.
 * @throws ERR_NOT_PORTABLE
 */
export const encodeBehind = (headroom: number, value: unknown, root: string, limits: ValueLimits): Buffer => {
  const writer = idleWriter ?? newWriter(new Trail())
  idleWriter = undefined
  try {
    writer.flushed = 0
    writer.trail.begin(root, limits)
    if (headroom > 0) writer.reserve(headroom)
    writer.write(value)
    const bytes = writer.read() ?? empty
    idleWriter = writer
    return bytes
  } catch (error) {
    if (isMobilityError(error)) throw error
    throw fail('ERR_NOT_PORTABLE', { path: root, why: reasonOf(error) }, { cause: error })
  }
}

/**
 * A value as bytes.
 *
 * @param root  what the value is, for errors: `state`, `args`
 * @throws ERR_NOT_PORTABLE  with the path of what cannot travel, or of what is over a limit
 */
export const encodeValue = (value: unknown, root: string, limits: ValueLimits): Buffer =>
  encodeBehind(0, value, root, limits)

/**
 * A scan, then the value.
 *
 * @param isFrame  the fields of a frame: no extensions, and large bytes as views of the input
 * @throws ERR_DECODE
 */
export const decodeGuarded = (bytes: Buffer, limits: ValueLimits, isFrame: boolean): unknown => {
  scan(bytes, limits, !isFrame)
  const reader = idleReader ?? newReader()
  idleReader = undefined
  reader.buffer = bytes
  reader.offset = 0
  reader.views = isFrame
  try {
    return reader.fetch()
  } catch (error) {
    if (isMobilityError(error)) throw error
    throw fail('ERR_DECODE', { reason: reasonOf(error) }, { cause: error })
  } finally {
    reader.buffer = empty
    idleReader = reader
  }
}

/**
 * The value that `encodeValue` wrote. Takes bytes from anybody.
 * @throws ERR_DECODE
 */
export const decodeValue = (bytes: Uint8Array, limits: ValueLimits): unknown =>
  decodeGuarded(
    Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength),
    limits,
    false,
  )
