/** States to move, of about a size. */
import { randomBytes } from 'node:crypto'

export const KiB = 1_024
export const MiB = KiB * KiB

/** How a user keeps large data: pieces that were read, received or uploaded. */
const PIECE_BYTES = 64 * KiB

/** About 70 bytes as MessagePack, 11 values. */
const item = (id: number) => ({
  id,
  title: `item ${id}`,
  tags: ['red', 'round'],
  open: id % 2 === 0,
  at: { x: id + 0.5, y: -id - 0.5, on: 'table' },
})
const ITEM_BYTES = 70

/** Objects in lists in objects. */
const nested = (bytes: number): unknown =>
  Array.from({ length: Math.max(1, Math.round(bytes / ITEM_BYTES)) }, (_, id) => item(id))

const buffers = (bytes: number): Buffer[] => {
  const pieces: Buffer[] = []
  for (let left = bytes; left > 0; left -= PIECE_BYTES) pieces.push(randomBytes(Math.min(left, PIECE_BYTES)))
  return pieces
}

/** What a small process has: about 100 bytes in six fields. */
const small = (id: number): unknown => ({
  id,
  owner: `user ${id}`,
  title: 'a cart with three things',
  open: true,
  items: [id, id + 1, id + 2],
  note: 'x'.repeat(32),
})

const SHAPES = { small, buffers, nested } as const

/** What to make, and of which size: bytes, or for `small` the number of the process. */
export type StateOrder = readonly [shape: keyof typeof SHAPES, size: number]

/** A process makes its state by itself: its arguments travel too, and should cost nothing. */
export const stateOf = ([shape, size]: StateOrder): unknown => SHAPES[shape](size)
