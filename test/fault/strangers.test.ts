/** Attacks 47, 48 and 52 (docs/ATTACKS.md): nodes of other clusters, and what of all that stands in the log. */
import t, { type Test } from 'tap'
import { createNode, type MobilityNode } from '../../src/node/node.js'
import { tcp } from '../../src/process/destination.js'
import type { Entry } from '../../src/wire/messages.js'
import { CLUSTER, counter, HostileLab, knows, SECRET } from '../fixtures/hostile-lab.js'
import { callBody, deliver, HUGE, placeLies } from '../fixtures/hostile-lies.js'
import { account, ForgedMove, image } from '../fixtures/hostile-moves.js'
import { HostilePeer } from '../fixtures/hostile-peer.js'
import { eventsOf, turns } from '../fixtures/process-lab.js'

/** A process of cluster c that was moved to the node f of another cluster. */
const delegated = async (t: Test): Promise<{ lab: HostileLab; f: MobilityNode }> => {
  const lab = await HostileLab.open(t)
  const f = await createNode({ name: 'f', port: 0, cluster: 'far', secret: SECRET, kinds: [counter], logger: lab.log })
  t.teardown(() => f.stop())
  await f.start(counter, { name: 'internal', args: [0] })
  const away = await lab.at('a').start(counter, { name: 'away', args: [0] })
  await knows(lab.at('b'), 'away')
  const [host, port] = f.address.split(':')
  await away.sendMe(tcp(host!, Number(port)))
  t.equal(await lab.ref('b', 'away').call.add(1), 1)
  lab.settleBase()
  return { lab, f }
}

t.test('attack 47, 48: who was not given a name cannot use it, ask for it, or tell of it', async (t) => {
  const { lab, f } = await delegated(t)
  const seen = eventsOf(f)
  const z = await lab.stranger('a')
  const zf = await lab.stranger('b', { node: 'z2' })
  const atF = new HostilePeer(f.address, { cluster: 'z', node: 'm', joining: false, secret: SECRET })
  t.teardown(() => atF.end())
  await atF.shake()
  const epoch = f.whereis('away')!.epoch
  for (const name of ['internal', 'away', 'nothing', 'on a', 'on b']) {
    for (const liar of [z, zf, atF]) {
      for (const origin of [liar.origin, 'y/other/1', `${CLUSTER}/b/${lab.at('b').incarnation}`, 'far/f/1']) {
        for (const line of [0, epoch, HUGE]) {
          liar.send(deliver(name, origin, { line, what: 'call', body: callBody('add', 100), remainingMs: 1_000 }))
          liar.send(deliver(name, origin, { line, lane: 1, what: 'call', body: callBody('stop', 'normal') }))
        }
      }
      liar.send({ type: 'WHERE', name, epoch: 0 })
    }
  }
  for (const liar of [z, zf, atF]) await liar.heard()
  const located = [...z.all('LOCATED'), ...zf.all('LOCATED'), ...atF.all('LOCATED')]
  t.equal(located.length, 15)
  t.ok(
    located.every(({ entry }) => entry.status === 'ended' && entry.reason === 'nodedown' && entry.epoch === 0),
    'the same answer for all',
  )
  const answered = [z, zf, atF].flatMap((liar) =>
    liar.got.filter(({ type }) => ['REPLY', 'ACK', 'GONE', 'RESET', 'REDIRECT'].includes(type)),
  )
  t.same(answered, [], 'and no other')
  t.ok(seen.some(({ type }) => type === 'violation') && lab.violations('a').length > 0, 'each is reported')
  t.equal(await lab.ref('b', 'away').call.get(), 1, 'nothing was run')
  t.equal(await f.ref(counter, 'internal').call.get(), 0)
  await lab.unharmed()
})

t.test('attack 47: lies about where a name went, and a second home-coming', async (t) => {
  const { lab, f } = await delegated(t)
  const liars = [
    await lab.stranger('a'),
    await lab.stranger('b', { node: 'z2' }),
    await lab.liar('a'),
    await lab.liar('b'),
  ]
  const { epoch } = lab.at('a').whereis('away')!
  const address = { host: '127.0.0.1', port: 1 }
  const at: Entry = {
    ...{ name: 'away', kind: 'counter', node: 'z', incarnation: 1, epoch: epoch + 1, line: epoch + 1 },
    ...{ status: 'live', reason: '' },
  }
  for (const liar of liars) {
    for (const said of [epoch, epoch + 1, HUGE]) {
      for (const status of ['live', 'ended'] as const) {
        for (const cluster of ['z', 'far', CLUSTER]) {
          const entry: Entry = {
            ...at,
            epoch: said,
            line: Math.min(said, epoch),
            status,
            reason: status === 'live' ? '' : 'a lie',
          }
          liar.send({ type: 'LOCATED', entry, cluster, address })
        }
      }
    }
    liar.send({ type: 'LOCATED_OK', name: 'away', epoch: HUGE }, { type: 'WHERE', name: 'away', epoch: HUGE })
    liar.send(...placeLies({ ...at, node: 'a', incarnation: lab.at('a').incarnation, epoch, line: epoch }, []))
    for (const claimed of [epoch, epoch + 1, HUGE]) {
      const lie = {
        type: 'PREPARE',
        name: 'away',
        attempt: { epoch: claimed, counter: HUGE },
        kind: 'counter',
        version: 1,
      } as const
      const to = liar === liars[0] || liar === liars[2] ? 'a' : 'b'
      const rest = { holder: '', holderIncarnation: 0, transfer: 1, totalBytes: 9, delegations: [], line: epoch }
      liar.send({ ...lie, ...rest, toIncarnation: lab.at(to).incarnation })
    }
    await liar.heard()
  }
  await turns(5)
  t.match(lab.at('a').whereis('away'), { node: 'a', epoch, via: f.address }, 'the gateway has not moved')
  t.equal(lab.at('a').stats().arrivals, 0)
  t.equal(await lab.ref('b', 'away').call.add(1), 2)
  t.match(
    await f.ref(counter, 'away').sendMe(tcp('127.0.0.1', Number(lab.at('b').address.split(':')[1]))),
    { moved: true },
    'and it can come home',
  )
  t.equal(await lab.ref('a', 'away').call.add(1), 3)
  t.equal(lab.at('a').whereis('away')?.node, 'b')
  for (const liar of liars) await liar.end()
  await lab.ref('a', 'away').stop()
  await lab.unharmed(['burned', 'delegations', 'roads'])
})

