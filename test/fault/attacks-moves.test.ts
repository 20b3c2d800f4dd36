/**
 * Attacks 37 to 44 (docs/ATTACKS.md): calls that are none, and moves with every part forged, on a running cluster over
 * real TCP, from peers that know the secret. What no attack may change stands in `unharmed`: the others are served, no
 * prototype is touched, the tables are as before, no secret is logged.
 */
import t, { type Test } from 'tap'
import type { Limits } from '../../src/base/limits.js'
import { defaultLimits } from '../../src/base/limits.js'
import { checksum } from '../../src/migration/snapshot.js'
import { createNode } from '../../src/node/node.js'
import { genServer } from '../../src/process/gen-server.js'
import { encodeValue, stateValueLimits } from '../../src/wire/codec.js'
import { bounded, HostileLab, knows } from '../fixtures/hostile-lab.js'
import { bodyOf, callBody, deliver, HUGE } from '../fixtures/hostile-lies.js'
import { account, ForgedMove, image, type Prepare, ran } from '../fixtures/hostile-moves.js'
import { gate, turns } from '../fixtures/process-lab.js'

let hold = gate()
/** A key that must not make a promise of plain data. */
const thenable = Object.fromEntries([['then', 1]])

const troubled = genServer('troubled', {
  init: () => ({ trouble: 'none' }),
  calls: {
    get: (self) => self.state.trouble,
    set: (self, trouble: string) => (self.state.trouble = trouble),
  },
  alterHandover: async (handed: { trouble: string }) => {
    if (handed.trouble === 'throws') throw new Error('restore\nthrows \u001b[31mred')
    if (handed.trouble === 'hangs') await hold.promise
    if (handed.trouble === 'loops') for (const end = performance.now() + 300; performance.now() < end; );
    return handed
  },
  attach: async (self) => {
    if (self.node !== 'b') return undefined
    if (self.state?.trouble === 'attach throws') throw new Error('no socket')
    if (self.state?.trouble === 'attach hangs') await hold.promise
    return undefined
  },
})

const open = (t: Test, limits: Partial<Limits> = {}): Promise<HostileLab> =>
  HostileLab.open(t, { kinds: [account, troubled], limits })

t.test('attack 16: a weak secret, and an open port without one, keep a node from starting', async (t) => {
  const make = (options: object) => createNode({ name: 'w', port: 0, ...options })
  for (const secret of ['changeme', '', 'x'.repeat(15), 'abababababababababab', Buffer.alloc(32)]) {
    await t.rejects(make({ secret }), { code: 'ERR_SECRET_WEAK', message: /at least 16 random bytes/ }, `${secret}`)
  }
  await t.rejects(make({ host: '0.0.0.0' }), { code: 'ERR_INSECURE', message: /needs a secret/ })
  await t.rejects(make({ host: '0.0.0.0', secret: 'long enough to be one 1' }), { code: 'ERR_INSECURE' })
  await t.rejects(make({ secret: 1_234_567_890 }), { code: 'ERR_OPTION' })
})

t.test('attack 37: a call that the kind does not have, and bodies that are none, are answered', async (t) => {
  const lab = await open(t)
  const caller = await lab.liar('a')
  const { epoch: line } = lab.at('a').whereis('on a')!
  const bodies = [
    callBody('nothing'),
    callBody('__proto__'),
    callBody('constructor'),
    callBody('hasOwnProperty'),
    bodyOf(7),
  ]
  bodies.push(Buffer.from('c1', 'hex'), Buffer.alloc(0), bodyOf(['add', 'no list']), bodyOf([{}, []]))
  const calls = bodies.map((body, i) =>
    deliver('on a', caller.origin, { line, seq: i + 1, what: 'call', remainingMs: 5_000, body }),
  )
  caller.send(...calls)
  for (const { seq } of calls) t.ok(await caller.next('REPLY', (reply) => reply.seq === seq), `call ${seq} is answered`)
  const system = [bodyOf(['kill', []]), bodyOf(['stop', [7]]), bodyOf(['stop', [null]]), bodyOf(['sendMe', [thenable]])]
  system.push(
    bodyOf(['sendMe', ['b', 'no options']]),
    bodyOf(['sendMe', [['tcp', 'x'.repeat(300), 1e9]]]),
    Buffer.of(0xc1),
  )
  for (const [i, body] of system.entries())
    caller.send(deliver('on a', caller.origin, { lane: 1, line, seq: i + 1, what: 'call', body, remainingMs: 5_000 }))
  for (let seq = 1; seq <= system.length; seq += 1)
    t.ok(await caller.next('REPLY', (reply) => reply.lane === 1 && reply.seq === seq), `system call ${seq} is answered`)
  caller.send({ type: 'REPLY_ACK', name: 'on a', origin: caller.origin, lane: 0, seqs: calls.map(({ seq }) => seq) })
  caller.send({ type: 'REPLY_ACK', name: 'on a', origin: caller.origin, lane: 1, seqs: system.map((_, i) => i + 1) })
  await caller.heard()
  if (lab.at('a').whereis('on a')?.node === 'b') await lab.ref('b', 'on a').sendMe('a')
  await lab.unharmed(['burned'])
})

