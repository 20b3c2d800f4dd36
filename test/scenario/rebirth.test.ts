/** A node that was declared dead while it lived begins a new life in place, and what ran there comes back with it. */
import t from 'tap'
import { defaultLimits } from '../../src/base/limits.js'
import { QUICK, SplitStage, sleepers } from '../fixtures/split-stage.js'

t.test('scenario 51: 2:1, longer than the down time: the one alone comes back with its process', async (t) => {
  const stage = await SplitStage.open(['a', 'b', 'c'])
  const x = await stage.start('c', 'x', 40)
  await stage.add('a', 'x')
  const before = stage.world.at('c').incarnation
  await stage.split(['a', 'b'], ['c'])
  t.equal(stage.world.at('a').whereis('x'), undefined, 'its name has ended there')
  t.equal(await stage.add('c', 'x'), 42, 'it runs on, beyond the cut')
  await stage.heal()
  t.same(stage.reborn(), ['c'])
  t.ok(stage.world.at('c').incarnation > before)
  await stage.whole(t, ['x'])
  t.equal(await stage.world.run(x.call.add(1)), 43, 'a ref of before goes on working')
  t.equal(await stage.add('a', 'x'), 44)
  const [back] = stage.on('returned')
  t.ok((back?.epoch ?? 0) > (back?.formerEpoch ?? 0) && back?.line === back?.epoch, 'a higher epoch, a new line (G2)')
  t.same(
    stage.notes.filter(({ what }) => what !== 'add').map(({ what }) => what),
    ['attach', 'detach', 'attach'],
  )
  await stage.close(t)
})

t.test('scenario 51: a cut shorter than the down time moves nothing and ends no life', async (t) => {
  const stage = await SplitStage.open(['a', 'b', 'c'])
  await stage.start('c', 'x')
  const epoch = stage.world.at('a').whereis('x')?.epoch
  stage.world.partition(['a', 'b'], ['c'])
  await stage.world.advance(1_900)
  t.ok(stage.on('suspected').length > 0)
  await stage.heal(3_000)
  t.same(stage.on('nodedown'), [])
  t.same(stage.reborn(), [])
  t.equal(stage.world.at('a').whereis('x')?.epoch, epoch)
  await stage.whole(t, ['x'])
  await stage.close(t)
})

t.test('by default a closed port is noticed within 2 s, a silent node within 10 s', async (t) => {
  for (const [silent, limit] of [
    [false, defaultLimits.refusedMs],
    [true, defaultLimits.downMs],
  ] as const) {
    const stage = await SplitStage.open(['a', 'b', 'c'], { node: { limits: {} } })
    const at = stage.world.clock.now()
    stage.world.crash('c', { silent })
    await stage.world.advance(20_000)
    const seen = stage.on('nodedown').map((event) => event.at - at)
    t.equal(seen.length, 2)
    // Counted in beats, and from when the link noticed.
    for (const ms of seen) t.ok(ms <= limit + 2 * defaultLimits.heartbeatMs, `${silent ? 'silent' : 'refused'}: ${ms}`)
    await stage.world.close()
  }
})

t.test('mailbox, timers, monitors and start arguments come along; a handler that runs ends first', async (t) => {
  const stage = await SplitStage.open(['a', 'b', 'c'])
  await stage.start('c', 'x', 7)
  await stage.start('c', 'w')
  await stage.start('a', 'seen')
  await stage.world.run(stage.ref('c', 'w').call.ring(20_000))
  await stage.world.run(stage.ref('c', 'w').call.watch('seen'))
  let wake = (): void => {}
  sleepers.set(1, new Promise((resolve) => (wake = resolve)))
  const outside = stage.ref('c', 'seen').monitor()
  const slow = stage.codeOf(stage.ref('c', 'x').call.slow(1))
  for (const what of ['one', 'two']) await stage.world.run(stage.ref('c', 'x').cast.put(what))
  await stage.world.advance(10)
  // Not by a cut: then c would hold the others for dead as well, and its monitors would say so.
  t.ok(stage.world.at('a').declareDead('c'))
  await stage.world.advance(6_000)
  t.same(stage.reborn(), ['c'])
  t.same(
    stage.world
      .at('c')
      .parked()
      .map(({ name, role }) => [name, role]),
    [['x', 'returning']],
    'its handler runs yet',
  )
  t.equal(stage.world.at('a').whereis('x'), undefined)
  t.match(
    await stage.code(stage.world.at('c').start(stage.kinds.counter, { name: 'x', args: [0] })),
    'ERR_ALREADY_STARTED',
  )
  t.equal(await stage.world.run(slow), 'ERR_LOST', 'the call of the former life may have been executed')
  const waits = stage.ref('c', 'x').call.add(1)
  wake()
  await stage.world.advance(3_000)
  t.equal(await stage.world.run(waits), 8, 'a call of the new life waited for it')
  t.same((await stage.world.run(stage.ref('a', 'x').call.read())).log, ['c slow', 'one', 'two', 'c 1'])
  await stage.world.run(stage.ref('a', 'seen').stop('normal'))
  await stage.world.advance(20_000)
  const { log } = await stage.world.run(stage.ref('b', 'w').call.read())
  t.same(log.sort(), ['normal', 'ring'], 'the monitor and the timer of the former life, once each (G7, G8)')
  t.equal(await stage.world.run(outside.down), 'normal', 'and that of code outside')
  await stage.whole(t, ['w', 'x'])
  await stage.close(t)
})

