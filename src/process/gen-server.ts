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
import { fail } from '../base/errors.js'
import type { AnyKind, Handlers, Kind, KindSpec } from './kind.js'

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
  // The defaults are what gives `self` its type; a kind that keeps them has no callable names (NamesOf).
  C extends Handlers<S, L> = Handlers<S, L>,
  U extends Handlers<S, L> = Handlers<S, L>,
>(
  kind: string,
  spec: KindSpec<S, A, C, U, L>,
): Kind<S, A, C, U, L> => {
  checkSpec(kind, spec as unknown as Record<string, unknown>)
  const erased = spec as unknown as Kind['spec']
  return Object.freeze({ kind, version: spec.version ?? 1, spec: erased }) as Kind<S, A, C, U, L>
}

const checkSpec = (kind: unknown, spec: Record<string, unknown>): void => {
  const wrong = (why: string) => fail('ERR_KIND_INVALID', { kind: String(kind), why })
  if (typeof kind !== 'string' || kind === '' || Buffer.byteLength(kind) > 255)
    throw wrong('its name must have 1 to 255 bytes')
  if (typeof spec !== 'object' || spec === null) throw wrong('its callbacks are not an object')
  for (const key of Object.keys(spec)) if (!FIELDS.has(key)) throw wrong(`there is no callback named ${key}`)
  if (typeof spec.init !== 'function') throw wrong('it has no init')
  for (const key of CALLBACKS) {
    if (spec[key] !== undefined && typeof spec[key] !== 'function') throw wrong(`${key} is not a function`)
  }
  for (const group of ['calls', 'casts', 'upgrade']) {
    for (const [name, handler] of Object.entries((spec[group] ?? {}) as object)) {
      if (typeof handler !== 'function') throw wrong(`${group}.${name} is not a function`)
      if (group !== 'upgrade' && name === 'then') throw wrong('a call or cast named then would make its ref a promise')
    }
  }
  const version = spec.version ?? 1
  if (!Number.isSafeInteger(version) || (version as number) < 1) throw wrong('its version is not a whole number from 1')
  for (const key of ['shutdownMs', 'mailboxMax']) {
    const value = spec[key]
    if (value !== undefined && (!Number.isSafeInteger(value) || (value as number) < 0))
      throw wrong(`${key} is not a whole number`)
  }
}

/** The oldest version of a state that this kind can read: each step up to `version` must be there. */
export const oldestReadable = (kind: AnyKind): number => {
  let oldest = kind.version
  while (oldest > 1 && kind.spec.upgrade !== undefined && Object.hasOwn(kind.spec.upgrade, oldest - 1)) oldest -= 1
  return oldest
}
