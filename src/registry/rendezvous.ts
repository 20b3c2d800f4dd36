/**
 * Which member decides on a name, computed alike everywhere without a word on the wire.
 *
 * Rendezvous (highest random weight) hashing: Thaler and Ravishankar, "Using name-based mappings to increase hit
 * rates", IEEE/ACM Transactions on Networking 6(1), 1998. Each member gets a weight for the name, the highest is its
 * home: a member that joins takes over only its own share, one that leaves gives away only its own.
 *
 * The hash is MurmurHash3_x86_32 (Austin Appleby, SMHasher, public domain), its 32-bit finalizer mixes the weights.
 * Neither is made to resist an attacker who chooses names: all he gets is one busy home.
 */

const rotl = (x: number, r: number): number => (x << r) | (x >>> (32 - r))

/** The finalizer `fmix32`: each bit of the input changes each bit of the output with about one half. */
const mix = (value: number): number => {
  let h = value
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}

const scramble = (k: number): number => Math.imul(rotl(Math.imul(k, 0xcc9e2d51), 15), 0x1b873593)

const scratch = Buffer.alloc(1_024)

/** MurmurHash3_x86_32 of the text in UTF-8: 0 to 2^32 - 1. */
export const hash32 = (text: string, seed = 0): number => {
  // A name in UTF-8 fits, and needs no buffer of its own.
  const bytes = text.length * 3 > scratch.length ? Buffer.from(text, 'utf8') : scratch
  const length = bytes === scratch ? scratch.write(text, 'utf8') : bytes.length
  const whole = length & ~3
  let h = seed | 0
  for (let i = 0; i < whole; i += 4) {
    h = (Math.imul(rotl(h ^ scramble(bytes.readInt32LE(i)), 13), 5) + 0xe6546b64) | 0
  }
  let tail = 0
  for (let i = length - 1; i >= whole; i--) tail = (tail << 8) | (bytes[i] ?? 0)
  if (length > whole) h ^= scramble(tail)
  return mix(h ^ length)
}

const weight = (nameHash: number, nodeHash: number): number => mix(Math.imul(nameHash, 0x9e3779b1) ^ nodeHash)

/** A set of nodes with their hashes, so that a lookup hashes the name alone. */
export type Ring = readonly { readonly node: string; readonly hash: number }[]

export const ringOf = (nodes: readonly string[]): Ring =>
  [...nodes].sort().map((node) => ({ node, hash: hash32(node) }))

/** The home of a name. A restarted node keeps its share: the incarnation does not count. @returns '' for no nodes */
export const homeOf = (name: string, ring: Ring): string => {
  const nameHash = hash32(name)
  let home = ''
  let best = -1
  for (const { node, hash } of ring) {
    const mine = weight(nameHash, hash)
    if (mine > best) {
      best = mine
      home = node
    }
  }
  return home
}

const hex = (value: number): string => value.toString(16).padStart(8, '0')

/** 16 hex digits for a list of texts: equal lists have equal digests, others differ but for one pair in 2^64. */
export const digestOf = (parts: readonly string[]): string => {
  const text = parts.join('\n')
  return hex(hash32(text, 0x9747b28c)) + hex(hash32(text, 0x3c6ef372))
}
