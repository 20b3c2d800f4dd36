/**
 * What the parts of an engine-backed directory share: the way to the engine, the table, the lease, and how one goes on
 * asking. Works on one name come one after the other: what the next one does depends on how the last one ended.
 */
import { fail, isMobilityError } from '../base/errors.js'
import type { Identity } from '../base/ids.js'
import type { Clock, Logger, Timer } from '../base/ports.js'
import type { Entry } from '../wire/messages.js'
import type { EngineClient, EngineKey } from './engine.js'
import type { EngineTable } from './engine-table.js'
import type { LeaseKeeper } from './lease-keeper.js'
import type { Mirror } from './mirror.js'
import { keyOf, type OwnerRecord, type RecordKind } from './records.js'

/** What the directory asks and tells the node. */
export interface EngineHooks {
  /** Somebody else owns the name: what runs here under it is to stop (G2). */
  superseded(entry: Entry): void
  /** What has this name here runs, or will. */
  readonly running: () => readonly { readonly name: string; readonly kind: string; readonly epoch: number }[]
  /** No callback starts from now on: what has not begun to run never will. */
  fenced(reason: string): void
  /** The lease is over: moves that are not recorded are given up. */
  lost(): void
  /** The lease of its owner is over, or it has ended; or, of one that is owned here: a move to here is recorded. */
  moved(entry: Entry): void
  /** The name is this node's again, in a new epoch and a new line. */
  regained(entry: Entry): void
  /** Callbacks may start. */
  opened(): void
  /** A member has got its lease, or lost it. */
  leased(): void
}

interface WorkDeps {
  readonly clock: Clock
  readonly log: Logger
  readonly client: EngineClient
  readonly root: string
  readonly self: () => Identity
  readonly table: EngineTable
  readonly keeper: LeaseKeeper
}

const AGAIN_MS = 20
const AGAIN_MS_MAX = 1_000

export class EngineWork {
  readonly clock: Clock
  readonly log: Logger
  readonly client: EngineClient
  readonly self: () => Identity
  readonly table: EngineTable
  readonly keeper: LeaseKeeper
  readonly #root: string
  readonly #chains = new Map<string, Promise<unknown>>()
  readonly #waits = new Set<{ readonly timer: Timer; readonly wake: () => void }>()
  #tokens = 0
  /** Why the last question was not answered. */
  trouble = ''
  closed = false
  /** Every new life begins above it. */
  floor = 0

  constructor(deps: WorkDeps) {
    this.clock = deps.clock
    this.log = deps.log
    this.client = deps.client
    this.self = deps.self
    this.table = deps.table
    this.keeper = deps.keeper
    this.#root = deps.root
  }

  get mirror(): Mirror {
    return this.table.mirror
  }

  /** Names with something under way. */
  get busy(): number {
    return this.#chains.size
  }

  key(kind: RecordKind, name: string): string {
    return keyOf(this.#root, kind, name)
  }

  /** Never used before. */
  token(): string {
    const { node, incarnation } = this.self()
    this.#tokens += 1
    return `${node}/${incarnation}/${this.#tokens}`
  }

  /** Is it the record of exactly this life of this node? */
  isOwn({ node, incarnation }: { readonly node: string; readonly incarnation: number }): boolean {
    const self = this.self()
    return node === self.node && incarnation === self.incarnation
  }

  /** A record for this node, in an epoch above all that is known of the name here. */
  ownRecord(name: string, kind: string, more: { line: number; above: number; token: string }): OwnerRecord {
    const { node, incarnation } = this.self()
    const { line, above, token } = more
    return {
      kind,
      node,
      incarnation,
      offset: this.offset(Math.max(above, this.floor, this.mirror.highestEpoch(name))),
      line,
      token,
    }
  }

  /** G2: what the next revision lacks to be above this epoch. Its revision is above all that is known. */
  offset(epoch: number): number {
    return Math.max(0, epoch - this.mirror.revision)
  }

  /** It is in the table on the next line, and the watch tells nothing new. */
  took(entry: Entry, row: { revision: number; lease: string; attempt?: OwnerRecord['attempt'] }): Entry {
    this.table.tell(this.mirror.set(entry.name, { entry, ...row }, this.clock.now()))
    return entry
  }

  /** One after the other, of one name. */
  inTurn<T>(name: string, work: () => Promise<T>): Promise<T> {
    const before = this.#chains.get(name) ?? Promise.resolve()
    const turn = before.then(work, work)
    const over = turn
      .catch(() => undefined)
      .then(() => {
        if (this.#chains.get(name) === over) this.#chains.delete(name)
      })
    this.#chains.set(name, over)
    return turn
  }

  /**
   * Asks until the engine has answered. The question must be safe to ask twice.
   * @throws ERR_NODE_STOPPED  it was closed before
   */
  async untilKnown<T>(ask: () => Promise<T>): Promise<T> {
    for (let waitMs = AGAIN_MS; ; waitMs = Math.min(waitMs * 2, AGAIN_MS_MAX)) {
      if (this.closed) throw fail('ERR_NODE_STOPPED', { node: this.self().node })
      try {
        return await ask()
      } catch (error) {
        // What is no word of the engine is a fault of ours: to ask again would hide it.
        if (!isMobilityError(error)) throw error
        this.trouble = error.message
        await this.pause(waitMs)
      }
    }
  }

  /** Ends at once when it is closed. */
  pause(ms: number): Promise<void> {
    if (this.closed) return Promise.resolve()
    return new Promise((resolve) => {
      const wait = {
        timer: this.clock.after(ms, () => wait.wake()),
        wake: () => {
          this.#waits.delete(wait)
          resolve()
        },
      }
      this.#waits.add(wait)
    })
  }

  /** What stands at the engine now, of several keys at once. A compare that never holds, so that it is one question. */
  async look(keys: readonly string[]): Promise<readonly EngineKey[]> {
    const [first = ''] = keys
    const never = { compare: [{ key: first, created: Number.MAX_SAFE_INTEGER }], writes: [], reads: keys }
    const answer = await this.client.txn(never)
    return answer.type === 'differs' ? answer.found : []
  }

  close(): void {
    this.closed = true
    for (const { timer, wake } of [...this.#waits]) {
      timer.cancel()
      wake()
    }
  }
}
