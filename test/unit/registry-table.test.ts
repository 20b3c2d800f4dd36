/** The table, its merge rule, rendezvous hashing, views: all pure. */
import fc from 'fast-check'
import { test } from 'tap'
import { digestOf, hash32, homeOf, ringOf } from '../../src/registry/rendezvous.js'
import { Strangers } from '../../src/registry/strangers.js'
import { createTable, digestOn, dropEnded, highestEpoch, highestOn, liveOn, merge } from '../../src/registry/table.js'
import { createViews, type Life, parseSaid, saidText, stepViews, type Views } from '../../src/registry/views.js'
import type { Entry } from '../../src/wire/messages.js'

const live = (name: string, node: string, epoch: number, incarnation = 1): Entry => ({
  name,
  kind: 'k',
  node,
  incarnation,
  epoch,
  line: epoch,
  status: 'live',
  reason: '',
})

const ended = (entry: Entry): Entry => ({ ...entry, status: 'ended', reason: 'normal' })

const anyEntry = fc
  .record({
    name: fc.constantFrom('x', 'y'),
    node: fc.constantFrom('a', 'b', 'c'),
    incarnation: fc.integer({ min: 1, max: 2 }),
    epoch: fc.integer({ min: 1, max: 4 }),
    isLive: fc.boolean(),
  })
  .map(({ name, node, incarnation, epoch, isLive }) => {
    const entry = live(name, node, epoch, incarnation)
    return isLive ? entry : ended(entry)
  })

const tableOf = (entries: readonly Entry[]) => {
  const table = createTable()
  for (const entry of entries) merge(table, entry, entry.node, 0)
  return table
}

const rows = (entries: readonly Entry[]) =>
  [...tableOf(entries).rows.values()].map((row) => row.entry).sort((a, b) => (a.name < b.name ? -1 : 1))

test('G2 scenario 57: any order of arrival, any number of times, gives the same table', async (t) => {
  const shuffled = fc
    .array(anyEntry, { maxLength: 12 })
    .chain((list) =>
      fc.tuple(fc.constant(list), fc.shuffledSubarray([...list, ...list], { minLength: 2 * list.length })),
    )
  fc.assert(
    fc.property(shuffled, ([list, again]) => {
      t.same(rows(again), rows(list))
    }),
    { numRuns: 500 },
  )
})

test('G2 scenario 57: a lower epoch never wins, the kept epoch never falls, indexes stay true', async () => {
  fc.assert(
    fc.property(fc.array(anyEntry, { maxLength: 20 }), (list) => {
      const table = createTable()
      for (const entry of list) {
        const known = highestEpoch(table, entry.name)
        const { kept, outcome } = merge(table, entry, 'teller', 0)
        if (kept.epoch < Math.max(known, entry.epoch)) throw new Error('the epoch fell')
        if (entry.epoch < known && outcome !== 'stale') throw new Error('a stale one won')
      }
      let indexed = 0
      for (const [owner, { names, live, hash }] of table.byOwner) {
        indexed += names.size
        const told = [...names].map((name) => table.rows.get(name)?.entry).filter((entry) => entry !== undefined)
        if (told.some(({ node, incarnation }) => `${node}/${incarnation}` !== owner)) throw new Error('wrong index')
        const afresh = told.map(({ node, incarnation }) => digestOn(tableOf(told), { node, incarnation }))[0]
        if (afresh?.live !== live || afresh?.hash !== hash >>> 0) throw new Error('wrong digest')
      }
      if (indexed !== table.rows.size || (table.byTeller.get('teller') ?? 0) !== table.rows.size)
        throw new Error('count')
    }),
    { numRuns: 500 },
  )
})

test('G2: the table of outcomes', async (t) => {
  const a1 = live('x', 'a', 1)
  const cases: [Entry[], Entry, string, Entry][] = [
    [[], a1, 'new', a1],
    [[a1], a1, 'same', a1],
    [[a1], ended(a1), 'new', ended(a1)],
    [[ended(a1)], a1, 'stale', ended(a1)],
    [[live('x', 'a', 2)], ended(a1), 'stale', live('x', 'a', 2)],
    [[ended(a1)], live('x', 'b', 2), 'new', live('x', 'b', 2)],
    [[a1], live('x', 'b', 1), 'conflict', live('x', 'b', 1)],
    [[live('x', 'b', 1)], a1, 'conflict', live('x', 'b', 1)],
    [[live('x', 'b', 1)], live('x', 'a', 1, 2), 'conflict', live('x', 'a', 1, 2)],
  ]
  for (const [before, entry, outcome, kept] of cases) {
    t.match(merge(tableOf(before), entry, 'a', 0), { outcome, kept }, `${outcome} ${kept.status} ${kept.node}`)
  }
})

test('G2: what ended is forgotten in time, its epoch is not', async (t) => {
  const table = createTable()
  merge(table, ended(live('x', 'a', 70)), 'a', 100)
  merge(table, ended(live('y', 'a', 50)), 'a', 300)
  merge(table, live('z', 'a', 10), 'a', 300)
  t.equal(highestOn(table, { node: 'a', incarnation: 1 }), 70)
  t.equal(dropEnded(table, 99), 100)
  t.equal(dropEnded(table, 100), 300)
  t.equal(table.rows.has('x'), false)
  t.equal(highestEpoch(table, 'x'), 70)
  t.equal(highestEpoch(table, 'never seen'), 70)
  t.equal(dropEnded(table, 1_000), undefined)
  t.same(
    liveOn(table, { node: 'a', incarnation: 1 }).map((entry) => entry.name),
    ['z'],
  )
})

