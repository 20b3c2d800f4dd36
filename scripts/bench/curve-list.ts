/** The curves there are. One file each. */
import type { Curve } from './curve.js'
import { inFlight } from './curves/in-flight.js'
import { nodes } from './curves/nodes.js'
import { processes } from './curves/processes.js'
import { states } from './curves/states.js'
import { told } from './curves/told.js'
import { traffic } from './curves/traffic.js'

export const CURVES: Readonly<Record<string, Curve>> = {
  processes,
  nodes,
  states,
  'in-flight': inFlight,
  traffic,
  told,
}
