/**
 * One look at bytes from a peer before anything is made of them. Costs no memory, whatever the bytes claim:
 *
 *   every byte has a meaning, and strings are UTF-8            - depth, and the number of values, keys included
 *   what all open containers still wait for <= bytes left      - keys are strings, not __proto__, not too long
 *   extensions are on our list and hold what they must         - one value, and nothing after it
 *
 * The sum over *all* open containers matters: headers inside headers that each claim less than the bytes left, and
 * together far more, abort the process in msgpack-lite, which makes the arrays first.
 * Not seen here: duplicate keys, which cost nothing to see while the object is built.
 */
import { fail } from '../base/errors.js'
import { BIGINT_BYTES_MAX, ERROR_CLASSES, EXT, TYPED_ARRAYS } from './shapes.js'
import { DEPTH_MAX, type ValueLimits } from './trail.js'
import { isUtf8At } from './utf8.js'

const refuse = (reason: string): never => {
  throw fail('ERR_DECODE', { reason })
}

/** What an open container holds. Of OBJECT and PAIRS, every second value is a key. */
const LIST = 0
const OBJECT = 1
const PAIRS = 2
/** A container that is not the content of an extension ends where it ends. */
const ANYWHERE = -1

// The scan, one at a time: it calls nobody. Level 0 stands for the whole input, which holds one value.
const waiting = new Float64Array(DEPTH_MAX + 1)
const holds = new Uint8Array(DEPTH_MAX + 1)
const stops = new Float64Array(DEPTH_MAX + 1)
let input: Buffer = Buffer.alloc(0)
let at = 0
let depth = 0
/** Values that all open containers together still wait for. */
let pending = 0
let elementsLeft = 0
let nestingMax = 0
let keyBytesMax = 0
let extensions = true

const early = (): never => refuse('they end too early')

/** The big-endian number of 1, 2 or 4 bytes here. */
const size = (bytes: 1 | 2 | 4): number => {
  const start = at
  at += bytes
  if (at > input.length) return early()
  let value = 0
  for (let i = start; i < at; i++) value = value * 256 + (input[i] as number)
  return value
}

const skip = (bytes: number): void => {
  at += bytes
  if (at > input.length) early()
}

const open = (kind: number, count: number, stop: number): void => {
  if (depth >= nestingMax) refuse(`they nest deeper than ${nestingMax} levels`)
  elementsLeft -= count
  if (elementsLeft < 0) refuse('they hold too many values')
  pending += count
  if (pending > input.length - at) early()
  depth += 1
  waiting[depth] = count
  holds[depth] = kind
  stops[depth] = stop
}

const string = (length: number, isKey: boolean): void => {
  const start = at
  skip(length)
  if (isKey && length > keyBytesMax) refuse(`a key is longer than ${keyBytesMax} bytes`)
  if (!isUtf8At(input, start, at)) refuse('text is not UTF-8')
}

const isProto = (start: number, stop: number): boolean =>
  stop - start === 9 && input.toString('latin1', start, stop) === '__proto__'

const isString = (type: number): boolean => (type >= 0xa0 && type < 0xc0) || (type >= 0xd9 && type <= 0xdb)

/** The length of the string whose type byte this is. */
const stringLength = (type: number): number => {
  if (type < 0xc0) return type & 31
  return size(type === 0xd9 ? 1 : type === 0xda ? 2 : 4)
}

const objectKey = (type: number): void => {
  if (!isString(type)) refuse('a key is not a string')
  const length = stringLength(type)
  string(length, true)
  if (isProto(at - length, at)) refuse('a key is named __proto__')
}

/** The array that is the content of an extension. */
const content = (stop: number, isLegal: (count: number) => boolean, kind = LIST): void => {
  const type = at < stop ? size(1) : 0
  const count = type >= 0x90 && type < 0xa0 ? type & 15 : type === 0xdc ? size(2) : type === 0xdd ? size(4) : -1
  if (!isLegal(count)) refuse('an extension holds something else than its type says')
  open(kind, count, stop)
}

