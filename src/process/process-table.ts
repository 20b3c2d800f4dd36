/** The processes of one node, by name: those that run, and copies that are frozen or inert. */
import type { Process } from './host.js'

export class ProcessTable {
  readonly #byName = new Map<string, Process>()

  get(name: string): Process | undefined {
    return this.#byName.get(name)
  }

  set(process: Process): void {
    this.#byName.set(process.name, process)
  }

  /** Only this copy: another one may have taken the name since. */
  delete(process: Process): void {
    if (this.#byName.get(process.name) === process) this.#byName.delete(process.name)
  }

  all(): Process[] {
    return [...this.#byName.values()]
  }

  get size(): number {
    return this.#byName.size
  }
}
