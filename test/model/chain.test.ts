/**
 * Moves in a row, A > B > C and A > B > A, searched exhaustively on the shipped machines: stale messages of the first
 * move reach the machines of the second.
 */
import { CHAIN_SMALL } from '../fixtures/fleet-searches.js'
import { searchAll } from '../fixtures/search-suite.js'

searchAll(CHAIN_SMALL, (name) => `G1 G2 G3 G4 G6 G10: ${name}: safe, and every state can still end`)
