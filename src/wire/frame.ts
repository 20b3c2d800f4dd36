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
import { decodeGuarded, encodeBehind } from './codec.js'
import { type Field, FieldProblem } from './fields.js'
import { KIND } from './kinds.js'
import { MESSAGES, type Message, type MessageName } from './messages.js'
import { frameValueLimits, type ValueLimits } from './trail.js'

/** Length and kind. */
const HEADER_BYTES = 5
/** A node that does not know a kind with this bit drops the message; of others it closes the link. */
const IGNORABLE = 0x80

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

/** Runs a field's reader or writer; a problem becomes an error with the path of the field. */
const guarded = <T>(name: MessageName, run: () => T, problem: (path: string, why: string) => Error): T => {
  try {
    return run()
  } catch (error) {
    throw error instanceof FieldProblem ? problem(name + error.path, error.why) : error
  }
}

/**
 * A message as one frame.
 *
 * @throws ERR_BAD_ARGUMENT  a field holds what its table does not allow: our own mistake
 * @throws ERR_FRAME_TOO_LARGE
 */
export const encodeFrame = (message: Message, limits: Limits): Buffer => {
  const { type } = message
  const body = guarded(
    type,
    () => fieldsOf(type).write(message),
    (path, why) => fail('ERR_BAD_ARGUMENT', { what: path, why }),
  )
  const frame = encodeBehind(HEADER_BYTES, body, type, valueLimits(limits))
  const length = frame.length - 4
  if (length > limits.frameBytesMax) {
    throw fail('ERR_FRAME_TOO_LARGE', { bytes: length, limit: limits.frameBytesMax })
  }
  frame.writeUInt32BE(length)
  frame[4] = KIND[type]
  return frame
}

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
  const wire = decodeGuarded(body, valueLimits(limits), true)
  const fields = guarded(
    type,
    () => fieldsOf(type).read(wire) as Record<string, unknown>,
    (path, why) => fail('ERR_DECODE', { reason: `${path} ${why}` }),
  )
  fields.type = type
  return fields as unknown as Message
}

/** Room in a frame for what stands around a body: name, origin, numbers. */
const ENVELOPE_BYTES = 1_024

/** The largest body of a message or an answer that fits into a frame. */
export const bodyBytesMax = ({ frameBytesMax }: Pick<Limits, 'frameBytesMax'>): number => frameBytesMax - ENVELOPE_BYTES
