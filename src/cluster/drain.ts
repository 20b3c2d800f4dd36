/**
 * Hands over all that this node runs (G13): each process is one machine (machine-drain.ts), all go at once within a
 * bounded width, so that one that does not answer costs the others nothing (scenarios 41, 42, 43).
 *
 *   cordon --> list the processes --> turns: candidates, placement --> sendMe --> moved | again | left --> settled
 *                   ^----- what was starting, or on its way here, when it began -----'
 */
import { fail, isMobilityError, reasonOf } from '../base/errors.js'
import type { Events } from '../base/events.js'
import type { Limits } from '../base/limits.js'
import { checkMs } from '../base/millis.js'
import type { Clock, Timer } from '../base/ports.js'
import type { MoveOptions, MoveResult } from '../process/directives.js'
import type { Process } from '../process/host.js'
import type { ProcessTable } from '../process/process-table.js'
import type { Candidates } from './candidates.js'
import { AGAIN_MS, type Leaver, type LeaverEvent, newLeaver, stepLeaver } from './machine-drain.js'
import type { Placement } from './placement.js'

export interface DrainOptions {
  /** For one process and one node to take it, in ms; one that says not now is asked for so long. Default 5_000 */
  readonly perProcessMs?: number
  /** For all, in ms. What has not moved by then stays, and is named. Default 25_000 */
  readonly totalMs?: number
}

export type DrainTimes = Required<DrainOptions>

/** Below the 30 s that Kubernetes gives by default, so that there is time to stop. */
const DRAIN_MS = 25_000

/** @throws ERR_BAD_ARGUMENT */
export const drainTimes = (options: DrainOptions, limits: Limits): DrainTimes => {
  if (typeof options !== 'object' || options === null)
    throw fail('ERR_BAD_ARGUMENT', { what: 'The options of a drain', why: 'they must be an object' })
  const { perProcessMs = limits.moveTimeoutMs, totalMs = DRAIN_MS } = options
  return {
    perProcessMs: checkMs('perProcessMs of a drain', perProcessMs),
    totalMs: checkMs('totalMs of a drain', totalMs),
  }
}

export interface DrainResult {
  /** Nothing is left here. */
  readonly ok: boolean
  readonly moved: readonly { readonly name: string; readonly to: string; readonly pauseMs: number }[]
  /** What runs here still, and why. */
  readonly left: readonly { readonly name: string; readonly code: string; readonly reason: string }[]
  readonly ms: number
}

interface DrainDeps {
  readonly clock: Clock
  readonly events: Events
  readonly table: ProcessTable
  readonly candidates: Candidates
  readonly placement: Placement
  /** Of some members those that may have that process; or why none of them. */
  readonly fitting: (
    name: string,
    nodes: readonly string[],
  ) => { readonly nodes: readonly string[] } | { readonly why: string }
  /** Is it one of those that each member has its own of? */
  readonly isPerMember: (name: string) => boolean
  /** In order, within its time. */
  readonly end: (process: Process) => void
  readonly self: () => string
  /** Are there members that stay? */
  readonly others: () => { readonly live: number; readonly staying: number }
  readonly sendMe: (name: string, to: string, options: MoveOptions) => Promise<MoveResult>
  /** Why a move of the name waits for an operator. */
  readonly doubtOf: (name: string) => string | undefined
  /** Moves of which the new owners have not heard all yet. */
  readonly unsettled: () => number
  /** Names whose processes wait for them here, of a former life of this node. */
  readonly waiting: () => readonly string[]
}

/** Moves under way: more than one peer takes at once (preparedPerPeerMax 64), so that the slow ones hold up nobody. */
const WIDTH = 1_024

interface Item {
  readonly process: Process
  leaver: Leaver
}

export class Drain {
  readonly #deps: DrainDeps
  readonly #perProcessMs: number
  readonly #until: number
  readonly #began: number
  readonly #items = new Map<string, Item>()
  readonly #queue = new Set<Item>()
  readonly #moved: Array<DrainResult['moved'][number]> = []
  readonly #left: Array<DrainResult['left'][number]> = []
  #underWay = 0
  #over = false
  #timer: Timer | undefined
  #resolve: (result: DrainResult) => void = () => {}

  constructor(deps: DrainDeps, { perProcessMs, totalMs }: DrainTimes) {
    this.#deps = deps
    this.#perProcessMs = perProcessMs
    this.#began = deps.clock.now()
    this.#until = this.#began + totalMs
  }

  /** The node is cordoned already. */
  run(): Promise<DrainResult> {
    this.#deps.events.emit('draining', { processes: this.#deps.table.size })
    return new Promise((resolve) => {
      this.#resolve = resolve
      this.#look()
    })
  }

  /** Nothing more is asked to leave. What is under way ends on its own. */
  close(why = 'the node stops'): void {
    this.#finish(why)
  }

