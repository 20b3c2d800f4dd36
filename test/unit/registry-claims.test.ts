/** Both machines of a claim, event by event, the inquest on a dead life, and who may say what of a name. */
import { test } from 'tap'
import { VirtualClock } from '../../src/base/clock.js'
import { Events, type NodeEvent } from '../../src/base/events.js'
import { defaultLimits } from '../../src/base/limits.js'
import { silentLogger } from '../../src/base/ports.js'
import { type Claim, type ClaimEvent, type ClaimView, stepClaim } from '../../src/registry/claims.js'
import { type Asked, type Grant, type GrantEvent, type GrantView, stepGrant } from '../../src/registry/grants.js'
import { type Inquest, openInquest, stepInquest } from '../../src/registry/recovery.js'
import { Registry } from '../../src/registry/registry.js'
import type { Entry, Member, Message } from '../../src/wire/messages.js'

const address = { host: '127.0.0.1', port: 1 }

const entryOf = (name: string, node: string, epoch: number, more: Partial<Entry> = {}): Entry => ({
  name,
  kind: 'k',
  node,
  incarnation: 1,
  epoch,
  line: epoch,
  status: 'live',
  reason: '',
  ...more,
})

/** A claim machine with its view; ids count from 1. */
const claimant = (home = 'h') => {
  let state: Claim | undefined
  let freshId = 0
  const view: { -readonly [K in keyof ClaimView]: ClaimView[K] } = {
    self: 'me',
    freshId: 0,
    home,
    highestEpoch: 0,
    ownsEpoch: () => false,
  }
  const on = (event: ClaimEvent) => {
    view.freshId = ++freshId
    const step = stepClaim(state, event, view)
    state = step.state
    return step.effects
  }
  return { on, view, state: () => state }
}

const waiter = (ticket: number, kind = 'k'): ClaimEvent => ({ type: 'claim', waiter: { ticket, kind } })

test('G2 scenario 8: a claim is asked of the home, the grant taken, later ones here fail', async (t) => {
  const claim = claimant()
  t.same(claim.on(waiter(1)), [{ type: 'ask', home: 'h', id: 1, kind: 'k' }])
  t.same(claim.on(waiter(2, 'other')), [])
  t.same(claim.on({ type: 'granted', id: 1, epoch: 7, from: 'h' }), [
    { type: 'accept', ticket: 1, kind: 'k', epoch: 7 },
    { type: 'fail', ticket: 2, node: 'me' },
  ])
  t.equal(claim.state(), undefined)
})

test('G2: a grant of another view, of another node or below a known epoch is given back', async (t) => {
  const claim = claimant()
  claim.on(waiter(1))
  claim.view.home = 'next'
  t.same(claim.on({ type: 'viewChanged' }), [{ type: 'ask', home: 'next', id: 2, kind: 'k' }])
  const release = { type: 'release', home: 'h', id: 1, epoch: 7 }
  t.same(claim.on({ type: 'granted', id: 1, epoch: 7, from: 'h' }), [release])
  t.same(claim.on({ type: 'granted', id: 2, epoch: 7, from: 'h' }), [{ ...release, id: 2 }])
  claim.view.highestEpoch = 9
  t.same(claim.on({ type: 'granted', id: 2, epoch: 9, from: 'next' }), [{ ...release, id: 2, home: 'next', epoch: 9 }])
  t.equal(claim.state()?.id, 2, 'and the claim goes on')
})

test('a lost answer: asked again with the same id; a second grant is confirmed, a late one given back', async (t) => {
  const claim = claimant()
  claim.on(waiter(1))
  t.same(claim.on({ type: 'again' }), [{ type: 'ask', home: 'h', id: 1, kind: 'k' }])
  claim.on({ type: 'granted', id: 1, epoch: 7, from: 'h' })
  t.match(claim.on({ type: 'granted', id: 1, epoch: 7, from: 'h' }), [{ type: 'release' }], 'ended and forgotten here')
  claim.view.ownsEpoch = (epoch) => epoch === 7
  t.same(claim.on({ type: 'granted', id: 1, epoch: 7, from: 'h' }), [{ type: 'confirm', home: 'h' }])
  t.same(claim.on({ type: 'again' }), [])
  t.same(claim.on({ type: 'viewChanged' }), [])
})

