/** What can travel, what is refused with which path, and the bytes on the wire. */
import fc from 'fast-check'
import msgpack from 'msgpack-lite'
import t from 'tap'
import { realClock } from '../../src/base/clock.js'
import { defaultLimits } from '../../src/base/limits.js'
import type { Clock } from '../../src/base/ports.js'
import type { Slicing } from '../../src/base/slices.js'
import { decodeValue, encodeValue, frameValueLimits, stateValueLimits } from '../../src/wire/codec.js'
import { bytesOf, PieceCutter } from '../../src/wire/pieces.js'
import { copyPortable, ProcessRef, ReplyTo } from '../../src/wire/portable.js'
import { decodeInSlices, encodeInSlices } from '../../src/wire/slices.js'
import { describe, portable } from '../fixtures/wire-samples.js'

const limits = frameValueLimits(defaultLimits)
const roundTrip = (value: unknown): unknown => decodeValue(encodeValue(value, 'state', limits), limits)

t.test('every kind of value comes back as it was', async (t) => {
  fc.assert(
    fc.property(portable, (value) => describe(roundTrip(value)) === describe(value)),
    { numRuns: 300 },
  )
  t.pass('for 300 random values')
})

t.test('a copy equals what a journey would have made, and its size is about right', async (t) => {
  fc.assert(
    fc.property(portable, (value) => {
      const { copy, bytes } = copyPortable(value, 'state', limits)
      const encoded = encodeValue(value, 'state', limits).length
      return describe(copy) === describe(roundTrip(value)) && bytes >= encoded / 4 - 8 && bytes <= encoded * 5 + 8
    }),
    { numRuns: 300 },
  )
  t.pass('for 300 random values')
})

t.test('what arrives shares no memory with what left, nor with the bytes', async (t) => {
  const value = { buffer: Buffer.from('abc'), typed: Uint16Array.of(1, 2), map: new Map([['k', [1]]]), shared: [1] }
  const encoded = encodeValue({ value, again: value.shared }, 'state', limits)
  const decoded = decodeValue(encoded, limits)
  const before = describe(decoded)
  encoded.fill(0)
  const { copy } = copyPortable({ value, again: value.shared }, 'state', limits)
  value.buffer.fill(0)
  value.typed.fill(0)
  value.map.get('k')?.push(2)
  value.shared.push(2)
  t.equal(describe(decoded), before)
  t.equal(describe(copy), before)
})

t.test(
  'types come back as themselves: Buffer, Uint8Array, objects without a prototype, errors without a stack',
  async (t) => {
    t.ok(Buffer.isBuffer(roundTrip(Buffer.from('x'))))
    t.notOk(Buffer.isBuffer(roundTrip(Uint8Array.of(1))))
    t.equal(Object.getPrototypeOf(roundTrip(Object.create(null))), Object.prototype)
    const error = roundTrip(Object.assign(new TypeError('boom', { cause: 'why' }), { code: 'E_X', secret: 1 }))
    t.ok(error instanceof TypeError)
    t.strictSame({ ...(error as object) }, { code: 'E_X' })
    t.equal((error as Error).stack, 'TypeError: boom')
    t.equal((error as Error).cause, 'why')
    const token = roundTrip(new ReplyTo('c/n/1', 1, 7, 'cart:1'))
    t.ok(token instanceof ReplyTo && token.seq === 7)
    t.ok(roundTrip(new ProcessRef('cart', 'cart:1')) instanceof ProcessRef)
  },
)

t.test('attack 27: keys that hooks look for are plain own data in both directions', async (t) => {
  const thenable = Object.fromEntries([['then', 'data']])
  const traps = {
    ...thenable,
    constructor: { name: 'Date' },
    _isUint64BE: true,
    _isInt64BE: true,
    _isBuffer: true,
    toString: 2,
    valueOf: 3,
    hasOwnProperty: 4,
    length: 1e9,
    prototype: { polluted: true },
    toJSON: null,
  }
  const back = roundTrip({
    traps,
    list: [traps, { constructor: { name: '__proto__' } }, { constructor: { name: 'Error' } }],
  })
  t.equal(
    describe(back),
    describe({ traps, list: [traps, { constructor: { name: '__proto__' } }, { constructor: { name: 'Error' } }] }),
  )
  t.strictSame(await Promise.resolve(roundTrip(thenable)), thenable)
  t.notOk('polluted' in {})
})

