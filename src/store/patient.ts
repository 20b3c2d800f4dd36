/**
 * Any store, with a limit of time and one kind of error: whatever an adapter throws, and a silence, is ERR_STORE with
 * the reason. Nothing is tried again here: the caller knows whether it still wants it.
 */
import { fail, isMobilityError, reasonOf } from '../base/errors.js'
import type { Clock } from '../base/ports.js'
import { within } from '../base/within.js'
import type { Stamp, Store } from './store.js'

/** A host with several addresses fails once for each of them. */
const firstOf = (error: unknown): unknown =>
  error instanceof AggregateError && error.message === '' ? (error.errors[0] ?? error) : error

/**
 * @param ms  for each operation
 * @throws ERR_STORE  from each of its methods, ERR_STORE_MISSING where the client of a store is not installed
 */
export const patient = (store: Store, clock: Clock, ms: number): Store => {
  const { where } = store
  const late = () => fail('ERR_STORE', { where, reason: `it did not answer within ${ms} ms` })
  const limited = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await within(clock, ms, work(), late)
    } catch (cause) {
      throw isMobilityError(cause) ? cause : fail('ERR_STORE', { where, reason: reasonOf(firstOf(cause)) }, { cause })
    }
  }
  return {
    where,
    save: (name: string, stamp: Stamp, bytes: Buffer, keep: number) =>
      limited(() => store.save(name, stamp, bytes, keep)),
    load: (name: string, back: number) => limited(() => store.load(name, back)),
    forget: (name: string, upTo: Stamp) => limited(() => store.forget(name, upTo)),
    list: (after: string, limit: number) => limited(() => store.list(after, limit)),
    close: () => limited(() => store.close()),
  }
}
