/**
 * The fields of a frame, read where they stand in its bytes: one pass makes and checks them, and no array of them is
 * made in between. What is not of the type that is asked for comes out as `undefined` and is not passed over; the
 * field says what is wrong with it, and frame.ts asks the guard first whether the bytes mean anything at all.
 *
 * As strict as a scan by the guard: bounds, UTF-8, number of values, nesting; unknown fields at the end are scanned.
 */
import { wrong } from './checks.js'
import { skipValues } from './guard.js'
import { copyBytes, doubleAt } from './reader.js'
import type { ValueLimits } from './trail.js'
import { isUtf8At } from './utf8.js'
import { WORD_BYTES_MAX, wordAt } from './words.js'

/** From here on a frame's bytes are handed out without a copy. A short view would keep a whole network buffer alive. */
const LARGE_BYTES_MIN = 4_096

const empty = Buffer.alloc(0)

export class FieldReader {
  #bytes: Buffer = empty
  #at = 0
  #nestingLeft = 0
  #elementsLeft = 0
  #limits: ValueLimits = { nestingMax: 0, elementsMax: 0, keyBytesMax: 0 }

  begin(bytes: Buffer, limits: ValueLimits): this {
    this.#bytes = bytes
    this.#at = 0
    this.#limits = limits
    this.#nestingLeft = limits.nestingMax
    this.#elementsLeft = limits.elementsMax - 1
    return this
  }

  /** Lets the bytes go. @returns whether all were read */
  end(): boolean {
    const { length } = this.#bytes
    this.#bytes = empty
    return this.#at === length
  }

  /** Opens an array. @returns how many elements it has */
  open(): number | undefined {
    const type = this.#bytes[this.#at] as number
    let count = type & 15
    if (type >= 0x90 && type < 0xa0) this.#at += 1
    else if (type === 0xdc) count = this.#size(2)
    else if (type === 0xdd) count = this.#size(4)
    else return undefined
    this.#elementsLeft -= count
    this.#nestingLeft -= 1
    // Which of the limits it is the guard finds.
    return this.#elementsLeft >= 0 && this.#nestingLeft >= 0 ? count : wrong('is over a limit')
  }

  /** Leaves an array, with so many elements that nobody knows. */
  close(unknown: number): void {
    if (unknown > 0) {
      const left = { at: this.#at, elements: this.#elementsLeft, nesting: this.#nestingLeft }
      const behind = skipValues(this.#bytes, unknown, this.#limits, left)
      this.#at = behind.at
      this.#elementsLeft = behind.elements
    }
    this.#nestingLeft += 1
  }

  /** The big-endian number of so many bytes behind the type. NaN when the input ends before. */
  #size(bytes: 1 | 2 | 4): number {
    const input = this.#bytes
    let at = this.#at + 1
    let value = 0
    for (const stop = at + bytes; at < stop; at++) value = value * 256 + (input[at] as number)
    this.#at = at
    return value
  }

  nil(): boolean {
    if (this.#bytes[this.#at] !== 0xc0) return false
    this.#at += 1
    return true
  }

  flag(): boolean | undefined {
    const type = this.#bytes[this.#at] as number
    if (type !== 0xc2 && type !== 0xc3) return undefined
    this.#at += 1
    return type === 0xc3
  }

  /** A number in whatever form. */
  number(): number | undefined {
    const input = this.#bytes
    const at = this.#at
    const type = input[at] as number
    if (type < 0x80) {
      this.#at = at + 1
      return type
    }
    switch (type) {
      case 0xcc:
        return this.#sized(1)
      case 0xcd:
        return this.#sized(2)
      case 0xce:
        return this.#sized(4)
      case 0xcb:
        return this.#double()
      default:
        return this.#rare(type)
    }
  }

  #sized(bytes: 1 | 2 | 4): number | undefined {
    const value = this.#size(bytes)
    return Number.isNaN(value) ? undefined : value
  }

  #double(): number | undefined {
    const input = this.#bytes
    const at = this.#at
    if (at + 9 > input.length) return undefined
    this.#at = at + 9
    return doubleAt(input, at + 1)
  }

  /** No field of ours is written like this. */
  #rare(type: number): number | undefined {
    const input = this.#bytes
    const at = this.#at + 1
    const left = input.length - at
    if (type >= 0xe0) {
      this.#at = at
      return type - 256
    }
    const size = type === 0xd0 ? 1 : type === 0xd1 ? 2 : type === 0xca || type === 0xd2 ? 4 : 8
    if (left < size) return undefined
    this.#at = at + size
    if (type === 0xca) return input.readFloatBE(at)
    if (type === 0xcf) return Number(input.readBigUInt64BE(at))
    if (type === 0xd3) return Number(input.readBigInt64BE(at))
    if (type === 0xd0 || type === 0xd1 || type === 0xd2) return input.readIntBE(at, size)
    this.#at = at - 1
    return undefined
  }

  /** Short text without NUL that was seen before or is easily seen to be right. */
  word(): string | undefined {
    const input = this.#bytes
    const type = input[this.#at] as number
    const wide = type === 0xd9
    const length = type >= 0xa0 && type < 0xc0 ? type & 31 : wide ? (input[this.#at + 1] as number) : WORD_BYTES_MAX + 1
    const start = this.#at + (wide ? 2 : 1)
    if (!(length <= WORD_BYTES_MAX && start + length <= input.length)) return undefined
    const word = wordAt(input, start, length)
    if (word !== undefined) this.#at = start + length
    return word
  }

  text(): string | undefined {
    const type = this.#bytes[this.#at] as number
    const before = this.#at
    let length = type & 31
    if (type >= 0xa0 && type < 0xc0) this.#at += 1
    else if (type === 0xd9) length = this.#size(1)
    else if (type === 0xda) length = this.#size(2)
    else if (type === 0xdb) length = this.#size(4)
    else return undefined
    const start = this.#at
    const stop = start + length
    if (stop <= this.#bytes.length && isUtf8At(this.#bytes, start, stop)) {
      this.#at = stop
      return this.#bytes.toString('utf8', start, stop)
    }
    this.#at = before
    return undefined
  }

  /** Large ones are views of the input. */
  bytes(): Buffer | undefined {
    const type = this.#bytes[this.#at] as number
    const before = this.#at
    if (type !== 0xc4 && type !== 0xc5 && type !== 0xc6) return undefined
    const length = this.#size(type === 0xc4 ? 1 : type === 0xc5 ? 2 : 4)
    const start = this.#at
    if (start + length <= this.#bytes.length) {
      this.#at = start + length
      if (length >= LARGE_BYTES_MIN) return this.#bytes.subarray(start, this.#at)
      return copyBytes(this.#bytes, start, length)
    }
    this.#at = before
    return undefined
  }
}
