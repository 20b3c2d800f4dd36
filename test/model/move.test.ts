/**
 * The shipped machines, searched exhaustively in small sizes, and broken variants that must yield a counterexample:
 * without them the search would prove nothing. Each prints the states that it searched.
 */
import t from 'tap'
import { explore } from '../fixtures/exhaustive.js'
import { finished, over, violation } from '../fixtures/move-invariants.js'
import { type ModelOptions, MoveModel, type Mutant, start, type World } from '../fixtures/move-model.js'

const STATES_MAX = 400_000
const MUTANTS: readonly Mutant[] = [
  'ackWhileFrozen',
  'resumeOnSilence',
  'runOnPrepare',
  'takeoverWithoutHolder',
  'reuseAttempt',
]

const search = (options: ModelOptions) => {
  const model = new MoveModel(options)
  const done = finished(options.messages)
  const space = {
    start: start(),
    successors: (world: World) => model.successors(world),
    violation,
    goals: {
      over,
      noCrash: (world: World) => world.crash === null,
      finished: (world: World) => world.crash === null && done(world),
    },
  }
  return explore(space, { statesMax: STATES_MAX })
}

for (const third of [true, false]) {
  const who = third ? 'a third member holds' : 'the destination is its own holder'
  for (const [messages, moves, crashes] of [
    [1, 1, true],
    [2, 1, true],
    [1, 2, false],
  ] as const) {
    const size = `${messages} messages, ${moves} moves, ${crashes ? 'one crash' : 'no crash'}`
    t.test(`G1 G3 G4 G6 G10: ${who}, ${size}: safe, and every state can still end`, async (t) => {
      const found = search({ messages, moves, third, crashes })
      t.comment(`${found.states} states`)
      t.equal(found.violation, undefined, found.trace.join(' > '))
      t.ok(found.complete, 'the search came to its end')
      t.same(found.stuck('finished', 'noCrash').trace, [], 'crash-free states that cannot finish without a crash')
      t.same(found.stuck('over').trace, [], 'moves that cannot end')
    })
  }
}

for (const mutant of MUTANTS) {
  t.test(`the search finds what is wrong with the variant ${mutant}`, async (t) => {
    const found = search({ messages: 1, moves: 2, third: true, crashes: true, mutant })
    t.comment(`${found.violation} after ${found.states} states: ${found.trace.join(' > ')}`)
    t.match(found.violation, /^G[1-4]/)
    t.ok(found.trace.length > 0)
  })
}
