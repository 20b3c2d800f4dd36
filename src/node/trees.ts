/**
 * The supervisors of this node, and what they need of it: to start and to end processes here, to hear of their ends.
 *
 * G14 What a supervisor looks after is ended by it alone, in its order and its times, also when the node stops. When a
 *     supervisor is gone without having done so, its children are killed: OTP's links.
 */
import { fail, isMobilityError, reasonOf } from '../base/errors.js'
import type { Clock } from '../base/ports.js'
import type { Groups } from '../cluster/groups.js'
import type { Process } from '../process/host.js'
import type { AnyKind } from '../process/kind.js'
import type { ProcessTable } from '../process/process-table.js'
import { Family } from '../supervisor/family.js'
import type { FamilyPort, Starting } from '../supervisor/kin.js'
import { Seat } from '../supervisor/seat.js'
import { planOf } from '../supervisor/supervisor.js'
import type { Names } from './names.js'
import type { Settings } from './options.js'
import { type Monitors, Outlet } from './outlet.js'
import { claimHere, type StartingParts } from './starting.js'

interface TreeParts extends StartingParts {
  readonly settings: Settings
  readonly world: { readonly clock: Clock }
  readonly table: ProcessTable
  readonly names: Names
  readonly monitors: Monitors
  readonly hub: { readonly care: { readonly groups: Groups } }
}

/** While a process of a former life of this node waits for its name. */
const LOOK_MS = 100

export class Trees {
  #parts: TreeParts | undefined
  /** Time to end, in ms, of each process that a supervisor looks after. */
  readonly #members = new Map<string, number>()
  readonly #families = new Map<string, Family>()

  /** @param parts  of the life that the node has now */
  bind(parts: TreeParts): void {
    const isFirst = this.#parts === undefined
    this.#parts = parts
    // Events, like trees, are those of the node, over all its lives.
    if (!isFirst) return
    parts.events.on('returned', ({ name }) => this.#returned(name))
    parts.events.on('conflict', ({ name }) => this.#perish(name))
  }

  /** A supervisor of the former life runs again: its children are still its own, and come back as it did. */
  #returned(name: string): void {
    const process = this.#now.table.get(name)
    const family = this.#families.get(name)
    if (family === undefined || !(process?.local instanceof Seat)) return
    family.goOnAs(process)
    process.local.take(process, family)
  }

  get #now(): TreeParts {
    if (this.#parts === undefined) throw fail('ERR_INVARIANT', { what: 'trees without a node' })
    return this.#parts
  }

  get size(): number {
    return this.#members.size
  }

  /** A supervisor looks after it. */
  has(name: string): boolean {
    return this.#members.has(name)
  }

  /** What a supervisor gives it to end, in ms. */
  shutdownMs(name: string): number | undefined {
    return this.#members.get(name)
  }

  /** A supervisor has started when its children have. @returns nothing to wait for, for any other process */
  grow(process: Process): Promise<void> | undefined {
    const { local } = process
    return local instanceof Seat ? this.#grow(process, local) : undefined
  }

  async #grow(process: Process, seat: Seat): Promise<void> {
    const { name, kind, args } = process
    try {
      const plan = planOf(kind, args)
      if (plan === undefined) throw fail('ERR_INVARIANT', { what: `${name} is a supervisor without a plan` })
      const family = new Family(process, plan, this.#port())
      seat.take(process, family)
      this.#families.set(name, family)
      await family.grow()
    } catch (error) {
      process.system({ what: 'stop', from: undefined, reason: 'start failed' })
      await process.whenEnded
      const known = isMobilityError(error) && (error.code === 'ERR_SHUTDOWN_CHAIN' || error.code === 'ERR_START_FAILED')
      throw known ? error : fail('ERR_START_FAILED', { name, reason: reasonOf(error) }, { cause: error })
    }
  }

  /** The process is gone. */
  ended({ name }: Process): void {
    this.#perish(name)
  }

  #perish(name: string): void {
    this.#families.get(name)?.perish()
    this.#families.delete(name)
  }

  #port(): FamilyPort {
    const now = () => this.#now
    const { settings, world, identity } = now()
    const { limits, kinds, logger } = settings
    const outlet = new Outlet({
      channels: () => now().channels,
      limits,
      monitor: (name) => now().monitors.open(name),
      groups: () => now().hub.care.groups,
    })
    return {
      clock: world.clock,
      node: identity.node,
      chain: { kinds, planOf, defaultMs: limits.shutdownMs },
      start: (kind, name, args, ms) => this.#start(kind, name, args, ms),
      stop: (name, reason) => outlet.stop(name, reason),
      kill: (name) => {
        const process = now().table.get(name)
        if (process === undefined || process.phase === 'inert' || process.phase === 'moved') return 'elsewhere'
        if (process.phase === 'frozen') return 'moving'
        process.kill()
        return 'killed'
      },
      watch: (name, down) => this.#watch(name, down),
      forget: (name) => void this.#members.delete(name),
      news: (news) => {
        const text = `${news.supervisor}: ${news.what} of ${news.child}: ${news.reason}`
        if (news.what === 'auto_shutdown') logger.info(news, text)
        else logger.warn(news, text)
        now().events.emit('supervision', news)
      },
    }
  }

  #start(kind: AnyKind, name: string, args: readonly unknown[], ms: number): Starting {
    const parts = this.#now
    let wanted = true
    let claimed = false
    const kill = (): void => parts.table.get(name)?.kill()
    const run = async (): Promise<void> => {
      const { node } = parts.identity
      if (parts.hub.care.groups.has(name)) throw fail('ERR_ALREADY_STARTED', { name, node })
      const life = await claimHere(parts, kind, name)
      claimed = true
      this.#members.set(name, ms)
      const begun = life(args)
      if (!wanted) kill()
      await begun
    }
    const cut = (): void => {
      wanted = false
      if (claimed) kill()
    }
    return { done: run(), cut }
  }

  #watch(name: string, down: (reason: string) => void): () => void {
    let cancel = (): void => {}
    let over = false
    const open = (): void => {
      const { names, monitors } = this.#now
      const fate = names.fate(name)
      const monitor = monitors.open(name)
      cancel = () => monitor.cancel()
      void monitor.down.then((reason) => {
        // It ended before the watch began, and how is known.
        if (!over) judge(reason === 'noproc' && fate !== undefined && !fate.alive ? fate.reason : reason)
      })
    }
    const judge = (reason: string): void => {
      if (over) return
      const { names, returns, world } = this.#now
      // It was held for dead with this node, and is about to come back.
      if (returns.awaited(name) !== undefined) {
        const timer = world.clock.after(LOOK_MS, () => judge(reason))
        cancel = () => timer.cancel()
        return
      }
      // It has a new line, with its state: it was cut off, or its node began a new life.
      if (names.fate(name)?.alive === true) return open()
      over = true
      down(reason)
    }
    open()
    return () => {
      over = true
      cancel()
    }
  }
}
