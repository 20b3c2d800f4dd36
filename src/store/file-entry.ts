/**
 * One saved state as a file. What it is stands in front, so that a file in the wrong place is noticed:
 *
 *   'pmf1' | u16 length, name | u64 epoch | u64 revision | u64 length of bytes | SHA-256 of all that, 8 bytes | bytes
 *
 * Whether the bytes themselves are whole is not looked at here: the record in them has its own checksum. A file that is
 * not framed like this is given as it is, from its beginning: no record begins so, and whoever reads it can say that
 * something is there and cannot be read. To say "there is nothing" would be to lose it silently.
 */
import { createHash } from 'node:crypto'
import { constants, type Stats } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import process from 'node:process'
import type { Stamp } from './store.js'

const MAGIC = Buffer.from('pmf1')
const SEAL_BYTES = 8
/** In front of the name, and behind it. */
const FRONT_BYTES = MAGIC.length + 2
const BEHIND_BYTES = 8 + 8 + 8 + SEAL_BYTES
/** A name has at most 255 bytes, so a head fits; as much is given of a file that is not whole. */
const PEEK_BYTES = 1_024

interface Head {
  readonly name: string
  readonly stamp: Stamp
  readonly length: number
  /** Where the bytes begin. */
  readonly size: number
}

const sealOf = (bytes: Buffer): Buffer => createHash('sha256').update(bytes).digest().subarray(0, SEAL_BYTES)

export const headOf = (name: string, stamp: Stamp, length: number): Buffer => {
  const text = Buffer.from(name)
  const size = FRONT_BYTES + text.length + BEHIND_BYTES
  const head = Buffer.alloc(size)
  MAGIC.copy(head)
  let at = head.writeUInt16BE(text.length, MAGIC.length)
  at += text.copy(head, at)
  for (const number of [stamp.epoch, stamp.revision, length]) at = head.writeBigUInt64BE(BigInt(number), at)
  sealOf(head.subarray(0, at)).copy(head, at)
  return head
}

/** @returns undefined when it is none */
const parseHead = (bytes: Buffer): Head | undefined => {
  if (bytes.length < FRONT_BYTES || !bytes.subarray(0, MAGIC.length).equals(MAGIC)) return undefined
  const nameBytes = bytes.readUInt16BE(MAGIC.length)
  const size = FRONT_BYTES + nameBytes + BEHIND_BYTES
  if (bytes.length < size) return undefined
  const sealAt = size - SEAL_BYTES
  if (!sealOf(bytes.subarray(0, sealAt)).equals(bytes.subarray(sealAt, size))) return undefined
  const at = FRONT_BYTES + nameBytes
  const number = (offset: number): number => Number(bytes.readBigUInt64BE(at + offset))
  const stamp = { epoch: number(0), revision: number(8) }
  return { name: bytes.toString('utf8', FRONT_BYTES, at), stamp, length: number(16), size }
}

/** A file that anybody may write, or that somebody else owns, is none of ours. */
const isOurs = ({ mode, uid }: Stats): boolean => {
  const self = process.getuid?.()
  return self === undefined || ((mode & 0o002) === 0 && (uid === self || uid === 0))
}

/** No link is followed, and nothing waits for whoever writes into a pipe. */
const READ_FLAGS = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0)

const isCode = (error: unknown, code: string): boolean => (error as NodeJS.ErrnoException)?.code === code

/** The beginning of a file, with what it says of itself. */
interface Peeked {
  readonly start: Buffer
  readonly head: Head | undefined
  readonly fileBytes: number
}

const nothing: Peeked = { start: Buffer.alloc(0), head: undefined, fileBytes: 0 }

const peek = async (file: FileHandle): Promise<Peeked> => {
  const stats = await file.stat()
  if (!stats.isFile() || !isOurs(stats)) return nothing
  const { bytesRead, buffer } = await file.read(Buffer.alloc(Math.min(PEEK_BYTES, stats.size)), 0, undefined, 0)
  const start = buffer.subarray(0, bytesRead)
  return { start, head: parseHead(start), fileBytes: stats.size }
}

/** @returns undefined when there is no such file */
const opened = async <T>(path: string, odd: T, act: (file: FileHandle) => Promise<T>): Promise<T | undefined> => {
  let file: FileHandle
  try {
    file = await open(path, READ_FLAGS)
  } catch (error) {
    if (isCode(error, 'ENOENT')) return undefined
    // A link, or a socket.
    if (isCode(error, 'ELOOP') || isCode(error, 'ENXIO')) return odd
    throw error
  }
  try {
    return await act(file)
  } finally {
    await file.close()
  }
}

/** @returns what was saved under this name and stamp; if that is not what stands there, what does stand there */
export const readEntry = (path: string, name: string, stamp: Stamp): Promise<Buffer | undefined> =>
  opened(path, nothing.start, async (file) => {
    const { start, head, fileBytes } = await peek(file)
    const isIt = head?.name === name && head.stamp.epoch === stamp.epoch && head.stamp.revision === stamp.revision
    if (!isIt || fileBytes !== head.size + head.length) return start
    const bytes = Buffer.alloc(head.length)
    let done = start.copy(bytes, 0, head.size)
    while (done < bytes.length) {
      const { bytesRead } = await file.read(bytes, done, bytes.length - done, head.size + done)
      if (bytesRead === 0) return start
      done += bytesRead
    }
    return bytes
  })

/** @returns the name that stands in the file, if one does */
export const readName = async (path: string): Promise<string | undefined> =>
  await opened(path, undefined, async (file) => (await peek(file)).head?.name)
