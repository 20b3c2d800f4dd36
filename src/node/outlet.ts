/** The way out: what a ref does, for callers outside and for processes. Both go through the channels. */
import { fail, type MobilityError } from '../base/errors.js'
import type { Limits } from '../base/limits.js'
import type { Channels, SendOptions } from '../channel/channels.js'
import type { Groups } from '../cluster/groups.js'
import type { Destination } from '../process/destination.js'
import { checkReason, type ExitReason, type MoveOptions, type MoveResult } from '../process/directives.js'
import type { Process } from '../process/host.js'
import type { CallOptions, Monitor } from '../process/kind.js'
import type { RefPort } from '../process/ref.js'
import { type Fate, Watches } from '../process/watches.js'

interface OutletDeps {
  readonly channels: () => Channels
  readonly limits: Limits
  readonly monitor: (name: string) => Monitor
  /** Names that stand for several processes. */
  readonly groups: () => Pick<Groups, 'has' | 'resolve'>
}

const isTimeout = (ms: unknown): boolean => typeof ms === 'number' && ms > 0
const whichOne = (what: string, name: string) =>
  fail('ERR_BAD_ARGUMENT', { what, why: `${name} has replicas: say which, as ${name}#1` })
const wrongTimeout = () => fail('ERR_BAD_ARGUMENT', { what: 'timeoutMs', why: 'it must be a number of ms above 0' })

export class Outlet implements RefPort {
  readonly #deps: OutletDeps
  readonly #owner: Process | undefined

  /** @param owner  the process that sends; undefined for code outside */
  constructor(deps: OutletDeps, owner?: Process) {
    this.#deps = deps
    this.#owner = owner
  }

  /** Local and remote, each message gets its address here. */
  address(name: string): string {
    return this.#deps.groups().resolve(name, this.#owner?.name)
  }

  call(name: string, method: string, args: unknown[], { timeoutMs, signal }: CallOptions): Promise<unknown> {
    const { channels, limits } = this.#deps
    const ms = timeoutMs ?? limits.callTimeoutMs
    if (!isTimeout(ms)) return Promise.reject(wrongTimeout())
    const label = `${name}.${method}`
    return channels().call(this.address(name), [method, args], { timeoutMs: ms, signal, owner: this.#owner, label })
  }

  cast(name: string, method: string, args: unknown[]): Promise<void> {
    return this.#deps.channels().cast(this.address(name), 'cast', [method, args], this.#inWindow(`${name}.${method}`))
  }

  send(name: string, message: unknown): Promise<void> {
    return this.#deps.channels().cast(this.address(name), 'info', message, this.#inWindow(`an info to ${name}`))
  }

  #inWindow(label: string): SendOptions {
    return { timeoutMs: this.#deps.limits.castWaitMs, owner: this.#owner, label }
  }

  sendMe(name: string, to: Destination, options: MoveOptions): Promise<MoveResult> {
    return this.#ask(name, 'sendMe', [to, options]) as Promise<MoveResult>
  }

  async stop(name: string, reason: ExitReason): Promise<void> {
    // It ended for another reason before this one came: then it has ended.
    await this.#ask(name, 'stop', [checkReason(reason)]).catch((error: MobilityError) => {
      if (error.code !== 'ERR_STOPPED') throw error
    })
  }

  /** A move has its own times and always ends; so does a stop. */
  #ask(name: string, what: 'sendMe' | 'stop', args: unknown[]): Promise<unknown> {
    if (this.#deps.groups().has(name)) return Promise.reject(whichOne(`${what} of ${name}`, name))
    const send = { lane: 1, timeoutMs: Number.POSITIVE_INFINITY, owner: this.#owner, label: `${name}.${what}` } as const
    return this.#deps.channels().call(name, [what, args], send)
  }

  monitor(name: string): Monitor {
    this.single('monitor', name)
    return this.#deps.monitor(name)
  }

  /** @throws ERR_BAD_ARGUMENT  the name stands for several processes */
  single(what: string, name: string): void {
    if (this.#deps.groups().has(name)) throw whichOne(`${what} of ${name}`, name)
  }
}

/** Monitors of code outside, on top of the same watches that processes have. */
export class Monitors {
  readonly #watches: Watches
  #fateOf: (name: string) => Fate | undefined = () => undefined
  readonly #waiting = new Map<number, (reason: string) => void>()

  constructor() {
    const watchDown = ({ id }: { readonly id: number }, reason: string): void => {
      // The watch may be down before its number is known here.
      queueMicrotask(() => {
        this.#waiting.get(id)?.(reason)
        this.#waiting.delete(id)
      })
    }
    this.#watches = new Watches({ fateOf: (name) => this.#fateOf(name), watchDown, watchAdded: () => {} })
  }

  /** @param fateOf  what is known of a name, in this life of the node */
  bind(fateOf: (name: string) => Fate | undefined): void {
    this.#fateOf = fateOf
  }

  get size(): number {
    return this.#watches.size
  }

  open(name: string): Monitor {
    const id = this.#watches.add(name)
    const down = new Promise<string>((resolve) => this.#waiting.set(id, resolve))
    return {
      down,
      cancel: () => {
        this.#watches.delete(id)
        this.#waiting.delete(id)
      },
    }
  }

  notice(name: string): void {
    this.#watches.compare(name)
  }
}
