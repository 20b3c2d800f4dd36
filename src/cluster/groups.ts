/**
 * The groups of replicas as each member knows them: who belongs to which, where they are, and where a message for the
 * name of a group goes. Read from the roster and the registry; it decides nothing (group-care.ts does).
 */
import type { Role } from '../process/image.js'
import type { Child } from '../wire/messages.js'
import type { ChildDirectory } from './child-fate.js'
import { type Group, isGroup, numberOf, replicaName, stands } from './replica.js'

interface GroupsDeps {
  readonly self: () => string
  readonly directory: ChildDirectory
  readonly record: (name: string) => Child | undefined
}

/** Where its replicas can be reached, as long as nothing changes. */
interface Ways {
  readonly here: string | undefined
  readonly live: readonly string[]
  /** Whether they live is not known: what is sent there waits. */
  readonly doubtful: readonly string[]
}

interface Members {
  readonly names: Set<string>
  ways: Ways | undefined
  turn: number
}

const none: readonly Child[] = []

export class Groups {
  readonly #deps: GroupsDeps
  readonly #groups = new Map<string, Members>()
  #wanted = 0

  constructor(deps: GroupsDeps) {
    this.#deps = deps
  }

  /** How many names stand for several processes. */
  get size(): number {
    return this.#wanted
  }

  /** Names of groups, and of what replicas say that they belong to. */
  names(): string[] {
    return [...this.#groups.keys()]
  }

  /** A record is in the table. */
  changed(child: Child, before: Child | undefined): void {
    for (const name of new Set([before?.group, child.group])) if (name !== undefined) this.#leave(name, child.name)
    if (child.group !== undefined && stands(child)) this.#open(child.group).names.add(child.name)
    const was = isGroup(before) && stands(before)
    const is = isGroup(child) && stands(child)
    this.#wanted += Number(is) - Number(was)
    if (is) this.#open(child.name).ways = undefined
    if (was && !is) this.#tidy(child.name)
  }

  #leave(group: string, name: string): void {
    const members = this.#groups.get(group)
    if (members === undefined) return
    members.names.delete(name)
    members.ways = undefined
    this.#tidy(group)
  }

  #open(group: string): Members {
    const members = this.#groups.get(group) ?? { names: new Set(), ways: undefined, turn: 0 }
    this.#groups.set(group, members)
    return members
  }

  #tidy(group: string): void {
    const record = this.#deps.record(group)
    const isWanted = isGroup(record) && stands(record)
    if (!isWanted && this.#groups.get(group)?.names.size === 0) this.#groups.delete(group)
  }

  /** The registry has news of a name. @returns the group that it is one of */
  entryChanged(name: string): string | undefined {
    const group = this.#groups.size === 0 ? undefined : this.#deps.record(name)?.group
    const members = group === undefined ? undefined : this.#groups.get(group)
    if (members !== undefined) members.ways = undefined
    return members === undefined ? undefined : group
  }

  /** Is it the name of a group, that no process can have? */
  has(name: string): boolean {
    return this.#wanted > 0 && this.#standing(name) !== undefined
  }

  /** A process that has the name is reached by it, whatever a record says: a member may lie. */
  #standing(name: string): Group | undefined {
    const record = this.#deps.record(name)
    if (!isGroup(record) || !stands(record)) return undefined
    return this.#deps.directory.lookup(name)?.status === 'live' ? undefined : record
  }

  /** Is it a replica of a name of which each member has one? */
  isPerMember(name: string): boolean {
    const child = this.#wanted === 0 ? undefined : this.#deps.record(name)
    const group = this.#deps.record(child?.group ?? '')
    return stands(child) && isGroup(group) && stands(group) && group.replicas.count === 0
  }

  /** Its replicas that are wanted, in the order of their numbers. */
  replicas(group: string): readonly Child[] {
    const names = this.#groups.get(group)?.names
    if (names === undefined) return none
    const records = [...names].flatMap((name) => this.#deps.record(name) ?? [])
    return records.sort((a, b) => numberOf(a) - numberOf(b))
  }

  /** Node -> which other replica of its group is there. */
  taken(child: Child): Map<string, string> {
    const taken = new Map<string, string>()
    if (child.group === undefined) return taken
    for (const { name } of this.replicas(child.group)) {
      const entry = name === child.name ? undefined : this.#deps.directory.lookup(name)
      if (entry?.status === 'live') taken.set(entry.node, name)
    }
    return taken
  }

  /** What a replica is now, and by which revision of its group; undefined: nobody has said yet, or all are the same. */
  role(name: string): { readonly role: Role; readonly revision: number } | undefined {
    const child = this.#wanted === 0 ? undefined : this.#deps.record(name)
    const group = child?.group === undefined ? undefined : this.#deps.record(child.group)
    if (child === undefined || !isGroup(group) || !stands(group) || group.born !== child.born) return undefined
    const { active } = group.replicas
    if (active === undefined || active === 0) return undefined
    return { role: numberOf(child) === active ? 'active' : 'passive', revision: group.revision }
  }

  /**
   * Which process a message for a name goes to. Of a group the active one; where all are, the one on this node, else
   * one after the other. Who sends to its own group reaches another one, if there is one.
   * @returns the name itself when it is no group's, or when nobody is there
   */
  resolve(name: string, sender = ''): string {
    if (this.#wanted === 0) return name
    const record = this.#standing(name)
    if (record === undefined) return name
    const { active } = record.replicas
    if (active !== undefined) return active === 0 ? name : replicaName(name, active)
    const members = this.#open(name)
    members.ways ??= this.#ways(name)
    const { here, live, doubtful } = members.ways
    if (here !== undefined && here !== sender) return here
    const others = sender === '' ? live : live.filter((one) => one !== sender)
    if (others.length === 0) return here ?? doubtful[0] ?? name
    members.turn = (members.turn + 1) % others.length
    return others[members.turn] ?? name
  }

  /** The same for who only looks. */
  find(name: string): string {
    const members = this.#groups.get(name)
    const turn = members?.turn
    const found = this.resolve(name)
    if (members !== undefined && turn !== undefined) members.turn = turn
    return found
  }

  #ways(group: string): Ways {
    const { directory, self } = this.#deps
    const live: string[] = []
    const doubtful: string[] = []
    let here: string | undefined
    for (const { name } of this.replicas(group)) {
      const entry = directory.lookup(name)
      if (entry?.status !== 'live') continue
      const isSure = !directory.isRecovering(name)
      ;(isSure ? live : doubtful).push(name)
      if (isSure && entry.node === self() && entry.via === undefined) here = name
    }
    return { here, live, doubtful }
  }
}
