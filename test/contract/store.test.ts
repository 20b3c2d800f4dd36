/** What every Store promises, for each of them (src/store/store.ts). */
import { type Test, test as tapTest } from 'tap'
import { SeededRandom } from '../../src/base/random.js'
import type { Saved, Stamp, Store } from '../../src/store/store.js'
import { type OpenMore, storeCases } from '../fixtures/stores.js'

const at = (epoch: number, revision: number): Stamp => ({ epoch, revision })
const text = (words: string): Buffer => Buffer.from(words)
/** An epoch is a wall clock in ms, or what was raised from one. */
const LATE = 1_795_000_000_000

const brief = (saved: Saved | undefined): string =>
  saved === undefined ? 'nothing' : `${saved.epoch}.${saved.revision} ${saved.bytes.toString()}`

/** Everything that is kept of a name, newest first. */
const kept = async (store: Store, name: string): Promise<string[]> => {
  const found: string[] = []
  for (;;) {
    const saved = await store.load(name, found.length)
    if (saved === undefined) return found
    found.push(brief(saved))
  }
}

/** Names that are hard on paths, on collations, on encodings and on keys. */
const ODD_NAMES = [
  'cart:42',
  '../../etc/passwd',
  '/etc/passwd',
  '.',
  '..',
  'CON',
  'a/b\\c',
  'Straße',
  'STRASSE',
  'strasse',
  'A',
  'a',
  'ａ',
  'é',
  'e\u0301',
  ' a',
  'a ',
  'a%00b',
  "'; DROP TABLE x; --",
  '{a}:b*?[c]',
  '👩‍👩‍👧',
  '\u{10ffff}',
  '\uffff',
  'x'.repeat(255),
  '👩'.repeat(63),
]

const byBytes = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b))

