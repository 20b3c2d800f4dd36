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
  /** The process that a message for the name goes to: itself, or one of its replicas. */
  address(name: string): string
  /** @throws ERR_BAD_ARGUMENT  the name stands for several processes */
  single(what: string, name: string): void
  call(name: string, method: string, args: unknown[], options: CallOptions): Promise<unknown>
  cast(name: string, method: string, args: unknown[]): Promise<void>
  send(name: string, message: unknown): Promise<void>
  sendMe(name: string, to: Destination, options: MoveOptions): Promise<MoveResult>
  stop(name: string, reason: ExitReason): Promise<void>
  monitor(name: string): Monitor
}

/** What has no properties of its own. */
const NOTHING = Object.freeze(Object.create(null) as object)

/**
 * Every property is a function, made on first use and kept as a property of its own: the proxy stands behind the
 * object, as its prototype, and is asked once a method. Never answers `then`: a promise chain would call it.
 */
const methods = (make: (method: string) => (...args: unknown[]) => unknown): object => {
  const behind = new Proxy(NOTHING, {
    get: (_target, key, asked) => {
      if (typeof key !== 'string' || key === 'then') return undefined
      const made = make(key)
      Reflect.defineProperty(asked, key, { value: made })
      return made
    },
    // No such thing as `ref.call.add = ...`.
    set: () => false,
  })
  return Object.create(behind) as object
}

class NamedRef<K extends AnyKind> implements Ref<K> {
  readonly name: string
  readonly #port: RefPort
  readonly #options: CallOptions
  #calls: CallsOf<K> | undefined
  #casts: CastsOf<K> | undefined

  constructor(name: string, port: RefPort, options: CallOptions) {
    this.name = name
    this.#port = port
    this.#options = options
  }

  get call(): CallsOf<K> {
    this.#calls ??= methods(
      (method) =>
        (...args) =>
          this.#port.call(this.name, method, args, this.#options),
    ) as CallsOf<K>
    return this.#calls
  }

  get cast(): CastsOf<K> {
    this.#casts ??= methods(
      (method) =>
        (...args) =>
          this.#port.cast(this.name, method, args),
    ) as CastsOf<K>
    return this.#casts
  }

  with(more: CallOptions): Ref<K> {
    return new NamedRef<K>(this.name, this.#port, { ...this.#options, ...more })
  }

  send(message: unknown): Promise<void> {
    return this.#port.send(this.name, message)
  }

  sendMe(to: Destination, options: MoveOptions = {}): Promise<MoveResult> {
    return this.#port.sendMe(this.name, to, options)
  }

  stop(reason: ExitReason = 'normal'): Promise<void> {
    return this.#port.stop(this.name, reason)
  }

  monitor(): Monitor {
    return this.#port.monitor(this.name)
  }
}

export const makeRef = <K extends AnyKind>(name: string, port: RefPort): Ref<K> => new NamedRef<K>(name, port, {})
