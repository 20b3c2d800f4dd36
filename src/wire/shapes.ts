/**
 * What can travel beyond plain MessagePack: the one description that the encoder, the copy and the decoder share.
 *
 * A value is known by the identity of its prototype, never by a name (minifiers and a user's own class `Date` break
 * names), and by what it really is, since anybody can set a prototype. No code of the value runs: proxies and
 * accessors are refused before they are asked. Not seen, because looking costs more than the rest of the work:
 * further properties and accessors on arrays, and properties that are not enumerable.
 */
import { types } from 'node:util'
import { checkName, checkUint, FieldProblem } from './checks.js'
import { ProcessRef, ReplyTo } from './refs.js'
import type { Trail } from './trail.js'

/**
 * Extension types. Append-only: a retired number is never used again.
 * MAP, SET, ERROR, REPLY_TO and PROCESS_REF hold one MessagePack array, the others bytes.
 */
export const EXT = {
  /** one byte 0 */
  UNDEFINED: 1,
  /** u8 sign (1: negative), magnitude big-endian without leading zeros */
  BIGINT: 2,
  /** float64 ms since 1970, NaN: an invalid date */
  DATE: 3,
  /** [key, value, key, value, ...] */
  MAP: 4,
  SET: 5,
  /** [index in ERROR_CLASSES, message, code or nil, cause if there is one] */
  ERROR: 6,
  /** u8 index in TYPED_ARRAYS, the elements in little-endian */
  TYPED_ARRAY: 7,
  ARRAY_BUFFER: 8,
  /** [origin, lane, seq, name] */
  REPLY_TO: 9,
  /** [kind, name] */
  PROCESS_REF: 10,
} as const

/** Bytes of a bigint's magnitude. */
export const BIGINT_BYTES_MAX = 1_024
const bigintEnd = 1n << BigInt(8 * BIGINT_BYTES_MAX)

/** Append-only: the index is on the wire. */
export const TYPED_ARRAYS = [
  Int8Array,
  Uint8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
] as const

/** Append-only: the index is on the wire. */
export const ERROR_CLASSES = [Error, TypeError, RangeError, SyntaxError, ReferenceError, EvalError, URIError] as const

export type TypedArray = InstanceType<(typeof TYPED_ARRAYS)[number]>

type Shape =
  | 'plain'
  | 'array'
  | 'buffer'
  | 'typedArray'
  | 'arrayBuffer'
  | 'date'
  | 'map'
  | 'set'
  | 'error'
  | 'replyTo'
  | 'processRef'

interface ShapeRow {
  readonly shape: Shape
  readonly isReal: (value: object) => boolean
  /** Index in TYPED_ARRAYS or ERROR_CLASSES. */
  readonly index: number
}

const rows = new Map<unknown, ShapeRow>([
  [Buffer.prototype, { shape: 'buffer', isReal: types.isUint8Array, index: 0 }],
  [ArrayBuffer.prototype, { shape: 'arrayBuffer', isReal: types.isArrayBuffer, index: 0 }],
  [Date.prototype, { shape: 'date', isReal: types.isDate, index: 0 }],
  [Map.prototype, { shape: 'map', isReal: types.isMap, index: 0 }],
  [Set.prototype, { shape: 'set', isReal: types.isSet, index: 0 }],
  [ReplyTo.prototype, { shape: 'replyTo', isReal: () => true, index: 0 }],
  [ProcessRef.prototype, { shape: 'processRef', isReal: () => true, index: 0 }],
])
TYPED_ARRAYS.forEach((type, index) => {
  rows.set(type.prototype, { shape: 'typedArray', isReal: types.isTypedArray, index })
})
ERROR_CLASSES.forEach((type, index) => {
  rows.set(type.prototype, { shape: 'error', isReal: types.isNativeError, index })
})

const indexOf = (value: object): number => rows.get(Object.getPrototypeOf(value))?.index ?? 0

/** What it is, or a refusal with the path. */
export const shapeOf = (trail: Trail, value: object): Shape => {
  if (types.isProxy(value)) return trail.refuse('it is a Proxy')
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype === Object.prototype || prototype === null) return 'plain'
  if (prototype === Array.prototype && Array.isArray(value)) return 'array'
  const row = rows.get(prototype)
  if (row?.isReal(value) !== true) return trail.refuse(`it is ${named(prototype)}`)
  return row.shape
}

/** Runs no code of the class: `name` may be a static accessor. */
const named = (prototype: unknown): string => {
  const made: unknown = Object.getOwnPropertyDescriptor(prototype, 'constructor')?.value
  if (typeof made !== 'function' || types.isProxy(made)) return 'an object with a prototype of its own'
  const name: unknown = Object.getOwnPropertyDescriptor(made, 'name')?.value
  return typeof name === 'string' && name !== '' ? `an instance of ${name}` : 'an instance of a class without a name'
}

