/**
 * What a message carries, whole or as bytes: a local receiver takes the value, a link takes the bytes, and neither
 * pays for the other. Opaque to links and channels.
 */
import type { Limits } from '../base/limits.js'
import { decodeValue, encodeValue, frameValueLimits } from '../wire/codec.js'

export class Load {
  readonly #limits: Limits
  #value: { readonly value: unknown } | undefined
  #bytes: Buffer | undefined

  private constructor(limits: Limits, value: { readonly value: unknown } | undefined, bytes: Buffer | undefined) {
    this.#limits = limits
    this.#value = value
    this.#bytes = bytes
  }

  /** Of a value that is a copy of its own already. */
  static of(value: unknown, limits: Limits): Load {
    return new Load(limits, { value }, undefined)
  }

  static from(bytes: Buffer, limits: Limits): Load {
    return new Load(limits, undefined, bytes)
  }

  /** The receiver owns it from now on. @throws ERR_DECODE */
  value(): unknown {
    this.#value ??= { value: decodeValue(this.#bytes as Buffer, frameValueLimits(this.#limits)) }
    return this.#value.value
  }

  /** @throws ERR_NOT_PORTABLE */
  bytes(): Buffer {
    this.#bytes ??= encodeValue(this.#value?.value, 'message', frameValueLimits(this.#limits))
    return this.#bytes
  }
}
