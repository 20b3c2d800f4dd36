/** The start of a process on this node, by whoever asks. */
import { fail, type MobilityError } from '../base/errors.js'
import type { Events } from '../base/events.js'
import type { Identity } from '../base/ids.js'
import type { Channels } from '../channel/channels.js'
import type { Cordons } from '../cluster/cordons.js'
import type { Process, ProcessHost } from '../process/host.js'
import type { AnyKind, KindTable } from '../process/kind.js'
import type { ProcessTable } from '../process/process-table.js'
import { ServerProcess } from '../process/server.js'
import type { Entry } from '../wire/messages.js'

export interface StartingParts {
  readonly identity: Identity
  readonly cordons: Cordons
  readonly table: ProcessTable
  readonly host: ProcessHost
  readonly channels: Channels
  readonly events: Events
  readonly partition: { readonly serves: boolean }
  readonly keeping: { wasAtRest(process: ServerProcess): boolean } | undefined
  readonly stopping: boolean
  readonly over: boolean
  readonly settings: { readonly kinds: KindTable }
  readonly registry: { claim(name: string, kind: string): Promise<Entry> }
  readonly returns: { awaited(name: string): unknown }
  readonly trees: { grow(process: ServerProcess): Promise<void> | undefined }
}

/** Why nothing starts here: it stops, is about to leave, or sees too few members. */
export const startRefusal = (
  { stopping, cordons, identity, partition }: StartingParts,
  name: string,
): MobilityError | undefined => {
  if (stopping) return fail('ERR_NODE_STOPPED', { node: identity.node })
  if (cordons.on) return fail('ERR_NODE_LEAVING', { node: identity.node, name })
  return partition.serves ? undefined : fail('ERR_NO_QUORUM', { node: identity.node, name })
}

/**
 * The first life of a process under a name that was claimed for it.
 * @param args  its own: nobody else has them
 * @param born  what it is told before all else
 * @returns whether its state was at rest
 * @throws ERR_START_FAILED ERR_START_IGNORED ERR_STORE ERR_UNUSABLE
 */
export const beginLife = async (
  { host, table, channels, events, keeping, trees }: StartingParts,
  kind: AnyKind,
  name: string,
  args: readonly unknown[],
  { epoch, line }: Entry,
  born?: (process: Process) => void,
): Promise<'fresh' | 'stored'> => {
  const process = new ServerProcess(host, { name, kind, args, epoch, line })
  born?.(process)
  table.set(process)
  channels.routeChanged(name)
  await process.start()
  const grown = trees.grow(process)
  if (grown !== undefined) await grown
  events.emit('started', { name, kind: kind.kind, epoch })
  return keeping?.wasAtRest(process) === true ? 'stored' : 'fresh'
}

/**
 * A name for a process that is to start on this very node, for whoever looks after it there.
 * @returns what begins its life
 * @throws ERR_KIND_UNKNOWN ERR_ALREADY_STARTED ERR_NO_QUORUM ERR_CLAIM_TIMEOUT ERR_NODE_STOPPED
 */
export const claimHere = async (
  parts: StartingParts,
  kind: AnyKind,
  name: string,
): Promise<(args: readonly unknown[], born?: (process: Process) => void) => Promise<'fresh' | 'stored'>> => {
  const { node } = parts.identity
  if (parts.settings.kinds.get(kind.kind) !== kind) throw fail('ERR_KIND_UNKNOWN', { node, kind: kind.kind })
  if (!parts.partition.serves) throw fail('ERR_NO_QUORUM', { node, name })
  if (parts.returns.awaited(name) !== undefined) throw fail('ERR_ALREADY_STARTED', { name, node })
  const entry = await parts.registry.claim(name, kind.kind)
  if (parts.stopping || parts.over) throw fail('ERR_NODE_STOPPED', { node })
  return (args, born) => beginLife(parts, kind, name, args, entry, born)
}
