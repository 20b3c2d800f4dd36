/** One name and who races for it, while a newcomer becomes its home and links are cut: at most one has it (G1, G11). */
import { CLAIMS_MUTANTS, CLAIMS_SMALL } from '../fixtures/claims-searches.js'
import { huntAll, searchAll } from '../fixtures/search-suite.js'

searchAll(CLAIMS_SMALL, (name) => `G1 G11: ${name}: at most one has it, and in the end one`)
huntAll(CLAIMS_MUTANTS)
