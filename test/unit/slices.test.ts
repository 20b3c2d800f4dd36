/** Long work bit by bit: whose turn it is, how long a slice is, what ends it. */
import t from 'tap'
import { VirtualClock } from '../../src/base/clock.js'
import { fail, type MobilityError } from '../../src/base/errors.js'
import { defaultLimits } from '../../src/base/limits.js'
import { inSlices, type Slicing } from '../../src/base/slices.js'
import type { Process } from '../../src/process/host.js'
import { handover } from '../../src/process/mobile.js'

/** Values that take a while. */
class Counting {
  left: number
  bits = 0
  constructor(values: number) {
    this.left = values
  }
  go(values: number): boolean {
    this.bits += 1
    this.left -= values
    return this.left > 0
  }
}

t.test('slices: works take turns, one slice a turn of all of them; what is over ends with its reason', async (t) => {
  const clock = new VirtualClock()
  const order: string[] = []
  const work = (name: string) => ({
    left: 3,
    go() {
      order.push(name)
      this.left -= 1
      return this.left > 0
    },
  })
  let why: MobilityError | undefined
  const one = (over: Slicing['over']): Slicing => ({ clock, valuesMax: 1, over })
  const all = ['a', 'b', 'c'].map((name) =>
    inSlices(
      work(name),
      1,
      one(() => (name === 'b' ? why : undefined)),
    ),
  )
  t.same(order, ['a', 'b', 'c'], 'each begins')
  why = fail('ERR_STOPPED', { name: 'b', reason: 'it was given up' })
  const ended = Promise.allSettled(all)
  await clock.run()
  t.same(order, ['a', 'b', 'c', 'a', 'c', 'a', 'c'])
  t.same(
    (await ended).map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled'],
  )
  const few = new Counting(100)
  const counted = inSlices(
    few,
    1_000,
    one(() => undefined),
  )
  await clock.run()
  await counted
  t.equal(few.bits, 100, 'no more values at once than are allowed')
})

t.test('slices: where others take long, a slice is longer, and gets a third of the time', async (t) => {
  const clock = new VirtualClock()
  let now = 0
  const slow = { ...clock, now: () => now, soon: (run: () => void) => clock.soon(run) } as Slicing['clock']
  const bits: number[] = []
  let left = 100
  const work = {
    go() {
      now += 0.5
      left -= 1
      bits.push(now)
      return left > 0
    },
  }
  const done = inSlices(work, 1, { clock: slow, valuesMax: 1_000, over: () => undefined })
  t.equal(bits.length, 2, 'a millisecond at first')
  now += 12
  await clock.run(0)
  t.ok(bits.length >= 2 + 12, `${bits.length} bits: half of what others took`)
  now += 60_000
  await clock.run()
  await done
  t.equal(left, 0)
})

t.test('G1: a kind is not asked for its handover when the move was given up while its state was copied', async (t) => {
  const clock = new VirtualClock()
  let asked = 0
  const prepareHandover = (state: unknown): unknown => {
    asked += 1
    return state
  }
  const process = {
    name: 'p',
    state: Array.from({ length: 500 }, (_, i) => [i]),
    kind: { spec: { prepareHandover } },
    host: { limits: defaultLimits },
  } as unknown as Process
  let why: MobilityError | undefined
  const slicing: Slicing = { clock, valuesMax: 8, over: () => why }
  const givenUp = handover(process, slicing)
  why = fail('ERR_STOPPED', { name: 'p', reason: 'it was given up' })
  const outcome = givenUp.catch((error: unknown) => error)
  await clock.run()
  t.equal(await outcome, why)
  t.equal(asked, 0)
  why = undefined
  const handed = handover(process, slicing)
  await clock.run()
  t.strictSame(await handed, process.state)
  t.equal(asked, 1)
})
