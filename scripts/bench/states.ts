/** States to move, of about a size. */
import { randomBytes } from 'node:crypto'

const PIECE_BYTES = 64 * 1_024

/** About 70 bytes as MessagePack, 11 values. */
const item = (id: number) => ({
  id,
  title: `item ${id}`,
  tags: ['red', 'round'],
  open: id % 2 === 0,
  at: { x: id + 0.5, y: -id - 0.5, on: 'table' },
})
const ITEM_BYTES = 70

export const stateOf = (shape: 'objects' | 'Buffers', bytes: number): unknown => {
  if (shape === 'objects')
    return Array.from({ length: Math.max(1, Math.round(bytes / ITEM_BYTES)) }, (_, id) => item(id))
  const pieces: Buffer[] = []
  for (let left = bytes; left > 0; left -= PIECE_BYTES) pieces.push(randomBytes(Math.min(left, PIECE_BYTES)))
  return pieces
}
