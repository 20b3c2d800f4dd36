/** The search itself, on spaces whose answers are known; and its table of fingerprints. */
import { test } from 'tap'
import { explore, type Space } from '../fixtures/exhaustive.js'
import { Fingerprints, Hash, Words } from '../fixtures/fingerprints.js'

const ALL = { statesMax: 1_000_000 }

/** A walk on a grid: one step right or up. State [x, y], size * size states, 2 * size * (size - 1) transitions. */
const grid = (size: number): Space<readonly [number, number]> => ({
  start: [0, 0],
  *successors([x, y]) {
    if (x + 1 < size) yield ['right', [x + 1, y]]
    if (y + 1 < size) yield ['up', [x, y + 1]]
  },
  violation: () => undefined,
})

/** 1, 2, 3, ... doubled or one more, up to `max`; 13 is a trap. */
const numbers = (max: number): Space<number> => ({
  start: 1,
  successors: (n) =>
    [['double', n * 2] as const, ['one more', n + 1] as const].filter(([, next]) => n !== 13 && next <= max),
  violation: () => undefined,
  goals: { end: (n) => n === max, small: (n) => n <= 13, odd: (n) => n % 2 === 1 },
})

test('a space of a known size is searched to its end', async (t) => {
  for (const size of [1, 2, 30]) {
    const found = explore(grid(size), ALL)
    const { states, transitions, depth, complete, violation, trace } = found
    t.same(
      { states, transitions, depth, complete, violation, trace },
      {
        states: size * size,
        transitions: 2 * size * (size - 1),
        depth: 2 * (size - 1),
        complete: true,
        violation: undefined,
        trace: [],
      },
    )
  }
})

test('a violation is found on one of the shortest ways, and the way leads there', async (t) => {
  const space = numbers(1_000)
  const found = explore({ ...space, violation: (n) => (n === 100 ? `${n} must not be` : undefined) }, ALL)
  t.equal(found.violation, '100 must not be')
  t.notOk(found.complete)
  // 1 2 3 6 12 24 25 50 100
  t.equal(found.trace.length, 8)
  t.equal(
    found.trace.reduce((n, label) => (label === 'double' ? n * 2 : n + 1), 1),
    100,
  )
  t.equal(explore({ ...space, violation: () => 'at the start' }, ALL).violation, 'at the start')
})

test('states from which a goal cannot be reached are found, all of them, and the nearest is told', async (t) => {
  const found = explore(numbers(100), ALL)
  t.equal(found.states, 100)
  // From 13 nothing follows. From 100 there is nothing to do any more.
  t.same(found.stuck('end'), { count: 1, trace: ['double', 'one more', 'double', 'double', 'one more'] })
  t.same(found.stuck('end', 'small').count, 1)
  t.same(found.stuck('small').count, 87, 'numbers only grow')
  t.same(found.stuck('small', 'odd').count, 43)
  t.equal(found.met('odd'), 50)
  t.throws(() => found.stuck('ende'), /no goal ende/)
})

test('a circle is no way out', async (t) => {
  const circle: Space<number> = {
    start: 0,
    successors: (n) => (n < 5 ? [['on', n + 1]] : [['round', n === 9 ? 5 : n + 1]]),
    violation: () => undefined,
    goals: { four: (n) => n === 4, seven: (n) => n === 7 },
  }
  t.same(explore(circle, ALL).stuck('four').count, 5)
  t.same(explore(circle, ALL).stuck('seven'), { count: 0, trace: [] })
})

test('a search that is too large says so, and does not say what is stuck', async (t) => {
  const found = explore({ ...numbers(100_000), goals: { end: () => true } }, { statesMax: 1_000 })
  t.notOk(found.complete)
  t.ok(found.states > 1_000 && found.states < 1_100)
  t.throws(() => found.stuck('end'), /complete/)
})

test('worlds with one key are one state; keys may be text or numbers', async (t) => {
  // Two walkers that cannot be told apart: n (n + 1) / 2 instead of n * n.
  const key = ([x, y]: readonly [number, number]): number[] => [Math.min(x, y), Math.max(x, y)]
  t.equal(explore({ ...grid(40), key }, ALL).states, (40 * 41) / 2)
  t.equal(explore({ ...grid(40), key: (world) => key(world).join() }, ALL).states, (40 * 41) / 2)
})

test('a state that was searched far beyond the first size of the table is still known', async (t) => {
  const found = explore(grid(500), ALL)
  t.equal(found.states, 250_000)
  t.equal(found.depth, 998)
  t.ok(found.collisionBound > 0 && found.collisionBound < 1e-8)
})

test('the table of fingerprints grows, and keeps the number of each', async (t) => {
  const table = new Fingerprints(4)
  // The same low half, so that all of them want the same slot; then the same high half.
  const all = Array.from({ length: 600 }, (_, i): [number, number] => (i % 2 === 0 ? [i, 7] : [7, i * 4]))
  t.ok(all.every(([high, low]) => table.add(high, low) === -1))
  t.equal(table.size, 600)
  t.ok(all.every(([high, low], i) => table.find(high, low) === i && table.add(high, low) === i))
  t.equal(table.find(1, 1), -1)
  t.equal(table.size, 600)
})

test('fingerprints of small worlds differ, in both halves', async (t) => {
  const hash = new Hash()
  const [highs, lows] = [new Set<number>(), new Set<number>()]
  for (let a = 0; a < 32; a += 1) {
    for (let b = 0; b < 32; b += 1) {
      for (let c = 0; c < 32; c += 1) {
        hash.begin()
        for (const word of [a, b, c]) hash.put(word)
        hash.end()
        highs.add(hash.high)
        lows.add(hash.low)
      }
    }
  }
  // 32,768 of 2^32: 0.125 collisions are to be expected in each half.
  t.ok(highs.size >= 32_766, `${highs.size}`)
  t.ok(lows.size >= 32_766, `${lows.size}`)
})

test('a list of words grows over its blocks', async (t) => {
  const words = new Words()
  for (let i = 0; i < 600_000; i += 1) words.push(i * 7_000)
  words.set(300_000, 1)
  t.equal(words.length, 600_000)
  t.equal(words.at(599_999), 599_999 * 7_000 - Math.floor((599_999 * 7_000) / 2 ** 32) * 2 ** 32)
  t.equal(words.at(300_000), 1)
})
