/**
 * Looks after the groups of replicas whose names have their home here (machine-group.ts decides). The replicas are
 * children as all others, with the same home, and the same caretaker starts, restarts and stops them:
 *
 *   want --> record of the group, records of its replicas --> caretaker: each one's start --> all live: answered
 *                                                                '--one fails--> the group is removed, all are stopped
 *   stop --> tombstone of the group --> caretaker: each one's end --> answered
 *   registry, records, members --> machine --add, remove, activate--> records
 */
import { fail } from '../base/errors.js'
import type { Events } from '../base/events.js'
import type { Limits } from '../base/limits.js'
import type { Child, ChildResult } from '../wire/messages.js'
import { ASK_AGAIN, type ChildDirectory, fateOf, resultOf } from './child-fate.js'
import type { What } from './child-outbox.js'
import type { Groups } from './groups.js'
import { startedAtOnce, stepGroup } from './machine-group.js'
import { type Group, isGroup, numberOf, replicaName, replicaOf, stands } from './replica.js'
import type { Roster } from './roster.js'
import type { Asker } from './starter.js'

/** What a caretaker does with one replica. */
interface Replicas {
  isMine(name: string): boolean
  want(from: Asker, child: Child, shared: boolean): void
  stop(from: Asker, name: string): void
  retry(from: Asker, name: string): void
}

interface GroupCareDeps {
  readonly self: () => string
  readonly freshId: () => number
  readonly events: Events
  readonly limits: Limits
  readonly directory: ChildDirectory
  readonly roster: Roster
  readonly groups: Groups
  readonly replicas: Replicas
  /** Is the end of that name under way? */
  readonly isEnding: (name: string) => boolean
  /** Members that could take one of them. */
  readonly nodesFor: (group: Child) => readonly string[]
  readonly answer: (to: Asker, result: ChildResult) => void
}

/** What was asked of all of a group, until each has answered. */
interface Order {
  /** `trim`: one of them is not wanted any more, and its number may be again. */
  readonly what: 'start' | 'stop' | 'retry' | 'trim'
  readonly id: number
  readonly name: string
  readonly left: Set<string>
  readonly askers: Asker[]
  node: string
}

export class GroupCare {
  readonly #deps: GroupCareDeps
  readonly #orders = new Map<number, Order>()
  /** Of one kind there is one for a name. */
  readonly #byName = new Map<string, Order>()
  readonly #looking = new Set<string>()

  constructor(deps: GroupCareDeps) {
    this.#deps = deps
  }

  get size(): number {
    return this.#orders.size
  }

  /** @returns false: it is about one process */
  request(from: Asker, what: What, given: Child): boolean {
    const { roster } = this.#deps
    const { name } = given
    const known = roster.get(name)
    if (what === 'want' || what === 'share') {
      if (!isGroup(given)) return false
      this.#want(from, given, what === 'share')
      return true
    }
    if (!isGroup(known)) return false
    if (what === 'stop') this.#stop(known, from)
    else if (!stands(known)) this.#deps.answer(from, resultOf(name, '', fail('ERR_NO_PROCESS', { name })))
    else if (what === 'retry') this.#retry(known, from)
    else this.#update(known, given, what, from)
    return true
  }

