/** Attacks 35, 45, 46 and 50 (docs/ATTACKS.md): floods, lies about members and names. */
import t from 'tap'
import { resolveLimits } from '../../src/base/limits.js'
import { genServer } from '../../src/process/gen-server.js'
import { encodeFrame } from '../../src/wire/frame.js'
import type { Entry, Member, Message } from '../../src/wire/messages.js'
import { bounded, counter, HostileLab, knows } from '../fixtures/hostile-lab.js'
import { callBody, deliver, HUGE } from '../fixtures/hostile-lies.js'
import { gate } from '../fixtures/process-lab.js'

let door = gate()
const slow = genServer('slow', {
  mailboxMax: 200,
  init: () => ({ done: 0 }),
  calls: { done: (self) => self.state.done },
  casts: {
    bump: async (self) => {
      await door.promise
      self.state.done += 1
    },
  },
})

t.test('attack 35: a flood of casts fills one mailbox to its limit, and nothing else', async (t) => {
  const lab = await HostileLab.open(t, { kinds: [slow] })
  door = gate()
  await lab.at('a').start(slow, { name: 'slow' })
  const line = lab.at('a').whereis('slow')!.epoch
  const flood = await lab.liar('a')
  const sent = 30_000
  await bounded(t, `${sent} casts to a mailbox of 200`, async () => {
    for (let seq = 1; seq <= sent; seq += 1) flood.send(deliver('slow', flood.origin, { line, seq, open: seq === 1 }))
    await flood.heard()
    await lab.probe()
  })
  const full = lab.of('a', 'limit').filter(({ limit }) => limit === 'mailboxMax')
  t.ok(full.length > 0 && full.every(({ value }) => value <= 200), 'the limit is reported, and kept')
  const acked = flood.all('ACK').at(-1)!.next
  t.ok(acked <= 202, `the rest is not acknowledged: its sender has it still (${acked})`)
  door.open()
  t.equal(await lab.at('a').ref(slow, 'slow').call.done(), acked - 1, 'what was acknowledged was run')
  await lab.at('a').ref(slow, 'slow').stop()
  await flood.end()
  await lab.unharmed()
})

t.test('attack 35: a caller that reads nothing is cut, its answers are bounded', async (t) => {
  const lab = await HostileLab.open(t, {
    limits: { slowPeerMs: 400, mailboxMax: 500, writeQueueBytesMax: 1_024 * 1_024 },
  })
  const mute = await lab.liar('a')
  const { epoch: line } = lab.at('a').whereis('on a')!
  const down = lab.at('a').once('linkdown', ({ peer }) => peer === 'm')
  await bounded(
    t,
    '4,000 calls whose 16 KiB answers nobody reads',
    async () => {
      mute.socket.pause()
      const body = callBody('big', 16_384)
      for (let seq = 1; seq <= 4_000; seq += 1) {
        mute.send(deliver('on a', mute.origin, { line, seq, open: seq === 1, what: 'call', remainingMs: 1_000, body }))
      }
      t.match(await down, { code: 'ERR_LINK_LOST', reason: 'slow' })
      await lab.probe()
      await mute.end()
    },
    16,
  )
  await lab.unharmed(['replies'])
})

const ghosts = (from: number, count: number): Member[] =>
  Array.from({ length: count }, (_, i) => ({
    node: `ghost${from + i}`,
    incarnation: HUGE,
    address: { host: '127.0.0.1', port: 1 + ((from + i) % 100) },
  }))

t.test('attack 45: lies about members make a node dial, and nothing else', async (t) => {
  const lab = await HostileLab.open(t, { limits: { membersMax: 64 } })
  const liars = [await lab.liar('a'), await lab.liar('b')]
  const a = lab.at('a')
  await bounded(t, '5,000 members that there are not', async () => {
    for (let i = 0; i < 5_000; i += 1_000)
      for (const liar of liars) liar.send({ type: 'MEMBERS', members: ghosts(i, 1_000) })
    const moved = Array.from({ length: 1_000 }, (_, i) => ({
      ...ghosts(0, 1)[0]!,
      address: { host: `10.9.${i % 250}.1`, port: 9 },
    }))
    for (const liar of liars) liar.send({ type: 'MEMBERS', members: moved })
    const life = { incarnation: HUGE, address: { host: '127.0.0.1', port: 1 } }
    for (const liar of liars)
      liar.send({ type: 'MEMBERS', members: ['a', 'b', 'm'].map((node) => ({ node, ...life })) })
    for (const liar of liars) await liar.heard()
  })
  t.same(
    [a.nodes(), lab.at('b').nodes()],
    [
      ['b', 'm'],
      ['a', 'm'],
    ],
    'nobody came and nobody went',
  )
  t.same([...lab.of('a', 'nodedown'), ...lab.of('b', 'nodedown')], [])
  t.ok(a.stats().known! <= 64 && a.stats().kept! <= 130, 'no more than the limit', { stats: a.stats() })
  const up = a.once('nodeup', ({ node }) => node === 'n')
  const newcomer = await lab.liar('a', { node: 'n' })
  await up
  t.notOk(newcomer.isClosed, 'a member that is there finds room')
  for (const liar of [...liars, newcomer]) await liar.end()
  await lab.unharmed()
})

