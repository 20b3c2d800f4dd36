/** Moves whose answers are lost, whose nodes are silent, whose callers go on: nobody runs or resumes on silence. */
import t from 'tap'
import { fateOf, faultsOf } from '../fixtures/move-checks.js'
import { MoveLab, type WorldKind } from '../fixtures/move-lab.js'
import { type Case, runCase, WIRES } from '../fixtures/move-sweep.js'

const WITH_HOLDER: readonly WorldKind[] = ['three', 'out2']
const ALL: readonly WorldKind[] = ['two', 'three', 'out', 'out2']

const underWay = async (kind: WorldKind, seed: string): Promise<MoveLab> => {
  const lab = await MoveLab.open(kind, { seed: `${kind} ${seed}` })
  lab.load()
  await lab.world.advance(10)
  return lab
}

t.test('G1 G10: while ACTIVATED is lost D starts no other move; with RETIRED it does', async (t) => {
  const lab = await underWay('three', 'activated lost')
  const found = [lab.points.lose('ACTIVATED', 'b', 'a'), lab.points.lose('REGISTERED', 'b', 'a')]
  lab.move()
  await lab.world.advance(20)
  t.equal(lab.world.at('c').whereis('x')?.node, 'b')
  lab.move('c', 'c')
  await lab.world.advance(900)
  t.equal(lab.points.seen.filter(({ from, message }) => from === 'b' && message.type === 'PREPARE').length, 0)
  for (const end of found) end()
  await lab.world.advance(30_000)
  t.equal(lab.world.at('a').whereis('x')?.node, 'c')
  t.ok(lab.moved?.result?.moved)
  t.same(await faultsOf(lab, ['kept']), [])
  await lab.close()
})

t.test('G1 G10: ... or with the death of S', async (t) => {
  const lab = await underWay('three', 'activated lost and S dies')
  lab.points.lose('ACTIVATED', 'b', 'a')
  // The registry tells S as well; here it must not.
  lab.points.lose('REGISTERED', 'b', 'a')
  lab.move()
  await lab.world.advance(20)
  lab.move('c', 'c')
  await lab.world.advance(900)
  t.equal(lab.points.seen.filter(({ from, message }) => from === 'b' && message.type === 'PREPARE').length, 0)
  lab.crash('a')
  await lab.world.advance(30_000)
  t.equal(lab.world.at('b').whereis('x')?.node, 'c')
  t.same(await faultsOf(lab, ['kept']), [])
  await lab.close()
})

t.test('G1: a stop is confirmed when S knows that D runs, and then it stays one (RETIRED lost)', async (t) => {
  const lab = await underWay('three', 'retired lost')
  const found = lab.points.lose('RETIRED', 'a', 'b')
  lab.move()
  await lab.world.advance(50)
  let stopped = false
  void lab
    .ref('c')
    .stop('normal')
    .then(() => (stopped = true))
  await lab.world.advance(3_000)
  t.notOk(stopped)
  found()
  await lab.world.advance(10_000)
  t.ok(stopped)
  t.equal(fateOf(lab), 'ended')
  await lab.close()
})

for (const kind of ALL) {
  t.test(`${kind}: G10: D silent after the commit (no power) is waited for, or judged by the members`, async (t) => {
    const lab = await underWay(kind, 'D silent')
    const silent = lab.points.arm({
      ...{ frame: 'COMMIT', from: 'a', to: 'b', keep: false, sever: true },
      after: () => {
        lab.lives.delete('b')
        lab.world.crash('b', { silent: true })
      },
    })
    lab.move()
    await lab.world.run(silent)
    await lab.world.advance(40_000)
    if (kind === 'three') {
      t.same(await faultsOf(lab, ['rollback']), [])
    } else {
      t.equal(fateOf(lab), 'parked')
      t.equal(lab.world.at('a').parked()[0]?.role, 'source')
      t.equal(lab.moved?.error?.code, 'ERR_IN_DOUBT')
      t.ok(lab.world.at('a').decide('x', 'restore'))
      await lab.world.advance(40_000)
      t.same(await faultsOf(lab, ['rollback']), [])
    }
    await lab.close()
  })

  // The answer to the move was kept, and sent again, for ever: its caller waits without limit and is silent.
  t.test(`${kind}: G4 G10 fault 4: S silent with the copy standing: the holder decides, or an operator`, async (t) => {
    const lab = await underWay(kind, 'S silent')
    const silent = lab.points.arm({
      ...{ frame: 'PREPARED', from: 'b', to: 'a', keep: false, sever: true },
      after: () => {
        lab.lives.delete('a')
        lab.world.crash('a', { silent: true })
      },
    })
    lab.move()
    await lab.world.run(silent)
    await lab.world.advance(60_000)
    if (kind === 'two' || kind === 'out') {
      t.equal(fateOf(lab), 'parked')
      t.equal(lab.world.at('b').parked()[0]?.role, 'destination')
      t.ok(lab.world.at('b').decide('x', 'restore'))
      await lab.world.advance(10_000)
    }
    t.same(await faultsOf(lab, [kind === 'out' ? 'away' : 'kept']), [])
    await lab.close()
  })
}

