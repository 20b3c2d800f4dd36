/** The engine's table as a node knows it: what counts, what is old, what has vanished. */
import { test } from 'tap'
import type { EngineEvent, EngineKey } from '../../src/registry/engine.js'
import { Mirror } from '../../src/registry/mirror.js'
import { endOf, entryOf, type OwnerRecord, written } from '../../src/registry/records.js'

const ROOT = '/p/c/'
const TTL = 1_000

const record = (node: string, more: Partial<OwnerRecord> = {}): OwnerRecord => ({
  kind: 'k',
  node,
  incarnation: 1,
  offset: 0,
  line: 0,
  token: 't',
  ...more,
})

const key = (path: string, value: string, modRevision: number, lease = 'l'): EngineKey => ({
  key: `${ROOT}${path}`,
  value,
  createRevision: modRevision,
  modRevision,
  lease,
})

const owner = (name: string, node: string, at: number, more: Partial<OwnerRecord> = {}): EngineKey =>
  key(`n/${name}`, written(record(node, more)), at)
const life = (node: string, at: number): EngineKey =>
  key(`l/${node}`, written({ incarnation: 1, ttlMs: TTL }), at, `of ${node}`)
const put = (one: EngineKey): EngineEvent => ({ type: 'put', key: one })
const gone = (path: string, modRevision: number): EngineEvent => ({
  type: 'delete',
  key: `${ROOT}${path}`,
  modRevision,
})

const said = (changes: ReturnType<Mirror['events']>): string[] =>
  changes.map(({ entry, change }) => `${change} ${entry.name} ${entry.node} ${entry.epoch} ${entry.status}`)

test('G2: of one name only a higher revision counts, whichever way it came', async (t) => {
  const mirror = new Mirror(ROOT, TTL)
  t.same(said(mirror.load(5, [owner('x', 'a', 3), key('n/bad', '{', 4)], 0)), ['changed x a 3 live'])
  t.same(said(mirror.events(7, [put(owner('x', 'b', 7, { line: 3 }))], 0)), ['changed x b 7 live'])
  t.equal(mirror.get('x')?.line, 3)
  t.same(mirror.events(6, [put(owner('x', 'a', 6)), gone('n/x', 6)], 0), [], 'late')
  t.same(said(mirror.events(9, [put(owner('x', 'a', 9, { offset: 100 }))], 0)), ['changed x a 109 live'])
  t.equal(mirror.get('bad'), undefined)
})

test('G11: an end in the same revision says why; without one the name waits, as long as its lease was', async (t) => {
  const mirror = new Mirror(ROOT, TTL)
  mirror.load(5, [owner('x', 'a', 3), owner('y', 'a', 4), owner('z', 'b', 5), life('a', 2), life('b', 2)], 0)
  const end = endOf({ ...entryOf('x', record('a'), owner('x', 'a', 3)), status: 'ended', reason: 'normal' })
  t.same(said(mirror.events(6, [gone('n/x', 6), put(key('e/x', written(end), 6))], 10)), ['changed x a 3 ended'])
  t.equal(mirror.get('x')?.reason, 'normal')
  t.same(said(mirror.events(7, [gone('l/a', 7), gone('n/y', 7)], 20)), ['recovering y a 4 live'])
  t.ok(mirror.isVanished('y'))
  t.same(mirror.due(20 + TTL - 1), [])
  t.notOk(mirror.isFree('y', 20 + TTL - 1))
  t.same(said(mirror.due(20 + TTL)), ['changed y a 4 ended'])
  t.equal(mirror.get('y')?.reason, 'nodedown')
  mirror.events(8, [gone('l/b', 8)], 30)
  mirror.events(9, [gone('n/z', 9)], 40)
  t.ok(mirror.isFree('z', 40), 'it left in order')
})

test('G1: a vanished name is free once its node has ended for sure, and not while a copy is left', async (t) => {
  const mirror = new Mirror(ROOT, TTL)
  const to = { node: 'c', incarnation: 1 }
  const marker = written({ attempt: { epoch: 3, counter: 1 }, to, state: 'open' })
  mirror.load(5, [owner('x', 'a', 3), life('a', 2), key('m/x', marker, 5)], 0)
  mirror.events(6, [gone('n/x', 6), gone('l/a', 6)], 0)
  mirror.proved('a', 1)
  t.ok(mirror.isFree('x', 0))
  t.same(mirror.due(0), [], 'whoever has the copy has the first word')
  mirror.events(7, [gone('m/x', 7)], 0)
  t.same(said(mirror.due(0)), ['changed x a 3 ended'])
})

test('G2: a hint shows the way until the engine speaks, and never against it', async (t) => {
  const mirror = new Mirror(ROOT, TTL)
  mirror.load(5, [owner('x', 'a', 3)], 0)
  const at = (node: string, epoch: number) => entryOf('x', record(node), owner('x', node, epoch))
  t.same(mirror.hint(at('b', 3), 0), [], 'not above what is known')
  t.same(said(mirror.hint(at('b', 8), 0)), ['changed x b 8 live'])
  t.same(mirror.events(8, [put(owner('x', 'b', 8))], 0), [], 'that is no news')
  t.same(said(mirror.hint(at('c', 20), 0)), ['changed x c 20 live'])
  t.same(said(mirror.dropHints(0)), ['changed x b 8 live'], 'nobody has confirmed it')
  mirror.events(12, [gone('n/x', 12)], 0)
  t.same(mirror.hint(at('b', 8), 0), [], 'it is over')
})

test('G2: an engine whose revisions go back is another one: the old one counts no more', async (t) => {
  const mirror = new Mirror(ROOT, TTL)
  mirror.load(500, [owner('x', 'a', 300), owner('y', 'a', 400), life('a', 2)], 0)
  const changes = said(mirror.load(9, [owner('x', 'a', 7, { offset: 300 })], 10))
  t.same(changes.sort(), ['changed x a 307 live', 'recovering y a 400 live'])
  t.equal(mirror.revision, 9)
  t.equal(mirror.highestEpoch('y'), 400, 'a new life begins above it')
})
