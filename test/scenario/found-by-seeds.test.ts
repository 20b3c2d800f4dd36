/**
 * Bugs that random histories found (`make simulate`), each as small as it could be made. The seed that found it stands
 * beside it.
 */
import { test } from 'tap'
import { tcp } from '../../src/process/destination.js'
import { genServer } from '../../src/process/gen-server.js'
import { SIMULATED_PORT, simulate } from '../../src/testing.js'
import { Children } from '../fixtures/hub-stage.js'
import { QUICK, SplitStage } from '../fixtures/split-stage.js'

const log = genServer('log', {
  init: () => ({ taken: [] as string[] }),
  calls: {
    taken: (self) => self.state.taken,
  },
  casts: {
    put: (self, text: string, _filler: string) => void self.state.taken.push(text),
  },
})

const leaver = genServer('leaver', {
  init: () => ({ count: 0 }),
  calls: {
    count: (self) => self.state.count,
    leave: (self, to: string) => {
      self.state.count += 1
      return self.sendMe(to)
    },
  },
})

let wake: (() => void) | undefined
const sleeper = genServer('sleeper', {
  init: () => null,
  calls: {
    sleep: async (self) => {
      await new Promise<void>((resolve) => (wake = resolve))
      return self.node
    },
  },
})

test('G3: a small message does not overtake a big one that waits for room in the window (seed 1)', async (t) => {
  const world = simulate({ seed: 1 })
  const limits = { windowBytesMax: 600 }
  await world.node('a', { kinds: [log], limits })
  await world.node('b', { kinds: [log], limits })
  await world.run(world.at('b').start(log, { name: 'l' }))
  await world.advance(10)
  const ref = world.at('a').ref(log, 'l')
  for (const [text, bytes] of [
    ['first', 400],
    ['big', 500],
    ['small', 0],
  ] as const)
    void ref.cast.put(text, 'f'.repeat(bytes))
  await world.advance(100)
  t.same(await world.run(ref.call.taken()), ['first', 'big', 'small'])
  await world.close()
})

test('G5: casts that a node had not delivered when it stopped are counted in an event (seed 10)', async (t) => {
  const world = simulate({ seed: 1 })
  const a = await world.node('a', { kinds: [log] })
  await world.node('b', { kinds: [log] })
  await world.run(world.at('b').start(log, { name: 'l' }))
  await world.advance(10)
  world.pause('b')
  const lost: unknown[] = []
  a.on('undelivered', (event) => lost.push(event))
  for (const text of ['one', 'two']) await world.run(a.ref(log, 'l').cast.put(text, ''))
  await world.run(a.stop())
  t.match(lost, [{ name: 'l', what: 'cast', count: 2, reason: 'its sender stops' }])
  world.resume('b')
  await world.run(world.at('b').stop())
})

test('G9: a call whose handler asked for a move that fails was executed (seed 1)', async (t) => {
  const world = simulate({ seed: 1 })
  const a = await world.node('a', { kinds: [leaver] })
  const ref = await world.run(a.start(leaver, { name: 'l' }))
  const error = await world.run(ref.call.leave('nobody').catch((reason) => reason))
  t.match(error, { code: 'ERR_UNREACHABLE', executed: 'yes' })
  t.equal(await world.run(ref.call.count()), 1, 'its handler has run')
  t.match(await world.run(ref.sendMe('nobody').catch((reason) => reason)), { executed: 'no' }, 'a move alone was not')
  await world.close()
})

test('G3: who met a process from another cluster before its commit can speak to it (seed 51)', async (t) => {
  const world = simulate({ seed: 1 })
  const home = await world.node('home', { cluster: 'one', kinds: [log] })
  const away = await world.node('away', { cluster: 'two', kinds: [log] })
  await world.node('other', { cluster: 'two', kinds: [log] })
  const ref = await world.run(home.start(log, { name: 'l' }))
  // Its line is far below the epoch that the other cluster gives to the name.
  await world.advance(1_000)
  const prepared = away.once('move', ({ phase }) => phase === 'prepared')
  const moving = ref.sendMe(tcp('away', SIMULATED_PORT))
  await world.run(prepared)
  const early = away.ref(log, 'l').cast.put('early', '')
  await world.run(Promise.all([moving, early]))
  t.same(await world.run(away.ref(log, 'l').call.taken()), ['early'])
  t.same(await world.run(world.at('other').ref(log, 'l').call.taken()), ['early'])
  await world.close()
})

