/** One child of a supervisor: its start, its watch, its stop within its time. `family.ts` says when. */
import { fail, isMobilityError, reasonOf } from '../base/errors.js'
import type { Clock, Timer } from '../base/ports.js'
import type { ExitReason } from '../process/directives.js'
import type { AnyKind } from '../process/kind.js'
import { type ChainWorld, kindOf } from './chain.js'
import type { Member, Shutdown } from './spec.js'
import type { Run, TreeEffect, TreeEvent } from './tree.js'

/** A start that is under way. */
export interface Starting {
  /** Rejects like `node.start`. */
  readonly done: Promise<void>
  /** It is not wanted any more: whatever has begun is killed. */
  cut(): void
}

/** What happened in a tree, for an event. */
export interface SupervisionNews {
  readonly supervisor: string
  readonly child: string
  readonly what: Extract<TreeEffect, { type: 'report' }>['what'] | 'left_behind'
  readonly reason: string
  readonly restarts: number
}

/** What a supervisor needs of its node. */
export interface FamilyPort {
  readonly clock: Clock
  readonly node: string
  readonly chain: ChainWorld
  start(kind: AnyKind, name: string, args: readonly unknown[], shutdownMs: number): Starting
  /** By name, wherever it is. Resolves when it has ended. */
  stop(name: string, reason: ExitReason): Promise<void>
  /** One that is on its way to another node cannot be killed, nor one that is elsewhere. */
  kill(name: string): 'killed' | 'moving' | 'elsewhere'
  /** `down` is called once, with the reason, and never for a move. @returns what ends the watch */
  watch(name: string, down: (reason: string) => void): () => void
  /** It is no child any more. */
  forget(name: string): void
  news(news: SupervisionNews): void
}

interface KinDeps {
  readonly port: FamilyPort
  readonly tell: (event: TreeEvent) => void
  /** Nothing else has happened to it since. */
  readonly is: (id: string, life: number, run: Run) => boolean
  /** It lives on elsewhere, and nobody waits for it any more. */
  readonly leftBehind: (id: string) => void
}

/** The child cannot help it: tried again in a while, and not counted. */
const CIRCUMSTANCES: ReadonlySet<string> = new Set(['ERR_NO_QUORUM', 'ERR_CLAIM_TIMEOUT', 'ERR_NODE_STOPPED'])
const AGAIN_MS = 1_000
/** For a child that is on the move; and one that was told on another node to end at once. */
const LOOK_MS = 10
const ELSEWHERE_MS = 5_000

const FOREVER = Number.POSITIVE_INFINITY

export class Kin {
  readonly member: Member
  readonly name: string
  readonly #shutdown: Shutdown
  readonly #deps: KinDeps
  #starting: Starting | undefined
  #unwatch: () => void = () => {}
  #timer: Timer | undefined
  #gone = false

  constructor(member: Member, name: string, shutdown: Shutdown, deps: KinDeps) {
    this.member = member
    this.name = name
    this.#shutdown = shutdown
    this.#deps = deps
  }

  get #ms(): number {
    if (this.#shutdown === 'brutal_kill') return 0
    return this.#shutdown === 'infinity' ? FOREVER : this.#shutdown
  }

  /** @param again  it is a restart, which nobody waits for */
  async start(life: number, again: boolean): Promise<void> {
    const { port, tell, is } = this.#deps
    const { id, args } = this.member
    try {
      const kind = kindOf(this.member, port.chain.kinds)
      if (kind === undefined) throw fail('ERR_KIND_UNKNOWN', { node: port.node, kind: String(this.member.kind) })
      this.#starting = port.start(kind, this.name, args, this.#ms)
      await this.#starting.done
    } catch (error) {
      this.#starting = undefined
      const code = isMobilityError(error) ? error.code : ''
      if (again && CIRCUMSTANCES.has(code) && is(id, life, 'starting')) return this.#later(life)
      return tell({ type: 'failed', id, life, ignored: code === 'ERR_START_IGNORED', reason: reasonOf(error) })
    }
    this.#starting = undefined
    if (this.#gone) return void port.kill(this.name)
    this.#watch(life)
    tell({ type: 'started', id, life })
  }

  #later(life: number): void {
    const { port, tell } = this.#deps
    const timer = port.clock.after(AGAIN_MS, () => void this.start(life, true))
    const cut = (): void => {
      timer.cancel()
      this.#starting = undefined
      tell({ type: 'failed', id: this.member.id, life, ignored: false, reason: 'killed' })
    }
    this.#starting = { done: Promise.resolve(), cut }
  }

  #watch(life: number): void {
    this.#unwatch = this.#deps.port.watch(this.name, (reason) => {
      this.#timer?.cancel()
      this.#deps.tell({ type: 'ended', id: this.member.id, life, reason })
    })
  }

  cut(): void {
    this.#starting?.cut()
  }

  stop(life: number): void {
    const { port } = this.#deps
    if (this.#shutdown === 'brutal_kill') return this.#kill(life, ELSEWHERE_MS)
    this.#tell('shutdown', life)
    if (this.#ms !== FOREVER) this.#timer = port.clock.after(this.#ms, () => this.#kill(life, 0))
  }

  /** How it ends its watch says. */
  #tell(reason: ExitReason, life: number): void {
    const { port, tell } = this.#deps
    port.stop(this.name, reason).catch((error: unknown) => {
      if (isMobilityError(error) && error.code === 'ERR_NO_PROCESS')
        tell({ type: 'ended', id: this.member.id, life, reason: 'noproc' })
    })
  }

  /** @param leftMs  what it still has when it is on another node, since only that one could kill it */
  #kill(life: number, leftMs: number): void {
    const { port, is, tell, leftBehind } = this.#deps
    const { id } = this.member
    if (!is(id, life, 'stopping')) return
    const how = port.kill(this.name)
    if (how === 'killed') return
    if (how === 'moving') {
      this.#timer = port.clock.after(LOOK_MS, () => this.#kill(life, leftMs))
    } else if (leftMs > 0) {
      this.#tell('killed', life)
      this.#timer = port.clock.after(leftMs, () => this.#kill(life, 0))
    } else {
      this.#unwatch()
      leftBehind(id)
      tell({ type: 'ended', id, life, reason: 'left_behind' })
    }
  }

  /** Its supervisor is gone, and nobody else would end it. @param lives  it is more than a start */
  abandon(lives: boolean): void {
    const { port } = this.#deps
    const starting = this.#starting
    this.letGo()
    starting?.cut()
    if (lives && port.kill(this.name) !== 'killed') port.stop(this.name, 'killed').catch(() => {})
  }

  /** It is no child any more. */
  letGo(): void {
    this.#gone = true
    this.#unwatch()
    this.#timer?.cancel()
    this.#deps.port.forget(this.name)
  }
}
