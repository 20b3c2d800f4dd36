/** One message on its way, the same whether it stays on this node or crosses three. */
import type { Origin } from '../base/ids.js'
import type { Lane } from '../process/mailbox.js'
import type { Load } from './load.js'

export interface Parcel {
  readonly name: string
  readonly origin: Origin
  readonly lane: Lane
  readonly line: number
  readonly seq: number
  readonly open: boolean
  /** Gateways passed so far. */
  readonly hops: number
  readonly what: 'call' | 'cast' | 'info' | 'void'
  /** On this node's monotonic clock; Infinity without a deadline. */
  readonly dueAt: number
  readonly load: Load
}

/** What a receiver tells a sender about a channel. */
export type Receipt =
  | { readonly type: 'ack'; readonly line: number; readonly epoch: number; readonly next: number }
  | { readonly type: 'reset'; readonly line: number; readonly epoch: number }
  | { readonly type: 'gone'; readonly epoch: number; readonly next: number; readonly reason: string }

/** Which channel, at either end. */
export interface ChannelId {
  readonly name: string
  readonly origin: Origin
  readonly lane: Lane
}

/** Where a name can be reached now. */
export type Route =
  /** Somewhere. `path` names the way when one is open: another path means that everything is sent again. */
  | { readonly type: 'there'; readonly line: number; readonly epoch: number; readonly path: string | undefined }
  /** Ended, but its last node may still say what it had taken. */
  | { readonly type: 'ended'; readonly line: number; readonly path: string | undefined; readonly reason: string }
  /** Ended with its node: nobody can say. */
  | { readonly type: 'dead'; readonly reason: string }
  | { readonly type: 'unknown' }

/** The way out of the channels: the router. */
export interface Courier {
  route(name: string): Route
  /**
   * Puts it on the path. False: it cannot go there now. What its peer cannot take goes as `void`, so that its number is
   * used up, and `Channels.refuse` hears of it.
   */
  carry(parcel: Parcel): boolean
  /** Why a call to the name is late, if it is known: the move is in doubt, the gateway unreachable. */
  lateBecause(name: string): { readonly code: 'ERR_IN_DOUBT' | 'ERR_UNREACHABLE'; readonly reason: string } | undefined
}
