/** When the table of names is held against a member's digest, and what is asked for. Pure; and what a liar may do. */
import t, { type Test } from 'tap'
import { VirtualClock } from '../../src/base/clock.js'
import { Events } from '../../src/base/events.js'
import { defaultLimits } from '../../src/base/limits.js'
import { silentLogger } from '../../src/base/ports.js'
import { differenceOf, type SuspectEvent, stepSuspect } from '../../src/registry/digests.js'
import { Registry } from '../../src/registry/registry.js'
import type { Member, Message } from '../../src/wire/messages.js'

type Step = readonly [at: number, event: SuspectEvent, effect: string | undefined, stage: string | undefined]

const heard = (difference: string, doubted = 0): SuspectEvent => ({ type: 'heard', difference, doubted })
const listed: SuspectEvent = { type: 'listed' }
const beat: SuspectEvent = { type: 'beat' }

const play = (t: Test, steps: readonly Step[]): void => {
  let state: ReturnType<typeof stepSuspect>['state']
  for (const [index, [at, event, effect, stage]] of steps.entries()) {
    const step = stepSuspect(state, event, at * 1_000)
    state = step.state
    t.same([step.effect, step.state?.stage], [effect, stage], `step ${index}: ${event.type} at ${at} s`)
  }
}

t.test('G11 scenario 50: a listing is asked for when the same difference stands, in every drawn order', async (t) => {
  const until: readonly Step[] = [
    [0, heard('1 7'), undefined, 'seen'],
    [1, heard('1 7'), undefined, 'seen'],
    [2, beat, undefined, 'seen'],
    [5, beat, 'digest', 'seen'],
    [5, heard('1 7'), 'listing', 'asked'],
  ]
  play(t, [...until, [6, listed, undefined, 'listed'], [6, heard(''), 'repaired', undefined]])
  // It named some, and others have changed meanwhile.
  play(t, [...until, [6, listed, undefined, 'listed'], [6, heard('1 8'), 'repaired', 'seen']])
  // Not named: in doubt until a round is over.
  play(t, [
    ...until,
    [6, listed, undefined, 'listed'],
    [6, heard('1 7', 1), 'repaired', 'left'],
    [30, heard('1 7', 1), undefined, 'left'],
    [40, heard(''), undefined, undefined],
  ])
  // The question, or the listing, was lost.
  play(t, [
    ...until,
    [6, heard('1 7'), undefined, 'asked'],
    [10, beat, 'digest', 'asked'],
    [10, heard('1 7'), 'listing', 'asked'],
    [11, listed, undefined, 'listed'],
    [11, heard(''), 'repaired', undefined],
  ])
  // News was under way.
  play(t, [
    [0, heard('1 7'), undefined, 'seen'],
    [5, beat, 'digest', 'seen'],
    [5, heard('2 9'), undefined, 'seen'],
    [10, beat, 'digest', 'seen'],
    [10, heard(''), undefined, undefined],
    [10, listed, undefined, undefined],
  ])
  // Doubts that a link has left are under way to their end.
  play(t, [
    [0, heard('1 7', 1), undefined, 'seen'],
    [9, heard('1 7', 1), undefined, 'seen'],
  ])
})

t.test('G11: a difference that a listing has left is left; another one waits longer each time', async (t) => {
  const useless = (at: number, difference: string): readonly Step[] => [
    [at, heard(difference), undefined, 'seen'],
    [at + 5, heard(difference), 'listing', 'asked'],
    [at + 5, listed, undefined, 'listed'],
    [at + 5, heard(difference), undefined, 'left'],
  ]
  play(t, [
    ...useless(0, '1 7'),
    [100, beat, undefined, 'left'],
    [100_000, heard('1 7'), undefined, 'left'],
    ...useless(100_000, '1 8'),
    // The next one may come 10 s after this, then 20 s, ... then 10 min.
    [100_006, heard('1 9'), undefined, 'seen'],
    [100_012, heard('1 9'), undefined, 'seen'],
    [100_014, beat, undefined, 'seen'],
    [100_015, beat, 'digest', 'seen'],
    [100_015, heard('1 9'), 'listing', 'asked'],
  ])
  let state: ReturnType<typeof stepSuspect>['state']
  let listings = 0
  for (let at = 0; at < 10_000; at += 1) {
    const difference = `1 ${Math.floor(at / 11)}`
    const { state: next, effect } = stepSuspect(state, heard(difference), at * 1_000)
    state = next
    if (effect !== 'listing') continue
    listings += 1
    state = stepSuspect(state, listed, at * 1_000).state
    state = stepSuspect(state, heard(difference), at * 1_000).state
  }
  t.ok(listings > 10 && listings < 30, `${listings} useless listings in 10,000 s, each for another difference`)
})

t.test('a difference is that of the names that differ, whatever else is there', async (t) => {
  t.equal(differenceOf({ live: 3, hash: 0xffff_0000 }, { live: 3, hash: 0xffff_0000 }), '')
  const before = differenceOf({ live: 4, hash: 0xf0 }, { live: 3, hash: 0x0f })
  t.equal(differenceOf({ live: 5, hash: 0xf0 ^ 0xabc }, { live: 4, hash: 0x0f ^ 0xabc }), before)
  t.not(differenceOf({ live: 4, hash: 1 }, { live: 4, hash: 2 }), '')
})

t.test('G15: a listing is given once in a while, however often it is asked for; alone there is no timer', async (t) => {
  const clock = new VirtualClock()
  const sent: Message[] = []
  const live: Member[] = []
  const registry = new Registry({
    clock,
    log: silentLogger,
    events: new Events('me', silentLogger),
    limits: defaultLimits,
    self: () => ({ cluster: 'c', node: 'me', incarnation: 1 }),
    peers: {
      live: () => live,
      isLive: (_, incarnation) => incarnation === 1,
      isDead: () => false,
      send: (_, message) => sent.push(message) > 0,
      broadcast: (message) => void sent.push(message),
    },
    hooks: { holds: () => false, adoptDelegation() {}, superseded() {} },
  })
  const from = { node: 'a', incarnation: 1 }
  await clock.advance(60_000)
  t.equal(sent.length, 0, 'there is nobody to tell')
  live.push({ ...from, address: { host: '127.0.0.1', port: 1 } })
  registry.memberUp(live[0] as Member)
  const count = (type: Message['type']): number => sent.filter((message) => message.type === type).length
  t.equal(count('SYNC'), 1)
  for (let i = 0; i < 1_000; i += 1) registry.received(from, { type: 'DIGEST', live: i, hash: i, ask: 'listing' })
  t.same([count('SYNC'), count('DIGEST')], [2, 1])
  await clock.advance(5_000)
  registry.received(from, { type: 'DIGEST', live: 7, hash: 7, ask: 'listing' })
  t.equal(count('SYNC'), 3)
  live.pop()
  registry.memberDown('a', 1)
  sent.length = 0
  await clock.advance(60_000)
  t.equal(count('DIGEST'), 0)
  registry.close()
})
