/** The machine of one member, case by case, and membership over links that a test makes and breaks. */
import { test } from 'tap'
import { VirtualClock } from '../../src/base/clock.js'
import { Events } from '../../src/base/events.js'
import { type Address, addressText } from '../../src/base/ids.js'
import { defaultLimits } from '../../src/base/limits.js'
import { silentLogger } from '../../src/base/ports.js'
import { type MemberEvent, type MemberState, type Phase, stepMember, unknownMember } from '../../src/cluster/machine.js'
import { type MemberLink, Membership } from '../../src/cluster/membership.js'
import type { Member, Message } from '../../src/wire/messages.js'

const at = (phase: Phase, incarnation = 5): MemberState => ({ phase, incarnation })
/** Dead by silence. */
const unproved: MemberState = { phase: 'dead', incarnation: 5, unproved: true }
const linkUp = (incarnation: number): MemberEvent => ({ type: 'linkUp', incarnation })
const linkDown = (left = false): MemberEvent => ({ type: 'linkDown', left })

/** State, event, next phase (and life), effects in short. */
const CASES: readonly [MemberState, MemberEvent, string, string][] = [
  [unknownMember, linkUp(5), 'alive 5', 'up 5, linked'],
  [unknownMember, linkDown(), 'unknown 0', ''],
  [unknownMember, { type: 'refused' }, 'unknown 0', ''],
  [unknownMember, { type: 'silent' }, 'unknown 0', ''],
  [at('alive'), linkUp(5), 'alive 5', 'linked'],
  [at('alive'), linkUp(4), 'alive 5', 'turnAway'],
  [at('alive'), linkDown(), 'suspect 5', 'suspected true'],
  [at('alive'), linkDown(true), 'left 5', 'down left'],
  [at('alive'), { type: 'quiet' }, 'suspect 5', 'suspected true'],
  [at('alive'), { type: 'heard' }, 'alive 5', ''],
  [at('alive'), { type: 'refused' }, 'alive 5', ''],
  [at('alive'), { type: 'silent' }, 'alive 5', ''],
  [at('alive'), { type: 'restarted' }, 'dead 5', 'down restarted'],
  [at('alive'), { type: 'declared' }, 'dead 5', 'down operator, turnAway'],
  [at('suspect'), linkUp(5), 'alive 5', 'suspected false, linked'],
  [at('suspect'), linkUp(4), 'suspect 5', 'turnAway'],
  [at('suspect'), linkDown(), 'suspect 5', ''],
  [at('suspect'), linkDown(true), 'left 5', 'down left'],
  [at('suspect'), { type: 'heard' }, 'alive 5', 'suspected false'],
  [at('suspect'), { type: 'refused' }, 'dead 5', 'down refused'],
  [at('suspect'), { type: 'silent' }, 'dead 5', 'down silent'],
  [at('suspect'), { type: 'restarted' }, 'dead 5', 'down restarted'],
  [at('suspect'), { type: 'declared' }, 'dead 5', 'down operator, turnAway'],
  [unproved, linkUp(5), 'dead 5', 'turnAway'],
  [unproved, linkUp(6), 'alive 6', 'proved 5, up 6, linked'],
  [unproved, linkDown(), 'dead 5', ''],
  [unproved, linkDown(true), 'dead 5', 'proved 5'],
  [unproved, { type: 'silent' }, 'dead 5', ''],
  [unproved, { type: 'refused' }, 'dead 5', 'proved 5'],
  [unproved, { type: 'restarted' }, 'dead 5', 'proved 5'],
  [unproved, { type: 'declared' }, 'dead 5', 'turnAway'],
  [at('dead'), linkUp(5), 'dead 5', 'turnAway'],
  [at('dead'), linkUp(4), 'dead 5', 'turnAway'],
  [at('dead'), linkUp(6), 'alive 6', 'up 6, linked'],
  [at('dead'), { type: 'refused' }, 'dead 5', ''],
  [at('dead'), linkDown(true), 'dead 5', ''],
  [at('left'), linkUp(5), 'left 5', 'turnAway'],
  [at('left'), linkUp(6), 'alive 6', 'up 6, linked'],
  [at('left'), linkDown(), 'left 5', ''],
]