const isBigint = (start: number, stop: number): boolean => {
  const length = stop - start - 1
  if (length < 0 || length > BIGINT_BYTES_MAX) return false
  const sign = input[start] as number
  return length === 0 ? sign === 0 : sign <= 1 && input[start + 1] !== 0
}

const isDate = (start: number, stop: number): boolean => {
  if (stop - start !== 8) return false
  const ms = input.readDoubleBE(start)
  return Number.isNaN(ms) || (Number.isInteger(ms) && Math.abs(ms) <= 8.64e15)
}

const isTyped = (start: number, stop: number): boolean => {
  const type = start < stop ? TYPED_ARRAYS[input[start] as number] : undefined
  return type !== undefined && (stop - start - 1) % type.BYTES_PER_ELEMENT === 0
}

const isListCount = (count: number): boolean => count >= 0

const extension = (length: number): void => {
  const type = size(1)
  const start = at
  const stop = at + length
  if (stop > input.length) early()
  if (!extensions) refuse('an extension stands where none may be')
  let isLegal = true
  switch (type) {
    case EXT.MAP:
      content(stop, (count) => count >= 0 && count % 2 === 0, PAIRS)
      return
    case EXT.SET:
      content(stop, isListCount)
      return
    case EXT.ERROR:
      content(stop, (count) => (count === 3 || count === 4) && (input[at] as number) < ERROR_CLASSES.length)
      return
    case EXT.REPLY_TO:
      content(stop, (count) => count === 4)
      return
    case EXT.PROCESS_REF:
      content(stop, (count) => count === 2)
      return
    case EXT.UNDEFINED:
      isLegal = length === 1 && input[start] === 0
      break
    case EXT.BIGINT:
      isLegal = isBigint(start, stop)
      break
    case EXT.DATE:
      isLegal = isDate(start, stop)
      break
    case EXT.TYPED_ARRAY:
      isLegal = isTyped(start, stop)
      break
    case EXT.ARRAY_BUFFER:
      break
    default:
      refuse(`extension ${type} is unknown`)
  }
  if (!isLegal) refuse('an extension holds something else than its type says')
  at = stop
}

/** 64 bits: only what a number can hold. Larger ones travel as bigint. */
const int64 = (isSigned: boolean): void => {
  skip(8)
  const value = isSigned ? input.readBigInt64BE(at - 8) : input.readBigUInt64BE(at - 8)
  if (!Number.isSafeInteger(Number(value))) refuse('a whole number is beyond 2^53')
}

/** What has a size of its own in front of it, from 0xc4 to 0xdf. */
const sized = (type: number): void => {
  switch (type) {
    case 0xc4:
      skip(size(1))
      break
    case 0xc5:
      skip(size(2))
      break
    case 0xc6:
      skip(size(4))
      break
    case 0xc7:
      extension(size(1))
      break
    case 0xc8:
      extension(size(2))
      break
    case 0xc9:
      extension(size(4))
      break
    case 0xca:
      skip(4)
      break
    case 0xcb:
      skip(8)
      break
    case 0xcc:
    case 0xd0:
      skip(1)
      break
    case 0xcd:
    case 0xd1:
      skip(2)
      break
    case 0xce:
    case 0xd2:
      skip(4)
      break
    case 0xcf:
      int64(false)
      break
    case 0xd3:
      int64(true)
      break
    case 0xdc:
      open(LIST, size(2), ANYWHERE)
      break
    case 0xdd:
      open(LIST, size(4), ANYWHERE)
      break
    case 0xde:
      open(OBJECT, 2 * size(2), ANYWHERE)
      break
    case 0xdf:
      open(OBJECT, 2 * size(4), ANYWHERE)
      break
    default:
      refuse('a byte means nothing')
      break
  }
}

/** The next value, or the header of the next container. */
const item = (): void => {
  const holder = holds[depth] as number
  const left = waiting[depth] as number
  waiting[depth] = left - 1
  pending -= 1
  if (at >= input.length) early()
  const type = input[at++] as number
  const isKey = holder !== LIST && left % 2 === 0
  if (isKey && holder === OBJECT) objectKey(type)
  else if (type < 0x80 || type >= 0xe0 || type === 0xc0 || type === 0xc2 || type === 0xc3) return
  else if (type < 0x90) open(OBJECT, 2 * (type & 15), ANYWHERE)
  else if (type < 0xa0) open(LIST, type & 15, ANYWHERE)
  else if (isString(type)) string(stringLength(type), isKey)
  else if (type >= 0xd4 && type <= 0xd8) extension(1 << (type - 0xd4))
  else sized(type)
}

