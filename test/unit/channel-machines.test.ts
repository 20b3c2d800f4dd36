/** The two machines of a channel: a table of steps, a random walk against a naive model, and an exhaustive search. */
import fc from 'fast-check'
import t from 'tap'
import { receive } from '../../src/channel/machine-receiver.js'
import {
  openSender,
  type SenderEffect,
  type SenderEvent,
  type SenderState,
  stepSender,
  tickAfter,
} from '../../src/channel/machine-sender.js'
import { explore, LIMITS, type Rules } from '../fixtures/channel-world.js'

/** `1-3` for a range, `<3` for a release. */
const shortOf = (effect: SenderEffect): string =>
  effect.type === 'release'
    ? `release <${effect.below}`
    : `${effect.type} ${effect.from}-${effect.type === 'transmit' ? effect.to : effect.below}`

const run = (events: readonly SenderEvent[], first = 1) => {
  let state = openSender(first, { resendMs: 10, resendMsMax: 40 })
  const effects: string[] = []
  for (const event of events) {
    const step = stepSender(state, event, { resendMs: 10, resendMsMax: 40 })
    state = step.state
    effects.push(...step.effects.filter((one) => !isEmpty(one)).map(shortOf))
  }
  return { state, effects }
}

const isEmpty = (effect: SenderEffect): boolean =>
  effect.type !== 'release' && (effect.type === 'transmit' ? effect.to : effect.below) <= effect.from

const submit: SenderEvent = { type: 'submit' }
const route = (line: number): SenderEvent => ({ type: 'route', line })
const ack = (next: number, line = 5): SenderEvent => ({ type: 'ack', line, next })
const answered = (seq: number): SenderEvent => ({ type: 'answered', seq })
const tick: SenderEvent = { type: 'tick' }

const TABLE: ReadonlyArray<
  readonly [name: string, events: SenderEvent[], effects: string[], ends: Partial<SenderState>]
> = [
  ['nothing is sent without a path', [submit, submit], [], { base: 1, touched: 1, next: 3 }],
  ['a path sends what waits', [submit, submit, route(5)], ['transmit 1-3'], { sent: 3, opening: true, line: 5 }],
  ['an ack frees', [route(5), submit, submit, ack(2)], ['transmit 1-2', 'transmit 2-3', 'release <2'], { base: 2 }],
  ['an ack opens the line', [route(5), submit, ack(2)], ['transmit 1-2', 'release <2'], { opening: false }],
  ['an ack of what was never sent is a lie', [route(5), submit, ack(3)], ['transmit 1-2'], { base: 1 }],
  ['an old ack says nothing', [route(5), submit, ack(2), ack(2), ack(1)], ['transmit 1-2', 'release <2'], { base: 2 }],
  [
    'an answer frees it and all before it',
    [route(5), submit, submit, answered(2)],
    ['transmit 1-2', 'transmit 2-3', 'release <3'],
    { base: 3, opening: false },
  ],
  ['an answer to what was never sent is a lie', [route(5), submit, answered(2)], ['transmit 1-2'], { base: 1 }],
  [
    'an answer from before a new line says nothing',
    [route(5), submit, submit, route(6), answered(1)],
    ['transmit 1-2', 'transmit 2-3', 'lost 1-3'],
    { base: 3, opening: true },
  ],
  ['an ack of another line says nothing', [route(5), submit, ack(2, 4), ack(2, 6)], ['transmit 1-2'], { base: 1 }],
  [
    'a new path sends again what is not acknowledged',
    [route(5), submit, submit, submit, ack(2), route(5)],
    ['transmit 1-2', 'transmit 2-3', 'transmit 3-4', 'release <2', 'transmit 2-4'],
    { base: 2, sent: 4 },
  ],
  ['a lost path sends nothing', [route(5), submit, { type: 'unroute' }, submit, tick], ['transmit 1-2'], { sent: 2 }],
  [
    'a tick sends again and doubles its wait',
    [route(5), submit, tick, tick, tick],
    Array(4).fill('transmit 1-2'),
    { backoffMs: 40 },
  ],
  [
    'an ack ends the doubling',
    [route(5), submit, tick, submit, ack(2)],
    ['transmit 1-2', 'transmit 1-2', 'transmit 2-3', 'release <2'],
    { backoffMs: 10 },
  ],
  [
    'a newer line: what was on a path is lost, the rest opens it',
    [route(5), submit, { type: 'unroute' }, submit, { type: 'reset', line: 6 }, route(6)],
    ['transmit 1-2', 'lost 1-2', 'transmit 2-3'],
    { base: 2, line: 6, opening: true },
  ],
  ['the same by a route', [route(5), submit, route(6)], ['transmit 1-2', 'lost 1-2'], { base: 2, line: 6 }],
  [
    'an older line says nothing',
    [route(5), submit, route(4), { type: 'reset', line: 5 }],
    ['transmit 1-2'],
    { line: 5 },
  ],
  [
    'gone: below was taken, the rest was not run',
    [route(5), submit, submit, { type: 'unroute' }, submit, { type: 'gone', next: 2 }],
    ['transmit 1-2', 'transmit 2-3', 'release <2', 'refuse 2-4'],
    { base: 4, up: false, opening: true },
  ],
  [
    'gone cannot take more than was sent',
    [submit, submit, { type: 'gone', next: 9 }],
    ['release <1', 'refuse 1-3'],
    { base: 3 },
  ],
  [
    'dead: what was on a path may have been run',
    [route(5), submit, { type: 'unroute' }, submit, { type: 'dead' }],
    ['transmit 1-2', 'lost 1-2', 'refuse 2-3'],
    { base: 3 },
  ],
  [
    'a closed channel opens again above',
    [route(5), submit, { type: 'dead' }, submit, route(5)],
    ['transmit 1-2', 'lost 1-2', 'transmit 2-3'],
    { opening: true, base: 2 },
  ],
]

