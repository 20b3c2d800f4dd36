/** What the moves share: the node's parts, seen through the few words that a move needs. */
import type { Events, MovePhase } from '../base/events.js'
import type { Address, Attempt, Identity } from '../base/ids.js'
import type { Limits } from '../base/limits.js'
import type { Clock, Logger } from '../base/ports.js'
import type { Channels } from '../channel/channels.js'
import type { Replies } from '../channel/replies.js'
import type { Link } from '../link/link.js'
import type { Peers } from '../link/peers.js'
import type { ProcessHost } from '../process/host.js'
import type { KindTable } from '../process/kind.js'
import type { ProcessTable } from '../process/process-table.js'
import type { Directory, MoveLedger } from '../registry/directory.js'
import type { Message } from '../wire/messages.js'

/** The links, as moves use them. */
export interface Roads {
  /** A link to whoever listens there, dialed if need be. Rejects with typed errors. */
  connect(address: Address): Promise<Link>
  /** The link to exactly this life of a node, if it is up. */
  to(identity: Identity): Link | undefined
  /** The link to a member by its name, if it is up. */
  member(node: string): Link | undefined
  /** Keeps a connection to a node of another cluster, for as long as somebody wants it. @returns how to let go */
  keep(address: Address): () => void
}

export interface MoveContext {
  readonly clock: Clock
  readonly log: Logger
  readonly events: Events
  readonly limits: Limits
  readonly kinds: KindTable
  readonly table: ProcessTable
  readonly host: ProcessHost
  readonly peers: Peers
  readonly directory: Directory
  readonly channels: Channels
  readonly replies: Replies
  readonly roads: Roads
  /** Where moves are recorded: then that is the holder, and the record is the commit. */
  readonly moves: MoveLedger | undefined
  /** This node, and where others reach it. */
  self(): { readonly identity: Identity; readonly address: Address }
  /** The node stops: nothing leaves any more, and nothing is let in. */
  stopping(): boolean
  /** This node, or that member, is about to leave: it takes nothing in. */
  isLeaving(node: string): boolean
  /** Why a child must not come here, whoever sends it. */
  unfit(name: string): string | undefined
  /** A process of a former life of this node waits for that name here. */
  isReturning(name: string): boolean
  /** Everyone whose messages a frozen copy of the name dropped is told where it is now. */
  callBack(name: string): void
  /** Is exactly this life known to have ended, of a member or of a node of another cluster? */
  isDead(identity: Identity): boolean
  /** Asks a member, for the move of a name, whether that life is over for it too. No answer, or no: ask again. */
  witness(name: string, member: Identity, dead: Identity, agreed: () => void): { cancel(): void }
}

/** Sends to exactly this life of a node, if there is a link. What is lost is sent again by a timer. */
export const tell = (context: MoveContext, to: Identity, message: Message): boolean => {
  const link = context.roads.to(to)
  link?.send(message)
  return link !== undefined
}

/** A peer said something about a move that is another's to say. It changes nothing, and is reported. */
export const notItsOwn = (
  { events }: MoveContext,
  { peer }: Link,
  { type, name }: { readonly type: string; readonly name: string },
): void => events.emit('violation', { peer: peer.node, what: `${type} of a move that is not its own`, name })

/** A node tells of a name that it does not run, and that it was not given. */
export const notToTell = ({ events }: MoveContext, { peer }: Link, type: string, name: string): void =>
  events.emit('violation', { peer: peer.node, what: `${type} of a name that is not its to tell of`, name })

/** A copy waits for an operator, who is told why. */
export const tellParked = (
  { log, events }: MoveContext,
  name: string,
  role: 'source' | 'destination',
  reason: string,
): void => {
  log.error({ name, reason }, `${name} is parked: ${reason}`)
  events.emit('parked', { name, role, reason })
}

/** The kind in the word of a node that has no memory of the name. */
export const UNKNOWN = ''

/** A move as seen from anywhere: who, which try. */
export interface MoveKey {
  readonly name: string
  readonly attempt: Attempt
}

export interface PhaseFigures {
  readonly ms?: number
  readonly bytes?: number
  readonly cause?: string
}

/** One line for people, one event for programs, per phase of a move. */
export const moveEvent = (
  context: MoveContext,
  key: MoveKey,
  what: {
    readonly phase: MovePhase
    readonly role: 'source' | 'destination' | 'holder'
    readonly peer: string
    readonly ms?: number
    readonly bytes?: number
    readonly cause?: string
  },
): void => {
  context.events.emit('move', {
    name: key.name,
    attempt: `${key.attempt.epoch}.${key.attempt.counter}`,
    phase: what.phase,
    role: what.role,
    peer: what.peer,
    ms: what.ms ?? 0,
    bytes: what.bytes ?? 0,
    cause: what.cause ?? '',
  })
}
