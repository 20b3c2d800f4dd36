/**
 * What a message carries, whole or as bytes: a local receiver takes the value, a link takes the bytes, and neither
 * pays for the other. Opaque to links and channels.
 */
import type { Limits } from '../base/limits.js'
import { decodeValue, encodeValue, frameValueLimits } from '../wire/codec.js'

export class Load {
  readonly #limits: Limits
  #value: unknown
  #hasValue: boolean
  #bytes: Buffer | undefined

  private constructor(limits: Limits, value: unknown, bytes: Buffer | undefined) {
    this.#limits = limits
    this.#value = value
    this.#hasValue = bytes === undefined
    this.#bytes = bytes
  }

  /** Of a value that is a copy of its own already. */
  static of(value: unknown, limits: Limits): Load {
    return new Load(limits, value, undefined)
  }

  static from(bytes: Buffer, limits: Limits): Load {
    return new Load(limits, undefined, bytes)
  }

  /** The receiver owns it from now on. @throws ERR_DECODE */
  value(): unknown {
    if (!this.#hasValue) {
      this.#value = decodeValue(this.#bytes as Buffer, frameValueLimits(this.#limits))
      this.#hasValue = true
    }
    return this.#value
  }

  /** @throws ERR_NOT_PORTABLE */
  bytes(): Buffer {
    this.#bytes ??= encodeValue(this.#value, 'message', frameValueLimits(this.#limits))
    return this.#bytes
  }
}