t.test('attack 35, 47: a gateway that speaks for ten thousand nodes fills a process up to a limit only', async (t) => {
  const lab = await HostileLab.open(t, { kinds: [account], limits: { membersMax: 64 } })
  const z = await lab.stranger('a')
  const identity = { cluster: 'z', node: 'm', incarnation: 1 }
  const delegations = [{ ...identity, address: { host: '127.0.0.1', port: 1 }, home: true }]
  const bytes = image({ balance: 7, items: [] })
  const move = new ForgedMove(z, lab, bytes, { name: 'guest', delegations })
  await move.whole()
  const ref = lab.at('b').ref(account, 'guest')
  await knows(lab.at('b'), 'guest')
  const line = move.prepare.line
  for (let i = 0; i < 10_000; i += 1)
    z.send(deliver('guest', `c${i % 3_000}/n${i}/1`, { line, body: callBody('balance') }))
  await z.heard()
  t.ok(
    lab.of('a', 'limit').some(({ limit }) => limit === 'membersMax'),
    'it is said',
  )
  t.equal(await ref.call.balance(), 7, 'a member is served all the same')
  const { stateBytes } = await ref.sendMe('b')
  t.ok(stateBytes < 10_000, `what is remembered of senders travels: ${stateBytes} bytes`)
  t.equal(await ref.call.balance(), 7)
  await ref.stop()
  await z.end()
  await lab.unharmed(['burned', 'delegations', 'roads', 'arrivals'])
})

t.test('attack 31: a call that has all the time that a number can say is relayed', async (t) => {
  const { lab } = await delegated(t)
  const liar = await lab.liar('a')
  const { line } = liar
    .all('SYNC')
    .flatMap(({ entries }) => entries)
    .find(({ name }) => name === 'away')!
  liar.send(deliver('away', liar.origin, { line, what: 'call', body: callBody('get'), remainingMs: HUGE }))
  t.match(await liar.next('REPLY'), { name: 'away', seq: 1 })
  liar.send({ type: 'REPLY_ACK', name: 'away', origin: liar.origin, lane: 0, seqs: [1] })
  t.same(
    lab.log.lines.filter(({ text }) => /not be handled/.test(text)),
    [],
  )
  await liar.end()
  await lab.unharmed()
})

t.test('attack 52: names and reasons make no log line of their own, and no secret is in any', async (t) => {
  const { lab, f } = await delegated(t)
  const evil = 'x\n{"level":50,"msg":"forged"}\r\u001b[2J\u2028\u0024{jndi:ldap://h/a}'
  const liar = await lab.liar('a')
  const z = await lab.stranger('a')
  const epoch = 1_000
  const prepare = {
    type: 'PREPARE',
    attempt: { epoch, counter: 1 },
    toIncarnation: lab.at('a').incarnation,
    version: 1,
    line: 1,
  } as const
  const rest = { holder: '', holderIncarnation: 0, transfer: 1, totalBytes: 9, delegations: [] }
  for (const peer of [liar, z]) {
    peer.send({ ...prepare, ...rest, name: evil, kind: evil }, { ...prepare, ...rest, name: evil, kind: 'counter' })
    peer.send(
      { type: 'VIEW', view: evil, members: [] },
      { type: 'REFUSED', name: evil, attempt: prepare.attempt, code: evil, reason: evil },
    )
    await peer.heard()
    peer.send({ type: 'BYE', code: evil, reason: evil, left: false })
    await peer.closed
  }
  await t.rejects(
    f
      .ref(counter, 'away')
      .stop(evil)
      .then(() => lab.ref('a', 'away').call.get()),
    { code: /ERR_(NO_PROCESS|STOPPED)/ },
  )
  await t.rejects(lab.ref('b', 'on a').call.echo(evil + 'x'.repeat(2_000_000)), {
    code: 'ERR_FRAME_TOO_LARGE',
  })
  const gone = lab.at('a').once('registered', ({ name, status }) => name === 'away' && status === 'ended')
  if (lab.at('a').whereis('away') !== undefined) await gone
  const texts = lab.log.lines.flatMap(({ data, text }) => [text, ...Object.values(data).map(String)])
  t.ok(
    texts.some((text) => text.includes('jndi')),
    'something of it is logged',
  )
  t.same(
    texts.filter((text) => /[\p{Cc}\u2028\u2029]/u.test(text)),
    [],
    'on one line, escaped',
  )
  t.ok(
    texts.every((text) => text.length < 2_000),
    'and short',
  )
  lab.settleBase()
  await lab.unharmed()
})
