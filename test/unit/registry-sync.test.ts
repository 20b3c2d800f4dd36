/** What a SYNC tells, what it leaves in doubt, and what ends a doubt. */
import { test } from 'tap'
import { VirtualClock } from '../../src/base/clock.js'
import { Events, type NodeEvent } from '../../src/base/events.js'
import { defaultLimits } from '../../src/base/limits.js'
import { silentLogger } from '../../src/base/ports.js'
import { Registry } from '../../src/registry/registry.js'
import type { Entry, Member, Message } from '../../src/wire/messages.js'

const address = { host: '127.0.0.1', port: 1 }

const entryOf = (name: string, node: string, epoch: number, more: Partial<Entry> = {}): Entry => {
  return { name, kind: 'k', node, incarnation: 1, epoch, line: epoch, status: 'live', reason: '', ...more }
}

/** A registry `me` with a member `a`, whose part the test plays. */
const pair = () => {
  const clock = new VirtualClock()
  const events = new Events('me', silentLogger)
  const seen: NodeEvent[] = []
  events.on('*', (event) => seen.push(event as NodeEvent))
  const sent: Message[] = []
  const live: Member[] = [{ node: 'a', incarnation: 1, address }]
  const registry = new Registry({
    clock,
    log: silentLogger,
    events,
    limits: defaultLimits,
    self: () => ({ cluster: 'c', node: 'me', incarnation: 1 }),
    peers: {
      live: () => live,
      isLive: (node, incarnation) => (node === 'me' || live.some((m) => m.node === node)) && incarnation === 1,
      isDead: () => false,
      send: (_, message) => sent.push(message) > 0,
      broadcast: (message) => void sent.push(message),
    },
    hooks: { holds: () => false, adoptDelegation() {}, superseded() {} },
  })
  registry.memberUp(live[0]!)
  const tell = (...entries: Entry[]) =>
    registry.received({ node: 'a', incarnation: 1 }, { type: 'REGISTERED', entries })
  /** The member believes in the members that `me` believes in: first its hash, then the digest. */
  const agree = () => {
    for (let i = 0; i < 2; i++) {
      const view = sent.findLast((message) => message.type === 'VIEW')?.view ?? ''
      const [hash, , digest] = view.split('.')
      const said = { type: 'VIEW', view: `${hash}.1.${digest}`, members: [] } as const
      registry.received({ node: 'a', incarnation: 1 }, said)
    }
  }
  /** A member says that it has told all it had. @returns whether it had been asked */
  const answer = (node = 'a') => {
    const id = sent.findLast((message) => message.type === 'RECOVER_ASK')?.id
    if (id === undefined) return false
    return registry.received({ node, incarnation: 1 }, { type: 'RECOVER_SAY', id, agreed: false, held: [] })
  }
  const types = (type: string) => seen.filter((event) => event.type === type)
  return { clock, registry, sent, live, tell, types, agree, answer }
}

test('G11 scenario 50: what a member does not list in its SYNC is lost, unless its owner is heard of', async (t) => {
  const { clock, registry, tell, agree, answer } = pair()
  const from = { node: 'a', incarnation: 1 }
  agree()
  tell(entryOf('gone', 'a', 5), entryOf('moved', 'a', 5), entryOf('late', 'a', 5), entryOf('kept', 'a', 5))
  registry.received(from, { type: 'SYNC', entries: [], last: false })
  registry.received(from, { type: 'SYNC', entries: [entryOf('kept', 'a', 5)], last: true })
  registry.learn(entryOf('moved', 'b', 6), 'a')
  tell(entryOf('late', 'a', 5))
  await clock.advance(20_000)
  t.equal(registry.lookup('gone')?.status, 'live', 'no member has been asked whether it knows better')
  t.equal(answer(), true)
  await clock.advance(1_000)
  t.match(registry.lookup('gone'), { status: 'ended', reason: 'lost', epoch: 5 })
  for (const name of ['moved', 'late', 'kept']) t.equal(registry.lookup(name)?.status, 'live', name)
  tell(entryOf('gone', 'a', 5))
  t.equal(registry.lookup('gone')?.status, 'live', 'its owner knows better')
  t.equal(registry.size().doubts, 0)
})

test('G1 G8: a doubt waits for the answer of every member of the view, over its newest link', async (t) => {
  const { clock, registry, live, tell, agree, answer } = pair()
  agree()
  t.ok(registry.settled)
  tell(entryOf('x', 'a', 5))
  const doubt = () => registry.received({ node: 'a', incarnation: 1 }, { type: 'SYNC', entries: [], last: true })
  const status = () => registry.lookup('x')?.status
  doubt()
  await clock.advance(1_000)
  answer()
  registry.memberUp(live[0]!)
  await clock.advance(5_000)
  t.equal(status(), 'live', 'what it said over a link that is gone does not count')
  live.push({ node: 'b', incarnation: 1, address })
  registry.memberUp(live[1]!)
  await clock.advance(5_000)
  answer('a')
  await clock.advance(5_000)
  t.equal(status(), 'live', 'b has not answered')
  answer('b')
  await clock.advance(5_000)
  t.equal(status(), 'live', 'the view is not settled')
  live.pop()
  registry.memberDown('b', 1)
  agree()
  await clock.advance(1_000)
  answer()
  await clock.advance(1_000)
  t.equal(status(), 'ended')
})

test('G1: who moved a process away says where it lives, to whoever missed it; for endedMs', async (t) => {
  const { clock, registry, sent, live, tell } = pair()
  const told = () => {
    sent.length = 0
    registry.memberUp(live[0]!)
    const entries = sent.flatMap((message) => (message.type === 'SYNC' ? message.entries : []))
    return entries.map(({ name, node, status, reason }) => `${name} ${node} ${status} ${reason}`)
  }
  for (const name of ['x', 'y', 'back']) registry.publish(entryOf(name, 'me', 5))
  for (const name of ['x', 'y', 'back']) registry.learn(entryOf(name, 'a', 6), 'a')
  registry.publish(entryOf('back', 'me', 7))
  tell(entryOf('y', 'a', 6, { status: 'ended', reason: 'normal' }))
  t.same(told(), ['x a live moved', 'y a ended normal', 'back me live '])
  await clock.advance(defaultLimits.endedMs)
  t.match(told().slice(-1), ['back me live '])
  t.notOk(told().some((line) => line.startsWith('x')))
})

test('G1: a move to a member is believed from who had the process, and of nothing that runs here', async (t) => {
  const { registry, live, tell, types } = pair()
  tell(entryOf('x', 'a', 5))
  tell(entryOf('x', 'b', 6, { reason: 'moved' }))
  t.equal(registry.lookup('x')?.node, 'a', 'b was never met')
  live.push({ node: 'b', incarnation: 1, address })
  tell(entryOf('x', 'b', 6, { reason: 'moved' }), entryOf('new', 'b', 6, { reason: 'moved' }))
  t.match(
    [registry.lookup('x'), registry.lookup('new')],
    [
      { node: 'b', reason: '' },
      { node: 'b', reason: '' },
    ],
  )
  registry.publish(entryOf('mine', 'me', 5))
  tell(entryOf('mine', 'me', 6, { reason: 'moved' }))
  t.equal(registry.lookup('mine')?.epoch, 5)
  t.equal(types('violation').length, 0)
  tell(entryOf('mine', 'b', 6, { reason: 'moved' }))
  t.match(registry.lookup('mine'), { node: 'me', epoch: 5 })
  t.equal(types('violation').length, 1)
})
