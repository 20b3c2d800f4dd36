/**
 * The processes of a former life of this node, on their way into this one (machine-return.ts decides for each).
 *
 *   former life --as data--> inert copy --claim--> granted --attach--> runs: higher epoch, new line   `returned`
 *                                          '--> another life has the name: stops, offers its state    `conflict`
 *
 * They are no part of the table until they have their name: who calls them here waits, who asks elsewhere hears what
 * the registry says. `node.parked()` lists them, and an operator can discard one.
 */
import { Alarm } from '../base/alarm.js'
import { isMobilityError, reasonOf } from '../base/errors.js'
import type { Events } from '../base/events.js'
import { type Identity, originOf } from '../base/ids.js'
import type { Clock } from '../base/ports.js'
import type { Channels } from '../channel/channels.js'
import type { Coordinator } from '../migration/coordinator.js'
import type { Parked } from '../migration/parked.js'
import type { ProcessHost } from '../process/host.js'
import type { ProcessImage } from '../process/image.js'
import type { SystemMessage } from '../process/mailbox.js'
import { handover, restore, uproot } from '../process/mobile.js'
import type { ProcessTable } from '../process/process-table.js'
import type { ServerProcess } from '../process/server.js'
import type { NodeDirectory } from '../registry/directory.js'
import { isNoEnd, LOST, NODE_DOWN } from '../registry/reasons.js'
import type { Delegation, Entry } from '../wire/messages.js'
import { beginReturn, isReturnOver, type ReturnEvent, type ReturnState, stepReturn } from './machine-return.js'
import type { Settings } from './options.js'
import type { Router } from './router.js'

/** What a former life leaves of one process. */
export interface Former {
  /** As it was in that life. */
  readonly process: ServerProcess
  /** What it is now, once no handler of it runs. */
  image: ProcessImage | undefined
  /** Stops that it had taken. */
  stops: readonly Extract<SystemMessage, { what: 'stop' }>[]
  /** It has let go of what it held there. */
  detached: Promise<void>
  /** Its move was committed to that life of a node. */
  readonly away: Identity | undefined
  /** Clusters that reach it through a gateway. */
  readonly delegations: readonly Delegation[]
}

interface ReturnParts {
  readonly identity: Identity
  readonly settings: Settings
  readonly world: { readonly clock: Clock }
  readonly events: Events
  readonly table: ProcessTable
  readonly host: ProcessHost
  readonly registry: NodeDirectory
  readonly channels: Channels
  readonly coordinator: Coordinator
  readonly router: Router
  readonly names: { notice(name: string): void }
  isDead(who: Identity): boolean
}

interface Returning extends Former {
  state: ReturnState
  readonly since: number
  said: boolean
  granted: Entry | undefined
  copy: ServerProcess | undefined
}

/** How often those that wait are looked at: far below the time that a member takes to come and go. */
const LOOK_MS = 100

export class Returns {
  readonly #parts: ReturnParts
  readonly #waiting = new Map<string, Returning>()
  /** Superseded while a handler of them ran. */
  readonly #stopped = new Set<ServerProcess>()
  readonly #look: Alarm
  /** The members have agreed for the first time in this life. */
  readonly #onSettled: Array<() => void> = []

  constructor(parts: ReturnParts) {
    this.#parts = parts
    this.#look = new Alarm(parts.world.clock, () => this.#lookAtAll())
  }

  get size(): number {
    return this.#waiting.size
  }

  /** @param settled  once, when all that the members have to tell is known here */
  begin(formers: readonly Former[], settled: () => void): void {
    const { world, coordinator } = this.#parts
    for (const former of formers) {
      const { process, away, delegations } = former
      const state = beginReturn(former.image === undefined, away !== undefined)
      const since = world.clock.now()
      const returning: Returning = { ...former, state, since, said: false, granted: undefined, copy: undefined }
      this.#waiting.set(process.name, returning)
      if (delegations.length > 0) coordinator.delegations.carry(process.name, delegations)
      if (state.phase === 'busy' && !process.busy) this.rested(process)
    }
    this.#onSettled.push(settled)
    this.#look.set(LOOK_MS)
  }