  #want(from: Asker, given: Group, shared: boolean): void {
    const { roster, directory, limits, answer } = this.#deps
    const { name, replicas } = given
    const known = roster.get(name)
    const isSame = stands(known) && known.born === given.born && isGroup(known)
    // Of those who declare the same one the first is right; the others only agree.
    if (stands(known) && !isSame && shared) return answer(from, resultOf(name, ''))
    const entry = directory.lookup(name)
    const node = entry?.status === 'live' ? entry.node : ''
    const isTaken = stands(known) || node !== '' || directory.isGranting(name) || this.#deps.isEnding(name)
    if (!isSame && (isTaken || this.#isOpen(name, 'stop')))
      return answer(from, resultOf(name, node, fail('ERR_ALREADY_STARTED', { name, node })))
    if (!isSame && roster.size + replicas.count >= limits.childrenMax) {
      const what = { what: 'hub.start()', name, limit: limits.childrenMax }
      const fields = { ...what, unit: 'children', option: 'limits.childrenMax' }
      return answer(from, resultOf(name, '', fail('ERR_OVERLOAD', fields)))
    }
    const group = isSame ? known : given
    const numbers = startedAtOnce(group.replicas.count, this.#deps.nodesFor(group).length)
    if (numbers.length === 0) {
      const reason = `no member can take a replica of it`
      if (!shared)
        return answer(from, resultOf(name, '', fail('ERR_NO_PLACE', { name, kind: group.kind, why: reason })))
    }
    const names = numbers.map((number) => replicaName(name, number))
    const order = this.#open('start', name, names, from)
    if (!isSame) roster.write({ ...given, status: 'wanted', reason: '', after: entry?.epoch ?? 0 })
    const written = roster.get(name)
    // It was one of a group, and is one of its own now: with another home.
    if (!isGroup(written) || !this.#deps.replicas.isMine(name))
      return this.#drop(order, { name, code: ASK_AGAIN, reason: '', node: '' })
    const asker = { node: this.#deps.self(), id: order.id }
    for (const number of numbers) this.#deps.replicas.want(asker, this.#replica(written, number), shared)
    if (names.length === 0) this.#close(order)
  }

  #replica(group: Group, number: number): Child {
    const { directory } = this.#deps
    const known = directory.lookup(replicaName(group.name, number))
    return { ...replicaOf(group, number, known?.epoch ?? 0), revision: 0, by: '' }
  }

  /** A question that is repeated waits for the same. */
  #open(what: Order['what'], name: string, names: readonly string[], from?: Asker): Order {
    const known = this.#byName.get(`${what} ${name}`)
    const order = known ?? { what, id: this.#deps.freshId(), name, left: new Set<string>(), askers: [], node: '' }
    for (const one of names) order.left.add(one)
    this.#orders.set(order.id, order)
    this.#byName.set(`${what} ${name}`, order)
    const isKnown = order.askers.some(({ node, id }) => node === from?.node && id === from.id)
    if (from !== undefined && !isKnown) order.askers.push(from)
    return order
  }

  #isOpen(name: string, what: Order['what']): boolean {
    return this.#byName.has(`${what} ${name}`)
  }

  #forget({ what, name, id }: Order): void {
    this.#orders.delete(id)
    this.#byName.delete(`${what} ${name}`)
  }

  #stop(group: Group, from: Asker | undefined): void {
    const names = this.#toStop(group)
    if (stands(group)) this.#remove(group)
    const order = this.#open('stop', group.name, names, from)
    for (const one of names) this.#end(one, order.id)
    if (order.left.size === 0) this.#close(order)
  }

