/**
 * What stands in a store for one state of a process: bytes that say what they are, and whether they are whole.
 *
 *   'PMS1' | u32 bytes of the header | header | state | SHA-256 of all before it
 *   header = [kind, version, name, epoch, revision, savedAt], as a value of the codec; so is the state
 *
 * A store may lose, mix up and damage what it was given (attack 49). What does not fit is unreadable, never a state.
 */
import { createHash } from 'node:crypto'
import { reasonOf } from '../base/errors.js'
import { inSlices, type Slicing } from '../base/slices.js'
import { decodeValue, encodeValue } from '../wire/codec.js'
import { decodeInSlices, encodeInSlices } from '../wire/slices.js'
import type { ValueLimits } from '../wire/trail.js'
import type { Stamp } from './store.js'

const MAGIC = Buffer.from('PMS1')
const HEAD_AT = MAGIC.length + 4
const SUM_BYTES = 32
/** Hashed in about a tenth of a millisecond. */
const HASHED_BYTES = 64 * 1024

export interface RecordHeader extends Stamp {
  readonly kind: string
  readonly version: number
  readonly name: string
  /** Wall clock of the node that saved it, in ms since 1970. */
  readonly savedAt: number
}

/** Why bytes are no state of this process. */
export class Unreadable extends Error {}

/**
 * The state as bytes that are their own: it may change afterwards, not before.
 * @throws ERR_NOT_PORTABLE, with the path of the field, and what `over` says
 */
export const takeState = async (state: unknown, limits: ValueLimits, slicing: Slicing): Promise<Buffer> =>
  Buffer.concat(await encodeInSlices(state, 'state', limits, slicing))

const sumOf = async (bytes: Buffer, slicing: Slicing): Promise<Buffer> => {
  const sum = createHash('sha256')
  let at = 0
  const go = (): boolean => {
    sum.update(bytes.subarray(at, at + HASHED_BYTES))
    at += HASHED_BYTES
    return at < bytes.length
  }
  await inSlices({ go }, 1, slicing)
  return sum.digest()
}

/** The same state under another stamp. @throws Unreadable */
export const restamp = async (
  bytes: Buffer,
  name: string,
  stamp: Stamp,
  limits: ValueLimits,
  slicing: Slicing,
): Promise<Buffer> => {
  const { header, state } = await unseal(bytes, name, limits, slicing)
  const { epoch, revision } = stamp
  return sealRecord({ ...header, epoch, revision }, state, limits, slicing)
}

/** The whole record of a state that was taken. */
export const sealRecord = async (
  header: RecordHeader,
  state: Buffer,
  limits: ValueLimits,
  slicing: Slicing,
): Promise<Buffer> => {
  const { kind, version, name, epoch, revision, savedAt } = header
  const head = encodeValue([kind, version, name, epoch, revision, savedAt], 'header', limits)
  const length = Buffer.alloc(4)
  length.writeUInt32BE(head.length)
  const bytes = Buffer.concat([MAGIC, length, head, state])
  return Buffer.concat([bytes, await sumOf(bytes, slicing)])
}

/** @throws Unreadable  and what `over` says */
export const openRecord = async (
  bytes: Buffer,
  name: string,
  limits: ValueLimits,
  slicing: Slicing,
): Promise<{ readonly header: RecordHeader; readonly state: unknown }> => {
  const { header, state } = await unseal(bytes, name, limits, slicing)
  try {
    return { header, state: await decodeInSlices(state, limits, slicing) }
  } catch (error) {
    if (slicing.over() !== undefined) throw error
    throw new Unreadable(reasonOf(error))
  }
}

const unseal = async (
  bytes: Buffer,
  name: string,
  limits: ValueLimits,
  slicing: Slicing,
): Promise<{ readonly header: RecordHeader; readonly state: Buffer }> => {
  const end = bytes.length - SUM_BYTES
  const isOurs = end >= HEAD_AT && bytes.subarray(0, MAGIC.length).equals(MAGIC)
  if (!isOurs) throw new Unreadable('it is no snapshot')
  const sum = await sumOf(bytes.subarray(0, end), slicing)
  if (!sum.equals(bytes.subarray(end))) throw new Unreadable('it was damaged: its checksum does not fit')
  const stateAt = HEAD_AT + bytes.readUInt32BE(MAGIC.length)
  const header = headerOf(bytes.subarray(HEAD_AT, Math.min(stateAt, end)), limits)
  if (header.name !== name) throw new Unreadable(`it is one of ${header.name}`)
  return { header, state: bytes.subarray(stateAt, end) }
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0

const headerOf = (bytes: Buffer, limits: ValueLimits): RecordHeader => {
  let value: unknown
  try {
    value = decodeValue(bytes, limits)
  } catch (error) {
    throw new Unreadable(reasonOf(error))
  }
  const [kind, version, name, epoch, revision, savedAt] = Array.isArray(value) ? (value as unknown[]) : []
  const isText = typeof kind === 'string' && typeof name === 'string'
  if (!isText || !isCount(version) || !isCount(epoch) || !isCount(revision) || !isCount(savedAt))
    throw new Unreadable('its header is wrong')
  return { kind, version, name, epoch, revision, savedAt }
}
