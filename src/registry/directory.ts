/**
 * The port through which names are claimed, published and found. `Registry` is the embedded one, which needs no server;
 * `EngineDirectory` has its authority in etcd; `memoryDirectory` is their twin for a node that is alone. All of them
 * pass test/contract/directory.test.ts.
 */
import { fail } from '../base/errors.js'
import type { Attempt, Identity } from '../base/ids.js'
import type { Clock } from '../base/ports.js'
import type { Entry, Member, Message } from '../wire/messages.js'
import type { Watcher } from './ledger.js'
import { createTable, highestEpoch, merge } from './table.js'
import type { Life } from './views.js'

/** Both conditions hold for an entry that is listed. */
export interface EntryFilter {
  readonly kind?: string | undefined
  readonly node?: string | undefined
}

export interface Directory {
  /**
   * Takes a name that nobody has, for a process that this node is about to start. Of all who try at once one gets it.
   * @param line  of a process that comes from another cluster; a new one begins a line of its own
   * @returns its entry: live, of this node, at an epoch above that of every earlier life. End it with `publish` if the
   *   start fails.
   * @throws ERR_ALREADY_STARTED  somebody has it; `fields.node` says who
   * @throws ERR_CLAIM_TIMEOUT  not decided within `limits.claimMs`; it is safe to try again
   * @throws ERR_NODE_STOPPED
   */
  claim(name: string, kind: string, line?: number): Promise<Entry>
  /** What this node runs, or has ended. The next line here sees it; the members are told at the end of the turn. */
  publish(entry: Entry): void
  /** Tells them now: who answers for a name must have said before that it runs it. */
  flush(): void
  /**
   * Live, ended (for `limits.endedMs`) or unknown: undefined. A live one may be recovering.
   */
  lookup(name: string): Entry | undefined
  /** Its owner is dead and the verdict on its lives is out: messages and claims wait. */
  isRecovering(name: string): boolean
  /** Do all members agree on who is a member? Only then is a name that is not here nowhere in this cluster. */
  readonly settled: boolean
  /** The live ones, recovering ones among them. */
  list(filter?: EntryFilter): Entry[]
  /** An entry that came with a REDIRECT or a move. It counts if it is newer than what is known. */
  learn(entry: Entry, from: string): void
  /**
   * Hears each change of an entry, synchronously, after it is in the table: `changed`; and `recovering`, with the entry
   * as it was, when its owner died. Recovering ends with the next `changed`.
   * @returns a function that ends it
   */
  watch(listener: Watcher): () => void
}

/**
 * Where moves are recorded, when that is not S itself: it holds every move, and its record is the commit. It is asked
 * by S, but `take`, `recorded` and `drop` by D. An answer comes when it is known, however long that takes.
 */
export interface MoveLedger {
  /** Resolves when callbacks may start on this node. */
  opened(): Promise<void>
  /** From now on D may take it over when the lease of this node ends. `still`: is it wanted? */
  begin(name: string, attempt: Attempt, to: Life, still: () => boolean): Promise<'begun' | 'refused'>
  /** D may not any more; or it has taken it. */
  abort(name: string, attempt: Attempt): Promise<'aborted' | 'taken'>
  /** The commit. `refused`: it never will be. `gone`: nobody has the name. `taken`: somebody else has it. */
  record(name: string, attempt: Attempt): Promise<'recorded' | 'refused' | 'gone' | 'taken'>
  /**
   * After the commit: D has burned it, or is dead. `same`: it is back, as if nothing had been. `fresh`: it is back, and
   * D may have run it. `held`: not now, D's lease lives. `taken`: it has gone on, or has ended.
   */
  reclaim(name: string, attempt: Attempt, to: Life, burned: boolean): Promise<'same' | 'fresh' | 'held' | 'taken'>
  /** D runs it: the copy here is given up. */
  retire(name: string, attempt: Attempt): void
  /** S is dead, says somebody. `recorded`: it was committed. `wait`: its lease lives. `aborted`: it is not to run. */
  take(
    name: string,
    attempt: Attempt,
    what: { readonly kind: string; readonly line: number },
  ): Promise<'taken' | 'recorded' | 'wait' | 'aborted'>
  /** Is it recorded to be here? */
  recorded(name: string, attempt: Attempt): Promise<boolean>
  /** There is no copy of it here, and there will be none. */
  drop(name: string, attempt: Attempt): void
  /** Now and then. @param isHere  has it a process or a copy here? */
  sweep(isHere: (name: string) => boolean): void
}

