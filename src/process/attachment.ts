/** What a process holds on one node and cannot take along: made by `attach`, let go by `detach`, never both at once. */
import { fail, reasonOf } from '../base/errors.js'
import { within } from '../base/within.js'
import type { Process } from './host.js'
import type { SelfHandle } from './self-handle.js'

export class Attachment {
  readonly #process: Process
  readonly #self: SelfHandle
  #attached = false
  #detaching: Promise<void> | undefined
  local: unknown

  constructor(process: Process, self: SelfHandle) {
    this.#process = process
    this.#self = self
  }

  /** It holds what it needs to run here. */
  get ready(): boolean {
    return this.#detaching === undefined && (this.#attached || this.#process.kind.spec.attach === undefined)
  }

  /** @throws ERR_CALLBACK  attach failed or took too long */
  async attach(): Promise<void> {
    await this.#detaching
    const { host, name, kind } = this.#process
    const { attach } = kind.spec
    if (attach === undefined || this.#attached) return
    const ms = host.limits.moveTimeoutMs
    const late = fail('ERR_TIMEOUT', { what: `attach of ${name}`, ms })
    let made: unknown
    try {
      this.#attached = true
      this.#self.attaching += 1
      made = attach(this.#self)
      this.local = await within(host.clock, ms, made, () => late)
    } catch (error) {
      this.#attached = false
      if (error === late) this.#letGoLater(made)
      throw fail('ERR_CALLBACK', { callback: 'attach', name, reason: reasonOf(error) }, { cause: error })
    } finally {
      this.#self.attaching -= 1
    }
  }

  /** What comes after the time is let go again, unless something else was made meanwhile. */
  #letGoLater(made: unknown): void {
    void Promise.resolve(made).then(
      (local) => {
        if (this.#attached) return
        this.local = local
        this.#attached = true
        return this.detach()
      },
      () => undefined,
    )
  }

  /** Never throws: it must not hold up a commit or an end. */
  detach(): Promise<void> {
    if (this.#attached) {
      this.#attached = false
      this.#detaching = this.#detach()
    }
    return this.#detaching ?? Promise.resolve()
  }

  async #detach(): Promise<void> {
    const { detach } = this.#process.kind.spec
    if (detach !== undefined) {
      this.#self.attaching += 1
      await this.lastly('detach', () => detach(this.#self))
      this.#self.attaching -= 1
    }
    this.local = undefined
    this.#detaching = undefined
  }

  /** A last callback within its time; what it throws is logged. */
  async lastly(callback: string, run: () => unknown): Promise<void> {
    const { host, name, kind } = this.#process
    const ms = host.shutdownMs(name, kind)
    try {
      await within(host.clock, ms, run(), () => fail('ERR_TIMEOUT', { what: `${callback} of ${name}`, ms }))
    } catch (error) {
      host.log.error({ name, reason: reasonOf(error) }, `${callback} of ${name} failed`)
    }
  }
}
