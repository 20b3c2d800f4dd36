/** What the registry asks of the rest of the node, and tells it. */
import type { Entry } from '../wire/messages.js'

export interface RegistryHooks {
  /** Has this node a copy in the middle of a move from that dead life? After a no it takes none any more. */
  holds(name: string, node: string, incarnation: number): boolean
  /** This node is now the gateway of a life in another cluster; the entry is published. */
  adoptDelegation(entry: Entry): void
  /** A newer entry, or the greater one at the same epoch: what runs here under that name is to stop (G2). */
  superseded(entry: Entry): void
  /** Is it on its way to another node, frozen here? Default: none is. */
  isLeaving?(name: string): boolean
  /** Does the name stand for something else, so that no process may have it? Default: none does. */
  isReserved?(name: string): boolean
  /** The members are others, or all agree on them. */
  viewed?(): void
  /** Something is about to be said: what else was published stands before it. */
  flushed?(): void
}
