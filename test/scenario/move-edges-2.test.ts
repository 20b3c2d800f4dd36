/** What stays behind when a process moves: held sends, doubts, news, the name itself (G1, G2, G3, G5, G11). */
import t from 'tap'
import type { Limits } from '../../src/base/limits.js'
import { resolveLimits } from '../../src/base/limits.js'
import { tcp } from '../../src/process/destination.js'
import { SIMULATED_PORT } from '../../src/testing.js'
import { encodeFrame } from '../../src/wire/frame.js'
import { OddStage } from '../fixtures/odd-stage.js'

const NODES = { two: ['a', 'b'], three: ['a', 'b', 'c'] } as const
const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i + 1)

for (const how of ['it crashes', 'it crashes unreached', 'its node dies'] as const) {
  t.test(`G3 G9: casts to X are not acknowledged, P moves, ${how}, X begins anew: P reaches it`, async (t) => {
    const stage = await OddStage.open(`X anew, ${how}`, ['a', 'b', 'c'])
    const p = await stage.start('a', 'p')
    await stage.run(stage.node('c').start(stage.narrow, { name: 'x', args: [] }))
    await stage.world.advance(10)
    // Its mailbox is full behind the first one.
    await stage.run(p.call.tell('x', 1, 3))
    await stage.world.advance(50)
    const found = how === 'it crashes unreached' ? stage.points.lose('DELIVER', 'a', 'c') : undefined
    await stage.run(p.call.tell('x', 4, 5))
    t.equal(await stage.run(stage.move('b', undefined, 'p')), 'ok')
    if (how !== 'its node dies') stage.breakGate(new Error('told to break'))
    else {
      stage.world.crash('c')
      await stage.world.advance(15_000)
      await stage.world.restart('c')
    }
    await stage.world.advance(1_000)
    t.equal(stage.node('a').whereis('x'), undefined)
    await stage.run(stage.node('c').start(stage.narrow, { name: 'x', args: [] }))
    found?.()
    await stage.world.advance(6_000)
    t.equal(await stage.within(6_000, stage.ref('a', 'p').call.ask('x')), 1)
    t.equal((await stage.run(stage.ref('a', 'p').call.local())).on, 'b')
    await stage.world.close()
  })
}

t.test('G3: the FLUSHED of an older move does not open the hold of a newer one', async (t) => {
  const stage = await OddStage.open('older FLUSHED', ['a', 'b', 'c'], { limits: { castWaitMs: 60_000 } })
  const p = await stage.start('a', 'p')
  await stage.start('c', 'x')
  for (const [from, to] of [
    [1, 3],
    [4, 6],
  ] as const) {
    const found = stage.points.lose('DELIVER', 'a', 'c')
    await stage.run(p.call.tell('x', from, to))
    t.equal(await stage.run(stage.move('b', undefined, 'p')), 'ok')
    if (from === 1) {
      found()
      await stage.world.advance(2_000)
      t.ok(stage.points.arrived('FLUSHED', 'a', 'b').length > 0)
      t.equal(await stage.run(stage.move('a', undefined, 'p', 'b')), 'ok')
      continue
    }
    await stage.run(stage.ref('b', 'p').call.tell('x', 7, 9))
    stage.world.cut('a', 'b')
    await stage.world.advance(3_000)
    found()
  }
  await stage.world.advance(10_000)
  t.same(await stage.run(stage.ref('a', 'x').call.taken()), upTo(9))
  await stage.world.close()
})

t.test('G3: what is held on a node that is up for long is sent once, however long it is held', async (t) => {
  const stage = await OddStage.open('held for long', ['a', 'b', 'c'], { limits: { castWaitMs: 60_000 } })
  await stage.world.advance(70_000)
  const p = await stage.start('a', 'p')
  await stage.start('c', 'x')
  const found = stage.points.lose('DELIVER', 'a', 'c')
  await stage.run(p.call.tell('x', 1, 3))
  t.equal(await stage.run(stage.move('b', undefined, 'p')), 'ok')
  await stage.run(stage.ref('b', 'p').call.tell('x', 4, 6))
  await stage.world.advance(25_000)
  found()
  await stage.world.advance(10_000)
  await stage.run(stage.ref('b', 'p').call.tell('x', 7, 9))
  await stage.world.advance(10_000)
  t.same(await stage.run(stage.ref('a', 'x').call.taken()), upTo(9))
  await stage.world.close()
})

for (const [count, names] of Object.entries(NODES)) {
  t.test(`${count}: G1 G2: D in a slow attach, and the name was restored at S: one copy runs`, async (t) => {
    const limits: Partial<Limits> = { callTimeoutMs: 500 }
    const stage = await OddStage.open(`${count} slow attach`, names, { limits })
    const x = await stage.start()
    await stage.run(x.call.tick())
    stage.odd.attach = (on) => (on === 'b' ? stage.wait(2_000) : undefined)
    const moving = stage.move('b')
    await stage.world.advance(1_000)
    t.equal(stage.node('a').parked()[0]?.role, 'source')
    t.ok(stage.node('a').decide('x', 'restore'))
    const since = stage.world.clock.now()
    await stage.world.advance(20_000)
    t.same(stage.ranOn('x', since), ['a'])
    t.same(stage.leftOn('b'), [], 'what D attached was let go')
    for (const name of names) t.equal(stage.node(name).whereis('x')?.node, 'a', name)
    t.equal(await stage.run(stage.ref('b').call.add()), 1)
    t.match(await stage.within(10, moving), /^ERR_/)
    await stage.world.close()
  })
}

