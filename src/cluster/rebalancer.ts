/**
 * Gives who joins his share: of the children that run here those whose place is the newcomer (rebalance.ts), by
 * ordinary moves, a bounded number at once.
 *
 *   settled view with a newcomer --SETTLE_MS--> plan --> width at once --> moved | again | stays --> done
 *            '--- another one: what has not begun is dropped, the newest plan wins ---^
 */
import { Alarm } from '../base/alarm.js'
import { isMobilityError, reasonOf } from '../base/errors.js'
import type { Events } from '../base/events.js'
import type { Clock } from '../base/ports.js'
import type { Child } from '../wire/messages.js'
import type { MigrationStrategy } from './migration-strategy.js'
import {
  afterFailure,
  type MoveRules,
  type Mover,
  newMover,
  type PlannedMove,
  planMoves,
  planSpread,
} from './rebalance.js'

/** What a rebalance did. */
export interface Rebalanced {
  readonly moved: readonly PlannedMove[]
  /** What should have gone and is here still. */
  readonly stayed: readonly (PlannedMove & { readonly code: string; readonly reason: string })[]
  /** Not begun when the members changed again: the next plan has it. */
  readonly dropped: number
  readonly ms: number
}

export interface LiveChild {
  readonly name: string
  readonly node: string
  readonly child: Child
}

interface RebalancerDeps {
  readonly clock: Clock
  readonly events: Events
  readonly self: () => string
  readonly active: boolean
  readonly width: number
  readonly rules: MoveRules
  readonly migration: MigrationStrategy
  /** Does the place depend on the name and the members alone? Else what is above the average goes. */
  readonly isStable: boolean
  readonly settled: () => boolean
  /** Lives of nodes, this one too: `name/incarnation`. */
  readonly lives: () => readonly string[]
  /** Children that run, in the whole cluster. */
  readonly live: () => LiveChild[]
  readonly place: (child: Child) => string | undefined
  /** Where one that runs here could go: its state must be understood there. */
  readonly canGo: (name: string, to: string) => boolean
  readonly sendMe: (name: string, to: string, timeoutMs: number | undefined) => Promise<unknown>
  /** Ends it here, so that it starts anew elsewhere. Resolves when it runs there. */
  readonly swapCold: (name: string) => Promise<void>
}

/** The newcomer has heard of everything, and others who come with it are there too. */
const SETTLE_MS = 250

interface Run {
  readonly queue: Set<Mover>
  readonly moved: PlannedMove[]
  readonly stayed: Array<Rebalanced['stayed'][number]>
  readonly began: number
  readonly cause: Cause
  readonly node: string
  underWay: number
  dropped: number
  readonly done: (result: Rebalanced) => void
}

type Cause = 'nodeup' | 'operator'

export class Rebalancer {
  readonly #deps: RebalancerDeps
  #known: ReadonlySet<string>
  /** Nodes whose share has not been given yet. */
  readonly #newcomers = new Set<string>()
  readonly #settle: Alarm
  readonly #turn: Alarm
  #run: Run | undefined
  #closed = false

  constructor(deps: RebalancerDeps) {
    this.#deps = deps
    this.#known = new Set(deps.lives())
    this.#settle = new Alarm(deps.clock, () => this.#share())
    this.#turn = new Alarm(deps.clock, () => this.#turns())
  }