for (const kind of WITH_HOLDER) {
  for (const wire of WIRES.filter(({ to, from }) => to === 'H' || from === 'H')) {
    t.test(`${kind}: G6 G10 fault 54: H stands still for 20 s at ${wire.frame} ${wire.from}>${wire.to}`, async (t) => {
      const lab = await MoveLab.open(kind, { seed: `${kind} H still ${wire.frame}` })
      const from = wire.from === 'H' ? 'c' : 'a'
      const still = lab.points.arm({
        ...{ frame: wire.frame, from, to: from === 'c' ? 'a' : 'c' },
        before: () => lab.world.pause('c'),
      })
      const found = wire.frame.startsWith('ABORT') ? lab.points.lose('PREPARED', 'b', 'a') : undefined
      lab.load()
      await lab.world.advance(10)
      lab.move()
      await lab.world.run(still)
      found?.()
      await lab.world.advance(20_000)
      lab.world.resume('c')
      await lab.world.advance(40_000)
      // c, turned away after each handshake, dialed again at once: thousands of links a second, for ever.
      // The other nodes took c for dead, and c knows: it is no member any more. What they see must be right.
      t.same(
        (await faultsOf(lab, ['kept'])).filter((fault) => !fault.includes('c cannot') && !fault.includes(' of c ')),
        [],
      )
      await lab.close()
    })
  }
}

t.test('G1: S cut off with the copy standing: D takes over with H, and S never runs again', async (t) => {
  const lab = await underWay('three', 'S cut off')
  const apart = lab.points.arm({
    ...{ frame: 'PREPARED', from: 'b', to: 'a', keep: false },
    after: () => lab.world.partition(['a'], ['b', 'c']),
  })
  lab.move('c')
  await lab.world.run(apart)
  await lab.world.advance(40_000)
  t.equal(lab.world.at('c').whereis('x')?.node, 'b')
  t.ok(lab.world.at('a').parked().length > 0, 'S cannot know, and says so')
  lab.world.heal()
  await lab.world.advance(60_000)
  t.notOk(lab.journal.some(({ node, epoch }) => node === 'a' && epoch > (lab.journal[0]?.epoch ?? 0)))
  t.equal(lab.world.at('c').whereis('x')?.node, 'b')
  const casts = (await lab.world.run(lab.ref('c').call.taken()))['cast c']
  t.same(
    casts,
    Array.from({ length: 40 }, (_, i) => i + 1),
  )
  await lab.close()
})

t.test('G3: a sender that begins during the freeze loses nothing and keeps its order', async (t) => {
  for (const kind of ALL) {
    const lab = await MoveLab.open(kind, { seed: `${kind} new sender` })
    const begins = lab.points.arm({ frame: 'CHUNK_END', from: 'a', to: 'b', before: () => lab.load() })
    lab.move()
    await lab.world.run(begins)
    await lab.world.advance(20_000)
    t.same(await faultsOf(lab, ['kept']), [], kind)
    await lab.close()
  }
})

