/**
 * Bytes to values: the hook that msgpack-lite calls for each value. Runs only after the guard, so nothing is checked
 * twice; what the guard cannot see (duplicates, what stands inside our extensions) is checked here.
 */
import { fail } from '../base/errors.js'
import { FieldProblem } from './checks.js'
import { type Reader, readOriginal } from './msgpack.js'
import { buildError, buildProcessRef, buildReplyTo, buildTyped, EXT } from './shapes.js'
import { valueWordAt, WORD_BYTES_MAX, wordAt } from './words.js'

/** Texts up to this are looked for among those that were seen before. */
const SHORT = 16

const refuse = (reason: string): never => {
  throw fail('ERR_DECODE', { reason })
}

const number = (reader: Reader, bytes: 1 | 2 | 4): number => {
  const { buffer, offset } = reader
  reader.offset = offset + bytes
  if (bytes === 1) return buffer[offset] as number
  return bytes === 2 ? buffer.readUInt16BE(offset) : buffer.readUInt32BE(offset)
}

/** Where the next `length` bytes start. */
const take = (reader: Reader, length: number): number => {
  const start = reader.offset
  reader.offset = start + length
  return start
}

const readText = (reader: Reader, length: number): string => {
  const start = take(reader, length)
  const word = length <= SHORT ? valueWordAt(reader.buffer, start, length) : undefined
  return word ?? reader.buffer.toString('utf8', start, start + length)
}

export const readKey = (reader: Reader): string => {
  const type = number(reader, 1)
  const length =
    type < 0xc0 ? type & 31 : type === 0xd9 ? number(reader, 1) : type === 0xda ? number(reader, 2) : number(reader, 4)
  const start = take(reader, length)
  const word = length <= WORD_BYTES_MAX ? wordAt(reader.buffer, start, length) : undefined
  return word ?? reader.buffer.toString('utf8', start, start + length)
}

const readObject = (reader: Reader, count: number): unknown => {
  const out: Record<string, unknown> = {}
  for (let i = 0; i < count; i++) {
    const key = readKey(reader)
    out[key] = readValue(reader)
  }
  return checkObject(out, count)
}

/** The guard knows that all keys are strings and none is __proto__: each made a property, unless it was there. */
export const checkObject = (out: object, keys: number): object =>
  keys < 2 || Object.keys(out).length === keys ? out : refuse('a key stands there twice')

export const checkMap = <T>(out: Map<T, unknown>, pairs: number): Map<T, unknown> =>
  out.size === pairs ? out : refuse('a key of a Map stands there twice')

export const checkSet = <T>(out: Set<T>, members: number): Set<T> =>
  out.size === members ? out : refuse('a member of a Set stands there twice')

const readArray = (reader: Reader, count: number): unknown[] => {
  // A list that grows takes room for 17.
  switch (count) {
    case 0:
      return []
    case 1:
      return [readValue(reader)]
    case 2:
      return [readValue(reader), readValue(reader)]
    case 3:
      return [readValue(reader), readValue(reader), readValue(reader)]
    default:
      return readMany(reader, count)
  }
}

const readMany = (reader: Reader, count: number): unknown[] => {
  const out: unknown[] = []
  for (let i = 0; i < count; i++) out.push(readValue(reader))
  return out
}

const double = new Float64Array(1)
const doubleBytes = new Uint8Array(double.buffer)

/** The big-endian double there. */
export const doubleAt = (input: Buffer, start: number): number => {
  for (let i = 0; i < 8; i++) doubleBytes[i] = input[start + 7 - i] as number
  return double[0] as number
}

/** Bytes of the input, in memory of their own. */
export const copyBytes = (input: Buffer, start: number, length: number): Buffer => {
  const out = Buffer.allocUnsafe(length)
  if (length > 32) input.copy(out, 0, start, start + length)
  else for (let i = 0; i < length; i++) out[i] = input[start + i] as number
  return out
}

const readBytes = (reader: Reader, length: number): Buffer => copyBytes(reader.buffer, take(reader, length), length)

/** The header of an array or a map. */
export const readCount = (reader: Reader): number => {
  const type = number(reader, 1)
  return type < 0xa0 ? type & 15 : number(reader, type === 0xdc || type === 0xde ? 2 : 4)
}

const readMap = (reader: Reader): Map<unknown, unknown> => {
  const pairs = readCount(reader) / 2
  const out = new Map<unknown, unknown>()
  for (let i = 0; i < pairs; i++) {
    const key = readValue(reader)
    out.set(key, readValue(reader))
  }
  return checkMap(out, pairs)
}

