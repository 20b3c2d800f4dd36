/** From what was handed over to a state that this node's version of the kind can run. It may be thrown away again. */
import { fail, reasonOf } from '../base/errors.js'
import { oldestReadable } from './gen-server.js'
import type { AnyKind } from './kind.js'
import { validate } from './schema.js'

/**
 * upgrade (version by version), then alterHandover, then the schema on what will be the state.
 * @param how  `kept`: it was at rest, and nobody has prepared it for a move: alterHandover is left out
 * @returns the state at once, where it is as it was handed over
 * @throws ERR_VERSION ERR_CALLBACK
 */
export const rehydrate = (
  kind: AnyKind,
  name: string,
  node: string,
  version: number,
  handed: unknown,
  how: 'handed' | 'kept' = 'handed',
): unknown | Promise<unknown> => {
  if (version > kind.version || version < oldestReadable(kind)) {
    throw fail('ERR_VERSION', { node, kind: kind.kind, version, reads: `${oldestReadable(kind)} to ${kind.version}` })
  }
  const alters = how === 'handed' && kind.spec.alterHandover !== undefined
  if (version === kind.version && !alters && kind.spec.schema === undefined) return handed
  return remake(kind, name, version, handed, alters)
}

const remake = async (
  kind: AnyKind,
  name: string,
  version: number,
  handed: unknown,
  alters: boolean,
): Promise<unknown> => {
  let state = handed
  for (let from = version; from < kind.version; from += 1) {
    state = await guarded(`upgrade from version ${from}`, name, () => kind.spec.upgrade?.[from]?.(state as never))
  }
  const { alterHandover, schema } = kind.spec
  if (alters && alterHandover !== undefined)
    state = await guarded('alterHandover', name, () => alterHandover(state as never))
  if (schema === undefined) return state
  const checked = await validate(schema, state)
  if ('issue' in checked) throw fail('ERR_CALLBACK', { callback: 'schema', name, reason: checked.issue })
  return checked.value
}

const guarded = async (callback: string, name: string, run: () => unknown): Promise<unknown> => {
  try {
    return await run()
  } catch (error) {
    throw fail('ERR_CALLBACK', { callback, name, reason: reasonOf(error) }, { cause: error })
  }
}
