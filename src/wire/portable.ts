/**
 * A copy of a value as if it had travelled: the same values are accepted, the same are refused with the same path, and
 * the result equals what `decodeValue(encodeValue(x))` gives. Local messages are copied so that a process never shares
 * memory with its callers, wherever it runs.
 */
import { ProcessRef, ReplyTo } from './refs.js'
import {
  buildError,
  buildProcessRef,
  buildReplyTo,
  buildTyped,
  checkBigint,
  checkNoExtras,
  checkText,
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
import { Trail, type ValueLimits } from './trail.js'

export { ProcessRef, ReplyTo }

/** Bytes in front of an array or object, and of an extension that holds an array. */
const HEADER_BYTES = 3
const EXT_BYTES = 9

/** Makes one copy after the other. No code of a value runs, so none begins while one is being made. */
class Copier {
  /** What the value takes when encoded, roughly: strings beyond ASCII count more there. */
  bytes = 0
  readonly #trail = new Trail()

  copy(value: unknown, root: string, limits: ValueLimits): unknown {
    this.#trail.begin(root, limits)
    this.bytes = 0
    return this.value(value)
  }

  value(value: unknown): unknown {
    switch (typeof value) {
      case 'string':
        checkText(this.#trail, value)
        this.bytes += value.length + (value.length < 32 ? 1 : HEADER_BYTES)
        return value
      case 'number':
        this.bytes += Number.isInteger(value) && value >= -32 && value < 128 ? 1 : 5
        return value
      case 'boolean':
        this.bytes += 1
        return value
      case 'undefined':
        this.bytes += 3
        return value
      case 'bigint':
        checkBigint(this.#trail, value)
        this.bytes += 4 + (value.toString(16).length >> 1)
        return value
      case 'object':
        if (value !== null) return this.#object(value)
        this.bytes += 1
        return null
      default:
        return refuseType(this.#trail, value)
    }
  }

  #object(value: object): unknown {
    const shape = shapeOf(this.#trail, value)
    switch (shape) {
      case 'plain':
        return this.#plain(value)
      case 'array':
        return this.#array(value as readonly unknown[])
      case 'buffer':
        this.bytes += (value as Buffer).length + HEADER_BYTES
        return Buffer.from(value as Buffer)
      case 'typedArray': {
        const { index, bytes } = typedParts(value as TypedArray)
        this.bytes += bytes.length + HEADER_BYTES
        return buildTyped(index, bytes)
      }
      case 'arrayBuffer':
        this.bytes += (value as ArrayBuffer).byteLength + HEADER_BYTES
        return (value as ArrayBuffer).slice(0)
      case 'date':
        checkNoExtras(this.#trail, value)
        this.bytes += 10
        return new Date((value as Date).getTime())
      case 'map':
        return this.#map(value as ReadonlyMap<unknown, unknown>)
      case 'set':
        return this.#set(value as ReadonlySet<unknown>)
      case 'error':
        return this.#error(value)
      case 'replyTo':
        return this.#parts(value, replyToParts(this.#trail, value as ReplyTo), buildReplyTo)
      case 'processRef':
        return this.#parts(value, processRefParts(this.#trail, value as ProcessRef), buildProcessRef)
    }
  }

  #plain(value: object): object {
    const trail = this.#trail
    const keys = plainKeys(trail, value)
    const out: Record<string, unknown> = {}
    trail.enter(value, 2 * keys.length)
    this.bytes += HEADER_BYTES
    for (const key of keys) {
      trail.at(key)
      trail.checkKey(key)
      this.value(key)
      out[key] = this.value(ownData(trail, value, key))
    }
    trail.leave()
    return out
  }

  #array(value: readonly unknown[]): unknown[] {
    const trail = this.#trail
    const out: unknown[] = []
    trail.enter(value, value.length)
    this.bytes += HEADER_BYTES
    for (let i = 0; i < value.length; i++) {
      trail.at(i)
      out.push(this.value(elementOf(trail, value, i)))
    }
    trail.leave()
    return out
  }

  #map(value: ReadonlyMap<unknown, unknown>): Map<unknown, unknown> {
    const trail = this.#trail
    const out = new Map<unknown, unknown>()
    checkNoExtras(trail, value)
    trail.enter(value, 2 * value.size)
    this.bytes += EXT_BYTES
    let index = 0
    for (const [key, entry] of value) {
      trail.at(index++)
      if (isTextKey(key)) trail.checkKeySize(key)
      const copiedKey = this.value(key)
      trail.at(index++)
      out.set(copiedKey, this.value(entry))
    }
    trail.leave()
    return out
  }

  #set(value: ReadonlySet<unknown>): Set<unknown> {
    const trail = this.#trail
    const out = new Set<unknown>()
    checkNoExtras(trail, value)
    trail.enter(value, value.size)
    this.bytes += EXT_BYTES
    let index = 0
    for (const member of value) {
      trail.at(index++)
      out.add(this.value(member))
    }
    trail.leave()
    return out
  }

  #error(value: object): Error {
    const trail = this.#trail
    const parts = errorParts(trail, value)
    trail.enter(value, parts.hasCause ? 4 : 3)
    this.bytes += EXT_BYTES
    trail.at('message')
    this.value(parts.message)
    trail.at('code')
    this.value(parts.code ?? null)
    trail.at('cause')
    const cause = parts.hasCause ? this.value(ownData(trail, value, 'cause')) : undefined
    trail.leave()
    return buildError(parts, cause)
  }

  #parts(value: object, parts: readonly unknown[], build: (parts: readonly unknown[]) => unknown): unknown {
    this.#trail.enter(value, parts.length)
    this.bytes += EXT_BYTES
    for (const part of parts) this.value(part)
    this.#trail.leave()
    return build(parts)
  }
}

const copier = new Copier()

/**
 * A deep copy of what can travel.
 *
 * @param root  what the value is, for errors: `args`, `reply`
 * @returns the copy, and about how many bytes it takes when encoded
 * @throws ERR_NOT_PORTABLE  with the path of what cannot travel, or of what is over a limit
 */
export const copyPortable = (value: unknown, root: string, limits: ValueLimits): { copy: unknown; bytes: number } => {
  const copy = copier.copy(value, root, limits)
  return { copy, bytes: copier.bytes }
}
