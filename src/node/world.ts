/** What a life of a node finds when it begins: the world around it, and what the life before it has left. */
import type { Events } from '../base/events.js'
import type { Clock, Random } from '../base/ports.js'
import type { Signals } from '../base/signals.js'
import type { Resolver } from '../cluster/discovery.js'
import type { EngineClient } from '../registry/engine.js'
import type { Transport } from '../transport/transport.js'
import type { Monitors } from './outlet.js'
import type { Trees } from './trees.js'

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
  /** The way to the engine of the directory, where it is not the one of the option. */
  readonly engine?: () => EngineClient
  /** Bytes that the program uses. Default 0 */
  readonly heapBytes?: () => number
}

/** What a life of a node leaves to the next one (rebirth.ts). */
export interface Heritage {
  readonly events: Events
  readonly monitors: Monitors
  readonly trees: Trees
  /** The highest epoch that it knew. */
  readonly floor: number
  /** Its leases at the engine of the directory: they must have ended before it has names again. */
  readonly leases: readonly string[]
}
