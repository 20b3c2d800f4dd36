/** What every Random keeps; then what a seed promises. */
import t, { type Test } from 'tap'
import { fraction, hexId, type Random } from '../../src/base/ports.js'
import { realRandom, SeededRandom } from '../../src/base/random.js'

const contract = (t: Test, make: () => Random): void => {
  t.test('u32 is a whole number of 32 bits, evenly spread', async (t) => {
    const random = make()
    const buckets = new Array<number>(16).fill(0)
    for (let i = 0; i < 16_000; i++) {
      const value = random.u32()
      if (!Number.isInteger(value) || value < 0 || value > 0xffff_ffff) t.fail(`u32 gave ${value}`)
      const bucket = value >>> 28
      buckets[bucket] = (buckets[bucket] ?? 0) + 1
    }
    // 1,000 expected, standard deviation 31: eight of them
    t.ok(
      buckets.every((count) => count > 750 && count < 1_250),
      buckets.join(' '),
    )
  })

  t.test('bytes gives as many as asked, different each time', async (t) => {
    const random = make()
    for (const length of [0, 1, 16, 5_000]) t.equal(random.bytes(length).length, length)
    const seen = new Set(Array.from({ length: 1_000 }, () => hexId(random, 16)))
    t.equal(seen.size, 1_000)
    t.equal(new Set(random.bytes(20_000)).size, 256)
  })

  t.test('fraction stays in 0 to 1', async (t) => {
    const random = make()
    const drawn = Array.from({ length: 1_000 }, () => fraction(random))
    t.ok(drawn.every((value) => value >= 0 && value < 1))
  })
}

t.test('real', async (t) => contract(t, realRandom))
t.test('seeded', async (t) => contract(t, () => new SeededRandom('contract')))

const draws = (random: Random, count = 20): number[] => Array.from({ length: count }, () => random.u32())

t.test('a seed, as number or text, gives the same draws again', async (t) => {
  t.same(draws(new SeededRandom(7)), draws(new SeededRandom('7')))
  t.notSame(draws(new SeededRandom(7)), draws(new SeededRandom(8)))
  t.same(draws(new SeededRandom('pinned'), 4), [471018448, 3758827343, 13831366, 2494725549], 'old seeds must replay')
})

t.test('a child depends on seed and label alone', async (t) => {
  const fresh = new SeededRandom(1)
  const used = new SeededRandom(1)
  draws(used)
  t.same(draws(fresh.child('network')), draws(used.child('network')))
  t.notSame(draws(fresh.child('network')), draws(fresh.child('faults')))
  t.notSame(draws(fresh.child('a/b')), draws(fresh.child('a').child('b')))
  t.same(draws(new SeededRandom(fresh.child('x').seed)), draws(fresh.child('x')), 'its seed alone replays it')
})

t.test('helpers', async (t) => {
  const random = new SeededRandom('helpers')
  const drawn = Array.from({ length: 600 }, () => random.between(-2, 3))
  t.same(
    [...new Set(drawn)].sort((a, b) => a - b),
    [-2, -1, 0, 1, 2, 3],
  )
  t.equal(random.between(5, 5), 5)
  t.throws(() => random.between(2, 1), { code: 'ERR_INVARIANT' })
  const hits = Array.from({ length: 4_000 }, () => random.chance(0.25)).filter(Boolean).length
  t.ok(hits > 850 && hits < 1_150, `${hits} of 4,000`)
  t.notOk(random.chance(0))
  t.ok(random.chance(1))
  t.equal(new Set(Array.from({ length: 200 }, () => random.pick(['a', 'b', 'c']))).size, 3)
  t.throws(() => random.pick([]), { code: 'ERR_INVARIANT' })
  const list = [1, 2, 3, 4, 5, 6, 7, 8]
  const mixed = random.shuffle(list)
  t.same(list, [1, 2, 3, 4, 5, 6, 7, 8])
  t.notSame(mixed, list)
  t.same([...mixed].sort(), list)
})
