/**
 * The chain of shutdown times: what each process of a tree asks for to end, and what it is given from above. Worked out
 * from the specs before anything starts. Children are stopped one after the other, so a supervisor asks for the sum.
 *
 *   app: asks 7000 ms, is given infinity
 *     app/db: asks 5000 ms, is given 5000 ms
 *     app/pool: asks 2000 ms, is given infinity
 *       app/pool/a: asks 2000 ms, is given 2000 ms
 */
import { fail, type MobilityError } from '../base/errors.js'
import type { AnyKind, KindTable } from '../process/kind.js'
import { type Member, nameOf, type Plan, type Shutdown } from './spec.js'

/** What is known of a kind: the tree that it is, or nothing for a worker. */
type PlanOf = (kind: AnyKind, args: readonly unknown[]) => Plan | undefined

export interface ChainWorld {
  readonly kinds: KindTable
  readonly planOf: PlanOf
  /** limits.shutdownMs */
  readonly defaultMs: number
}

export interface ChainLink {
  readonly name: string
  readonly asksMs: number
  readonly givenMs: number
  readonly below: readonly ChainLink[]
}

const FOREVER = Number.POSITIVE_INFINITY

const msOf = (shutdown: Shutdown): number =>
  shutdown === 'infinity' ? FOREVER : shutdown === 'brutal_kill' ? 0 : shutdown

export const kindOf = ({ kind }: Member, kinds: KindTable): AnyKind | undefined =>
  typeof kind === 'string' ? kinds.get(kind) : kind

/** How a child is stopped: as its spec says, its kind, or OTP's defaults. */
export const shutdownOf = (member: Member, { kinds, planOf, defaultMs }: ChainWorld): Shutdown => {
  if (member.shutdown !== undefined) return member.shutdown
  const kind = kindOf(member, kinds)
  if (kind !== undefined && planOf(kind, member.args) !== undefined) return 'infinity'
  return kind?.spec.shutdownMs ?? defaultMs
}

/** What one child takes at most of the time of its supervisor. */
const costOf = ({ asksMs, givenMs }: ChainLink): number => Math.min(asksMs, givenMs)

const linkOf = (member: Member, supervisor: string, world: ChainWorld): ChainLink => {
  const name = nameOf(supervisor, member)
  const kind = kindOf(member, world.kinds)
  const shutdown = shutdownOf(member, world)
  const givenMs = msOf(shutdown)
  const plan = kind === undefined ? undefined : world.planOf(kind, member.args)
  if (shutdown === 'brutal_kill') return { name, asksMs: 0, givenMs, below: [] }
  if (plan !== undefined) return chainOf(name, plan, givenMs, world)
  const asksMs = shutdown === 'infinity' ? FOREVER : (kind?.spec.shutdownMs ?? givenMs)
  return { name, asksMs, givenMs, below: [] }
}

/** @param givenMs  from above */
export const chainOf = (name: string, { members }: Plan, givenMs: number, world: ChainWorld): ChainLink => {
  const below = members.map((member) => linkOf(member, name, world))
  return { name, asksMs: below.reduce((sum, link) => sum + costOf(link), 0), givenMs, below }
}

const text = (ms: number): string => (ms === FOREVER ? 'infinity' : `${ms} ms`)

/** One line for each process, indented as the tree. */
export const chainText = ({ name, asksMs, givenMs, below }: ChainLink, indent = ''): string =>
  [
    `${indent}${name}: asks ${text(asksMs)}, is given ${text(givenMs)}`,
    ...below.map((link) => chainText(link, `${indent}  `)),
  ].join('\n')

/** The first process that is given less than it asks for, from the leaves up. */
export const chainFault = (link: ChainLink, above: string): MobilityError | undefined => {
  for (const one of link.below) {
    const fault = chainFault(one, link.name)
    if (fault !== undefined) return fault
  }
  const { name, asksMs, givenMs } = link
  if (asksMs <= givenMs) return undefined
  return fail('ERR_SHUTDOWN_CHAIN', { name, asks: text(asksMs), above, gives: text(givenMs) })
}
