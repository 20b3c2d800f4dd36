/** The session machine: each phase of each role with each event. */
import t from 'tap'
import { defaultLimits } from '../../src/base/limits.js'
import { type Hello, helloOf, proofOf, type Role } from '../../src/link/handshake.js'
import { DUPLICATE, type Phase, type SessionEvent, type SessionState, start, step } from '../../src/link/machine.js'
import { encodeFrame } from '../../src/wire/frame.js'

const secret = Buffer.from('a secret of 16 bytes')
const exporter = Buffer.from('tls')
const helloFor = (node: string, more: Partial<Hello> = {}): Hello => {
  const identity = { cluster: 'c', node, incarnation: 1 }
  const self = { identity, listen: { host: 'h', port: 1 }, joining: true, kinds: [] }
  return { ...helloOf(self, true, Buffer.alloc(32, node), defaultLimits), ...more }
}
const [a, b] = [helloFor('a'), helloFor('b')]
const frameOf = (hello: Hello): Buffer => encodeFrame(hello, defaultLimits)
const transcript = { dialer: frameOf(a), acceptor: frameOf(b), exporter }
const take = { type: 'take' } as const

const helloEvent = (hello: Hello): SessionEvent => ({ type: 'hello', hello, frame: frameOf(hello) })
/** What the other side says, when all goes well. */
const good = (role: Role) => ({
  hello: helloEvent(role === 'dialer' ? b : a),
  auth: {
    type: 'auth',
    mac: proofOf(secret, role === 'dialer' ? 'acceptor' : 'dialer', transcript),
    verdict: take,
  } satisfies SessionEvent,
  ready: { type: 'ready', verdict: take } satisfies SessionEvent,
})

const begin = (role: Role, own = role === 'dialer' ? a : b): SessionState =>
  start(role, { hello: own, frame: frameOf(own), secret, exporter }).state

const phases: readonly Phase[] = ['greeting', 'proving', 'confirming', 'up', 'closed']
const at = (role: Role, phase: Phase): SessionState => {
  const { hello, auth, ready } = good(role)
  let state = begin(role)
  if (phase === 'closed') return step(state, { type: 'lost', reason: '' }).state
  for (const event of [hello, auth, ready]) if (state.phase !== phase) state = step(state, event).state
  return state
}

/** One step in a few words: the phase after it, and what is done. */
const shown = (state: SessionState, event: SessionEvent): string => {
  const next = step(state, event)
  const effects = next.effects.map((effect) => {
    if (effect.do === 'send') {
      const { message } = effect
      return message.type === 'BYE' ? `BYE ${message.code} ${message.reason}` : message.type
    }
    if (effect.do !== 'end') return effect.do
    return `end ${effect.end.by}${effect.end.quiet ? ' quietly' : ''}`
  })
  return [next.state.phase, ...effects].join(', ')
}

const events = (role: Role): Readonly<Record<string, SessionEvent>> => ({
  ...good(role),
  'bad auth': { type: 'auth', mac: Buffer.alloc(32), verdict: take },
  'empty auth': { type: 'auth', mac: Buffer.alloc(0), verdict: take },
  'ready, yield': { type: 'ready', verdict: { type: 'yield' } },
  'ready, refused': { type: 'ready', verdict: { type: 'refuse', code: 'ERR_WRONG_PEER', reason: 'old' } },
  bye: { type: 'bye', code: 'ERR_AUTH', reason: 'refused', left: false },
  left: { type: 'bye', code: '', reason: 'rest', left: true },
  duplicate: { type: 'bye', code: 'ERR_LINK_LOST', reason: DUPLICATE, left: false },
  other: { type: 'other', kind: 16 },
  broken: { type: 'broken', code: 'ERR_DECODE', reason: 'detail' },
  timeout: { type: 'timeout' },
  lost: { type: 'lost', reason: 'ECONNRESET' },
  close: { type: 'close', code: 'ERR_NODE_STOPPED', reason: 'stop' },
})

