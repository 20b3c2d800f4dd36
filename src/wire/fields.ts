/**
 * The building blocks of the message table: each says what a field holds, how it goes on the wire and what is
 * accepted from there. Records are arrays in the order of their fields; what is unknown at the end is skipped, what is
 * missing there must be optional, so that an older and a newer node understand each other.
 */
import {
  type Bytes,
  checkBytes,
  checkFlag,
  checkName,
  checkProse,
  checkUint,
  FieldProblem,
  fits,
  wrong,
} from './checks.js'
import type { FieldReader } from './field-reader.js'
import type { Writer } from './msgpack.js'
import { writeBytes, writeFlag, writeList, writeNil, writeNumber, writeText, writeWord } from './writer.js'

/** What a field holds, for the documentation and for tests that make samples. */
type FieldShape =
  | { readonly type: 'text'; readonly bytesMax: number }
  | { readonly type: 'bytes'; readonly exactly: number | undefined }
  | { readonly type: 'uint'; readonly max: number }
  | { readonly type: 'flag' }
  | { readonly type: 'choice'; readonly options: readonly string[] }
  | { readonly type: 'optional'; readonly of: Field<unknown> }
  | { readonly type: 'list'; readonly of: Field<unknown>; readonly max: number }
  | { readonly type: 'record'; readonly fields: Readonly<Record<string, Field<unknown>>> }

export interface Field<T> {
  readonly shape: FieldShape
  /** Checks as much as `read`: a peer must not be the first to find our mistake. @throws FieldProblem */
  write(writer: Writer, value: T): void
  /** @throws FieldProblem */
  read(reader: FieldReader): T
  /** Stands for nothing, too: a record may end before it. */
  readonly isOptional: boolean
}

interface OptionalField<T> extends Field<T | undefined> {
  readonly isOptional: true
}

const isPieces = (value: Bytes): value is readonly Buffer[] => Array.isArray(value) && value.every(Buffer.isBuffer)

const within = (error: unknown, outer: string): unknown => (error instanceof FieldProblem ? error.within(outer) : error)

/** Well-formed text without NUL, of at most `bytesMax` bytes in UTF-8. */
export const text = (bytesMax: number): Field<string> => ({
  shape: { type: 'text', bytesMax },
  write: (writer, value) => {
    if (typeof value === 'string' && value.length <= bytesMax && writeWord(writer, value)) return
    writeText(writer, checkName(value, bytesMax))
  },
  read: (reader) => {
    const word = reader.word()
    return word !== undefined && word.length <= bytesMax ? word : checkName(word ?? reader.text(), bytesMax)
  },
  isOptional: false,
})

/**
 * Text for people, which is made to fit on its way out: half surrogate pairs are replaced, what is too long is cut.
 * A reason that came from a user's error must never be the reason why a message cannot be sent.
 */
export const prose = (bytesMax: number): Field<string> => ({
  shape: { type: 'text', bytesMax },
  write: (writer, value) => {
    const whole = value.toWellFormed()
    if (fits(whole, bytesMax)) return writeText(writer, whole)
    const cut = Buffer.from(whole.slice(0, bytesMax)).subarray(0, bytesMax)
    writeText(writer, cut.toString('utf8').replace(/\ufffd+$/, ''))
  },
  read: (reader) => checkProse(reader.text(), bytesMax),
  isOptional: false,
})

/** Raw bytes. With `exactly`, that many or none (no proof where no secret is set). */
export const bytes = (exactly?: number): Field<Buffer> => ({
  shape: { type: 'bytes', exactly },
  write: (writer, value: Bytes) =>
    writeBytes(writer, exactly === undefined && isPieces(value) ? value : checkBytes(value, exactly)),
  read: (reader) => checkBytes(reader.bytes(), exactly),
  isOptional: false,
})

/** A whole number from 0 to `max`. */
export const uint = (max: number = Number.MAX_SAFE_INTEGER): Field<number> => ({
  shape: { type: 'uint', max },
  write: (writer, value) => writeNumber(writer, checkUint(value, max)),
  read: (reader) => checkUint(reader.number(), max),
  isOptional: false,
})

