/** What a process holds on one node and cannot take along: made by `attach`, let go by `detach`. */
import { fail, reasonOf } from '../base/errors.js'
import { within } from '../base/within.js'
import type { Process } from './host.js'
import type { SelfHandle } from './self-handle.js'

export class Attachment {
  readonly #process: Process
  readonly #self: SelfHandle
  #attached = false
  local: unknown

  constructor(process: Process, self: SelfHandle) {
    this.#process = process
    this.#self = self
  }

  /** @throws ERR_CALLBACK  attach failed or took too long */
  async attach(): Promise<void> {
    const { host, name, kind } = this.#process
    const { attach } = kind.spec
    if (attach === undefined || this.#attached) return
    const ms = host.limits.moveTimeoutMs
    try {
      this.#attached = true
      this.local = await within(host.clock, ms, attach(this.#self), () =>
        fail('ERR_TIMEOUT', { what: `attach of ${name}`, ms }),
      )
    } catch (error) {
      this.#attached = false
      throw fail('ERR_CALLBACK', { callback: 'attach', name, reason: reasonOf(error) }, { cause: error })
    }
  }

  /** Never throws: it must not hold up a commit or an end. */
  async detach(): Promise<void> {
    if (!this.#attached) return
    this.#attached = false
    const { detach } = this.#process.kind.spec
    if (detach !== undefined) await this.lastly('detach', () => detach(this.#self))
    this.local = undefined
  }

  /** A last callback within its time; what it throws is logged. */
  async lastly(callback: string, run: () => unknown): Promise<void> {
    const { host, name, kind } = this.#process
    const ms = kind.spec.shutdownMs ?? host.limits.shutdownMs
    try {
      await within(host.clock, ms, run(), () => fail('ERR_TIMEOUT', { what: `${callback} of ${name}`, ms }))
    } catch (error) {
      host.log.error({ name, reason: reasonOf(error) }, `${callback} of ${name} failed`)
    }
  }
}
