/** The option `hub` of createNode, checked. */
import { fail } from '../base/errors.js'
import { hotSwap, type MigrationStrategy } from './migration-strategy.js'
import { type Placement, rendezvous } from './placement.js'
import { pubsub, type Sync } from './sync-strategy.js'

/** All members should have the same: a `mismatch` event tells of one that has not. */
export interface HubOptions {
  /** Where children run: `rendezvous()` (the default), `leastLoaded()`, `guided({ ... })`, or an object of your own. */
  readonly placement?: Placement
  /** A node that joins gets its share by itself, or when `hub.rebalance()` is called. Default 'active' */
  readonly rebalance?: 'active' | 'passive'
  /** Children under way at once. Default 64 */
  readonly width?: number
  /** One whose `mayMove` says not now is asked for so long, in ms; then it stays (`stayed` event). Default 60_000 */
  readonly consentMs?: number
  /** How a child moves: `hotSwap()` (the default) or `coldSwap()`. */
  readonly migration?: MigrationStrategy
  /** How the members tell each other of children: `pubsub()` (the default), or `gossip()` for many nodes. */
  readonly sync?: Sync
  /** A child that fails more often than `max` within `withinMs` is parked. Default 5 within 60_000 */
  readonly restarts?: { readonly max?: number; readonly withinMs?: number }
}

export interface HubSettings {
  readonly placement: Placement
  readonly active: boolean
  readonly width: number
  readonly consentMs: number
  readonly migration: MigrationStrategy
  readonly sync: Sync
  readonly restartsMax: number
  readonly withinMs: number
}

const wrong = (option: string, why: string) => fail('ERR_OPTION', { option: `hub${option}`, why })

const KNOWN: ReadonlySet<string> = new Set([
  'placement',
  'rebalance',
  'width',
  'consentMs',
  'migration',
  'sync',
  'restarts',
])

const whole = (option: string, value: unknown, usual: number, least: number): number => {
  if (value === undefined) return usual
  if (Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= 0x7fffffff)
    return value as number
  throw wrong(option, `must be a whole number from ${least}`)
}

const checkPlacement = (placement: unknown): Placement => {
  if (placement === undefined) return rendezvous()
  const { name, place } = (typeof placement === 'object' && placement !== null ? placement : {}) as Partial<Placement>
  if (typeof name === 'string' && name !== '' && typeof place === 'function') return placement as Placement
  throw wrong(
    '.placement',
    'must be rendezvous(), leastLoaded(), guided(...), or an object { name, place(what, candidates) }',
  )
}

const checkMigration = (migration: unknown): MigrationStrategy => {
  if (migration === undefined) return hotSwap()
  const { name } = (typeof migration === 'object' && migration !== null ? migration : {}) as Partial<MigrationStrategy>
  if (name === 'hotSwap' || name === 'coldSwap') return migration as MigrationStrategy
  throw wrong('.migration', 'must be hotSwap(...) or coldSwap(...)')
}

const checkSync = (sync: unknown): Sync => {
  if (sync === undefined) return pubsub()
  const { name } = (typeof sync === 'object' && sync !== null ? sync : {}) as Partial<Sync>
  if (name === 'pubsub' || name === 'gossip') return sync as Sync
  throw wrong('.sync', 'must be pubsub(...) or gossip(...)')
}

/** @throws ERR_OPTION */
export const checkHub = (options: HubOptions = {}): HubSettings => {
  if (typeof options !== 'object' || options === null) throw wrong('', 'must be an object')
  for (const key of Object.keys(options)) if (!KNOWN.has(key)) throw wrong(`.${key}`, 'there is no such option')
  const { rebalance = 'active', restarts = {} } = options
  if (rebalance !== 'active' && rebalance !== 'passive') throw wrong('.rebalance', "must be 'active' or 'passive'")
  if (typeof restarts !== 'object' || restarts === null) throw wrong('.restarts', 'must be an object')
  return {
    placement: checkPlacement(options.placement),
    active: rebalance === 'active',
    width: whole('.width', options.width, 64, 1),
    consentMs: whole('.consentMs', options.consentMs, 60_000, 1),
    migration: checkMigration(options.migration),
    sync: checkSync(options.sync),
    restartsMax: whole('.restarts.max', restarts.max, 5, 0),
    withinMs: whole('.restarts.withinMs', restarts.withinMs, 60_000, 1),
  }
}

/** To see whether all members have the same. */
export const settingsText = ({ placement, active, migration, sync }: HubSettings): string =>
  [
    placement.name.slice(0, 64),
    active ? 'active' : 'passive',
    migration.name,
    migration.handover ? 'with state' : 'without state',
    sync.name,
  ].join(', ')
