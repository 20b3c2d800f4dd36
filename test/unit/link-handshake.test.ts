/** Proofs, who is what to whom, which link stays, and when to dial again: the pure parts of the link layer. */
import t from 'tap'
import { defaultLimits } from '../../src/base/limits.js'
import { Gate } from '../../src/link/gate.js'
import { codeOfBye, frameOf, type Hello, helloOf, proofOf, proves, relate } from '../../src/link/handshake.js'
import { afterFailure, type Failures, noFailures } from '../../src/link/keeper.js'
import { type Rival, settle } from '../../src/link/settle.js'
import { encodeFrame } from '../../src/wire/frame.js'
import { KIND } from '../../src/wire/kinds.js'

const secret = Buffer.from('a secret of 16 bytes')
const helloFor = (node: string, cluster = 'c', more: Partial<Hello> = {}): Hello => {
  const identity = { cluster, node, incarnation: 1 }
  const self = { identity, listen: { host: 'h', port: 1 }, joining: true, kinds: [] }
  return { ...helloOf(self, true, Buffer.alloc(32, node), defaultLimits), ...more }
}

t.test(
  'attack 15, 17, 18, 20: a proof holds for one secret, one role, these two HELLOs and this session',
  async (t) => {
    const [dialer, acceptor, exporter] = [Buffer.from('hello a'), Buffer.from('hello b'), Buffer.from('tls')]
    const transcript = { dialer, acceptor, exporter }
    const mac = proofOf(secret, 'dialer', transcript)
    t.equal(mac.length, 32)
    t.ok(proves(secret, 'dialer', transcript, mac))
    t.notOk(proves(secret, 'acceptor', transcript, mac), 'not for the other role')
    t.notOk(proves(Buffer.from('a secret of 16 bytez'), 'dialer', transcript, mac))
    t.notOk(proves(secret, 'dialer', { ...transcript, exporter: Buffer.alloc(0) }, mac))
    t.notOk(proves(secret, 'dialer', { dialer: acceptor, acceptor: dialer, exporter }, mac))
    for (const key of ['dialer', 'acceptor'] as const) {
      for (let bit = 0; bit < 56; bit++) {
        const changed = Buffer.from(transcript[key])
        changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7))
        t.notOk(proves(secret, 'dialer', { ...transcript, [key]: changed }, mac))
      }
    }
    t.notOk(proves(secret, 'dialer', transcript, Buffer.alloc(0)), 'no proof where a secret is set')
    t.notOk(proves(undefined, 'dialer', transcript, mac), 'a proof where none is')
    t.ok(proves(undefined, 'dialer', transcript, Buffer.alloc(0)))
  },
)

t.test('attack 21: a proof that differs in the first byte takes as long as one that differs in the last', async (t) => {
  const transcript = { dialer: Buffer.alloc(300), acceptor: Buffer.alloc(300), exporter: Buffer.alloc(0) }
  const wrongAt = (at: number): Buffer => {
    const mac = proofOf(secret, 'dialer', transcript)
    mac[at] = (mac[at] ?? 0) ^ 1
    return mac
  }
  const [first, last] = [wrongAt(0), wrongAt(31)]
  const timed = (mac: Buffer): number => {
    const before = process.hrtime.bigint()
    proves(secret, 'dialer', transcript, mac)
    return Number(process.hrtime.bigint() - before)
  }
  const times: { readonly first: number[]; readonly last: number[] } = { first: [], last: [] }
  for (let i = 0; i < 20_000; i++) {
    times.first.push(timed(first))
    times.last.push(timed(last))
  }
  const median = (list: number[]): number => list.sort((x, y) => x - y)[list.length >> 1] ?? 0
  const ratio = median(times.first) / median(times.last)
  t.ok(ratio > 0.8 && ratio < 1.25, `the medians differ by ${ratio}`)
})

t.test('a frame is rebuilt as it stood on the wire', async (t) => {
  const frame = encodeFrame(helloFor('a'), defaultLimits)
  t.same(frameOf(KIND.HELLO, frame.subarray(5)), frame)
})

