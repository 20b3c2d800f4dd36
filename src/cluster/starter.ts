/**
 * Starts here what the home of a name has placed here, and answers what became of it. The start is an ordinary one: it
 * claims the name (G1). Asked twice, it answers twice.
 *
 *   start --> runs here, or began here: ok | in flight: the same answer | else claim, init --> ok, error
 *                              removed meanwhile: it is stopped again <--'
 *   gone  --> answered once the name neither runs, as this node knows, nor is being started here
 */
import type { MobilityError } from '../base/errors.js'
import { fail } from '../base/errors.js'
import type { Clock } from '../base/ports.js'
import type { Child, ChildResult } from '../wire/messages.js'
import { type ChildDirectory, resultOf } from './child-fate.js'
import { STORED } from './machine-child.js'

/** Who asked, and as what. */
export interface Asker {
  readonly node: string
  readonly id: number
}

interface StarterDeps {
  readonly clock: Clock
  readonly self: () => string
  readonly directory: ChildDirectory
  /** What is wanted now. */
  readonly wanted: (name: string) => Child | undefined
  /** Does it run here, or begin to? */
  readonly runsHere: (name: string) => boolean
  /** Why nothing starts here. */
  readonly refusal: (name: string) => MobilityError | undefined
  /** @throws what `node.start` throws */
  readonly start: (child: Child) => Promise<'fresh' | 'stored'>
  readonly stop: (name: string) => Promise<void>
  readonly answer: (to: Asker, result: ChildResult) => void
}

/** Claims and inits under way; the others wait for their turn. */
const WIDTH = 512
/** How long it is remembered of one that is not here: it may have moved before its home heard of it. */
const REMEMBER_MS = 60_000

interface Flight {
  readonly child: Child
  readonly askers: Map<string, Asker>
}

/** A child that began here. */
interface Begun {
  readonly born: string
  /** Of the life that it has. */
  readonly line: number
  readonly at: number
}

interface Question {
  readonly to: Asker
  readonly after: number
}

export class Starter {
  readonly #deps: StarterDeps
  readonly #flights = new Map<string, Flight>()
  readonly #queue: Flight[] = []
  readonly #begun = new Map<string, Begun>()
  readonly #questions = new Map<string, Question[]>()
  #underWay = 0

  constructor(deps: StarterDeps) {
    this.#deps = deps
  }

  get size(): number {
    return this.#flights.size + this.#questions.size
  }

  /** Is it about to start here? */
  has(name: string): boolean {
    return this.#flights.has(name)
  }

  start(from: Asker, child: Child): void {
    const { name, born } = child
    const { self, answer, runsHere, refusal, wanted, directory } = this.#deps
    const flight = this.#flights.get(name)
    if (flight?.child.born === born) return void flight.askers.set(`${from.node} ${from.id}`, from)
    const now = wanted(name)
    if (now?.status !== 'wanted' || now.born !== born)
      return this.#refuse(from, fail('ERR_STOPPED', { name, reason: 'it is not wanted any more' }))
    if (flight !== undefined)
      return this.#refuse(from, fail('ERR_REFUSED', { name, node: self(), reason: 'an earlier start is not over' }))
    const begun = this.#begun.get(name)?.born === born
    if (begun && runsHere(name)) return answer(from, resultOf(name, self()))
    const entry = directory.lookup(name)
    if (begun && entry?.status === 'live') return answer(from, resultOf(name, entry.node))
    const refused = refusal(name)
    if (refused !== undefined) return this.#refuse(from, refused)
    const begins: Flight = { child, askers: new Map([[`${from.node} ${from.id}`, from]]) }
    this.#flights.set(name, begins)
    this.#queue.push(begins)
    this.#next()
  }

  /** It lives here, says the registry: is its start through? */
  check(from: Asker, { name }: Child): void {
    const { self, answer, runsHere } = this.#deps
    const flight = this.#flights.get(name)
    if (flight !== undefined) return void flight.askers.set(`${from.node} ${from.id}`, from)
    if (runsHere(name)) return answer(from, resultOf(name, self()))
    this.#refuse(from, fail('ERR_REFUSED', { name, node: self(), reason: 'it is not here' }))
  }