for (const [name, events, effects, ends] of TABLE) {
  t.test(`sender: ${name}`, (t) => {
    const ran = run(events)
    t.strictSame(ran.effects, effects)
    t.match(ran.state, ends)
    t.end()
  })
}

t.test('sender: a re-send tries a few, not the whole window', (t) => {
  const { effects } = run([...Array<SenderEvent>(100).fill(submit), route(5), tick])
  t.strictSame(effects, ['transmit 1-101', 'transmit 1-33'])
  t.end()
})

t.test('sender: what a re-send left out was on a path all the same', (t) => {
  const ticked = [...Array<SenderEvent>(100).fill(submit), route(5), tick]
  const after = (event: SenderEvent) => run([...ticked, event]).effects.slice(2)
  t.strictSame(after(ack(80)), ['release <80', 'transmit 80-101'])
  t.strictSame(after({ type: 'dead' }), ['lost 1-101'])
  t.strictSame(after({ type: 'reset', line: 6 }), ['lost 1-101'])
  t.strictSame(after({ type: 'gone', next: 80 }), ['release <80', 'refuse 80-101'])
  t.end()
})

t.test('sender: a tick is due only while something is on its way', (t) => {
  t.equal(tickAfter(run([submit]).state), undefined)
  t.equal(tickAfter(run([route(5)]).state), undefined)
  t.equal(tickAfter(run([route(5), submit]).state), 10)
  t.equal(tickAfter(run([route(5), submit, ack(2)]).state), undefined)
  t.equal(tickAfter(run([route(5), submit, { type: 'unroute' }]).state), undefined)
  t.end()
})

t.test('receiver: the whole table', (t) => {
  const at = (next: number | undefined, line: number, seq: number, open: boolean) => {
    const { verdict, next: after } = receive(next, 5, { line, seq, open })
    return `${verdict} ${after}`
  }
  t.equal(at(undefined, 5, 1, false), 'accept 2')
  t.equal(at(undefined, 5, 2, false), 'ahead 1')
  t.equal(at(undefined, 5, 7, true), 'accept 8', 'the first of a line opens at its number')
  t.equal(at(3, 5, 2, false), 'again 3')
  t.equal(at(3, 5, 3, false), 'accept 4')
  t.equal(at(3, 5, 4, false), 'ahead 3')
  t.equal(at(3, 5, 2, true), 'again 3', 'a cursor never goes back')
  t.equal(at(3, 5, 9, true), 'accept 10')
  t.equal(at(3, 4, 3, false), 'reset 3')
  t.equal(at(3, 6, 3, false), 'stale 3')
  t.end()
})

// ---- a random walk