test('G1: suspicion moves nothing; dead is final for a life (each state and event)', async (t) => {
  for (const [state, event, next, effects] of CASES) {
    const step = stepMember(state, event)
    const short = step.effects.map((effect) => {
      if (effect.type === 'up' || effect.type === 'proved') return `${effect.type} ${effect.incarnation}`
      if (effect.type === 'down') return `down ${effect.reason}`
      return effect.type === 'suspected' ? `suspected ${effect.suspect}` : effect.type
    })
    const what = `${state.phase} ${JSON.stringify(event)}`
    t.equal(`${step.state.phase} ${step.state.incarnation}`, next, what)
    t.equal(short.join(', '), effects, what)
  }
  t.throws(() => stepMember(at('alive'), linkUp(6)), { code: 'ERR_INVARIANT' })
})

const addressOf = (node: string): Address => ({ host: node, port: 1805 })

class FakeLink implements MemberLink {
  up = true
  silentMs = 0
  readonly sent: Message[] = []
  closed = ''
  readonly peer: MemberLink['peer']

  constructor(node: string, incarnation: number, address = addressOf(node), member = true) {
    this.peer = { cluster: 'c', node, incarnation, address, member }
  }

  send(message: Message): void {
    this.sent.push(message)
  }

  close(code: string, reason: string): void {
    this.closed = `${code} ${reason}`
    this.up = false
  }
}

/** A membership `me` whose links the test makes. */
const world = (join: string[] = []) => {
  const clock = new VirtualClock()
  const links = new Map<string, FakeLink>()
  const kept = new Set<string>()
  const log: string[] = []
  const downs: string[] = []
  const events = new Events('me', silentLogger)
  events.on('suspected', ({ node, suspect }) => log.push(`${suspect ? 'suspects' : 'trusts'} ${node}`))
  events.on('nodedown', ({ node }) => downs.push(node))
  events.on('limit', ({ limit }) => log.push(`limit ${limit}`))
  const membership: Membership = new Membership({
    clock,
    log: silentLogger,
    events,
    limits: { ...defaultLimits, membersMax: 4 },
    links: {
      to: (_, node) => links.get(node),
      keep: (address) => kept.add(addressText(address)),
      release: (address) => kept.delete(addressText(address)),
    },
    serves: () => true,
    self: () => ({ cluster: 'c', node: 'me', incarnation: 1 }),
    handlers: {
      memberUp: (member, first) =>
        log.push(`${first ? 'up' : 'again'} ${member.node}/${member.incarnation}: ${membership.names()}`),
      memberDown: (member, reason) =>
        log.push(`down ${member.node}/${member.incarnation} ${reason}: ${membership.names()}`),
      memberProved: (member) => log.push(`proved ${member.node}/${member.incarnation}: ${membership.names()}`),
    },
  })
  membership.seeds(join.map(addressOf))
  const up = (node: string, incarnation = 5, address = addressOf(node)): FakeLink => {
    const link = new FakeLink(node, incarnation, address)
    links.set(node, link)
    membership.linkUp(link)
    return link
  }
  const down = (link: FakeLink, code = 'ERR_LINK_LOST', reason = 'reset'): void => {
    link.up = false
    if (links.get(link.peer.node) === link) links.delete(link.peer.node)
    membership.linkDown(link, code, reason)
  }
  const hear = (link: FakeLink, ...members: Member[]): void => membership.received(link, { type: 'MEMBERS', members })
  return { clock, links, kept, log, downs, membership, up, down, hear }
}

const memberOf = (node: string, incarnation = 5): Member => ({ node, incarnation, address: addressOf(node) })