class Account {
  balance = 1
}
class Anonymous extends Map {}
const cycle: Record<string, unknown> = { a: [] }
;(cycle.a as unknown[]).push({ back: cycle })
const looped = new Map<unknown, unknown>()
looped.set('self', { looped })
const withGetter = {
  get live(): number {
    throw new Error('must not run')
  },
}
const proxy = new Proxy({}, { getPrototypeOf: () => t.fail('a trap ran') as never })
const fake = (prototype: object): unknown => Object.create(prototype)

const refused: readonly (readonly [what: string, value: unknown, path: string, why: RegExp])[] = [
  ['function', { on: { close: () => 1 } }, 'state.on.close', /function/],
  ['class', [Account], 'state[0]', /function/],
  ['symbol', [1, Symbol('s')], 'state[1]', /symbol/],
  ['symbol key', { a: { [Symbol('s')]: 1 } }, 'state.a', /symbol/],
  ['class instance', { items: [0, 1, 2, { socket: new Account() }] }, 'state.items[3].socket', /instance of Account/],
  ['subclass of Map', { m: new Anonymous() }, 'state.m', /instance of Anonymous/],
  ['accessor', { a: withGetter }, 'state.a.live', /accessor/],
  ['accessor on an error', Object.defineProperty(new Error('x'), 'cause', { get: () => 1 }), 'state.cause', /accessor/],
  ['Proxy', { p: proxy }, 'state.p', /Proxy/],
  ['cycle', cycle, 'state.a[0].back', /contains itself/],
  ['cycle through a Map', { m: looped }, 'state.m.get("self").looped', /contains itself/],
  ['hole', { list: Object.assign([1], { 2: 3 }) }, 'state.list[1]', /hole/],
  ['RegExp', { 'a b': /x/ }, 'state["a b"]', /instance of RegExp/],
  ['URL', new Map([['home', new URL('http://x')]]), 'state.get("home")', /instance of URL/],
  ['Map key', new Map([[{ f: () => 1 }, 1]]), 'state.key(0).f', /function/],
  ['value behind an object key', new Map([[{}, () => 1]]), 'state.get(key(0))', /function/],
  ['Set member', new Set([1, () => 1]), 'state.value(1)', /function/],
  ['Promise', { p: Promise.resolve() }, 'state.p', /instance of Promise/],
  ['WeakMap', new WeakMap(), 'state', /instance of WeakMap/],
  ['DataView', new DataView(new ArrayBuffer(1)), 'state', /instance of DataView/],
  ['SharedArrayBuffer', new SharedArrayBuffer(1), 'state', /instance of SharedArrayBuffer/],
  ['boxed number', Object(1), 'state', /instance of Number/],
  ['AggregateError', new AggregateError([]), 'state', /instance of AggregateError/],
  ['properties on a Map', Object.assign(new Map(), { extra: 1 }), 'state', /properties of its own/],
  ['what only pretends to be a Date', [fake(Date.prototype)], 'state[0]', /Date/],
  ['what only pretends to be an array', [fake(Array.prototype)], 'state[0]', /Array/],
  ['what only pretends to be a Buffer', [fake(Buffer.prototype)], 'state[0]', /instance of/],
  ['half a surrogate pair', { text: 'a\ud800' }, 'state.text', /surrogate/],
  ['half a surrogate pair in a key', { 'a\ud800': 1 }, 'state["a\\ud800"]', /surrogate/],
  ['huge bigint', { n: 1n << 8_192n }, 'state.n', /1024 bytes/],
  ['__proto__ as an own key', { a: JSON.parse('{"__proto__":{"polluted":1}}') }, 'state.a.__proto__', /__proto__/],
  ['bad ReplyTo', { r: new ReplyTo('c/n/1', 2, 7, 'x') }, 'state.r', /lane/],
  ['bad ProcessRef', { r: new ProcessRef('k', 'x'.repeat(256)) }, 'state.r', /name/],
  ['cause', new Error('a', { cause: new Error('b', { cause: () => 1 }) }), 'state.cause.cause', /function/],
]