/** Goes over the `waiting[0]` values that stand at `at`, about `items` of them. @returns whether that were all */
const walk = (items: number): boolean => {
  for (let left = items; left > 0; left--) {
    while (waiting[depth] === 0) {
      if (depth === 0) return true
      const stop = stops[depth] as number
      if (stop !== ANYWHERE && stop !== at) refuse('an extension has another length than its content')
      depth -= 1
    }
    item()
  }
  return false
}

const begin = (bytes: Buffer, limits: ValueLimits): void => {
  input = bytes
  depth = 0
  holds[0] = LIST
  stops[0] = ANYWHERE
  keyBytesMax = limits.keyBytesMax
  if (elementsLeft < 0) refuse('they hold too many values')
}

const beginScan = (bytes: Buffer, limits: ValueLimits, allowExtensions: boolean): void => {
  at = 0
  pending = 1
  waiting[0] = 1
  elementsLeft = limits.elementsMax - 1
  nestingMax = Math.min(limits.nestingMax, DEPTH_MAX)
  extensions = allowExtensions
  begin(bytes, limits)
}

const endScan = (): void => {
  if (at !== input.length) refuse('there are more after the value')
}

/**
 * Refuses bytes from which msgpack-lite should not make a value.
 *
 * @param allowExtensions  false for the fields of a frame, which are plain
 * @throws ERR_DECODE
 */
export const scan = (bytes: Buffer, limits: ValueLimits, allowExtensions: boolean): void => {
  beginScan(bytes, limits, allowExtensions)
  walk(Number.POSITIVE_INFINITY)
  endScan()
}

/** The same bit by bit, with other scans in between. Extensions are allowed. */
export class Scanning {
  readonly #input: Buffer
  readonly #limits: ValueLimits
  /** at, pending, elementsLeft; then waiting, holds and stops of each level. */
  #state: number[] | undefined

  constructor(bytes: Buffer, limits: ValueLimits) {
    this.#input = bytes
    this.#limits = limits
  }

  /** Looks at about so many values. @returns false when it has looked at all. @throws ERR_DECODE */
  go(values: number): boolean {
    beginScan(this.#input, this.#limits, true)
    if (this.#state !== undefined) this.#restore(this.#state)
    const done = walk(values)
    if (done) endScan()
    else this.#state = this.#save()
    return !done
  }

  #save(): number[] {
    const state = [at, pending, elementsLeft]
    for (let i = 0; i <= depth; i++) state.push(waiting[i] as number, holds[i] as number, stops[i] as number)
    return state
  }

  #restore(state: readonly number[]): void {
    ;[at = 0, pending = 0, elementsLeft = 0] = state
    depth = (state.length - 3) / 3 - 1
    for (let i = 0; i <= depth; i++) {
      waiting[i] = state[3 + 3 * i] as number
      holds[i] = state[4 + 3 * i] as number
      stops[i] = state[5 + 3 * i] as number
    }
  }
}

/** How much of its limits a frame has left. */
interface Left {
  readonly at: number
  readonly elements: number
  readonly nesting: number
}

/**
 * The same for fields of a frame that nobody here knows: the next `count` values, which are counted already.
 * @returns what is left behind them
 * @throws ERR_DECODE
 */
export const skipValues = (bytes: Buffer, count: number, limits: ValueLimits, left: Left): Left => {
  at = left.at
  pending = count
  waiting[0] = count
  elementsLeft = left.elements
  nestingMax = Math.min(left.nesting, DEPTH_MAX)
  extensions = false
  begin(bytes, limits)
  if (count > bytes.length - at) early()
  walk(Number.POSITIVE_INFINITY)
  return { at, elements: elementsLeft, nesting: left.nesting }
}
