/** From the bytes that came to a state that can run: the way back of packing.ts. Nothing of it runs yet. */
import { fail, type MobilityError } from '../base/errors.js'
import { checkWanted } from '../base/slices.js'
import { within } from '../base/within.js'
import type { AnyKind } from '../process/kind.js'
import { rehydrate } from '../process/rehydrate.js'
import type { MoveContext } from './context.js'
import { decodeSnapshot, type Snapshot } from './snapshot.js'

/** @throws ERR_SNAPSHOT ERR_VERSION ERR_CALLBACK ERR_TIMEOUT */
export const unpack = async (
  context: MoveContext,
  name: string,
  kind: AnyKind,
  version: number,
  bytes: Buffer,
  over: () => MobilityError | undefined,
): Promise<{ snapshot: Snapshot; state: unknown }> => {
  const { clock, limits, self } = context
  const slicing = { clock, valuesMax: limits.sliceValuesMax, over }
  const snapshot = await decodeSnapshot(name, bytes, slicing, limits)
  checkWanted(slicing)
  const ms = limits.moveTimeoutMs
  const late = () => fail('ERR_TIMEOUT', { what: `Restoring ${name}`, ms })
  const work = rehydrate(kind, name, self().identity.node, version, snapshot.image.handed)
  return { snapshot, state: await within(clock, ms, work, late) }
}
