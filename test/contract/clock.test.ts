/** What every Clock keeps, the machine's and the simulated ones; then what only the simulated ones can do. */
import t, { type Test } from 'tap'
import { realClock, VirtualClock } from '../../src/base/clock.js'
import type { Clock } from '../../src/base/ports.js'
import { SeededRandom } from '../../src/base/random.js'

interface Subject {
  readonly clock: Clock
  run<T>(promise: Promise<T>): Promise<T>
}

const subjects: Record<string, () => Subject> = {
  real: () => ({ clock: realClock(), run: (promise) => promise }),
  virtual: () => {
    const clock = new VirtualClock()
    return { clock, run: (promise) => clock.runUntil(promise) }
  },
  'virtual, seen by a node': () => {
    const clock = new VirtualClock()
    return {
      clock: clock.view({ offsetMs: -7, driftPpm: 3, originMs: 500 }),
      run: (promise) => clock.runUntil(promise),
    }
  },
}

const after = (clock: Clock, ms: number): Promise<void> => new Promise((resolve) => clock.after(ms, resolve))

const contract = (t: Test, make: () => Subject): void => {
  t.test('G7: a timer fires once and never early', async (t) => {
    const { clock, run } = make()
    for (const ms of [0, 1, 3.7, 12]) {
      let fired = 0
      const from = clock.now()
      clock.after(ms, () => fired++)
      await run(after(clock, ms))
      t.ok(clock.now() >= from + ms, `${ms} ms`)
      await run(after(clock, 2))
      t.equal(fired, 1)
    }
  })

  t.test('timers fire in the order of their times; what is not a time is 0', async (t) => {
    const { clock, run } = make()
    const order: string[] = []
    // Set in this order, so that no stall of a loaded machine can turn the times around.
    clock.after(Number.NaN, () => order.push('now'))
    clock.after(20, () => order.push('early'))
    await run(after(clock, 60))
    t.same(order, ['now', 'early'])
  })

  t.test('a cancelled timer does not fire; cancelling a fired one does nothing', async (t) => {
    const { clock, run } = make()
    let fired = 0
    const fires = clock.after(1, () => fired++)
    const cancelled = clock.after(1, () => t.fail('it was cancelled'))
    cancelled.cancel()
    cancelled.cancel()
    await run(after(clock, 3))
    fires.cancel()
    t.equal(fired, 1)
  })

  t.test('a callback never runs inside the call that set it', async (t) => {
    const { clock, run } = make()
    const order: string[] = []
    const both = Promise.all([
      new Promise<void>((resolve) => clock.soon(() => resolve(void order.push('soon')))),
      new Promise<void>((resolve) => clock.after(0, () => resolve(void order.push('after')))),
    ])
    order.push('call')
    await run(both)
    t.equal(order[0], 'call')
    t.equal(order.length, 3)
  })

  t.test('soon runs in order; what it sets runs in a later turn', async (t) => {
    const { clock, run } = make()
    const order: number[] = []
    await run(
      new Promise<void>((resolve) => {
        clock.soon(() => {
          order.push(1)
          clock.soon(() => {
            order.push(4)
            resolve()
          })
        })
        clock.soon(() => order.push(2))
        clock.soon(() => order.push(3))
      }),
    )
    t.same(order, [1, 2, 3, 4])
  })

  t.test('soonest runs after the promises of what asked for it, and before what soon is asked for then', async (t) => {
    const { clock, run } = make()
    const order: string[] = []
    await run(
      new Promise<void>((resolve) => {
        clock.soon(() => {
          clock.soonest(() => order.push('soonest'))
          clock.soon(() => resolve(void order.push('soon')))
          void Promise.resolve()
            .then(() => order.push('promise'))
            .then(() => order.push('and the next'))
        })
      }),
    )
    t.same(order, ['promise', 'and the next', 'soonest', 'soon'])
  })

  t.test('a timer beyond 31 bits of milliseconds waits', async (t) => {
    const { clock, run } = make()
    const far = [2 ** 31, 2 ** 40, Number.POSITIVE_INFINITY].map((ms) => clock.after(ms, () => t.fail(`${ms} fired`)))
    await run(after(clock, 5))
    for (const timer of far) timer.cancel()
  })

  t.test('now grows, wall is whole milliseconds', async (t) => {
    const { clock, run } = make()
    const [now, wall] = [clock.now(), clock.wall()]
    await run(after(clock, 5))
    t.ok(clock.now() > now)
    t.ok(clock.wall() >= wall)
    t.ok(Number.isSafeInteger(clock.wall()) && clock.wall() > 1_600_000_000_000)
  })
}

for (const [name, make] of Object.entries(subjects)) {
  t.test(name, async (t) => {
    contract(t, make)
  })
}

t.test('real: a throw in soon is reported later and costs the others nothing', async (t) => {
  const clock = realClock()
  const seen: unknown[] = []
  const caught = new Promise<void>((resolve) => {
    process.setUncaughtExceptionCaptureCallback((error) => resolve(void seen.push(error.message)))
  })
  clock.soon(() => {
    throw new Error('first')
  })
  const second = new Promise<void>((resolve) => clock.soon(() => resolve(void seen.push('second'))))
  await second
  await caught
  process.setUncaughtExceptionCaptureCallback(null)
  t.same(seen, ['second', 'first'])
})

t.test('virtual: promises settle between two events, and time stands still meanwhile', async (t) => {
  const clock = new VirtualClock()
  const order: string[] = []
  clock.after(5, async () => {
    for (let i = 0; i < 50; i++) await null
    await new Promise(process.nextTick)
    order.push(`settled at ${clock.now()}`)
  })
  clock.after(6, () => order.push('next'))
  await clock.advance(5.5)
  t.same(order, ['settled at 5'])
  t.equal(clock.now(), 5.5)
  t.equal(clock.pending, 1)
  await clock.run()
  t.same(order, ['settled at 5', 'next'])
  t.equal(clock.pending, 0)
})

