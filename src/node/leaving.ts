/**
 * How a node goes:
 *
 *   serving --cordon--> cordoned --drain--> drained --stop--> stopped        uncordon: serving again
 *      '------------------- stop: what is here ends, nothing moves -----------^
 */
import { fail } from '../base/errors.js'
import { Drain, type DrainOptions, type DrainResult, type DrainTimes, drainTimes } from '../cluster/drain.js'
import type { Process } from '../process/host.js'
import type { Outlet } from './outlet.js'
import { endInTime } from './overdue.js'
import type { Parts } from './parts.js'
import type { Lives } from './rebirth.js'

export class Leaving {
  readonly #lives: Lives
  readonly #outlet: Outlet
  #draining: { readonly drain: Drain; readonly result: Promise<DrainResult> } | undefined
  #stopping: Promise<void> | undefined

  constructor(lives: Lives, outlet: Outlet) {
    this.#lives = lives
    this.#outlet = outlet
  }

  get #parts(): Parts {
    return this.#lives.current
  }

  get stopping(): boolean {
    return this.#stopping !== undefined
  }

  /** @throws ERR_BAD_ARGUMENT ERR_NODE_STOPPED */
  drain(options: DrainOptions = {}): Promise<DrainResult> {
    const { settings, cordons, identity } = this.#parts
    const times = drainTimes(options, settings.limits)
    if (this.stopping) throw fail('ERR_NODE_STOPPED', { node: identity.node })
    if (this.#draining !== undefined) return this.#draining.result
    cordons.set(true)
    const drain = this.#makeDrain(times)
    const result = drain.run().finally(() => {
      this.#draining = undefined
    })
    this.#draining = { drain, result }
    return result
  }

  /** What was to leave waits for its name again, and the node stays cordoned: whoever drains it asks once more. */
  reborn(): void {
    this.#draining?.drain.close('the node was declared dead, and began a new life')
  }

  #makeDrain(times: DrainTimes): Drain {
    const { world, events, table, candidates, hub, membership, cordons, coordinator, returns } = this.#parts
    const others = (): { live: number; staying: number } => {
      const live = membership.names()
      return { live: live.length, staying: live.filter((node) => !cordons.isLeaving(node)).length }
    }
    const deps = {
      clock: world.clock,
      events,
      table,
      candidates,
      placement: hub.placement,
      fitting: (name: string, nodes: readonly string[]) => hub.fitting(name, nodes),
      isPerMember: (name: string) => hub.care.groups.isPerMember(name),
      end: (process: Process) => void this.#end(process),
      others,
      self: () => this.#parts.identity.node,
      sendMe: (name: string, to: string, options: { readonly timeoutMs?: number }) =>
        this.#outlet.sendMe(name, to, options),
      doubtOf: (name: string) => coordinator.doubtOf(name),
      unsettled: () => coordinator.unsettled,
      waiting: () => returns.names(),
    }
    return new Drain(deps, times)
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop()
    return this.#stopping
  }

  async #stop(): Promise<void> {
    const { coordinator, table, trees, links, settings, world, host } = this.#parts
    this.#parts.stopping = true
    this.#draining?.drain.close()
    this.#parts.hub.stopping()
    const until = world.clock.now() + settings.limits.moveTimeoutMs
    while (coordinator.quiesce('the node stops') > 0 && world.clock.now() < until) await this.#wait(10)
    while (!host.mayRun() && table.size > 0 && world.clock.now() < until) await this.#wait(10)
    // Again until none is left: one that was starting may have come in meanwhile.
    while (table.size > 0) {
      const all = table.all().reverse()
      // What a supervisor looks after is ended by it, in its order (G14).
      const roots = all.filter(({ name }) => !trees.has(name))
      for (const process of roots.length > 0 ? roots : all) {
        if (process.phase === 'inert' || process.phase === 'frozen') process.depart('the node stopped')
        // G1: a node that may run nothing runs no terminate() either. Another copy may run by now.
        else if (!host.mayRun()) process.kill()
        else if (process.phase !== 'moved' && process.phase !== 'ended') await this.#end(process)
        table.delete(process)
      }
    }
    // What was just published goes out before the links say goodbye.
    await this.#wait(0)
    await this.#parts.registry.leave?.()
    this.#parts.close()
    await links.close('stopped')
    await this.#lives.whenClosed()
  }

  #end(process: Process): Promise<void> {
    process.system({ what: 'stop', from: undefined, reason: 'shutdown' })
    return endInTime(this.#parts.world.clock, process, this.#parts.host.shutdownMs(process.name, process.kind))
  }

  #wait(ms: number): Promise<void> {
    return new Promise((resolve) => this.#parts.world.clock.after(ms, resolve))
  }
}
