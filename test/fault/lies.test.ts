/**
 * A member that lies: it has the secret, and says what is not its to say. S, D and H of a move, a caller and the owner
 * of a name are told apart by their exact identity, so nothing of it changes anything for them.
 */
import t, { type Test } from 'tap'
import type { Identity } from '../../src/base/ids.js'
import { resolveLimits } from '../../src/base/limits.js'
import type { MobilityNode } from '../../src/node/node.js'
import { genServer } from '../../src/process/gen-server.js'
import { decodeValue, frameValueLimits } from '../../src/wire/codec.js'
import { encodeFrame } from '../../src/wire/frame.js'
import type { Entry } from '../../src/wire/messages.js'
import { CLUSTER, HostileLab, knows, nameHeldBy } from '../fixtures/hostile-lab.js'
import {
  answerBody,
  callBody,
  deliver,
  garbage,
  HUGE,
  moveLies,
  originText,
  ownMoveLies,
  placeLies,
  receiptLies,
} from '../fixtures/hostile-lies.js'
import type { HostilePeer } from '../fixtures/hostile-peer.js'
import { gate, turns } from '../fixtures/process-lab.js'

const identityOf = ({ cluster, name, incarnation }: MobilityNode): Identity => ({ cluster, node: name, incarnation })

const entryOf = (lab: HostileLab, at: string, name: string, kind: string): Entry => {
  const { node, epoch } = lab.at(at).whereis(name)!
  const { incarnation } = lab.at(node)
  return { name, kind, node, incarnation, epoch, line: epoch, status: 'live', reason: '' }
}

/** Where a handler, a restore or an attach waits until the test says so. */
let waits = { call: gate(), restore: gate(), attach: gate() }
let attaching = gate()
let restoring = gate()
const held = genServer('held', {
  attach: async (self) => {
    if (self.node !== 'b') return undefined
    attaching.open()
    await waits.attach.promise
    return undefined
  },
  init: () => ({ taken: [] as string[] }),
  calls: {
    wait: async (self, what: string) => {
      await waits.call.promise
      self.state.taken.push(what)
      return `true ${what}`
    },
    taken: (self) => self.state.taken,
  },
  casts: { bump: (self) => void self.state.taken.push('bump') },
  alterHandover: async (handed: { taken: string[] }) => {
    restoring.open()
    await waits.restore.promise
    return handed
  },
})

const fresh = (open: { restore?: boolean; attach?: boolean; call?: boolean } = {}): void => {
  waits = { call: gate(), restore: gate(), attach: gate() }
  attaching = gate()
  restoring = gate()
  if (open.call === true) waits.call.open()
  if (open.restore === true) waits.restore.open()
  if (open.attach === true) waits.attach.open()
}

const everywhere = async (lab: HostileLab): Promise<HostilePeer[]> => {
  const liars: HostilePeer[] = []
  for (const name of lab.nodes.keys()) liars.push(await lab.liar(name))
  return liars
}

const heard = async (t: Test, liars: readonly HostilePeer[]): Promise<void> => {
  for (const liar of liars) {
    await liar.heard()
    t.notOk(liar.isClosed, 'well formed lies are dropped, the link stays')
  }
  await turns(5)
}

t.test(
  'attack 36: acknowledgements, resets, ends and answers of somebody else release and settle nothing',
  async (t) => {
    const lab = await HostileLab.open(t, { kinds: [held] })
    fresh()
    await lab.at('a').start(held, { name: 'x' })
    await knows(lab.at('b'), 'x')
    const ref = lab.at('b').ref(held, 'x')
    let settled = 0
    const calls = ['one', 'two', 'three'].map((what) => ref.call.wait(what).finally(() => (settled += 1)))
    const liars = await everywhere(lab)
    const origin = originText(identityOf(lab.at('b')))
    for (const liar of liars) liar.send(...receiptLies('x', origin, entryOf(lab, 'b', 'x', 'held')))
    await heard(t, liars)
    t.equal(settled, 0, 'the calls still wait')
    t.equal(lab.at('b').whereis('x')?.node, 'a')
    waits.call.open()
    t.same(await Promise.all(calls), ['true one', 'true two', 'true three'])
    t.same(await ref.call.taken(), ['one', 'two', 'three'], 'each was run once, in order')
    t.ok(lab.violations('b').length > 0, 'and it is reported', { seen: [...new Set(lab.violations('b'))] })
    await lab.at('a').ref(held, 'x').stop()
    await lab.unharmed()
  },
)