const readSet = (reader: Reader): Set<unknown> => {
  const count = readCount(reader)
  const out = new Set<unknown>()
  for (let i = 0; i < count; i++) out.add(readValue(reader))
  return checkSet(out, count)
}

const readError = (reader: Reader): Error => {
  const hasCause = readCount(reader) === 4
  const index = number(reader, 1)
  const message = readValue(reader)
  const code = readValue(reader)
  const cause = hasCause ? readValue(reader) : undefined
  if (typeof message !== 'string' || (code !== null && typeof code !== 'string')) {
    return refuse('an error holds something else than its type says')
  }
  return buildError({ index, message, code: code ?? undefined, hasCause }, cause)
}

const readRef = (reader: Reader, build: (parts: readonly unknown[]) => unknown): unknown => {
  const parts = readArray(reader, readCount(reader))
  try {
    return build(parts)
  } catch (error) {
    if (!(error instanceof FieldProblem)) throw error
    return refuse(`a reference's ${error.path.slice(1)} ${error.why}`)
  }
}

const readBigint = (reader: Reader, length: number): bigint => {
  const start = take(reader, length)
  const hex = reader.buffer.toString('hex', start + 1, start + length)
  const magnitude = hex === '' ? 0n : BigInt(`0x${hex}`)
  return reader.buffer[start] === 1 ? -magnitude : magnitude
}

const readTyped = (reader: Reader, length: number): unknown => {
  const start = take(reader, length)
  return buildTyped(reader.buffer[start] as number, reader.buffer.subarray(start + 1, start + length))
}

const readExt = (reader: Reader, length: number): unknown => {
  const type = number(reader, 1)
  switch (type) {
    case EXT.UNDEFINED:
      take(reader, length)
      return undefined
    case EXT.BIGINT:
      return readBigint(reader, length)
    case EXT.DATE:
      return new Date(reader.buffer.readDoubleBE(take(reader, length)))
    case EXT.MAP:
      return readMap(reader)
    case EXT.SET:
      return readSet(reader)
    case EXT.ERROR:
      return readError(reader)
    case EXT.TYPED_ARRAY:
      return readTyped(reader, length)
    case EXT.ARRAY_BUFFER: {
      const start = take(reader, length)
      return Uint8Array.from(reader.buffer.subarray(start, start + length)).buffer
    }
    case EXT.REPLY_TO:
      return readRef(reader, buildReplyTo)
    case EXT.PROCESS_REF:
      return readRef(reader, buildProcessRef)
    default:
      return refuse(`extension ${type} is unknown`)
  }
}

/** What has a size of its own in front of it. Numbers are left to msgpack-lite. */
const readSized = (reader: Reader, type: number): unknown => {
  switch (type) {
    case 0xc4:
      return readBytes(reader, number(reader, 1))
    case 0xc5:
      return readBytes(reader, number(reader, 2))
    case 0xc6:
      return readBytes(reader, number(reader, 4))
    case 0xc7:
      return readExt(reader, number(reader, 1))
    case 0xc8:
      return readExt(reader, number(reader, 2))
    case 0xc9:
      return readExt(reader, number(reader, 4))
    case 0xcb:
      return doubleAt(reader.buffer, take(reader, 8))
    case 0xd9:
      return readText(reader, number(reader, 1))
    case 0xda:
      return readText(reader, number(reader, 2))
    case 0xdb:
      return readText(reader, number(reader, 4))
    case 0xdc:
      return readArray(reader, number(reader, 2))
    case 0xdd:
      return readArray(reader, number(reader, 4))
    case 0xde:
      return readObject(reader, number(reader, 2))
    case 0xdf:
      return readObject(reader, number(reader, 4))
    default:
      if (type >= 0xd4 && type <= 0xd8) return readExt(reader, 1 << (type - 0xd4))
      reader.offset -= 1
      return readOriginal(reader)
  }
}

/** Reads the next value. */
export const readValue = (reader: Reader): unknown => {
  const type = reader.buffer[reader.offset++] as number
  if (type < 0x80) return type
  if (type < 0x90) return readObject(reader, type & 15)
  if (type < 0xa0) return readArray(reader, type & 15)
  if (type < 0xc0) return readText(reader, type & 31)
  if (type >= 0xe0) return type - 256
  if (type === 0xc0) return null
  if (type === 0xc2) return false
  if (type === 0xc3) return true
  return readSized(reader, type)
}
