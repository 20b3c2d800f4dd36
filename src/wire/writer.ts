/**
 * Values to bytes: the hook that msgpack-lite calls for each value. Numbers, strings and Buffers are written as it
 * writes them; containers and extensions by us, since its own way with objects goes by the names of their classes.
 */
import { Buffer } from 'node:buffer'
import type { Bytes } from './checks.js'
import { type Writer, writeOriginal } from './msgpack.js'
import { bytesOf } from './pieces.js'
import type { ProcessRef, ReplyTo } from './refs.js'
import {
  checkBigint,
  checkNoExtras,
  checkText,
  EXT,
  elementOf,
  errorParts,
  isTextKey,
  ownData,
  plainKeys,
  processRefParts,
  refuseType,
  replyToParts,
  shapeOf,
  type TypedArray,
  typedParts,
} from './shapes.js'
import { WORD_BYTES_MAX } from './words.js'

const SHORT = 32

const writeByte = (writer: Writer, byte: number): void => {
  const at = writer.reserve(1)
  writer.buffer[at] = byte
}

const writeDouble = (writer: Writer, value: number): void => {
  const at = writer.reserve(9)
  writer.buffer[at] = 0xcb
  writer.buffer.writeDoubleBE(value, at + 1)
}

export const writeNumber = (writer: Writer, value: number): void => {
  const whole = value | 0
  if (value === whole) {
    // msgpack-lite takes -0 for 0
    if (value === 0 && Object.is(value, -0)) writeDouble(writer, value)
    else if (value >= -32 && value < 128) writeByte(writer, value & 0xff)
    else writeOriginal(writer, value)
  } else if (value >= 0 && value <= 0xffff_ffff && Math.floor(value) === value) {
    writeOriginal(writer, value)
  } else {
    writeDouble(writer, value)
  }
}

export const writeText = (writer: Writer, value: string): void => {
  if (!writeWord(writer, value)) writeAnyText(writer, value)
}

const writeAnyText = (writer: Writer, value: string): void => {
  checkText(writer.trail, value)
  // msgpack-lite would make room for three times as much, and keep it as long as the bytes are on their way.
  const bytes = Buffer.byteLength(value)
  const header = bytes < SHORT ? 1 : bytes <= 0xff ? 2 : bytes <= 0xffff ? 3 : 5
  const at = writer.reserve(header + bytes)
  const { buffer } = writer
  if (header === 1) buffer[at] = 0xa0 | bytes
  else {
    buffer[at] = header === 5 ? 0xdb : 0xd7 + header
    buffer.writeUIntBE(bytes, at + 1, header - 1)
  }
  buffer.write(value, at + header, bytes, 'utf8')
}

/** The header of an array (`few` 0x90, `many` 0xdc) or a map (0x80, 0xde). */
const writeHeader = (writer: Writer, few: number, many: number, count: number): void => {
  if (count < 16) {
    writeByte(writer, few | count)
    return
  }
  const isWide = count > 0xffff
  const at = writer.reserve(isWide ? 5 : 3)
  writer.buffer[at] = isWide ? many + 1 : many
  if (isWide) writer.buffer.writeUInt32BE(count, at + 1)
  else writer.buffer.writeUInt16BE(count, at + 1)
}

// For the fields of a frame.

export const writeNil = (writer: Writer): void => writeByte(writer, 0xc0)

export const writeFlag = (writer: Writer, value: boolean): void => writeByte(writer, value ? 0xc3 : 0xc2)

export const writeList = (writer: Writer, count: number): void => writeHeader(writer, 0x90, 0xdc, count)

export const writeBytes = (writer: Writer, value: Bytes): void => {
  if (Buffer.isBuffer(value)) return writeOriginal(writer, value)
  const length = bytesOf(value)
  // As msgpack-lite: 255 bytes have a header of three.
  const header = length < 0xff ? 2 : length <= 0xffff ? 3 : 5
  const at = writer.reserve(header)
  writer.buffer[at] = header === 2 ? 0xc4 : header === 3 ? 0xc5 : 0xc6
  writer.buffer.writeUIntBE(length, at + 1, header - 1)
  for (const piece of value) writer.send(piece)
}