t.test('attack 36: an answer is acknowledged only by whom it is for', async (t) => {
  const lab = await HostileLab.open(t, { kinds: [held] })
  const [caller, liar] = [await lab.liar('a', { node: 'n' }), await lab.liar('a')]
  const { epoch: line } = lab.at('a').whereis('on a')!
  const ask = { what: 'call', line, remainingMs: 5_000, body: callBody('echo', 7) } as const
  caller.send(deliver('on a', caller.origin, ask))
  await caller.next('REPLY')
  t.equal(lab.at('a').stats().replies, 1, 'it is kept until it is acknowledged')
  liar.send({ type: 'REPLY_ACK', name: 'on a', origin: caller.origin, lane: 0, seqs: [0, 1, 2, HUGE] })
  await liar.heard()
  t.equal(lab.at('a').stats().replies, 1, 'not by somebody else')
  const before = caller.all('REPLY').length
  await caller.next('REPLY', (reply) => caller.all('REPLY').indexOf(reply) >= before)
  t.ok(lab.violations('a').length > 0, 'it is reported')
  caller.send({ type: 'REPLY_ACK', name: 'on a', origin: caller.origin, lane: 0, seqs: [1] })
  await caller.heard()
  await lab.unharmed()
})

t.test('attack 36: an answer to what was not asked, or that is garbage, changes nothing', async (t) => {
  const lab = await HostileLab.open(t)
  const liar = await lab.liar('a')
  const origin = originText(identityOf(lab.at('a')))
  const { epoch } = lab.at('a').whereis('on b')!
  for (const body of [answerBody('forged'), garbage, Buffer.alloc(0)]) {
    for (const name of ['on b', 'on a', 'nobody']) {
      for (const seq of [0, 1, 2, 3, HUGE]) liar.send({ type: 'REPLY', name, origin, lane: 0, seq, epoch, body })
    }
  }
  await heard(t, [liar])
  await lab.unharmed()
})

t.test('attack 36: a message in the name of another node is not taken, and does not move its cursor', async (t) => {
  const lab = await HostileLab.open(t)
  const liar = await lab.liar('a')
  const { epoch: line } = lab.at('a').whereis('on a')!
  const b = identityOf(lab.at('b'))
  const a = identityOf(lab.at('a'))
  const others = [
    originText(b),
    originText(a),
    originText({ ...b, incarnation: b.incarnation + 1 }),
    'z/far/1',
    `${CLUSTER}/ghost/1`,
  ]
  for (const origin of others) {
    for (const lane of [0, 1]) liar.send(deliver('on a', origin, { line, lane, seq: 1_000_000 }))
    liar.send(deliver('on a', origin, { line, lane: 1, what: 'call', body: callBody('stop', 'normal') }))
  }
  await heard(t, [liar])
  t.equal(lab.violations('a').length, 3 * others.length, 'each is reported')
  await lab.unharmed()
})

t.test('attack 47: numbers at their ends: gaps, the highest seq, 255 hops', async (t) => {
  const lab = await HostileLab.open(t, { kinds: [held] })
  fresh({ call: true, restore: true, attach: true })
  await lab.at('a').start(held, { name: 'x' })
  await knows(lab.at('b'), 'x')
  const liar = await lab.liar('a')
  const line = lab.at('a').whereis('x')!.epoch
  const say = (more: Parameters<typeof deliver>[2]) => liar.send(deliver('x', liar.origin, { line, ...more }))
  say({ open: false, seq: 5 })
  say({ open: false, seq: 3, line: HUGE })
  say({ open: false, seq: 1, line: 0 })
  say({ hops: 255, seq: 1 })
  say({ hops: 5, seq: 2, what: 'call', remainingMs: 1_000, body: callBody('taken') })
  const tooFar = await liar.next('REPLY')
  t.match(decodeValue(tooFar!.body, frameValueLimits(resolveLimits())), [false, 'ERR_HOPS'], 'relayed too often')
  t.same(await lab.at('b').ref(held, 'x').call.taken(), [], 'none of these was run')
  say({ seq: HUGE - 1 })
  await liar.heard()
  const last = await lab.liar('a', { node: 'n' })
  const frame = encodeFrame(deliver('x', last.origin, { line, seq: HUGE - 1 }), resolveLimits()).toString('hex')
  last.raw(Buffer.from(frame.replace('433ffffffffffffe', '433fffffffffffff'), 'hex'))
  await last.closed
  t.match(last.bye, { code: 'ERR_DECODE' }, 'there is no number behind the highest: that is no message')
  t.same(await lab.at('b').ref(held, 'x').call.taken(), ['bump'], 'the highest number that has a next one is')
  const down = lab.at('a').once('linkdown', ({ peer }) => peer === 'm')
  await liar.end()
  await down
  t.ok((await lab.at('b').ref(held, 'x').sendMe('b')).moved, 'and the process can still move')
  await lab.at('a').ref(held, 'x').stop()
  await lab.unharmed()
})