/** Functions and symbols. */
export const refuseType = (trail: Trail, value: unknown): never =>
  trail.refuse(typeof value === 'symbol' ? 'it is a symbol' : 'it is a function')

export const checkText = (trail: Trail, value: string): void => {
  if (!value.isWellFormed()) trail.refuse('its text has half a surrogate pair')
}

export const checkBigint = (trail: Trail, value: bigint): void => {
  if (value >= bigintEnd || -value >= bigintEnd) trail.refuse(`it is a bigint of more than ${BIGINT_BYTES_MAX} bytes`)
}

/** The keys of a plain object. */
export const plainKeys = (trail: Trail, value: object): string[] => {
  if (Object.getOwnPropertySymbols(value).length > 0) trail.refuse('it has a key that is a symbol')
  return Object.keys(value)
}

/** The value of an own property. An accessor would run code, and would not be one any more where it arrives. */
export const ownData = (trail: Trail, holder: object, key: string): unknown => {
  const own = Object.getOwnPropertyDescriptor(holder, key)
  if (own !== undefined && own.get === undefined && own.set === undefined) return own.value
  return own === undefined ? undefined : trail.refuse('it is an accessor')
}

/** An element of an array. */
export const elementOf = (trail: Trail, array: readonly unknown[], index: number): unknown => {
  const value = array[index]
  if (value === undefined && !(index in array)) trail.refuse('it is a hole in an array')
  return value
}

/** Map, Set, Date and the like: properties on top would get lost. */
export const checkNoExtras = (trail: Trail, value: object): void => {
  if (Reflect.ownKeys(value).length > 0) trail.refuse('it has properties of its own')
}

export const isTextKey = (key: unknown): key is string => typeof key === 'string'

/** The index in TYPED_ARRAYS, and the memory. */
export const typedParts = (value: TypedArray): { index: number; bytes: Buffer } => ({
  index: indexOf(value),
  bytes: Buffer.from(value.buffer, value.byteOffset, value.byteLength),
})

/** A typed array from its memory, which it gets a copy of. */
export const buildTyped = (index: number, bytes: Uint8Array): TypedArray => {
  const memory = Uint8Array.from(bytes).buffer
  return new (TYPED_ARRAYS[index] ?? Uint8Array)(memory)
}

/** What of an error travels: no stack, which holds paths of this machine. */
interface ErrorParts {
  readonly index: number
  readonly message: string
  readonly code: string | undefined
  readonly hasCause: boolean
}

export const errorParts = (trail: Trail, error: object): ErrorParts => {
  const message = ownData(trail, error, 'message') ?? ''
  const code = ownData(trail, error, 'code')
  if (typeof message !== 'string') return trail.refuse('it is an error whose message is not a string')
  return {
    index: indexOf(error),
    message,
    code: typeof code === 'string' ? code : undefined,
    hasCause: Object.hasOwn(error, 'cause'),
  }
}

export const buildError = (parts: ErrorParts, cause: unknown): Error => {
  const type = ERROR_CLASSES[parts.index] ?? Error
  // The stack of whoever decodes says nothing about the error, and taking it costs ten times the rest.
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = 0
  const error: Error & { code?: string } = parts.hasCause ? new type(parts.message, { cause }) : new type(parts.message)
  Error.stackTraceLimit = stackTraceLimit
  if (parts.code !== undefined) error.code = parts.code
  return error
}

/** What a part of a reference is called, and what it must be: checked on both sides. */
const part = <T>(name: string, check: () => T): T => {
  try {
    return check()
  } catch (error) {
    throw error instanceof FieldProblem ? error.within(`.${name}`) : error
  }
}

export const buildReplyTo = ([origin, lane, seq, name]: readonly unknown[]): ReplyTo =>
  new ReplyTo(
    part('origin', () => checkName(origin, 160)),
    part('lane', () => checkUint(lane, 1)),
    part('seq', () => checkUint(seq, Number.MAX_SAFE_INTEGER)),
    part('name', () => checkName(name, 255)),
  )

export const buildProcessRef = ([kind, name]: readonly unknown[]): ProcessRef =>
  new ProcessRef(
    part('kind', () => checkName(kind, 255)),
    part('name', () => checkName(name, 255)),
  )

const partsOf = <T>(
  trail: Trail,
  build: (parts: readonly unknown[]) => T,
  parts: readonly unknown[],
): readonly unknown[] => {
  try {
    build(parts)
    return parts
  } catch (error) {
    if (!(error instanceof FieldProblem)) throw error
    return trail.refuse(`its ${error.path.slice(1)} ${error.why}`)
  }
}

/** [origin, lane, seq, name] */
export const replyToParts = (trail: Trail, { origin, lane, seq, name }: ReplyTo): readonly unknown[] =>
  partsOf(trail, buildReplyTo, [origin, lane, seq, name])

/** [kind, name] */
export const processRefParts = (trail: Trail, { kind, name }: ProcessRef): readonly unknown[] =>
  partsOf(trail, buildProcessRef, [kind, name])