t.test('G2: news of a newer owner while S packs: its copy does not run on in the old epoch', async (t) => {
  const stage = await OddStage.open('newer owner', ['a', 'b', 'c'])
  const x = await stage.start()
  await stage.run(x.call.tick())
  stage.odd.prepareHandover = () =>
    stage.wait(2_000).then(() => {
      throw new Error('the pack failed')
    })
  const moving = stage.move('b')
  await stage.world.advance(200)
  const since = stage.world.clock.now()
  const { epoch, kind } = stage.node('a').whereis('x') as { epoch: number; kind: string }
  // c says so, behind whatever it says next.
  const { incarnation } = stage.node('c')
  const entry = { name: 'x', kind, node: 'c', incarnation, epoch: epoch + 5, line: epoch, reason: '' } as const
  const news = encodeFrame({ type: 'REGISTERED', entries: [{ ...entry, status: 'live' }] }, resolveLimits())
  const end = stage.world.network.onBytes('c', 'a', (bytes) => {
    end()
    return Buffer.concat([bytes, news])
  })
  await stage.world.advance(1_700)
  t.equal(stage.node('a').whereis('x')?.node, 'c', 'it has heard')
  await stage.world.advance(10_000)
  t.same(
    stage.ticks.filter((one) => one.at >= since && one.epoch === epoch),
    [],
  )
  t.not(await stage.within(10, moving), 'late')
  await stage.world.close()
})

t.test('G5: S wakes after the death of D, and its attach takes a second: the copy is kept', async (t) => {
  const stage = await OddStage.open('slow wake', ['a', 'b', 'c'])
  const x = await stage.start()
  await stage.run(x.call.tick())
  stage.points.lose('ACTIVATED', 'b', 'a')
  stage.points.lose('REGISTERED', 'b', 'a')
  stage.odd.attach = (on) => (on === 'a' ? stage.wait(1_000) : undefined)
  const moving = stage.move('b')
  await stage.world.advance(500)
  t.equal(stage.node('c').whereis('x')?.node, 'b')
  stage.world.crash('b')
  await stage.world.advance(30_000)
  t.same(stage.ranOn('x', stage.world.clock.now() - 1_000), ['a'])
  for (const name of ['a', 'c']) {
    t.equal(stage.node(name).whereis('x')?.node, 'a', name)
    t.equal(await stage.within(1_000, stage.code(stage.ref(name).call.add())), 'ok', name)
  }
  t.not(await stage.within(10, moving), 'late')
  await stage.world.close()
})

/** D is silent from COMMIT on. @returns its stage, with the copy at S in doubt */
const inDoubt = async (clusters: Readonly<Record<string, string>>): Promise<OddStage> => {
  const outside = clusters.b !== undefined
  const options = { clusters, limits: { callTimeoutMs: 500 } }
  const stage = await OddStage.open(`discard ${outside}`, ['a', 'b', 'c'], options)
  const x = await stage.start()
  await stage.run(stage.ref('c').call.add())
  const silent = stage.points.arm({
    ...{ frame: 'COMMIT', from: 'a', to: 'b', keep: false, sever: true },
    after: () => stage.world.crash('b', { silent: true }),
  })
  void stage.code(x.sendMe(outside ? tcp('b', SIMULATED_PORT) : 'b'))
  await stage.run(silent)
  await stage.world.advance(1_000)
  return stage
}

for (const [where, clusters] of Object.entries({ inside: {}, outside: { b: 'other' } })) {
  t.test(`${where}: G11: decide(name, 'discard') at the source frees the name`, async (t) => {
    const stage = await inDoubt(clusters)
    t.equal(stage.node('a').parked()[0]?.role, 'source')
    const calls = [stage.ref('c'), stage.ref('a')].map((ref) => stage.code(ref.with({ timeoutMs: 3_000 }).call.add()))
    void stage.ref('c').cast.put(1)
    await stage.world.advance(100)
    t.ok(stage.node('a').decide('x', 'discard'))
    stage.points.seen.length = 0
    for (const call of calls) t.match(await stage.within(3_000, call), /^ERR_/)
    t.match(await stage.within(3_000, stage.code(stage.ref('c').call.add())), /^ERR_/)
    await stage.world.advance(10_000)
    const frames = stage.points.seen.filter(({ message }) => message.type === 'DELIVER').length
    t.ok(frames <= 20, `${frames} frames`)
    const again = stage.code(stage.node('a').start(stage.kind, { name: 'x', args: [] }))
    t.equal(await stage.run(again), 'ok', 'it may start anew')
    await stage.world.advance(100)
    t.equal(await stage.within(1_000, stage.code(stage.ref('c').call.add())), 'ok')
    await stage.world.close()
  })
}

for (const when of ['during the freeze', 'after the move'] as const) {
  t.test(`G3: 200 casts ${when}, by a sender that knows the old place only: each goes out a few times`, async (t) => {
    const stage = await OddStage.open(`200 casts ${when}`, ['a', 'b', 'c'])
    await stage.start()
    t.equal(await stage.run(stage.ref('c').call.add()), 1)
    stage.points.lose('REGISTERED', 'b', 'c')
    if (when === 'during the freeze') stage.odd.prepareHandover = () => stage.wait(100)
    const moving = stage.move('b')
    await stage.world.advance(50)
    stage.points.seen.length = 0
    for (const n of upTo(200)) void stage.ref('c').cast.put(n)
    t.equal(await stage.within(2_000, moving), 'ok')
    await stage.world.advance(10_000)
    const frames = stage.points.seen.filter(({ message }) => message.type === 'DELIVER').length
    t.ok(frames <= 4 * 200, `${frames} frames`)
    t.same(await stage.run(stage.ref('b').call.taken()), upTo(200))
    await stage.world.close()
  })
}