/** Every lie about the move of `name` from a to b, held by c, from somebody who is none of them. */
const lieAboutMove = async (t: Test, lab: HostileLab, liars: readonly HostilePeer[], name: string): Promise<void> => {
  const entry = entryOf(lab, 'c', name, 'held')
  const attempt = { epoch: entry.epoch, counter: 1 }
  for (const liar of liars) {
    for (const to of ['a', 'b', 'c']) {
      const target = identityOf(lab.at(to))
      liar.send(
        ...moveLies(name, attempt, target, entry.line),
        ...ownMoveLies(name, 'held', attempt, target, entry.line),
      )
    }
    const others = ['a', 'b', 'c'].map((node) => identityOf(lab.at(node)))
    liar.send(...placeLies(entry, others).filter((lie) => lie.type !== 'REGISTERED' || lie.entries[0]?.node !== 'm'))
    liar.send({ type: 'WHERE', name, epoch: entry.epoch }, { type: 'LOCATED_OK', name, epoch: HUGE })
  }
  await heard(t, liars)
}

for (const phase of ['restoring', 'attaching'] as const) {
  t.test(`attack 39, 40: the words of S, D and H in a move, from none of them, while D is ${phase}`, async (t) => {
    const lab = await HostileLab.open(t, { names: ['a', 'b', 'c'], kinds: [held] })
    const name = nameHeldBy('c', ['c', 'm'], 'x')
    fresh({ call: true, restore: phase === 'attaching' })
    await lab.at('a').start(held, { name })
    for (const node of lab.nodes.values()) await knows(node, name)
    const liars = await everywhere(lab)
    await lab.at('c').ref(held, name).call.wait('before')
    const moving = lab.at('c').ref(held, name).sendMe('b')
    const during = lab.at('c').ref(held, name).call.wait('during')
    await (phase === 'restoring' ? restoring.promise : attaching.promise)
    await lieAboutMove(t, lab, liars, name)
    t.equal(lab.at('a').stats().departures, 1, 'the source still waits')
    t.equal(lab.at('b').stats().arrivals, 1, 'the destination still works')
    t.equal(
      lab.of('c', 'move').filter((e) => e.name === name && e.phase === 'begin' && e.peer !== 'a').length,
      0,
      'H took no lie',
    )
    waits.restore.open()
    waits.attach.open()
    t.match(await moving, { moved: true })
    t.equal(await during, 'true during')
    t.same(await lab.at('a').ref(held, name).call.taken(), ['before', 'during'])
    await lieAboutMove(t, lab, liars, name)
    t.match(await lab.at('c').ref(held, name).sendMe('a'), { moved: true }, 'and back')
    t.match(await lab.at('c').ref(held, name).sendMe('b'), { moved: true }, 'and again: nothing is burned')
    t.same(await lab.at('a').ref(held, name).call.taken(), ['before', 'during'])
    t.ok(lab.violations('b').length > 0, 'it is reported')
    await lab.at('a').ref(held, name).stop()
    for (const liar of liars) await liar.end()
    await lab.unharmed(['holders'])
  })
}

t.test('attack 40, 46: what others run cannot be moved, ended, mourned or placed by hearsay', async (t) => {
  const lab = await HostileLab.open(t)
  const liars = await everywhere(lab)
  for (const name of ['on a', 'on b']) {
    const others = ['a', 'b'].map((node) => identityOf(lab.at(node)))
    const entry = entryOf(lab, 'a', name, 'counter')
    const m = { cluster: CLUSTER, node: 'm', incarnation: 1 }
    const hearsay = placeLies(entry, [...others, m]).filter((lie) => {
      // What it says of itself is another matter: the next test.
      const said = lie.type === 'REGISTERED' ? lie.entries : lie.type === 'REDIRECT' ? [lie.entry] : []
      return !said.some(({ node, incarnation }) => node === 'm' && incarnation === 1)
    })
    for (const liar of liars) liar.send(...hearsay)
  }
  await heard(t, liars)
  for (const at of ['a', 'b']) {
    t.match(lab.at(at).whereis('on a'), { node: 'a' })
    t.match(lab.at(at).whereis('on b'), { node: 'b' })
    t.same(lab.of(at, 'conflict'), [])
    t.ok(lab.violations(at).length > 0, 'it is reported', { seen: [...new Set(lab.violations(at))] })
  }
  await lab.unharmed()
})