  #refuse(from: Asker, error: MobilityError): void {
    this.#deps.answer(from, resultOf(String(error.fields.name), this.#deps.self(), error))
  }

  /**
   * It was told late that what began here is not wanted: its home may know nothing of it. Also when it began for a wish
   * beyond a cut, that is older than the one which was taken back.
   */
  removed({ name }: Child): void {
    const { runsHere, stop } = this.#deps
    if (this.#begun.get(name)?.line === this.#lineOf(name) && runsHere(name)) stop(name).catch(() => {})
  }

  /** It has come here in a move, from where it began. */
  arrived({ name, born }: Child): void {
    this.#remember(name, born, this.#deps.clock.now())
  }

  /** What began in a former life of this node. */
  inherit(former: Starter): void {
    for (const [name, begun] of former.#begun) this.#begun.set(name, begun)
  }

  /** It goes on in this life, on a new line. */
  returned(name: string, line: number): void {
    const begun = this.#begun.get(name)
    if (begun !== undefined) this.#begun.set(name, { ...begun, line })
  }

  gone(from: Asker, { name, after }: Child): void {
    const waiting = this.#questions.get(name) ?? []
    this.#questions.set(name, [
      ...waiting.filter(({ to }) => to.node !== from.node || to.id !== from.id),
      { to: from, after },
    ])
    this.changed(name)
  }

  /** The registry has news of the name, or a start is over. */
  changed(name: string): void {
    const waiting = this.#questions.get(name)
    if (waiting === undefined || this.#flights.has(name)) return
    const entry = this.#deps.directory.lookup(name)
    // Each move raises the epoch; the line stays.
    const isGone = ({ after }: Question): boolean => entry?.status !== 'live' || entry.line > after
    const left = waiting.filter((question) => !isGone(question))
    for (const question of waiting)
      if (isGone(question)) this.#deps.answer(question.to, resultOf(name, this.#deps.self()))
    if (left.length === 0) this.#questions.delete(name)
    else this.#questions.set(name, left)
  }

  /** Who asked is over: nobody reads the answer. */
  memberDown(node: string): void {
    for (const [name, waiting] of [...this.#questions]) {
      const left = waiting.filter(({ to }) => to.node !== node)
      if (left.length === 0) this.#questions.delete(name)
      else this.#questions.set(name, left)
    }
  }

  #next(): void {
    while (this.#underWay < WIDTH) {
      const flight = this.#queue.shift()
      if (flight === undefined) return
      this.#underWay += 1
      void this.#fly(flight)
    }
  }

  async #fly(flight: Flight): Promise<void> {
    const { name, born } = flight.child
    const { self, start, stop, wanted, answer, clock } = this.#deps
    let result: ChildResult
    try {
      const state = await start(flight.child)
      result = { ...resultOf(name, self()), reason: state === 'stored' ? STORED : '' }
      const now = wanted(name)
      if (now?.status !== 'wanted' || now.born !== born) {
        await stop(name).catch(() => {})
        result = resultOf(name, self(), fail('ERR_STOPPED', { name, reason: 'it was removed while it started' }))
      } else this.#remember(name, born, clock.now())
    } catch (error) {
      result = resultOf(name, self(), error)
    }
    this.#underWay -= 1
    this.#flights.delete(name)
    for (const to of flight.askers.values()) answer(to, result)
    this.changed(name)
    this.#next()
  }

  #lineOf(name: string): number {
    return this.#deps.directory.lookup(name)?.line ?? 0
  }

  #remember(name: string, born: string, now: number): void {
    for (const [old, begun] of this.#begun) {
      if (now - begun.at < REMEMBER_MS) break
      this.#begun.delete(old)
      if (this.#deps.runsHere(old)) this.#begun.set(old, { ...begun, at: now })
    }
    this.#begun.delete(name)
    this.#begun.set(name, { born, line: this.#lineOf(name), at: now })
  }
}