  /** Another home may have begun with it: what that one has removed stands in the table, too. */
  #toStop(group: Group): string[] {
    const { roster, groups } = this.#deps
    const { name } = group
    if (!stands(group)) return [...roster.all()].flatMap((child) => (child.group === name ? child.name : []))
    const ending = this.#byName.get(`trim ${name}`)?.left ?? []
    return [...groups.replicas(name).map((child) => child.name), ...ending]
  }

  #end(name: string, id: number): void {
    this.#deps.replicas.stop({ node: this.#deps.self(), id }, name)
  }

  #remove(group: Group): void {
    const { roster } = this.#deps
    const { name } = group
    const empty = Buffer.alloc(0)
    const none = { args: empty, metadata: empty, tags: [], nodes: [] }
    roster.write({ ...group, ...none, status: 'removed', reason: 'stopped' })
    const stopped = fail('ERR_STOPPED', { name, reason: 'stopped' })
    for (const what of ['start', 'retry', 'trim'] as const) {
      const order = this.#byName.get(`${what} ${name}`)
      if (order !== undefined) this.#drop(order, resultOf(name, '', stopped))
    }
  }

  #retry({ name }: Group, from: Asker): void {
    const { groups, replicas, self } = this.#deps
    const parked = groups.replicas(name).filter(({ status }) => status === 'parked')
    const names = parked.map((child) => child.name)
    const order = this.#open('retry', name, names, from)
    for (const one of names) replicas.retry({ node: self(), id: order.id }, one)
    if (order.left.size === 0) this.#close(order)
  }

  /** All of them are found by the same tags, and start from the same record. */
  #update(group: Group, { tags, metadata }: Child, what: What, from: Asker): void {
    const { roster, groups, answer, self } = this.#deps
    const changed = { ...(what === 'note' ? {} : { tags }), ...(what === 'tag' ? {} : { metadata }) }
    for (const child of [group, ...groups.replicas(group.name)]) roster.write({ ...child, ...changed })
    roster.whenKept(() => answer(from, resultOf(group.name, self())))
  }

  /** @returns whether it was an answer about one of these */
  answered(id: number, results: readonly ChildResult[]): boolean {
    const order = this.#orders.get(id)
    if (order === undefined) return false
    for (const result of results) this.#replied(order, result)
    return true
  }

  #replied(order: Order, { name, code, reason, node }: ChildResult): void {
    if (!this.#orders.has(order.id) || !order.left.delete(name)) return
    if (code === ASK_AGAIN) return this.#drop(order, { name: order.name, code, reason, node })
    if (code !== '' && order.what === 'start') return this.#failed(order, { name: order.name, code, reason, node })
    if (order.node === '') order.node = node
    if (order.left.size === 0) this.#close(order)
  }

  /** All or none: what a single child does when its first start fails. */
  #failed(order: Order, result: ChildResult): void {
    const group = this.#deps.roster.get(order.name)
    this.#drop(order, result)
    if (isGroup(group) && stands(group)) this.#stop(group, undefined)
  }

  #close({ name, id, node }: Order): void {
    const order = this.#orders.get(id)
    if (order === undefined) return
    this.#forget(order)
    // Who is answered must find the active one.
    this.look(name)
    if (order.askers.length === 0) return
    this.#deps.roster.whenKept(() => {
      for (const asker of order.askers) this.#deps.answer(asker, resultOf(name, node))
    })
  }

  #drop(order: Order, result: ChildResult): void {
    this.#forget(order)
    for (const asker of order.askers) this.#deps.answer(asker, result)
  }

  // ---- what happens

  /** In a new view others are the homes of some. */
  viewed(): void {
    const { replicas, groups } = this.#deps
    for (const order of [...this.#orders.values()])
      if (!replicas.isMine(order.name)) this.#drop(order, { name: order.name, code: ASK_AGAIN, reason: '', node: '' })
    for (const name of groups.names()) this.look(name)
  }

  /** A record, the registry, the members: something may have changed for the group. */
  look(name: string): void {
    // What it writes is news, too.
    if (this.#looking.has(name) || !this.#deps.replicas.isMine(name)) return
    this.#looking.add(name)
    try {
      this.#look(name)
    } finally {
      this.#looking.delete(name)
    }
  }

  #look(name: string): void {
    const { roster, groups, directory, nodesFor } = this.#deps
    const group = roster.get(name)
    const known = groups.replicas(name)
    const own = isGroup(group) && stands(group) ? known.filter(({ born }) => born === group.born) : []
    // Of a wish that is over, or that lost to another one.
    for (const child of known) if (!own.includes(child)) this.#trim(name, child.name)
    if (!isGroup(group) || !stands(group)) return
    const { effects } = stepGroup(
      { active: group.replicas.active },
      {
        type: 'look',
        count: group.replicas.count,
        nodes: nodesFor(group),
        starting: this.#isOpen(name, 'start'),
        replicas: own.map((child) => {
          const fate = fateOf(directory, child)
          const status = fate.type === 'live' || fate.type === 'busy' ? fate.type : 'down'
          return { number: numberOf(child), status, node: fate.type === 'live' ? fate.node : '' }
        }),
      },
    )
    for (const effect of effects) {
      if (effect.type === 'add') this.#add(group, effect.number)
      else if (effect.type === 'remove') this.#trim(name, replicaName(name, effect.number))
      else this.#activate(name, effect)
    }
  }

  #trim(group: string, name: string): void {
    const { id } = this.#open('trim', group, [name])
    this.#end(name, id)
  }

  /** Its name may be another's, or its former life may not be over: looked at again with the next news of it. */
  #add(group: Group, number: number): void {
    const { roster, directory, isEnding } = this.#deps
    const name = replicaName(group.name, number)
    const isTaken = stands(roster.get(name)) || isEnding(name) || directory.lookup(name)?.status === 'live'
    if (!isTaken) roster.write(this.#replica(group, number))
  }

  #activate(
    name: string,
    { number, from, on }: { readonly number: number; readonly from: number; readonly on: string },
  ) {
    const { roster, events } = this.#deps
    const group = roster.get(name)
    if (!isGroup(group)) return
    roster.write({ ...group, replicas: { ...group.replicas, active: number } })
    if (number === 0) return
    const former = from === 0 ? '' : replicaName(name, from)
    events.emit('promoted', { name, from: former, to: replicaName(name, number), on })
  }

  close(): void {
    this.#orders.clear()
    this.#byName.clear()
  }
}
