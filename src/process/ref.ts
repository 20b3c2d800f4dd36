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

/**
 * Every property is a function, made on first use and kept as a property of its own: the proxy stands behind the
 * object, as its prototype, and is asked once a method. Never answers `then`: a promise chain would call it.
 */
const methods = (make: (method: string) => (...args: unknown[]) => unknown): object => {
  const behind = new Proxy(Object.create(null) as object, {
    get: (_target, key, asked) => {
      if (typeof key !== 'string' || key === 'then') return undefined
      const made = make(key)
      Object.defineProperty(asked, key, { value: made })
      return made
    },
    // No such thing as `ref.call.add = ...`.
    set: () => false,
  })
  return Object.create(behind) as object
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
