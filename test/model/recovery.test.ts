/**
 * A death while a move is under way, and what its home makes of the name, searched on the shipped machines.
 * Here are the broken variants of test/model/chain.test.ts too: each must yield a counterexample.
 */
import { FLEET_MUTANTS, RECOVERY_SMALL } from '../fixtures/fleet-searches.js'
import { huntAll, searchAll } from '../fixtures/search-suite.js'

searchAll(RECOVERY_SMALL, (name) => `G1 G2 G6 G10: ${name}: never two copies, and every state can still end`)
huntAll(FLEET_MUTANTS)
