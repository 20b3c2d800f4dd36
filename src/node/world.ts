/** What a node finds when it begins: the world around it. */
import type { Clock, Random } from '../base/ports.js'
import type { Signals } from '../base/signals.js'
import type { Resolver } from '../cluster/discovery.js'
import type { Transport } from '../transport/transport.js'

/** The outside: real, or simulated. */
export interface World {
  readonly clock: Clock
  readonly random: Random
  readonly transport: Transport
  /** The network is simulated: it may listen anywhere without a secret. */
  readonly trusted?: boolean
  /** Default: DNS of the system. */
  readonly resolver?: Resolver
  /** Of the program; without them `handleSignals` does nothing. */
  readonly signals?: Signals
}