t.test('attack 38, 43: what cannot run here is refused before a byte of it is taken', async (t) => {
  const lab = await open(t)
  const peer = await lab.stranger('a')
  const state = image({ balance: 1, items: [] })
  const cases: [Partial<Prepare>, string][] = [
    [{ kind: 'unknown' }, 'ERR_KIND_UNKNOWN'],
    [{ kind: '__proto__' }, 'ERR_KIND_UNKNOWN'],
    [{ version: 3 }, 'ERR_VERSION'],
    [{ version: 0 }, 'ERR_VERSION'],
    [{ version: HUGE }, 'ERR_VERSION'],
    [{ totalBytes: HUGE }, 'ERR_STATE_TOO_LARGE'],
    [{ totalBytes: 0 }, 'ERR_SNAPSHOT'],
    [{ name: 'on a' }, 'ERR_ALREADY_STARTED'],
    [{ name: 'on b' }, 'ERR_ALREADY_STARTED'],
    [{ name: 'two\nlines' }, 'ERR_NAME_INVALID'],
    [{ name: 'esc\u001b[31m' }, 'ERR_NAME_INVALID'],
    [{ name: '' }, 'ERR_NAME_INVALID'],
    [{ attempt: { epoch: HUGE, counter: 90 } }, 'ERR_REFUSED'],
    [{ attempt: { epoch: Date.now() + 1e9, counter: 91 } }, 'ERR_REFUSED'],
    [{ line: HUGE }, 'ERR_REFUSED'],
  ]
  let counter = 0
  for (const [more, code] of cases) {
    counter += 1
    const attempt = more.attempt ?? { epoch: 1_000, counter }
    const move = new ForgedMove(peer, lab, state, { ...more, attempt })
    await move.begin().refused(t, code)
    move.chunk(0, state).end(1)
    peer.send({ type: 'COMMIT', ...move.key, toIncarnation: lab.at('a').incarnation, frozenUs: 0 })
  }
  await peer.heard()
  await turns(5)
  t.same(ran, [], 'nothing was attached')
  t.equal(lab.at('a').stats().arrivals, 0)
  await lab.unharmed(['burned'])
})

