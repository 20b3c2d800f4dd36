/** The caretaker of one child, case by case: the whole table of restart types, failures, lost answers (scenario 15). */
import { test } from 'tap'
import { type Care, type CareEvent, type CareRules, type Fate, stepCare } from '../../src/cluster/machine-child.js'
import type { Child } from '../../src/wire/messages.js'

const rules: CareRules = { restartsMax: 2, periodMs: 1_000, backoffMs: 100, backoffMsMax: 300, againMs: 500 }

const child = (restart: Child['restart'], status: Child['status'] = 'wanted'): Child => ({
  name: 'x',
  kind: 'k',
  args: Buffer.alloc(0),
  restart,
  tags: [],
  metadata: Buffer.alloc(0),
  nodes: [],
  status,
  reason: '',
  revision: 1,
  by: 'a',
  born: 'a/1/1',
  after: 0,
})

const live = (node = 'b', epoch = 5): Fate => ({ type: 'live', node, epoch })
const ended = (reason: string, epoch = 5): Fate => ({ type: 'ended', node: 'b', epoch, reason })
const never: Fate = { type: 'never' }

/** Drives one machine and writes down what it does. */
class One {
  state: Care | undefined
  now = 0
  first = false
  readonly child: Child

  constructor(restart: Child['restart'] = 'permanent') {
    this.child = child(restart)
  }

  step(event: CareEvent, fate: Fate): string {
    const { child: record, now, first } = this
    const { state, effects } = stepCare(this.state, event, { now, child: record, fate, first, rules })
    this.state = state
    const words = effects.map((effect) => {
      switch (effect.type) {
        case 'ask':
          return `ask ${effect.node}`
        case 'refused':
          return `refused ${effect.code}`
        case 'failed':
          return `failed ${effect.failures} in ${effect.inMs}`
        case 'started':
          return `started ${effect.node}`
        case 'takenOver':
          return `takenOver ${effect.lost.node} ${effect.node}`
        default:
          return effect.type
      }
    })
    return [state?.phase ?? 'none', ...words].join(', ')
  }

  look(fate: Fate): string {
    return this.step({ type: 'look' }, fate)
  }

  placed(fate: Fate = never): string {
    return this.step({ type: 'placed', node: 'b', id: 1 }, fate)
  }

  done(code: string, fate: Fate = never, node = 'b'): string {
    return this.step({ type: 'done', id: 1, node, code, reason: 'why' }, fate)
  }

  started(): this {
    this.look(never)
    this.placed()
    this.done('', live())
    return this
  }
}

const REASONS: Readonly<Record<string, readonly [string, string, string]>> = {
  // permanent, transient, temporary
  normal: ['waiting, place', 'none, remove', 'none, remove'],
  shutdown: ['waiting, place', 'none, remove', 'none, remove'],
  'shutdown: done': ['waiting, place', 'none, remove', 'none, remove'],
  'shutdown: cold swap': ['waiting, place', 'waiting, place', 'waiting, place'],
  'crash: boom': ['waiting, failed 1 in 0, place', 'waiting, failed 1 in 0, place', 'none, remove'],
  killed: ['waiting, failed 1 in 0, place', 'waiting, failed 1 in 0, place', 'none, remove'],
  lost: ['waiting, failed 1 in 0, place', 'waiting, failed 1 in 0, place', 'none, remove'],
  discarded: ['waiting, failed 1 in 0, place', 'waiting, failed 1 in 0, place', 'none, remove'],
  nodedown: ['waiting, lost, place', 'waiting, lost, place', 'none, lost, remove'],
  ignored: ['none, park', 'none, park', 'none, remove'],
}

test('15: the whole table of restart types and ends', async (t) => {
  const kinds = ['permanent', 'transient', 'temporary'] as const
  for (const [reason, outcomes] of Object.entries(REASONS)) {
    for (const [i, restart] of kinds.entries()) {
      t.equal(new One(restart).started().look(ended(reason)), outcomes[i], `${restart}, ${reason}`)
    }
  }
})

test('what lives, is recovering, or is away, is let alone', async (t) => {
  for (const fate of [live(), { type: 'busy' } as const]) t.equal(new One().look(fate), 'none')
  const waiting = new One()
  t.equal(waiting.look(never), 'waiting, place')
  t.equal(waiting.look({ type: 'busy' }), 'none')
})

test('it is placed, asked, and rests; a lost answer is asked for again, an old one is nothing', async (t) => {
  const one = new One()
  t.equal(one.look(never), 'waiting, place')
  t.equal(one.placed(), 'asked, ask b')
  one.now = 499
  t.equal(one.look(live()), 'asked')
  one.now = 500
  t.equal(one.look(live()), 'asked, ask b')
  t.equal(one.step({ type: 'done', id: 7, node: 'b', code: '', reason: '' }, live()), 'asked')
  t.equal(one.done('', live()), 'none, started b')
  t.equal(one.done('', live()), 'none')
})

