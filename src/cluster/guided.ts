/** Places that somebody has chosen himself: for a batch of `hub.start`, or for a whole cluster. */
import { fail } from '../base/errors.js'
import type { Child } from '../wire/messages.js'
import type { Placement } from './placement.js'
import { type Group, isGroup } from './replica.js'

/**
 * Name of a child -> the node where it runs, or several: the first of them that can take it. In the guide of a batch,
 * of a child with replicas: the node of each.
 */
export type Guide = Readonly<Record<string, string | readonly string[]>>

const wrong = (name: string, problem: string, why: string) => fail('ERR_PLACEMENT', { name, problem, why })

const checkPlace = (name: string, place: unknown): readonly string[] => {
  const nodes: readonly unknown[] = Array.isArray(place) ? place : [place]
  const isLabel = (node: unknown) => typeof node === 'string' && /^[A-Za-z0-9._-]{1,64}$/.test(node)
  if (nodes.length > 0 && nodes.length <= 64 && nodes.every(isLabel)) return nodes as readonly string[]
  throw wrong(name, 'invalid node', 'a place is the name of a node, or a list of 1 to 64 of them')
}

const checkMap = (guide: unknown): ReadonlyMap<string, readonly string[]> => {
  if (typeof guide !== 'object' || guide === null || Array.isArray(guide))
    throw wrong('a child', 'invalid guide', 'it must be an object: the name of a child, and its node')
  return new Map(Object.entries(guide).map(([name, place]) => [name, checkPlace(name, place)]))
}

/**
 * The children, pinned to where the guide says (scenario 61).
 * @throws ERR_PLACEMENT  fields.problem says which: `missing`, `extra`, `invalid node`, `invalid guide`, `wrong replica
 *   count`
 */
export const checkGuide = (guide: Guide, children: readonly Child[], members: readonly string[]): Child[] => {
  const places = checkMap(guide)
  const names = new Set(children.map(({ name }) => name))
  for (const name of places.keys()) {
    if (!names.has(name)) throw wrong(name, 'extra', 'the guide names it, and no child of this batch has that name')
  }
  return children.map((child) => {
    const nodes = places.get(child.name)
    if (nodes === undefined) throw wrong(child.name, 'missing', 'the guide does not say where it runs')
    const unknown = nodes.find((node) => !members.includes(node))
    if (unknown !== undefined) throw wrong(child.name, 'invalid node', `${unknown} is not a member; see node.nodes()`)
    return isGroup(child) ? checkReplicas(child, nodes) : { ...child, nodes }
  })
}

/** Each of them has a node of its own. */
const checkReplicas = (group: Group, nodes: readonly string[]): Child => {
  const { name, replicas } = group
  const wanted = replicas.count === 0 ? 'one on each member, whoever that is' : `${replicas.count} replicas`
  if (nodes.length !== replicas.count)
    throw wrong(name, 'wrong replica count', `the guide has ${nodes.length} nodes, and it has ${wanted}`)
  const twice = nodes.find((node, i) => nodes.indexOf(node) !== i)
  if (twice !== undefined)
    throw wrong(name, 'invalid node', `${twice} stands there twice, and each replica needs a node of its own`)
  return { ...group, nodes, replicas: { ...replicas, guided: true } }
}

/**
 * A placement by hand: each child runs on the node that stands there, or on the first of several that can take it. A
 * child that is not named has no place (ERR_NO_PLACE). Replicas may stand there as `x#1`, or all of them as `x`.
 * @throws ERR_PLACEMENT  a node that cannot be one
 */
export const guided = (guide: Guide): Placement => {
  const places = checkMap(guide)
  return {
    name: 'guided',
    place: ({ name, group = name }, candidates) =>
      (places.get(name) ?? places.get(group))?.find((node) => candidates.includes(node)),
  }
}