t.test('virtual: run ends at its time, its predicate, its limits', async (t) => {
  const clock = new VirtualClock()
  let ticks = 0
  const tick = (): void => {
    ticks++
    clock.after(10, tick)
  }
  clock.after(10, tick)
  t.equal(await clock.run(100), true)
  t.equal(ticks, 10)
  t.equal(await clock.run(() => ticks === 15), true)
  t.equal(clock.now(), 150)
  t.equal(await clock.run(() => false, { maxMs: 30 }), false)
  t.equal(clock.now(), 180)
  await t.rejects(clock.run(Number.POSITIVE_INFINITY, { maxEvents: 100 }), { message: /for ever/ })
  const first = clock.run(() => true)
  await t.rejects(
    clock.run(() => true),
    { code: 'ERR_INVARIANT' },
  )
  await first
})

t.test('virtual: runUntil gives what the promise gives, or says why it cannot', async (t) => {
  const clock = new VirtualClock()
  t.equal(await clock.runUntil(Promise.resolve(3)), 3)
  await t.rejects(clock.runUntil(Promise.reject(new Error('no'))), { message: 'no' })
  await t.rejects(clock.runUntil(new Promise(() => {})), { message: /nothing is left/ })
  await t.rejects(clock.runUntil(after(clock, 100), 50), { message: /within 50 ms/ })
  t.equal(clock.now(), 50)
})

t.test('virtual: an event that throws ends the run, and the next run goes on', async (t) => {
  const clock = new VirtualClock()
  let ran = false
  clock.soon(() => {
    throw new Error('thrown')
  })
  clock.soon(() => {
    ran = true
  })
  await t.rejects(clock.run(), { message: 'thrown' })
  await clock.run()
  t.ok(ran)
})

t.test('virtual: the heap keeps its order among many timers and cancellations', async (t) => {
  const random = new SeededRandom('heap')
  const clock = new VirtualClock()
  const fired: number[] = []
  const expected: { at: number; id: number }[] = []
  for (let id = 0; id < 6_000; id++) {
    const at = random.between(0, 500)
    const timer = clock.after(at, () => fired.push(id))
    if (random.chance(0.7)) timer.cancel()
    else expected.push({ at, id })
  }
  t.equal(clock.pending, expected.length)
  await clock.run()
  t.same(
    fired,
    expected.sort((a, b) => a.at - b.at || a.id - b.id).map((entry) => entry.id),
  )
})

t.test('virtual: a timer that is set again for the rest of its time moves on', async (t) => {
  const clock = new VirtualClock()
  const node = clock.view({ originMs: 1e9 + 0.1 })
  await clock.advance(0.3)
  const deadline = node.now() + 3.7
  let tries = 0
  const look = (): void => {
    tries++
    if (node.now() < deadline) node.after(Math.min(1e-9, deadline - node.now()), look)
  }
  look()
  await clock.run(10, { maxEvents: 10_000 })
  t.ok(tries > 1_000 && tries < 5_000, `${tries} tries`)
})

t.test('virtual: wall clocks step and drift, monotonic ones do not', async (t) => {
  const clock = new VirtualClock(1_000_000)
  const node = clock.view({ offsetMs: 500, driftPpm: 1_000, originMs: 40 })
  await clock.advance(10_000)
  t.equal(clock.wall(), 1_010_000)
  t.equal(node.wall(), 1_010_510)
  node.stepWall(-2_000)
  node.driftWall(0)
  clock.stepWall(50)
  clock.driftWall(-10_000)
  await clock.advance(1_000)
  t.equal(clock.wall(), 1_011_040)
  t.equal(node.wall(), 1_009_550)
  t.equal(node.now(), 11_040)
})

t.test('node: a pause holds everything and releases it in order, what comes meanwhile behind it', async (t) => {
  const clock = new VirtualClock()
  const [node, other] = [clock.view(), clock.view()]
  const order: string[] = []
  const note = (text: string) => () => order.push(`${text} ${node.now()}`)
  for (const ms of [10, 20, 30, 40]) node.after(ms, note(`timer ${ms}`))
  node.after(15, note('cancelled')).cancel()
  const late = node.after(16, note('cancelled while held'))
  other.after(20, note('other'))
  await clock.advance(5)
  node.pause()
  node.soon(note('soon'))
  await clock.advance(20)
  t.same(order, ['other 20'])
  late.cancel()
  await clock.advance(5)
  node.resume()
  node.pause()
  node.resume()
  node.enter(note('entered'))
  t.equal(order.length, 1, 'nothing runs inside resume')
  await clock.run()
  t.same(order.slice(1), ['soon 30', 'timer 10 30', 'timer 20 30', 'timer 30 30', 'entered 30', 'timer 40 40'])
  t.equal(node.pending, 0)
})

t.test('node: after kill nothing runs, held or new; other nodes go on', async (t) => {
  const clock = new VirtualClock()
  const [node, other] = [clock.view(), clock.view()]
  let others = 0
  const never = (): void => void t.fail('a dead node ran something')
  node.after(10, never)
  node.after(1, never)
  other.after(10, () => others++)
  node.pause()
  await clock.advance(5)
  node.kill()
  node.resume()
  t.ok(node.dead)
  t.equal(clock.pending, 1)
  node.after(1, never)
  node.soon(never)
  node.enter(never)
  await clock.run()
  t.equal(others, 1)
})