  /** A copy stopped here, because another life of its name runs elsewhere: that one gets what it has. */
  superseded(process: ServerProcess): void {
    if (process.kind.spec.resolveConflict === undefined) return
    // A handler that runs yet may have changed half of the state.
    if (process.busy) this.#stopped.add(process)
    else void this.#offer(process)
  }

  /** No handler of that process runs: it can be taken as it is. */
  rested(process: ServerProcess): void {
    if (this.#stopped.delete(process)) return void this.#offer(process)
    const returning = this.#waiting.get(process.name)
    if (returning?.process !== process || returning.state.phase !== 'busy') return
    if (process.phase !== 'running' && process.phase !== 'frozen') return this.#step(returning, { type: 'over' })
    const stops = process.mailbox.systemMessages().filter((message) => message.what === 'stop')
    returning.stops = stops.map((stop) => ({ ...stop, from: undefined }))
    returning.image = uproot(process)
    returning.detached = process.detach()
    process.depart('its node began a new life')
    this.#step(returning, { type: 'rested' })
  }

  /** A name whose process waits for it here: its callers wait too. */
  awaited(name: string): { readonly line: number; readonly epoch: number } | undefined {
    const { line, epoch } = this.#waiting.get(name)?.process ?? {}
    return line === undefined || epoch === undefined ? undefined : { line, epoch }
  }

  parked(): Parked[] {
    return [...this.#waiting.values()].map((one) => ({
      name: one.process.name,
      role: 'returning',
      reason: reasonFor(one),
    }))
  }

  decide(name: string, choice: 'restore' | 'discard'): boolean {
    const returning = this.#waiting.get(name)
    if (returning?.state.phase !== 'waiting') return false
    if (choice === 'discard') this.#undelivered(returning, 'it was discarded')
    this.#step(returning, { type: 'decide', choice })
    return true
  }

  /** Of which a drain must say that they are here still. */
  names(): string[] {
    return [...this.#waiting.keys()]
  }

  /** The node stops: what has not come back ends with it. */
  close(): void {
    for (const returning of this.#waiting.values()) this.#undelivered(returning, 'its node stopped')
    for (const { process } of this.handOver()) process.depart('the node stopped')
  }

  /** This life is over, too: what has not come back goes on to the next one. */
  handOver(): Former[] {
    this.#look.cancel()
    const left = [...this.#waiting.values()]
    this.#waiting.clear()
    for (const { copy } of left) {
      if (copy === undefined) continue
      this.#parts.table.delete(copy)
      copy.depart('its node began a new life')
    }
    return left.map(({ copy, detached, ...former }) => ({
      ...former,
      detached: copy === undefined ? detached : detached.then(() => copy.detach()),
    }))
  }

  // ---- what is known of each

  #lookAtAll(): void {
    const { registry } = this.#parts
    if (registry.settled) for (const settled of this.#onSettled.splice(0)) settled()
    for (const returning of [...this.#waiting.values()]) this.#lookAt(returning)
    if (this.#waiting.size > 0 || this.#onSettled.length > 0) this.#look.set(LOOK_MS)
  }

  #lookAt(returning: Returning): void {
    const { registry, world, settings, events } = this.#parts
    const owner = this.#ownerOf(returning)
    if (owner === 'here before') return registry.settled ? this.#step(returning, { type: 'outdated' }) : undefined
    if (owner !== undefined) return this.#step(returning, { type: 'known', sameLine: owner === 'went on' })
    const { away } = returning
    // An engine does not give a name that the destination has, or that it may still run.
    const destinationDead = away === undefined || registry.moves !== undefined || this.#parts.isDead(away)
    this.#step(returning, { type: 'look', settled: registry.settled, destinationDead })
    if (returning.said || world.clock.now() - returning.since < settings.limits.callTimeoutMs) return
    if (isReturnOver(returning.state)) return
    returning.said = true
    events.emit('parked', { name: returning.process.name, role: 'returning', reason: reasonFor(returning) })
  }

  /**
   * Who has the name, or had it, for all that is known? This very life, which went on elsewhere, or was there before it
   * came here (its line is the same, and each change of owner raises the epoch); or another life.
   */
  #ownerOf({ process, state }: Returning): 'went on' | 'here before' | 'another' | undefined {
    const { registry, identity } = this.#parts
    const entry = registry.lookup(process.name)
    if (entry === undefined || registry.isRecovering(process.name) || isNoEnd(entry)) return undefined
    const wentOn = entry.line === process.line && entry.epoch > process.epoch
    // Of its end with its node this copy is the contradiction.
    if (entry.status === 'ended')
      return wentOn && entry.reason !== NODE_DOWN && entry.reason !== LOST ? 'went on' : undefined
    const isOwn = entry.node === identity.node && entry.incarnation === identity.incarnation
    if (isOwn && state.phase !== 'waiting') return undefined
    if (wentOn) return 'went on'
    // At an engine the word of an owner is never older than the copy.
    const older = entry.line === process.line && entry.epoch < process.epoch && registry.moves === undefined
    return older ? 'here before' : 'another'
  }

  // ---- machine

  #step(returning: Returning, event: ReturnEvent): void {
    const { state, effects } = stepReturn(returning.state, event)
    returning.state = state
    const { name } = returning.process
    // Before what follows: the news of it must not meet itself.
    if (isReturnOver(state) && this.#waiting.get(name) === returning) this.#waiting.delete(name)
    for (const effect of effects) {
      if (effect.type === 'claim') void this.#claim(returning)
      else if (effect.type === 'take') this.#take(returning)
      else if (effect.type === 'attach') void this.#attach(returning)
      else if (effect.type === 'run') this.#run(returning, effect.rollback)
      else if (effect.type === 'end') this.#end(returning)
      else {
        this.#release(returning)
        if (effect.type === 'conflict') this.#conflict(returning)
        else this.#parts.coordinator.delegations.left(name)
      }
    }
    if (isReturnOver(state)) this.#parts.channels.routeChanged(name)
  }

  /** It was about to run. */
  #release({ copy }: Returning): void {
    if (copy === undefined) return
    this.#parts.table.delete(copy)
    copy.depart('another life has its name')
    void copy.detach()
  }

  async #claim(returning: Returning): Promise<void> {
    const { name, kind } = returning.process
    try {
      const granted = await this.#parts.registry.claim(name, kind.kind)
      // It came too late: this copy has given way meanwhile, and nobody else would end what is registered now.
      if (returning.state.phase !== 'claiming')
        return this.#parts.registry.publish({ ...granted, status: 'ended', reason: 'it gave way' })
      returning.granted = granted
    } catch (error) {
      const code = isMobilityError(error) ? error.code : ''
      if (code === 'ERR_NODE_STOPPED' || this.#waiting.get(name) !== returning) return
      // Somebody has it: who, says the table. If it has ended meanwhile, it is asked for again.
      this.#step(returning, { type: 'late' })
      return this.#lookAt(returning)
    }
    if (this.#waiting.get(name) === returning) this.#step(returning, { type: 'granted' })
  }

  /** As at an arrival: the epoch is what makes it the owner. */
  #take(returning: Returning): void {
    const { registry, identity, world } = this.#parts
    const { name, kind, epoch: former } = returning.process
    const { node, incarnation } = identity
    const epoch = Math.max(former + 1, world.clock.wall())
    const granted: Entry = { name, kind: kind.kind, node, incarnation, epoch, line: epoch, status: 'live', reason: '' }
    returning.granted = granted
    registry.publish(granted)
  }

  async #attach(returning: Returning): Promise<void> {
    const { process, image } = returning
    const { name, kind, epoch, line } = process
    const { host, table, channels, registry } = this.#parts
    if (image === undefined) return
    const copy = restore(host, { name, kind, epoch, line }, image, process.state)
    returning.copy = copy
    table.set(copy)
    channels.routeChanged(name)
    let failed: unknown
    try {
      await returning.detached
      await copy.attach()
    } catch (error) {
      failed = error
    }
    if (this.#waiting.get(name) !== returning || copy.phase !== 'inert') return
    // A frozen copy elsewhere may have been woken meanwhile: that asks for no claim.
    const known = registry.lookup(name)
    if (known !== undefined && known.epoch > (returning.granted?.epoch ?? 0))
      return this.#step(returning, { type: 'known', sameLine: known.line === returning.granted?.line })
    if (failed === undefined) return this.#step(returning, { type: 'attached' })
    host.log.error({ name, reason: reasonOf(failed) }, `${name} could not be attached again, it ends`)
    this.#step(returning, { type: 'attachFailed' })
  }

  #run({ copy, granted, process, stops, delegations }: Returning, rollback: boolean): void {
    if (copy === undefined || granted === undefined) return
    const { events, coordinator, router, identity, host, names } = this.#parts
    const { name, epoch, line } = granted
    if (delegations.length > 0) coordinator.delegations.arrived(granted, delegations, identity)
    copy.run(epoch, line)
    for (const stop of stops) copy.system(stop)
    const reason = 'its node was declared dead and began a new life'
    if (rollback) events.emit('rollback', { name, epoch, line, reason: 'the destination ended after the commit' })
    else events.emit('returned', { name, epoch, line, formerEpoch: process.epoch })
    host.log.warn({ name, epoch }, `${name} runs again: ${reason}`)
    // G8: who watched the former line hears that it is over, though this life of the node never knew that one.
    names.notice(name)
    router.callBack(name)
  }

  #end({ copy, granted }: Returning): void {
    if (copy === undefined || granted === undefined) return
    copy.raise(granted.epoch, granted.line)
    void copy.end({ error: 'attach failed' })
  }

  #conflict(returning: Returning): void {
    const { events, registry, coordinator, host } = this.#parts
    const { process } = returning
    const { name, epoch, line, kind } = process
    const kept = registry.lookup(name)
    const [keptEpoch, keptNode] = [kept?.epoch ?? 0, kept?.node ?? '']
    events.emit('conflict', { name, keptEpoch, stoppedEpoch: epoch, keptNode })
    host.log.error({ name, node: keptNode }, `${name} runs on ${keptNode} since; the copy of the former life stops`)
    this.#undelivered(returning, `another life of it runs on ${keptNode}`)
    const { node, incarnation } = this.#parts.identity
    const reason = 'another life of it runs in its cluster'
    coordinator.delegations.ended({ name, kind: kind.kind, node, incarnation, epoch, line, status: 'ended', reason })
    if (kind.spec.resolveConflict !== undefined) void this.#offer(process)
  }

  /**
   * The state goes to whoever has the name, as a system message of a channel: so it is taken exactly once, between two
   * messages, wherever the process moves meanwhile.
   */
  async #offer(process: ServerProcess): Promise<void> {
    const { channels, events, settings, world, identity } = this.#parts
    const { name, epoch, kind } = process
    try {
      const slicing = { clock: world.clock, valuesMax: settings.limits.sliceValuesMax, over: () => undefined }
      const handed = await handover(process, slicing)
      const options = { lane: 1, timeoutMs: Number.POSITIVE_INFINITY, label: `${name}.merge` } as const
      await channels.call(name, ['merge', [kind.version, handed, originOf(identity)]], options)
    } catch (error) {
      // The one that could not merge has said so itself.
      if (isMobilityError(error) && error.code === 'ERR_CALLBACK' && error.fields.callback === 'resolveConflict') return
      events.emit('merged', { name, epoch, from: identity.node, ok: false, reason: reasonOf(error) })
    }
  }

  /** G5: what was acknowledged and is not run. */
  #undelivered({ process, image }: Returning, reason: string): void {
    for (const what of ['cast', 'info'] as const) {
      const count = image?.mailbox.filter((envelope) => envelope.what === what).length ?? 0
      if (count > 0) this.#parts.events.emit('undelivered', { name: process.name, what, count, reason })
    }
  }
}

const reasonFor = ({ state, away }: Returning): string => {
  if (state.phase === 'busy') return 'a handler of the former life of this node runs yet'
  if (away !== undefined) return `its move to ${away.node} was committed in the former life of this node`
  return 'this node was declared dead, and does not have the name again yet'
}