t.test('both sides say the same of what they are to each other', async (t) => {
  const about = (dialer: Hello, acceptor: Hello): string => {
    const [one, other] = [relate(dialer, acceptor, 'dialer'), relate(dialer, acceptor, 'acceptor')]
    if (!one.ok || !other.ok) return !one.ok && !other.ok && one.reason === other.reason ? one.code : 'unlike'
    return `${one.member === other.member && one.member} ${one.cluster} ${other.cluster}`
  }
  const b = helloFor('b')
  t.equal(about(helloFor('a'), b), 'true c c')
  t.equal(about(helloFor('a', 'c', { joining: false }), b), 'true c c', 'of one cluster without joining')
  t.equal(about(helloFor('a', ''), b), 'true c c', 'learns it')
  t.equal(about(helloFor('a', 'd'), b), 'ERR_WRONG_CLUSTER')
  t.equal(about(helloFor('a', 'd', { joining: false }), b), 'false c d', 'a foreign one')
  t.equal(about(helloFor('b', 'd', { joining: false }), b), 'false c d', 'which may have the same name')
  t.equal(about(helloFor('a', '', { joining: false }), b), 'ERR_PROTOCOL')
  t.equal(about(b, b), 'ERR_WRONG_PEER')
  t.equal(about(helloFor('b', 'c', { incarnation: 2 }), b), 'ERR_WRONG_PEER', 'a namesake')
  t.equal(about(helloFor('a', ''), helloFor('b', '')), 'ERR_UNREACHABLE')
  t.equal(about(helloFor('b', ''), helloFor('b', '')), 'ERR_WRONG_PEER', 'itself, before it knows its cluster')
})

t.test('the code of a BYE is one that may end a link', async (t) => {
  t.equal(codeOfBye('ERR_AUTH', false), 'ERR_AUTH')
  t.equal(codeOfBye('ERR_AUTH', true), 'left')
  for (const code of ['', 'left', 'ERR_CRASHED', 'toString', '\n']) t.equal(codeOfBye(code, false), 'ERR_PROTOCOL')
})

t.test('which link stays', async (t) => {
  const [low, high] = [
    { cluster: 'c', node: 'a' },
    { cluster: 'c', node: 'b' },
  ]
  const says = (role: 'dialer' | 'acceptor', lower: boolean, rivals: Rival[], highest?: number): string =>
    settle({
      ...{ role, begunAt: 10, rivals, highest },
      ...(lower ? { own: low, peer: { ...high, incarnation: 5 } } : { own: high, peer: { ...low, incarnation: 5 } }),
    }).type
  const ours = (upAt: number | undefined, incarnation = 5): Rival => ({ incarnation, role: 'dialer', upAt })
  const theirs = (upAt: number | undefined, incarnation = 5): Rival => ({ incarnation, role: 'acceptor', upAt })
  for (const lower of [true, false]) {
    t.equal(says('acceptor', lower, [ours(5), theirs(5), theirs(undefined)]), 'take', 'the acceptor follows')
    t.equal(says('dialer', lower, []), 'take')
    t.equal(says('dialer', lower, [ours(12)]), 'yield', 'an alias')
    t.equal(says('dialer', lower, [theirs(5)]), 'yield', 'it was there before')
    t.equal(says('dialer', lower, [ours(5, 4), theirs(5, 4)]), 'take', 'links of an older life')
    t.equal(says('dialer', lower, [], 5), 'take')
    for (const role of ['dialer', 'acceptor'] as const) t.equal(says(role, lower, [], 6), 'refuse')
  }
  t.equal(says('dialer', true, [theirs(12)]), 'take', 'the lower one goes on')
  t.equal(says('dialer', true, [theirs(undefined)]), 'take')
  t.equal(says('dialer', false, [theirs(12)]), 'yield')
  t.equal(says('dialer', false, [theirs(undefined)]), 'yield')
})

t.test('redials: refusals are watched closely for a while, all else backs off with jitter', async (t) => {
  const limits = { ...defaultLimits, redialMs: 100, redialMsMax: 5_000, refusedMs: 2_000 }
  let failures: Failures = noFailures
  const waits: number[] = []
  for (let i = 0; i < 9; i++) {
    const next = afterFailure(failures, false, 0, i % 2, limits)
    failures = next.failures
    t.equal(next.refusedForMs, undefined)
    waits.push(next.waitMs)
  }
  t.same(waits, [100, 300, 400, 1_200, 1_600, 4_800, 5_000, 7_500, 5_000])
  const refused: number[] = []
  let now = 50_000
  for (let i = 0; i < 12; i++) {
    const next = afterFailure(failures, true, now, 0, limits)
    failures = next.failures
    refused.push(next.refusedForMs ?? -1)
    now += next.waitMs
  }
  t.same(refused, [0, 500, 1_000, 1_500, 2_000, 2_500, 3_000, 3_500, 4_000, 9_000, 14_000, 19_000])
  t.equal(
    afterFailure(failures, false, now, 0, limits).failures.refusedSince,
    undefined,
    'another failure ends the row',
  )
})

t.test('attack 3: places in the handshake, per address and in all', async (t) => {
  const gate = new Gate({ ...defaultLimits, pendingSocketsPerAddressMax: 2, pendingSocketsMax: 3 })
  t.same(
    ['x', 'x', 'x', 'y', 'z'].map((host) => gate.enter(host)),
    [0, 0, 2, 0, 3],
  )
  gate.leave('x')
  t.same(
    ['z', 'x'].map((host) => gate.enter(host)),
    [0, 3],
  )
  for (const host of ['x', 'y', 'z']) gate.leave(host)
  t.equal(gate.pending, 0)
})
