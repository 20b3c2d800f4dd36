/**
 * The members of msgpack-lite that wire/ leans on, and nothing else. They are plain instance properties there, none of
 * them documented: the version is pinned exactly, and `wire-contract.test.ts` fails when a byte or a member changes.
 */
import library from 'msgpack-lite'
import type { Trail } from './trail.js'

/** An `Encoder` of msgpack-lite: a slab that grows, and the chunks that are full. */
export interface Writer {
  buffer: Buffer
  /** Where the next byte goes, and where the bytes of this slab begin that are not in a chunk yet. */
  offset: number
  start: number
  /** Makes room for `length` bytes in one piece and returns where they start in `buffer`, which may be a new one. */
  reserve(length: number): number
  /** Takes bytes: a copy when they are few, a reference until `read` when they are many. */
  send(bytes: Buffer): void
  push(chunk: Buffer): void
  /** Writes one value through the hook. */
  write(value: unknown): void
  /** Makes a chunk of what is in the slab. */
  flush(): void
  /** All bytes since the last `read`, in one piece. */
  read(): Buffer | undefined
  /** The full chunks, in order. */
  buffers: Buffer[] | undefined
  // ours
  trail: Trail
  /** Bytes in full chunks. */
  flushed: number
}

/** A `Decoder` of msgpack-lite. */
export interface Reader {
  buffer: Buffer
  offset: number
  /** Reads one value through the hook. */
  fetch(): unknown
  // ours
}

interface Codec {
  encode: (writer: Writer, value: unknown) => void
  decode: (reader: Reader) => unknown
}

interface Library {
  createCodec(): Codec
  Encoder: new (options: { codec: Codec }) => Writer
  Decoder: new (options: { codec: Codec }) => Reader
}

const { createCodec, Encoder, Decoder } = library as unknown as Library

const original = createCodec()

/** As msgpack-lite writes: for numbers, strings and Buffers. Its ways with objects are never used. */
export const writeOriginal = original.encode
/** As msgpack-lite reads: for numbers. */
export const readOriginal = original.decode

interface Hooks {
  readonly encode: Codec['encode']
  readonly decode: Codec['decode']
}

/** One codec without preset, frozen: it calls our hooks for every value. */
export const openCodec = (hooks: Hooks): { newWriter: (trail: Trail) => Writer; newReader: () => Reader } => {
  const codec = createCodec()
  codec.encode = hooks.encode
  codec.decode = hooks.decode
  Object.freeze(codec)
  return {
    newWriter: (trail) => {
      const writer = new Encoder({ codec })
      const push = writer.push
      writer.trail = trail
      writer.flushed = 0
      writer.buffers = []
      writer.push = (chunk) => {
        writer.flushed += chunk.length
        push.call(writer, chunk)
      }
      return writer
    },
    newReader: () => new Decoder({ codec }),
  }
}
