/** What was sent, what was answered, and what the ledgers say of it. */
import { isMobilityError } from '../../src/index.js'
import type { Tally } from '../demo-counter.js'

/** Troubles that are told in full. */
const TROUBLES_MAX = 20

type CallKind = 'add' | 'later'

export class Books {
  readonly #casts = new Map<string, Map<string, number>>()
  readonly #answered = new Map<string, number>()
  readonly #counts = new Map<string, number>()
  readonly troubles: string[] = []
  troubleCount = 0

  /** @returns how often by now */
  count(what: string, by = 1): number {
    const count = (this.#counts.get(what) ?? 0) + by
    this.#counts.set(what, count)
    return count
  }

  counted(what: string): number {
    return this.#counts.get(what) ?? 0
  }

  counts(): ReadonlyMap<string, number> {
    return this.#counts
  }

  trouble(text: string): void {
    this.troubleCount += 1
    if (this.troubles.length >= TROUBLES_MAX) return
    this.troubles.push(text)
    console.error(text)
  }

  expect(what: string, is: unknown, wanted: unknown): void {
    if (is !== wanted) this.trouble(`${what}: ${String(is)} instead of ${String(wanted)}`)
  }

  /** @returns the number of the next cast of this sender to this name */
  cast(name: string, sender: string): number {
    const bySender = this.#casts.get(name) ?? new Map<string, number>()
    this.#casts.set(name, bySender)
    const number = (bySender.get(sender) ?? 0) + 1
    bySender.set(sender, number)
    this.count('casts')
    return number
  }

  castsOf(name: string, sender: string): number {
    return this.#casts.get(name)?.get(sender) ?? 0
  }

  async call(name: string, kind: CallKind, call: () => Promise<unknown>): Promise<void> {
    try {
      await call()
      const key = `${kind} ${name}`
      this.#answered.set(key, (this.#answered.get(key) ?? 0) + 1)
      this.count(kind === 'later' ? 'calls answered later' : 'calls')
    } catch (error) {
      this.count('calls failed')
      this.trouble(
        `${name}.${kind}: ${isMobilityError(error) ? `${error.code} (executed: ${error.executed}) ` : ''}${error}`,
      )
    }
  }

  audit(name: string, { total, senders }: Tally, later: number): void {
    this.expect(`calls of ${name} that were executed`, total, this.#answered.get(`add ${name}`) ?? 0)
    this.expect(`late answers of ${name}`, later, this.#answered.get(`later ${name}`) ?? 0)
    for (const [sender, sent] of this.#casts.get(name) ?? []) {
      const { counted, doubled, reordered } = senders[sender] ?? { counted: 0, doubled: 0, reordered: 0 }
      this.count('lost', sent - counted)
      this.count('doubled', doubled)
      this.count('reordered', reordered)
      if (counted !== sent || doubled + reordered > 0)
        this.trouble(`${name}: of ${sent} casts of ${sender} ${counted} came, ${doubled} twice, ${reordered} late`)
    }
  }
}