t.test('attack 45: a list of names that never ends is kept up to the limit of the table', async (t) => {
  const lab = await HostileLab.open(t, { limits: { registryEntriesMax: 1_000 } })
  const liar = await lab.liar('a')
  const fill = 'n'.repeat(240)
  const base = { kind: 'counter', node: 'm', incarnation: 1, epoch: 5, line: 5, status: 'live', reason: '' } as const
  await bounded(t, '200,000 names of 250 bytes, and no end of the list', async () => {
    for (let part = 0; part < 400; part += 1) {
      const entries = Array.from({ length: 500 }, (_, i) => ({ ...base, name: `${fill}${part}.${i}` }))
      liar.send({ type: 'SYNC', entries, last: false })
      if (part % 20 === 0) await liar.heard()
    }
    await liar.heard()
  })
  t.equal(lab.at('a').list({ node: 'm' }).length, 1_000)
  t.match(lab.of('a', 'limit'), [{ limit: 'registryEntriesMax', name: 'm', value: 1_000 }], 'it is said once')
  await liar.end()
  lab.at('a').declareDead('m')
  await lab.unharmed(['recovering', 'doubts', 'inquests'])
})

t.test('attack 45: a life from the far future is not let in, and does not keep the true one out', async (t) => {
  const lab = await HostileLab.open(t)
  for (const incarnation of [HUGE, Date.now() + 2 * 24 * 60 * 60 * 1_000]) {
    const liar = await lab.liar('a', { node: 'n', incarnation })
    await liar.closed
    t.match(liar.bye, { code: 'ERR_WRONG_PEER', reason: /far ahead/ })
  }
  const honest = await lab.liar('a', { node: 'n', incarnation: Date.now() })
  t.notOk(honest.isClosed)
  await honest.end()
  await lab.unharmed()
})

t.test('attack 45, 50: names of a megabyte, bad names and wrong numbers are no messages', async (t) => {
  const lab = await HostileLab.open(t)
  const long = 'n'.repeat(1_000_000)
  const frames: Message[] = [
    { type: 'MEMBERS', members: [{ node: 'N'.repeat(64), incarnation: 1, address: { host: 'h', port: 1 } }] },
    { type: 'RECOVER_ASK', id: 1, node: 'N'.repeat(64), incarnation: 1, names: [] },
    { type: 'WHERE', name: 'N'.repeat(255), epoch: 1 },
  ]
  await bounded(t, 'names of a megabyte', async () => {
    for (const frame of frames) {
      const liar = await lab.liar('a')
      const bytes = encodeFrame(frame, resolveLimits()).toString('latin1')
      const at = bytes.search(/N{64}/)
      const end = bytes.lastIndexOf('N') + 1
      // str32 instead of str8 or str16 before the text.
      const head = bytes.slice(5, at - 2)
      const body = Buffer.concat([
        Buffer.from(head, 'latin1'),
        Buffer.from('db000f4240', 'hex'),
        Buffer.from(long + bytes.slice(end), 'latin1'),
      ])
      const header = Buffer.alloc(5)
      header.writeUInt32BE(body.length + 1)
      header[4] = bytes.charCodeAt(4)
      liar.raw(Buffer.concat([header, body]))
      await liar.closed
      t.match(liar.bye, { code: 'ERR_DECODE' }, frame.type)
    }
  })
  const liar = await lab.liar('a')
  const own: Entry = {
    name: '',
    kind: 'counter',
    node: 'm',
    incarnation: 1,
    epoch: 5,
    line: 5,
    status: 'live',
    reason: '',
  }
  const names = ['', 'two\nlines', '\u001b[31mred', 'tab\t', '\u0085']
  liar.send({ type: 'REGISTERED', entries: names.map((name) => ({ ...own, name })) })
  liar.send({ type: 'SYNC', entries: names.map((name) => ({ ...own, name })), last: true })
  liar.send({ type: 'REDIRECT', entry: { ...own, name: 'two\nlines' } })
  await liar.heard()
  t.same(lab.at('a').list({ node: 'm' }), [], 'no such name is registered')
  t.equal(lab.violations('a').filter((what) => what.includes('none can have')).length, 2 * names.length + 1)
  await lab.unharmed()
})

