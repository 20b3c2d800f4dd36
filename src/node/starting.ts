/** The start of a process on this node, by whoever asks. */
import { fail, type MobilityError } from '../base/errors.js'
import type { Events } from '../base/events.js'
import type { Identity } from '../base/ids.js'
import type { Channels } from '../channel/channels.js'
import type { Cordons } from '../cluster/cordons.js'
import type { Process, ProcessHost } from '../process/host.js'
import type { AnyKind } from '../process/kind.js'
import type { ProcessTable } from '../process/process-table.js'
import { ServerProcess } from '../process/server.js'
import type { Entry } from '../wire/messages.js'

interface StartingParts {
  readonly identity: Identity
  readonly cordons: Cordons
  readonly table: ProcessTable
  readonly host: ProcessHost
  readonly channels: Channels
  readonly events: Events
  readonly partition: { readonly serves: boolean }
  readonly keeping: { wasAtRest(process: ServerProcess): boolean } | undefined
  readonly stopping: boolean
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
  { host, table, channels, events, keeping }: StartingParts,
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
  events.emit('started', { name, kind: kind.kind, epoch })
  return keeping?.wasAtRest(process) === true ? 'stored' : 'fresh'
}
