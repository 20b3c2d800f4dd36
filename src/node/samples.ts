/**
 * Saved states for a user's tests: one of each version of a kind that was ever shipped is kept as a file, and each of
 * them must be read by the code of today.
 */
import { realClock } from '../base/clock.js'
import { fail } from '../base/errors.js'
import { defaultLimits } from '../base/limits.js'
import type { AnyKind, StateOf } from '../process/kind.js'
import { sealRecord, takeState } from '../store/record.js'
import { stateValueLimits } from '../wire/codec.js'
import { openState } from './opening.js'

const NAME = 'sample'
const STAMP = { epoch: 1, revision: 1 }
const limits = stateValueLimits(defaultLimits)
const clock = realClock()
const slicing = { clock, valuesMax: defaultLimits.sliceValuesMax, over: () => undefined }

/**
 * A state as a store keeps it, with the kind's version: write it to a file before you raise the version.
 * @throws ERR_NOT_PORTABLE
 */
export const sampleOf = async <K extends AnyKind>(kind: K, state: StateOf<K>): Promise<Buffer> => {
  const header = { kind: kind.kind, version: kind.version, name: NAME, ...STAMP, savedAt: Math.floor(clock.wall()) }
  return sealRecord(header, await takeState(state, limits, slicing), limits, slicing)
}

/**
 * What this kind makes of it: `upgrade`, then `schema`.
 * @throws ERR_UNUSABLE  a process that finds it would not start
 */
export const fromSample = async <K extends AnyKind>(kind: K, bytes: Uint8Array): Promise<StateOf<K>> => {
  const saved = { ...STAMP, bytes: Buffer.from(bytes) }
  const found = await openState(kind, saved, { name: NAME, node: 'here', clock, limits: defaultLimits })
  if ('state' in found) return found.state as StateOf<K>
  throw fail('ERR_UNUSABLE', { name: `the sample of ${kind.kind}`, reason: found.reason })
}
