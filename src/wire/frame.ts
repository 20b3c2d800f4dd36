/**
 * Frames: messages as bytes. What comes in is what the table of messages says, or an error.
 *
 *   +-----------------+---------+---------------------------------------------+
 *   | u32 length      | u8 kind | body: a MessagePack array of the fields     |
 *   +-----------------+---------+---------------------------------------------+
 *    big-endian, counts what follows it
 */
import { fail } from '../base/errors.js'
import type { Limits } from '../base/limits.js'
import { FieldProblem } from './checks.js'
import { written, writtenPieces } from './codec.js'
import { FieldReader } from './field-reader.js'
import type { Field } from './fields.js'
import { scan } from './guard.js'
import { KIND } from './kinds.js'
import { MESSAGES, type Message, type MessageName, type MessageOf } from './messages.js'
import type { Writer } from './msgpack.js'
import { bytesOf } from './pieces.js'
import { frameValueLimits, type ValueLimits } from './trail.js'

/** Length and kind. */
const HEADER_BYTES = 5
/** A node that does not know a kind with this bit drops the message; of others it closes the link. */
const IGNORABLE = 0x80

const empty = Buffer.alloc(0)

const fieldsOf = (name: MessageName): Field<unknown> => MESSAGES[name] as Field<unknown>

const names: readonly (MessageName | undefined)[] = (() => {
  const table: (MessageName | undefined)[] = new Array<undefined>(256).fill(undefined)
  for (const name of Object.keys(MESSAGES) as MessageName[]) table[KIND[name]] = name
  return table
})()

// Limits hardly change: one object a node.
const derived = new WeakMap<Limits, ValueLimits>()
const valueLimits = (limits: Limits): ValueLimits => {
  const known = derived.get(limits) ?? frameValueLimits(limits)
  derived.set(limits, known)
  return known
}

/** A message on its way out: the bytes of a CHUNK may lie in several places. */
export type Sendable = Message | (Omit<MessageOf<'CHUNK'>, 'bytes'> & { readonly bytes: readonly Buffer[] })

const writeFrame =
  (message: Sendable) =>
  (writer: Writer): void => {
    const { type } = message
    writer.reserve(HEADER_BYTES)
    try {
      fieldsOf(type).write(writer, message)
    } catch (error) {
      if (!(error instanceof FieldProblem)) throw error
      throw fail('ERR_BAD_ARGUMENT', { what: type + error.path, why: error.why })
    }
  }

/** Fills in the header of a frame of so many bytes. */
const head = (frame: Buffer, bytes: number, type: MessageName, limits: Limits): void => {
  const length = bytes - 4
  if (length > limits.frameBytesMax) {
    throw fail('ERR_FRAME_TOO_LARGE', { bytes: length, limit: limits.frameBytesMax })
  }
  frame.writeUInt32BE(length)
  frame[4] = KIND[type]
}

/**
 * A message as one frame.
 *
 * @throws ERR_BAD_ARGUMENT  a field holds what its table does not allow: our own mistake
 * @throws ERR_FRAME_TOO_LARGE
 */
export const encodeFrame = (message: Sendable, limits: Limits): Buffer => {
  const frame = written(writeFrame(message))
  head(frame, frame.length, message.type, limits)
  return frame
}

/** The same in pieces, with large bytes of the message among them, not copied. */
export const encodeFramePieces = (message: Sendable, limits: Limits): Buffer[] => {
  const pieces = writtenPieces(writeFrame(message))
  const [first = empty] = pieces
  head(first, bytesOf(pieces), message.type, limits)
  return pieces
}

const reader = new FieldReader()

/**
 * The message in a frame, checked field by field. Large bytes (CHUNK) are views of `body`.
 *
 * @returns undefined for an unknown kind that may be ignored
 * @throws ERR_PROTOCOL  an unknown kind
 * @throws ERR_DECODE  anything else that is not as the table says
 */
export const decodeFrame = (kind: number, body: Buffer, limits: Limits): Message | undefined => {
  const type = names[kind]
  if (type === undefined) {
    if ((kind & IGNORABLE) !== 0) return undefined
    throw fail('ERR_PROTOCOL', { peer: '', reason: `message kind ${kind} is unknown` })
  }
  try {
    const fields = fieldsOf(type).read(reader.begin(body, valueLimits(limits))) as Record<string, unknown>
    if (!reader.end()) throw new FieldProblem('is not all')
    fields.type = type
    return fields as unknown as Message
  } catch (error) {
    if (!(error instanceof FieldProblem)) throw error
    // Bytes that mean nothing are said to be that, wherever the field stumbled over them.
    scan(body, valueLimits(limits), false)
    throw fail('ERR_DECODE', { reason: `${type}${error.path} ${error.why}` })
  }
}

/** Room in a frame for what stands around a body: name, origin, numbers. */
const ENVELOPE_BYTES = 1_024

/** The largest body of a message or an answer that fits into a frame. */
export const bodyBytesMax = ({ frameBytesMax }: Pick<Limits, 'frameBytesMax'>): number => frameBytesMax - ENVELOPE_BYTES