test('scenario 49: members greet and are made known to each other', async (t) => {
  const { kept, log, membership, up, hear } = world(['a'])
  t.same([...kept], ['a:1805'])
  const a = up('a')
  t.same(a.sent, [])
  hear(a, memberOf('b'), memberOf('me', 9))
  t.ok(kept.has('b:1805'), 'hearsay makes us dial')
  t.same(membership.names(), ['a'], 'and nothing else')
  const b = up('b')
  t.same(b.sent, [{ type: 'MEMBERS', members: [memberOf('a')] }])
  t.same(a.sent, [{ type: 'MEMBERS', members: [memberOf('b')] }])
  t.same(log, ['up a/5: a', 'up b/5: a,b'])
  t.same(membership.live(), [memberOf('a'), memberOf('b')])
  t.same(membership.address('b'), addressOf('b'))
  t.ok(membership.isLive('b', 5) && membership.isLive('me', 1))
  t.notOk(membership.isLive('b', 4) || membership.isLive('me', 2) || membership.isLive('z', 1))
  t.notOk(membership.linkUp(new FakeLink('far', 1, addressOf('far'), false)), 'a node of another cluster')
})

test('scenario 51: a short cut moves nothing, a long one is silence', async (t) => {
  const { clock, log, membership, up, down } = world(['a'])
  down(up('a'))
  t.ok(membership.isLive('a', 5))
  await clock.advance(5_000)
  const again = up('a')
  t.same(log.splice(0), ['up a/5: a', 'suspects a', 'trusts a', 'again a/5: a'])
  down(again)
  await clock.advance(defaultLimits.downMs + defaultLimits.heartbeatMs)
  t.same(log.splice(0), ['suspects a', 'down a/5 silent: '])
  t.ok(membership.isDead('a', 5) && membership.isDead('a', 4))
  t.notOk(membership.isDead('a', 6) || membership.isDead('z', 1))
})

test('a link that is up and silent is suspected, and dead with its silence when it ends', async (t) => {
  const { clock, log, up, down } = world(['a'])
  const a = up('a')
  a.silentMs = defaultLimits.suspectMs
  await clock.advance(1_000)
  a.silentMs = 0
  await clock.advance(1_000)
  t.same(log.splice(0), ['up a/5: a', 'suspects a', 'trusts a'])
  a.silentMs = defaultLimits.downMs
  down(a, 'ERR_LINK_LOST', 'silent')
  t.same(log, ['suspects a', 'down a/5 silent: '])
})

test('a refused port is a death without a link, after refusedMs', async (t) => {
  const { log, membership, up, down } = world(['a'])
  const a = up('a')
  membership.refused(addressOf('a'), 9_999)
  down(a)
  membership.refused(addressOf('a'), defaultLimits.refusedMs - 1)
  membership.refused(addressOf('b'), 9_999)
  t.same(log.splice(0), ['up a/5: a', 'suspects a'])
  membership.refused(addressOf('a'), defaultLimits.refusedMs)
  t.same(log, ['down a/5 refused: '])
})

test('scenario 49: left, restarted, an operator: each its reason, and the order of a restart', async (t) => {
  const { log, membership, up, down } = world(['a'])
  down(up('a'), 'left', 'bye')
  up('a', 6)
  up('a', 7)
  const link = up('b')
  t.ok(membership.declareDead('b'))
  t.notOk(membership.declareDead('b'))
  t.equal(link.closed, 'ERR_WRONG_PEER declared dead')
  const a = ['up a/5: a', 'down a/5 left: ', 'up a/6: a', 'down a/6 restarted: ', 'up a/7: a']
  t.same(log, [...a, 'up b/5: a,b', 'down b/5 operator: a'])
})

test('G1: a dead life that comes back is told so and is no member; a newer life is', async (t) => {
  const { clock, membership, up, down } = world(['a'])
  down(up('a'))
  await clock.advance(30_000)
  t.equal(up('a').closed, 'ERR_WRONG_PEER declared dead')
  t.match(up('a', 4).closed, /newer life/)
  t.same(membership.names(), [])
  t.notOk(membership.send('a', { type: 'MEMBERS', members: [] }))
  up('a', 6)
  t.same(membership.names(), ['a'])
})

