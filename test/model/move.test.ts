/**
 * The shipped machines of a move, searched exhaustively in small sizes (`make model` has the full ones), and broken
 * variants that must yield a counterexample: without them the search would prove nothing.
 */
import { MUTANTS, SMALL } from '../fixtures/move-searches.js'
import { huntAll, searchAll } from '../fixtures/search-suite.js'

searchAll(SMALL, (name) => `G1 G2 G3 G4 G6 G9 G10: ${name}: safe, and every state can still end`)
huntAll(MUTANTS)
