/**
 * Moves in a row, A > B > C and A > B > A, searched exhaustively on the shipped machines: stale messages of the first
 * move reach the machines of the second.
 */
import t from 'tap'
import { CHAIN_SMALL } from '../fixtures/fleet-searches.js'
import { show } from '../fixtures/searches.js'

for (const search of CHAIN_SMALL) {
  t.test(`G1 G2 G3 G4 G6 G10: ${search.name}: safe, and every state can still end`, async (t) => {
    const { explored, faults } = show(search)
    t.comment(`${explored.states} states, ${explored.transitions} transitions, ${explored.depth} steps deep`)
    for (const { text, trace } of faults) t.fail(`${text}: ${trace.join(' > ')}`)
    t.ok(explored.complete)
  })
}
