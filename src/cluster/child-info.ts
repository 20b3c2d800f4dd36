/** A child as the user sees it: what its record says, with what the registry knows of it. */
import type { Limits } from '../base/limits.js'
import type { Role } from '../process/image.js'
import { decodeValue, frameValueLimits } from '../wire/codec.js'
import type { Child } from '../wire/messages.js'
import type { ChildCare } from './child-care.js'
import type { ChildDirectory } from './child-fate.js'
import type { Restart } from './child-spec.js'
import { type Group, isGroup } from './replica.js'

/** A child as this node knows it. */
export interface ChildInfo {
  readonly name: string
  readonly kind: string
  /**
   * live: it runs on `node`. waiting: it does not, and will. parked: it failed too often; `retry` starts it again. Of
   * one with replicas: live when a message for its name reaches one.
   */
  readonly status: 'live' | 'waiting' | 'parked'
  /** Where it runs; '' where it does not. */
  readonly node: string
  readonly restart: Restart
  readonly tags: readonly string[]
  readonly metadata: unknown
  /** It may run on these only; none: on any. */
  readonly nodes: readonly string[]
  /** Why it is parked, or has no place to run. */
  readonly reason: string
  /** Of a replica: the name that it is one of. */
  readonly group?: string
  /** Of a replica: what it is now. Where all are active, each is; where none is yet, none. */
  readonly role?: 'active' | 'passive'
  /** Of a name with replicas: they, in the order of their numbers. */
  readonly replicas?: readonly ChildInfo[]
}

export interface ChildFilter {
  readonly kind?: string
  /** It has all of them. */
  readonly tags?: readonly string[]
  readonly node?: string
  readonly status?: ChildInfo['status']
  /** Its metadata has these properties with these values. */
  readonly metadata?: Readonly<Record<string, unknown>>
  /** It is a replica of that name. */
  readonly group?: string
  readonly role?: 'active' | 'passive'
}

interface InfoDeps {
  readonly limits: Limits
  readonly directory: ChildDirectory
  readonly care: ChildCare
}

export const infoOf = (child: Child, deps: InfoDeps): ChildInfo => {
  if (isGroup(child)) return groupInfo(child, deps)
  const { name, group } = child
  const role = group === undefined ? undefined : roleOf(child, deps)
  return {
    ...shown(child, deps),
    ...whereabouts(name, child, deps),
    ...(group === undefined ? {} : { group }),
    ...(role === undefined ? {} : { role }),
  }
}

const groupInfo = (group: Group, deps: InfoDeps): ChildInfo => {
  const { care } = deps
  const replicas = care.groups.replicas(group.name).map((child) => infoOf(child, deps))
  const reached = replicas.find(({ name }) => name === care.groups.find(group.name))
  const isLive = reached?.status === 'live'
  const isParked = replicas.length > 0 && replicas.every(({ status }) => status === 'parked')
  const status = isLive ? 'live' : isParked ? 'parked' : 'waiting'
  const reason = isLive ? '' : (replicas.find((one) => one.status === status)?.reason ?? '')
  return { ...shown(group, deps), status, node: isLive ? reached.node : '', reason, replicas }
}

const shown = ({ name, kind, restart, tags, nodes, metadata }: Child, { limits }: InfoDeps) => ({
  name,
  kind,
  restart,
  tags,
  nodes,
  metadata: readable(metadata, limits),
})

const whereabouts = (name: string, child: Child, { directory, care }: InfoDeps) => {
  if (child.status === 'parked') return { status: 'parked', node: '', reason: child.reason } as const
  const entry = directory.lookup(name)
  if (entry?.status === 'live' && !directory.isRecovering(name))
    return { status: 'live', node: entry.node, reason: '' } as const
  const fit = care.places.fitting(child)
  return { status: 'waiting', node: '', reason: 'why' in fit ? fit.why : '' } as const
}

const roleOf = (child: Child, { care }: InfoDeps): Role | undefined => {
  const group = care.roster.get(child.group ?? '')
  if (isGroup(group) && group.replicas.active === undefined) return 'active'
  return care.groups.role(child.name)?.role
}

/** What cannot be read was not written by `hub.start`. */
const readable = (metadata: Buffer, limits: Limits): unknown => {
  try {
    return decodeValue(metadata, frameValueLimits(limits))
  } catch {
    return null
  }
}

export const fitter =
  ({ kind, tags = [], node, status, metadata = {}, group, role }: ChildFilter) =>
  (info: ChildInfo): boolean => {
    if (kind !== undefined && info.kind !== kind) return false
    if (node !== undefined && info.node !== node) return false
    if (status !== undefined && info.status !== status) return false
    if (group !== undefined && info.group !== group) return false
    if (role !== undefined && info.role !== role) return false
    if (!tags.every((tag) => info.tags.includes(tag))) return false
    const has = typeof info.metadata === 'object' && info.metadata !== null ? info.metadata : {}
    return Object.entries(metadata).every(([key, value]) => (has as Record<string, unknown>)[key] === value)
  }