test('who gives up says the last reason; the next one asks with an id of its own', async (t) => {
  const claim = claimant()
  claim.on(waiter(1))
  claim.on(waiter(2, 'other'))
  claim.on(waiter(3))
  claim.on({ type: 'retry', id: 1, reason: 'busy' })
  t.same(claim.on({ type: 'expired', ticket: 3 }), [{ type: 'giveUp', ticket: 3, reason: 'busy' }])
  const effects = claim.on({ type: 'expired', ticket: 1 })
  t.match(effects, [
    { type: 'giveUp', ticket: 1 },
    { type: 'ask', kind: 'other' },
  ])
  t.not(claim.state()?.id, 1)
  t.same(claim.on({ type: 'known', node: 'b' }), [{ type: 'fail', ticket: 2, node: 'b' }])
  t.same(claim.on({ type: 'expired', ticket: 2 }), [])
})

/** A home with its view. */
const home = () => {
  let state: Grant | undefined
  const view: { -readonly [K in keyof GrantView]: GrantView[K] } = {
    isHome: true,
    settled: true,
    view: 'v',
    known: 'free',
    owner: undefined,
    nextEpoch: 100,
  }
  const on = (event: GrantEvent) => {
    const step = stepGrant(state, event, view)
    state = step.state
    return step.effects
  }
  return { on, view, state: () => state }
}

const by = (node: string, id = 1, view = 'v'): Asked => ({ node, incarnation: 1, id, kind: 'k', view, at: 0 })
const asked = (...args: Parameters<typeof by>): GrantEvent => ({ type: 'asked', asked: by(...args) })

test('G2 scenario 8: one is granted, the others wait until it is registered and hear who has it', async (t) => {
  const { on, view, state } = home()
  t.same(on(asked('a')), [{ type: 'grant', to: by('a'), epoch: 100 }])
  t.same(on(asked('b')), [])
  view.nextEpoch = 200
  t.same(on(asked('a')), [{ type: 'grant', to: by('a'), epoch: 100 }], 'the same again')
  t.match(on(asked('b')), [{ type: 'retry', reason: 'a is about to have it' }], 'and it is still held')
  view.known = 'live'
  view.owner = entryOf('x', 'a', 100)
  t.same(on({ type: 'look' }), [{ type: 'taken', to: by('b'), entry: view.owner }])
  t.equal(state(), undefined)
})

test('G2: nothing is granted before the view is settled, or while the verdict is out', async (t) => {
  const { on, view } = home()
  view.settled = false
  t.same(on(asked('a')), [])
  t.match(on(asked('a')), [{ type: 'retry', reason: /agree/ }])
  view.settled = true
  view.known = 'recovering'
  t.same(on({ type: 'look' }), [])
  t.match(on(asked('a')), [{ type: 'retry', reason: /verdict/ }])
  view.known = 'free'
  t.match(on({ type: 'look' }), [{ type: 'grant' }])
})

test('G2: who is not the home, or has another view, grants nothing', async (t) => {
  const { on, view, state } = home()
  t.match(on(asked('a', 1, 'older')), [{ type: 'retry', reason: 'the views differ' }])
  view.isHome = false
  t.match(on(asked('a')), [{ type: 'retry' }])
  t.equal(state(), undefined)
})

test('G2: a grant that is given back goes to the next one; only the grant that is meant', async (t) => {
  const { on } = home()
  on(asked('a', 5))
  on(asked('b'))
  t.same(on({ type: 'released', by: by('a'), id: 4 }), [])
  t.same(on({ type: 'released', by: by('b'), id: 5 }), [])
  t.same(on({ type: 'released', by: by('a'), id: 5 }), [{ type: 'grant', to: by('b'), epoch: 100 }])
})

