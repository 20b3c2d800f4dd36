/**
 * Moves to another cluster, on there, and home: the holder that becomes the gateway, what gateways are told, and a node
 * that begins anew, searched on the shipped machines. The broken variants are in test/model/recovery.test.ts.
 */
import t from 'tap'
import { OUTSIDE_SMALL } from '../fixtures/fleet-searches.js'
import { show } from '../fixtures/searches.js'

for (const search of OUTSIDE_SMALL) {
  t.test(`G1 G2 G6 G10: ${search.name}: never two copies, and every state can still end`, async (t) => {
    const { explored, faults } = show(search)
    t.comment(`${explored.states} states, ${explored.transitions} transitions, ${explored.depth} steps deep`)
    for (const { text, trace } of faults) t.fail(`${text}: ${trace.join(' > ')}`)
    t.ok(explored.complete)
  })
}