  #look(): void {
    if (this.#over) return
    const { clock, table } = this.#deps
    this.#timer?.cancel()
    for (const process of table.all()) this.#see(process)
    this.#turns()
    if (clock.now() >= this.#until) return this.#finish('out of time')
    // What is inert or starting here becomes a process, or goes away: by itself, within the times of a move.
    const settling = table.all().some((process) => !this.#isOver(process))
    if (!settling && this.#deps.unsettled() + this.#deps.waiting().length === 0) return this.#finish('')
    this.#timer = clock.after(Math.min(settling ? AGAIN_MS : 10, Math.max(0, this.#until - clock.now())), () =>
      this.#look(),
    )
  }

  #isOver(process: Process): boolean {
    if (process.phase === 'moved' || process.phase === 'ended') return true
    return this.#items.get(process.name)?.leaver.phase === 'left'
  }

  #see(process: Process): void {
    const known = this.#items.get(process.name)
    if (known?.process === process || process.phase === 'inert' || this.#isOver(process)) return
    const item: Item = { process, leaver: newLeaver }
    this.#items.set(process.name, item)
    this.#queue.add(item)
  }

  /** As many as there are slots for, the longest waiting first. */
  #turns(): void {
    const now = this.#deps.clock.now()
    for (const item of this.#queue) {
      if (this.#underWay >= WIDTH) return
      if (item.leaver.at <= now) this.#turn(item)
    }
  }

  #turn(item: Item): void {
    const { candidates, placement, fitting, self, others, doubtOf } = this.#deps
    const { name, kind, phase } = item.process
    this.#queue.delete(item)
    const doubt = doubtOf(name)
    if (doubt !== undefined)
      return this.#step(item, { type: 'failed', code: 'ERR_IN_DOUBT', reason: doubt, busy: false })
    if (phase === 'ended' || phase === 'moved') return this.#step(item, { type: 'ended' })
    if (this.#deps.isPerMember(name)) return this.#end(item)
    const members = candidates.of(kind.kind, kind.version).filter((node) => node !== self())
    const fit = fitting(name, members)
    const able = 'nodes' in fit ? fit.nodes : []
    const free = able.filter((node) => !item.leaver.tried.includes(node))
    const place = free.length === 0 ? undefined : placement.place({ name, kind: kind.kind }, free)
    const { live, staying } = others()
    const nobody = live === 0 || (able.length === 0 && staying > 0)
    const why = 'why' in fit && members.length > 0 ? fit.why : 'no member can take it'
    this.#step(item, { type: 'turn', place, nobody, why, perProcessMs: this.#perProcessMs })
    if (item.leaver.phase === 'moving') void this.#move(item)
  }

  /** The others have theirs: it ends with its node. While it starts, or moves, it waits for that. */
  #end(item: Item): void {
    const { process } = item
    const why = `it was ${process.phase}`
    const turn = { type: 'turn', place: undefined, nobody: false, why, perProcessMs: this.#perProcessMs } as const
    if (process.phase !== 'running') return this.#step(item, turn)
    this.#deps.end(process)
    this.#step(item, { type: 'ended' })
  }

  async #move(item: Item): Promise<void> {
    const { clock, sendMe } = this.#deps
    const { process } = item
    const { to } = item.leaver
    this.#underWay += 1
    const timeoutMs = Math.max(1, Math.min(this.#perProcessMs, this.#until - clock.now()))
    try {
      const { pauseMs } = await sendMe(process.name, to, { timeoutMs })
      this.#step(item, { type: 'moved' })
      this.#moved.push({ name: process.name, to, pauseMs })
    } catch (error) {
      const code = isMobilityError(error) ? error.code : 'ERR_INVARIANT'
      this.#step(item, { type: 'failed', code, reason: reasonOf(error), busy: process.busy })
    }
    this.#underWay -= 1
    if (this.#over) return
    if (this.#queue.size > 0) this.#turns()
    else if (this.#underWay === 0) this.#look()
  }

  #step(item: Item, event: LeaverEvent): void {
    const before = item.leaver
    item.leaver = stepLeaver(before, event, this.#deps.clock.now())
    const { phase, code, reason } = item.leaver
    if (phase === 'waiting') this.#queue.add(item)
    else this.#queue.delete(item)
    if (phase === 'left' && before.phase !== 'left') this.#left.push({ name: item.process.name, code, reason })
  }

  #finish(why: string): void {
    if (this.#over) return
    this.#over = true
    this.#timer?.cancel()
    for (const item of this.#items.values()) this.#step(item, { type: 'over' })
    // It came while the last ones left.
    for (const { name, phase } of this.#deps.table.all().filter((process) => !this.#isOver(process))) {
      this.#left.push({ name, code: 'ERR_NO_PLACE', reason: `it was ${phase} when the drain ended: ${why}` })
    }
    for (const name of this.#deps.waiting())
      this.#left.push({ name, code: 'ERR_NO_PLACE', reason: 'it waits for its name, in a new life of this node' })
    const ms = this.#deps.clock.now() - this.#began
    this.#deps.events.emit('drained', { moved: this.#moved.length, left: this.#left.map(({ name }) => name), ms })
    this.#resolve({ ok: this.#left.length === 0, moved: this.#moved, left: this.#left, ms })
  }
}