/**
 * Short text, if it is ASCII without NUL.
 * @returns false when it is not, or when it is too long, and nothing was written
 */
export const writeWord = (writer: Writer, value: string): boolean => {
  const { length } = value
  if (length > WORD_BYTES_MAX) return false
  const header = length < SHORT ? 1 : 2
  const at = writer.reserve(length + header)
  const { buffer } = writer
  if (header === 1) buffer[at] = 0xa0 | length
  else {
    buffer[at] = 0xd9
    buffer[at + 1] = length
  }
  for (let i = 0; i < length; i++) {
    const code = value.charCodeAt(i)
    if (code > 127 || code === 0) {
      writer.offset = at
      return false
    }
    buffer[at + header + i] = code
  }
  return true
}

// The beginnings of containers: whoever opens one writes its elements, and leaves the trail.

/** @returns its keys */
export const openPlain = (writer: Writer, value: object): string[] => {
  const keys = plainKeys(writer.trail, value)
  writer.trail.enter(value, 2 * keys.length)
  writeHeader(writer, 0x80, 0xde, keys.length)
  return keys
}

/** @returns the value that comes next */
export const writeKey = (writer: Writer, holder: object, key: string): unknown => {
  const { trail } = writer
  trail.at(key)
  trail.checkKey(key)
  writeText(writer, key)
  return ownData(trail, holder, key)
}

export const openArray = (writer: Writer, value: readonly unknown[]): void => {
  writer.trail.enter(value, value.length)
  writeHeader(writer, 0x90, 0xdc, value.length)
}

const writePlain = (writer: Writer, value: object): void => {
  for (const key of openPlain(writer, value)) writeValue(writer, writeKey(writer, value, key))
  writer.trail.leave()
}

const writeArray = (writer: Writer, value: readonly unknown[]): void => {
  const { trail } = writer
  const { length } = value
  openArray(writer, value)
  for (let i = 0; i < length; i++) {
    trail.at(i)
    writeValue(writer, elementOf(trail, value, i))
  }
  trail.leave()
}

/** An extension of bytes. */
const writeExt = (writer: Writer, type: number, bytes: Buffer): void => {
  const { length } = bytes
  const fixed = length <= 16 ? [1, 2, 4, 8, 16].indexOf(length) : -1
  const header = fixed >= 0 ? 2 : length <= 0xff ? 3 : length <= 0xffff ? 4 : 6
  const at = writer.reserve(header)
  const { buffer } = writer
  buffer[at] = fixed >= 0 ? 0xd4 + fixed : header === 3 ? 0xc7 : header === 4 ? 0xc8 : 0xc9
  if (header > 2) buffer.writeUIntBE(length, at + 1, header - 2)
  buffer[at + header - 1] = type
  writer.send(bytes)
}

const positionOf = (writer: Writer): number => writer.flushed + writer.offset - writer.start

/** An extension that holds an array. Its length is filled in at the end: chunks are views, so that reaches them. */
const openNested = (writer: Writer, type: number, count: number): (() => void) => {
  const at = writer.reserve(6)
  const slab = writer.buffer
  slab[at] = 0xc9
  slab[at + 5] = type
  const start = positionOf(writer)
  writeHeader(writer, 0x90, 0xdc, count)
  return () => slab.writeUInt32BE(positionOf(writer) - start, at + 1)
}

const writeNested = (writer: Writer, type: number, count: number, content: () => void): void => {
  const close = openNested(writer, type, count)
  content()
  close()
}

/** @returns what closes it again */
export const openMap = (writer: Writer, value: ReadonlyMap<unknown, unknown>): (() => void) => {
  checkNoExtras(writer.trail, value)
  writer.trail.enter(value, 2 * value.size)
  return openNested(writer, EXT.MAP, 2 * value.size)
}

/** @returns what closes it again */
export const openSet = (writer: Writer, value: ReadonlySet<unknown>): (() => void) => {
  checkNoExtras(writer.trail, value)
  writer.trail.enter(value, value.size)
  return openNested(writer, EXT.SET, value.size)
}

const writeMap = (writer: Writer, value: ReadonlyMap<unknown, unknown>): void => {
  const { trail } = writer
  const close = openMap(writer, value)
  let index = 0
  for (const [key, entry] of value) {
    trail.at(index++)
    if (isTextKey(key)) trail.checkKeySize(key)
    writeValue(writer, key)
    trail.at(index++)
    writeValue(writer, entry)
  }
  close()
  trail.leave()
}