t.test('attack 46: a name that somebody has is not granted; a claim of ten thousand is counted', async (t) => {
  const lab = await HostileLab.open(t)
  const liars = [await lab.liar('a'), await lab.liar('b')]
  const m = { node: 'm', incarnation: 1, epoch: HUGE, line: 0, status: 'live', reason: '', kind: 'counter' } as const
  for (const liar of liars) {
    for (const name of ['on a', 'on b']) {
      liar.send({ type: 'CLAIM', id: 7, name, kind: 'counter', view: 'a lie' })
      liar.send({
        type: 'CLAIMED',
        id: 1,
        verdict: 'granted',
        epoch: HUGE,
        view: '',
        entry: { ...m, name },
        reason: '',
      })
      liar.send({
        type: 'CLAIMED',
        id: 2,
        verdict: 'taken',
        epoch: HUGE,
        view: '',
        entry: { ...m, name },
        reason: 'a\nb',
      })
    }
    await liar.heard()
  }
  const claimed = liars.flatMap((liar) => liar.all('CLAIMED'))
  t.same(new Set(claimed.map(({ verdict }) => verdict)), new Set(['taken', 'retry']), 'never granted')
  t.match(claimed.find(({ verdict }) => verdict === 'taken')?.entry, { name: /^on / })
  for (const liar of liars) await liar.end()
  await lab.unharmed()
})

t.test(
  'attack 46, does not hold: a member that says it runs a name in a higher epoch is believed, and reported',
  async (t) => {
    const lab = await HostileLab.open(t)
    await lab.at('a').start(counter, { name: 'stolen', args: [0] })
    await knows(lab.at('b'), 'stolen')
    const { epoch } = lab.at('a').whereis('stolen')!
    const liar = await lab.liar('a')
    const conflict = lab.at('a').once('conflict')
    const entry: Entry = {
      ...{ name: 'stolen', kind: 'counter', node: 'm', incarnation: 1, epoch: epoch + 1, line: epoch + 1 },
      ...{ status: 'live', reason: '' },
    }
    liar.send({ type: 'REGISTERED', entries: [entry] })
    t.match(
      await conflict,
      { name: 'stolen', keptNode: 'm', keptEpoch: epoch + 1 },
      'one live copy (G1): the lower epoch stops',
    )
    await lab.unharmed()
  },
)

t.test('attack 50: names: what cannot be one, and what is another one', async (t) => {
  const lab = await HostileLab.open(t)
  const a = lab.at('a')
  const bad = [
    '',
    'x'.repeat(4_096),
    'a\0b',
    'two\nlines',
    '\u001b[31mred',
    '\ud800',
    'é'.repeat(128),
    7,
    null,
    undefined,
    {},
  ]
  for (const name of bad)
    await t.rejects(a.start(counter, { name: name as string, args: [0] }), { code: 'ERR_NAME_INVALID' })
  for (const name of bad) t.throws(() => a.ref(counter, name as string), { code: 'ERR_NAME_INVALID' })
  // Another code point is another name: nothing is folded, nothing is a path.
  const twins = [
    '../../etc/passwd',
    'paypal',
    'pаypal',
    'Straße',
    'STRASSE',
    'strasse',
    'e\u0301',
    'é',
    '__proto__',
    'constructor',
    'toString',
  ]
  for (const [i, name] of twins.entries()) await a.start(counter, { name, args: [i] })
  for (const name of twins) await knows(lab.at('b'), name)
  for (const [i, name] of twins.entries()) t.equal(await lab.ref('b', name).call.get(), i, JSON.stringify(name))
  await t.rejects(lab.at('b').start(counter, { name: '__proto__', args: [0] }), { code: 'ERR_ALREADY_STARTED' })
  for (const name of twins) await a.ref(counter, name).stop()
  await lab.unharmed()
})
