/**
 * A kind of process: its callbacks and the shape of its state. OTP's gen_server, with the state inferred from `init`.
 *
 *   node.start ---------> init(...args) -> state          onStart(self)        after init, not after a move
 *   ref.call.add(2) ----> calls.add(self, 2) -> answer    handleContinue(self, arg)  before the next message
 *   ref.cast.reset() ---> casts.reset(self)               handleInfo(self, message)  send, timers, down
 *   ref.sendMe(to) -----> mayMove, prepareHandover, detach  ==TCP==>  upgrade, alterHandover, schema, attach
 *   ref.stop(reason) ---> terminate(self, reason), detach
 *
 * Legal returns of a handler: a value (the answer), a promise of one, `self.defer()`'s token (answer later), or a
 * directive: `self.stop(reason, reply)`, `self.sendMe(to)`, `self.continueWith(arg, reply)`.
 */
import { fail, shown } from '../base/errors.js'
import type { AnyKind, Kind, KindSpec } from './kind.js'
import { wrongPersist } from './persist.js'
import type { StandardSchema } from './schema.js'

const CALLBACKS = [
  'init',
  'attach',
  'onStart',
  'handleContinue',
  'handleInfo',
  'terminate',
  'detach',
  'mayMove',
  'prepareHandover',
  'alterHandover',
  'resolveConflict',
] as const
const FIELDS: ReadonlySet<string> = new Set([
  ...CALLBACKS,
  'version',
  'calls',
  'casts',
  'upgrade',
  'schema',
  'shutdownMs',
  'trapExit',
  'mailboxMax',
  'persist',
])

/**
 * Describes a kind of process.
 *
 * A kind that calls itself, or a pair that call each other, needs one annotated return type (TypeScript's circular
 * inference). Put `attach` before `calls`, so that `self.local` is inferred.
 *
 * @param kind  its name on the wire, 1 to 255 bytes: the destination's allow-list
 * @throws ERR_KIND_INVALID  a missing init, an unknown callback, something that is not a function
 */
export const genServer = <
  S,
  A extends unknown[] = [],
  L = undefined,
  C = Record<never, never>,
  U = Record<never, never>,
>(
  kind: string,
  spec: KindSpec<S, A, C, U, L>,
): Kind<S, A, C, U, L> => {
  checkSpec(kind, spec as unknown as Record<string, unknown>)
  const erased = spec as unknown as Kind['spec']
  return Object.freeze({ kind, version: spec.version ?? 1, spec: erased }) as Kind<S, A, C, U, L>
}

const checkSpec = (kind: unknown, spec: Record<string, unknown>): void => {
  const wrong = (why: string) => fail('ERR_KIND_INVALID', { kind: shown(kind), why })
  if (typeof kind !== 'string' || kind === '' || Buffer.byteLength(kind) > 255)
    throw wrong('its name must have 1 to 255 bytes')
  if (/\p{Cc}/u.test(kind) || !kind.isWellFormed()) throw wrong('its name has a control character or half a character')
  if (typeof spec !== 'object' || spec === null) throw wrong('its callbacks are not an object')
  for (const key of Object.keys(spec)) if (!FIELDS.has(key)) throw wrong(`there is no callback named ${key}`)
  if (typeof spec.init !== 'function') throw wrong('it has no init')
  for (const key of CALLBACKS) {
    if (spec[key] !== undefined && typeof spec[key] !== 'function') throw wrong(`${key} is not a function`)
  }
  for (const group of ['calls', 'casts', 'upgrade']) {
    const why = wrongGroup(group, spec[group] ?? {})
    if (why !== undefined) throw wrong(why)
  }
  const version = spec.version ?? 1
  if (!Number.isSafeInteger(version) || (version as number) < 1) throw wrong('its version is not a whole number from 1')
  for (const [key, least] of Object.entries({ shutdownMs: 0, mailboxMax: 1 })) {
    const value = spec[key] ?? least
    if (!Number.isSafeInteger(value) || (value as number) < least)
      throw wrong(`${key} is not a whole number from ${least}`)
  }
  if (!['undefined', 'boolean'].includes(typeof spec.trapExit)) throw wrong('trapExit is not a boolean')
  const unkept = spec.persist === undefined ? undefined : wrongPersist(spec.persist)
  if (unkept !== undefined) throw wrong(unkept)
  const { schema } = spec as { schema?: Partial<StandardSchema> | null }
  if (schema !== undefined && typeof schema?.['~standard']?.validate !== 'function')
    throw wrong('schema is not a Standard Schema')
}

const wrongGroup = (group: string, handlers: unknown): string | undefined => {
  if (typeof handlers !== 'object' || handlers === null) return `${group} is not an object`
  for (const [name, handler] of Object.entries(handlers)) {
    if (typeof handler !== 'function') return `${group}.${name} is not a function`
    if (group !== 'upgrade' && name === 'then') return 'a call or cast named then would make its ref a promise'
    if (group === 'upgrade' && !/^[1-9]\d*$/.test(name)) return `upgrade.${name} is not a version`
  }
  return undefined
}

/** The oldest version of a state that this kind can read: each step up to `version` must be there. */
export const oldestReadable = (kind: AnyKind): number => {
  let oldest = kind.version
  while (oldest > 1 && kind.spec.upgrade !== undefined && Object.hasOwn(kind.spec.upgrade, oldest - 1)) oldest -= 1
  return oldest
}
