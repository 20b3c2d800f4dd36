/**
 * The building blocks of the message table: each says what a field holds, how it goes on the wire and what is
 * accepted from there. Records are arrays in the order of their fields; what is unknown at the end is skipped, what is
 * missing there must be optional, so that an older and a newer node understand each other.
 */

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
  /** The value as plain MessagePack. Checks as much as `read`: a peer must not be the first to find our mistake. */
  write(value: T): unknown
  /** From what was decoded. @throws FieldProblem */
  read(wire: unknown): T
}

interface OptionalField<T> extends Field<T | undefined> {
  readonly isOptional: true
}

/** A value that is not what its field says. The path grows from the inside out. */
export class FieldProblem extends Error {
  path = ''

  constructor(readonly why: string) {
    super(why)
  }

  within(outer: string): this {
    this.path = outer + this.path
    return this
  }
}

const wrong = (why: string): never => {
  throw new FieldProblem(why)
}

const within = (error: unknown, outer: string): unknown => (error instanceof FieldProblem ? error.within(outer) : error)

/** Reads and writes are the same check. */
const checked = <T>(shape: FieldShape, check: (value: unknown) => T): Field<T> => ({ shape, write: check, read: check })

const fits = (value: string, bytesMax: number): boolean =>
  value.length * 3 <= bytesMax || (value.length <= bytesMax && Buffer.byteLength(value) <= bytesMax)

const checkText = (value: unknown, bytesMax: number): string => {
  if (typeof value !== 'string') return wrong('must be text')
  if (!fits(value, bytesMax)) return wrong(`must be at most ${bytesMax} bytes`)
  return value.isWellFormed() ? value : wrong('must not have half a surrogate pair')
}

/** Well-formed text without NUL, of at most `bytesMax` bytes in UTF-8. */
export const text = (bytesMax: number): Field<string> =>
  checked({ type: 'text', bytesMax }, (value) => {
    const checkedText = checkText(value, bytesMax)
    return checkedText.includes('\0') ? wrong('must not have a NUL') : checkedText
  })

/**
 * Text for people, which is made to fit on its way out: half surrogate pairs are replaced, what is too long is cut.
 * A reason that came from a user's error must never be the reason why a message cannot be sent.
 */
export const prose = (bytesMax: number): Field<string> => ({
  shape: { type: 'text', bytesMax },
  write: (value) => {
    const whole = value.toWellFormed()
    if (fits(whole, bytesMax)) return whole
    const cut = Buffer.from(whole.slice(0, bytesMax)).subarray(0, bytesMax)
    return cut.toString('utf8').replace(/\ufffd+$/, '')
  },
  read: (value) => checkText(value, bytesMax),
})

/** Raw bytes. With `exactly`, that many or none (no proof where no secret is set). */
export const bytes = (exactly?: number): Field<Buffer> =>
  checked({ type: 'bytes', exactly }, (value) => {
    if (!Buffer.isBuffer(value)) return wrong('must be bytes')
    if (exactly !== undefined && value.length !== exactly && value.length !== 0)
      wrong(`must be ${exactly} bytes or none`)
    return value
  })

/** A whole number from 0 to `max`. -0 is not one: it would be a number whose bytes differ from those of its equal. */
export const uint = (max: number = Number.MAX_SAFE_INTEGER): Field<number> =>
  checked({ type: 'uint', max }, (value) => {
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0 || Object.is(value, -0)) {
      return wrong('must be a whole number from 0')
    }
    return value <= max ? value : wrong(`must be at most ${max}`)
  })

export const flag: Field<boolean> = checked({ type: 'flag' }, (value) =>
  typeof value === 'boolean' ? value : wrong('must be true or false'),
)

/** `undefined` is nil on the wire. */
export const optional = <T>(of: Field<T>): OptionalField<T> => ({
  shape: { type: 'optional', of },
  isOptional: true,
  write: (value) => (value === undefined ? null : of.write(value)),
  read: (wire) => (wire === null || wire === undefined ? undefined : of.read(wire)),
})

/** At most `max` of the same. */
export const list = <T>(of: Field<T>, max: number): Field<readonly T[]> => {
  const each = <From, To>(values: readonly From[], turn: (value: From) => To): To[] => {
    if (values.length > max) wrong(`must have at most ${max} elements`)
    const out: To[] = []
    try {
      for (const value of values) out.push(turn(value))
    } catch (error) {
      throw within(error, `[${out.length}]`)
    }
    return out
  }
  return {
    shape: { type: 'list', of, max },
    write: (values) => each(values, (value) => of.write(value)),
    read: (wire) =>
      Array.isArray(wire) ? each(wire as unknown[], (value) => of.read(value)) : wrong('must be a list'),
  }
}

/** One of some words, as its index. New words go to the end. */
export const choice = <const O extends readonly string[]>(...options: O): Field<O[number]> => {
  const indexes = new Map<string, number>(options.map((option, index) => [option, index]))
  return {
    shape: { type: 'choice', options },
    write: (value) => indexes.get(value) ?? wrong(`must be one of ${options.join(', ')}`),
    read: (wire) => (typeof wire === 'number' ? options[wire] : undefined) ?? wrong(`must be below ${options.length}`),
  }
}

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
    write: (value) => {
      const out: unknown[] = []
      const from = value as Readonly<Record<string, unknown>>
      try {
        for (const part of parts) out.push(part.write(from[keys[out.length] ?? '']))
      } catch (error) {
        throw within(error, `.${keys[out.length]}`)
      }
      return out
    },
    read: (wire) => {
      if (!Array.isArray(wire)) return wrong('must be a list of fields')
      const out: Record<string, unknown> = {}
      let at = 0
      try {
        for (const part of parts) {
          const value = part.read(wire[at])
          if (value !== undefined) out[keys[at] ?? ''] = value
          at += 1
        }
      } catch (error) {
        throw within(error, `.${keys[at]}`)
      }
      return out as RecordOf<S>
    },
  }
}

/** A message of the table: a record that is a frame's whole body. */
export const message = <S extends AnyFields>(fields: S): Field<RecordOf<S>> => record(fields)
