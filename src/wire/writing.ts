/**
 * A large value written bit by bit, so that nobody waits for the whole. The containers that are open stand in a list
 * instead of on the stack of the program; what they hold is written by writer.ts, and the bytes are the same.
 *
 * Lists, plain objects, Maps and Sets are left and taken up again between any two of their values; all else (one text,
 * one Buffer, one Error with its causes) is written at once. The value must not change meanwhile. What it gains or
 * loses is found out where it would make other bytes than were announced, and refused.
 */
import type { Writer } from './msgpack.js'
import { elementOf, isTextKey, shapeOf } from './shapes.js'
import { openArray, openMap, openPlain, openSet, writeKey, writeValue } from './writer.js'

/** Values that are written one after the other before anybody looks at the clock. */
const ROW = 64

/** A container that is open: each call writes the next of its values up to where another container begins. */
interface Open {
  /** @returns false when there is none left, and the container is closed */
  next(): boolean
}

export class Writing {
  readonly #writer: Writer
  readonly #open: Open[] = []

  constructor(writer: Writer, value: unknown) {
    this.#writer = writer
    this.#value(value)
  }

  /** Writes about so many values. @returns false when all are written */
  go(values: number): boolean {
    for (let left = values; left > 0; left--) {
      const { length } = this.#open
      const innermost = this.#open[length - 1]
      if (innermost === undefined) return false
      if (!innermost.next()) this.#open.pop()
    }
    return this.#open.length > 0
  }

  #value(value: unknown): void {
    if (typeof value !== 'object' || value === null) return writeValue(this.#writer, value)
    switch (shapeOf(this.#writer.trail, value)) {
      case 'plain':
        this.#open.push(this.#plain(value))
        return
      case 'array':
        this.#open.push(this.#array(value as readonly unknown[]))
        return
      case 'map':
        this.#open.push(this.#map(value as ReadonlyMap<unknown, unknown>))
        return
      case 'set':
        this.#open.push(this.#set(value as ReadonlySet<unknown>))
        return
      default:
        writeValue(this.#writer, value)
    }
  }

  #plain(value: object): Open {
    const writer = this.#writer
    const keys = openPlain(writer, value)
    let at = 0
    return {
      next: () => {
        // Values that are no containers do not need a turn each; but there may be a million of them.
        for (const stop = Math.min(keys.length, at + ROW); at < stop; ) {
          const next = writeKey(writer, value, keys[at++] as string)
          this.#value(next)
          if (typeof next === 'object') return true
        }
        if (at < keys.length) return true
        writer.trail.leave()
        return false
      },
    }
  }

  #array(value: readonly unknown[]): Open {
    const writer = this.#writer
    const { length } = value
    openArray(writer, value)
    let at = 0
    return {
      next: () => {
        for (const stop = Math.min(length, at + ROW); at < stop; ) {
          writer.trail.at(at)
          const next = elementOf(writer.trail, value, at++)
          this.#value(next)
          if (typeof next === 'object') return true
        }
        if (at < length) return true
        writer.trail.leave()
        return false
      },
    }
  }

  #map(value: ReadonlyMap<unknown, unknown>): Open {
    const { trail } = this.#writer
    const close = openMap(this.#writer, value)
    const entries = value.entries()
    const { size } = value
    let at = 0
    let entry: unknown
    return {
      next: () => {
        trail.at(at)
        const isKey = at % 2 === 0
        if (isKey) {
          const next = entries.next()
          if (next.done === true) return this.#end(at === 2 * size, close)
          if (at === 2 * size) return this.#end(false, close)
          const [key] = next.value
          entry = next.value[1]
          if (isTextKey(key)) trail.checkKeySize(key)
          at += 1
          this.#value(key)
          return true
        }
        at += 1
        this.#value(entry)
        return true
      },
    }
  }

  #set(value: ReadonlySet<unknown>): Open {
    const { trail } = this.#writer
    const close = openSet(this.#writer, value)
    const members = value.values()
    const { size } = value
    let at = 0
    return {
      next: () => {
        trail.at(at)
        const next = members.next()
        if (next.done === true || at === size) return this.#end(next.done === true && at === size, close)
        at += 1
        this.#value(next.value)
        return true
      },
    }
  }

  #end(isWhole: boolean, close: () => void): false {
    if (!isWhole) this.#writer.trail.refuse('it changed while it was written')
    close()
    this.#writer.trail.leave()
    return false
  }
}
