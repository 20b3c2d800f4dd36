/**
 * Everything a node says about itself: one typed union. `node.on(type, listener)` hears it, and so does whoever
 * subscribes to the `node:diagnostics_channel` named `proc-mobility:<type>`. A listener that throws stops nothing.
 */
import { type Channel, channel } from 'node:diagnostics_channel'
import { reasonOf } from './errors.js'
import type { Logger } from './ports.js'

export interface EventMap {
  nodeup: { node: string; incarnation: number; address: string }
  nodedown: { node: string; incarnation: number; reason: 'left' | 'refused' | 'restarted' | 'silent' | 'operator' }
  suspected: { node: string; incarnation: number; suspect: boolean }
  /** A node is about to leave and takes nothing in, or stays after all. `node` is that node. */
  cordoned: { node: string; cordoned: boolean }
  /** Under a quorum: this node sees enough members to serve, or does not and runs nothing. */
  quorum: { serving: boolean; members: number }
  /** A drain begins, and ends. What could not move stays here, by name. */
  draining: { processes: number }
  drained: { moved: number; left: readonly string[]; ms: number }
  linkup: { peer: string; address: string; ms: number }
  linkdown: { peer: string; code: string; reason: string }
  linkrefused: { peer: string; code: string; reason: string }
  started: { name: string; kind: string; epoch: number }
  stopped: { name: string; kind: string; epoch: number; reason: string }
  registered: { name: string; node: string; epoch: number; line: number; status: 'live' | 'ended'; reason: string }
  /** One per phase of a move, on the node where it happens. */
  move: {
    name: string
    phase: MovePhase
    role: 'source' | 'destination' | 'holder'
    peer: string
    attempt: string
    ms: number
    bytes: number
    cause: string
  }
  /** A message that was accepted for sending and did not arrive, or died with its process (G5). */
  undelivered: { name: string; what: 'call' | 'cast' | 'info'; count: number; reason: string }
  /** A copy that was woken after its move was committed: what happened since the freeze may be lost. */
  rollback: { name: string; epoch: number; line: number; reason: string }
  /** A process that waits: in the middle of a move, for an operator; of a former life of its node, for its name. */
  parked: { name: string; role: 'source' | 'destination' | 'returning'; reason: string }
  /** Two live copies met; the one with the lower epoch stopped. */
  conflict: { name: string; keptEpoch: number; stoppedEpoch: number; keptNode: string }
  /** The state of a copy that stopped was offered to the one that stays: `ok`, resolveConflict made one of both. */
  merged: { name: string; epoch: number; from: string; ok: boolean; reason: string }
  /** This node was declared dead while it lived: a new life of it began, `by` had told it. */
  reborn: { incarnation: number; former: number; by: string; processes: number }
  /** A process of the former life of its node has its name again, and runs: on a new line, with its state. */
  returned: { name: string; epoch: number; line: number; formerEpoch: number }
  /** The state of a process is at rest; or was not saved, and is tried again in `inMs` (0: it is not). */
  saved: { name: string; epoch: number; revision: number; bytes: number; ms: number }
  unsaved: { name: string; reason: string; failures: number; inMs: number }
  /** A process begins with a state that was at rest. `back`: 0 the newest, 1 the one before. */
  restored: { name: string; kind: string; epoch: number; revision: number; savedAt: number; back: number }
  /** A saved state cannot be used: what the kind's `onUnusable` says to that. */
  unusable: { name: string; reason: string; savedAt: number; policy: 'park' | 'previous' | 'fresh' | 'state' }
  delegated: { name: string; epoch: number; address: string }
  /**
   * A member did not know what another one runs, and has asked: of the names of `peer` it knew so many, `peer` has
   * `told` so many. `doubted`: not named by it, they end when no other member knows better.
   */
  repaired: { peer: string; known: number; told: number; doubted: number }
  /** A peer claimed what it may not: a name, an epoch, an attempt that is not its own. */
  violation: { peer: string; what: string; name: string }
  limit: { limit: string; name: string; value: number }
  standstill: { ms: number }
  /** The lease at the engine of the directory may be over: nothing runs here, until it holds again. */
  fenced: { fenced: boolean; reason: string }
  /** This node begins to stop. */
  stopping: { processes: number }
  /**
   * Of a supervisor and one of its children. It is started again; did not start, and is tried again; was one restart
   * too many, which ends the supervisor; was significant, and ends it; did not end in its time, on another node.
   */
  supervision: {
    supervisor: string
    child: string
    what: 'restart' | 'start_failed' | 'too_many_restarts' | 'auto_shutdown' | 'left_behind'
    reason: string
    restarts: number
  }
  /** What the cluster wants of a child is new here: by whom it was written, and why. */
  childchanged: {
    name: string
    kind: string
    status: 'wanted' | 'parked' | 'removed'
    reason: string
    revision: number
    by: string
  }
  /** At the home of its name: it is about to start there; runs there; failed, and is tried again in so many ms. */
  childstart: { name: string; kind: string; to: string }
  childstarted: { name: string; kind: string; on: string }
  childfailed: { name: string; kind: string; on: string; reason: string; failures: number; inMs: number }
  /** At the home of its name: it failed too often, and waits for `hub.retry`. */
  childparked: { name: string; kind: string; reason: string }
  /** At the home of its name: its node is gone, and with it its state; and it runs elsewhere. */
  childlost: { name: string; kind: string; from: string; epoch: number }
  takenover: { name: string; kind: string; from: string; to: string; epoch: number; state: 'fresh' | 'stored' }
  /** At the home of the name: that replica of it is the active one now. `from`: which was before, '' when none was */
  promoted: { name: string; from: string; to: string; on: string }
  /** This node begins to give others their share of its children, and is done. `joined`: for whom */
  redistributing: { cause: 'nodeup' | 'operator'; joined: string; planned: number; of: number }
  redistributed: {
    cause: 'nodeup' | 'operator'
    joined: string
    moved: number
    stayed: number
    dropped: number
    ms: number
  }
  /** A child has gone from here, with its state (`live`) or anew. */
  migrated: { name: string; from: string; to: string; live: boolean; ms: number }
  /** A child should be elsewhere, and stays here. */
  stayed: { name: string; to: string; code: string; reason: string }
  /** A member has another option than this node, where all should have the same. */
  mismatch: { peer: string; option: string; mine: string; theirs: string }
}

