/** A node that was declared dead while it lived: who gives way, and what becomes of the copy that it has. */
import { RETURNS_MUTANTS_SMALL, RETURNS_SMALL } from '../fixtures/returns-searches.js'
import { huntAll, searchAll } from '../fixtures/search-suite.js'

searchAll(RETURNS_SMALL, (name) => `G1 G2 G4 G11: ${name}: they come to rest, the name runs once, and no state is lost`)
huntAll(RETURNS_MUTANTS_SMALL)