type Fate = 'waits' | 'sent' | 'released' | 'lost' | 'refused'

/** What a naive reader expects of each number. Throws what is wrong. */
class Ledger {
  readonly fates: Fate[] = []

  fateOf(seq: number): Fate {
    const fate = this.fates[seq - 1]
    if (fate === undefined) throw new Error(`${seq} was never submitted`)
    return fate
  }

  set(from: number, below: number, fate: Fate, allowed: readonly Fate[]): void {
    for (let seq = from; seq < below; seq += 1) {
      if (!allowed.includes(this.fateOf(seq))) throw new Error(`${seq} is ${this.fateOf(seq)} and would be ${fate}`)
      this.fates[seq - 1] = fate
    }
  }

  perform(effect: SenderEffect, event: SenderEvent): void {
    if (effect.type === 'transmit') return this.set(effect.from, effect.to, 'sent', ['waits', 'sent'])
    if (effect.type === 'lost') return this.set(effect.from, effect.below, 'lost', ['sent'])
    if (effect.type === 'release') {
      const first = this.fates.findIndex((fate) => fate === 'waits' || fate === 'sent') + 1
      return first === 0 ? undefined : this.set(first, effect.below, 'released', ['sent'])
    }
    // G9: only an answer of the receiver makes a refusal of what was on a path.
    this.set(effect.from, effect.below, 'refused', event.type === 'gone' ? ['waits', 'sent'] : ['waits'])
  }
}

const anyEvent: fc.Arbitrary<SenderEvent> = fc.oneof(
  { arbitrary: fc.constant(submit), weight: 4 },
  fc.record({ type: fc.constant('route' as const), line: fc.integer({ min: 1, max: 4 }) }),
  fc.record({ type: fc.constant('reset' as const), line: fc.integer({ min: 1, max: 4 }) }),
  fc.record({ type: fc.constant('ack' as const), line: fc.integer({ min: 1, max: 4 }), next: fc.nat(30) }),
  fc.record({ type: fc.constant('gone' as const), next: fc.nat(30) }),
  fc.constantFrom<SenderEvent>({ type: 'unroute' }, { type: 'dead' }, tick, tick),
)

t.test('G3 G9: whatever happens, each number has one fate, and the fates are complete', (t) => {
  fc.assert(
    fc.property(fc.array(anyEvent, { maxLength: 60 }), (events) => {
      const ledger = new Ledger()
      let state = openSender(1, LIMITS)
      for (const event of [...events, { type: 'dead' } as const]) {
        if (event.type === 'submit') ledger.fates.push('waits')
        const step = stepSender(state, event, LIMITS)
        state = step.state
        for (const effect of step.effects) ledger.perform(effect, event)
      }
      const open = ledger.fates.filter((fate) => fate === 'waits' || fate === 'sent')
      if (open.length > 0) throw new Error(`${open.length} numbers have no fate`)
    }),
    { numRuns: 2_000 },
  )
  t.end()
})

/** One thing that may happen between a sender and a receiver that are joined by a FIFO path. */
type Move = 'submit' | 'deliver' | 'answer' | 'cut' | 'join' | 'tick' | 'restart'

interface Wire {
  data: Array<{ line: number; seq: number; open: boolean }>
  back: SenderEvent[]
}

class Pair {
  readonly ledger = new Ledger()
  readonly accepted: number[] = []
  readonly #wire: Wire = { data: [], back: [] }
  state = openSender(1, LIMITS)
  line = 1
  next: number | undefined

  step(event: SenderEvent): void {
    if (event.type === 'submit') this.ledger.fates.push('waits')
    const { state, effects } = stepSender(this.state, event, LIMITS)
    this.state = state
    for (const effect of effects) {
      this.ledger.perform(effect, event)
      if (effect.type !== 'transmit') continue
      for (let seq = effect.from; seq < effect.to; seq += 1) {
        this.#wire.data.push({ line: state.line ?? 0, seq, open: state.opening && seq === state.base })
      }
    }
  }

