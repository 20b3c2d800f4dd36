/**
 * The port through which names are claimed, published and found. `Registry` is the embedded one, which needs no
 * server; `memoryDirectory` is its twin for a node that is alone. Both pass test/contract/directory.test.ts.
 */
import { fail } from '../base/errors.js'
import type { Identity } from '../base/ids.js'
import type { Clock } from '../base/ports.js'
import type { Entry } from '../wire/messages.js'
import type { Watcher } from './ledger.js'
import { createTable, highestEpoch, merge } from './table.js'

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