export type MovePhase =
  | 'freeze'
  | 'prepare'
  | 'begin'
  | 'prepared'
  | 'commit'
  | 'activate'
  | 'retire'
  | 'abort'
  | 'aborted'
  | 'refused'
  | 'takeover'
  | 'rollback'
  | 'parked'
  | 'closed'

export type EventType = keyof EventMap
export type EventOf<T extends EventType> = { readonly type: T; readonly node: string } & Readonly<EventMap[T]>
export type NodeEvent = { [T in EventType]: EventOf<T> }[EventType]

type Listener = (event: NodeEvent) => void

/** Each is looked up once: the registry of channels is a search by name. */
const channels = new Map<EventType, Channel>()

const channelOf = (type: EventType): Channel => {
  const known = channels.get(type)
  if (known !== undefined) return known
  const made = channel(`proc-mobility:${type}`)
  channels.set(type, made)
  return made
}

/** The node's own bus. Emitting is synchronous and never throws. */
export class Events {
  readonly #node: string
  readonly #log: Logger
  readonly #listeners = new Map<EventType | '*', Set<Listener>>()

  constructor(node: string, log: Logger) {
    this.#node = node
    this.#log = log
  }

  /** @returns a function that ends the subscription */
  on<T extends EventType>(type: T | '*', listener: (event: EventOf<T>) => void): () => void {
    const set = this.#listeners.get(type) ?? new Set<Listener>()
    this.#listeners.set(type, set)
    const added = listener as unknown as Listener
    set.add(added)
    return () => set.delete(added)
  }

  /** Does anybody listen? For those who tell of what happens often. */
  heard(type: EventType): boolean {
    const listening = (this.#listeners.get(type)?.size ?? 0) > 0 || (this.#listeners.get('*')?.size ?? 0) > 0
    return listening || channelOf(type).hasSubscribers
  }

  emit<T extends EventType>(type: T, data: EventMap[T]): void {
    if (!this.heard(type)) return
    const diagnostics = channelOf(type)
    const specific = this.#listeners.get(type)
    const all = this.#listeners.get('*')
    // `node` is the node that speaks, unless the event is about another one and says so itself.
    const event = { node: this.#node, ...data, type } as unknown as NodeEvent
    if (diagnostics.hasSubscribers) diagnostics.publish(event)
    for (const listener of [...(specific ?? []), ...(all ?? [])]) {
      try {
        listener(event)
      } catch (error) {
        this.#log.error({ event: type, reason: reasonOf(error) }, 'an event listener threw')
      }
    }
  }

  /** Resolves at the next event of this type that `accepts`. Arm it before the act. */
  once<T extends EventType>(type: T, accepts: (event: EventOf<T>) => boolean = () => true): Promise<EventOf<T>> {
    return new Promise((resolve) => {
      const off = this.on(type, (event: EventOf<T>) => {
        if (!accepts(event)) return
        off()
        resolve(event)
      })
    })
  }
}
