/**
 * Lives of dead nodes, told to the homes of their names, who judge them (verdicts.ts). A home may be new, or have
 * missed the last ones.
 */
import type { Clock } from '../base/ports.js'
import type { Message } from '../wire/messages.js'
import type { Ledger } from './ledger.js'
import { PART, relayed } from './sync.js'
import type { Life } from './views.js'

interface GriefsDeps {
  readonly clock: Clock
  readonly ledger: Ledger
  readonly self: () => Life
  readonly isLive: (life: Life) => boolean
  readonly homeOf: (name: string) => string
  readonly send: (node: string, message: Message) => unknown
}

export class Griefs {
  readonly #deps: GriefsDeps
  /** Recovering, and not told to their homes yet. */
  readonly #untold = new Set<string>()

  constructor(deps: GriefsDeps) {
    this.#deps = deps
  }

  /** It is recovering from now on: its home hears so at the end of the turn. */
  add(name: string): void {
    if (this.#untold.size === 0) this.#deps.clock.soon(() => this.#tell(this.#untold))
    this.#untold.add(name)
  }

  /** Others are the homes now. */
  viewChanged(): void {
    this.#tell(this.#deps.ledger.recovering().map((entry) => entry.name))
  }

  #tell(names: Iterable<string>): void {
    const { ledger, isLive, homeOf, self, send } = this.#deps
    const byHome = new Map<string, ReturnType<typeof relayed>[]>()
    for (const name of names) {
      const entry = ledger.get(name)
      // A member speaks for itself.
      if (entry === undefined || isLive(entry) || !ledger.isRecovering(name)) continue
      const home = homeOf(name)
      const batch = byHome.get(home) ?? []
      batch.push(relayed(entry))
      byHome.set(home, batch)
    }
    byHome.delete(self().node)
    this.#untold.clear()
    for (const [home, entries] of byHome) {
      for (let i = 0; i < entries.length; i += PART)
        send(home, { type: 'REGISTERED', entries: entries.slice(i, i + PART) })
    }
  }
}
