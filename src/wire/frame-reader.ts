/**
 * Bytes of a stream, in whatever pieces they come, to frames. Keeps no clock and no socket.
 *
 *   chunk --> length (4 bytes, may be split) --checked--> kind and body --> onFrame
 *                                              |
 *              at most max(64 KiB, twice what has come) is set aside for a frame that spans chunks:
 *              a length alone costs nobody memory, and each byte is moved at most three times
 */
import { fail } from '../base/errors.js'
import { KIND } from './kinds.js'

/**
 * Gets each frame. `body` stays valid, but that of a CHUNK only until this returns: its bytes are copied to their place
 * anyway. Returning false stops the reader; `resume` or the next `push` goes on.
 */
export type OnFrame = (kind: number, body: Buffer) => boolean | void

const FIRST_BYTES_MAX = 64 * 1024
const empty = Buffer.alloc(0)

export class FrameReader {
  #bytesMax: number
  /** The length in front of a frame, as far as it has come. */
  #length = 0
  #lengthBytes = 0
  /** The part of a frame that came in earlier chunks. */
  #parts = empty
  /** The room of the last CHUNK, for the next: they come in rows. */
  #spare = empty
  #partBytes = 0
  /** What came and was not looked at: after a stop, or pushed from inside onFrame. */
  #rest: Buffer[] = []
  #isReading = false

  /** @param bytesMax  of a frame, without the 4 bytes of its length */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  /** Holds from the next frame on, also when that is in the same chunk. */
  setLimit(bytesMax: number): void {
    this.#bytesMax = bytesMax
  }

  /**
   * Takes a chunk, which must not be written to afterwards. Close the link when it throws.
   *
   * @throws ERR_FRAME_TOO_LARGE, ERR_EMPTY_FRAME  on the 4th byte of the length
   */
  push(chunk: Buffer, onFrame: OnFrame): void {
    this.#rest.push(chunk)
    this.resume(onFrame)
  }

  /** Goes on with what was left after a stop. */
  resume(onFrame: OnFrame): void {
    if (this.#isReading) return
    this.#isReading = true
    try {
      let isOpen = true
      for (let next = this.#rest.shift(); next !== undefined; next = isOpen ? this.#rest.shift() : undefined) {
        isOpen = this.#read(next, onFrame)
      }
    } finally {
      this.#isReading = false
    }
  }

  /** @returns false when stopped */
  #read(chunk: Buffer, onFrame: OnFrame): boolean {
    let at = 0
    while (at < chunk.length) {
      if (this.#lengthBytes < 4) {
        at = this.#readLength(chunk, at)
        continue
      }
      const missing = this.#length - this.#partBytes
      const stop = at + missing
      if (stop > chunk.length) {
        this.#keep(chunk.subarray(at))
        return true
      }
      let frame = chunk
      let start = at
      if (this.#partBytes > 0) {
        this.#keep(chunk.subarray(at, stop))
        frame = this.#parts
        start = 0
      }
      const kind = frame[start] as number
      const body = frame.subarray(start + 1, start + this.#length)
      if (this.#partBytes > 0) this.#spare = kind === KIND.CHUNK ? this.#parts : empty
      this.#lengthBytes = 0
      this.#length = 0
      this.#parts = empty
      this.#partBytes = 0
      at = stop
      if (onFrame(kind, body) === false) {
        if (at < chunk.length) this.#rest.unshift(chunk.subarray(at))
        return false
      }
    }
    return true
  }

  #readLength(chunk: Buffer, from: number): number {
    let at = from
    while (this.#lengthBytes < 4 && at < chunk.length) {
      this.#length = this.#length * 256 + (chunk[at++] as number)
      this.#lengthBytes += 1
    }
    if (this.#lengthBytes === 4) {
      if (this.#length === 0) throw fail('ERR_EMPTY_FRAME', { peer: '' })
      if (this.#length > this.#bytesMax) {
        throw fail('ERR_FRAME_TOO_LARGE', { bytes: this.#length, limit: this.#bytesMax })
      }
    }
    return at
  }

  /** Sets a part of a frame aside. */
  #keep(part: Buffer): void {
    const bytes = this.#partBytes + part.length
    if (bytes > this.#parts.length) {
      const room = Math.min(this.#length, Math.max(FIRST_BYTES_MAX, 2 * bytes))
      const larger = this.#spare.length >= room ? this.#spare : Buffer.allocUnsafe(room)
      this.#spare = empty
      this.#parts.copy(larger, 0, 0, this.#partBytes)
      this.#parts = larger
    }
    part.copy(this.#parts, this.#partBytes)
    this.#partBytes = bytes
  }
}