test('MurmurHash3_x86_32 gives the published values', async (t) => {
  const vectors: [string, number, number][] = [
    ['', 0, 0],
    ['', 1, 0x514e28b7],
    ['', 0xffffffff, 0x81f16f39],
    ['test', 0, 0xba6bd213],
    ['Hello, world!', 0, 0xc0363e43],
    ['aaaa', 0x9747b28c, 0x5a97808a],
    ['aaa', 0x9747b28c, 0x283e0130],
    ['aa', 0x9747b28c, 0x5d211726],
    ['a', 0x9747b28c, 0x7fa09ea6],
    ['The quick brown fox jumps over the lazy dog', 0x9747b28c, 0x2fa826cd],
  ]
  for (const [text, seed, want] of vectors) t.equal(hash32(text, seed), want, JSON.stringify(text))
  t.match(digestOf(['a', 'b']), /^[0-9a-f]{16}$/)
  t.not(digestOf(['a', 'b']), digestOf(['ab']))
})

test('scenario 60: shares are even, and a new member takes over only its own', async (t) => {
  const names = Array.from({ length: 20_000 }, (_, i) => `cart:${i}`)
  const before = ringOf(['a', 'b', 'c', 'd'])
  const after = ringOf(['e', 'd', 'c', 'b', 'a'])
  const shares = new Map<string, number>()
  for (const name of names) {
    const home = homeOf(name, after)
    shares.set(home, (shares.get(home) ?? 0) + 1)
    const was = homeOf(name, before)
    if (home !== was && home !== 'e') t.fail(`${name} went from ${was} to ${home}`)
  }
  for (const [node, share] of shares) t.ok(Math.abs(share / 4_000 - 1) < 0.06, `${node} has ${share}`)
  t.equal(homeOf('x', ringOf([])), '')
})

const lifeOf = (node: string, incarnation = 1): Life => ({ node, incarnation })
const members = (state: Views, ...nodes: string[]): Views =>
  stepViews(state, { type: 'members', members: nodes.map((node) => lifeOf(node)) }).state
const hear = (state: Views, from: Views): Views =>
  stepViews(state, { type: 'heard', from: lifeOf(from.self), said: from }).state

test('G2: a view settles when all know that all have it, and no sooner', async (t) => {
  let a = createViews(lifeOf('a'))
  let b = createViews(lifeOf('b'))
  t.ok(a.settled, 'alone')
  a = members(a, 'a', 'b')
  t.notOk(a.settled)
  b = members(b, 'b', 'a')
  t.equal(a.hash, b.hash, 'whatever the order')
  a = hear(a, b)
  t.notOk(a.settled, 'b does not know yet that a has it')
  t.not(a.digest, '')
  b = hear(b, a)
  t.ok(b.settled)
  a = hear(a, b)
  t.ok(a.settled)
})

test('G2: the same members again are another view', async (t) => {
  let a = members(createViews(lifeOf('a')), 'a', 'b')
  let b = hear(members(createViews(lifeOf('b')), 'a', 'b'), a)
  a = hear(a, b)
  const first = { ...b, ...a }
  b = members(members(b, 'a', 'b', 'c'), 'a', 'b')
  t.equal(b.hash, a.hash)
  t.notOk(b.settled, 'what a said was about the first time')
  const late = hear(b, { ...first, self: 'a', period: a.period })
  t.notOk(late.settled)
  a = hear(a, b)
  t.not(a.digest, first.digest)
})

test('a view that waits for somebody says no digest; a newer life has said nothing', async (t) => {
  const b = members(createViews(lifeOf('b')), 'a', 'b')
  let a = hear(members(createViews(lifeOf('a')), 'a', 'b'), b)
  a = stepViews(a, { type: 'waiting', waiting: true }).state
  t.equal(a.digest, '')
  t.ok(stepViews(a, { type: 'waiting', waiting: false }).tell, 'the digest is news')
  a = stepViews(a, { type: 'members', members: [lifeOf('a'), lifeOf('b', 2)] }).state
  t.equal(a.said.size, 0)
  t.equal(stepViews(a, { type: 'heard', from: lifeOf('b', 1), said: b }).state, a, 'the old life is not heard')
})

test('the text of a view fits its field and comes back', async (t) => {
  const said = { hash: 'f'.repeat(16), period: 123_456_789_012_345, digest: '0'.repeat(16) }
  t.same(parseSaid(saidText(said)), said)
  t.ok(saidText(said).length <= 64)
  for (const bad of ['', 'x.1.', `${said.hash}.1`, `${said.hash}.-1.`, `${said.hash}.1.2`])
    t.equal(parseSaid(bad), undefined)
})

test('strangers: met, over, not named any more, or given up', async (t) => {
  const nobody = (): boolean => false
  const strangers = new Strangers(100)
  t.notOk(strangers.waiting(nobody, 0))
  strangers.named('a', [lifeOf('b'), lifeOf('c')], 0)
  t.ok(strangers.waiting((life) => life.node === 'b', 10))
  strangers.named('a', [lifeOf('c')], 50)
  t.ok(strangers.waiting(nobody, 99))
  t.notOk(strangers.waiting(nobody, 100), 'since it was named first')
  strangers.named('a', [lifeOf('d')], 200)
  strangers.named('a', [], 210)
  t.notOk(strangers.waiting(nobody, 210))
})
