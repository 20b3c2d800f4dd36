/** The table of children: any order of arrival gives the same, digests tell tables apart, tombstones hold. */
import fc from 'fast-check'
import { test } from 'tap'
import { createChildren, differing, digestOf, dropRemoved, inParts, putChild } from '../../src/cluster/children.js'
import type { Child } from '../../src/wire/messages.js'

const SEED = Number(process.env.SEED ?? 1_805)

const child = (name: string, revision: number, more: Partial<Child> = {}): Child => ({
  name,
  kind: 'k',
  args: Buffer.from([0x90]),
  restart: 'permanent',
  tags: [],
  metadata: Buffer.from([0xc0]),
  nodes: [],
  status: 'wanted',
  reason: '',
  revision,
  by: 'a',
  born: 'a/1/1',
  after: 0,
  ...more,
})

const anyChild: fc.Arbitrary<Child> = fc
  .record({
    name: fc.constantFrom('x', 'y', 'z'),
    revision: fc.integer({ min: 1, max: 4 }),
    by: fc.constantFrom('a', 'b'),
    born: fc.constantFrom('a/1/1', 'b/1/1'),
    status: fc.constantFrom('wanted' as const, 'parked' as const, 'removed' as const),
    tags: fc.constantFrom([], ['t']),
  })
  .map(({ name, revision, ...more }) => child(name, revision, more))

/** What a home writes at one revision it writes once. */
const oneWrite = anyChild.map((one) => ({ ...one, tags: [] }))

const tableOf = (children: readonly Child[]) => {
  const table = createChildren()
  for (const one of children) putChild(table, one, 0)
  return table
}

const rows = (children: readonly Child[]) => {
  const { rows: found, digest } = tableOf(children)
  return [[...found.values()].map((row) => row.child).sort((a, b) => (a.name < b.name ? -1 : 1)), [...digest]]
}

test('50, 57: any order of arrival, any number of times, gives the same table and the same digest', async (t) => {
  t.comment(`seed ${SEED}`)
  const shuffled = fc
    .array(anyChild, { maxLength: 12 })
    .chain((list) =>
      fc.tuple(fc.constant(list), fc.shuffledSubarray([...list, ...list], { minLength: 2 * list.length })),
    )
  fc.assert(
    fc.property(shuffled, ([list, again]) => {
      t.same(rows(again), rows(list))
    }),
    { numRuns: 1_000, seed: SEED },
  )
})

test('50: two tables that exchange what differs are the same afterwards', async (t) => {
  t.comment(`seed ${SEED}`)
  fc.assert(
    fc.property(fc.array(oneWrite, { maxLength: 8 }), fc.array(oneWrite, { maxLength: 8 }), (left, right) => {
      const a = tableOf(left)
      const b = tableOf(right)
      const told = differing(b, digestOf(a, true))
      const before = digestOf(b, true)
      for (const one of told) putChild(a, one, 0)
      for (const one of differing(a, before)) putChild(b, one, 0)
      t.same([...a.digest], [...b.digest])
      t.same(differing(a, digestOf(b, true)), [])
      const all = (table: typeof a) =>
        [...table.rows.values()].map((row) => row.child).sort((one, two) => (one.name < two.name ? -1 : 1))
      t.same(all(a), all(b))
    }),
    { numRuns: 1_000, seed: SEED },
  )
})

test('57: a removal that comes before what it removes does not raise the dead', async (t) => {
  const table = createChildren()
  t.ok(putChild(table, child('x', 2, { status: 'removed' }), 5))
  t.notOk(putChild(table, child('x', 1), 6), 'the snapshot is older')
  t.equal(table.rows.get('x')?.child.status, 'removed')
  t.ok(putChild(table, child('x', 3), 7), 'a newer wish is one')
  t.same([...table.removed], [])
})

test('a tombstone is kept for its time, and is in the whole digest only', async (t) => {
  const table = createChildren()
  const none = digestOf(table, false)
  putChild(table, child('x', 1), 0)
  t.not(digestOf(table, false).join(), none.join())
  putChild(table, child('x', 2, { status: 'removed' }), 10)
  putChild(table, child('y', 2, { status: 'removed' }), 20)
  t.same(digestOf(table, false), none)
  t.not(digestOf(table, true).join(), [...none, ...none].join())
  t.equal(dropRemoved(table, 9), 10)
  t.equal(dropRemoved(table, 10), 20)
  t.notOk(table.rows.has('x'))
  t.equal(dropRemoved(table, 20), undefined)
  t.same(digestOf(table, true), [...none, ...none])
  t.equal(table.rows.size, 0)
})

test('G15: parts are bounded by number and by bytes, and lose none', async (t) => {
  const many = Array.from({ length: 600 }, (_, i) => child(`n${i}`, 1))
  t.same(
    inParts(many, 1_000_000).map((part) => part.length),
    [256, 256, 88],
  )
  const large = Array.from({ length: 10 }, (_, i) => child(`n${i}`, 1, { args: Buffer.alloc(15_000) }))
  t.same(
    inParts(large, 65_536).map((part) => part.length),
    [4, 4, 2],
  )
  t.same(inParts([], 10), [])
})
