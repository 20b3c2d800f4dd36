/** Programmer errors. On in production: a broken assumption stops here, not three messages later. */
import { fail } from './errors.js'

/** @throws ERR_INVARIANT when `holds` is false */
export function invariant(holds: boolean, what: string): asserts holds {
  if (!holds) throw fail('ERR_INVARIANT', { what })
}

/** For the last case of an exhaustive `switch`: the compiler proves that it cannot be reached. */
export const never = (value: never): never => {
  throw fail('ERR_INVARIANT', { what: `unexpected ${JSON.stringify(value)}` })
}
