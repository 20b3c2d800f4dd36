/** The processes of one node, by name: those that run, and copies that are frozen or inert. */
import type { Process } from './host.js'

export class ProcessTable {
  readonly #byName = new Map<string, Process>()
  readonly #gone: (name: string) => void

  /** @param gone  what was known of the name while the copy was here may not be true any more */
  constructor(gone: (name: string) => void) {
    this.#gone = gone
  }

  get(name: string): Process | undefined {
    return this.#byName.get(name)
  }

  set(process: Process): void {
    this.#byName.set(process.name, process)
  }

  /** Only this copy: another one may have taken the name since. */
  delete(process: Process): void {
    if (this.#byName.get(process.name) !== process) return
    this.#byName.delete(process.name)
    this.#gone(process.name)
  }

  all(): Process[] {
    return [...this.#byName.values()]
  }

  get size(): number {
    return this.#byName.size
  }
}
