/** Bytes that lie in several places, in order: what is large is passed on as it is, and never copied together. */

export const bytesOf = (pieces: readonly Uint8Array[]): number => {
  let bytes = 0
  for (const piece of pieces) bytes += piece.length
  return bytes
}

/** Hands out pieces from the front. */
export class PieceCutter {
  readonly #pieces: readonly Buffer[]
  #next = 0
  #at = 0

  constructor(pieces: readonly Buffer[]) {
    this.#pieces = pieces
  }

  /** The next so many bytes, or what is left. */
  cut(bytes: number): Buffer[] {
    const out: Buffer[] = []
    let missing = bytes
    for (let piece = this.#pieces[this.#next]; piece !== undefined && missing > 0; piece = this.#pieces[this.#next]) {
      const part = piece.subarray(this.#at, this.#at + missing)
      missing -= part.length
      this.#at += part.length
      if (part.length > 0) out.push(part)
      if (this.#at < piece.length) break
      this.#next += 1
      this.#at = 0
    }
    return out
  }
}
