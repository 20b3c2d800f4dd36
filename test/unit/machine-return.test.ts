/** A process of a former life, on its way into the next one: each state with each event, and all ways through it. */
import { test } from 'tap'
import {
  beginReturn,
  isReturnOver,
  type ReturnEvent,
  type ReturnState,
  stepReturn,
} from '../../src/node/machine-return.js'

const EVENTS: Readonly<Record<string, ReturnEvent>> = {
  rested: { type: 'rested' },
  over: { type: 'over' },
  'look, settled': { type: 'look', settled: true, destinationDead: true },
  'look, not settled': { type: 'look', settled: false, destinationDead: true },
  'look, D lives': { type: 'look', settled: true, destinationDead: false },
  'went on': { type: 'known', sameLine: true },
  another: { type: 'known', sameLine: false },
  outdated: { type: 'outdated' },
  granted: { type: 'granted' },
  late: { type: 'late' },
  attached: { type: 'attached' },
  attachFailed: { type: 'attachFailed' },
  restore: { type: 'decide', choice: 'restore' },
  discard: { type: 'decide', choice: 'discard' },
}

const at = (phase: ReturnState['phase'], away = false): ReturnState => ({ phase, away })

/** What changes something; all other pairs change nothing. `*`: also when its move was committed. */
const CASES: Readonly<Record<string, string>> = {
  '*busy rested': 'waiting',
  '*busy over': 'gone drop',
  'waiting look, settled': 'claiming claim',
  'waiting look, D lives': 'claiming claim',
  'away waiting look, settled': 'claiming claim',
  '*waiting went on': 'gone drop',
  '*waiting another': 'stopped conflict',
  'waiting outdated': 'attaching take attach',
  '*waiting restore': 'claiming claim',
  '*waiting discard': 'gone drop',
  '*claiming went on': 'gone drop',
  '*claiming another': 'stopped conflict',
  'claiming outdated': 'attaching take attach',
  '*claiming granted': 'attaching attach',
  '*claiming late': 'waiting',
  '*attaching went on': 'gone drop',
  '*attaching another': 'stopped conflict',
  'attaching attached': 'running run',
  'away attaching attached': 'running run rollback',
  '*attaching attachFailed': 'ended end',
}

const PHASES = ['busy', 'waiting', 'claiming', 'attaching', 'running', 'ended', 'stopped', 'gone'] as const

test('each state with each event', async (t) => {
  for (const away of [false, true]) {
    for (const phase of PHASES) {
      for (const [name, event] of Object.entries(EVENTS)) {
        const { state, effects } = stepReturn(at(phase, away), event)
        const done = effects.map((one) => (one.type === 'run' && one.rollback ? 'run rollback' : one.type))
        const shown = [state.phase, ...done].join(' ')
        const key = `${phase} ${name}`
        const wanted = CASES[`*${key}`] ?? CASES[away ? `away ${key}` : key] ?? phase
        t.equal(shown, wanted, `${away ? 'away ' : ''}${key}`)
        t.equal(state.away, away)
      }
    }
  }
  t.same(beginReturn(true, false), at('busy'))
  t.same(beginReturn(false, true), at('waiting', true))
})

test('G1: on every way it runs once, and only with the name; what is over changes no more', async (t) => {
  let ways = 0
  const walk = (state: ReturnState, owned: boolean, steps: number): void => {
    ways += 1
    if (steps === 0) return
    for (const event of Object.values(EVENTS)) {
      const next = stepReturn(state, event)
      if (next.state === state) continue
      t.notOk(isReturnOver(state), 'what is over changes no more')
      const owns = owned || event.type === 'granted' || next.effects.some(({ type }) => type === 'take')
      for (const { type } of next.effects)
        if (type === 'run' || type === 'attach' || type === 'end') t.ok(owns, `${type} without the name`)
      walk(next.state, owns, steps - 1)
    }
  }
  for (const busy of [true, false]) for (const away of [true, false]) walk(beginReturn(busy, away), false, 7)
  t.comment(`${ways} ways`)
})