const writeSet = (writer: Writer, value: ReadonlySet<unknown>): void => {
  const { trail } = writer
  const close = openSet(writer, value)
  let index = 0
  for (const member of value) {
    trail.at(index++)
    writeValue(writer, member)
  }
  close()
  trail.leave()
}

const writeError = (writer: Writer, value: object): void => {
  const { trail } = writer
  const parts = errorParts(trail, value)
  const count = parts.hasCause ? 4 : 3
  trail.enter(value, count)
  writeNested(writer, EXT.ERROR, count, () => {
    writeByte(writer, parts.index)
    trail.at('message')
    writeText(writer, parts.message)
    trail.at('code')
    writeValue(writer, parts.code ?? null)
    trail.at('cause')
    if (parts.hasCause) writeValue(writer, ownData(trail, value, 'cause'))
  })
  trail.leave()
}

/** ReplyTo and ProcessRef: their parts are plain. */
const writeParts = (writer: Writer, type: number, value: object, parts: readonly unknown[]): void => {
  writer.trail.enter(value, parts.length)
  writeNested(writer, type, parts.length, () => {
    for (const part of parts) writeValue(writer, part)
  })
  writer.trail.leave()
}

const writeDate = (writer: Writer, value: Date): void => {
  checkNoExtras(writer.trail, value)
  const bytes = Buffer.alloc(8)
  bytes.writeDoubleBE(value.getTime())
  writeExt(writer, EXT.DATE, bytes)
}

const writeBigint = (writer: Writer, value: bigint): void => {
  checkBigint(writer.trail, value)
  const hex = value === 0n ? '' : (value < 0n ? -value : value).toString(16)
  const sign = value < 0n ? '01' : '00'
  writeExt(writer, EXT.BIGINT, Buffer.from(hex.length % 2 === 0 ? sign + hex : `${sign}0${hex}`, 'hex'))
}

const writeTyped = (writer: Writer, value: TypedArray): void => {
  const { index, bytes } = typedParts(value)
  writeExt(writer, EXT.TYPED_ARRAY, Buffer.concat([Buffer.of(index), bytes]))
}

const writeObject = (writer: Writer, value: object): void => {
  const { trail } = writer
  const shape = shapeOf(trail, value)
  switch (shape) {
    case 'plain':
      writePlain(writer, value)
      break
    case 'array':
      writeArray(writer, value as readonly unknown[])
      break
    case 'buffer':
      writeOriginal(writer, value)
      break
    case 'typedArray':
      writeTyped(writer, value as TypedArray)
      break
    case 'arrayBuffer':
      writeExt(writer, EXT.ARRAY_BUFFER, Buffer.from(value as ArrayBuffer))
      break
    case 'date':
      writeDate(writer, value as Date)
      break
    case 'map':
      writeMap(writer, value as ReadonlyMap<unknown, unknown>)
      break
    case 'set':
      writeSet(writer, value as ReadonlySet<unknown>)
      break
    case 'error':
      writeError(writer, value)
      break
    case 'replyTo':
      writeParts(writer, EXT.REPLY_TO, value, replyToParts(trail, value as ReplyTo))
      break
    case 'processRef':
      writeParts(writer, EXT.PROCESS_REF, value, processRefParts(trail, value as ProcessRef))
      break
  }
}

const undefinedBytes = Buffer.of(0xd4, EXT.UNDEFINED, 0)

/** Writes one value of any kind, or refuses it with its path. */
export const writeValue = (writer: Writer, value: unknown): void => {
  switch (typeof value) {
    case 'string':
      writeText(writer, value)
      break
    case 'number':
      writeNumber(writer, value)
      break
    case 'boolean':
      writeByte(writer, value ? 0xc3 : 0xc2)
      break
    case 'object':
      value === null ? writeByte(writer, 0xc0) : writeObject(writer, value)
      break
    case 'undefined':
      writer.send(undefinedBytes)
      break
    case 'bigint':
      writeBigint(writer, value)
      break
    default:
      refuseType(writer.trail, value)
      break
  }
}
