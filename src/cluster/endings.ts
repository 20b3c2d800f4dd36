/**
 * The end of a child that is not wanted any more, at the home of its name: it is stopped wherever it runs, and who
 * waits for it is answered when no member finds the name, and none is about to start it.
 *
 *   begun --not there--> asking --every member says: gone--> over
 *     |  ^                 ^
 *     '--'-- it runs: stop |-- recovering: when that is decided
 */
import type { Clock } from '../base/ports.js'
import type { Child } from '../wire/messages.js'
import { type ChildDirectory, isLeftOver } from './child-fate.js'
import type { Asker } from './starter.js'

interface EndingsDeps {
  readonly clock: Clock
  readonly directory: ChildDirectory
  readonly self: () => string
  readonly freshId: () => number
  /** Is this node the home of the name, now? */
  readonly isMine: (name: string) => boolean
  readonly members: () => readonly string[]
  readonly tombstone: (name: string) => Child | undefined
  readonly stop: (name: string) => Promise<void>
  readonly ask: (node: string, id: number, child: Child) => void
  readonly over: (name: string, askers: readonly Asker[]) => void
}

interface Ending {
  readonly id: number
  readonly askers: Asker[]
  stopping: boolean
  /** It was there, and has not ended since: a copy that is woken later in a new line is still the same. */
  seen: boolean
  /** What the members are asked. */
  question: Child | undefined
  /** Members that have not said that it is gone; undefined while it is there. */
  waiting: Set<string> | undefined
}

const AGAIN_MS = 1_000

export class Endings {
  readonly #deps: EndingsDeps
  readonly #endings = new Map<string, Ending>()
  #beat: { cancel(): void } | undefined

  constructor(deps: EndingsDeps) {
    this.#deps = deps
  }

  get size(): number {
    return this.#endings.size
  }

  has(name: string): boolean {
    return this.#endings.has(name)
  }

  /** Its record is removed already. */
  begin(name: string, asker?: Asker): void {
    const ending = this.#endings.get(name) ?? this.#open()
    const known = ending.askers.some(({ node, id }) => node === asker?.node && id === asker.id)
    if (asker !== undefined && !known) ending.askers.push(asker)
    this.#endings.set(name, ending)
    this.changed(name)
    this.#arm()
  }

  #open(): Ending {
    return {
      id: this.#deps.freshId(),
      askers: [],
      stopping: false,
      seen: false,
      question: undefined,
      waiting: undefined,
    }
  }

  /** The registry has news of the name. */
  changed(name: string): void {
    const { directory, tombstone, members, self, ask, stop } = this.#deps
    const ending = this.#endings.get(name)
    const child = tombstone(name)
    if (ending === undefined || ending.stopping) return
    // One that was away, in another cluster, may have come back.
    if (ending.waiting !== undefined && (child === undefined || !isLeftOver(directory, child))) return
    ending.waiting = undefined
    // Its name is another one's since, maybe with another home.
    if (child === undefined) return this.#over(name, ending)
    if (!this.#deps.isMine(name)) return
    const isLive = directory.lookup(name)?.status === 'live'
    ending.seen = isLive && (ending.seen || isLeftOver(directory, child))
    if (ending.seen) {
      if (directory.isRecovering(name)) return
      ending.stopping = true
      const stopped = (): void => {
        ending.stopping = false
        if (this.#endings.get(name) === ending) this.changed(name)
      }
      // What cannot be reached now is asked again with the next beat.
      stop(name).then(stopped, () => {
        ending.stopping = false
      })
      return
    }
    const last = directory.lookup(name)
    const after = Math.max(child.after, last?.status === 'ended' ? last.epoch : 0)
    ending.waiting = new Set([self(), ...members()])
    ending.question = { ...child, after }
    for (const node of ending.waiting) ask(node, ending.id, ending.question)
  }

  /** That member says so. */
  gone(from: string, id: number, name: string): void {
    const ending = this.#endings.get(name)
    if (ending?.id !== id || ending.waiting === undefined) return
    ending.waiting.delete(from)
    if (ending.waiting.size === 0) this.#over(name, ending)
  }

  memberDown(node: string): void {
    for (const [name, ending] of [...this.#endings]) {
      const askers = ending.askers.filter((asker) => asker.node !== node)
      ending.askers.splice(0, ending.askers.length, ...askers)
      this.gone(node, ending.id, name)
    }
  }

  /** Another home goes on with it. @returns who waits */
  drop(name: string): readonly Asker[] {
    const askers = this.#endings.get(name)?.askers ?? []
    this.#endings.delete(name)
    return askers
  }

  names(): string[] {
    return [...this.#endings.keys()]
  }

  close(): void {
    this.#beat?.cancel()
    this.#endings.clear()
  }

  #over(name: string, { askers }: Ending): void {
    this.#endings.delete(name)
    this.#deps.over(name, askers)
  }

  #arm(): void {
    if (this.#endings.size === 0) return
    this.#beat ??= this.#deps.clock.after(AGAIN_MS, () => {
      this.#beat = undefined
      for (const [name, ending] of [...this.#endings]) {
        const { waiting = [], question, id } = ending
        // In a new view another node may go on with it.
        if (!this.#deps.isMine(name)) continue
        for (const node of waiting) if (question !== undefined) this.#deps.ask(node, id, question)
        this.changed(name)
      }
      this.#arm()
    })
  }
}