const refused = (code: string, reason = 'refused'): string => `closed, BYE ${code} ${reason}, end us`
const wrong = refused('ERR_PROTOCOL')
const ends = {
  bye: 'closed, end peer',
  left: 'closed, end peer',
  duplicate: 'closed, end peer quietly',
  lost: 'closed, end network',
}
const unproven = {
  ...ends,
  ...{ ready: wrong, 'ready, yield': wrong, 'ready, refused': wrong, other: wrong, broken: refused('ERR_DECODE') },
  ...{ timeout: refused('ERR_HANDSHAKE_TIMEOUT'), close: refused('ERR_NODE_STOPPED') },
}
const said = (what: string, phase: Phase): string => refused('ERR_PROTOCOL', `${what} in phase ${phase}`)
const proven = (phase: Phase) => ({
  ...ends,
  ...{ hello: said('HELLO', phase), auth: said('AUTH', phase), 'bad auth': said('AUTH', phase) },
  ...{ 'empty auth': said('AUTH', phase), other: said('a message of kind 16', phase) },
  ...{ broken: refused('ERR_DECODE', 'detail'), close: refused('ERR_NODE_STOPPED', 'stop') },
})
const authless = { auth: wrong, 'bad auth': wrong, 'empty auth': wrong }
const failed = { 'bad auth': refused('ERR_AUTH'), 'empty auth': refused('ERR_AUTH') }
const judged = {
  'ready, yield': `closed, BYE ERR_LINK_LOST ${DUPLICATE}, end us quietly`,
  'ready, refused': refused('ERR_WRONG_PEER', 'old'),
  timeout: refused('ERR_HANDSHAKE_TIMEOUT', 'in phase confirming'),
}
const again = said('READY', 'up')
const up = {
  ...proven('up'),
  ...{ ready: again, 'ready, yield': again, 'ready, refused': again, timeout: 'up', duplicate: 'closed, end peer' },
}
const closed = Object.fromEntries(Object.keys(events('dialer')).map((event) => [event, 'closed']))

const table: Readonly<Record<Role, Readonly<Record<Phase, Readonly<Record<string, string>>>>>> = {
  dialer: {
    greeting: { ...unproven, ...authless, hello: 'proving, AUTH' },
    proving: { ...unproven, ...failed, hello: wrong, auth: 'confirming' },
    confirming: { ...proven('confirming'), ...judged, ready: 'up, READY, up' },
    ...{ up, closed },
  },
  acceptor: {
    greeting: { ...unproven, ...authless, hello: 'proving, hello' },
    proving: { ...unproven, ...failed, hello: wrong, auth: 'confirming, AUTH, READY' },
    confirming: { ...proven('confirming'), ...judged, ready: 'up, up' },
    ...{ up, closed },
  },
}

for (const role of ['dialer', 'acceptor'] as const) {
  t.test(`session machine, ${role}: every phase with every event`, async (t) => {
    for (const phase of phases) {
      const state = at(role, phase)
      t.equal(state.phase, phase)
      for (const [name, event] of Object.entries(events(role))) {
        t.equal(shown(state, event), table[role][phase][name], `${phase}, ${name}`)
      }
    }
  })
}

t.test('the dialer speaks first', async (t) => {
  const own = { hello: a, frame: frameOf(a), secret, exporter }
  t.same(start('dialer', own).effects, [{ do: 'hello' }])
  t.same(start('acceptor', own).effects, [])
})

t.test('a HELLO that does not fit: the dialer says so, the acceptor only to who has proved itself', async (t) => {
  const elsewhere = helloFor('b', { cluster: 'other' })
  t.equal(shown(begin('dialer'), helloEvent(elsewhere)), refused('ERR_WRONG_CLUSTER'))
  t.equal(shown(begin('dialer'), helloEvent(a)), 'closed, BYE ERR_WRONG_PEER refused, end us quietly')
  t.equal(shown(begin('acceptor'), helloEvent(b)), 'closed, hello, BYE ERR_WRONG_PEER refused, end us quietly')
  const newer = helloFor('b', { protocolMin: 200, protocolMax: 201 })
  t.equal(shown(begin('dialer'), helloEvent(newer)), refused('ERR_PROTOCOL_VERSION'))
  for (const bad of [helloFor('x/y'), helloFor('x', { cluster: 'c/d' }), helloFor('x', { nonce: Buffer.alloc(0) })]) {
    t.equal(shown(begin('acceptor'), helloEvent(bad)), 'closed, hello, BYE ERR_PROTOCOL refused, end us')
  }
  const greeted = step(begin('acceptor'), helloEvent(elsewhere)).state
  t.equal(shown(greeted, { type: 'auth', mac: Buffer.alloc(32), verdict: take }), refused('ERR_AUTH'))
  const mac = proofOf(secret, 'dialer', { dialer: frameOf(elsewhere), acceptor: frameOf(b), exporter })
  const told = refused('ERR_WRONG_CLUSTER', 'it belongs to another cluster')
  t.equal(shown(greeted, { type: 'auth', mac, verdict: take }), told)
})
