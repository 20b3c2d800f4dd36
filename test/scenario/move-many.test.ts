/** Several moves, several clusters, and what else may happen to a name (faults 40 to 49, acceptance 22 to 38). */
import t from 'tap'
import { tcp } from '../../src/process/destination.js'
import { SIMULATED_PORT, simulate } from '../../src/testing.js'
import { faultsOf } from '../fixtures/move-checks.js'
import { richKind } from '../fixtures/move-kinds.js'
import { MoveLab, WORLDS } from '../fixtures/move-lab.js'
import { Stage, type Where } from '../fixtures/stage.js'

const WHERE: readonly Where[] = ['inside', 'outside']

const endOf = (move: Promise<unknown>): Promise<string> =>
  move.then(
    () => 'ok',
    ({ code }: { code: string }) => code,
  )

for (const kind of WORLDS) {
  t.test(`${kind}: G1 G3 G4 G9 acceptance 22, 23, 25: nothing lost, doubled or reordered under load`, async (t) => {
    const lab = await MoveLab.open(kind, { casts: 300 })
    lab.load()
    const back = lab.foreign ? tcp('a', SIMULATED_PORT) : 'a'
    for (let i = 0; i < 6; i++) {
      await lab.world.advance(40)
      lab.move(i % 2 === 0 ? 'a' : (lab.homes.at(-1) ?? 'a'), i % 2 === 0 ? lab.destination : back)
    }
    await lab.world.advance(30_000)
    t.ok(lab.moved?.result?.moved)
    t.ok(
      lab.loads.every(({ sent, calls }) => sent.length === 300 && calls.every(({ fate }) => fate === 'ok')),
      'every cast was sent, every call was answered',
    )
    t.same(await faultsOf(lab, ['kept']), [])
    await lab.close()
  })
}

