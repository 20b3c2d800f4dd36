/** Hostile bytes: refused quickly, with ERR_DECODE, and without memory. */
import fc from 'fast-check'
import t, { type Test } from 'tap'
import { isMobilityError } from '../../src/base/errors.js'
import { defaultLimits } from '../../src/base/limits.js'
import { decodeValue, encodeValue, frameValueLimits, stateValueLimits } from '../../src/wire/codec.js'
import { bytesOf, describe, portable } from '../fixtures/wire-samples.js'

const limits = frameValueLimits(defaultLimits)
const repeat = (hex: string, times: number): Buffer => Buffer.from(hex.repeat(times), 'hex')

/** ms for one decode, which must fail, and the best of three: the machine is shared. */
const timeToRefuse = (t: Test, bytes: Buffer, what: string, asState = false): number => {
  const used = asState ? stateValueLimits(defaultLimits) : limits
  let best = Infinity
  for (let i = 0; i < 3; i++) {
    const start = performance.now()
    try {
      decodeValue(bytes, used)
      t.fail(`${what} was decoded`)
    } catch (error) {
      best = Math.min(best, performance.now() - start)
      if (!isMobilityError(error) || error.code !== 'ERR_DECODE') t.fail(`${what}: ${String(error)}`)
    }
  }
  return best
}

const rss = (): number => process.memoryUsage().rss

const refuseAll = (t: Test, table: Readonly<Record<string, Buffer>>, ms: number, asState = false): void => {
  for (const [what, bytes] of Object.entries(table)) timeToRefuse(t, bytes, what, asState)
  const before = rss()
  for (const [what, bytes] of Object.entries(table)) {
    const took = timeToRefuse(t, bytes, what, asState)
    t.ok(took < ms, `${what}: refused in ${took.toFixed(3)} ms`)
  }
  t.ok(rss() - before < 8 * 1024 * 1024, 'memory stays as it is')
}

t.test('attack 22: counts that the bytes cannot hold', async (t) => {
  const table: Record<string, Buffer> = {}
  for (const type of ['dd', 'df', 'db', 'c6', 'c9']) {
    for (const count of ['ffffffff', '7fffffff', '01c9c380']) table[`${type} ${count}`] = bytesOf(type, count, '01')
  }
  for (const type of ['dc', 'de', 'da', 'c5', 'c8']) table[`${type} ffff`] = bytesOf(type, 'ffff')
  refuseAll(t, table, 1)
})

t.test('attack 23: headers inside headers, each claiming no more than the bytes left', async (t) => {
  const bomb = (header: (left: number) => Buffer, size: number): Buffer => {
    const bytes = Buffer.alloc(size, 0xc0)
    for (let at = 0, level = 0; level < 60; level++) {
      const piece = header(size - at - 10)
      piece.copy(bytes, at)
      at += piece.length
    }
    return bytes
  }
  const array = (left: number): Buffer => bytesOf('dd', left.toString(16).padStart(8, '0'))
  const map = (left: number): Buffer => bytesOf('df', (left >> 1).toString(16).padStart(8, '0'), 'a161')
  const inExt = (left: number): Buffer => bytesOf('c9', left.toString(16).padStart(8, '0'), '05', array(left - 20))
  const table = {
    '20 nested array32 of 30 M': repeat('dd01c9c380', 20),
    'arrays in 72 KB': bomb(array, 72_000),
    'maps in 72 KB': bomb(map, 72_000),
    'arrays in 1 MB': bomb(array, 1 << 20),
    'Sets in 72 KB': bomb(inExt, 72_000),
  }
  refuseAll(t, table, 1, true)
})

t.test('attack 24: nesting ends at the limit', async (t) => {
  const setHeader = (left: number): string => `c9${left.toString(16).padStart(8, '0')}0591`
  const sets = [...Array(1_000).keys()].map((i) => setHeader((999 - i) * 7 + 2)).join('')
  const table = {
    '100 k arrays': repeat('91', 100_000),
    '4 M arrays': repeat('91', 4_000_000),
    '100 k maps': repeat('81a161', 100_000),
    '1,000 Sets': Buffer.from(`${sets}c0`, 'hex'),
    '65 arrays': bytesOf(repeat('91', 65), '01'),
  }
  refuseAll(t, table, 1)
  t.doesNotThrow(() => decodeValue(bytesOf(repeat('91', 64), '01'), limits))
})

