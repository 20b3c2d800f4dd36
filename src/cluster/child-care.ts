/**
 * All that a node does for the children of its cluster, joined:
 *
 *   Hub --> orders.ts --want, share, update, stop--> the home: caretaker.ts --start, check--> a member: starter.ts
 *                                                       |    '--stop, gone-- endings.ts
 *                                                       '--> roster.ts --CHILDREN--> all members
 *
 * Order on each link: what was published, then what the roster has written of it, then the question or the answer. So
 * who is answered knows the record, and who is asked to start something knows that it is wanted.
 */
import { fail, type MobilityError } from '../base/errors.js'
import type { Events } from '../base/events.js'
import type { Identity } from '../base/ids.js'
import type { Limits } from '../base/limits.js'
import type { Clock, Logger } from '../base/ports.js'
import type { Peers } from '../link/peers.js'
import type { Child, ChildResult, Entry, Message, MessageOf } from '../wire/messages.js'
import type { Candidates } from './candidates.js'
import { Caretaker, type Place } from './caretaker.js'
import { type ChildDirectory, isLeftOver } from './child-fate.js'
import { Outbox, type What } from './child-outbox.js'
import { ChildPlaces } from './child-places.js'
import { Endings } from './endings.js'
import { GroupCare } from './group-care.js'
import { Groups } from './groups.js'
import type { CareRules } from './machine-child.js'
import { Orders } from './orders.js'
import { type Group, isGroup, keptUnder } from './replica.js'
import { Roster } from './roster.js'
import { type Asker, Starter } from './starter.js'
import type { Sync } from './sync-strategy.js'

interface ChildCareDeps {
  readonly clock: Clock
  readonly log: Logger
  readonly events: Events
  readonly limits: Limits
  readonly self: () => Identity
  readonly peers: Peers
  readonly directory: ChildDirectory & { flush(): void }
  readonly candidates: Candidates
  readonly rules: CareRules
  /** How this node places and moves children, in words. */
  readonly settings: string
  readonly sync: Sync
  /** @param nodes  could take it; never empty */
  readonly choose: (child: Child, nodes: readonly string[]) => Place
  readonly runsHere: (name: string) => boolean
  readonly refusal: (name: string) => MobilityError | undefined
  /** @throws what `node.start` throws */
  readonly start: (child: Child) => Promise<'fresh' | 'stored'>
  readonly stop: (name: string) => Promise<void>
  /** It is not wanted any more, and this life of it runs here. */
  readonly stopsHere: (name: string) => void
  /** Which replica of a group is active is new here. */
  readonly rolesChanged: (names: readonly string[]) => void
}

export class ChildCare {
  readonly #deps: ChildCareDeps
  readonly roster: Roster
  readonly caretaker: Caretaker
  readonly orders: Orders
  readonly groups: Groups
  readonly places: ChildPlaces
  readonly #groupCare: GroupCare
  readonly #starter: Starter
  readonly #endings: Endings
  readonly #outbox: Outbox
  /** Came back from a former life of this node, where they had that epoch. */
  readonly #returned = new Map<string, number>()
  #lastId = 0

