/**
 * Which core a name belongs to, computed alike everywhere: rendezvous hashing. A core that comes takes over only its
 * own share, one that goes gives away only its own.
 */
import { createHash } from 'node:crypto'

const weight = (name: string, core: string): string => createHash('sha1').update(`${core} ${name}`).digest('hex')

/** @param cores  one at least */
export const placeOf = (name: string, cores: readonly string[]): string =>
  cores.reduce((best, core) => (weight(name, core) > weight(name, best) ? core : best))
