/**
 * Who should be elsewhere, and what to do with one that did not go. Pure; rebalancer.ts drives it.
 *
 *   waiting --turn--> moving --moved--> moved
 *     ^                 |--not now: in a while, for consentMs in all ------.
 *     '-----------------|--busy, refused, no link: a few times ------------+--> stays, with its reason
 *                       '--ended, cannot travel ---------------------------'
 */
import { hash32 } from '../registry/rendezvous.js'

export interface PlannedMove {
  readonly name: string
  readonly from: string
  readonly to: string
}

interface Hosted {
  readonly name: string
  readonly node: string
}

/**
 * Moves of children to where they should be.
 * @param place  undefined: nowhere else
 * @param newcomers  only to these; undefined: to anywhere. A join moves nothing between old nodes (scenario 60)
 */
export const planMoves = <T extends Hosted>(
  children: readonly T[],
  place: (child: T) => string | undefined,
  newcomers?: ReadonlySet<string>,
): PlannedMove[] =>
  children.flatMap((child) => {
    const to = place(child)
    if (to === undefined || to === child.node || newcomers?.has(to) === false) return []
    return [{ name: child.name, from: child.node, to }]
  })

/**
 * For placements that do not depend on the name: what a node has above the average goes to the newcomers, up to the
 * average of each. A tenth more or less is left alone: nothing is moved back and forth.
 * @param counts  children that each node has now
 */
export const planSpread = <T extends Hosted>(
  children: readonly T[],
  counts: ReadonlyMap<string, number>,
  newcomers: readonly string[],
): PlannedMove[] => {
  const [first] = children
  if (first === undefined || newcomers.includes(first.node)) return []
  let total = 0
  for (const count of counts.values()) total += count
  const average = total / counts.size
  const spare = Math.floor(children.length - average)
  if (children.length <= average * 1.1 || spare < 1) return []
  const givers = [...counts].filter(([node, count]) => !newcomers.includes(node) && count > average)
  const offered = givers.reduce((sum, [, count]) => sum + count - average, 0)
  // The names' own order, the same wherever it is asked.
  const ordered = [...children].sort((a, b) => hash32(a.name) - hash32(b.name) || (a.name < b.name ? -1 : 1))
  const moves: PlannedMove[] = []
  for (const to of newcomers) {
    const room = Math.max(0, average - (counts.get(to) ?? 0))
    const mine = Math.min(spare - moves.length, Math.floor((room * spare) / Math.max(1, offered)))
    for (const { name, node } of ordered.slice(moves.length, moves.length + mine)) moves.push({ name, from: node, to })
  }
  return moves
}

export interface MoveRules {
  /** One that says not now is asked for so long. */
  readonly consentMs: number
  readonly againMs: number
  /** Of other reasons to try again. */
  readonly triesMax: number
}

/** One child on its way. */
export interface Mover {
  readonly move: PlannedMove
  /** Not before then. */
  readonly at: number
  /** When it first said not now. */
  readonly asked: number | undefined
  readonly tries: number
}

export const newMover = (move: PlannedMove, now: number): Mover => ({ move, at: now, asked: undefined, tries: 0 })

/** These pass. */
const PASSING: ReadonlySet<string> = new Set([
  'ERR_MOVING',
  'ERR_REFUSED',
  'ERR_MOVE_TIMEOUT',
  'ERR_UNREACHABLE',
  'ERR_LINK_LOST',
])

/** @returns when it is tried again, or undefined: it stays */
export const afterFailure = (mover: Mover, code: string, now: number, rules: MoveRules): Mover | undefined => {
  if (code === 'ERR_NOT_NOW') {
    const asked = mover.asked ?? now
    const left = asked + rules.consentMs - now
    return left <= 0 ? undefined : { ...mover, asked, at: now + Math.min(rules.againMs, left) }
  }
  const tries = mover.tries + 1
  if (!PASSING.has(code) || tries >= rules.triesMax) return undefined
  return { ...mover, tries, at: now + rules.againMs * tries }
}
