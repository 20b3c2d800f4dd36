/** One name and who races for it, while a newcomer becomes its home and links are cut: at most one has it (G1, G11). */
import t from 'tap'
import { CLAIMS_MUTANTS, CLAIMS_SMALL } from '../fixtures/claims-searches.js'
import { hunt, show } from '../fixtures/searches.js'

for (const search of CLAIMS_SMALL) {
  t.test(`G1 G11: ${search.name}: at most one has it, and in the end one`, async (t) => {
    const { explored, faults } = show(search)
    t.comment(`${explored.states} states, ${explored.transitions} transitions, ${explored.depth} steps deep`)
    for (const { text, trace } of faults) t.fail(`${text}: ${trace.join(' > ')}`)
    t.ok(explored.complete)
  })
}

for (const mutant of CLAIMS_MUTANTS) {
  t.test(`the search finds what is wrong when ${mutant.name}`, async (t) => {
    const { by, trace, explored } = hunt(mutant)
    t.comment(`${by} after ${explored.states} states: ${trace.join(' > ')}`)
    t.ok(by !== undefined && trace.length > 0, by ?? 'not found')
  })
}
