/** Which directory a node has, joined to its other parts. */
import type { Events } from '../base/events.js'
import type { Identity } from '../base/ids.js'
import type { Channels } from '../channel/channels.js'
import type { Partition } from '../cluster/partition.js'
import type { Peers } from '../link/peers.js'
import type { Coordinator } from '../migration/coordinator.js'
import type { ProcessTable } from '../process/process-table.js'
import type { NodeDirectory } from '../registry/directory.js'
import { EngineDirectory } from '../registry/engine-directory.js'
import { clientOf, type EtcdDirectory } from '../registry/etcd.js'
import { Registry } from '../registry/registry.js'
import type { Entry, Member } from '../wire/messages.js'
import type { HubParts } from './hub-parts.js'
import type { Names } from './names.js'
import type { Settings } from './options.js'
import type { Router } from './router.js'
import type { Heritage, World } from './world.js'

/** All but the first are made after it. */
interface DirectoryParts {
  readonly settings: Settings
  readonly world: World
  readonly events: Events
  readonly identity: Identity
  readonly membership: Peers
  readonly partition: Partition
  readonly table: ProcessTable
  readonly names: Names
  readonly coordinator: Coordinator
  readonly router: Router
  readonly channels: Channels
  readonly expectingUntil: number
  readonly expects: string
  readonly hub: HubParts | undefined
}

const hasMet = (members: readonly Member[], expected: string): boolean =>
  expected === '' ? members.length > 0 : members.some(({ node }) => node === expected)

export const makeDirectory = (parts: DirectoryParts, heritage: Heritage | undefined): NodeDirectory => {
  const { directory } = parts.settings
  if (directory === undefined) return makeRegistry(parts, heritage?.floor ?? 0)
  return makeEngine(parts, directory, heritage?.leases ?? [])
}

const makeRegistry = (parts: DirectoryParts, floor: number): NodeDirectory => {
  const { settings, world, events, membership } = parts
  const { clock } = world
  const { limits, logger: log } = settings
  return new Registry({
    clock,
    log,
    events,
    limits,
    floor,
    self: () => parts.identity,
    peers: membership,
    mayDecide: () => parts.partition.decides,
    viewed: (views) => parts.partition.viewed(views),
    expecting: () => clock.now() < parts.expectingUntil && !hasMet(membership.live(), parts.expects),
    hooks: {
      holds: (...which) => parts.coordinator.holds(...which),
      adoptDelegation: (entry) => parts.coordinator.gateways.adopt(entry),
      superseded: (entry) => parts.names.superseded(entry),
      isLeaving: (name) => parts.coordinator.isLeaving(name),
      isReserved: (name) => parts.hub?.care.groups.has(name) ?? false,
      viewed: () => parts.hub?.viewed(),
      flushed: () => parts.hub?.care.roster.flush(),
    },
  })
}

const makeEngine = (
  parts: DirectoryParts,
  directory: EtcdDirectory,
  formerLeases: readonly string[],
): NodeDirectory => {
  const { settings, world, events, membership: peers, table } = parts
  const { clock } = world
  const { limits, logger: log } = settings
  const { ttlMs, prefix } = directory
  return new EngineDirectory({
    clock,
    log,
    events,
    limits,
    self: () => parts.identity,
    peers,
    client: world.engine?.() ?? clientOf(directory, clock),
    ttlMs,
    prefix,
    formerLeases,
    hooks: {
      superseded: (entry) => {
        const process = table.get(entry.name)
        if (process !== undefined && process.epoch < entry.epoch) parts.names.superseded(entry)
      },
      running: () => {
        const own = table
          .all()
          .filter(({ phase }) => phase !== 'inert' && phase !== 'moved' && phase !== 'ended')
          .filter(({ name }) => !parts.coordinator.isRecording(name))
        return own.map(({ name, kind, epoch }) => ({ name, kind: kind.kind, epoch }))
      },
      // init, attach and onStart of a start follow each other without asking.
      fenced: () => {
        for (const process of table.all()) if (process.phase === 'starting') process.kill()
      },
      lost: () => void parts.coordinator.quiesce('the lease of this node is over'),
      moved: (entry) => parts.coordinator.engineSaid(entry),
      regained: (entry) => regained(parts, entry),
      opened: () => {
        for (const process of table.all()) process.wake()
        parts.channels.routesChanged()
        parts.hub?.viewed()
      },
      leased: () => parts.hub?.viewed(),
    },
  })
}

/** What is left of the line before: others may have heard that it is over (G2, G3). */
const regained = ({ table, names, router }: DirectoryParts, { name, epoch, line }: Entry): void => {
  const process = table.get(name)
  if (process === undefined || process.epoch >= epoch) return
  process.raise(epoch, line)
  process.cursors.clear()
  process.replies.clear()
  names.notice(name)
  router.callBack(name)
}