  constructor(deps: ChildCareDeps) {
    this.#deps = deps
    const { clock, log, events, limits, peers, directory, rules, settings, sync } = deps
    const self = (): string => deps.self().node
    const freshId = (): number => {
      this.#lastId += 1
      return this.#lastId
    }
    const answer = (to: Asker, result: ChildResult): void => this.#outbox.answer(to.node, to.id, result)
    const ask = (node: string, id: number, what: What, child: Child): void => this.#outbox.ask(node, id, what, child)
    const changed = (child: Child, before: Child | undefined): void => this.#recordChanged(child, before)
    const stepped = (): void => {
      this.caretaker.viewed()
      this.orders.viewed()
    }
    this.#outbox = new Outbox({ clock, chunkBytes: limits.chunkBytes, send: (to, message) => this.#send(to, message) })
    this.roster = new Roster({ clock, log, events, limits, self: deps.self, peers, settings, sync, changed, stepped })
    const record = (name: string): Child | undefined => this.roster.get(name)
    this.groups = new Groups({ self, directory, record })
    const { groups } = this
    const askedAt = (name: string): string | undefined => this.caretaker.askedAt(name)
    this.places = new ChildPlaces({ ...deps, groups, record, askedAt })
    const { start, stop, runsHere, refusal } = deps
    this.#starter = new Starter({ clock, self, directory, wanted: record, runsHere, refusal, start, stop, answer })
    this.#endings = new Endings({
      clock,
      directory,
      self,
      freshId,
      isMine: (name) => this.caretaker.isMine(name),
      members: () => peers.live().map(({ node }) => node),
      tombstone: (name) => (record(name)?.status === 'removed' ? record(name) : undefined),
      stop,
      ask: (node, id, child) => ask(node, id, 'gone', child),
      over: (name, askers) => {
        for (const asker of askers) answer(asker, { name, code: '', reason: '', node: '' })
      },
    })
    this.caretaker = new Caretaker({
      clock,
      log,
      events,
      limits,
      rules,
      self,
      isLive: (node) => node === self() || this.#isLive(node),
      directory,
      roster: this.roster,
      endings: this.#endings,
      place: (child, avoid) => this.places.place(child, avoid),
      ask,
      answer,
      freshId,
      groups: {
        request: (...which) => this.#groupCare.request(...which),
        look: (group) => this.#groupCare.look(group),
        viewed: () => this.#groupCare.viewed(),
      },
    })
    this.#groupCare = this.#makeGroupCare(freshId, answer)
    const home = (name: string): string | undefined =>
      directory.settled ? this.#homeOf(name, record(name)) : undefined
    this.orders = new Orders({ clock, freshId, home, ask, isSeen: (child) => this.#isSeen(child) })
  }

  /** Is it a member that can have names? */
  #isLive(node: string): boolean {
    const { directory, peers } = this.#deps
    return directory.mayOwn(node) && peers.live().some((member) => member.node === node)
  }

  #makeGroupCare(freshId: () => number, answer: (to: Asker, result: ChildResult) => void): GroupCare {
    const { directory, limits, events, self } = this.#deps
    return new GroupCare({
      self: () => self().node,
      freshId,
      events,
      limits,
      directory,
      roster: this.roster,
      groups: this.groups,
      replicas: this.caretaker,
      isEnding: (name) => this.#endings.has(name),
      nodesFor: (group) => this.places.nodesFor(group),
      answer,
    })
  }

  /** One node looks after all replicas of a group. */
  #homeOf(name: string, record: Child | undefined): string {
    return this.#deps.directory.homeOf(keptUnder(name, record))
  }

  /** Is another replica of its group here, or about to start? @returns why it must not come */
  unfit(name: string, isHere: (name: string) => boolean): string | undefined {
    return this.places.unfit(name, (other) => isHere(other) || this.#starter.has(other))
  }

  // ---- what happens

  /** @returns false for a message of another folder */
  received(from: string, message: Message): boolean {
    switch (message.type) {
      case 'CHILDREN':
        this.roster.received(from, message)
        return true
      case 'CHILD_START':
        this.#asked(from, message)
        return true
      case 'CHILD_DONE':
        this.#answered(from, message)
        return true
      default:
        return false
    }
  }

  /** An entry of the registry is new. */
  entryChanged(entry: Entry, before: Entry | undefined): void {
    const { name } = entry
    const record = this.roster.get(name)
    if (record !== undefined && this.#runsHere(entry)) this.#lives(record, entry, before)
    if (entry.status === 'ended') this.#returned.delete(name)
    const group = this.groups.entryChanged(name)
    if (record !== undefined) this.caretaker.changed(name)
    this.#starter.changed(name)
    this.orders.changed(name)
    if (group !== undefined) this.orders.changed(group)
  }

  /** A process of a former life of this node goes on. The others may have stopped it meanwhile. */
  returned(name: string, line: number, formerEpoch: number): void {
    this.#returned.set(name, formerEpoch)
    this.#starter.returned(name, line)
    this.#stopReturned(name)
    const record = this.roster.get(name)
    if (record?.status === 'removed') this.#starter.removed(record)
  }

  /** What its node knew in its former life. */
  inherit(former: ChildCare): void {
    this.#starter.inherit(former.#starter)
    this.roster.inherit([...former.roster.all()])
  }

  #stopReturned(name: string): void {
    const former = this.#returned.get(name)
    const record = this.roster.get(name)
    if (former === undefined || record?.status !== 'removed' || former > record.after) return
    this.#returned.delete(name)
    this.#deps.stop(name).catch(() => {})
  }

  #runsHere({ node, status, via }: Entry): boolean {
    return status === 'live' && node === this.#deps.self().node && via === undefined
  }

  /**
   * It runs here. If it is not wanted it has come from where nobody could stop it, from another cluster for one; or its
   * move was in doubt, and it begins a new line here: its home may not know it again.
   */
  #lives(record: Child, { name, node, line, epoch }: Entry, before: Entry | undefined): void {
    if (record.status === 'removed') {
      const isWoken = before?.status === 'live' && before.node === node && before.line <= record.after
      if (isWoken || line <= record.after) this.#deps.stop(name).catch(() => {})
    } else if (record.status === 'wanted' && epoch > line) {
      // Each move raises the epoch; the line stays.
      this.#starter.arrived(record)
    }
  }

  /** All members agree on who is one, or this node has other members. */
  viewed(): void {
    const { settled } = this.#deps.directory
    this.roster.viewed(settled)
    // Alone there is nobody to be in step with.
    if (this.roster.inStep) this.caretaker.viewed()
    this.orders.viewed()
  }

  memberUp(node: string): void {
    this.roster.flush()
    this.roster.linkUp(node)
    this.candidatesChanged()
  }

  /** A member takes processes in from now on, or no more. */
  candidatesChanged(): void {
    this.places.candidatesChanged()
    this.#groupCare.viewed()
  }

  memberDown(node: string): void {
    this.roster.memberDown(node)
    this.caretaker.memberDown(node)
    this.#endings.memberDown(node)
    this.#starter.memberDown(node)
  }

  size(): Readonly<Record<string, number>> {
    return {
      children: this.roster.size,
      tombstones: this.roster.tombstones,
      cares: this.caretaker.size,
      orders: this.orders.size,
      starting: this.#starter.size + this.#endings.size + this.#groupCare.size,
    }
  }

  /** @param lost  why what was asked is lost, when it is not the node that stops */
  close(lost?: string): void {
    const { node } = this.#deps.self()
    const stopped = fail('ERR_NODE_STOPPED', { node })
    this.orders.close(lost === undefined ? stopped : fail('ERR_LOST', { what: 'a question to the hub', reason: lost }))
    this.caretaker.close()
    this.#endings.close()
    this.#groupCare.close()
    this.roster.close()
  }

  // ---- inside

  #recordChanged(child: Child, before: Child | undefined): void {
    this.groups.changed(child, before)
    if (before !== undefined && before.group !== child.group) this.caretaker.left(child.name)
    this.caretaker.changed(child.name)
    if (isGroup(child)) this.#deps.rolesChanged(this.groups.replicas(child.name).map(({ name }) => name))
    this.orders.changed(child.name)
    if (child.status !== 'removed') return
    this.#starter.removed(child)
    if (isLeftOver(this.#deps.directory, child)) this.#deps.stopsHere(child.name)
    this.#stopReturned(child.name)
  }

  /** It was started, or stands in the table as it was asked for. */
  #isSeen({ name, born }: Child): boolean {
    const record = this.roster.get(name)
    if (record === undefined) return false
    if (isGroup(record)) return this.#isGroupSeen(record)
    const entry = this.#deps.directory.lookup(name)
    return record.born !== born || (entry !== undefined && entry.epoch > record.after)
  }

  /** One message to each of them would arrive. */
  #isGroupSeen(group: Group): boolean {
    const all = this.groups.replicas(group.name)
    const live = all.filter(({ name }) => this.#deps.directory.lookup(name)?.status === 'live')
    const least = Math.min(all.length, this.places.nodesFor(group).length)
    return live.length >= least && group.replicas.active !== 0
  }

  #asked(from: string, { id, what, children }: MessageOf<'CHILD_START'>): void {
    const { directory, events, self } = this.#deps
    const asker: Asker = { node: from, id }
    for (const child of children) {
      const { name } = child
      const wrong = this.roster.refusal(child)
      if (wrong !== undefined) {
        events.emit('violation', { peer: from, what: wrong, name })
        continue
      }
      const byHome = what === 'start' || what === 'check' || what === 'gone'
      if (!byHome) {
        this.caretaker.request(asker, what, child)
        continue
      }
      // Who is the home of a name in a view in which all agree is no matter of opinion.
      if (from !== self().node && directory.settled && this.#homeOf(name, child) !== from) {
        events.emit('violation', { peer: from, what: `told to ${what} a child whose home it is not`, name })
        continue
      }
      // What the roster said of it may have been lost with a link.
      if ((this.roster.get(name)?.revision ?? -1) < child.revision) this.roster.learn(child, from)
      // What its replicas, which come behind it, must know.
      if (isGroup(child)) continue
      if (what === 'start') this.#starter.start(asker, child)
      else if (what === 'check') this.#starter.check(asker, child)
      else this.#starter.gone(asker, child)
    }
  }

  #answered(from: string, { id, results }: MessageOf<'CHILD_DONE'>): void {
    if (this.orders.answered(from, id, results)) return
    if (from === this.#deps.self().node && this.#groupCare.answered(id, results)) return
    for (const result of results) {
      if (this.#endings.has(result.name)) this.#endings.gone(from, id, result.name)
      else this.caretaker.done(from, id, result)
    }
  }

  /** What became of a group is seen in its replicas. */
  *#allOf(results: readonly ChildResult[]): Iterable<string> {
    for (const { name } of results) {
      yield name
      for (const replica of this.groups.replicas(name)) yield replica.name
    }
  }

  #send(to: string, message: Message): void {
    const { self, directory, peers, clock } = this.#deps
    // A home of one's own is asked the same way, without the network; in a turn of its own, as from there.
    if (to === self().node) return clock.soonest(() => void this.received(to, message))
    directory.flush()
    if (message.type === 'CHILD_DONE') this.roster.beforeAnswer(to, this.#allOf(message.results))
    else this.roster.flush()
    peers.send(to, message)
  }
}
