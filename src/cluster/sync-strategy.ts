/**
 * How the members come to have the same table of children. The words are those of process_hub; what each does here is a
 * table in docs/guides/cluster.md.
 */
import { fail } from '../base/errors.js'

export interface PubsubOptions {
  /** How often a member compares its table with that of one other, in ms. Default 5_000 */
  readonly syncIntervalMs?: number
}

export interface GossipOptions {
  /** So many members are told by whoever has news, each with a share of the others to pass it on to. Default 3 */
  readonly recipients?: number
  /** What changes within so many ms is told together. Default 100 */
  readonly gatherMs?: number
  /** How often a member compares its table with that of one other, in ms. Default 2_000 */
  readonly syncIntervalMs?: number
  /** Does nothing: nobody collects the tables of all. */
  readonly restrictedInit?: boolean
}

export interface Sync {
  readonly name: 'pubsub' | 'gossip'
  /** Infinity: the home of a name tells all members itself. */
  readonly recipients: number
  /** 0: at the end of the turn. */
  readonly gatherMs: number
  readonly syncIntervalMs: number
}

const check = (what: string, options: object, known: readonly string[]): void => {
  const wrong = (why: string) => fail('ERR_OPTION', { option: 'hub.sync', why: `${what}: ${why}` })
  if (typeof options !== 'object' || options === null) throw wrong('it takes an object of options')
  for (const [key, value] of Object.entries(options)) {
    if (!known.includes(key)) throw wrong(`there is no option ${key}`)
    if (value === undefined) continue
    if (key === 'restrictedInit') {
      if (typeof value !== 'boolean') throw wrong(`${key} must be true or false`)
    } else if (!(Number.isSafeInteger(value) && value > 0 && value <= 0x7fffffff))
      throw wrong(`${key} must be a whole number above 0`)
  }
}

/**
 * What changes is told to every member by the home of its name, at the end of the turn. The default.
 * @throws ERR_OPTION
 */
export const pubsub = (options: PubsubOptions = {}): Sync => {
  check('pubsub()', options, ['syncIntervalMs'])
  const { syncIntervalMs = 5_000 } = options
  return { name: 'pubsub', recipients: Number.POSITIVE_INFINITY, gatherMs: 0, syncIntervalMs }
}

/**
 * What changes is gathered, told to a few members, and passed on by them: for many nodes.
 * @throws ERR_OPTION
 */
export const gossip = (options: GossipOptions = {}): Sync => {
  check('gossip()', options, ['recipients', 'gatherMs', 'syncIntervalMs', 'restrictedInit'])
  const { recipients = 3, gatherMs = 100, syncIntervalMs = 2_000 } = options
  return { name: 'gossip', recipients, gatherMs, syncIntervalMs }
}
