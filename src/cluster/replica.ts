/**
 * What a replica is: a child like any other, named `x#1`, `x#2`, ..., whose record says that it is one of `x`. The
 * record of `x`, the group, says how many there should be and which of them is active; no process has that name.
 */
import { fail } from '../base/errors.js'
import type { Child } from '../wire/messages.js'

/** More copies of one process are asked for with 'all': one on each member. */
export const REPLICAS_MAX = 64
/** As many members as a message can name. */
const NUMBER_MAX = 1_024

/** A record that stands for several processes. */
export type Group = Child & { readonly replicas: NonNullable<Child['replicas']> }

export const isGroup = (child: Child | undefined): child is Group => child?.replicas !== undefined

/** Is it wanted, or parked: does it have its name? */
export const stands = (child: Child | undefined): child is Child => child !== undefined && child.status !== 'removed'

export const replicaName = (group: string, number: number): string => `${group}#${number}`

/** The longest name that its replicas can have. */
export const longestName = (group: string, count: number): string =>
  replicaName(group, count === 0 ? NUMBER_MAX : count)

/** Which of its group a replica is: 1 and up. */
export const numberOf = ({ name, group = '' }: Child): number => Number(name.slice(group.length + 1))

/** The name whose home looks after a child: one node decides on all of a group. */
export const keptUnder = (name: string, record: Child | undefined): string => record?.group ?? name

/** What is refused of one of them: it is all or none. */
export const notAlone = ({ name, group = '' }: Child) =>
  fail('ERR_BAD_ARGUMENT', { what: name, why: `it is one of the replicas of ${group}: name ${group} instead` })

/** What is wrong with what a record says of its group. Only the record makes a replica, never a name with a `#`. */
export const wrongGroup = (child: Child): string | undefined => {
  const { name, group, replicas } = child
  if (group === undefined) return undefined
  const number = numberOf(child)
  const fits = Number.isSafeInteger(number) && number >= 1 && number <= NUMBER_MAX && group !== ''
  if (!fits || name !== replicaName(group, number)) return `named ${name} as a replica of another name`
  return replicas === undefined ? undefined : `named ${name} as a replica that has replicas`
}

/** One of them, as its group says. @param after  lives of its name up to this epoch are another's */
export const replicaOf = (group: Group, number: number, after: number): Omit<Child, 'revision' | 'by'> => {
  const { name, nodes, replicas, revision, by, ...same } = group
  const own = nodes[number - 1]
  const pinned = replicas.guided && own !== undefined ? [own] : nodes
  return { ...same, name: replicaName(name, number), group: name, nodes: pinned, status: 'wanted', reason: '', after }
}
