/** How the state of a kind is kept at rest, as its author says it. What is done with it: node/keeping.ts */

/** Why a saved state cannot be used: unreadable, of a version that nobody here reads, too old. */
export interface Unusable {
  readonly name: string
  readonly reason: string
  /** When it was saved, in ms since 1970; 0 when nobody can say. */
  readonly savedAt: number
}

/** What to begin with instead: nothing until a person decides, an older one, what `init` makes. */
export type UnusablePolicy = 'park' | 'previous' | 'fresh'

export interface PersistSpec<S = unknown> {
  /** Which store of the node. Default `'default'`, its option `store` */
  readonly store?: string
  /** Saved when so many messages have run since the last time, or so many ms after the first. Default { ms: 1_000 } */
  readonly every?: { readonly messages?: number; readonly ms?: number }
  /** Saved then, too: at an end in order, before it leaves a node that drains, before any move. Default the first 2 */
  readonly on?: readonly SaveMoment[]
  /** How many states of each process are kept. Default 3 */
  readonly keep?: number
  /** A state that is older is not used. Default: any age will do */
  readonly maxAgeMs?: number
  /**
   * When a call is answered: `taken`, when its handler has run; what ran since the last save may be lost with the node.
   * `saved`: when its effect is at rest. Default `'taken'`
   */
  readonly acknowledge?: 'taken' | 'saved'
  /** What to begin with when the saved state cannot be used. Default `'park'`: it does not start */
  readonly onUnusable?: UnusablePolicy | ((problem: Unusable) => UnusablePolicy | { readonly state: S })
}

export type SaveMoment = 'terminate' | 'drain' | 'move'

export const DEFAULT_KEEP = 3

const FIELDS: ReadonlySet<string> = new Set(['store', 'every', 'on', 'keep', 'maxAgeMs', 'acknowledge', 'onUnusable'])
const MOMENTS: ReadonlySet<unknown> = new Set(['terminate', 'drain', 'move'])
const POLICIES: ReadonlySet<unknown> = new Set(['park', 'previous', 'fresh'])
const KEEP_MAX = 100
const MS_MAX = 0x7fffffff

/** @returns what is wrong with it */
export const wrongPersist = (given: unknown): string | undefined => {
  if (typeof given !== 'object' || given === null) return 'persist is not an object'
  const spec = given as Record<string, unknown>
  for (const key of Object.keys(spec)) if (!FIELDS.has(key)) return `there is no persist.${key}`
  const { store, every = {}, on = [], keep, maxAgeMs, acknowledge, onUnusable } = spec
  if (store !== undefined && (typeof store !== 'string' || store === ''))
    return 'persist.store is not the name of a store'
  if (typeof every !== 'object' || every === null) return 'persist.every is not an object'
  for (const [key, value] of Object.entries(every)) {
    if (key !== 'messages' && key !== 'ms') return `there is no persist.every.${key}`
    if (!isWhole(value, MS_MAX)) return `persist.every.${key} is not a whole number from 1`
  }
  if (!Array.isArray(on) || !on.every((moment) => MOMENTS.has(moment)))
    return "persist.on is not a list of 'terminate', 'drain', 'move'"
  if (keep !== undefined && !isWhole(keep, KEEP_MAX)) return `persist.keep is not a whole number from 1 to ${KEEP_MAX}`
  if (maxAgeMs !== undefined && !isWhole(maxAgeMs, Number.MAX_SAFE_INTEGER))
    return 'persist.maxAgeMs is not a whole number from 1'
  if (acknowledge !== undefined && acknowledge !== 'taken' && acknowledge !== 'saved')
    return "persist.acknowledge is not 'taken' or 'saved'"
  if (onUnusable !== undefined && typeof onUnusable !== 'function' && !POLICIES.has(onUnusable))
    return "persist.onUnusable is not 'park', 'previous', 'fresh' or a function"
  return undefined
}

const isWhole = (value: unknown, most: number): boolean =>
  Number.isSafeInteger(value) && (value as number) >= 1 && (value as number) <= most
