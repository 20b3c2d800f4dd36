/** What a person decides about states that are at rest: the next life of a name does not begin with the newest one. */
import { fail } from '../base/errors.js'
import type { Limits } from '../base/limits.js'
import type { Clock } from '../base/ports.js'
import type { KindTable } from '../process/kind.js'
import { DEFAULT_KEEP } from '../process/persist.js'
import { restamp, Unreadable } from '../store/record.js'
import type { Saved, Store } from '../store/store.js'
import { stateValueLimits } from '../wire/codec.js'
import type { Keeping } from './keeping.js'

interface DismissingParts {
  readonly settings: { readonly kinds: KindTable; readonly limits: Limits }
  readonly identity: { readonly node: string }
  readonly world: { readonly clock: Clock }
  readonly keeping: Keeping | undefined
}

/**
 * What is at rest of a child that does not run: the newest state, or all of it, does not count any more.
 * @throws ERR_KIND_UNKNOWN ERR_STORE; ERR_UNUSABLE  there is none before the newest one
 */
export const dismiss = async (
  { settings, identity, world, keeping }: DismissingParts,
  { name, kind: kindName }: { readonly name: string; readonly kind: string },
  what: 'newest' | 'all',
): Promise<void> => {
  const kind = settings.kinds.get(kindName)
  if (kind === undefined) throw fail('ERR_KIND_UNKNOWN', { node: identity.node, kind: kindName })
  const { persist } = kind.spec
  const store = persist === undefined ? undefined : keeping?.storeOf(persist)
  if (what === 'all') return store === undefined ? undefined : dismissAll(store, name)
  const { keep = DEFAULT_KEEP } = persist ?? {}
  const context = { clock: world.clock, limits: settings.limits }
  if (store !== undefined && (await dismissNewest(store, name, keep, context))) return
  throw fail('ERR_UNUSABLE', { name, reason: 'there is none before the newest one' })
}

/** Nothing is at rest any more: the next life begins with what `init` makes. @throws ERR_STORE */
const dismissAll = async (store: Store, name: string): Promise<void> => {
  const newest = await store.load(name, 0)
  if (newest !== undefined) await store.forget(name, newest)
}

/**
 * The one before the newest is the newest from now on. The older ones are saved anew above it, then it is forgotten
 * with all of them: whenever that is cut short, something newer or the same is at rest, never less. Damaged ones are
 * left out.
 * @returns whether there is one before; if not, nothing has changed
 * @throws ERR_STORE
 */
const dismissNewest = async (
  store: Store,
  name: string,
  keep: number,
  { clock, limits }: { readonly clock: Clock; readonly limits: Limits },
): Promise<boolean> => {
  const newest = await store.load(name, 0)
  if (newest === undefined) return false
  const slicing = { clock, valuesMax: limits.sliceValuesMax, over: () => undefined }
  const olders: Saved[] = []
  for (let back = keep - 1; back > 0; back -= 1) {
    const older = await store.load(name, back)
    const stamp = { epoch: newest.epoch, revision: newest.revision + olders.length + 1 }
    const bytes =
      older && (await restamp(older.bytes, name, stamp, stateValueLimits(limits), slicing).catch(unreadable))
    if (bytes !== undefined) olders.push({ ...stamp, bytes })
  }
  for (const { bytes, ...stamp } of olders) await store.save(name, stamp, bytes, keep)
  if (olders.length > 0) await store.forget(name, newest)
  return olders.length > 0
}

const unreadable = (error: unknown): undefined => {
  if (!(error instanceof Unreadable)) throw error
}
