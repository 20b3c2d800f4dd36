/** Where the process of a supervisor and its node meet. */
import { fail } from '../base/errors.js'
import type { Process } from '../process/host.js'
import type { Family } from './family.js'

/** What a supervisor's process holds on its node: empty until the node has made its family. */
export class Seat {
  #family: Family | undefined
  #process: Process | undefined

  get family(): Family {
    if (this.#family === undefined)
      throw fail('ERR_CHILD', { supervisor: '', what: 'ask', child: '', reason: 'ending' })
    return this.#family
  }

  take(process: Process, family: Family): void {
    this.#process = process
    this.#family = family
  }

  /** The end of the process: its terminate. */
  end(): Promise<void> {
    return this.#family?.end() ?? Promise.resolve()
  }

  /** After terminate, which may have taken too long. A process that is taken to a new life of its node goes on. */
  leave(): void {
    if (this.#process?.phase !== 'frozen') this.#family?.perish()
  }
}
