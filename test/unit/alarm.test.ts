/** Timers that are set often and seldom ring; tables that are made when they are used. */
import t from 'tap'
import { Alarm } from '../../src/base/alarm.js'
import { VirtualClock } from '../../src/base/clock.js'
import { LazyMap } from '../../src/base/lazy-map.js'

const alarmOn = (clock: VirtualClock): { alarm: Alarm; rang: number[] } => {
  const rang: number[] = []
  return { alarm: new Alarm(clock, () => rang.push(clock.now())), rang }
}

t.test('an alarm rings once, when its time has come', async (t) => {
  const clock = new VirtualClock()
  const { alarm, rang } = alarmOn(clock)
  alarm.set(100)
  await clock.advance(1_000)
  t.same(rang, [100])
})

t.test('an alarm that is set again rings at the new time, later or sooner', async (t) => {
  const clock = new VirtualClock()
  const { alarm, rang } = alarmOn(clock)
  alarm.set(100)
  await clock.advance(50)
  alarm.set(100)
  await clock.advance(200)
  t.same(rang, [150], 'later')
  alarm.set(1_000)
  alarm.set(10)
  await clock.advance(2_000)
  t.same(rang, [150, 260], 'sooner, and only once')
})

t.test('an alarm that is set for later over and over holds one timer', async (t) => {
  const clock = new VirtualClock()
  const { alarm, rang } = alarmOn(clock)
  for (let i = 0; i < 100; i += 1) alarm.set(100)
  t.equal(clock.pending, 1)
  await clock.advance(100)
  t.same(rang, [100])
  t.equal(clock.pending, 0)
})

t.test('an alarm that is stopped does not ring, unless it is set again', async (t) => {
  const clock = new VirtualClock()
  const { alarm, rang } = alarmOn(clock)
  alarm.set(100)
  alarm.stop()
  await clock.advance(500)
  t.same(rang, [])
  alarm.set(100)
  alarm.stop()
  alarm.set(300)
  await clock.advance(500)
  t.same(rang, [800])
})

t.test('an alarm that is cancelled leaves no timer behind', (t) => {
  const clock = new VirtualClock()
  const { alarm } = alarmOn(clock)
  alarm.set(100)
  alarm.cancel()
  t.equal(clock.pending, 0)
  t.end()
})

t.test('a lazy map is a map', (t) => {
  const map = new LazyMap<string, number>()
  t.same([map.size, map.get('a'), map.has('a'), map.delete('a')], [0, undefined, false, false])
  t.same([[...map], [...map.keys()], [...map.values()]], [[], [], []])
  map.set('a', 1)
  map.set('b', 2)
  t.same([map.size, map.get('a'), map.has('b'), map.delete('a'), map.size], [2, 1, true, true, 1])
  t.same([[...map], [...map.keys()], [...map.values()]], [[['b', 2]], ['b'], [2]])
  map.clear()
  t.same([map.size, [...map]], [0, []])
  t.end()
})