test('G3: a process of an older line takes the place of one that its senders saw last (seed 51)', async (t) => {
  const world = simulate({ seed: 1 })
  const home = await world.node('home', { cluster: 'one', kinds: [log] })
  const away = await world.node('away', { cluster: 'two', kinds: [log] })
  const other = await world.node('other', { cluster: 'two', kinds: [log] })
  const visitor = await world.run(home.start(log, { name: 'l' }))
  await world.advance(1_000)
  await world.run(away.start(log, { name: 'l' }))
  await world.advance(10)
  // `other` has something on its way that nobody will answer for.
  world.network.block('other', 'away')
  await world.run(other.ref(log, 'l').cast.put('to the first', ''))
  await world.run(away.ref(log, 'l').stop())
  await world.run(visitor.sendMe(tcp('away', SIMULATED_PORT)))
  await world.advance(10)
  world.network.unblock('other', 'away')
  t.same(await world.run(other.ref(log, 'l').call.taken()), [], 'it answers')
  await world.close()
})

test('G9: who waits for room in the window of a name that ends hears of it (seeds 356, 501)', async (t) => {
  const world = simulate({ seed: 1 })
  const limits = { windowMessagesMax: 1 }
  const [a, b, c] = [
    await world.node('a', { kinds: [log], limits }),
    await world.node('b', { kinds: [log], limits }),
    await world.node('c', { kinds: [log], limits }),
  ]
  await world.run(b.start(log, { name: 'dies' }))
  await world.run(c.start(log, { name: 'ends' }))
  await world.advance(10)
  world.pause('b')
  world.pause('c')
  const asked = ['dies', 'ends'].flatMap((name) => [a.ref(log, name).sendMe('a'), a.ref(log, name).sendMe('a')])
  const ends = Promise.allSettled(asked)
  void c.ref(log, 'ends').stop()
  await world.advance(100)
  world.crash('b')
  world.resume('c')
  const outcomes = await world.run(ends, 30_000)
  t.equal(outcomes.length, 4, 'all have an end')
  t.match(outcomes[1], { status: 'rejected' })
  t.match(outcomes[3], { status: 'rejected' })
  await world.close()
})

test('G8: a cluster that forgets a guest does not say that it is down (seed 296)', async (t) => {
  const world = simulate({ seed: 1 })
  const limits = { delegationIdleMs: 1_000 }
  const home = await world.node('home', { cluster: 'one', kinds: [log], limits })
  const away = await world.node('away', { cluster: 'two', kinds: [log], limits })
  const ref = await world.run(home.start(log, { name: 'l' }))
  await world.run(ref.sendMe(tcp('away', SIMULATED_PORT)))
  const downs: string[] = []
  void away
    .ref(log, 'l')
    .monitor()
    .down.then((reason) => downs.push(reason))
  await world.run(away.ref(log, 'l').sendMe(tcp('home', SIMULATED_PORT)))
  await world.advance(30_000)
  t.equal(away.whereis('l'), undefined, 'it was forgotten')
  t.same(downs, [], 'and it lives')
  await world.close()
})

test('G10: a destination that repeats its PREPARED does not keep a move from its time limit (seed 289)', async (t) => {
  const world = simulate({ seed: 1 })
  const limits = { moveTimeoutMs: 2_000, resendMsMax: 500 }
  for (const name of ['a', 'b', 'c']) await world.node(name, { kinds: [log], limits })
  const ref = await world.run(world.at('a').start(log, { name: 'l' }))
  // c holds; it never hears of the move, and is not dead yet either.
  world.network.block('a', 'c')
  const error = await world.run(
    ref.sendMe('b').catch((reason) => reason),
    3_000,
  )
  t.match(error, { code: 'ERR_MOVE_TIMEOUT' })
  world.heal()
  await world.close()
})

