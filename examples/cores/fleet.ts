/**
 * One node a core, each in a program of its own, and a node without processes in this one, which they join.
 *
 *   main (this program) --fork--> core-1, core-2, ...
 *     |   restart: the core leaves the places -> its processes move to the others -> it ends -> a new one begins
 *     |            -> its share moves back
 *     '-- a core that ends by itself is begun again: what ran there is gone, its names are free
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { createNode, type MobilityNode } from 'proc-mobility'
import { logger } from '../logger.js'
import { type Desk, deskOf } from './kinds.js'
import { placeOf } from './placement.js'

const PROGRAM = fileURLToPath(new URL('./core.js', import.meta.url))
/** For a desk that has thousands to move. */
const DESK_MS = 60_000

export class Fleet {
  readonly node: MobilityNode
  readonly #children = new Map<string, ChildProcess>()
  #cores: readonly string[] = []
  #closing = false

  /** @param count  of nodes: one a core, as many as `availableParallelism()` of node:os says */
  static async open(count: number): Promise<Fleet> {
    const fleet = new Fleet(await createNode({ name: 'main', port: 0, logger }))
    const cores = Array.from({ length: count }, (_, index) => `core-${index + 1}`)
    await Promise.all(cores.map((core) => fleet.#begin(core)))
    fleet.#cores = cores
    return fleet
  }

  private constructor(node: MobilityNode) {
    this.node = node
  }

  /** Those that take processes. */
  get cores(): readonly string[] {
    return this.#cores
  }

  /** Its program. */
  pid(core: string): number | undefined {
    return this.#children.get(core)?.pid
  }

  /** Starts counters, each on the core to which its name belongs. @returns how many could */
  async start(names: readonly string[]): Promise<number> {
    const parts = new Map(this.#cores.map((core) => [core, [] as string[]]))
    for (const name of names) parts.get(placeOf(name, this.#cores))?.push(name)
    const begun = [...parts].map(([core, part]) => this.#desk(core).call.start(part))
    return (await Promise.all(begun)).reduce((sum, { started }) => sum + started, 0)
  }

  /** Empties a core, begins its program anew, and gives it back its share. @returns how many moved away, and back */
  async restart(core: string): Promise<{ away: number; back: number }> {
    const others = this.#cores.filter((other) => other !== core)
    if (others.length === 0) throw new Error(`nobody could take what runs on ${core}`)
    this.#cores = others
    const away = await this.#settle(core, others).catch((error) => {
      this.#cores = [...others, core].sort()
      throw error
    })
    await this.#end(core)
    return { away, back: await this.#join(core) }
  }

  /** Ends all, in order. What runs there ends. */
  async close(): Promise<void> {
    this.#closing = true
    await Promise.all([...this.#children.keys()].map((core) => this.#end(core)))
    await this.node.stop()
  }

  #desk(core: string) {
    return this.node.ref<Desk>(deskOf(core)).with({ timeoutMs: DESK_MS })
  }

  async #settle(core: string, cores: readonly string[]): Promise<number> {
    const { moved, left } = await this.#desk(core).call.settle(cores)
    if (left > 0) throw new Error(`${left} processes could not leave ${core}: it goes on`)
    return moved
  }

  async #begin(core: string): Promise<void> {
    const up = this.node.once('registered', ({ name, status }) => name === deskOf(core) && status === 'live')
    const child = fork(PROGRAM, [core, this.node.address])
    this.#children.set(core, child)
    const ended = once(child, 'exit').then(() => {
      if (this.#children.get(core) === child) this.#children.delete(core)
      throw new Error(`${core} ended before it was there`)
    })
    await Promise.race([up, ended])
    ended.catch(() => {})
    child.once('exit', () => void this.#lost(core, child))
  }

  /** Begins a core that was there before. @returns how many the others gave to it */
  async #join(core: string): Promise<number> {
    await this.#begin(core)
    const others = this.#cores
    this.#cores = [...others, core].sort()
    const given = await Promise.all(others.map((other) => this.#settle(other, this.#cores)))
    return given.reduce((sum, moved) => sum + moved, 0)
  }

  async #end(core: string): Promise<void> {
    const child = this.#children.get(core)
    if (child === undefined) return
    this.#children.delete(core)
    const gone = once(child, 'exit')
    child.disconnect()
    await gone
  }

  /** Only one that nobody ended is begun again. */
  async #lost(core: string, child: ChildProcess): Promise<void> {
    if (this.#children.get(core) !== child) return
    this.#children.delete(core)
    this.#cores = this.#cores.filter((other) => other !== core)
    logger.error({ core }, `${core} ended by itself: what ran there is gone`)
    try {
      await this.#join(core)
    } catch (error) {
      if (!this.#closing) logger.error({ core }, String(error))
    }
  }
}
