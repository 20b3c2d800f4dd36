/**
 * A death while a move is under way, and what its home makes of the name, searched on the shipped machines.
 * Here are the broken variants of test/model/chain.test.ts too: each must yield a counterexample.
 */
import t from 'tap'
import { FLEET_MUTANTS, RECOVERY_SMALL } from '../fixtures/fleet-searches.js'
import { hunt, show } from '../fixtures/searches.js'

for (const search of RECOVERY_SMALL) {
  t.test(`G1 G2 G6 G10: ${search.name}: never two copies, and every state can still end`, async (t) => {
    const { explored, faults } = show(search)
    t.comment(`${explored.states} states, ${explored.transitions} transitions, ${explored.depth} steps deep`)
    for (const { text, trace } of faults) t.fail(`${text}: ${trace.join(' > ')}`)
    t.ok(explored.complete)
  })
}

for (const mutant of FLEET_MUTANTS) {
  t.test(`the search finds what is wrong when ${mutant.name}`, async (t) => {
    const { by, trace, explored } = hunt(mutant)
    t.comment(`${by} after ${explored.states} states: ${trace.join(' > ')}`)
    t.ok(by !== undefined && trace.length > 0, by ?? 'not found')
  })
}