t.test('attack 39: the protocol of a move out of order, or with wrong bytes: that attempt is burned', async (t) => {
  const lab = await open(t)
  const peer = await lab.stranger('a')
  const state = image({ balance: 1, items: [] })
  const half = state.length >> 1
  let counter = 0
  const next = (name: string, more: Partial<Prepare> = {}) =>
    new ForgedMove(peer, lab, state, {
      name,
      attempt: { epoch: 1_000, counter: ++counter },
      transfer: counter,
      ...more,
    })
  const commit = (move: ForgedMove) =>
    peer.send({ type: 'COMMIT', ...move.key, toIncarnation: lab.at('a').incarnation, frozenUs: 0 })

  const without = next('no prepare')
  commit(without)
  without.chunk(0, state).end(1)
  peer.send({ type: 'TAKEN', ...without.key, verdict: 'taken' }, { type: 'TAKE_OVER', ...without.key })
  await without.refused(t, 'ERR_SNAPSHOT')

  await next('gap').begin().chunk(1, state).refused(t, 'ERR_SNAPSHOT')
  await next('double')
    .begin()
    .chunk(0, state.subarray(0, half))
    .chunk(0, state.subarray(half))
    .refused(t, 'ERR_SNAPSHOT')
  await next('crc').begin().chunk(0, state).end(1, 7).refused(t, 'ERR_SNAPSHOT')
  await next('count').begin().chunk(0, state).end(2).refused(t, 'ERR_SNAPSHOT')
  await next('short').begin().chunk(0, state.subarray(0, half)).end(1).refused(t, 'ERR_SNAPSHOT')
  await next('long').begin().chunk(0, state).chunk(1, state).refused(t, 'ERR_SNAPSHOT')
  await next('empty').begin().chunk(0, Buffer.alloc(0)).refused(t, 'ERR_SNAPSHOT')
  const garbage = Buffer.alloc(state.length, 0xc1)
  await next('garbage').begin().chunk(0, garbage).end(1, checksum(garbage)).refused(t, 'ERR_SNAPSHOT')
  const parts = encodeValue([[1, 2], [], []], 'process', stateValueLimits(defaultLimits))
  await new ForgedMove(peer, lab, parts, {
    name: 'parts',
    attempt: { epoch: 1_000, counter: ++counter },
    transfer: counter,
  })
    .begin()
    .chunk(0, parts)
    .end(1)
    .refused(t, 'ERR_SNAPSHOT')

  const again = next('again')
  await again.begin().chunk(0, state).end(1, 1).refused(t, 'ERR_SNAPSHOT')
  peer.got.length = 0
  await again.begin().refused(t, 'ERR_REFUSED')
  commit(again)

  const early = next('early')
  early.begin()
  commit(early)
  peer.send({ type: 'ABORT', ...early.key })
  await peer.next('ABORTED', ({ name }) => name === 'early')
  await peer.heard()
  await turns(5)
  t.same(ran, [], 'nothing was attached')
  t.equal(lab.at('a').stats().arrivals, 0, 'nothing is left of any')
  await lab.unharmed(['burned'])
})

t.test('attack 39: a state in pieces of one byte takes no more than its bytes', async (t) => {
  const lab = await open(t)
  const peer = await lab.stranger('a')
  const bytes = Buffer.alloc(200_000, 0xc1)
  const move = new ForgedMove(peer, lab, bytes, { name: 'dust' })
  await bounded(t, '200,000 chunks of one byte', async () => {
    move.begin()
    for (let i = 0; i < bytes.length; i += 1) move.chunk(i, bytes.subarray(i, i + 1))
    await peer.heard()
    t.equal(lab.at('a').stats().arrivals, 1)
  })
  await move.end(bytes.length).refused(t, 'ERR_SNAPSHOT')
  await lab.unharmed(['burned'])
})

t.test(
  'attack 40: an epoch that cannot follow is not taken: from a member only its own, in the very epoch',
  async (t) => {
    const lab = await open(t)
    const peer = await lab.liar('a')
    const { epoch } = lab.at('a').whereis('on b')!
    let counter = 0
    for (const claimed of [epoch - 1, epoch, epoch + 1, epoch + 1_000_000, HUGE]) {
      const attempt = { epoch: claimed, counter: ++counter }
      const bytes = image({ count: 666, notes: [] })
      await new ForgedMove(peer, lab, bytes, {
        name: 'on b',
        kind: 'counter',
        version: 1,
        attempt,
        line: Math.min(claimed, epoch),
      })
        .begin()
        .refused(t, 'ERR_REFUSED')
    }
    await new ForgedMove(peer, lab, image(1), { name: 'nobody has it', attempt: { epoch: 5, counter: 99 } })
      .begin()
      .refused(t, 'ERR_REFUSED')
    t.ok(lab.violations('a').length >= 5, 'each is reported')
    await lab.unharmed()
  },
)