  #deliver(): void {
    const arrival = this.#wire.data.shift()
    if (arrival === undefined) return
    const { verdict, next } = receive(this.next, this.line, arrival)
    if (verdict === 'reset') this.#wire.back.push({ type: 'reset', line: this.line })
    if (verdict !== 'accept' && verdict !== 'again') return
    if (verdict === 'accept') this.accepted.push(arrival.seq)
    this.next = next
    this.#wire.back.push({ type: 'ack', line: this.line, next })
  }

  move(move: Move): void {
    if (move === 'submit') return this.step(submit)
    if (move === 'tick') return this.step(tick)
    if (move === 'join') return this.step(route(this.line))
    if (move === 'deliver') return this.#deliver()
    if (move === 'answer') {
      const answer = this.#wire.back.shift()
      return answer === undefined ? undefined : this.step(answer)
    }
    if (move === 'restart') {
      this.line += 1
      this.next = undefined
      return
    }
    this.#wire.data = []
    this.#wire.back = []
    this.step({ type: 'unroute' })
  }

  /** Nothing is lost any more. */
  settle(): void {
    this.move('join')
    for (let round = 0; round < 200; round += 1) {
      for (const move of ['deliver', 'answer', 'deliver', 'answer', 'tick'] as const) this.move(move)
    }
  }
}

const moves = (...more: Move[]) =>
  fc.array(fc.constantFrom<Move>('submit', 'submit', 'deliver', 'deliver', 'answer', 'cut', 'join', 'tick', ...more), {
    maxLength: 60,
  })

const ascends = (seqs: readonly number[]): boolean =>
  seqs.every((seq, at) => at === 0 || seq > (seqs[at - 1] as number))

t.test('G3: over cuts and joins each message arrives exactly once, in order', (t) => {
  fc.assert(
    fc.property(moves(), (walk) => {
      const pair = new Pair()
      for (const move of walk) pair.move(move)
      pair.settle()
      const all = pair.ledger.fates.map((_, at) => at + 1)
      if (pair.accepted.join() !== all.join()) throw new Error(`of ${all.length} came ${pair.accepted}`)
      if (pair.ledger.fates.some((fate) => fate !== 'released')) throw new Error(`fates: ${pair.ledger.fates}`)
    }),
    { numRuns: 1_000 },
  )
  t.end()
})

t.test('G3 G9: over restarts nothing comes twice, and what is called refused never ran', (t) => {
  fc.assert(
    fc.property(moves('restart'), (walk) => {
      const pair = new Pair()
      for (const move of walk) pair.move(move)
      pair.settle()
      if (!ascends(pair.accepted)) throw new Error(`out of order: ${pair.accepted}`)
      const ran = new Set(pair.accepted)
      pair.ledger.fates.forEach((fate, at) => {
        if (fate === 'refused' && ran.has(at + 1)) throw new Error(`${at + 1} was refused and ran`)
        if (fate === 'released' && !ran.has(at + 1)) throw new Error(`${at + 1} was released and never ran`)
        if (fate === 'waits' || fate === 'sent') throw new Error(`${at + 1} has no end`)
      })
    }),
    { numRuns: 1_000 },
  )
  t.end()
})

// ---- every world

const HARSH: Rules = {
  messages: 2,
  room: 3,
  ticks: true,
  remembers: true,
  loses: true,
  doubles: true,
  reorders: true,
}
/** Nothing is ever lost between the nodes: what is left is the move itself. */
const KIND: Rules = { ...HARSH, room: 99, loses: false, doubles: false, reorders: false, ticks: false }

const SEARCHES: ReadonlyArray<readonly [name: string, rules: Rules, stalls: boolean]> = [
  ['a network that loses, doubles and reorders, over a move: every world can end', HARSH, false],
  ['three messages, loss and reordering', { ...HARSH, messages: 3, doubles: false }, false],
  ['without the tick it stalls', { ...HARSH, ticks: false }, true],
  ['no loss, no tick: a frozen copy that forgets whom it dropped stalls', { ...KIND, remembers: false }, true],
  ['no loss, no tick: one that remembers does not', { ...KIND, messages: 3 }, false],
]

for (const [name, rules, stalls] of SEARCHES) {
  t.test(`G3 search: ${name}`, (t) => {
    const { worlds, unsafe, stuck } = explore(rules)
    t.ok(worlds > 50, `${worlds} worlds`)
    t.strictSame(unsafe, [], 'none lost, doubled or reordered')
    t.equal(stuck.length > 0, stalls, `${stuck.length} stuck${stuck.length > 0 ? `, such as ${stuck[0]}` : ''}`)
    t.end()
  })
}
