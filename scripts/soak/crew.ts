/**
 * Workers that do one thing again and again, and rest together: figures are comparable only while nothing is under way.
 * One that does not come to rest hangs on a promise that nobody settles: it is named.
 */
import { setImmediate, setTimeout as sleep } from 'node:timers/promises'

/** A step that takes longer hangs. A call has 5 s, a move 5 s, a join 5 s. */
const STUCK_MS = 30_000

interface Worker {
  readonly name: string
  resting: boolean
  /** What it waits for, if it says so. */
  at: string
}

/** Says what it waits for from here on, for when that does not come. */
export type Step = (at: (what: string) => void) => Promise<void>

export class Crew {
  readonly #workers: Worker[] = []
  readonly #trouble: (text: string) => void
  #loops: Promise<void>[] = []
  #working = true
  #awake: { readonly promise: Promise<void>; readonly resolve: () => void } | undefined

  constructor(trouble: (text: string) => void) {
    this.#trouble = trouble
  }

  add(name: string, step: Step, pauseMs = 0): void {
    const worker = { name, resting: false, at: '' }
    this.#workers.push(worker)
    this.#loops.push(this.#loop(worker, step, pauseMs))
  }

  async #loop(worker: Worker, step: Step, pauseMs: number): Promise<void> {
    while (this.#working) {
      if (this.#awake !== undefined) {
        worker.resting = true
        await this.#awake.promise
        worker.resting = false
        continue
      }
      try {
        await step((what) => {
          worker.at = what
        })
      } catch (error) {
        this.#trouble(`${worker.name}: ${error instanceof Error ? error.stack : String(error)}`)
      }
      // What fails at once and is tried at once would leave no turn of the event loop to the network.
      await (pauseMs > 0 ? sleep(pauseMs) : setImmediate())
    }
    worker.resting = true
  }

  /** Resolves when nothing is under way. */
  async rest(): Promise<void> {
    let resolve = (): void => {}
    const promise = new Promise<void>((done) => {
      resolve = done
    })
    this.#awake = { promise, resolve }
    await this.#quiet()
  }

  async #quiet(): Promise<void> {
    const until = performance.now() + STUCK_MS
    while (this.#workers.some(({ resting }) => !resting)) {
      if (performance.now() > until) {
        const names = this.#workers.filter(({ resting }) => !resting).map(({ name, at }) => `${name} ${at}`)
        return this.#trouble(`after ${STUCK_MS / 1_000} s still not done: ${names.join(', ')}`)
      }
      await sleep(5)
    }
  }

  resume(): void {
    const awake = this.#awake
    this.#awake = undefined
    awake?.resolve()
  }

  async end(): Promise<void> {
    this.#working = false
    this.resume()
    await this.#quiet()
  }
}