for (const where of WHERE) {
  t.test(`${where}: G4 acceptance 22: 50 processes move at once, each with its own writes`, async (t) => {
    const stage = await Stage.open(where)
    const names = Array.from({ length: 50 }, (_, i) => `p${i}`)
    const refs = await stage.run(
      Promise.all(names.map((name) => stage.node('a').start(stage.rich, { name, args: [] }))),
    )
    await stage.world.advance(10)
    const moves = Promise.all(refs.map((ref) => ref.sendMe(stage.b)))
    const notes = Promise.all(
      Array.from({ length: 10 }, (_, i) => names.map((name) => stage.ref('c', name).call.note(`n${i}`))).flat(),
    )
    t.equal((await stage.run(notes)).length, 500)
    t.ok((await stage.run(moves)).every(({ moved }) => moved))
    for (const name of names) {
      const log = await stage.run(stage.ref('c', name).call.log())
      t.same(
        log.map((line) => line.split(' ')[1]),
        Array.from({ length: 10 }, (_, i) => `n${i}`),
      )
    }
    await stage.world.close()
  })

  t.test(
    `${where}: G15: a batch larger than what may be under way goes all the same, and who waits runs on`,
    async (t) => {
      const stage = await Stage.open(where, { limits: { preparedPerPeerMax: 4 } })
      const names = Array.from({ length: 30 }, (_, i) => `p${i}`)
      const refs = await stage.run(
        Promise.all(names.map((name) => stage.node('a').start(stage.rich, { name, args: [] }))),
      )
      await stage.world.advance(10)
      const frozen = new Set<string>()
      let most = 0
      stage.node('a').on('move', ({ name, phase }) => {
        if (phase === 'freeze') frozen.add(name)
        if (phase === 'retire') frozen.delete(name)
        most = Math.max(most, frozen.size)
      })
      const moves = Promise.all(refs.map((ref) => ref.sendMe(stage.b)))
      t.ok((await stage.run(moves)).every(({ moved }) => moved))
      t.equal(most, 4)
      t.equal(stage.node('a').stats().departures, 0)
      await stage.world.close()
    },
  )

  t.test(`${where}: G6: who waits for its turn and is stopped meanwhile leaves it to the next`, async (t) => {
    const stage = await Stage.open(where, { limits: { preparedPerPeerMax: 1 } })
    const names = ['p0', 'p1', 'p2']
    const refs = await stage.run(
      Promise.all(names.map((name) => stage.node('a').start(stage.rich, { name, args: [] }))),
    )
    await stage.world.advance(10)
    const codes = refs.map((ref) => endOf(ref.sendMe(stage.b)))
    await stage.run((refs[1] as (typeof refs)[0]).stop())
    t.same(await stage.run(Promise.all(codes)), ['ok', 'ERR_STOPPED', 'ok'])
    await stage.world.close()
  })

  t.test(`${where}: G6: a node that stops in the middle of a batch begins no more of it`, async (t) => {
    const stage = await Stage.open(where, { limits: { preparedPerPeerMax: 2 } })
    await stage.link()
    const names = Array.from({ length: 10 }, (_, i) => `p${i}`)
    const refs = await stage.run(
      Promise.all(names.map((name) => stage.node('a').start(stage.rich, { name, args: [] }))),
    )
    await stage.world.advance(10)
    const codes = refs.map((ref) => endOf(ref.sendMe(stage.b)))
    let begun = 0
    stage.node('a').on('move', ({ phase }) => {
      if (phase === 'freeze') begun += 1
    })
    await stage.world.advance(1)
    const before = begun
    const stopped = stage.node('a').stop()
    t.equal((await stage.run(Promise.all(codes))).filter((code) => code === 'ERR_NODE_STOPPED').length, 10 - before)
    await stage.run(stopped)
    t.equal(begun, before)
    await stage.world.close()
  })

  t.test(`${where}: G3: what a moving process has sent arrives once and in order`, async (t) => {
    const stage = await Stage.open(where)
    await stage.link()
    const [x, y] = [await stage.start('x'), await stage.start('y')]
    // What was acknowledged between freeze and commit was never FLUSHED: D held the process's sends for ever.
    if (where === 'inside') await stage.run(y.sendMe('c'))
    for (let i = 1; i <= 20; i++) void x.call.tell('y', `n${i}`)
    void x.sendMe(where === 'inside' ? stage.b : 'c')
    for (let i = 21; i <= 40; i++) void x.call.tell('y', `n${i}`)
    await stage.world.advance(10_000)
    const log = await stage.run(stage.ref('c', 'y').call.log())
    t.same(
      log.map((line) => line.split(' ')[1]),
      Array.from({ length: 40 }, (_, i) => `n${i + 1}`),
    )
    await stage.world.close()
  })

  t.test(`${where}: fault 40: of two moves ordered at once one wins, the other is told so`, async (t) => {
    const stage = await Stage.open(where)
    const x = await stage.start()
    const codes = [
      stage.code(x.sendMe(stage.b)),
      x.sendMe('c').then(
        () => 'ok',
        (error) => error.code,
      ),
    ]
    const [one, other] = [await codes[0], await stage.run(codes[1] as Promise<string>)]
    t.same([one, other].sort(), ['ERR_MOVING', 'ok'])
    await stage.world.close()
  })

  t.test(`${where}: fault 41: two processes pass each other`, async (t) => {
    const stage = await Stage.open(where)
    const x = await stage.start()
    await stage.run(stage.node('b').start(stage.rich, { name: 'y', args: [] }))
    await stage.run(Promise.all([x.sendMe(stage.b), stage.ref('b', 'y').sendMe(stage.a)]))
    t.equal(await stage.run(stage.ref('b').call.note('x')), 'x b')
    t.equal(await stage.run(stage.ref('a', 'y').call.note('y')), 'y a')
    await stage.world.close()
  })

  t.test(
    `${where}: fault 44: a stop that meets a move either cancels it or follows it; it never comes back`,
    async (t) => {
      for (let delay = 0; delay <= 8; delay++) {
        const stage = await Stage.open(where)
        await stage.link()
        const x = await stage.start()
        const moving = endOf(x.sendMe(stage.b))
        await stage.world.advance(delay)
        await stage.run(stage.ref('c').stop())
        t.match(await stage.run(moving), /^(ok|ERR_STOPPED|ERR_LOST)$/)
        await stage.world.advance(20_000)
        for (const name of ['a', 'b', 'c']) t.equal(stage.node(name).whereis('x'), undefined, `${name}, ${delay} ms`)
        await stage.world.close()
      }
    },
  )

  t.test(
    `${where}: fault 44: a stop that was taken while a handler ran is not left behind by the freeze`,
    async (t) => {
      const stage = await Stage.open(where)
      await stage.link()
      const [x, y] = [await stage.start(), await stage.start('y')]
      void x.call.ask('y')
      await stage.world.advance(5)
      // The freeze waits for the handler, and the stop behind it: it went away with the frozen copy, unanswered.
      const moving = stage.code(x.sendMe(stage.b))
      const stopping = stage.ref('c').stop()
      stage.world.clock.after(50, () => void y.call.answerAll())
      t.equal(await moving, 'ERR_STOPPED')
      await stage.run(stopping)
      await stage.world.advance(5)
      t.equal(stage.node('c').whereis('x'), undefined)
      await stage.world.close()
    },
  )
}

t.test('fault 42: a move to where it is already costs nothing', async (t) => {
  const stage = await Stage.open('inside')
  const x = await stage.start()
  for (const to of ['a', tcp('a', SIMULATED_PORT)] as const) {
    t.match(await stage.run(x.sendMe(to)), { moved: false, pauseMs: 0 })
  }
  t.same(stage.phases('x', 'a'), [])
  await stage.world.close()
})