export const flag: Field<boolean> = {
  shape: { type: 'flag' },
  write: (writer, value) => writeFlag(writer, checkFlag(value)),
  read: (reader) => checkFlag(reader.flag()),
  isOptional: false,
}

/** `undefined` is nil on the wire. */
export const optional = <T>(of: Field<T>): OptionalField<T> => ({
  shape: { type: 'optional', of },
  write: (writer, value) => (value === undefined ? writeNil(writer) : of.write(writer, value)),
  read: (reader) => (reader.nil() ? undefined : of.read(reader)),
  isOptional: true,
})

/** At most `max` of the same. */
export const list = <T>(of: Field<T>, max: number): Field<readonly T[]> => ({
  shape: { type: 'list', of, max },
  write: (writer, values) => {
    if (values.length > max) wrong(`must have at most ${max} elements`)
    writeList(writer, values.length)
    let at = 0
    try {
      for (; at < values.length; at++) of.write(writer, values[at] as T)
    } catch (error) {
      throw within(error, `[${at}]`)
    }
  },
  read: (reader) => {
    const count = reader.open()
    if (count === undefined) return wrong('must be a list')
    if (count > max) return wrong(`must have at most ${max} elements`)
    const out: T[] = []
    try {
      while (out.length < count) out.push(of.read(reader))
    } catch (error) {
      throw within(error, `[${out.length}]`)
    }
    reader.close(0)
    return out
  },
  isOptional: false,
})

/** One of some words, as its index. New words go to the end. */
export const choice = <const O extends readonly string[]>(...options: O): Field<O[number]> => ({
  shape: { type: 'choice', options },
  write: (writer, value) => {
    const index = options.indexOf(value)
    writeNumber(writer, index < 0 ? wrong(`must be one of ${options.join(', ')}`) : index)
  },
  read: (reader) => options[reader.number() ?? -1] ?? wrong(`must be below ${options.length}`),
  isOptional: false,
})

// biome-ignore lint/suspicious/noExplicitAny: a constraint; a Field is invariant in what it holds
type AnyFields = Readonly<Record<string, Field<any>>>
type OptionalKeys<S extends AnyFields> = {
  [K in keyof S]: S[K] extends { readonly isOptional: true } ? K : never
}[keyof S]
type Flat<T> = { [K in keyof T]: T[K] }

/** What a field holds: for a record or message, an object type. */
export type FieldsOf<F> = F extends Field<infer T> ? T : never

/** The object type of a table of fields; optional ones may be left out. */
type RecordOf<S extends AnyFields> = Flat<
  { readonly [K in Exclude<keyof S, OptionalKeys<S>>]: FieldsOf<S[K]> } & {
    readonly [K in OptionalKeys<S>]?: FieldsOf<S[K]>
  }
>

/** Fields with names, on the wire an array in their order. */
export const record = <S extends AnyFields>(fields: S): Field<RecordOf<S>> => {
  const keys = Object.keys(fields)
  const parts: readonly Field<unknown>[] = Object.values(fields)
  return {
    shape: { type: 'record', fields },
    write: (writer, value) => {
      const from = value as Readonly<Record<string, unknown>>
      writeList(writer, parts.length)
      let at = 0
      try {
        for (const part of parts) {
          part.write(writer, from[keys[at] as string])
          at += 1
        }
      } catch (error) {
        throw within(error, `.${keys[at]}`)
      }
    },
    read: (reader) => {
      const count = reader.open()
      if (count === undefined) return wrong('must be a list of fields')
      const out: Record<string, unknown> = {}
      let at = 0
      try {
        for (const part of parts) {
          const value = at < count ? part.read(reader) : part.isOptional ? undefined : wrong('must be there')
          if (value !== undefined) out[keys[at] as string] = value
          at += 1
        }
      } catch (error) {
        throw within(error, `.${keys[at]}`)
      }
      reader.close(count - parts.length)
      return out as RecordOf<S>
    },
    isOptional: false,
  }
}

/** A message of the table: a record that is a frame's whole body. */
export const message = <S extends AnyFields>(fields: S): Field<RecordOf<S>> => record(fields)