test('G10: a holder that leaves before the freeze ends the move there (seed 289)', async (t) => {
  const world = simulate({ seed: 1 })
  for (const name of ['a', 'b', 'c']) await world.node(name, { kinds: [sleeper] })
  const ref = await world.run(world.at('a').start(sleeper, { name: 's' }))
  const slept = ref.call.sleep()
  const moved = ref.sendMe('b').catch((reason) => reason)
  await world.advance(10)
  await world.run(world.at('c').stop())
  t.match(await world.run(moved, 10_000), { code: 'ERR_UNREACHABLE', executed: 'no' })
  wake?.()
  t.equal(await world.run(slept), 'a')
  t.match(await world.run(ref.sendMe('b')), { moved: true }, 'the next one finds another holder')
  await world.run(Promise.all([world.at('a').stop(), world.at('b').stop()]))
})

test('G15: a node that stops gives up the dials that are under way (seed 506)', async (t) => {
  const world = simulate({ seed: 1 })
  const home = await world.node('home', { cluster: 'one', kinds: [log] })
  await world.node('away', { cluster: 'two', kinds: [log] })
  const ref = await world.run(home.start(log, { name: 'l' }))
  world.partition(['home'], ['away'])
  const moved = ref.sendMe(tcp('away', SIMULATED_PORT)).catch((reason) => reason)
  await world.advance(100)
  await world.run(home.stop())
  await moved
  t.equal(world.timers('home'), 0)
  await world.run(world.at('away').stop())
})

test('G8: a process that was about to come from another cluster, and did not, is not down (seed 730)', async (t) => {
  const world = simulate({ seed: 1 })
  const home = await world.node('home', { cluster: 'one', kinds: [log] })
  const away = await world.node('away', { cluster: 'two', kinds: [log] })
  const other = await world.node('other', { cluster: 'two', kinds: [log] })
  const ref = await world.run(home.start(log, { name: 'l' }))
  const prepared = away.once('move', ({ phase }) => phase === 'prepared')
  const moved = ref.sendMe(tcp('away', SIMULATED_PORT), { timeoutMs: 500 }).catch((reason) => reason)
  await world.run(prepared)
  world.network.block('away', 'home')
  await world.advance(10)
  t.match(other.whereis('l'), { node: 'away' }, 'its name is claimed there')
  const downs: string[] = []
  void other
    .ref(log, 'l')
    .monitor()
    .down.then((reason) => downs.push(reason))
  await world.advance(1_000)
  t.equal(other.whereis('l'), undefined, 'and it is not any more')
  t.same(downs, [], 'but it has not died')
  world.heal()
  t.match(await world.run(moved), { code: 'ERR_MOVE_TIMEOUT' })
  await world.close()
})

test('G8: a death is heard by a node that holds an inert copy of the dead (seed 1198)', async (t) => {
  const world = simulate({ seed: 1 })
  for (const name of ['a', 'b', 'c']) await world.node(name, { kinds: [log] })
  const [a, b] = [world.at('a'), world.at('b')]
  const ref = await world.run(a.start(log, { name: 'l' }))
  await world.advance(10)
  const downs: string[] = []
  void b
    .ref(log, 'l')
    .monitor()
    .down.then((reason) => downs.push(reason))
  // b has its copy, and hears nothing of the abort.
  const prepared = b.once('move', ({ phase }) => phase === 'prepared')
  const moved = ref.sendMe('b', { timeoutMs: 500 }).catch((reason) => reason)
  await world.run(prepared)
  world.network.partition(['a'], ['b'], { resets: true })
  await world.run(moved)
  await world.run(ref.stop())
  world.heal()
  await world.advance(5_000)
  t.same(downs, ['normal'])
  await world.close()
})

test('G10: a move of a process that ended in a cluster which is gone has an end (seed 912)', async (t) => {
  const world = simulate({ seed: 1 })
  const limits = { endedMs: 20_000 }
  const home = await world.node('home', { cluster: 'one', kinds: [log], limits })
  const away = await world.node('away', { cluster: 'two', kinds: [log], limits })
  const ref = await world.run(home.start(log, { name: 'l' }))
  await world.run(ref.sendMe(tcp('away', SIMULATED_PORT)))
  await world.advance(100)
  // What away says waits on its way; what home asks for comes to nobody.
  world.network.block('away', 'home')
  await world.run(away.stop())
  const moved = ref.sendMe(tcp('away', SIMULATED_PORT)).catch((reason) => reason)
  let lost = 0
  home.on('undelivered', ({ count }) => (lost += count))
  await world.run(ref.cast.put('lost', ''))
  await world.advance(10)
  world.heal()
  t.match(await world.run(moved, 10_000), { name: 'MobilityError' })
  await world.advance(40_000)
  t.equal(lost, 1, 'G5: and the cast is accounted for')
  await world.run(home.stop())
})