for (const [what, value, path, why] of refused) {
  t.test(`${what}: refused at ${path}, in the encoder and in the copy`, async (t) => {
    const expected = { code: 'ERR_NOT_PORTABLE', fields: { path, why } }
    t.throws(() => encodeValue(value, 'state', limits), expected)
    t.throws(() => copyPortable(value, 'state', limits), expected)
    t.strictSame(roundTrip({ after: 'a refusal' }), { after: 'a refusal' }, 'no stale bytes in the next value')
  })
}

t.test('the encoder and the copy refuse exactly what the decoder would', async (t) => {
  const nest = (levels: number): unknown => (levels === 0 ? 1 : [nest(levels - 1)])
  const tight = { nestingMax: 4, elementsMax: 10, keyBytesMax: 8 }
  const loose = stateValueLimits(defaultLimits)
  const cases: readonly (readonly [value: unknown, fits: boolean])[] = [
    [nest(4), true],
    [nest(5), false],
    [[1, 2, 3, 4, 5, 6, 7, 8, 9], true],
    [[1, 2, 3, 4, 5, 6, 7, 8, 9, 10], false],
    [{ a: 1, b: 2, c: 3, d: 4 }, true],
    [{ a: 1, b: 2, c: 3, d: 4, e: 5 }, false],
    [new Map([['a', [new Set([[1]])]]]), true],
    [new Map([['a', [new Set([[[1]]])]]]), false],
    [{ ääää: 1 }, true],
    [{ ääääx: 1 }, false],
    [new Map([['123456789', 1]]), false],
    [new Map([[1, '123456789']]), true],
    [new Error('x', { cause: [1, 2, 3, 4, 5] }), true],
    [new Error('x', { cause: [1, 2, 3, 4, 5, 6] }), false],
    [[new ReplyTo('o', 0, 1, 'n'), 1, 2, 3, 4], true],
    [[new ReplyTo('o', 0, 1, 'n'), 1, 2, 3, 4, 5], false],
  ]
  for (const [value, fits] of cases) {
    const bytes = encodeValue(value, 'x', loose)
    for (const attempt of [
      () => encodeValue(value, 'x', tight),
      () => copyPortable(value, 'x', tight),
      () => decodeValue(bytes, tight),
    ]) {
      if (fits) t.doesNotThrow(attempt, describe(value))
      else t.throws(attempt, { code: /ERR_NOT_PORTABLE|ERR_DECODE/ }, describe(value))
    }
  }
})

t.test('contract: the bytes of plain data are those of msgpack-lite 0.2.2', async (t) => {
  const codec = msgpack.createCodec()
  const json = fc.jsonValue({ stringUnit: 'grapheme', maxDepth: 4 }).map((value) => JSON.parse(JSON.stringify(value)))
  fc.assert(
    fc.property(json, (value) => {
      fc.pre(!JSON.stringify(value).includes('"__proto__":'))
      return msgpack.encode(value, { codec }).equals(encodeValue(value, 'x', limits))
    }),
    { numRuns: 1_000 },
  )
  const sizes = [0, 15, 16, 31, 32, 33, 254, 255, 256, 65_535, 65_536]
  for (const size of sizes) {
    const values = ['x'.repeat(size), 'é'.repeat(size), Buffer.alloc(size), new Array(size).fill(1)]
    for (const value of values) {
      t.ok(msgpack.encode(value, { codec }).equals(encodeValue(value, 'x', limits)), `${typeof value} of ${size}`)
    }
  }
})

