/** The building blocks of the message table, and the choice of a version. */
import t, { type Test } from 'tap'
import { defaultLimits } from '../../src/base/limits.js'
import { FieldProblem } from '../../src/wire/checks.js'
import { decodeValue, encodeValue, frameValueLimits, written } from '../../src/wire/codec.js'
import { FieldReader } from '../../src/wire/field-reader.js'
import {
  bytes,
  choice,
  type Field,
  flag,
  list,
  message,
  optional,
  prose,
  record,
  text,
  uint,
} from '../../src/wire/fields.js'
import { agree, PROTOCOL } from '../../src/wire/version.js'

const limits = frameValueLimits(defaultLimits)

/** What a field makes of a value that stands on the wire. */
const read = <T>(field: Field<T>, wire: unknown): T =>
  field.read(new FieldReader().begin(encodeValue(wire, 'wire', limits), limits))

/** What a field writes, as the plain value that it is on the wire. */
const write = <T>(field: Field<T>, value: T): unknown =>
  decodeValue(
    written((writer) => field.write(writer, value)),
    limits,
  )

/** The path and reason with which a field refuses, on both ways. */
const refusal = (run: () => unknown): string => {
  try {
    return `accepted ${String(run())}`
  } catch (error) {
    return error instanceof FieldProblem ? `${error.path}: ${error.why}` : String(error)
  }
}

const shown = (value: unknown): string => (typeof value === 'string' ? JSON.stringify(value) : String(value))

const bothRefuse = (t: Test, field: Field<never>, values: readonly unknown[]): void => {
  for (const value of values) {
    t.match(
      refusal(() => read(field, value)),
      /^: must/,
      `read ${shown(value)}`,
    )
    t.match(
      refusal(() => write(field, value as never)),
      /^: must/,
      `write ${shown(value)}`,
    )
  }
}

t.test('attack 31: uint takes whole numbers from 0 to its limit and nothing that looks like one', async (t) => {
  bothRefuse(t, uint() as Field<never>, [
    NaN,
    -0,
    -1,
    1.5,
    Infinity,
    2 ** 53,
    2 ** 64,
    '1',
    1n,
    null,
    undefined,
    true,
    [1],
  ])
  bothRefuse(t, uint(255) as Field<never>, [256])
  for (const value of [0, 1, 2 ** 32, Number.MAX_SAFE_INTEGER]) t.equal(read(uint(), write(uint(), value)), value)
})

t.test('attack 29: text is well-formed, without NUL, and counted in bytes', async (t) => {
  bothRefuse(t, text(4) as Field<never>, ['12345', 'ää1', 'a\0', 1, null, undefined, Buffer.from('a')])
  t.match(
    refusal(() => write(text(4), '\ud800')),
    /^: must not have half/,
  )
  for (const value of ['', '1234', 'ää', '\u{1f600}']) t.equal(read(text(4), write(text(4), value)), value)
})

t.test('prose is made to fit when written, and checked when read', async (t) => {
  t.equal(write(prose(4), 'ääää'), 'ää')
  t.equal(write(prose(5), 'ääää'), 'ää', 'no half characters')
  t.equal(write(prose(8), 'a\ud800'), 'a\ufffd')
  t.equal(write(prose(8), 'short'), 'short')
  t.equal(
    refusal(() => read(prose(4), '12345')),
    ': must be at most 4 bytes',
  )
  t.equal(
    refusal(() => read(prose(4), 1)),
    ': must be text',
  )
})

t.test('bytes of an exact length may be empty, and are nothing else', async (t) => {
  bothRefuse(t, bytes(32) as Field<never>, [Buffer.alloc(31), Buffer.alloc(33), 'x', null, new Uint8Array(32)])
  for (const length of [0, 32]) t.equal((read(bytes(32), Buffer.alloc(length)) as Buffer).length, length)
  t.equal(read(bytes(), Buffer.alloc(7)).length, 7)
})

t.test('flags and choices take their values only', async (t) => {
  bothRefuse(t, flag as Field<never>, [0, 1, 'true', null, undefined])
  const colour = choice('red', 'green')
  t.equal(write(colour, 'green'), 1)
  t.equal(read(colour, 1), 'green')
  for (const wire of [2, -1, 0.5, '0', null, undefined, 'length'])
    t.match(
      refusal(() => read(colour, wire)),
      /must be below 2/,
    )
  t.match(
    refusal(() => write(colour, 'blue' as never)),
    /must be one of red, green/,
  )
})

const inner = record({ id: uint(), tags: list(text(4), 2), note: optional(text(4)) })
const outer = message({ name: text(8), items: list(inner, 2), last: optional(flag) })

t.test('a problem is reported with the path of its field', async (t) => {
  const good = [1, ['a'], null]
  t.equal(
    refusal(() => read(outer, ['n', [good, [1, ['a', 5]]]])),
    '.items[1].tags[1]: must be text',
  )
  t.equal(
    refusal(() => read(outer, ['n', [good, good, good]])),
    '.items: must have at most 2 elements',
  )
  t.equal(
    refusal(() => read(outer, ['n', {}])),
    '.items: must be a list',
  )
  t.equal(
    refusal(() => read(outer, ['n', [1]])),
    '.items[0]: must be a list of fields',
  )
  t.equal(
    refusal(() => read(outer, {})),
    ': must be a list of fields',
  )
  t.equal(
    refusal(() => write(outer, { name: 'n', items: [{ id: -1, tags: [] }] })),
    '.items[0].id: must be a whole number from 0',
  )
  const broken = (): never => {
    throw new RangeError('not ours')
  }
  t.throws(() => read(list({ ...text(4), read: broken }, 2), ['a']), RangeError)
})

t.test('more fields than known are skipped, fewer are accepted when the missing ones are optional', async (t) => {
  const expected = { name: 'n', items: [{ id: 1, tags: ['a'] }] }
  t.strictSame(read(outer, ['n', [[1, ['a'], null, 'later', {}]], null, 'later']), expected)
  t.strictSame(read(outer, ['n', [[1, ['a']]]]), expected)
  t.strictSame(read(outer, write(outer, expected)), expected)
  t.strictSame(write(outer, expected), ['n', [[1, ['a'], null]], null])
  t.equal(
    refusal(() => read(outer, ['n'])),
    '.items: must be there',
  )
  t.equal(
    refusal(() => read(outer, [])),
    '.name: must be there',
  )
})

t.test('the highest common version is spoken', async (t) => {
  t.equal(agree(PROTOCOL, PROTOCOL), 1)
  t.equal(agree({ min: 1, max: 3 }, { min: 2, max: 5 }), 3)
  t.equal(agree({ min: 2, max: 5 }, { min: 1, max: 3 }), 3)
  t.equal(agree({ min: 1, max: 1 }, { min: 2, max: 2 }), undefined)
  t.equal(agree({ min: 2, max: 2 }, { min: 1, max: 1 }), undefined)
  t.equal(agree({ min: 1, max: 3 }, { min: 3, max: 2 }), undefined)
})
