/**
 * Moves to another cluster, on there, and home: the holder that becomes the gateway, what gateways are told, and a node
 * that begins anew, searched on the shipped machines. The broken variants are in test/model/recovery.test.ts.
 */
import { OUTSIDE_SMALL } from '../fixtures/fleet-searches.js'
import { searchAll } from '../fixtures/search-suite.js'

searchAll(OUTSIDE_SMALL, (name) => `G1 G2 G6 G10: ${name}: never two copies, and every state can still end`)
