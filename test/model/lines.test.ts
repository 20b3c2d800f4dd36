/** Lives of a name, each a line, and lives of its sender: what is run once, lost, or surely not run. */
import { LINES_MUTANTS, LINES_SMALL } from '../fixtures/lines-searches.js'
import { huntAll, searchAll } from '../fixtures/search-suite.js'

searchAll(
  LINES_SMALL,
  (name) => `G3 G4 G9: ${name}: nothing twice, nothing silently lost, and every state can still end`,
)
huntAll(LINES_MUTANTS)
