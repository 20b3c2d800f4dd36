/**
 * The shipped machines of a move, searched exhaustively in small sizes (`make model` has the full ones), and broken
 * variants that must yield a counterexample: without them the search would prove nothing.
 */
import t from 'tap'
import { MUTANTS, SMALL } from '../fixtures/move-searches.js'
import { hunt, show } from '../fixtures/searches.js'

// About 10 s of one core. A machine with other work takes longer, and a search has nothing to wait for.
t.setTimeout(300_000)

for (const search of SMALL) {
  t.test(`G1 G2 G3 G4 G6 G9 G10: ${search.name}: safe, and every state can still end`, async (t) => {
    const { explored, faults } = show(search)
    t.comment(`${explored.states} states, ${explored.transitions} transitions, ${explored.depth} steps deep`)
    for (const { text, trace } of faults) t.fail(`${text}: ${trace.join(' > ')}`)
    t.ok(explored.complete)
  })
}

for (const mutant of MUTANTS) {
  t.test(`the search finds what is wrong when ${mutant.name}`, async (t) => {
    const { by, trace, explored } = hunt(mutant)
    t.comment(`${by} after ${explored.states} states: ${trace.join(' > ')}`)
    t.ok(by !== undefined && trace.length > 0, `found: ${by}`)
  })
}
