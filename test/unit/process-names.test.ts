/** Names: which ones there are, who gets one, and when it is seen. */
import t from 'tap'
import { genServer } from '../../src/process/gen-server.js'
import { nodeOn, openNode, turns } from '../fixtures/process-lab.js'

const plain = genServer('plain', {
  init: (who?: string) => ({ who: who ?? 'nobody' }),
  calls: { who: (self) => self.state.who },
})

t.test('scenario 6: names of every sort', async (t) => {
  const node = await nodeOn(t, [plain])
  const good = [
    'a',
    'cart:42',
    'größe/ß',
    '猫',
    '👩‍👩‍👧',
    ' ',
    'x'.repeat(255),
    'é'.repeat(127),
    '__proto__',
    'a|b/c#1',
  ]
  for (const name of good) {
    const ref = await node.start(plain, { name, args: [name] })
    t.equal(await ref.call.who(), name)
    t.equal(node.whereis(name)?.name, name)
  }
  t.equal(node.list().length, good.length)
  const bad: unknown[] = ['', 'x'.repeat(256), 'é'.repeat(128), 'a\nb', 'a\0', '\u007f', '\u0085', '\ud800', 'x\udc00y']
  bad.push(undefined, null, 5, {}, Object.create(null), Symbol('name'))
  for (const name of bad) {
    const invalid = { code: 'ERR_NAME_INVALID', executed: 'no' }
    await t.rejects(node.start(plain, { name: name as string }), invalid)
    t.throws(() => node.ref(plain, name as string), invalid)
  }
  t.equal(node.list().length, good.length)
})

t.test('a start says what is wrong with it', async (t) => {
  const other = genServer('plain', { init: () => 0 })
  const node = await nodeOn(t, [plain])
  await t.rejects(node.start(other, { name: 'x' }), { code: 'ERR_KIND_UNKNOWN', fields: { node: 'a', kind: 'plain' } })
  for (const wrong of [undefined, null, 'plain', {}]) {
    await t.rejects(node.start(wrong as unknown as typeof plain, { name: 'x' }), { code: 'ERR_KIND_UNKNOWN' })
  }
  await t.rejects(node.start(plain, undefined as never), { code: 'ERR_BAD_ARGUMENT' })
  await t.rejects(node.start(plain, { name: 'x', args: 'no list' as never }), { code: 'ERR_BAD_ARGUMENT' })
  const unportable = { code: 'ERR_NOT_PORTABLE', fields: { path: 'args[0].socket' } }
  await t.rejects(node.start(plain, { name: 'x', args: [{ socket: () => {} }] as never }), unportable)
  t.strictSame(node.list(), [])
})

t.test('the arguments of a start are copies', async (t) => {
  const keeper = genServer('keeper', {
    init: (list: number[]) => ({ list }),
    calls: { list: (self) => self.state.list },
  })
  const node = await nodeOn(t, [keeper])
  const list = [1]
  const ref = await node.start(keeper, { name: 'k', args: [list] })
  list.push(2)
  t.strictSame(await ref.call.list(), [1])
})

t.test('a start that a stop of its node overtakes', async (t) => {
  const { node } = openNode(t, [plain])
  const starting = node.start(plain, { name: 'x' })
  const stopping = node.stop()
  await t.rejects(starting, { code: 'ERR_NODE_STOPPED' })
  await stopping
  t.equal(node.stats().processes, 0)
})

t.test('scenario 3: a second start of a name says where it runs', async (t) => {
  const node = await nodeOn(t, [plain])
  await node.start(plain, { name: 'x', args: ['first'] })
  const already = { code: 'ERR_ALREADY_STARTED', executed: 'no', fields: { name: 'x', node: 'a' } }
  await t.rejects(node.start(plain, { name: 'x' }), already)
  t.equal(await node.ref(plain, 'x').call.who(), 'first')
})

t.test('scenario 7: own writes are visible, 10,000 of 10,000', async (t) => {
  const { node } = openNode(t, [plain])
  let seen = 0
  for (let i = 0; i < 10_000; i += 1) {
    const name = `n${i}`
    await node.start(plain, { name })
    if (node.whereis(name)?.node === 'a') seen += 1
  }
  t.equal(seen, 10_000)
  t.equal(node.list({ kind: 'plain' }).length, 10_000)
})

t.test('scenario 8: of many racers for a name one wins, and the others learn who', async (t) => {
  const { node } = openNode(t, [plain])
  const racers = Array.from({ length: 500 }, (_, i) => node.start(plain, { name: 'prize', args: [`racer ${i}`] }))
  const outcomes = await Promise.allSettled(racers)
  const winners = outcomes.filter(({ status }) => status === 'fulfilled')
  t.equal(winners.length, 1)
  const losers = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []))
  t.ok(losers.every(({ code, fields }) => code === 'ERR_ALREADY_STARTED' && fields.node === 'a'))
  const index = outcomes.findIndex(({ status }) => status === 'fulfilled')
  t.equal(await node.ref(plain, 'prize').call.who(), `racer ${index}`)
})

t.test('a name is free again as soon as its process has ended', async (t) => {
  const { node } = openNode(t, [plain])
  for (let life = 0; life < 50; life += 1) {
    const ref = await node.start(plain, { name: 'phoenix', args: [`life ${life}`] })
    t.equal(await ref.call.who(), `life ${life}`)
    await ref.stop()
    t.equal(node.whereis('phoenix'), undefined)
  }
  await turns()
  t.equal(node.stats().processes, 0)
})
