/**
 * SIGTERM and SIGINT, for all nodes of a program together:
 *
 *   running --first signal--> leaving: every node drains and stops --> exit 0, or 1 when something was left behind
 *                                |
 *                                '--second signal--> exit at once, 128 + its number
 *
 * Nothing is listened to before somebody asks for it: a library that takes signals unasked breaks its host.
 */

/** Drains and stops a node. @returns whether all that it ran is elsewhere */
type Leave = () => Promise<boolean>

/** What of `process` is used. */
interface SignalSource {
  on(signal: SignalName, listener: (signal: SignalName) => void): unknown
  off(signal: SignalName, listener: (signal: SignalName) => void): unknown
  exit(code: number): void
}

type SignalName = keyof typeof NUMBERS

const NUMBERS = { SIGINT: 2, SIGTERM: 15 } as const
const NAMES = Object.keys(NUMBERS) as SignalName[]

export class Signals {
  readonly #source: SignalSource
  readonly #leaves = new Set<Leave>()
  #leaving = false
  readonly #heard = (signal: SignalName): void => void this.#signalled(signal)

  constructor(source: SignalSource) {
    this.#source = source
  }

  /** @param leave  run at the first signal. @returns how to let go: the last one takes the listeners away */
  add(leave: Leave): () => void {
    if (this.#leaves.size === 0) for (const name of NAMES) this.#source.on(name, this.#heard)
    this.#leaves.add(leave)
    return () => {
      // While they leave, a second signal must still end the program.
      if (this.#leaves.delete(leave) && this.#leaves.size === 0 && !this.#leaving) this.#unlisten()
    }
  }

  #unlisten(): void {
    for (const name of NAMES) this.#source.off(name, this.#heard)
  }

  async #signalled(signal: SignalName): Promise<void> {
    if (this.#leaving) return this.#source.exit(128 + NUMBERS[signal])
    this.#leaving = true
    const ends = await Promise.allSettled([...this.#leaves].map((leave) => leave()))
    this.#unlisten()
    this.#leaving = false
    this.#source.exit(ends.every((end) => end.status === 'fulfilled' && end.value) ? 0 : 1)
  }
}

/** Those of this program. */
export const programSignals = new Signals(process)