test('G10: the holder lets go of a move whose destination in another cluster began anew (seed 1997)', async (t) => {
  const world = simulate({ seed: 1 })
  const home = await world.node('home', { cluster: 'one', kinds: [log] })
  const holder = await world.node('holder', { cluster: 'one', kinds: [log] })
  await world.node('away', { cluster: 'two', kinds: [log] })
  const ref = await world.run(home.start(log, { name: 'l' }))
  await world.advance(10)
  const begun = holder.once('move', ({ phase }) => phase === 'begin')
  void ref.sendMe(tcp('away', SIMULATED_PORT)).catch(() => undefined)
  await world.run(begun)
  world.crash('away', { silent: true })
  world.crash('home')
  await world.restart('away')
  await world.advance(30_000)
  t.equal(holder.whereis('l'), undefined, 'its name is free')
  t.match(await world.run(holder.start(log, { name: 'l' })), { name: 'l' })
  await world.close()
})

test('G11: what a member held for dead, and has ended long ago, is not listed for ever (seed 1343)', async (t) => {
  const partition = { quorum: 'static', size: 2 } as const
  const stage = await SplitStage.open(['a', 'b', 'c'], {
    node: { partition, limits: { ...QUICK, handshakeMs: 1_500, endedMs: 6_000 } },
  })
  const { world } = stage
  await world.advance(2_000)
  const ref = await stage.start('a', 'x')
  // b hears nobody; c hears b.
  world.partition(['b'], ['a'])
  world.network.block('c', 'b')
  await world.run(ref.stop())
  const judged = world.at('b').once('nodedown', ({ node }) => node === 'a')
  await world.run(judged)
  // c sees nobody, and gives way to b: its new life hears from b alone what there was.
  world.pause('a')
  await world.run(world.at('c').once('quorum'))
  world.heal()
  await world.run(world.at('c').once('registered', ({ name, status }) => name === 'x' && status === 'live'))
  await world.run(world.at('b').stop())
  world.crash('b')
  await world.advance(200)
  world.resume('a')
  await world.advance(1_000)
  await stage.boot('b', { partition, limits: { ...QUICK, handshakeMs: 1_500, endedMs: 6_000 } })
  await world.advance(15_000)
  t.match(world.at('c').nodes(), ['a', 'b'])
  t.same(
    ['a', 'b', 'c'].map((node) => world.at(node).whereis('x')),
    [undefined, undefined, undefined],
  )
  t.equal(world.at('c').stats().recovering, 0)
  t.match(await stage.start('c', 'x'), { name: 'x' })
  await stage.close(t)
})

test('G11: children stopped beyond a cut, and taken over there, do not outlive it (seed 590)', async (t) => {
  const stage = await Children.open(3)
  const names = stage.names(12)
  await stage.start('b', names)
  stage.world.partition(['a'], ['b', 'c'])
  await stage.world.advance(5_000)
  const stopped = stage.world.at('b').hub.stop(names, { timeoutMs: 60_000 })
  await stage.world.advance(20_000)
  t.ok((await stage.run(stopped)).every(({ ok }) => ok))
  t.equal(stage.world.at('a').stats().processes, 12, 'a alone knows nothing of it, and starts all of them')
  stage.world.heal()
  await stage.world.advance(60_000)
  t.ok(stage.heard('reborn', 'a').length > 0)
  t.same(stage.faults([]), [])
  t.equal(stage.world.at('a').hub.count(), 0)
  await stage.close(t)
})

test('G11: of a child that both sides of a split began, the last word counts for both copies (seed 1)', async (t) => {
  const stage = await Children.open(3)
  stage.world.partition(['c'], ['a', 'b'])
  await stage.world.advance(20_000)
  for (const node of ['c', 'a']) await stage.start(node, stage.names(6))
  await stage.world.advance(1_000)
  await stage.run(stage.world.at('c').hub.stop(stage.names(6)))
  stage.world.heal()
  await stage.world.advance(60_000)
  t.same(stage.faults([]), [])
  t.equal(stage.world.at('a').hub.count(), 0)
  await stage.close(t)
})
