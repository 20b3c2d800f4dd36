/**
 * A node that was declared dead while it lived begins a new life, in place: the same `MobilityNode`, port, refs,
 * listeners and monitors; a new incarnation, and all that peers know of the old one made anew. Death of a life stays
 * final: everything that rests on it (moves, cursors, names) is over for the former one, on every side.
 *
 *   lives --told at a meeting that it gives way (cluster/standing.ts)--> starts no callback, confirms nothing
 *      ^                                                                          |
 *      |     moves: committed ones stay away, others are given up; inert arrivals are dropped
 *      |     links end without `left`; who listens goes on (doorway.ts)           |
 *      |     own calls end as lost, own casts as undelivered                      v
 *      '---- members taken as they are <-- new incarnation, empty table, processes as inert copies (returns.ts)
 *
 * At most once in `downMs`: a verdict takes as long, and a peer that lies about it must not keep the node busy.
 */
import type { Identity } from '../base/ids.js'
import { later } from '../base/later.js'
import { PROBATION_DOWN_TIMES } from '../cluster/probation.js'
import type { ServerProcess } from '../process/server.js'
import { Parts } from './parts.js'
import type { Former } from './returns.js'

const WHY = 'its node was declared dead, and began a new life'

/** What goes along of each process; the rest of what is here ends with the former life. */
const formersOf = (parts: Parts): Former[] => {
  const { table, coordinator, returns } = parts
  const formers = returns.handOver()
  for (const process of table.all() as ServerProcess[]) {
    const { name, phase } = process
    if (phase === 'starting') process.kill()
    else if (phase === 'inert') {
      process.depart(WHY)
      table.delete(process)
      void process.detach()
    } else if (phase === 'running' || phase === 'frozen') {
      const away = coordinator.committedTo(name)
      const delegations = coordinator.delegations.of(name)
      formers.push({ process, image: undefined, stops: [], detached: Promise.resolve(), away, delegations })
    }
  }
  return formers
}

export class Lives {
  #parts: Parts
  #bornAt: number
  #firstLife = true
  /** Of former lives, until their sockets are gone. */
  readonly #closing = new Set<Promise<void>>()
  readonly #begun: (parts: Parts) => void

  /** @param begun  a new life has begun */
  constructor(parts: Parts, begun: (parts: Parts) => void) {
    this.#parts = parts
    this.#begun = begun
    this.#bornAt = parts.world.clock.now()
    this.#adopt(parts)
  }

  get current(): Parts {
    return this.#parts
  }

  /** Nothing of former lives is left on the network. */
  async whenClosed(): Promise<void> {
    await Promise.all(this.#closing)
  }

  #adopt(parts: Parts): void {
    parts.condemned = (by) => this.#condemned(parts, by)
    parts.rested = (process) => {
      parts.returns.rested(process)
      if (parts.over) this.#parts.returns.rested(process)
    }
  }

  #condemned(parts: Parts, by: Identity): void {
    const { world, settings } = parts
    if (parts !== this.#parts || parts.stopping || parts.over) return
    if (!this.#firstLife && world.clock.now() - this.#bornAt < settings.limits.downMs) return
    // From here on: no callback (G1).
    parts.over = true
    later(() => {
      if (parts.stopping) parts.over = false
      else this.#begin(parts, by)
    })
  }

  #begin(former: Parts, by: Identity): void {
    const { world, settings, events, identity, address, bound, coordinator, membership, registry, cordons } = former
    settings.logger.error({ by: by.node }, 'this node was declared dead while it lived: it begins a new life')
    coordinator.quiesce('its node begins a new life')
    const known = membership.acquaintances()
    const gateways = coordinator.gateways.names().flatMap((name) => registry.lookup(name) ?? [])
    const names = registry.list().map(({ name }) => name)
    const floor = registry.highestEpoch
    const leases = registry.leases ?? []
    const formers = formersOf(former)
    const { deaf } = former
    former.deaf = undefined
    former.close(WHY)
    const incarnation = Math.max(Math.floor(world.clock.wall()), identity.incarnation + 1)
    const parts = new Parts(
      settings,
      world,
      { ...identity, incarnation },
      { events, monitors: former.monitors, trees: former.trees, floor, leases },
    )
    this.#parts = parts
    this.#bornAt = world.clock.now()
    this.#firstLife = false
    this.#adopt(parts)
    parts.address = address
    parts.bound = bound
    parts.deaf = deaf
    parts.hub.inherit(former.hub)
    // As long as those of the former life are on probation.
    // With others that gave way alone it would agree, and take names of those that stayed.
    parts.expects = by.node
    parts.expectingUntil = world.clock.now() + PROBATION_DOWN_TIMES * settings.limits.downMs
    void parts.links.listen(bound)
    this.#close(former)
    parts.cordons.set(cordons.on)
    void parts.discovery.start()
    void parts.registry.start?.(true)
    parts.membership.meet(known, by.node)
    events.emit('reborn', { incarnation, former: identity.incarnation, by: by.node, processes: formers.length })
    parts.returns.begin(formers, () => parts.names.reconcile(gateways, names))
    this.#begun(parts)
  }

  #close(former: Parts): void {
    const closing = former.links.close('a new life of this node begins', false).finally(() => {
      this.#closing.delete(closing)
    })
    this.#closing.add(closing)
  }
}
