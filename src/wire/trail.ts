/**
 * The way from the root of a value to where a walk stands: it makes the path of an error (`state.items[3].socket`),
 * finds cycles, and keeps the limits. Encoding and copying walk with the same trail, so they refuse the same values.
 */
import { fail } from '../base/errors.js'
import type { Limits } from '../base/limits.js'

/** What one value may take. */
export interface ValueLimits {
  readonly nestingMax: number
  readonly elementsMax: number
  readonly keyBytesMax: number
}

/** Walks are recursive: about 5,000 levels end the stack, so no setting may ask for more than this. */
export const DEPTH_MAX = 1_000

const depthOf = (limits: Limits): number => Math.min(limits.nestingMax, DEPTH_MAX)

/** For what stands in one frame: a message, a reply. */
export const frameValueLimits = (limits: Limits): ValueLimits => ({
  nestingMax: depthOf(limits),
  elementsMax: limits.frameElementsMax,
  keyBytesMax: limits.keyBytesMax,
})

/** For a whole state. */
export const stateValueLimits = (limits: Limits): ValueLimits => ({
  nestingMax: depthOf(limits),
  elementsMax: limits.stateElementsMax,
  keyBytesMax: limits.keyBytesMax,
})

const none: ValueLimits = { nestingMax: 0, elementsMax: 0, keyBytesMax: 0 }

const shown = (key: unknown): string | undefined => {
  if (typeof key === 'string') return JSON.stringify(key)
  return typeof key === 'object' || typeof key === 'function' || typeof key === 'symbol' ? undefined : String(key)
}

/** One step of a path. In a Map, `key` is twice the index of the entry, plus 1 for its value. */
const step = (holder: object, key: string | number): string => {
  if (typeof key === 'string') return /^[A-Za-z_$][\w$]*$/.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`
  if (Array.isArray(holder)) return `[${key}]`
  if (!(holder instanceof Map)) return `.value(${key})`
  const index = key >> 1
  if ((key & 1) === 0) return `.key(${index})`
  return `.get(${shown([...holder.keys()][index]) ?? `key(${index})`})`
}

export class Trail {
  #root = ''
  #limits = none
  #left = 0
  #depth = 0
  /** The containers that are open, and where the walk stands in each. */
  readonly #holders: (object | undefined)[] = []
  readonly #keys: (string | number)[] = []

  /** Starts a walk. The root itself counts as one value. */
  begin(root: string, limits: ValueLimits): void {
    this.#root = root
    this.#limits = limits
    this.#left = limits.elementsMax - 1
    this.#depth = 0
    if (this.#left < 0) this.#tooMany()
  }

  /** Opens a container with so many values (keys count). Every `enter` that returns needs its `leave`. */
  enter(holder: object, elements: number): void {
    for (let i = 0; i < this.#depth; i++) {
      if (this.#holders[i] === holder) this.refuse('it contains itself')
    }
    if (this.#depth >= this.#limits.nestingMax)
      this.refuse(`it is nested deeper than ${this.#limits.nestingMax} levels`)
    this.#left -= elements
    if (this.#left < 0) this.#tooMany()
    this.#holders[this.#depth] = holder
    this.#keys[this.#depth] = ''
    this.#depth += 1
  }

  /** Says which child of the innermost container comes now. */
  at(key: string | number): void {
    this.#keys[this.#depth - 1] = key
  }

  leave(): void {
    this.#depth -= 1
    this.#holders[this.#depth] = undefined
  }

  /** A key of an object: an own one named __proto__ would set the prototype of what is rebuilt. */
  checkKey(key: string): void {
    if (key.length === 9 && key === '__proto__') this.refuse('a key named __proto__ is not allowed')
    this.checkKeySize(key)
  }

  /** A key of an object or a string key of a Map. */
  checkKeySize(key: string): void {
    const max = this.#limits.keyBytesMax
    if (key.length * 3 > max && Buffer.byteLength(key) > max) this.refuse(`its key is longer than ${max} bytes`)
  }

  /** @throws ERR_NOT_PORTABLE with the path to here */
  refuse(why: string): never {
    let path = this.#root
    for (let i = 0; i < this.#depth; i++) path += step(this.#holders[i] ?? [], this.#keys[i] ?? '')
    throw fail('ERR_NOT_PORTABLE', { path, why })
  }

  #tooMany(): never {
    this.refuse(`it brings the whole to more than ${this.#limits.elementsMax} values`)
  }
}
