/** Moves that fail at an awkward moment: the process runs on at its source as if nothing had been (G6, G10). */
import t from 'tap'
import type { MessageOf } from '../../src/wire/messages.js'
import { OddStage } from '../fixtures/odd-stage.js'

const NODES = { two: ['a', 'b'], three: ['a', 'b', 'c'] } as const
/** a moves to b; c, where there is one, holds. */
const GOING = [
  { who: 'two: D', names: NODES.two, gone: ['b'] },
  { who: 'three: D', names: NODES.three, gone: ['b'] },
  { who: 'three: D and H', names: NODES.three, gone: ['b', 'c'] },
] as const
const HOWS = ['leaves', 'dies'] as const

/** What keeps the source from freezing, for so long. */
const SLOW = {
  'a handler runs': (stage: OddStage, ms: number) => void stage.code(stage.ref('a').call.busy(ms)),
  'mayMove takes its time': (stage: OddStage, ms: number) => {
    stage.odd.mayMove = () => stage.wait(ms).then(() => true as const)
  },
  'prepareHandover takes its time': (stage: OddStage, ms: number) => {
    stage.odd.prepareHandover = () => stage.wait(ms)
  },
} as const

interface Going {
  readonly names: readonly string[]
  readonly gone: readonly string[]
  readonly how: (typeof HOWS)[number]
  readonly what: keyof typeof SLOW
  readonly ms: number
}

/** D, and with it H perhaps, goes while S freezes. @returns what was wrong */
const whileFreezing = async ({ names, gone, how, what, ms }: Going): Promise<string[]> => {
  const label = `of ${names.length} ${gone.join(' and ')} ${how}, ${what} for ${ms} ms`
  const stage = await OddStage.open(label, names)
  const wrong: string[] = []
  await stage.start()
  SLOW[what](stage, ms)
  const moving = stage.move('b')
  await stage.world.advance(50)
  for (const name of gone) stage.end(name, how)
  await stage.world.advance(ms - 50)
  for (const from of names.filter((name) => !gone.includes(name))) {
    const answer = await stage.within(1_000, stage.code(stage.ref(from).call.add()))
    if (answer !== 'ok') wrong.push(`${label}: a call from ${from}: ${answer}`)
  }
  const code = await stage.within(10, moving)
  if (!/^ERR_(?!IN_DOUBT)/.test(code)) wrong.push(`${label}: the move: ${code}`)
  await stage.world.advance(20_000)
  if (stage.node('a').parked().length > 0) wrong.push(`${label}: it is parked`)
  await stage.world.close()
  return wrong
}

for (const how of HOWS) {
  for (const what of Object.keys(SLOW) as Array<keyof typeof SLOW>) {
    t.test(`G6 G10: D ${how} while S freezes, ${what}: the process runs on at once`, async (t) => {
      for (const ms of [600, 3_000]) {
        for (const { names, gone } of GOING) t.same(await whileFreezing({ names, gone, how, what, ms }), [])
      }
    })
  }

  for (const { who, names, gone } of GOING) {
    for (const ms of [50, 3_000]) {
      t.test(`${who} ${how} during a detach of ${ms} ms: G6: S runs on with what attach makes`, async (t) => {
        const stage = await OddStage.open(`${who} ${how} detach ${ms}`, names)
        const x = await stage.start()
        stage.odd.detach = (on) => {
          if (on !== 'a') return
          stage.world.clock.after(10, () => gone.forEach((name) => void stage.end(name, how)))
          stage.odd = {}
          return stage.wait(ms)
        }
        t.match(await stage.run(stage.move('b')), /^ERR_/)
        await stage.world.advance(20_000)
        t.match(await stage.within(1_000, x.call.local()), { on: 'a' }, 'self.local is there')
        t.equal(stage.leftOn('a').length, 1, 'and only once')
        t.same(stage.node('a').parked(), [])
        t.equal(await stage.within(1_000, x.call.add()), 1)
        await stage.world.close()
      })
    }
  }
}

