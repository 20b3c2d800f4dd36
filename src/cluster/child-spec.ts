/** What a user says about a child, checked field by field, and the record that the members keep of it. */
import { fail } from '../base/errors.js'
import { checkName } from '../base/ids.js'
import type { Limits } from '../base/limits.js'
import type { AnyKind } from '../process/kind.js'
import type { Restart } from '../supervisor/tree.js'
import { encodeValue, frameValueLimits } from '../wire/codec.js'
import type { Child } from '../wire/messages.js'
import { bytesOf } from './children.js'
import { longestName, REPLICAS_MAX } from './replica.js'

export type { Restart } from '../supervisor/tree.js'

/** A process that the cluster looks after. */
export interface ChildSpec {
  /** The kind itself, or its name on the wire: nodes that do not have it can start it, too. */
  readonly kind: AnyKind | string
  /** Unique in the cluster, 1 to 255 bytes. */
  readonly name: string
  /** For `init`, at each start. Default [] */
  readonly args?: readonly unknown[]
  /** Default 'permanent' */
  readonly restart?: Restart
  /** Time for `terminate` and `detach`, in ms, instead of the kind's. */
  readonly shutdownMs?: number
  /** At most 64, each up to 255 bytes. */
  readonly tags?: readonly string[]
  /** Plain data, for people and for `select`. */
  readonly metadata?: unknown
  /** It runs on these only. Default: on any. While none of them is there it waits. */
  readonly nodes?: readonly string[]
  /**
   * So many copies, 1 to 64, each on another node; or 'all': one on each member. They have the names `x#1`, `x#2`, and
   * `x` reaches one of them. Only with `restart: 'permanent'`. Default: one process, named `x`
   */
  readonly replicas?: number | 'all'
  /**
   * Which replicas are active: 'all', or 'one' of them, which messages for `x` go to; another one is promoted when it
   * ends. `handleInfo` of each gets `{ type: 'role', role: 'active' | 'passive' }` when it changes. Default 'all'
   */
  readonly active?: 'all' | 'one'
}

const RESTARTS: readonly unknown[] = ['permanent', 'transient', 'temporary']
const FIELDS: ReadonlySet<string> = new Set([
  'kind',
  'name',
  'args',
  'restart',
  'shutdownMs',
  'tags',
  'metadata',
  'nodes',
  'replicas',
  'active',
])

const wrong = (name: unknown, why: string) =>
  fail('ERR_BAD_ARGUMENT', { what: typeof name === 'string' ? `Child ${name.slice(0, 80)}` : 'A child', why })

const isTag = (tag: unknown): boolean =>
  typeof tag === 'string' && tag !== '' && Buffer.byteLength(tag) <= 255 && tag.isWellFormed() && !tag.includes('\0')

/** @throws ERR_BAD_ARGUMENT */
export const checkTags = (name: string, tags: unknown): readonly string[] => {
  if (!Array.isArray(tags) || tags.length > 64) throw wrong(name, 'tags must be a list of at most 64')
  if (!tags.every(isTag)) throw wrong(name, 'tags must have texts of 1 to 255 bytes')
  return [...new Set(tags as string[])]
}

const checkNodes = (name: string, nodes: unknown): readonly string[] => {
  const isLabel = (node: unknown) => typeof node === 'string' && /^[A-Za-z0-9._-]{1,64}$/.test(node)
  if (!Array.isArray(nodes) || nodes.length > 64) throw wrong(name, 'nodes must be a list of at most 64')
  if (!nodes.every(isLabel)) throw wrong(name, 'nodes must have names of nodes')
  return nodes as string[]
}

const kindName = (name: string, kind: unknown): string => {
  const text: unknown = typeof kind === 'object' && kind !== null ? (kind as AnyKind).kind : kind
  if (typeof text === 'string' && text !== '' && Buffer.byteLength(text) <= 255) return text
  throw wrong(name, 'kind must be what genServer() made, or its name')
}

const checkMs = (name: string, ms: unknown): number | undefined => {
  if (ms === undefined || (Number.isSafeInteger(ms) && (ms as number) >= 0)) return ms as number | undefined
  throw wrong(name, 'shutdownMs must be a whole number of ms from 0')
}

/** @throws ERR_NAME_INVALID */
const checkReplicas = ({ name, replicas, active, restart }: ChildSpec): Child['replicas'] => {
  if (replicas === undefined) {
    if (active !== undefined) throw wrong(name, 'active needs replicas')
    return undefined
  }
  const isNumber = Number.isSafeInteger(replicas) && (replicas as number) >= 1 && (replicas as number) <= REPLICAS_MAX
  if (replicas !== 'all' && !isNumber)
    throw wrong(name, `replicas must be a whole number from 1 to ${REPLICAS_MAX}, or 'all'`)
  if (active !== undefined && active !== 'all' && active !== 'one') throw wrong(name, "active must be 'all' or 'one'")
  if (restart !== undefined && restart !== 'permanent')
    throw wrong(name, 'with replicas restart must be permanent: there are always so many of them')
  const count = replicas === 'all' ? 0 : (replicas as number)
  const longest = longestName(name, count)
  if (Buffer.byteLength(longest) > 255)
    throw fail('ERR_NAME_INVALID', { name: JSON.stringify(name.slice(0, 80)), why: 'its replicas have longer ones' })
  return { count, guided: false, ...(active === 'one' ? { active: 0 } : {}) }
}

/** Plain data as bytes. @throws ERR_NOT_PORTABLE */
export const packed = (value: unknown, root: string, limits: Limits): Buffer =>
  encodeValue(value, root, frameValueLimits(limits))

/**
 * @param born  tells this wish from every other one
 * @throws ERR_BAD_ARGUMENT ERR_NAME_INVALID ERR_NOT_PORTABLE  each says which child, and what of it
 */
export const toChild = (spec: ChildSpec, born: string, limits: Limits): Child => {
  if (typeof spec !== 'object' || spec === null) throw wrong(undefined, 'it must be an object { kind, name, ... }')
  const name = checkName(spec.name)
  for (const key of Object.keys(spec)) if (!FIELDS.has(key)) throw wrong(name, `there is no field ${key}`)
  const { args = [], restart = 'permanent', tags = [], nodes = [], metadata = null } = spec
  if (!RESTARTS.includes(restart)) throw wrong(name, 'restart must be permanent, transient or temporary')
  if (!Array.isArray(args)) throw wrong(name, 'args must be a list')
  const shutdownMs = checkMs(name, spec.shutdownMs)
  const replicas = checkReplicas(spec)
  const child: Child = {
    name,
    kind: kindName(name, spec.kind),
    args: packed(args, 'args', limits),
    restart,
    tags: checkTags(name, tags),
    metadata: packed(metadata, 'metadata', limits),
    nodes: checkNodes(name, nodes),
    status: 'wanted',
    reason: '',
    revision: 0,
    by: '',
    born,
    after: 0,
    ...(shutdownMs === undefined ? {} : { shutdownMs }),
    ...(replicas === undefined ? {} : { replicas }),
  }
  checkSize(child, limits)
  return child
}

/** @throws ERR_BAD_ARGUMENT */
export const checkSize = (child: Child, limits: Limits): void => {
  const bytes = bytesOf(child)
  if (bytes <= limits.childBytesMax) return
  const why = `its args, tags and metadata need ${bytes} bytes, limits.childBytesMax is ${limits.childBytesMax}`
  throw wrong(child.name, why)
}
