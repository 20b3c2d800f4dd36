/** Moves that are recorded at an engine: one copy, whatever becomes of leases, transactions and nodes. */
import { RECORDS_MUTANTS, RECORDS_SMALL } from '../fixtures/records-searches.js'
import { huntAll, searchAll } from '../fixtures/search-suite.js'

searchAll(RECORDS_SMALL, (name) => `G1 G2 G6 G10: ${name}: one copy may run, and every state can still end`)
huntAll(RECORDS_MUTANTS)
