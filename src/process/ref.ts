/**
 * A handle to a name: the same calls, wherever the process is. It holds no connection and costs nothing to make.
 *
 *   ref.call.add(2)                                   answer or typed error
 *   ref.cast.reset()                                  in the window, or `overload`
 *   ref.with({ timeoutMs: 200, signal }).call.add(2)
 */
import type { Destination } from './destination.js'
import type { ExitReason, MoveOptions, MoveResult } from './directives.js'
import type { AnyKind, CallOptions, CallsOf, CastsOf, Monitor, Ref } from './kind.js'

/** What a ref needs of the node, or of the process that holds it. */
export interface RefPort {
  call(name: string, method: string, args: unknown[], options: CallOptions): Promise<unknown>
  cast(name: string, method: string, args: unknown[]): Promise<void>
  send(name: string, message: unknown): Promise<void>
  sendMe(name: string, to: Destination, options: MoveOptions): Promise<MoveResult>
  stop(name: string, reason: ExitReason): Promise<void>
  monitor(name: string): Monitor
}

/** Every property is a function, made on first use. Never answers `then`: a promise chain would call it. */
const methods = (make: (method: string) => (...args: unknown[]) => unknown): object => {
  const known = new Map<string, (...args: unknown[]) => unknown>()
  return new Proxy(Object.create(null) as object, {
    get: (_target, key) => {
      if (typeof key !== 'string' || key === 'then') return undefined
      const found = known.get(key)
      if (found !== undefined) return found
      const made = make(key)
      known.set(key, made)
      return made
    },
  })
}

export const makeRef = <K extends AnyKind>(name: string, port: RefPort, options: CallOptions = {}): Ref<K> => ({
  name,
  call: methods(
    (method) =>
      (...args) =>
        port.call(name, method, args, options),
  ) as CallsOf<K>,
  cast: methods(
    (method) =>
      (...args) =>
        port.cast(name, method, args),
  ) as CastsOf<K>,
  with: (more) => makeRef<K>(name, port, { ...options, ...more }),
  send: (message) => port.send(name, message),
  sendMe: (to, move = {}) => port.sendMe(name, to, move),
  stop: (reason = 'normal') => port.stop(name, reason),
  monitor: () => port.monitor(name),
})