for (const { name, skip, fresh } of storeCases) {
  const test = (what: string, body: (t: Test, open: OpenMore) => Promise<void>) =>
    tapTest(`${name} store: ${what}`, { skip, timeout: 60_000 }, (t) => body(t, fresh(t)))

  test('there is nothing before something was saved', async (t, open) => {
    const store = open()
    t.equal(await store.load('x', 0), undefined)
    t.same(await store.list('', 10), [])
    t.ok(store.where.length > 0)
  })

  test('what was saved is loaded, by another instance too', async (t, open) => {
    const one = open()
    const two = open()
    t.equal(await one.save('x', at(LATE, 1), text('one'), 3), 'saved')
    t.same(await one.load('x', 0), { ...at(LATE, 1), bytes: text('one') })
    t.same(await two.load('x', 0), { ...at(LATE, 1), bytes: text('one') })
    t.equal(await two.load('y', 0), undefined)
    t.equal(await two.save('x', at(LATE, 2), text('two'), 3), 'saved')
    t.equal(brief(await one.load('x', 0)), `${LATE}.2 two`)
  })

  test('G2: what is not above all that was saved is refused, in whatever order it comes', async (t, open) => {
    const seed = process.env.SEED ?? String(Math.floor(Math.random() * 1e9))
    const random = new SeededRandom(seed)
    const stores = [open(), open()]
    for (let round = 0; round < 4; round += 1) {
      const of = `r${round}`
      let highest = at(0, 0)
      const all = [at(9, 10), at(9, 9), at(9, 1), at(10, 1), at(LATE, 2), at(LATE, 10), at(LATE + 1, 1), at(7, 99)]
      for (const stamp of random.shuffle(all)) {
        const isHigher =
          stamp.epoch > highest.epoch || (stamp.epoch === highest.epoch && stamp.revision > highest.revision)
        if (isHigher) highest = stamp
        const answer = await random.pick(stores).save(of, stamp, text(`${stamp.epoch}`), 2)
        t.equal(answer, isHigher ? 'saved' : 'stale', `SEED=${seed} ${of} ${stamp.epoch}.${stamp.revision}`)
        t.equal(brief(await random.pick(stores).load(of, 0)), `${highest.epoch}.${highest.revision} ${highest.epoch}`)
      }
    }
  })

  test('the same stamp is saved again, and changes nothing', async (t, open) => {
    const store = open()
    await store.save('x', at(5, 1), text('a'), 2)
    await store.save('x', at(5, 2), text('b'), 2)
    t.equal(await store.save('x', at(5, 2), text('b'), 2), 'saved')
    t.same(await kept(store, 'x'), ['5.2 b', '5.1 a'])
    t.equal(await store.save('x', at(5, 1), text('a'), 2), 'stale', 'a higher one was saved meanwhile')
    t.same(await kept(store, 'x'), ['5.2 b', '5.1 a'])
  })

  test('the newest `keep` are kept, and counted back from the newest', async (t, open) => {
    const store = open()
    for (let revision = 1; revision <= 5; revision += 1) await store.save('x', at(5, revision), text('a'), 3)
    t.same(await kept(store, 'x'), ['5.5 a', '5.4 a', '5.3 a'])
    await store.save('x', at(6, 1), text('b'), 3)
    t.same(await kept(store, 'x'), ['6.1 b', '5.5 a', '5.4 a'])
    await store.save('x', at(6, 2), text('b'), 1)
    t.same(await kept(store, 'x'), ['6.2 b'])
    t.equal(await store.load('x', 1), undefined)
    t.equal(await store.load('x', 100), undefined)
    await store.save('y', at(1, 1), text('y'), 1)
    await store.save('x', at(6, 3), text('c'), 1)
    t.same(await kept(store, 'y'), ['1.1 y'], 'each name by itself')
  })

  test('G2: what was forgotten is gone, and a save up to there is refused ever after', async (t, open) => {
    const store = open()
    const other = open()
    for (const revision of [1, 2, 3]) await store.save('x', at(5, revision), text('a'), 5)
    await other.forget('x', at(5, 2))
    t.same(await kept(store, 'x'), ['5.3 a'], 'what is above stays')
    t.same(await store.list('', 10), ['x'])
    await store.forget('x', at(6, 1))
    t.same(await kept(other, 'x'), [])
    t.same(await other.list('', 10), [])
    for (const late of [at(5, 3), at(5, 9), at(6, 1), at(1, 1)]) {
      t.equal(await other.save('x', late, text('late'), 5), 'stale', `${late.epoch}.${late.revision}`)
    }
    await store.forget('x', at(2, 1))
    await store.forget('x', at(6, 1))
    t.equal(await store.save('x', at(6, 1), text('late'), 5), 'stale', 'the highest one counts')
    t.same(await kept(store, 'x'), [])
    t.equal(await other.save('x', at(6, 2), text('new'), 5), 'saved')
    t.same(await kept(store, 'x'), ['6.2 new'])
    t.same(await store.list('', 10), ['x'])
    await store.forget('never', at(3, 3))
    t.equal(await store.save('never', at(3, 3), text('late'), 5), 'stale', 'of a name that it never had, too')
    t.equal(await store.save('never', at(3, 4), text('new'), 5), 'saved')
  })

  test('names of all kinds are kept apart, and listed in the order of their bytes', async (t, open) => {
    const store = open()
    for (const odd of ODD_NAMES) t.equal(await store.save(odd, at(1, 1), text(`of ${odd}`), 2), 'saved')
    for (const odd of ODD_NAMES) t.equal(brief(await store.load(odd, 0)), `1.1 of ${odd}`)
    const inOrder = [...ODD_NAMES].sort(byBytes)
    t.same(await open().list('', 100), inOrder)
    const pages: string[] = []
    for (let after = ''; ; after = pages.at(-1) as string) {
      const page = await store.list(after, 4)
      t.ok(page.length <= 4)
      if (page.length === 0) break
      pages.push(...page)
    }
    t.same(pages, inOrder, 'page by page')
    t.same(await store.list('zzz', 1), [inOrder.find((one) => byBytes(one, 'zzz') > 0)], 'after one that is not there')
  })

  test('states of 0 bytes, 1 KB, 100 KB and 5 MB', async (t, open) => {
    const store = open()
    const random = new SeededRandom('sizes')
    let revision = 0
    for (const size of [0, 1_000, 100_000, 5_000_000]) {
      revision += 1
      const bytes = random.bytes(size)
      t.equal(await store.save('x', at(1, revision), bytes, 4), 'saved')
      const loaded = await open().load('x', 0)
      t.ok(loaded?.bytes.equals(bytes), `${size} bytes`)
      t.ok(Buffer.isBuffer(loaded?.bytes))
      bytes.fill(0)
      t.equal((await store.load('x', 0))?.bytes.length, size)
    }
    t.equal((await store.load('x', 3))?.bytes.length, 0)
    const before = await store.load('x', 2)
    const copy = Buffer.from(before?.bytes ?? [])
    await store.save('x', at(2, 1), random.bytes(1_000), 1)
    t.ok(before?.bytes.equals(copy), 'what was loaded stays as it was')
  })

  test('G2: fifty saves of one name at once, from two instances: the highest wins', async (t, open) => {
    const stores = [open(), open()] as const
    const random = new SeededRandom(process.env.SEED ?? 'fifty')
    await Promise.all(stores.map((store) => store.list('', 1)))
    let done = false
    const seen: Saved[] = []
    const watch = async (store: Store): Promise<void> => {
      while (!done) {
        const saved = await store.load('x', 0)
        if (saved !== undefined) seen.push(saved)
        await new Promise(setImmediate)
      }
    }
    const watched = watch(stores[1])
    const stamps = Array.from({ length: 50 }, (_, i) => at(LATE + (i % 5), i + 1))
    const highest = at(LATE + 4, 50)
    const answers = await Promise.all(
      random.shuffle(stamps).map(async (stamp, i) => {
        const answer = await (stores[i % 2] as Store).save('x', stamp, text(`${stamp.epoch}.${stamp.revision}`), 3)
        return { stamp, answer }
      }),
    )
    done = true
    await watched
    for (const store of stores) {
      const loaded = await store.load('x', 0)
      t.match(loaded, highest)
      t.equal(loaded?.bytes.toString(), `${highest.epoch}.${highest.revision}`)
    }
    t.equal(answers.find(({ stamp }) => stamp.revision === 50)?.answer, 'saved')
    const order = seen.map(({ epoch, revision }) => epoch * 100 + revision)
    t.same(
      order,
      [...order].sort((a, b) => a - b),
      'what is loaded never becomes older',
    )
    for (const stamp of stamps.filter(({ revision }) => revision !== 50)) {
      t.equal(await stores[0].save('x', stamp, text('late'), 3), 'stale')
    }
    t.equal(await stores[1].save('x', at(LATE + 5, 1), text('last'), 3), 'saved')
    t.ok((await kept(stores[0], 'x')).length <= 3)
  })

  test('G2: two instances race with the same epochs, on many names', async (t, open) => {
    const stores = [open(), open()] as const
    const names = Array.from({ length: 20 }, (_, i) => `n${i}`)
    const writes = names.flatMap((of) =>
      [1, 2, 3].flatMap((revision) =>
        stores.map(async (store, side) => {
          const stamp = at(10 + side, revision)
          await store.save(of, stamp, text(`side ${side}`), 2)
        }),
      ),
    )
    const forgets = names.slice(10).map((of, i) => (stores[i % 2] as Store).forget(of, at(11, 2)))
    await Promise.all([...writes, ...forgets])
    for (const of of names) t.equal(brief(await stores[0].load(of, 0)), '11.3 side 1')
    for (const of of names.slice(10)) {
      t.same(await kept(stores[1], of), ['11.3 side 1'], 'nothing that was forgotten is there')
    }
    t.same(await stores[0].list('', 100), [...names].sort(byBytes))
  })

  test('what was saved is there when it is opened again', async (t, open) => {
    const store = open()
    // It keeps one program's memory at least.
    await store.save('x', at(1, 1), text('a'), 2)
    await store.forget('y', at(2, 2))
    if (name !== 'memory') await store.close()
    const again = open()
    t.same(await kept(again, 'x'), ['1.1 a'])
    t.equal(await again.save('y', at(2, 2), text('late'), 2), 'stale')
  })
}
