/** The table of errors: every code has a text that says the cure, and a text that came from elsewhere does no harm. */
import { readFileSync } from 'node:fs'
import t from 'tap'
import {
  clip,
  ERRORS,
  type ErrorCode,
  type ErrorFields,
  fail,
  isErrorCode,
  isMobilityError,
  MobilityError,
  reasonOf,
  shown,
} from '../../src/base/errors.js'
import { errorOf, failure, outcomeFromWire, outcomeToWire, success } from '../../src/process/outcome.js'

const codes = Object.keys(ERRORS) as ErrorCode[]

const fieldsOf = (text: string): ErrorFields =>
  Object.fromEntries([...text.matchAll(/\{(\w+)\}/g)].map(([, field]) => [field, `<${field}>`]))

t.test('every code has a text, says whether it was executed, and fills its fields', (t) => {
  t.ok(codes.length > 40)
  for (const code of codes) {
    const { text, executed, retryable } = ERRORS[code]
    const fields = fieldsOf(text)
    const error = fail(code, fields)
    t.match(code, /^ERR_[A-Z]+(_[A-Z]+)*$/)
    t.match(text, /\.$|\{why\}$/, `${code} is a sentence`)
    t.equal(error.message, text.replace(/\{(\w+)\}/g, '<$1>'))
    t.equal(error.executed, executed)
    t.equal(error.retryable, retryable)
    t.strictSame(error.fields, fields)
    t.ok(['no', 'maybe', 'yes'].includes(error.executed))
  }
  t.end()
})

t.test('every code is used by src and listed in docs/ERRORS.md', (t) => {
  const page = readFileSync('docs/ERRORS.md', 'utf8')
  const missing = codes.filter((code) => !page.includes(`\`${code}\``))
  t.strictSame(missing, [])
  t.end()
})

t.test('an error: its class, its options, its cause', (t) => {
  const cause = new Error('below')
  const error = fail('ERR_REJECTED', { name: 'x', reason: 'no' }, { executed: 'maybe', data: { left: 1 }, cause })
  t.ok(error instanceof Error && error instanceof MobilityError)
  t.match(error, { name: 'MobilityError', code: 'ERR_REJECTED', executed: 'maybe', data: { left: 1 }, cause })
  t.ok(isMobilityError(error))
  t.notOk('cause' in fail('ERR_AUTH'), 'no cause is no property')
  for (const other of [undefined, null, 5, 'x', {}, new Error('x'), { code: 'ERR_AUTH' }])
    t.notOk(isMobilityError(other))
  t.ok(isErrorCode('ERR_AUTH'))
  for (const none of ['ERR_NONE', 'toString', '__proto__', 5, undefined]) t.notOk(isErrorCode(none))
  t.end()
})

t.test('attack 52: fields are clipped and escaped, and never read as a template', (t) => {
  const forged = fail('ERR_NO_PROCESS', { name: 'a\n{reason}\u001b[31m\u2028\u0000$&' })
  t.match(forged.message, 'Nobody has the name a\\u000a{reason}\\u001b[31m\\u2028\\u0000$&.')
  const long = fail('ERR_NO_PROCESS', { name: 'x'.repeat(1_000_000) })
  t.ok(long.message.length < 500)
  t.equal(fail('ERR_NO_PROCESS').message.includes('{name}'), true, 'a field that is not there is left as it is')
  t.end()
})

t.test('clip: one well-formed line of at most 300 characters', (t) => {
  t.equal(clip('plain'), 'plain')
  t.equal(clip('\r\n\t'), '\\u000d\\u000a\\u0009')
  t.equal(clip('x'.repeat(300)).length, 300)
  t.equal(clip('x'.repeat(301)), `${'x'.repeat(297)}...`)
  t.ok(clip(`${'x'.repeat(296)}👩${'x'.repeat(10)}`).isWellFormed(), 'not cut in half')
  t.ok(clip('\ud800').isWellFormed())
  t.end()
})

t.test('reasonOf and shown: anything at all, in one line', (t) => {
  const throwing = Object.defineProperty(new Error('x'), 'message', {
    get: () => {
      throw new Error('nested')
    },
  })
  const circle: Record<string, unknown> = {}
  circle.self = circle
  t.equal(reasonOf(new Error('why')), 'why')
  t.equal(reasonOf(new TypeError('')), 'TypeError')
  t.equal(reasonOf('text'), 'text')
  t.equal(reasonOf(undefined), 'undefined')
  t.equal(reasonOf(10n), '10n')
  t.equal(reasonOf(Object.create(null)), '[Object: null prototype] {}')
  t.equal(reasonOf(Object.assign(new Error(''), { message: 42 })), '42')
  t.equal(reasonOf(throwing), 'something that cannot be shown')
  for (const value of [
    circle,
    Symbol('s'),
    () => 1,
    { deep: { deeper: { deepest: 1 } } },
    'x'.repeat(1_000),
    [1, [2]],
  ]) {
    t.ok(shown(value).length <= 300)
    t.notMatch(shown(value), /\n/)
  }
  t.end()
})

t.test('an outcome crosses the wire: code, fields, executed and data', (t) => {
  const error = fail('ERR_REJECTED', { name: 'x', reason: 'no' }, { data: { left: 1 } })
  const back = outcomeFromWire(outcomeToWire(failure(error)))
  t.notOk(back.ok)
  if (!back.ok)
    t.match(errorOf(back), { code: 'ERR_REJECTED', message: error.message, executed: 'yes', data: { left: 1 } })
  t.strictSame(outcomeFromWire(outcomeToWire(success({ a: 1 }))), { ok: true, value: { a: 1 } })
  const newer = outcomeFromWire([false, 'ERR_OF_TOMORROW', { text: 'x' }, 'no', undefined])
  if (!newer.ok) t.match(errorOf(newer), { code: 'ERR_LOST', executed: 'no', message: /ERR_OF_TOMORROW/ })
  const odd = outcomeFromWire([false, 'ERR_AUTH', { peer: 'x', deep: {}, list: [] }, 'perhaps', undefined])
  t.match(odd, { ok: false, executed: 'maybe', fields: { peer: 'x' } })
  for (const wire of [undefined, [], [true], 'x', [false, 5]])
    t.throws(() => outcomeFromWire(wire), { code: 'ERR_DECODE' })
  t.end()
})
