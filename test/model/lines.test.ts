/** Lives of a name, each a line, and lives of its sender: what is run once, lost, or surely not run. */
import t from 'tap'
import { LINES_MUTANTS, LINES_SMALL } from '../fixtures/lines-searches.js'
import { hunt, show } from '../fixtures/searches.js'

for (const search of LINES_SMALL) {
  t.test(`G3 G4 G9: ${search.name}: nothing twice, nothing silently lost, and every state can still end`, async (t) => {
    const { explored, faults } = show(search)
    t.comment(`${explored.states} states, ${explored.transitions} transitions, ${explored.depth} steps deep`)
    for (const { text, trace } of faults) t.fail(`${text}: ${trace.join(' > ')}`)
    t.ok(explored.complete)
  })
}

for (const mutant of LINES_MUTANTS) {
  t.test(`the search finds what is wrong when ${mutant.name}`, async (t) => {
    const { by, trace, explored } = hunt(mutant)
    t.comment(`${by} after ${explored.states} states: ${trace.join(' > ')}`)
    t.ok(by !== undefined && trace.length > 0, by ?? 'not found')
  })
}