test('G2: a grant on a link that was cut counts until the next SYNC comes without the name', async (t) => {
  const { on } = home()
  on(asked('a'))
  on(asked('b'))
  t.same(on({ type: 'synced', node: 'a' }), [], 'a SYNC from before the grant')
  on({ type: 'linked', node: 'a' })
  t.same(on({ type: 'synced', node: 'b' }), [])
  t.same(on({ type: 'synced', node: 'a' }), [{ type: 'grant', to: by('b'), epoch: 100 }])
})

test('G2: a claimant that died may have taken the name; a view that changed ends the grant', async (t) => {
  const { on, view, state } = home()
  on(asked('a'))
  on(asked('b'))
  t.match(on({ type: 'gone', who: by('a') }), [{ type: 'mourn', reserved: { node: 'a', epoch: 100 } }])
  t.equal(state()?.waiting.length, 1)
  on({ type: 'look' })
  view.settled = false
  view.view = 'w'
  t.match(on({ type: 'viewChanged' }), [])
  t.equal(state(), undefined)
  on(asked('b', 2, 'w'))
  t.equal(state()?.waiting.length, 1, 'who was ahead of us waits')
  on({ type: 'sweep', before: 1 })
  t.equal(state(), undefined)
})

test('an inquest: all must have said, and agree; what is held is not ended', async (t) => {
  const open: Inquest = { id: 1, node: 'd', incarnation: 1, names: ['x', 'y', 'z'], waiting: ['a', 'b'], held: ['z'] }
  const first = openInquest(open)
  t.same(first.effects, [
    { type: 'ask', member: 'a' },
    { type: 'ask', member: 'b' },
  ])
  const second = stepInquest(open, { type: 'said', from: 'a', agreed: true, held: ['y'] })
  t.same(second.effects, [])
  t.same(stepInquest(second.state!, { type: 'again' }).effects, [{ type: 'ask', member: 'b' }])
  t.same(stepInquest(second.state!, { type: 'said', from: 'a', agreed: true, held: [] }).state, second.state)
  const done = stepInquest(second.state!, { type: 'said', from: 'b', agreed: true, held: [] })
  t.same(done, { state: undefined, effects: [{ type: 'ended', names: ['x'] }] })
  t.same(stepInquest(open, { type: 'said', from: 'a', agreed: false, held: [] }), { state: undefined, effects: [] })
  t.same(openInquest({ ...open, waiting: [] }).effects, [{ type: 'ended', names: ['x', 'y'] }])
})

/** A registry `me` with a member `a`, and everything it says. */
const alone = (limits: Partial<typeof defaultLimits> = {}) => {
  const clock = new VirtualClock()
  const events = new Events('me', silentLogger)
  const seen: NodeEvent[] = []
  events.on('*', (event) => seen.push(event as NodeEvent))
  const sent: Message[] = []
  const superseded: Entry[] = []
  const live: Member[] = [{ node: 'a', incarnation: 1, address }]
  const registry = new Registry({
    clock,
    log: silentLogger,
    events,
    limits: { ...defaultLimits, ...limits },
    self: () => ({ cluster: 'c', node: 'me', incarnation: 1 }),
    peers: {
      live: () => live,
      isLive: (node, incarnation) => (node === 'me' || live.some((m) => m.node === node)) && incarnation === 1,
      isDead: (node) => node === 'dead',
      send: (_, message) => sent.push(message) > 0,
      broadcast: (message) => void sent.push(message),
    },
    hooks: { holds: () => false, adoptDelegation() {}, superseded: (entry) => superseded.push(entry) },
  })
  registry.memberUp(live[0]!)
  const tell = (...entries: Entry[]) =>
    registry.received({ node: 'a', incarnation: 1 }, { type: 'REGISTERED', entries })
  const types = (type: string) => seen.filter((event) => event.type === type)
  return { clock, registry, sent, superseded, live, tell, types }
}

