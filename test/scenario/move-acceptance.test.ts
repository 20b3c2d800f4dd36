/** One move, as a user sees it (acceptance 24 to 40), inside a cluster and over tcp(host, port) between two (37). */
import t from 'tap'
import { richKind } from '../fixtures/move-kinds.js'
import { Stage, type Where } from '../fixtures/stage.js'

const WHERE: readonly Where[] = ['inside', 'outside']

for (const where of WHERE) {
  t.test(`${where}: G3 G9 acceptance 24: queued messages keep kind, order and caller over a move`, async (t) => {
    const stage = await Stage.open(where)
    await stage.link()
    const [x, near] = [await stage.start(), stage.ref('c')]
    const y = await stage.start('y')
    // A handler keeps it busy, so that these are in the mailbox when the freeze comes, ahead of them.
    const asked = x.call.ask('y')
    await stage.world.advance(5)
    void near.cast.note('one')
    const two = near.call.note('two')
    void near.send('three')
    const moving = x.sendMe(stage.b)
    await stage.world.advance(5)
    await stage.run(y.call.answerAll())
    // These come while it is frozen.
    void near.cast.note('four')
    const five = near.call.note('five')
    await stage.run(Promise.all([asked, moving]))
    t.same(await stage.run(Promise.all([two, five])), ['two b', 'five b'])
    t.same(await stage.run(near.call.log()), [
      ...['asked on a', 'cast one on b', 'call two on b', 'info three on b', 'cast four on b', 'call five on b'],
    ])
    await stage.world.close()
  })

  t.test(`${where}: G6 acceptance 28: a destination that refuses costs nothing, and says why`, async (t) => {
    const stage = await Stage.open(where, { kindsOfB: [] })
    const x = await stage.start()
    await stage.run(x.call.note('before'))
    t.equal(await stage.code(x.sendMe(stage.b)), 'ERR_KIND_UNKNOWN')
    t.equal(await stage.code(x.sendMe('nobody')), 'ERR_UNREACHABLE')
    t.same(stage.phases('x', 'a'), [], 'it was never frozen')
    t.equal(await stage.run(x.call.note('after')), 'after a')
    t.ok((await stage.run(x.sendMe('c'))).moved, 'the next attempt works')
    await stage.world.close()
  })

  t.test(`${where}: G6 acceptance 28: a version that the destination cannot read is refused`, async (t) => {
    const stage = await Stage.open(where, { kindsOfB: [richKind(2)] })
    const x = await stage.start()
    t.ok((await stage.run(x.sendMe(stage.b))).moved, 'it can read version 1')
    t.same(await stage.run(stage.ref('c').call.log()), ['upgraded'])
    t.equal(await stage.code(stage.ref('c').sendMe(stage.a)), 'ERR_VERSION', 'the way back is a downgrade')
    t.equal(await stage.run(stage.ref('c').call.note('still')), 'still b')
    await stage.world.close()
  })

  t.test(`${where}: G12 acceptance 29: 50 times back and forth leave nothing behind`, async (t) => {
    const stage = await Stage.open(where, { limits: { endedMs: 30_000 } })
    const x = await stage.start()
    await stage.run(x.sendMe(stage.b))
    await stage.run(stage.ref('c').sendMe(stage.a))
    await stage.world.advance(120_000)
    const before = ['a', 'b', 'c'].map((name) => stage.node(name).stats())
    for (let i = 0; i < 50; i++) {
      const to = i % 2 === 0 ? stage.b : stage.a
      t.ok((await stage.run(stage.ref('c').sendMe(to))).moved)
      t.equal(await stage.run(stage.ref('c').call.note(`n${i}`)), `n${i} ${i % 2 === 0 ? 'b' : 'a'}`)
    }
    t.equal((await stage.run(stage.ref('c').call.log())).length, 50)
    await stage.world.advance(120_000)
    const after = ['a', 'b', 'c'].map((name) => stage.node(name).stats())
    t.same(after, before)
    await stage.world.close()
  })

  t.test(`${where}: G15 acceptance 30: a state over the limit is refused before the freeze`, async (t) => {
    const stage = await Stage.open(where, { limitsOfB: { stateBytesMax: 100_000 } })
    const x = await stage.start('x', '', 200_000)
    t.equal(await stage.code(x.sendMe(stage.b)), 'ERR_STATE_TOO_LARGE')
    t.same(stage.phases('x', 'a'), [])
    t.equal(await stage.run(x.call.note('on')), 'on a')
    await stage.world.close()
  })

  t.test(`${where}: G15 acceptance 30: 10 MB go in chunks while calls on the same link go on`, async (t) => {
    const stage = await Stage.open(where)
    stage.world.network.shape('a', 'b', { bytesPerMs: 10_000 })
    const big = await stage.start('big', '', 10_000_000)
    await stage.start('small')
    await stage.run(stage.ref('a', 'small').sendMe(stage.b))
    const moving = big.sendMe(stage.b)
    const { clock } = stage.world
    const took: number[] = []
    let moved = false
    void moving.then(() => (moved = true))
    while (!moved) {
      const at = clock.now()
      await stage.run(stage.ref('a', 'small').call.note('x'))
      took.push(clock.now() - at)
    }
    t.ok(took.length > 20, `${took.length} calls during the move`)
    t.ok(Math.max(...took) < 60, `the slowest took ${Math.max(...took)} ms`)
    t.ok((await stage.run(moving)).stateBytes > 10_000_000)
    await stage.world.close()
  })

  t.test(
    `${where}: G6 acceptance 31: a handler that never ends costs the move its time, and others nothing`,
    async (t) => {
      const stage = await Stage.open(where)
      await stage.link()
      const x = await stage.start()
      const y = await stage.start('y')
      void x.call.hang().catch(() => {})
      await stage.world.advance(10)
      // The order to move itself waited behind the handler, and the move's limit never began.
      const at = stage.world.clock.now()
      const stuck = stage.code(x.sendMe(stage.b, { timeoutMs: 1_000 }))
      t.equal(await stuck, 'ERR_MOVE_TIMEOUT')
      t.equal(stage.world.clock.now() - at, 1_000)
      t.ok((await stage.run(y.sendMe(stage.b))).moved)
      await stage.world.close()
    },
  )

  t.test(`${where}: acceptance 33: mayMove says not now, and it moves when it says true`, async (t) => {
    const stage = await Stage.open(where)
    const x = await stage.start()
    await stage.run(x.call.set('consent', 'a game is on'))
    await t.rejects(stage.run(x.sendMe(stage.b)), { code: 'ERR_NOT_NOW', message: /a game is on/ })
    await stage.run(x.call.set('consent', 'yes'))
    t.ok((await stage.run(x.sendMe(stage.b))).moved)
    await stage.world.close()
  })

  t.test(`${where}: G6 acceptance 34: a callback that throws is a refusal, never a half-moved process`, async (t) => {
    const stage = await Stage.open(where, { kindsOfB: [richKind(2)] })
    const x = await stage.start()
    for (const callback of ['prepareHandover', 'upgrade', 'alterHandover', 'schema', 'attach']) {
      await stage.run(x.call.set('mischief', callback))
      const code = callback === 'prepareHandover' ? 'ERR_CALLBACK' : 'ERR_REFUSED'
      await t.rejects(stage.run(x.sendMe(stage.b)), { code, message: new RegExp(callback) }, callback)
      t.equal(await stage.run(x.call.note(callback)), `${callback} a`)
      t.equal(await stage.run(stage.ref('c').call.note(callback)), `${callback} a`)
      t.equal(stage.node('b').stats().processes, 0)
    }
    await stage.run(x.call.set('mischief', ''))
    t.ok((await stage.run(x.sendMe(stage.b))).moved)
    await stage.world.close()
  })

  t.test(`${where}: G7 acceptance 35, fault 50: timers and messages to itself fire once, never early`, async (t) => {
    const stage = await Stage.open(where)
    await stage.link()
    const x = await stage.start()
    const due = stage.world.clock.now() + 1_000
    await stage.run(x.call.remind(1_000, 'late'))
    await stage.run(x.call.remind(2, 'while frozen'))
    await stage.run(x.sendMe(stage.b))
    await stage.world.advance(due - stage.world.clock.now() - 2)
    t.same(await stage.run(stage.ref('c').call.log()), ['info while frozen on b'])
    await stage.world.advance(3_000)
    t.same(await stage.run(stage.ref('c').call.log()), ['info while frozen on b', 'info late on b'])
    await stage.world.close()
  })

  t.test(`${where}: G9 acceptance 36: a deferred reply kept in the state is answered from the new node`, async (t) => {
    const stage = await Stage.open(where)
    const x = await stage.start()
    const answer = stage.ref('c').call.later()
    const own = x.call.later()
    await stage.world.advance(10)
    await stage.run(x.sendMe(stage.b))
    await stage.run(stage.ref('c').call.answerAll())
    t.equal(await stage.run(answer), 'answered on b')
    t.equal(await stage.run(own), 'answered on b')
    await stage.world.close()
  })

  t.test(`${where}: G8 acceptance 39: the end in the other place is heard once by those who watch`, async (t) => {
    const stage = await Stage.open(where)
    const x = await stage.start()
    const y = await stage.start('y')
    await stage.run(y.call.watch('x'))
    const seen: string[] = []
    for (const on of ['a', 'c'])
      void stage
        .ref(on)
        .monitor()
        .down.then((reason) => seen.push(`${on} ${reason}`))
    await stage.run(x.sendMe(stage.b))
    await stage.world.advance(1_000)
    t.same(seen, [], 'a move is no death')
    await stage.code(stage.ref('c').call.crash())
    await stage.world.advance(1_000)
    t.equal(seen.length, 2)
    t.ok(seen.every((one) => one.includes('crash: told to crash')))
    const log = await stage.run(y.call.log())
    t.equal(log.filter((line) => line.includes('"down"')).length, 1)
    t.equal(await stage.code(stage.ref('c').call.note('x')), 'ERR_NO_PROCESS')
    await stage.run(stage.node('c').start(stage.rich, { name: 'x', args: [] }))
    t.equal(await stage.run(stage.ref('c').call.note('again')), 'again c', 'the name is free')
    t.same(
      stage.events.filter(({ type }) => type === 'violation'),
      [],
      'no honest node is blamed',
    )
    await stage.world.close()
  })

  t.test(`${where}: acceptance 40: each phase is one event, and a listener that throws stops nothing`, async (t) => {
    const stage = await Stage.open(where)
    const x = await stage.start()
    for (const name of ['a', 'b', 'c'])
      stage.node(name).on('*', () => {
        throw new Error('a bad listener')
      })
    const { stateBytes } = await stage.run(x.sendMe(stage.b))
    await stage.world.advance(100)
    t.same(stage.phases('x', 'a'), ['freeze', 'prepare', 'prepared', 'commit', 'retire'])
    t.same(stage.phases('x', 'b'), ['prepared', 'activate'])
    t.same(stage.phases('x', 'c'), ['begin'])
    const activate = stage.events.find((event) => event.type === 'move' && event.phase === 'activate')
    t.match(activate, { bytes: stateBytes, peer: 'a', role: 'destination' })
    await stage.world.close()
  })
}