t.test('attack 25: a megabyte of empty containers is over the budget', async (t) => {
  const wide = (hex: string): Buffer => bytesOf('dd', (1 << 20).toString(16).padStart(8, '0'), repeat(hex, 1 << 20))
  const nested = bytesOf('dc', 'ffff', repeat('90', 0xfffe), 'dc', 'ffff', repeat('80', 0xffff))
  const table = {
    '90': wide('90'),
    '80': wide('80'),
    '01': wide('01'),
    'in two arrays': nested,
    'bare 80': repeat('80', 1 << 20),
  }
  refuseAll(t, table, 50)
})

t.test('attack 26: nothing sets a prototype', async (t) => {
  const proto = bytesOf('a9', Buffer.from('__proto__'))
  const polluted = bytesOf('81a8', Buffer.from('polluted'), 'c3')
  const table = {
    plain: bytesOf('81', proto, polluted),
    nested: bytesOf('9181a161', '81', proto, polluted),
    'as str8': bytesOf('81d909', Buffer.from('__proto__'), polluted),
    'as str32': bytesOf('81db00000009', Buffer.from('__proto__'), polluted),
    'as array': bytesOf('8191', proto, polluted),
    'in a Set': bytesOf('c7 17 05 91 81', proto, polluted),
    'in an Error': bytesOf('c7 1a 06 94 00 a0 c0 81', proto, polluted),
  }
  refuseAll(t, table, 1)
  for (const key of ['constructor', 'prototype']) {
    const bytes = encodeValue({ [key]: { prototype: { polluted: true } } }, 'x', limits)
    t.strictSame(Object.keys(decodeValue(bytes, limits) as object), [key], `${key} is plain own data`)
  }
  const map = decodeValue(bytesOf('c7 0c 04 92', proto, '01'), limits)
  t.equal((map as Map<string, unknown>).get('__proto__'), 1, 'a Map may have such a key')
  t.notOk('polluted' in {})
})

t.test('attack 28: duplicate keys, keys that are not strings', async (t) => {
  const table = {
    duplicate: bytesOf('82a16101a16102'),
    'duplicate toString': bytesOf('82a8', Buffer.from('toString'), '01a8', Buffer.from('toString'), '02'),
    'duplicate in a Map': bytesOf('c7070494a16101a16102'),
    'duplicate in a Set': bytesOf('d605930102', '01'),
    number: bytesOf('810101'),
    nil: bytesOf('81c001'),
    bin: bytesOf('81c4016101'),
    'map with a toString': bytesOf('8181a8', Buffer.from('toString'), '01', '01'),
    extension: bytesOf('81d4010001'),
  }
  refuseAll(t, table, 1)
})

t.test('attack 29: text that is not UTF-8, keys that are too long', async (t) => {
  const bad = [
    '80',
    'ff',
    'c080',
    'c1bf',
    'e0809f',
    'e09fbf',
    'eda080',
    'edbfbf',
    'f0808080',
    'f08fbfbf',
    'f4908080',
    'f5808080',
  ]
  const cut = ['c3', 'e282', 'f09f98', 'e28261', 'c3c3']
  const table: Record<string, Buffer> = {}
  for (const hex of [...bad, ...cut]) {
    const text = Buffer.from(hex, 'hex')
    table[hex] = bytesOf(`a${text.length}`, text)
    table[`${hex} as a key`] = bytesOf(`81a${text.length}`, text, '01')
    const long = bytesOf(repeat('61', 300), text)
    table[`${hex} in a long text`] = bytesOf('da', long.length.toString(16).padStart(4, '0'), long)
  }
  table['1 MB key'] = bytesOf('81db00100000', repeat('61', 1 << 20), '01')
  table['1,025 bytes of key'] = bytesOf('81da0401', repeat('61', 1_025), '01')
  table['1,025 bytes of key in a Map'] = bytesOf(
    'c8040604 92 da0401'.replace('0406', '0405'),
    repeat('61', 1_025),
    '01',
  )
  refuseAll(t, table, 1)
  for (const text of ['\0', '\u007f\u0080\u07ff\u0800\uffff', '\u{10000}\u{10ffff}', '\ud7ff\ue000']) {
    t.equal(decodeValue(encodeValue(text, 'x', limits), limits), text)
  }
})

