/** Chance: the machine's, and one that a seed replays. */
import { createHash, randomBytes, randomFillSync } from 'node:crypto'
import { invariant } from './invariant.js'
import { fraction, type Random } from './ports.js'

const POOL_BYTES = 4_096

/** Fit for secrets. Numbers come from a pool: one system call for a thousand of them. */
export const realRandom = (): Random => {
  const pool = Buffer.alloc(POOL_BYTES)
  let used = POOL_BYTES
  return {
    u32() {
      if (used === POOL_BYTES) {
        randomFillSync(pool)
        used = 0
      }
      used += 4
      return pool.readUInt32LE(used - 4)
    },
    bytes: (length) => randomBytes(length),
  }
}

/**
 * sfc32 (Chris Doty-Humphrey, PractRand), seeded with SHA-256 of the seed's text. Not fit for secrets.
 *
 * Take a `child` for each concern (network, faults, each client): it depends on the seed and the label alone, so one
 * that draws more or less does not shift the others. That is what makes a failing seed shrink.
 */
export class SeededRandom implements Random {
  /** As text: the number 7 and '7' are the same seed. A child's is its parent's and its label, for a test's output. */
  readonly seed: string
  #a: number
  #b: number
  #c: number
  #counter: number

  constructor(seed: number | string) {
    this.seed = String(seed)
    const digest = createHash('sha256').update(this.seed).digest()
    this.#a = digest.readInt32LE(0)
    this.#b = digest.readInt32LE(4)
    this.#c = digest.readInt32LE(8)
    this.#counter = digest.readInt32LE(12)
  }

  u32(): number {
    const result = (this.#a + this.#b + this.#counter) | 0
    this.#counter = (this.#counter + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + result) | 0
    return result >>> 0
  }

  bytes(length: number): Buffer {
    const bytes = Buffer.alloc(length)
    for (let i = 0; i < length; i++) bytes[i] = this.u32() >>> 24
    return bytes
  }

  /** An independent stream, the same for the same label however much was drawn from this one. */
  child(label: string): SeededRandom {
    return new SeededRandom(`${this.seed}/${encodeURIComponent(label)}`)
  }

  /** A whole number from `low` to `high`, both included; at most 2^32 apart. */
  between(low: number, high: number): number {
    invariant(low <= high, `between(${low}, ${high}) has a number to choose`)
    return low + Math.floor(fraction(this) * (high - low + 1))
  }

  /** True with probability `p`. One draw, whatever `p` is. */
  chance(p: number): boolean {
    return fraction(this) < p
  }

  pick<T>(list: readonly T[]): T {
    invariant(list.length > 0, 'pick has something to choose from')
    return list[this.between(0, list.length - 1)] as T
  }

  /** A copy in random order. */
  shuffle<T>(list: readonly T[]): T[] {
    const result = [...list]
    for (let i = result.length - 1; i > 0; i--) {
      const j = this.between(0, i)
      const moved = result[i] as T
      result[i] = result[j] as T
      result[j] = moved
    }
    return result
  }
}
