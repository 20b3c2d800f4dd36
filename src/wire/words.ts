/**
 * Short ASCII text that comes again and again: keys of objects, names and origins in frames. A cache saves making the
 * text, and looking it up in a Map is faster with the very same string. Bounded, and a hit is compared byte by byte.
 */

/** Longer text is seldom the same twice. */
export const WORD_BYTES_MAX = 48
const SLOTS = 2_048

type Words = string[]
const newWords = (): Words => new Array<string>(SLOTS).fill('')

/** Keys and names; and texts that are values, of which many are new each time and would only push out the others. */
const names = newWords()
const values = newWords()

/** Names differ at their end more often than at their beginning. */
const slotOf = (bytes: Uint8Array, start: number, length: number): number => {
  const last = start + length - 1
  let hash = length
  if (length > 0) {
    hash = hash * 31 + (bytes[last] as number)
    hash = hash * 31 + (bytes[start] as number)
    hash = hash * 31 + (bytes[start + (length >> 1)] as number)
    if (length > 3) hash = hash * 31 + (bytes[last - 1] as number) * 7 + (bytes[last - 2] as number)
  }
  return hash & (SLOTS - 1)
}

/**
 * The text of up to WORD_BYTES_MAX bytes that lie within the input.
 * @returns undefined when they are not all ASCII, or when one is NUL: somebody else must look at them
 */
export const wordAt = (bytes: Buffer, start: number, length: number): string | undefined =>
  wordIn(names, bytes, start, length)

/** The same for a text that is a value. */
export const valueWordAt = (bytes: Buffer, start: number, length: number): string | undefined =>
  wordIn(values, bytes, start, length)

const wordIn = (words: Words, bytes: Buffer, start: number, length: number): string | undefined => {
  const slot = slotOf(bytes, start, length)
  const cached = words[slot] as string
  if (cached.length === length && isWord(bytes, start, cached)) return cached
  for (let i = start; i < start + length; i++) {
    const byte = bytes[i] as number
    if (byte === 0 || byte > 127) return undefined
  }
  const word = bytes.toString('latin1', start, start + length)
  words[slot] = word
  return word
}

const isWord = (bytes: Uint8Array, start: number, word: string): boolean => {
  for (let i = 0; i < word.length; i++) {
    if (bytes[start + i] !== word.charCodeAt(i)) return false
  }
  return true
}
