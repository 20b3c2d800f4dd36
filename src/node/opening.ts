/** From the bytes of a store to a state of this node's version of a kind; or why they are of no use. */
import { fail, isMobilityError, reasonOf } from '../base/errors.js'
import type { Limits } from '../base/limits.js'
import type { Clock } from '../base/ports.js'
import { within } from '../base/within.js'
import type { AnyKind } from '../process/kind.js'
import type { Unusable } from '../process/persist.js'
import { rehydrate } from '../process/rehydrate.js'
import { openRecord, type RecordHeader, Unreadable } from '../store/record.js'
import type { Saved } from '../store/store.js'
import { stateValueLimits } from '../wire/codec.js'

interface OpeningOptions {
  readonly name: string
  readonly node: string
  readonly clock: Clock
  readonly limits: Limits
  /** Default: any age will do. */
  readonly maxAgeMs?: number | undefined
}

export const openState = async (
  kind: AnyKind,
  saved: Saved,
  { name, node, clock, limits, maxAgeMs = Number.POSITIVE_INFINITY }: OpeningOptions,
): Promise<{ readonly state: unknown; readonly savedAt: number } | Unusable> => {
  let header: RecordHeader | undefined
  const ms = limits.moveTimeoutMs
  try {
    const slicing = { clock, valuesMax: limits.sliceValuesMax, over: () => undefined }
    const record = await openRecord(saved.bytes, name, stateValueLimits(limits), slicing)
    header = record.header
    const { savedAt, version } = header
    if (header.kind !== kind.kind) throw new Unreadable(`it is of kind ${header.kind}`)
    if (header.epoch !== saved.epoch || header.revision !== saved.revision)
      throw new Unreadable('the store gave another one than it said')
    const ageMs = clock.wall() - savedAt
    if (ageMs > maxAgeMs) throw new Unreadable(`it is ${Math.round(ageMs)} ms old, persist.maxAgeMs is ${maxAgeMs}`)
    const late = () => fail('ERR_TIMEOUT', { what: `Restoring ${name}`, ms })
    const made = rehydrate(kind, name, node, version, record.state, 'kept')
    return { state: await within(clock, ms, made, late), savedAt }
  } catch (error) {
    if (!(error instanceof Unreadable) && !isMobilityError(error)) throw error
    return { name, reason: reasonOf(error), savedAt: header?.savedAt ?? 0 }
  }
}