test('G1: while it is asked nothing else is, whatever the registry says', async (t) => {
  const one = new One()
  one.look(never)
  one.placed()
  for (const fate of [live('c'), ended('crash: x', 9), never]) t.equal(one.look(fate), 'asked')
  t.equal(one.placed(), 'asked', 'a second place is nothing')
})

test('16: failures are counted within the period, tried again ever later, and then it is parked', async (t) => {
  const one = new One().started()
  t.equal(one.look(ended('crash: 1', 5)), 'waiting, failed 1 in 0, place')
  t.equal(one.look(ended('crash: 1', 5)), 'waiting, place', 'one end is judged once')
  one.placed(ended('crash: 1', 5))
  one.done('', live('b', 6))
  one.now = 10
  t.equal(one.look(ended('crash: 2', 6)), 'waiting, failed 2 in 100')
  t.equal(one.look(ended('crash: 2', 6)), 'waiting')
  one.now = 110
  t.equal(one.look(ended('crash: 2', 6)), 'waiting, place')
  one.placed(ended('crash: 2', 6))
  t.equal(one.done('ERR_START_FAILED', ended('start failed', 7)), 'none, park')
})

test('16: what is long ago does not count', async (t) => {
  const one = new One().started()
  for (let i = 0; i < 10; i++) {
    t.equal(one.look(ended('crash', 5 + i)), 'waiting, failed 1 in 0, place')
    one.placed()
    one.done('', live('b', 6 + i))
    one.now += 1_001
  }
})

test('4: what never lived and fails is told, and not wanted any more; what lived is tried again', async (t) => {
  const one = new One()
  one.first = true
  one.step({ type: 'awaited', id: 1 }, never)
  one.placed()
  t.equal(one.done('ERR_START_FAILED'), 'none, refused ERR_START_FAILED, remove')
  const nowhere = new One()
  nowhere.first = true
  nowhere.look(never)
  t.equal(nowhere.step({ type: 'unplaced', why: 'nobody' }, never), 'none, refused ERR_NO_PLACE, remove')
  const kept = new One()
  kept.look(never)
  t.equal(kept.step({ type: 'unplaced', why: 'nobody' }, never), 'waiting')
  kept.now = 300
  t.equal(kept.look(never), 'waiting, place', 'later there may be one')
})

test('3: somebody else has the name: the first start is told, a later one is content', async (t) => {
  const one = new One()
  one.first = true
  one.look(never)
  one.placed()
  t.equal(one.done('ERR_ALREADY_STARTED', live('c'), 'c'), 'none, refused ERR_ALREADY_STARTED, remove')
  const later = new One()
  later.look(never)
  later.placed()
  t.equal(later.done('ERR_ALREADY_STARTED', live('c'), 'c'), 'none, started c')
})

test('its node dies while it is asked: another one at once, and it counts as no failure', async (t) => {
  const one = new One()
  one.look(never)
  one.placed()
  t.equal(one.step({ type: 'nodeGone', node: 'z' }, never), 'asked')
  t.equal(one.step({ type: 'nodeGone', node: 'b' }, never), 'waiting, place')
  t.match(one.state, { avoid: 'b', failures: [] })
  for (const code of ['ERR_NODE_STOPPED', 'ERR_NODE_LEAVING', 'ERR_CLAIM_TIMEOUT', 'ERR_UNREACHABLE', 'ERR_REFUSED']) {
    const asked = new One()
    asked.look(never)
    asked.placed()
    t.equal(asked.done(code), 'waiting', code)
    t.match(asked.state, { avoid: 'b', failures: [], dueAt: 100 })
  }
})

test('what was lost with a node is named when it lives again', async (t) => {
  const one = new One().started()
  t.equal(one.look(ended('nodedown')), 'waiting, lost, place')
  one.step({ type: 'placed', node: 'c', id: 1 }, ended('nodedown'))
  t.equal(one.done('', live('c', 6), 'c'), 'none, started c, takenOver b c')
})

test('what has ended since is judged, when its start is answered after that (seed 3265)', async (t) => {
  const one = new One().started()
  one.look(ended('nodedown'))
  one.step({ type: 'placed', node: 'c', id: 1 }, ended('nodedown'))
  t.equal(one.look(ended('crash: attach failed', 6)), 'asked')
  const again = one.done('', ended('crash: attach failed', 6), 'c')
  t.equal(again, 'waiting, started c, takenOver b c, failed 1 in 0, place')
})

test('who waits for one that lives is answered by the node that runs it', async (t) => {
  const one = new One()
  t.equal(one.step({ type: 'awaited', id: 1 }, live('c')), 'asked, ask c')
  t.equal(one.done('', live('c'), 'c'), 'none, started c')
})

test('what is parked or removed is nobody to look after', async (t) => {
  for (const status of ['parked', 'removed'] as const) {
    const world = { now: 0, child: child('permanent', status), fate: never, first: false, rules }
    t.same(stepCare(undefined, { type: 'look' }, world), { state: undefined, effects: [] })
  }
})