t.test('contract: the bytes of our extensions never change', async (t) => {
  const map = new Map<unknown, unknown>([['a', 1]])
  const error = Object.assign(new TypeError('no', { cause: 1 }), { code: 'E' })
  const golden: readonly (readonly [unknown, string])[] = [
    [undefined, 'd40100'],
    [-0, 'cb8000000000000000'],
    [NaN, 'cb7ff8000000000000'],
    [Infinity, 'cb7ff0000000000000'],
    [1.5, 'cb3ff8000000000000'],
    [2 ** 53 - 1, 'cb433fffffffffffff'],
    [0n, 'd40200'],
    [-255n, 'd50201ff'],
    [2n ** 64n, 'c70a0200010000000000000000'],
    [new Date(1), 'd7033ff0000000000000'],
    [new Date(NaN), 'd7037ff8000000000000'],
    [map, 'c9000000040492a16101'],
    [new Set([1, 2]), 'c90000000305920102'],
    [error, 'c900000008069401a26e6fa14501'],
    [new RangeError(''), 'c900000004069302a0c0'],
    [Uint16Array.of(1, 258), 'c705070401000201'],
    [Uint8Array.of(7), 'd5070107'],
    [new ArrayBuffer(2), 'd5080000'],
    [new ReplyTo('o', 1, 300, 'n'), 'c9000000090994a16f01cd012ca16e'],
    [new ProcessRef('k', 'n'), 'c9000000050a92a16ba16e'],
    [{ a: [true, null, -1] }, '81a16193c3c0ff'],
  ]
  for (const [value, hex] of golden) {
    t.equal(encodeValue(value, 'x', limits).toString('hex'), hex, describe(value))
    t.equal(describe(decodeValue(Buffer.from(hex, 'hex'), limits)), describe(value))
  }
  const foreign = { ca3fc00000: 1.5, cf0000000100000000: 2 ** 32, d3ffffffffffffffff: -1, d1ff00: -256 }
  for (const [hex, value] of Object.entries(foreign)) t.equal(decodeValue(Buffer.from(hex, 'hex'), limits), value)
})

t.test('values beyond one slab: nested extensions keep their lengths, megabytes keep their bytes', async (t) => {
  const wide = stateValueLimits(defaultLimits)
  const value = new Map([...Array(3_000).keys()].map((i) => [`key ${i}`, new Set([i, new Map([[i, 'ä'.repeat(40)]])])]))
  const big = { value, blobs: [Buffer.alloc(3_000, 1), Buffer.alloc(1 << 20, 2)], text: 'ü'.repeat(200_000) }
  t.equal(describe(decodeValue(encodeValue(big, 'x', wide), wide)), describe(big))
})

/** A clock on which each look takes a slice. */
const hasty = (): Clock & { turns: number } => {
  const clock = realClock()
  let now = 0
  return {
    turns: 0,
    wall: clock.wall,
    after: clock.after,
    soonest: clock.soonest,
    now: () => (now += 1),
    soon(callback) {
      this.turns += 1
      clock.soon(callback)
    },
  }
}

const slicing = (clock: Clock = hasty(), over: Slicing['over'] = () => undefined): Slicing => ({
  clock,
  valuesMax: 1_000_000,
  over,
})

t.test('in slices values give the same bytes, and the bytes the same values', async (t) => {
  await fc.assert(
    fc.asyncProperty(portable, fc.integer({ min: 0, max: 3 }), async (value, copies) => {
      const held = [value, ...Array.from({ length: copies }, () => [value]), new Map([[value, value]])]
      const bytes = encodeValue(held, 'state', limits)
      const pieces = await encodeInSlices(held, 'state', limits, slicing())
      const back = await decodeInSlices(Buffer.concat(pieces), limits, slicing())
      return Buffer.concat(pieces).equals(bytes) && describe(back) === describe(held)
    }),
    { numRuns: 200 },
  )
  const clock = hasty()
  const many = Array.from({ length: 2_000 }, (_, id) => ({ id, tags: new Set([id, 'x']), at: new Map([[id, [id]]]) }))
  const pieces = await encodeInSlices(many, 'state', stateValueLimits(defaultLimits), slicing(clock))
  t.ok(clock.turns > 50, `${clock.turns} slices`)
  // Several at a time, and whole ones in between.
  const all = await Promise.all(
    [1, 2, 3].map(async () => {
      const back = await decodeInSlices(Buffer.concat(pieces), stateValueLimits(defaultLimits), slicing(clock))
      t.strictSame(roundTrip({ while: 'they go on' }), { while: 'they go on' })
      return describe(back) === describe(many)
    }),
  )
  t.same(all, [true, true, true])
})

