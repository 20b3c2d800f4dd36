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

export const { newReader, newWriter } = openCodec({ encode: writeValue, decode: readValue })

// Taken while in use and put back after: one that threw holds stale bytes and is never put back.
let idleWriter: Writer | undefined
let idleReader: Reader | undefined

const empty = Buffer.alloc(0)

const withWriter = <T>(write: (writer: Writer) => void, take: (writer: Writer) => T): T => {
  const writer = idleWriter ?? newWriter(new Trail())
  idleWriter = undefined
  writer.flushed = 0
  write(writer)
  const bytes = take(writer)
  idleWriter = writer
  return bytes
}

/** All that was written since the last time. */
const inOne = (writer: Writer): Buffer => {
  const { start, offset } = writer
  if (writer.flushed > 0 || start === offset) return writer.read() ?? empty
  writer.start = offset
  return writer.buffer.subarray(start, offset)
}

/** The same, large Buffers as they are. */
export const inPieces = (writer: Writer): Buffer[] => {
  writer.flush()
  const pieces = writer.buffers ?? []
  writer.buffers = []
  return pieces
}

/** The bytes that `write` writes, in one piece. What it throws is thrown. */
export const written = (write: (writer: Writer) => void): Buffer => withWriter(write, inOne)

/** The same as it lies in memory: large Buffers stand in the list themselves, and are not copied. */
export const writtenPieces = (write: (writer: Writer) => void): Buffer[] => withWriter(write, inPieces)

/**
 * A value as bytes.
 *
 * @param root  what the value is, for errors: `state`, `args`
 * @throws ERR_NOT_PORTABLE  with the path of what cannot travel, or of what is over a limit
 */
export const encodeValue = (value: unknown, root: string, limits: ValueLimits): Buffer => {
  try {
    return written((writer) => {
      writer.trail.begin(root, limits)
      writer.write(value)
    })
  } catch (error) {
    if (isMobilityError(error)) throw error
    throw fail('ERR_NOT_PORTABLE', { path: root, why: reasonOf(error) }, { cause: error })
  }
}

const bufferOf = (bytes: Uint8Array): Buffer =>
  Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)

/**
 * The value that `encodeValue` wrote. Takes bytes from anybody.
 * @throws ERR_DECODE
 */
export const decodeValue = (bytes: Uint8Array, limits: ValueLimits): unknown => {
  const input = bufferOf(bytes)
  scan(input, limits, true)
  const reader = idleReader ?? newReader()
  idleReader = undefined
  reader.buffer = input
  reader.offset = 0
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
