/**
 * A large value read bit by bit, as writing.ts writes it. Behind the guard, like reader.ts, which reads all that is not
 * a list, a plain object, a Map or a Set.
 */
import type { Reader } from './msgpack.js'
import { checkMap, checkObject, checkSet, readCount, readKey, readValue } from './reader.js'
import { EXT } from './shapes.js'

/** Values that are read one after the other before anybody looks at the clock. */
const ROW = 64

/** A container that is being filled. */
interface Open {
  readonly type: 'list' | 'object' | 'map' | 'set'
  /** Values that are still to come; those of an object without its keys. */
  left: number
  put(value: unknown): void
  whole(): unknown
}

const list = (count: number): Open => {
  const out: unknown[] = []
  return { type: 'list', left: count, put: (value) => void out.push(value), whole: () => out }
}

const object = (reader: Reader, count: number): Open => {
  const out: Record<string, unknown> = {}
  let key = ''
  const open: Open = {
    type: 'object',
    left: count,
    put: (value) => {
      out[key] = value
      if (open.left > 0) key = readKey(reader)
    },
    whole: () => checkObject(out, count),
  }
  if (count > 0) key = readKey(reader)
  return open
}

const map = (count: number): Open => {
  const out = new Map<unknown, unknown>()
  let key: unknown
  let isKey = true
  return {
    type: 'map',
    left: count,
    put: (value) => {
      if (isKey) key = value
      else out.set(key, value)
      isKey = !isKey
    },
    whole: () => checkMap(out, count / 2),
  }
}

const set = (count: number): Open => {
  const out = new Set<unknown>()
  return { type: 'set', left: count, put: (value) => void out.add(value), whole: () => checkSet(out, count) }
}

export class Reading {
  readonly #reader: Reader
  readonly #open: Open[] = []
  /** Once all is read. */
  value: unknown

  constructor(reader: Reader) {
    this.#reader = reader
    this.#next()
  }

  /** Reads about so many values. @returns false when all are read */
  go(values: number): boolean {
    for (let left = values; left > 0; left--) {
      const innermost = this.#open[this.#open.length - 1]
      if (innermost === undefined) return false
      this.#fill(innermost)
    }
    return this.#open.length > 0
  }

  #fill(open: Open): void {
    for (let row = ROW; row > 0 && open.left > 0; row--) {
      open.left -= 1
      if (this.#next()) return
    }
    if (open.left > 0) return
    this.#open.pop()
    this.#put(open.whole())
  }

  #put(value: unknown): void {
    const innermost = this.#open[this.#open.length - 1]
    if (innermost === undefined) this.value = value
    else innermost.put(value)
  }

  /** Reads a value, or opens a container. @returns whether it opened one */
  #next(): boolean {
    const open = this.#container()
    if (open === undefined) this.#put(readValue(this.#reader))
    else this.#open.push(open)
    return open !== undefined
  }

  #container(): Open | undefined {
    const reader = this.#reader
    const { buffer, offset } = reader
    const type = buffer[offset] as number
    if ((type >= 0x90 && type < 0xa0) || type === 0xdc || type === 0xdd) return list(readCount(reader))
    if ((type >= 0x80 && type < 0x90) || type === 0xde || type === 0xdf) return object(reader, readCount(reader))
    if (type < 0xc7 || type > 0xd8 || (type > 0xc9 && type < 0xd4)) return undefined
    const header = type >= 0xd4 ? 2 : type === 0xc7 ? 3 : type === 0xc8 ? 4 : 6
    const ext = buffer[offset + header - 1]
    if (ext !== EXT.MAP && ext !== EXT.SET) return undefined
    reader.offset = offset + header
    const count = readCount(reader)
    return ext === EXT.MAP ? map(count) : set(count)
  }
}
