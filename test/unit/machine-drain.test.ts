/** One process on its way off a node: every order of events, and what each answer leads to. */
import t from 'tap'
import { AGAIN_MS, type Leaver, type LeaverEvent, newLeaver, stepLeaver } from '../../src/cluster/machine-drain.js'

const turn = (place: string | undefined, nobody = false): LeaverEvent => ({
  type: 'turn',
  place,
  nobody,
  why: 'no member can take it',
  perProcessMs: 1_000,
})
const failed = (
  code: 'ERR_REFUSED' | 'ERR_NOT_NOW' | 'ERR_MOVE_TIMEOUT' | 'ERR_CALLBACK',
  busy = false,
): LeaverEvent => ({
  type: 'failed',
  code,
  reason: 'because',
  busy,
})

const run = (...events: ReadonlyArray<readonly [number, LeaverEvent]>): Leaver =>
  events.reduce((state, [now, event]) => stepLeaver(state, event, now), newLeaver)

t.test('G13: whatever comes in whatever order, it ends, with a reason, and an end is final', async (t) => {
  const events: readonly LeaverEvent[] = [
    turn('b'),
    turn(undefined),
    { type: 'moved' },
    failed('ERR_REFUSED'),
    failed('ERR_NOT_NOW'),
    failed('ERR_MOVE_TIMEOUT', true),
    failed('ERR_CALLBACK'),
    { type: 'ended' },
  ]
  const ends = new Set<string>()
  let states = 0
  const search = (state: Leaver, depth: number): void => {
    states += 1
    const over = stepLeaver(state, { type: 'over' }, depth * 400)
    if (!['moved', 'gone', 'left'].includes(over.phase)) t.fail(`no end after ${JSON.stringify(state)}`)
    if (over.phase === 'left' && over.reason === '') t.fail(`no reason after ${JSON.stringify(state)}`)
    ends.add(over.phase)
    for (const event of depth === 5 ? [] : events) {
      const next = stepLeaver(state, event, depth * 400)
      const final = ['moved', 'gone', 'left'].includes(state.phase)
      if (final && next !== state) t.fail(`${state.phase} was no end`)
      if (!final) search(next, depth + 1)
    }
  }
  search(newLeaver, 0)
  t.same([...ends].sort(), ['gone', 'left', 'moved'])
  t.ok(states > 1_000, `${states} states`)
})

t.test('who refuses is not asked again before all others were', async (t) => {
  const state = run([0, turn('b')], [5, failed('ERR_REFUSED')])
  t.match(state, { phase: 'waiting', tried: ['b'], at: 5 })
  const again = stepLeaver(state, turn(undefined), 6)
  t.match(again, { phase: 'waiting', tried: [], at: 6 + AGAIN_MS, code: 'ERR_REFUSED' })
})

t.test('a silent destination is one thing, a silent handler another', async (t) => {
  t.match(run([0, turn('b')], [1_000, failed('ERR_MOVE_TIMEOUT')]), { phase: 'waiting', tried: ['b'] })
  t.match(run([0, turn('b')], [1_000, failed('ERR_MOVE_TIMEOUT', true)]), { phase: 'left', code: 'ERR_MOVE_TIMEOUT' })
})

t.test('33: one that says not now has its time in all', async (t) => {
  const once = run([0, turn('b')], [10, failed('ERR_NOT_NOW')])
  t.match(once, { phase: 'waiting', at: 10 + AGAIN_MS })
  const late = stepLeaver(stepLeaver(once, turn('b'), 900), failed('ERR_NOT_NOW'), 1_000)
  t.match(late, { phase: 'left', code: 'ERR_NOT_NOW', reason: 'because' })
})

t.test('without a place it waits, but for nobody it does not wait', async (t) => {
  t.match(run([0, turn(undefined)], [5_000, turn(undefined)]), { phase: 'waiting', code: 'ERR_NO_PLACE' })
  t.match(run([0, turn(undefined, true)]), { phase: 'left', code: 'ERR_NO_PLACE', reason: 'no member can take it' })
})
