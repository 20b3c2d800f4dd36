/**
 * What becomes of a name on this node: news of it, who watches it, which copy gives way, how it ends. Here the
 * registry, the processes and the moves meet.
 */
import type { Events } from '../base/events.js'
import type { Identity } from '../base/ids.js'
import type { Channels } from '../channel/channels.js'
import type { Inbox } from '../channel/inbox.js'
import type { Coordinator } from '../migration/coordinator.js'
import type { Process } from '../process/host.js'
import type { ProcessTable } from '../process/process-table.js'
import type { ServerProcess } from '../process/server.js'
import type { Fate } from '../process/watches.js'
import type { NodeDirectory } from '../registry/directory.js'
import { isNoEnd, NODE_DOWN } from '../registry/reasons.js'
import type { Entry } from '../wire/messages.js'
import type { Settings } from './options.js'
import type { Monitors } from './outlet.js'
import type { Returns } from './returns.js'
import type { Router } from './router.js'

/** The parts of a node that have something to do with a name. They are made one after the other. */
interface NamedParts {
  readonly identity: Identity
  readonly settings: Settings
  readonly events: Events
  readonly table: ProcessTable
  readonly registry: NodeDirectory
  readonly channels: Channels
  readonly inbox: Inbox
  readonly monitors: Monitors
  readonly coordinator: Coordinator
  readonly router: Router
  readonly returns: Returns
  readonly hub: { saidAtEnd(name: string, reason: string): string }
}

/** Of a life that is away, as it was known before: it was judged with its gateway, or others know an earlier place. */
const isNews = (entry: Entry, known: Entry | undefined): boolean => {
  if (known === undefined) return true
  if (known.epoch >= entry.epoch) return false
  return known.status === 'ended' ? known.reason === NODE_DOWN : known.line === entry.line
}

export class Names {
  readonly #parts: NamedParts
  readonly #watching = new Set<Process>()
  /** What a former life of this node knew, and nobody knows now. */
  readonly #gone = new Set<string>()

  constructor(parts: NamedParts) {
    this.#parts = parts
  }

  /** The process watches somebody from now on. */
  watching(process: Process): void {
    this.#watching.add(process)
  }

  changed(entry: Entry, before: Entry | undefined, change: 'changed' | 'recovering'): void {
    this.#parts.channels.routeChanged(entry.name)
    if (change === 'recovering') return
    this.#gone.delete(entry.name)
    this.#parts.coordinator.gateways.registered(entry)
    if (entry.status === 'live' && (before === undefined || before.line === entry.line)) return
    this.notice(entry.name)
  }

  /** What is known of the name has changed: the registry's word, or which copy is here (G8). */
  notice(name: string): void {
    this.#parts.monitors.notice(name)
    for (const process of this.#watching) {
      if (process.watches.size === 0 || process.phase === 'moved' || process.phase === 'ended')
        this.#watching.delete(process)
      else process.notice(name)
    }
  }

  fate(name: string): Fate | undefined {
    const process = this.#parts.table.get(name)
    // What an inert copy is of may have ended elsewhere.
    if (process !== undefined && process.phase !== 'inert') return { line: process.line, alive: true, reason: '' }
    const entry = this.#parts.registry.lookup(name)
    if (entry === undefined && this.#gone.has(name)) return { line: 0, alive: false, reason: NODE_DOWN }
    if (entry === undefined || isNoEnd(entry)) return undefined
    return { line: entry.line, alive: entry.status === 'live', reason: entry.reason }
  }

  /**
   * This is a new life of the node, and its members have told it all that they know. What it knew before and nobody
   * knows now has ended. (In a line of its own it may come back: that is another life.)
   * @param gateways  of this cluster, away in another one, and reached through this node
   */
  reconcile(gateways: readonly Entry[], names: readonly string[]): void {
    const { registry, coordinator, returns, identity } = this.#parts
    const { node, incarnation } = identity
    for (const entry of gateways) {
      if (entry.via === undefined || entry.status !== 'live' || !isNews(entry, registry.lookup(entry.name))) continue
      const adopted: Entry = { ...entry, node, incarnation }
      registry.publish(adopted)
      coordinator.gateways.adopt(adopted)
    }
    for (const name of names) {
      if (registry.lookup(name) !== undefined || returns.awaited(name) !== undefined) continue
      this.#gone.add(name)
      this.notice(name)
    }
  }

  /** G2: an owner in a higher epoch is known, so the copy here stops. */
  superseded(entry: Entry): void {
    const process = this.#parts.table.get(entry.name)
    if (process === undefined || this.#parts.coordinator.superseded(entry)) return
    if (process.phase === 'inert') return
    this.#parts.settings.logger.error(
      { name: entry.name, node: entry.node },
      `${entry.name} runs on ${entry.node} in a higher epoch; the copy here stops`,
    )
    this.#parts.events.emit('conflict', {
      name: entry.name,
      keptEpoch: entry.epoch,
      stoppedEpoch: process.epoch,
      keptNode: entry.node,
    })
    const hasState = process.phase === 'running' || process.phase === 'frozen'
    process.kill()
    // In its own line it went on. Another life of the name knows nothing of what this one did.
    const other = entry.status === 'live' && entry.line !== process.line
    if (hasState && other) this.#parts.returns.superseded(process as ServerProcess)
  }

  ended(process: Process, reason: string): void {
    const { name, epoch, line } = process
    if (this.#parts.table.get(name) !== process) return
    this.#parts.table.delete(process)
    this.#parts.inbox.ended(process, reason)
    const { node, incarnation } = this.#parts.identity
    const kind = process.kind.kind
    const said = this.#parts.hub.saidAtEnd(name, reason)
    const entry: Entry = { name, kind, node, incarnation, epoch, line, status: 'ended', reason: said }
    const known = this.#parts.registry.lookup(name)
    if (known === undefined || known.epoch < epoch || (known.node === node && known.epoch === epoch)) {
      this.#parts.registry.publish(entry)
      this.#parts.coordinator.delegations.ended(entry)
    }
    this.#parts.events.emit('stopped', { name, kind, epoch, reason })
    this.#parts.router.callBack(name)
  }
}
