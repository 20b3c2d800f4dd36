/** Whole clusters, random histories, every promise checked: test/fixtures/sim-plan.ts says what they are made of. */
import { test } from 'tap'
import { keepsEveryPromise } from '../fixtures/sim-suite.js'

test('G1 G2 G3 G4 G5 G6 G7 G8 G9 G10 G11 G15: seeds 61 to 120 keep every promise', (t) => keepsEveryPromise(t, 2))