/** A directory as a node runs it: it hears of the members, and of what they say. */
export interface NodeDirectory extends Directory {
  /** Once the cluster is known. `patient`: however long it takes. @throws ERR_ENGINE */
  start?(patient?: boolean): Promise<void>
  /** The highest epoch that it knows. */
  readonly highestEpoch: number
  /** At an engine: those of this life. They must have ended before the next life of this node has names. */
  readonly leases?: readonly string[]
  /** Somewhere an epoch is known that high: no life of a name begins at or below it. */
  raise?(epoch: number): void
  /** G1: may a callback start on this node now? Default: yes. */
  mayRun?(): boolean
  /** At an engine: has that node a lease, as far as is known? Who has none owns nothing. Default: every member may. */
  mayOwn?(node: string): boolean
  /** A link to a live member is up. The member is in `peers` already. */
  memberUp(member: Member): void
  /** Exactly this life is dead, or has left. `proved`: it has surely ended, it is not only silent. */
  memberDown(node: string, incarnation: number, proved: boolean): void
  /** @returns false for a message of another folder */
  received(from: Life, message: Message): boolean
  /**
   * Asks a member, for a name, whether that life is over for it too. Only where members judge the dead themselves.
   * @returns how to end it
   */
  witness?(name: string, member: string, dead: Life, agreed: () => void): { cancel(): void }
  /** Where moves are recorded. Default: S decides, and a member holds. */
  readonly moves?: MoveLedger | undefined
  /** Which member decides on a name, in a view that all have agreed on. Default: nobody has agreed on anything. */
  homeOf?(name: string): string
  /** Is this node, as the home of that name, about to give it to somebody? Default: nobody is asked for names here. */
  isGranting?(name: string): boolean
  /** The members that this node sees are enough again, if they were not: verdicts and claims go on. */
  decide?(): void
  /** For tests that look for leaks. */
  size(): Readonly<Record<string, number>>
  /** Everything that ran here has ended: whoever must hear of it does. */
  leave?(): Promise<void>
  /** Claims in the making fail with ERR_NODE_STOPPED. What was published is still told. */
  close(): void
}

export const matches = (entry: Entry, { kind, node }: EntryFilter): boolean =>
  entry.status === 'live' && (kind === undefined || entry.kind === kind) && (node === undefined || entry.node === node)

/** A directory of one node, in memory, that forgets nothing. */
export const memoryDirectory = (deps: { clock: Clock; self: () => Identity }): Directory => {
  const table = createTable()
  const watchers = new Set<Watcher>()
  const get = (name: string): Entry | undefined => table.rows.get(name)?.entry
  const put = (entry: Entry, teller: string): void => {
    const { outcome, kept, before } = merge(table, entry, teller, deps.clock.now())
    if (kept === entry && outcome !== 'same') for (const watcher of [...watchers]) watcher(entry, before, 'changed')
  }
  return {
    async claim(name, kind, line) {
      const { node, incarnation } = deps.self()
      const owner = get(name)
      if (owner?.status === 'live') throw fail('ERR_ALREADY_STARTED', { name, node: owner.node })
      const epoch = Math.max(deps.clock.wall(), highestEpoch(table, name) + 1, line ?? 0)
      const entry: Entry = { name, kind, node, incarnation, epoch, line: line ?? epoch, status: 'live', reason: '' }
      put(entry, node)
      return entry
    },
    publish: (entry) => put(entry, deps.self().node),
    flush() {},
    lookup: get,
    isRecovering: () => false,
    settled: true,
    list: (filter = {}) => [...table.rows.values()].map((row) => row.entry).filter((entry) => matches(entry, filter)),
    learn: put,
    watch(listener) {
      watchers.add(listener)
      return () => watchers.delete(listener)
    },
  }
}