t.test('in slices the same is refused with the same path, and what changes meanwhile', async (t) => {
  for (const [what, value, path, why] of refused) {
    const expected = { code: 'ERR_NOT_PORTABLE', fields: { path, why } }
    await t.rejects(encodeInSlices(value, 'state', limits, slicing()), expected, what)
  }
  const rest = Array.from({ length: 9_000 }, (_, i) => [i])
  for (const value of [new Map<unknown, unknown>([['a', rest]]), new Set<unknown>([rest])]) {
    const encoded = encodeInSlices({ value }, 'state', limits, slicing())
    if (value instanceof Map) value.set('b', 1)
    else value.add(1)
    await t.rejects(encoded, { code: 'ERR_NOT_PORTABLE', fields: { path: /^state.value/, why: /changed/ } })
  }
  const hostile = [
    'dd00ffffff',
    '82a16101a16102',
    'c70604 94a16101a16102',
    '9301d40100',
    '81a9'.concat('5f5f70726f746f5f5f01'),
  ]
  for (const hex of hostile) {
    const bytes = Buffer.from(hex.replaceAll(' ', ''), 'hex')
    const outcome = await decodeInSlices(bytes, limits, slicing()).catch((error: unknown) => String(error))
    let same: unknown
    try {
      same = decodeValue(bytes, limits)
    } catch (error) {
      same = String(error)
    }
    t.equal(describe(outcome), describe(same), hex)
  }
})

t.test('a snapshot is not copied together: large Buffers stand in the list of pieces', async (t) => {
  const wide = stateValueLimits(defaultLimits)
  const large = Buffer.alloc(100_000, 7)
  const value = { large, few: Buffer.alloc(50, 1), map: new Map([['again', [large, 'x'.repeat(70_000)]]]) }
  const whole = encodeValue(value, 'x', wide)
  const pieces = await encodeInSlices(value, 'x', wide, slicing(realClock()))
  t.equal(pieces.filter((piece) => piece.buffer === large.buffer).length, 2)
  for (const size of [1, 7, 65_536, 1 << 30]) {
    const cutter = new PieceCutter(pieces)
    const cuts: Buffer[][] = []
    for (let left = whole.length; left > 0; left -= size) cuts.push(cutter.cut(size))
    t.ok(Buffer.concat(cuts.flat()).equals(whole), `cut to ${size}`)
    t.ok(cuts.every((cut, index) => bytesOf(cut) === Math.min(size, whole.length - index * size)))
    t.same(cutter.cut(size), [])
  }
})

t.test('a state owns its memory: a large Buffer is no part of another one, and aligned', async (t) => {
  const wide = stateValueLimits(defaultLimits)
  const bytes = encodeValue({ n: 1, a: Buffer.alloc(8_192, 7), b: Buffer.alloc(8_192, 8) }, 'x', wide)
  const back = (await decodeInSlices(bytes, wide, slicing(realClock()))) as { a: Buffer; b: Buffer }
  t.not(back.a.buffer, bytes.buffer)
  t.not(back.a.buffer, back.b.buffer)
  t.equal(new Float64Array(back.a.buffer, back.a.byteOffset, 1_024).length, 1_024)
  structuredClone(back.a.buffer, { transfer: [back.a.buffer as ArrayBuffer] })
  t.equal(back.b.length, 8_192, 'what becomes of one is nothing to the other')
})