t.test('attack 41: moves that are begun and never go on: 64 a peer, each freed in its time', async (t) => {
  const lab = await open(t, { moveTimeoutMs: 3_000 })
  const peer = await lab.stranger('a')
  const done = new Set<string>()
  await bounded(t, '2,000 begun moves', async () => {
    for (let i = 0; i < 2_000; i += 1) {
      const name = `open ${i}`
      new ForgedMove(peer, lab, Buffer.alloc(10), { name, transfer: i, attempt: { epoch: 1_000, counter: 1 } }).begin()
    }
    await peer.heard()
    t.equal(lab.at('a').stats().arrivals, 64, 'no more than 64 copies of one peer')
    t.equal(peer.all('REFUSED').length, 2_000 - 64)
    await lab.probe()
    for (let i = 0; i < 64; i += 1) await peer.next('REFUSED', ({ name }) => name === `open ${i}`)
  })
  for (const { name } of peer.all('REFUSED')) done.add(name)
  t.equal(done.size, 2_000, 'every one has ended')
  t.equal(lab.at('a').stats().arrivals, 0)
  await lab.unharmed(['burned'])
})

t.test('attack 42, 43: a state that is valid and wrong for its kind is refused; the source runs on', async (t) => {
  const lab = await open(t)
  const peer = await lab.stranger('a')
  const forged = [
    { balance: -1, items: [] },
    { balance: '1', items: [] },
    null,
    7,
    [],
    { balance: 1, items: new Array(2_000).fill(0) },
  ]
  let counter = 0
  for (const handed of [...forged, { $code: 'process.exit()', toJSON: 1, ...thenable }]) {
    const bytes = image(handed)
    const attempt = { epoch: 1_000, counter: ++counter }
    const move = new ForgedMove(peer, lab, bytes, { attempt, transfer: counter }).begin().chunk(0, bytes).end(1)
    await move.refused(t, 'ERR_CALLBACK')
  }
  t.same(ran, [], 'nothing was attached')
  await lab.unharmed(['burned'])
})

t.test('attack 27, 54: what looks like code, or like a hook, arrives as the data that it is', async (t) => {
  const lab = await open(t)
  const peer = await lab.stranger('a')
  const trap = 'globalThis.polluted = 1'
  const item = {
    ...{ $code: trap, $function: `() => { ${trap} }`, __v: `return ${trap}`, toJSON: trap, valueOf: trap },
    ...{
      toString: trap,
      constructor: { name: 'Function', prototype: { polluted: 1 } },
      hasOwnProperty: 1,
      ...thenable,
    },
  }
  const bytes = image({ balance: 1, items: [item] })
  ran.length = 0
  await new ForgedMove(peer, lab, bytes, { name: 'code' }).whole()
  await knows(lab.at('b'), 'code')
  t.same(await lab.at('b').ref(account, 'code').call.items(), [item])
  t.notOk('polluted' in globalThis)
  await lab.at('b').ref(account, 'code').stop()
  await lab.unharmed(['burned', 'arrivals', 'roads'])
})

for (const trouble of ['throws', 'hangs', 'loops', 'attach throws', 'attach hangs']) {
  t.test(`attack 44: a restore that ${trouble}: bounded by time, the source goes on with one copy`, async (t) => {
    hold = gate()
    const lab = await open(t, { moveTimeoutMs: 400 })
    const name = `trouble ${trouble}`
    const ref = await lab.at('a').start(troubled, { name })
    await knows(lab.at('b'), name)
    await ref.call.set(trouble)
    const began = performance.now()
    if (trouble === 'loops') t.match(await ref.sendMe('b'), { moved: true }, 'a loop that ends costs only time')
    else await t.rejects(ref.sendMe('b'), { code: /^ERR_(REFUSED|MOVE_TIMEOUT)$/, executed: 'no' })
    t.ok(performance.now() - began < 3_000, `after ${Math.round(performance.now() - began)} ms`)
    t.equal(await lab.at('b').ref(troubled, name).call.get(), trouble)
    t.equal(lab.at('a').whereis(name)?.node, trouble === 'loops' ? 'b' : 'a')
    hold.open()
    await turns(5)
    t.equal(await lab.at('a').ref(troubled, name).call.get(), trouble, 'what comes too late starts no second copy')
    t.equal(lab.at('a').stats().processes! + lab.at('b').stats().processes!, 3)
    await ref.stop()
    await lab.unharmed(['burned', 'holders'])
  })
}