for (const [count, names] of Object.entries(NODES)) {
  t.test(`${count}: G6: D's attach throws: detach had self.local, and S is attached again`, async (t) => {
    const stage = await OddStage.open(`${count} attach throws`, names)
    const x = await stage.start()
    t.equal(await stage.run(x.call.add()), 1)
    const seen: unknown[] = []
    stage.odd.attach = (on) => {
      if (on === 'b') throw new Error('no room')
    }
    stage.onDetach = (local) => void seen.push(local)
    t.equal(await stage.run(stage.move('b')), 'ERR_REFUSED')
    t.match(seen, [{ on: 'a', count: 0 }])
    t.match(await stage.within(1_000, x.call.local()), { on: 'a', count: 1 })
    t.equal(await stage.within(1_000, x.call.add()), 2)
    t.same(stage.errors, [], 'nothing is logged as failed')
    await stage.world.close()
  })

  t.test(`${count}: G6: mayMove that never ends: the move fails, calls are answered`, async (t) => {
    const stage = await OddStage.open(`${count} mayMove`, names)
    const x = await stage.start()
    stage.odd.mayMove = () => new Promise(() => {})
    const moving = stage.move('b')
    const call = stage.code(x.with({ timeoutMs: 20_000 }).call.add())
    t.equal(await stage.within(5_100, moving), 'ERR_MOVE_TIMEOUT')
    t.equal(await stage.within(10, call), 'ok')
    t.equal(await stage.within(1_000, stage.code(x.call.add())), 'ok')
    stage.odd = {}
    t.equal(await stage.run(stage.move('b')), 'ok', 'and it can move')
    t.equal(await stage.within(1_000, x.call.add()), 3)
    await stage.world.close()
  })

  t.test(`${count}: G6: mayMove says yes after its move was given up: the next move goes ahead`, async (t) => {
    const stage = await OddStage.open(`${count} mayMove, late`, names)
    const x = await stage.start()
    let asked = 0
    stage.odd.mayMove = () => (asked++ === 0 ? stage.wait(1_000).then(() => true as const) : true)
    const first = stage.move('b', 300)
    await stage.world.advance(500)
    const second = stage.move('b')
    t.equal(await stage.within(3_000, second), 'ok')
    t.equal(await stage.within(10, first), 'ERR_MOVE_TIMEOUT')
    t.match(await stage.within(1_000, x.call.local()), { on: 'b' })
    t.same(stage.leftOn('a'), [])
    await stage.world.close()
  })

  t.test(`${count}: G15: D's attach ends after its time: what it made is let go`, async (t) => {
    const stage = await OddStage.open(`${count} late attach`, names)
    const x = await stage.start()
    stage.odd.attach = (on) => (on === 'b' ? stage.wait(6_000) : undefined)
    t.match(await stage.run(stage.move('b')), /^ERR_/)
    await stage.world.advance(10_000)
    t.equal(stage.held.filter(({ on }) => on === 'b').length, 1, 'it did end')
    t.same(stage.leftOn('b'), [])
    t.match(await stage.within(1_000, x.call.local()), { on: 'a' })
    await stage.world.close()
  })

  t.test(`${count}: G9: a stop behind a freeze, as the process crashes, is answered as done`, async (t) => {
    const stage = await OddStage.open(`${count} stop behind a freeze`, names)
    const x = await stage.start()
    void stage.code(x.call.breaks(200))
    await stage.world.advance(10)
    const moving = stage.move('b')
    await stage.world.advance(20)
    const stopping = stage.code(stage.ref('b').stop())
    t.equal(await stage.within(1_000, stopping), 'ok')
    // `stop()` takes ERR_STOPPED for an end: what was answered, the wire shows.
    const answers = stage.points.arrived('REPLY', 'a', 'b').map(({ message }) => message as MessageOf<'REPLY'>)
    t.equal(answers.length, 1)
    t.notOk(answers.some(({ body }) => body.includes('ERR_STOPPED')))
    t.equal(await stage.within(10, moving), 'ERR_STOPPED')
    await stage.world.close()
  })
}

for (const [count, names] of Object.entries(NODES)) {
  t.test(`${count}: G10: stop() ends, when a process leaves during another's slow terminate`, async (t) => {
    const stage = await OddStage.open(`${count} stop, moved away`, names)
    await stage.start()
    await stage.start('a', 'slow')
    stage.odd.terminate = () => stage.wait(1_000)
    const stopping = stage.code(stage.node('a').stop())
    await stage.world.advance(20)
    const moving = stage.move('b', undefined, 'x', 'b')
    t.equal(await stage.within(30_000, stopping), 'ok')
    t.not(await stage.within(10, moving), 'late')
    await stage.world.close()
  })

  t.test(`${count}: G6 G10: a node that stops takes nothing in: the process runs on at its source`, async (t) => {
    const stage = await OddStage.open(`${count} stop, moved in`, names)
    const x = await stage.start()
    await stage.start('b', 'slow')
    stage.odd.terminate = () => stage.wait(1_000)
    const stopping = stage.code(stage.node('b').stop())
    await stage.world.advance(20)
    t.match(await stage.within(900, stage.move('b')), /^ERR_(?!IN_DOUBT)/)
    t.equal(await stage.within(1_000, stage.code(x.call.add())), 'ok')
    t.match(await stage.within(10, x.call.local()), { on: 'a' })
    t.equal(await stage.within(30_000, stopping), 'ok')
    await stage.world.close()
  })
}