test('G10: a life that is dead by silence is proved to have ended once, and not by hearsay', async (t) => {
  for (const proof of ['restarted', 'refused', 'left'] as const) {
    const { clock, log, downs, membership, up, down, hear } = world(['a'])
    down(up('a'))
    await clock.advance(30_000)
    t.equal(log.pop(), 'down a/5 silent: ')
    log.length = 0
    hear(up('b'), memberOf('a', 6))
    const old = up('a')
    t.same(log.splice(0), ['up b/5: b'], 'that it is still there proves nothing, nor what others say')
    if (proof === 'left') down(old, 'left', 'bye')
    else down(old, 'ERR_WRONG_PEER', 'declared dead')
    if (proof === 'refused') membership.refused(addressOf('a'), defaultLimits.refusedMs)
    const newer = proof === 'restarted' ? ['up a/6: a,b'] : []
    if (proof === 'restarted') up('a', 6)
    t.same(log.splice(0), [`proved a/5: ${proof === 'restarted' ? 'a,b' : 'b'}`, ...newer], proof)
    up('a', 7)
    t.notOk(
      log.some((line) => line.startsWith('proved')),
      'once',
    )
    t.same(downs, proof === 'restarted' ? ['a', 'a'] : ['a'], 'the proof is no death')
  }
})

test('G10: a death that was a proof itself is not proved again', async (t) => {
  const { log, up, down } = world(['a'])
  down(up('a'), 'left', 'bye')
  up('a', 6)
  t.same(log, ['up a/5: a', 'down a/5 left: ', 'up a/6: a'])
})

test('a link that is replaced is no loss, unless nothing follows', async (t) => {
  const { clock, log, up, down } = world(['a'])
  down(up('a'), 'ERR_LINK_LOST', 'replaced')
  up('a')
  await clock.advance(2_000)
  t.same(log.splice(0), ['up a/5: a', 'again a/5: a'])
  down(up('a'), 'ERR_LINK_LOST', 'replaced')
  await clock.advance(2_000)
  t.same(log, ['again a/5: a', 'suspects a'])
})

test('sends go over the link of the life that is a member, to all with a link', async (t) => {
  const { membership, up, down } = world()
  const message: Message = { type: 'REGISTERED', entries: [] }
  const a = up('a')
  const b = up('b')
  a.sent.length = 0
  down(b)
  membership.broadcast(message)
  t.same(a.sent, [message])
  t.ok(membership.send('a', message))
  t.notOk(membership.send('b', message))
  t.notOk(membership.send('z', message))
})

test('what is over is released at once, a seed and a name that nobody answers for after ten minutes', async (t) => {
  const { clock, kept, membership, up, down, hear } = world(['a'])
  const a = up('a')
  down(up('b'), 'left', 'bye')
  t.same([...kept], ['a:1805'])
  hear(a, memberOf('ghost'))
  t.ok(kept.has('ghost:1805'))
  down(a, 'left', 'bye')
  await clock.advance(590_000)
  t.ok(kept.has('a:1805') && kept.has('ghost:1805'))
  await clock.advance(20_000)
  t.same([...kept], [])
  t.ok(membership.isDead('a', 5), 'and not forgotten')
  up('a', 6)
  t.ok(kept.has('a:1805'))
  membership.close()
  t.same([...kept], [])
  await clock.run()
  t.equal(clock.pending, 0)
})

test('G15 attack 45: there is room for membersMax; the dead make room for the living', async (t) => {
  const { log, membership, up, down, hear } = world()
  const a = up('a')
  hear(a, ...Array.from({ length: 100 }, (_, i) => memberOf(`ghost${i}`)))
  t.equal(membership.size().known, 4)
  t.ok(log.includes('limit membersMax'))
  for (const name of ['b', 'c', 'd']) up(name)
  t.same(membership.names(), ['a', 'b', 'c', 'd'], 'what was only told of makes room for who is there')
  t.match(up('e').closed, 'ERR_LINK_LIMIT')
  down(a, 'left', 'bye')
  up('e')
  t.same(membership.names(), ['b', 'c', 'd', 'e'])
})

test('a member that moved to another address is dialed there', async (t) => {
  const { kept, membership, up } = world()
  up('a')
  up('a', 6, addressOf('elsewhere'))
  t.same([...kept], ['elsewhere:1805'])
  t.same(membership.address('a'), addressOf('elsewhere'))
})