t.test('G9: calls and casts on their way when a life ends: lost or undelivered, and said', async (t) => {
  const stage = await SplitStage.open(['a', 'b', 'c'])
  await stage.start('a', 'far')
  await stage.start('c', 'near')
  stage.world.partition(['a', 'b'], ['c'])
  const code = stage.codeOf(stage.ref('c', 'far').with({ timeoutMs: 60_000 }).call.add(1))
  await stage.world.run(stage.ref('c', 'far').cast.put('lost?'))
  await stage.world.advance(4_000)
  t.equal(await stage.world.run(code), 'ERR_LOST', 'its node died for the caller')
  t.equal(stage.on('undelivered').filter(({ on }) => on === 'c').length, 1)
  await stage.heal()
  await stage.whole(t, ['far', 'near'])
  await stage.close(t)
})

t.test(
  'fault 54: SIGSTOP longer than the down time: nothing runs before the new life, and the state survives',
  async (t) => {
    const stage = await SplitStage.open(['a', 'b', 'c'])
    await stage.start('c', 'x', 1)
    await stage.world.run(stage.ref('c', 'x').call.ring(1_000))
    stage.world.pause('c')
    const waits = stage.codeOf(stage.ref('a', 'x').with({ timeoutMs: 60_000 }).call.add(1))
    await stage.world.advance(6_000)
    t.same(
      stage.on('nodedown').map(({ on, node }) => [on, node]),
      [
        ['a', 'c'],
        ['b', 'c'],
      ],
    )
    t.equal(await stage.world.run(waits), 'ERR_LOST')
    const at = stage.world.clock.now()
    stage.world.resume('c')
    await stage.world.advance(9_000)
    t.same(stage.reborn(), ['c'])
    const back = stage.on('returned')[0]?.at ?? 0
    const ran = stage.notes.filter((note) => note.at >= at && note.what !== 'detach')
    t.ok(back > at && ran.length > 0 && ran.every((note) => note.at >= back - 50), 'G1: nothing ran in between', {
      ran,
      back,
    })
    t.same(
      (await stage.world.run(stage.ref('b', 'x').call.read())).log.filter((one) => one !== 'c 1'),
      ['ring'],
    )
    await stage.whole(t, ['x'])
    await stage.close(t)
  },
)

t.test('G8: who ended during a standstill, and is forgotten since, is down for monitors of before', async (t) => {
  const stage = await SplitStage.open(['a', 'b', 'c'], { node: { limits: { ...QUICK, endedMs: 1_000 } } })
  await stage.start('c', 'w')
  await stage.start('a', 'seen')
  await stage.start('a', 'lives')
  for (const name of ['seen', 'lives']) await stage.world.run(stage.ref('c', 'w').call.watch(name))
  const outside = stage.ref('c', 'seen').monitor()
  const quiet = stage.ref('c', 'lives').monitor()
  let downs = 0
  void quiet.down.then(() => (downs += 1))
  stage.world.pause('c')
  // Its link is down by then: what stood in its buffers it would still read.
  await stage.world.advance(4_000)
  await stage.world.run(stage.ref('a', 'seen').stop('normal'))
  await stage.world.advance(3_000)
  stage.world.resume('c')
  await stage.world.advance(9_000)
  t.same(stage.reborn(), ['c'])
  t.equal(await stage.world.run(outside.down), 'nodedown')
  t.same((await stage.world.run(stage.ref('a', 'w').call.read())).log, ['nodedown'], 'once, and of that one only')
  t.equal(downs, 0)
  await stage.close(t)
})

t.test('fault 54: SIGSTOP shorter than the down time: nothing happens', async (t) => {
  const stage = await SplitStage.open(['a', 'b', 'c'])
  await stage.start('c', 'x', 1)
  stage.world.pause('c')
  await stage.world.advance(1_800)
  stage.world.resume('c')
  await stage.world.advance(3_000)
  t.same(stage.reborn(), [])
  t.same(stage.on('nodedown'), [])
  t.equal(await stage.add('a', 'x'), 2)
  await stage.close(t)
})

t.test('scenario 49: join, leave, join again as a new life', async (t) => {
  const stage = await SplitStage.open(['a', 'b', 'c'])
  for (let i = 0; i < 3; i++) {
    const before = stage.world.at('c').incarnation
    await stage.world.run(stage.world.at('c').stop())
    t.same(stage.world.at('a').nodes(), ['b'])
    stage.world.crash('c')
    await stage.world.advance(500)
    await stage.boot('c')
    await stage.world.advance(1_000)
    t.ok(stage.world.at('c').incarnation > before)
    t.same(stage.world.at('a').nodes(), ['b', 'c'])
  }
  t.same(stage.reborn(), [])
  await stage.close(t)
})

t.test('an operator may declare a live member dead: it comes back as a new life', async (t) => {
  const stage = await SplitStage.open(['a', 'b', 'c'])
  await stage.start('c', 'x', 5)
  t.ok(stage.world.at('a').declareDead('c'))
  await stage.world.advance(9_000)
  t.same(stage.reborn(), ['c'])
  t.equal(await stage.add('b', 'x'), 6)
  await stage.whole(t, ['x'])
  await stage.close(t)
})

t.test('a node stops while its processes wait for their names', async (t) => {
  const stage = await SplitStage.open(['a', 'b', 'c'])
  await stage.start('c', 'x')
  await stage.split(['a', 'b'], ['c'])
  const reborn = stage.world.at('c').once('reborn')
  stage.world.heal()
  await stage.world.run(reborn)
  t.same(
    stage.world
      .at('c')
      .parked()
      .map(({ name }) => name),
    ['x'],
  )
  await stage.world.run(stage.world.at('c').stop())
  t.equal(stage.world.timers('c'), 0)
  await stage.close(t)
})
