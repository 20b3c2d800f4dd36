/** The way out: what a ref does, for callers outside and for processes. Both go through the channels. */
import { fail, type MobilityError } from '../base/errors.js'
import type { Limits } from '../base/limits.js'
import type { Channels } from '../channel/channels.js'
import { checkReason, type MoveResult } from '../process/directives.js'
import type { Process } from '../process/host.js'
import type { CallOptions, Monitor } from '../process/kind.js'
import type { RefPort } from '../process/ref.js'
import type { Watches } from '../process/watches.js'

interface OutletDeps {
  readonly channels: Channels
  readonly limits: Limits
  readonly monitor: (name: string) => Monitor
}

const isTimeout = (ms: unknown): boolean => typeof ms === 'number' && ms > 0
const wrongTimeout = () => fail('ERR_BAD_ARGUMENT', { what: 'timeoutMs', why: 'it must be a number of ms above 0' })

/** @param owner  the process that sends; undefined for code outside */
export const outlet = ({ channels, limits, monitor }: OutletDeps, owner: Process | undefined): RefPort => ({
  call(name, method, args, { timeoutMs = limits.callTimeoutMs, signal }: CallOptions) {
    if (!isTimeout(timeoutMs)) return Promise.reject(wrongTimeout())
    return channels.call(name, [method, args], { timeoutMs, signal, owner, label: `${name}.${method}` })
  },
  cast(name, method, args) {
    return channels.cast(name, 'cast', [method, args], {
      timeoutMs: limits.castWaitMs,
      owner,
      label: `${name}.${method}`,
    })
  },
  send(name, message) {
    return channels.cast(name, 'info', message, { timeoutMs: limits.castWaitMs, owner, label: `an info to ${name}` })
  },
  // A move has its own times and always ends; so does a stop.
  sendMe(name, to, options) {
    const send = { lane: 1, timeoutMs: Number.POSITIVE_INFINITY, owner, label: `${name}.sendMe` } as const
    return channels.call(name, ['sendMe', [to, options]], send) as Promise<MoveResult>
  },
  async stop(name, reason) {
    const send = { lane: 1, timeoutMs: Number.POSITIVE_INFINITY, owner, label: `${name}.stop` } as const
    const stopped = channels.call(name, ['stop', [checkReason(reason)]], send)
    // It ended for another reason before this one came: then it has ended.
    await stopped.catch((error: MobilityError) => {
      if (error.code !== 'ERR_STOPPED') throw error
    })
  },
  monitor,
})

/** Monitors of code outside, on top of the same watches that processes have. */
export class Monitors {
  readonly #watches: Watches
  readonly #waiting = new Map<number, (reason: string) => void>()

  constructor(make: (down: (id: number, reason: string) => void) => Watches) {
    this.#watches = make((id, reason) => {
      // The watch may be down before its number is known here.
      queueMicrotask(() => {
        this.#waiting.get(id)?.(reason)
        this.#waiting.delete(id)
      })
    })
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
