/** The parts of a node as its moves see them. */
import type { Events } from '../base/events.js'
import type { Address, Identity } from '../base/ids.js'
import type { Clock } from '../base/ports.js'
import type { Channels } from '../channel/channels.js'
import type { Replies } from '../channel/replies.js'
import type { Cordons } from '../cluster/cordons.js'
import type { Peers } from '../link/peers.js'
import type { MoveContext, Roads } from '../migration/context.js'
import type { ProcessHost } from '../process/host.js'
import type { ProcessTable } from '../process/process-table.js'
import type { NodeDirectory } from '../registry/directory.js'
import type { Settings } from './options.js'
import type { Returns } from './returns.js'
import type { Router } from './router.js'

/** They are made one after the other. */
interface MovingParts {
  readonly settings: Settings
  readonly world: { readonly clock: Clock }
  readonly identity: Identity
  readonly address: Address
  readonly events: Events
  readonly table: ProcessTable
  readonly host: ProcessHost
  readonly channels: Channels
  readonly replies: Replies
  readonly roads: Roads
  readonly membership: Peers
  readonly cordons: Cordons
  readonly registry: NodeDirectory
  readonly router: Router
  readonly returns: Returns
  readonly stopping: boolean
  readonly hub: { unfit(name: string): string | undefined }
  isDead(who: Identity | undefined): boolean
}

export const moveContextOf = (parts: MovingParts): MoveContext => {
  const { clock } = parts.world
  const { limits, logger: log, kinds } = parts.settings
  const { events, table, host, channels, replies, roads } = parts
  return {
    clock,
    log,
    events,
    limits,
    kinds,
    table,
    host,
    channels,
    replies,
    roads,
    peers: parts.membership,
    directory: parts.registry,
    get moves() {
      return parts.registry.moves
    },
    self: () => ({ identity: parts.identity, address: parts.address }),
    callBack: (name) => parts.router.callBack(name),
    stopping: () => parts.stopping,
    isLeaving: (node) => parts.cordons.isLeaving(node),
    isDead: (identity) => parts.isDead(identity),
    unfit: (name) => parts.hub.unfit(name),
    isReturning: (name) => parts.returns.awaited(name) !== undefined,
    witness: (name, member, dead, agreed) =>
      parts.registry.witness?.(name, member.node, dead, agreed) ?? { cancel() {} },
  }
}
