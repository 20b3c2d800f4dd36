/** A time that a caller gives, in ms. */
import { fail } from './errors.js'

/**
 * @param what  for the error: whose time it is
 * @throws ERR_BAD_ARGUMENT  it is not above 0, or more than a timer takes
 */
export const checkMs = (what: string, ms: unknown): number => {
  if (typeof ms === 'number' && ms > 0 && ms <= 0x7fffffff) return ms
  throw fail('ERR_BAD_ARGUMENT', { what, why: 'it must be a number of ms above 0' })
}
