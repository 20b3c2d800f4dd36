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
  /** Values that are still to come; those of an object without its keys. */
  left: number
  put(value: unknown): void
  whole(): unknown
}

class List implements Open {
  readonly #out: unknown[] = []

  constructor(public left: number) {}

  put(value: unknown): void {
    this.#out.push(value)
  }

  whole(): unknown {
    return this.#out
  }
}

class Plain implements Open {
  readonly #reader: Reader
  readonly #count: number
  readonly #out: Record<string, unknown> = {}
  #key = ''

  constructor(
    reader: Reader,
    public left: number,
  ) {
    this.#reader = reader
    this.#count = left
    if (left > 0) this.#key = readKey(reader)
  }

  put(value: unknown): void {
    this.#out[this.#key] = value
    if (this.left > 0) this.#key = readKey(this.#reader)
  }

  whole(): unknown {
    return checkObject(this.#out, this.#count)
  }
}

class Pairs implements Open {
  readonly #count: number
  readonly #out = new Map<unknown, unknown>()
  #key: unknown

  constructor(public left: number) {
    this.#count = left
  }

  put(value: unknown): void {
    if (this.left % 2 === 1) this.#key = value
    else this.#out.set(this.#key, value)
  }

  whole(): unknown {
    return checkMap(this.#out, this.#count / 2)
  }
}

class Members implements Open {
  readonly #count: number
  readonly #out = new Set<unknown>()

  constructor(public left: number) {
    this.#count = left
  }

  put(value: unknown): void {
    this.#out.add(value)
  }

  whole(): unknown {
    return checkSet(this.#out, this.#count)
  }
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
    if ((type >= 0x90 && type < 0xa0) || type === 0xdc || type === 0xdd) return new List(readCount(reader))
    if ((type >= 0x80 && type < 0x90) || type === 0xde || type === 0xdf) return new Plain(reader, readCount(reader))
    if (type < 0xc7 || type > 0xd8 || (type > 0xc9 && type < 0xd4)) return undefined
    const header = type >= 0xd4 ? 2 : type === 0xc7 ? 3 : type === 0xc8 ? 4 : 6
    const ext = buffer[offset + header - 1]
    if (ext !== EXT.MAP && ext !== EXT.SET) return undefined
    reader.offset = offset + header
    const count = readCount(reader)
    return ext === EXT.MAP ? new Pairs(count) : new Members(count)
  }
}