test('G2 attack 46: who registers a name that runs elsewhere is not believed; an end is', async (t) => {
  const { registry, tell, types } = alone()
  tell(entryOf('x', 'b', 5), entryOf('mine', 'me', 5), entryOf('old', 'a', 5, { incarnation: 0 }))
  t.same(registry.list(), [])
  t.equal(types('violation').length, 3)
  registry.learn(entryOf('x', 'b', 5), 'a')
  tell(entryOf('x', 'b', 5, { status: 'ended', reason: 'normal' }))
  t.equal(registry.lookup('x')?.status, 'ended')
  t.equal(types('violation').length, 3)
})

test('G2 attack 40: an epoch far above any other, or a line above its epoch, is refused', async (t) => {
  const { clock, registry, tell, types } = alone()
  const day = 24 * 60 * 60 * 1_000
  tell(entryOf('x', 'a', clock.wall() + day + 1), entryOf('y', 'a', 2 ** 53 - 1), entryOf('z', 'a', 5, { line: 6 }))
  t.same(registry.list(), [])
  t.equal(types('violation').length, 3)
  tell(entryOf('x', 'a', clock.wall() + day))
  t.equal(registry.list().length, 1)
})

test('G15: one member may fill only so much of the table', async (t) => {
  const { registry, tell, types } = alone({ registryEntriesMax: 2 })
  tell(entryOf('x', 'a', 5), entryOf('y', 'a', 5), entryOf('z', 'a', 5), entryOf('zz', 'a', 5), entryOf('x', 'a', 6))
  t.equal(registry.list().length, 2)
  t.equal(registry.lookup('x')?.epoch, 6)
  t.match(types('limit'), [{ limit: 'registryEntriesMax', name: 'a', value: 2 }])
})

test('G2: nobody else ends what runs here; a newer owner, or a greater one at the same epoch, stops it', async (t) => {
  const { registry, superseded, tell, types } = alone()
  for (const name of ['x', 'y', 'z']) registry.publish(entryOf(name, 'me', 5))
  tell(entryOf('x', 'me', 5, { status: 'ended', reason: 'nodedown' }))
  t.equal(registry.lookup('x')?.status, 'live')
  t.equal(types('violation').length, 1)
  tell(entryOf('x', 'a', 6), entryOf('y', 'a', 5), entryOf('z', 'a', 4))
  t.same(
    superseded.map((entry) => `${entry.name} ${entry.node}`),
    ['x a'],
  )
  t.match(types('conflict'), [{ name: 'y', keptNode: 'me', keptEpoch: 5 }])
  registry.publish(entryOf('x', 'me', 5))
  t.equal(superseded.length, 2, 'who publishes a stale one hears it too')
})

test('what a turn publishes goes out at its end, the last word of each name, in parts', async (t) => {
  const { clock, registry, sent } = alone()
  sent.length = 0
  for (let i = 0; i < 600; i++) registry.publish(entryOf(`n${i}`, 'me', 5))
  registry.publish(entryOf('n0', 'me', 5, { status: 'ended', reason: 'normal' }))
  t.equal(sent.length, 0)
  await clock.advance(0)
  t.same(
    sent.map((message) => (message.type === 'REGISTERED' ? message.entries.length : message.type)),
    [512, 88],
  )
  t.match(sent[0], { entries: [{ name: 'n0', status: 'ended' }] })
})

test('a claim that is not decided in time says why; close() ends the others', async (t) => {
  const { clock, registry } = alone()
  const late = registry.claim('x', 'k')
  late.catch(() => {})
  await clock.advance(defaultLimits.claimMs)
  await t.rejects(late, { code: 'ERR_CLAIM_TIMEOUT', fields: { name: 'x', ms: 5_000 } })
  const open = registry.claim('x', 'k')
  open.catch(() => {})
  registry.close()
  await t.rejects(open, { code: 'ERR_NODE_STOPPED' })
  t.match(registry.size(), { claims: 0, grants: 0, tickets: 0, pending: 0 })
  await clock.run()
  t.equal(clock.pending, 0)
})