t.test(
  'G12 acceptance 32: a caller that knows the old place only gets through, and goes direct from then on',
  async (t) => {
    const lab = await MoveLab.open('three', { seed: 'old place' })
    // c hears nothing of the move but what the old place says.
    lab.points.lose('REGISTERED', 'b', 'c')
    lab.move()
    await lab.world.advance(100)
    lab.points.seen.length = 0
    t.equal(await lab.world.run(lab.ref('c').call.add('c', 1)), 1)
    t.equal(await lab.world.run(lab.ref('c').call.add('c', 2)), 2)
    const ways = lab.points.seen.filter(({ message }) => message.type === 'DELIVER').map(({ from, to }) => from + to)
    t.equal(ways.at(-1), 'cb')
    // It was five: the first message after a pause went out again after 1 ms, and a REDIRECT sent everything twice.
    t.same(ways, ['ca', 'cb', 'cb'])
    await lab.close()
  },
)

t.test(
  'G12 acceptance 38: A -> B -> C -> A over three clusters: callers at A go on, the way is short again',
  async (t) => {
    const world = simulate({ seed: 'round trip' })
    const rich = richKind()
    for (const name of ['a', 'b', 'c']) await world.node(name, { cluster: name, kinds: [rich] })
    await world.run(world.at('a').start(rich, { name: 'x', args: [] }))
    const near = world.at('a').ref(rich, 'x')
    for (const [round, to] of ['b', 'c', 'a', 'b', 'c', 'a'].entries()) {
      t.ok((await world.run(near.sendMe(tcp(to, SIMULATED_PORT)))).moved)
      t.equal(await world.run(near.call.note(`${round}`)), `${round} ${to}`)
      await world.advance(20)
      const at = world.clock.now()
      await world.run(near.call.note('again'))
      t.ok(world.clock.now() - at <= 2, `one hop: ${world.clock.now() - at} ms`)
    }
    await world.advance(200_000)
    t.equal(world.at('b').whereis('x'), undefined, 'b has forgotten it')
    await world.close()
  },
)

t.test('acceptance 37: another secret is refused before the freeze; so is a name that is taken there', async (t) => {
  const world = simulate({ seed: 'secrets' })
  const rich = richKind()
  const kinds = [rich]
  await world.node('a', { cluster: 'a', kinds, secret: 'the secret of the first two' })
  await world.node('b', { cluster: 'b', kinds, secret: 'the secret of the first two' })
  await world.node('c', { cluster: 'c', kinds, secret: 'quite another secret here' })
  const x = await world.run(world.at('a').start(rich, { name: 'x', args: [] }))
  await world.run(world.at('b').start(rich, { name: 'x', args: [] }))
  await t.rejects(world.run(x.sendMe(tcp('c', SIMULATED_PORT))), { code: 'ERR_AUTH' })
  await t.rejects(world.run(x.sendMe(tcp('b', SIMULATED_PORT))), { code: 'ERR_REFUSED', message: /runs on node b/ })
  await t.rejects(world.run(x.sendMe(tcp('b', 99))), { code: 'ERR_UNREACHABLE' })
  t.equal(await world.run(x.call.note('on')), 'on a')
  await world.close()
})

t.test('G10: the holder dies while moves wait for their turn: they are planned anew, and go', async (t) => {
  const stage = await Stage.open('inside', { limits: { preparedPerPeerMax: 2 } })
  const names = Array.from({ length: 10 }, (_, i) => `p${i}`)
  const refs = await stage.run(Promise.all(names.map((name) => stage.node('a').start(stage.rich, { name, args: [] }))))
  await stage.world.advance(10)
  let frozen = 0
  stage.node('a').on('move', ({ phase }) => {
    if (phase !== 'freeze') return
    frozen += 1
    if (frozen === 2) queueMicrotask(() => stage.world.crash('c'))
  })
  const codes = refs.map((ref) => endOf(ref.sendMe(stage.b)))
  const ends = await stage.run(Promise.all(codes), 600_000)
  t.same(ends.slice(2), Array(8).fill('ok'))
  t.equal(stage.node('a').stats().departures, 0)
  await stage.world.close()
})

t.test('G10: behind moves in doubt nobody waits for ever', async (t) => {
  const stage = await Stage.open('outside', { limits: { preparedPerPeerMax: 2 } })
  await stage.link()
  const names = Array.from({ length: 6 }, (_, i) => `p${i}`)
  const refs = await stage.run(Promise.all(names.map((name) => stage.node('a').start(stage.rich, { name, args: [] }))))
  await stage.world.advance(10)
  const codes = names.map(() => 'waits')
  refs.forEach((ref, at) => {
    ref.sendMe(stage.b).catch(({ code }: { code: string }) => {
      codes[at] = code
    })
  })
  let committed = 0
  stage.node('a').on('move', ({ phase }) => {
    if (phase !== 'commit') return
    committed += 1
    if (committed === 2) queueMicrotask(() => stage.world.crash('b', { silent: true }))
  })
  await stage.world.advance(60_000)
  t.same(codes.slice(2), Array(4).fill('ERR_MOVE_TIMEOUT'))
  for (const ref of refs.slice(2)) t.equal(await stage.run(ref.call.log().then(() => 'runs on')), 'runs on')
  await stage.world.close()
})
