/** What a user says about a supervisor and its children, checked field by field. */
import { checkName } from '../base/ids.js'
import type { AnyKind } from '../process/kind.js'
import type { AutoShutdown, Flags, Restart, Strategy } from './tree.js'

/** `'brutal_kill'`: at once, without terminate. Ms: it is told to stop, and killed after so long. */
export type Shutdown = 'brutal_kill' | number | 'infinity'

/** A child of a supervisor, in OTP's words. */
export interface SupervisedSpec {
  /** Tells it from the other children of its supervisor. */
  readonly id: string
  /** The kind itself, or its name: over a call only a name can travel. Another supervisor makes a tree. */
  readonly kind: AnyKind | string
  /** Its name in the cluster. Default: that of its supervisor, a slash, and its id */
  readonly name?: string
  /** For `init`, at each start. Default [] */
  readonly args?: readonly unknown[]
  /** Default 'permanent' */
  readonly restart?: Restart
  /**
   * How it is stopped. Default: what its kind says (`shutdownMs`), else 5_000 (limits.shutdownMs); 'infinity' for a
   * supervisor.
   */
  readonly shutdown?: Shutdown
  /** Its own end may end the supervisor (`autoShutdown`). Never for a permanent one. Default false */
  readonly significant?: boolean
}

export interface SupervisorOptions {
  /** Who is started again when one has ended: that one, all, or that one and those behind it. Default 'one_for_one' */
  readonly strategy?: Strategy
  /** More restarts than so many within `periodMs` end the supervisor; its own supervisor decides. Default 1 */
  readonly intensity?: number
  /** Default 5_000 */
  readonly periodMs?: number
  /** What ends the supervisor: nothing of this sort, the end of one significant child, or of all. Default 'never' */
  readonly autoShutdown?: AutoShutdown
  /** Started in this order, stopped in reverse. */
  readonly children?: readonly SupervisedSpec[]
  /**
   * What it gets to end, in ms, where no supervisor is above it. Default: as long as it takes. Not in what a function
   * returns.
   */
  readonly shutdownMs?: number
}

/** One child, as `whichChildren` tells it, in the order of their starts. */
export interface SupervisedChild {
  readonly id: string
  readonly name: string
  readonly kind: string
  readonly type: 'worker' | 'supervisor'
  readonly restart: Restart
  /** `stopped` is OTP's undefined: it ended and is not started again, was terminated, or its init returned ignore(). */
  readonly status: 'running' | 'starting' | 'restarting' | 'stopping' | 'stopped'
}

export interface ChildCounts {
  /** All that are known, running or not. */
  readonly specs: number
  readonly active: number
  readonly supervisors: number
  readonly workers: number
}

/** `running` is false when its init returned ignore(). */
export interface StartedChild {
  readonly id: string
  readonly name: string
  readonly running: boolean
}

/** One child, checked. */
export interface Member {
  readonly id: string
  readonly kind: AnyKind | string
  readonly name: string | undefined
  readonly args: readonly unknown[]
  readonly restart: Restart
  readonly shutdown: Shutdown | undefined
  readonly significant: boolean
}

export interface Plan {
  readonly flags: Flags
  readonly members: readonly Member[]
  readonly shutdownMs: number | undefined
}

const FIELDS: ReadonlySet<string> = new Set(['id', 'kind', 'name', 'args', 'restart', 'shutdown', 'significant'])
const OPTIONS: ReadonlySet<string> = new Set([
  'strategy',
  'intensity',
  'periodMs',
  'autoShutdown',
  'children',
  'shutdownMs',
])
const STRATEGIES: readonly unknown[] = ['one_for_one', 'one_for_all', 'rest_for_one']
const RESTARTS: readonly unknown[] = ['permanent', 'transient', 'temporary']
const AUTO: readonly unknown[] = ['never', 'any_significant', 'all_significant']

/** Makes the error: of a kind where it is made, of an argument in a call. */
type Wrong = (why: string) => Error

const isWhole = (value: unknown, least: number): value is number =>
  Number.isSafeInteger(value) && (value as number) >= least

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** @throws what `wrong` makes, ERR_NAME_INVALID */
export const checkMember = (given: unknown, autoShutdown: AutoShutdown, wrong: Wrong): Member => {
  if (!isObject(given)) throw wrong('a child must be an object { id, kind, ... }')
  const { id, kind, name, args = [], restart = 'permanent', shutdown, significant = false } = given
  if (typeof id !== 'string' || id === '') throw wrong('each child needs an id, a text')
  const bad = (why: string): Error => wrong(`child ${id.slice(0, 80)}: ${why}`)
  for (const key of Object.keys(given)) if (!FIELDS.has(key)) throw bad(`there is no field ${key}`)
  const isKind = isObject(kind) && typeof kind.kind === 'string' && isObject(kind.spec)
  if (!isKind && (typeof kind !== 'string' || kind === ''))
    throw bad('kind must be what genServer() or supervisor() made, or its name')
  if (!Array.isArray(args)) throw bad('args must be a list')
  if (!RESTARTS.includes(restart)) throw bad('restart must be permanent, transient or temporary')
  if (shutdown !== undefined && shutdown !== 'brutal_kill' && shutdown !== 'infinity' && !isWhole(shutdown, 1))
    throw bad("shutdown must be 'brutal_kill', a whole number of ms above 0, or 'infinity'")
  if (typeof significant !== 'boolean') throw bad('significant must be true or false')
  if (significant && restart === 'permanent') throw bad('a permanent child cannot be significant')
  if (significant && autoShutdown === 'never') throw bad("it is significant, and autoShutdown is 'never'")
  return {
    id,
    kind: kind as AnyKind | string,
    name: name === undefined ? undefined : checkName(name),
    args,
    restart: restart as Restart,
    shutdown: shutdown as Shutdown | undefined,
    significant,
  }
}

/** @throws what `wrong` makes, ERR_NAME_INVALID */
export const checkPlan = (given: unknown, wrong: Wrong): Plan => {
  if (!isObject(given)) throw wrong('its options are not an object')
  for (const key of Object.keys(given)) if (!OPTIONS.has(key)) throw wrong(`there is no option ${key}`)
  const { strategy = 'one_for_one', intensity = 1, periodMs = 5_000, autoShutdown = 'never' } = given
  const { children = [], shutdownMs } = given
  if (!STRATEGIES.includes(strategy)) throw wrong('strategy must be one_for_one, one_for_all or rest_for_one')
  if (!isWhole(intensity, 0)) throw wrong('intensity is not a whole number from 0')
  if (!isWhole(periodMs, 1)) throw wrong('periodMs is not a whole number from 1')
  if (!AUTO.includes(autoShutdown)) throw wrong('autoShutdown must be never, any_significant or all_significant')
  if (shutdownMs !== undefined && !isWhole(shutdownMs, 1)) throw wrong('shutdownMs is not a whole number from 1')
  if (!Array.isArray(children)) throw wrong('children is not a list')
  const flags = { strategy, intensity, periodMs, autoShutdown } as Flags
  const members = children.map((child) => checkMember(child, flags.autoShutdown, wrong))
  const ids = new Set<string>()
  for (const { id } of members) {
    if (ids.has(id)) throw wrong(`two children have the id ${id}`)
    ids.add(id)
  }
  return { flags, members, shutdownMs }
}

/** What a child is called when its spec does not say. */
export const nameOf = (supervisor: string, { id, name }: Member): string => name ?? checkName(`${supervisor}/${id}`)
