/** Who serves and who decides under a quorum: no verdict on anybody who serves. */
import { QUORUM_MUTANTS, QUORUM_SMALL } from '../fixtures/quorum-searches.js'
import { huntAll, searchAll } from '../fixtures/search-suite.js'

searchAll(QUORUM_SMALL, (name) => `G1: ${name}: who decides holds nobody for dead that serves`)
huntAll(QUORUM_MUTANTS)
