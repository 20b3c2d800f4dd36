/** Is it text? Short texts are looked at here: a view of them for somebody else would cost more than the look. */
import { isUtf8 } from 'node:buffer'

/** Strict UTF-8: no overlong forms, no surrogates, nothing above U+10FFFF. */
export const isUtf8At = (bytes: Buffer, start: number, stop: number): boolean => {
  if (stop - start > 256) return isUtf8(bytes.subarray(start, stop))
  for (let i = start; i < stop; ) {
    const first = bytes[i++] as number
    if (first < 0x80) continue
    const more = first < 0xc2 ? -1 : first < 0xe0 ? 1 : first < 0xf0 ? 2 : first < 0xf5 ? 3 : -1
    if (more < 0 || i + more > stop) return false
    const second = bytes[i] as number
    const low = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80
    const high = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf
    if (second < low || second > high) return false
    for (let k = 1; k < more; k++) {
      if (((bytes[i + k] as number) & 0xc0) !== 0x80) return false
    }
    i += more
  }
  return true
}