t.test('G10: what the first runs of these found', async (t) => {
  const wire = (frame: string, from: string, to: string) =>
    WIRES.find((one) => one.frame === frame && one.from === from && one.to === to) as Case['wire']
  const begin = wire('BEGIN', 'S', 'H')
  // H was asked for copies before it had begun to ask D: the name was called dead, and its senders gave up.
  t.same(await runCase({ world: 'out2', wire: begin, act: 'crash S after' }), [])
  // H never heard of the attempt, S is dead, and D kept its copy for ever without a word. Now it is listed as parked.
  t.same(await runCase({ world: 'out2', wire: begin, act: 'crash S before' }), [])
  // D ran it and had settled when H asked it to take over: it said where, not that it runs, and H asked for ever.
  t.same(await runCase({ world: 'out2', wire: wire('COMMIT', 'S', 'D'), act: 'crash S after' }), [])
  // The entry of D's own claim stayed in its cluster's registry, with a line that the process did not have.
  t.same(await runCase({ world: 'far', wire: wire('COMMIT', 'S', 'D'), act: 'twice' }), [])
  // A holder remembered for ever an attempt whose source had died with its name, and one that D had refused.
  t.same(await runCase({ world: 'three', wire: wire('PREPARE', 'S', 'D'), act: 'crash S after' }), [])
  t.same(await runCase({ world: 'three', wire: wire('CHUNK', 'S', 'D'), act: 'lose' }), [])
})

t.test('out2: G10: S dies in the middle, then D, and begins anew: the holder waits for it no longer', async (t) => {
  const lab = await MoveLab.open('out2', { seed: 'both ends die' })
  const asked = lab.points.arm({
    frame: 'TAKE_OVER',
    from: 'c',
    to: 'b',
    keep: false,
    sever: true,
    after: () => lab.crash('b'),
  })
  void lab.points.arm({ frame: 'PREPARED', from: 'b', to: 'a', keep: false, sever: true, after: () => lab.crash('a') })
  lab.load()
  await lab.world.advance(10)
  lab.move()
  await lab.world.run(asked)
  await lab.world.advance(1_000)
  await lab.restart('b')
  await lab.world.advance(20_000)
  t.same(await faultsOf(lab, ['ended']), [])
  await lab.close()
})

t.test(
  'out2: G10: S dies in the middle, and D is silent for good: the holder lists it, an operator ends it',
  async (t) => {
    const lab = await MoveLab.open('out2', { seed: 'both ends silent' })
    const silent = lab.points.arm({
      ...{ frame: 'TAKE_OVER', from: 'c', to: 'b', keep: false, sever: true },
      after: () => {
        lab.lives.delete('b')
        lab.world.crash('b', { silent: true })
      },
    })
    void lab.points.arm({
      frame: 'PREPARED',
      from: 'b',
      to: 'a',
      keep: false,
      sever: true,
      after: () => lab.crash('a'),
    })
    lab.move()
    await lab.world.run(silent)
    await lab.world.advance(30_000)
    const c = lab.world.at('c')
    t.match(c.parked(), [{ name: 'x', role: 'holder', reason: /b does not answer/ }])
    t.notOk(c.decide('x', 'restore'), 'it has no copy')
    t.ok(c.decide('x', 'discard'))
    await lab.world.advance(5_000)
    t.equal(c.whereis('x'), undefined)
    t.same(c.parked(), [])
    await lab.world.run(c.start(lab.probe, { name: 'x', args: [64] }))
    await lab.close()
  },
)

t.test(
  'out2: G3 G12: a gateway is taken for dead, comes back, asks for the name last, and is started anew',
  async (t) => {
    const lab = await MoveLab.open('out2', { seed: 'two gateways' })
    lab.move()
    await lab.world.advance(1_000)
    t.equal(lab.moved?.error, undefined)
    lab.world.pause('a')
    await lab.world.advance(15_000)
    t.equal(lab.world.at('c').whereis('x')?.node, 'c', 'it has taken its place')
    lab.world.resume('a')
    await lab.world.advance(15_000)
    lab.crash('a')
    await lab.restart('a')
    await lab.world.advance(15_000)
    for (const name of ['a', 'c']) await lab.world.run(lab.ref(name).call.add(`late ${name}`, 1))
    const taken = await lab.world.run(lab.ref('c').call.taken())
    t.same([taken['late a'], taken['late c']], [[1], [1]])
    t.equal(lab.world.at('a').whereis('x')?.node, 'c')
    await lab.close()
  },
)
