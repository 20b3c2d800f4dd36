/**
 * A group of replicas, seen from the home of its name, in a settled view: which of them should be there, and which is
 * the active one. Pure; group-care.ts feeds it what the records and the registry say, and writes what it decides.
 *
 *   of a number     none --a number up to `count`; or a member that has none of them--> wanted
 *                     ^------- there are fewer members, and it is down -------------------'
 *
 *   the active one  nobody --one lives: the lowest--> #n --its life has ended, #m lives: the lowest--> #m
 *                      ^-- its life has ended, and no other lives --'
 *
 * A replica that ended is started again as itself by its own machine (machine-child.ts), as a passive one. The active
 * one changes only when the registry says that its life is over, so by G1 it runs no more when the next one is told:
 * a move, a drain, a join are no end. And the next one was seen to live before it was chosen: whoever is chosen is not
 * about to start. So a life is told `active` by one record only, and no two lives at the same time.
 *
 * `busy` is what must not be touched: recovering, in doubt. It is no end, and nobody else is promoted meanwhile.
 */

interface Replica {
  readonly number: number
  readonly status: 'live' | 'busy' | 'down'
  /** Where it is, '' when it is down. */
  readonly node: string
}

interface GroupState {
  /** The active one; 0: none; undefined: all are. */
  readonly active: number | undefined
}

/** Something may have changed. */
interface GroupEvent {
  readonly type: 'look'
  /** How many there should be; 0: one on each of `nodes`. */
  readonly count: number
  /** Members that could take one. */
  readonly nodes: readonly string[]
  /** Those that have a record, in the order of their numbers. */
  readonly replicas: readonly Replica[]
  /** Their start is under way: which of them are there is decided when it is over. */
  readonly starting: boolean
}

type GroupEffect =
  | { readonly type: 'add'; readonly number: number }
  | { readonly type: 'remove'; readonly number: number }
  /** `from` was active before, 0: nobody. `number` 0: nobody is. */
  | { readonly type: 'activate'; readonly number: number; readonly from: number; readonly on: string }

interface GroupStep {
  readonly state: GroupState
  readonly effects: readonly GroupEffect[]
}

export const stepGroup = (state: GroupState, event: GroupEvent): GroupStep => {
  const chosen = choose(state, event)
  return { state: chosen.state, effects: [...chosen.effects, ...(event.starting ? [] : fill(event))] }
}

const choose = ({ active }: GroupState, { replicas }: GroupEvent): GroupStep => {
  const now = replicas.find(({ number }) => number === active)
  const stays = active === undefined || (now !== undefined && now.status !== 'down')
  if (stays) return { state: { active }, effects: [] }
  const next = replicas.find(({ status }) => status === 'live')
  const number = next?.number ?? 0
  if (number === active) return { state: { active }, effects: [] }
  return { state: { active: number }, effects: [{ type: 'activate', number, from: active, on: next?.node ?? '' }] }
}

/** Which numbers should be there: their records, wherever they run. */
const fill = ({ count, nodes, replicas }: GroupEvent): GroupEffect[] => {
  if (count > 0) return missing(replicas, count, count)
  // What lives where none is wanted, on a node that is about to leave, takes no other node's place.
  const counted = replicas.filter(({ status, node }) => status !== 'live' || nodes.includes(node))
  const spare = counted.length - nodes.length
  if (spare <= 0) return missing(replicas, -spare, Number.POSITIVE_INFINITY)
  const down = counted.filter(({ status }) => status === 'down').slice(-spare)
  return down.map(({ number }) => ({ type: 'remove', number }))
}

/** The lowest numbers that are free. */
const missing = (replicas: readonly Replica[], most: number, highest: number): GroupEffect[] => {
  const known = new Set(replicas.map(({ number }) => number))
  const added: GroupEffect[] = []
  for (let number = 1; number <= highest && added.length < most; number++)
    if (!known.has(number)) added.push({ type: 'add', number })
  return added
}

/** The numbers that a start waits for: as many as there are nodes for. The others come when there are more. */
export const startedAtOnce = (count: number, nodes: number): number[] => {
  const most = count === 0 ? nodes : Math.min(count, nodes)
  return Array.from({ length: most }, (_, i) => i + 1)
}
