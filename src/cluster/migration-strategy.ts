/**
 * How a child gets from one node to another when the cluster changes. The words are those of process_hub; what each
 * does here, and where it does nothing because a live move promises more already, is a table in docs/guides/cluster.md.
 */
import { fail } from '../base/errors.js'

export interface HotSwapOptions {
  /** The state goes along: a live move. Without it the child ends here and starts anew there. Default true */
  readonly handover?: boolean
  /** A live move without progress for so long is given up; its handler counts. Default limits.moveTimeoutMs */
  readonly handoverDataWaitMs?: number
  /** The rebalance waits so long for one child, then goes on with the next. Default 10_000 */
  readonly childTimeoutMs?: number
  /** Does nothing: the old copy runs nothing more, and is dropped when the new one has said that it runs. */
  readonly retentionMs?: number
  /** Does nothing: a move is always confirmed. */
  readonly confirmHandover?: boolean
}

export interface ColdSwapOptions {
  /** The state goes along. Default false */
  readonly handover?: boolean
  readonly childTimeoutMs?: number
}

export interface MigrationStrategy {
  readonly name: 'hotSwap' | 'coldSwap'
  /** It moves with its state; else it ends, and starts anew. */
  readonly handover: boolean
  /** undefined: limits.moveTimeoutMs */
  readonly moveTimeoutMs: number | undefined
  readonly childTimeoutMs: number
}

const CHILD_MS = 10_000

const check = (what: string, options: object, known: readonly string[]): void => {
  const wrong = (why: string) => fail('ERR_OPTION', { option: `hub.migration`, why: `${what}: ${why}` })
  if (typeof options !== 'object' || options === null) throw wrong('it takes an object of options')
  for (const [key, value] of Object.entries(options)) {
    if (!known.includes(key)) throw wrong(`there is no option ${key}`)
    const isMs = key.endsWith('Ms')
    if (value === undefined) continue
    if (isMs && !(typeof value === 'number' && value > 0 && value <= 0x7fffffff))
      throw wrong(`${key} must be a number of ms above 0`)
    if (!isMs && typeof value !== 'boolean') throw wrong(`${key} must be true or false`)
  }
}

/**
 * The child keeps serving until its new place has it. The default, with its state.
 * @throws ERR_OPTION
 */
export const hotSwap = (options: HotSwapOptions = {}): MigrationStrategy => {
  const known = ['handover', 'handoverDataWaitMs', 'childTimeoutMs', 'retentionMs', 'confirmHandover']
  check('hotSwap()', options, known)
  const { handover = true, handoverDataWaitMs, childTimeoutMs = CHILD_MS } = options
  return { name: 'hotSwap', handover, moveTimeoutMs: handoverDataWaitMs, childTimeoutMs }
}

/**
 * The child ends where it is, and begins anew at its new place.
 * @throws ERR_OPTION
 */
export const coldSwap = (options: ColdSwapOptions = {}): MigrationStrategy => {
  check('coldSwap()', options, ['handover', 'childTimeoutMs'])
  const { handover = false, childTimeoutMs = CHILD_MS } = options
  return { name: 'coldSwap', handover, moveTimeoutMs: undefined, childTimeoutMs }
}
