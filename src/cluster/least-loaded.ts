/** Placement on the member that has least to do, by what the members say of themselves (load.ts). */
import { fail } from '../base/errors.js'
import { homeOf, ringOf } from '../registry/rendezvous.js'
import type { Load } from './load.js'
import type { Placement } from './placement.js'

export interface LeastLoadedOptions {
  /**
   * How much a node has to do. Default: a process counts 1, ten waiting messages 1, each ms by which its timers are
   * late 10, and 16 MiB of heap 1.
   */
  readonly score?: (load: Load) => number
}

const MiB = 1024 * 1024

const scoreOf = ({ processes, mailbox, delayMs, heapBytes }: Load): number =>
  processes + mailbox / 10 + delayMs * 10 + heapBytes / (16 * MiB)

/**
 * The member with the lowest score; of equal ones that of the name. What was placed since a member spoke last counts as
 * well, so that a batch does not go to one of them. A join gives the newcomer what others have above the average.
 * @throws ERR_OPTION
 */
export const leastLoaded = ({ score = scoreOf }: LeastLoadedOptions = {}): Placement => {
  if (typeof score !== 'function')
    throw fail('ERR_OPTION', { option: 'hub.placement', why: 'score must be a function' })
  /** Since that word of the node. */
  const placed = new Map<string, { said: Load | undefined; count: number }>()
  const since = (node: string, said: Load | undefined): { said: Load | undefined; count: number } => {
    const known = placed.get(node)
    if (known !== undefined && known.said === said) return known
    const fresh = { said, count: 0 }
    placed.set(node, fresh)
    return fresh
  }
  return {
    name: 'leastLoaded',
    usesLoad: true,
    place({ name }, candidates, loadOf) {
      const scores = candidates.map((node) => {
        const said = loadOf?.(node)
        return (said === undefined ? 0 : score(said)) + since(node, said).count
      })
      const least = Math.min(...scores)
      const best = candidates.filter((_, i) => scores[i] === least)
      const chosen = homeOf(name, ringOf(best)) || undefined
      if (chosen !== undefined) since(chosen, loadOf?.(chosen)).count += 1
      return chosen
    },
  }
}