t.test('attack 29: the scan and the platform agree on what UTF-8 is', async (t) => {
  const bytes = fc.array(
    fc.constantFrom(0x61, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc2, 0xdf, 0xe0, 0xe1, 0xed, 0xef, 0xf0, 0xf4),
    { maxLength: 6 },
  )
  fc.assert(
    fc.property(bytes, (list) => {
      const text = Buffer.from(list)
      const isGood = Buffer.from(text.toString()).equals(text)
      let isDecoded = true
      try {
        decodeValue(bytesOf(`a${text.length}`, text), limits)
      } catch {
        isDecoded = false
      }
      return isDecoded === isGood
    }),
    { numRuns: 5_000 },
  )
  t.pass('5,000 texts')
})

t.test('attack 30: extensions that are not on the list, or hold something else', async (t) => {
  const table: Record<string, Buffer> = { 'timestamp 96': bytesOf('c70cff', repeat('ff', 12)) }
  for (const type of [0, 11, 0x0e, 0x12, 0x65, 0x69, 0x70, 0x72, 0x73, 0x74, 0x78, 0x7f, 0x80, 0xff]) {
    table[`type ${type}`] = bytesOf('d6', type.toString(16).padStart(2, '0'), '93010203')
  }
  const wrong = {
    'undefined 1': 'd40101',
    'undefined of 2': 'd5010000',
    'empty bigint': 'c70002',
    'sign 2': 'd5020201',
    'minus nothing': 'd40201',
    'leading zero': 'd6020000ff01',
    'date of 4': 'd60300000000',
    'half a ms': 'd7033fe0000000000000',
    'date too far': 'd7037fe0000000000000',
    'infinite date': 'd7037ff0000000000000',
    'typed 11': 'd5070b00',
    'empty typed': 'c70007',
    'odd typed': 'd6070300 0000',
    'Map of 3': 'd60493010203',
    'Map of a number': 'd40401',
    'empty Map': 'c70004',
    'Set of a map': 'd40580',
    'Error of 2': 'd6069200a0c0',
    'class 7': 'd6069307a0c0',
    'message 1': 'd606930001c0',
    'code 1': 'd6069300a001',
    'too short': 'd505920102',
    'too long': 'd605910102 03',
    'lane 2': 'c70909 94a16f02cd012ca16e',
    'seq -1': 'c7070994 a16f01ffa16e',
    'seq text': 'c7080994a16f01a131a16e',
    'ref of 1': 'd50a91a0',
    'ref of numbers': 'c7030a920102',
  }
  for (const [what, hex] of Object.entries(wrong)) table[what] = bytesOf(hex)
  table['bigint over 1 KiB'] = bytesOf('c8040202 00 ff', repeat('00', 1_024))
  refuseAll(t, table, 1)
})

t.test('attack 31: whole numbers beyond 2^53 are never rounded', async (t) => {
  const table = {
    '2^53': bytesOf('cf0020000000000000'),
    '2^64-1': bytesOf('cfffffffffffffffff'),
    '-2^53': bytesOf('d3ffe0000000000000'),
    '-2^63': bytesOf('d38000000000000000'),
    inside: bytesOf('91cf0020000000000000'),
  }
  refuseAll(t, table, 1)
  t.equal(decodeValue(bytesOf('cf001fffffffffffff'), limits), Number.MAX_SAFE_INTEGER)
  t.equal(decodeValue(bytesOf('d3ffe0000000000001'), limits), Number.MIN_SAFE_INTEGER)
})

t.test('attack 34: exactly one value', async (t) => {
  refuseAll(t, { nothing: Buffer.alloc(0), two: bytesOf('0101'), 'after a map': bytesOf('80c0'), c1: bytesOf('c1') }, 1)
})

t.test('attack 32: mutated values either decode to something that can travel, or fail with ERR_DECODE', async (t) => {
  const mutation = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 })
  let decoded = 0
  fc.assert(
    fc.property(portable, fc.array(mutation, { minLength: 40, maxLength: 40 }), (value, mutations) => {
      const bytes = encodeValue(value, 'x', limits)
      for (const changes of mutations) {
        const mutant = Buffer.from(bytes)
        for (const [at, byte] of changes) mutant[at % mutant.length] = byte
        try {
          const back = decodeValue(mutant, limits)
          decoded += 1
          if (describe(decodeValue(encodeValue(back, 'x', limits), limits)) !== describe(back)) return false
        } catch (error) {
          if (!isMobilityError(error) || error.code !== 'ERR_DECODE') throw error
        }
      }
      return true
    }),
    { numRuns: 60 },
  )
  t.ok(decoded > 50, `2,400 mutants, ${decoded} of them legal`)
})