  /** All members agree on who is one. */
  viewed(): void {
    const { settled, lives, self } = this.#deps
    if (this.#closed || !settled()) return
    const now = new Set(lives())
    const before = this.#known
    this.#known = now
    const names = [...now].map(nodeOf)
    for (const node of [...this.#newcomers]) if (!names.includes(node)) this.#newcomers.delete(node)
    const isSame = now.size === before.size && [...now].every((life) => before.has(life))
    if (isSame) return
    // Who was to go to one may belong to another now.
    this.#drop()
    for (const life of now) if (!before.has(life) && nodeOf(life) !== self()) this.#came(nodeOf(life))
  }

  /** It takes processes in from now on. */
  #came(node: string): void {
    if (!this.#deps.active || this.#closed) return
    this.#newcomers.add(node)
    this.#settle.set(SETTLE_MS)
  }

  /** It was about to leave, and stays. */
  uncordoned(node: string): void {
    if (node !== this.#deps.self()) this.#came(node)
  }

  /** What would move where now. */
  plan(): PlannedMove[] {
    const { live, place, isStable } = this.#deps
    return isStable ? planMoves(live(), ({ child }) => place(child)) : this.#spread(live(), undefined)
  }

  /** Moves what runs here and should be elsewhere; with newcomers only to them. */
  run(cause: Cause, node: string, newcomers?: ReadonlySet<string>): Promise<Rebalanced> {
    const { clock, events, live, self, place, isStable, canGo } = this.#deps
    this.#drop()
    const all = live()
    const mine = all.filter((child) => child.node === self())
    const wanted = isStable ? planMoves(mine, ({ child }) => place(child), newcomers) : this.#spread(all, newcomers)
    const moves = wanted.filter(({ name, to }) => canGo(name, to))
    const now = clock.now()
    events.emit('redistributing', { cause, joined: node, planned: moves.length, of: mine.length })
    return new Promise((done) => {
      const queue = new Set(moves.map((move) => newMover(move, now)))
      this.#run = { queue, moved: [], stayed: [], began: now, cause, node, underWay: 0, dropped: 0, done }
      this.#turns()
    })
  }

  close(): void {
    this.#closed = true
    this.#settle.cancel()
    this.#drop()
    this.#turn.cancel()
  }

  get size(): number {
    return this.#run === undefined ? 0 : this.#run.queue.size + this.#run.underWay
  }

  #spread(all: readonly LiveChild[], newcomers: ReadonlySet<string> | undefined): PlannedMove[] {
    const { self, lives } = this.#deps
    const counts = new Map(lives().map((life) => [nodeOf(life), 0]))
    for (const { node } of all) counts.set(node, (counts.get(node) ?? 0) + 1)
    const average = all.length / Math.max(1, counts.size)
    const poor = [...counts].filter(([, count]) => count < average).map(([node]) => node)
    const to = newcomers === undefined ? poor : [...newcomers]
    const free = all.filter(
      ({ node, child }) => node === self() && child.nodes.length === 0 && child.group === undefined,
    )
    return planSpread(free, counts, to)
  }

  #share(): void {
    if (this.#closed || this.#newcomers.size === 0) return
    // Nobody knows yet whose share it is.
    if (!this.#deps.settled()) return this.#settle.set(SETTLE_MS)
    const newcomers = new Set(this.#newcomers)
    // Who has just come itself has nothing to give.
    if (!this.#deps.live().some(({ node }) => node === this.#deps.self())) return this.#newcomers.clear()
    void this.run('nodeup', [...newcomers].join(' '), newcomers).then(({ dropped }) => {
      if (dropped === 0) for (const node of newcomers) this.#newcomers.delete(node)
    })
  }

  /** The newest plan wins: what has not begun is not begun any more. */
  #drop(): void {
    const run = this.#run
    if (run === undefined) return
    run.dropped = run.queue.size
    run.queue.clear()
    if (run.dropped > 0 && this.#newcomers.size > 0) this.#settle.set(SETTLE_MS)
    this.#finish(run)
  }

  #turns(): void {
    const { clock, width } = this.#deps
    const run = this.#run
    if (run === undefined) return
    const now = clock.now()
    let next = Number.POSITIVE_INFINITY
    for (const mover of run.queue) {
      if (run.underWay >= width) break
      if (mover.at > now) next = Math.min(next, mover.at)
      else {
        run.queue.delete(mover)
        void this.#move(run, mover)
      }
    }
    if (next < Number.POSITIVE_INFINITY) this.#turn.set(next - now)
    this.#finish(run)
  }

  async #move(run: Run, mover: Mover): Promise<void> {
    const { clock, migration, sendMe, swapCold, events, rules } = this.#deps
    const { move } = mover
    run.underWay += 1
    const began = clock.now()
    try {
      const work = migration.handover ? sendMe(move.name, move.to, migration.moveTimeoutMs) : swapCold(move.name)
      await this.#inTime(move.name, work)
      run.moved.push(move)
      events.emit('migrated', { ...move, live: migration.handover, ms: clock.now() - began })
    } catch (error) {
      const code = isMobilityError(error) ? error.code : 'ERR_INVARIANT'
      const again = this.#run === run ? afterFailure(mover, code, clock.now(), rules) : undefined
      if (again !== undefined) run.queue.add(again)
      else this.#stays(run, move, code, reasonOf(error))
    }
    run.underWay -= 1
    if (this.#run === run) this.#turns()
    else this.#finish(run)
  }

  /** One that is slow keeps nobody else from going; its move ends on its own. */
  #inTime(name: string, work: Promise<unknown>): Promise<unknown> {
    const { clock, migration } = this.#deps
    return new Promise((resolve, reject) => {
      const late = (): void => reject(new Error(`${name} was not moved within ${migration.childTimeoutMs} ms`))
      const timer = clock.after(migration.childTimeoutMs, late)
      work.then(resolve, reject).finally(() => timer.cancel())
    })
  }

  #stays(run: Run, move: PlannedMove, code: string, reason: string): void {
    run.stayed.push({ ...move, code, reason })
    this.#deps.events.emit('stayed', { name: move.name, to: move.to, code, reason })
  }

  #finish(run: Run): void {
    if (run.queue.size > 0 || run.underWay > 0) {
      if (this.#run === run && run.queue.size === 0 && run.dropped > 0) this.#run = undefined
      return
    }
    if (this.#run === run) this.#run = undefined
    const { moved, stayed, dropped, began, cause, node } = run
    const ms = this.#deps.clock.now() - began
    const figures = { moved: moved.length, stayed: stayed.length, dropped, ms }
    this.#deps.events.emit('redistributed', { cause, joined: node, ...figures })
    run.done({ moved, stayed, dropped, ms })
  }
}

const nodeOf = (life: string): string => life.slice(0, life.lastIndexOf('/'))
