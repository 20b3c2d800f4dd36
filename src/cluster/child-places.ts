/**
 * Where children may run, and where each should: who could take it (candidates.ts), who of these fits (fitting.ts), and
 * which of them the strategy chooses (placement.ts). The same for a start, a move to a newcomer, a drain.
 */
import type { Clock } from '../base/ports.js'
import type { Child } from '../wire/messages.js'
import type { Candidates } from './candidates.js'
import type { Place } from './caretaker.js'
import type { ChildDirectory } from './child-fate.js'
import { fitting } from './fitting.js'
import type { Groups } from './groups.js'
import { isGroup, stands } from './replica.js'

interface ChildPlacesDeps {
  readonly clock: Clock
  readonly candidates: Candidates
  readonly directory: ChildDirectory
  readonly groups: Groups
  readonly record: (name: string) => Child | undefined
  /** Where this node, as its home, has asked for it. */
  readonly askedAt: (name: string) => string | undefined
  /** @param nodes  could take it; never empty */
  readonly choose: (child: Child, nodes: readonly string[]) => Place
}

const NOBODY: ReadonlyMap<string, string> = new Map()

export class ChildPlaces {
  readonly #deps: ChildPlacesDeps
  readonly #ables = new Map<string, readonly string[]>()

  constructor(deps: ChildPlacesDeps) {
    this.#deps = deps
  }

  /** Where a child that is to start should be. */
  place(child: Child, avoid = ''): Place {
    return this.#placeBeside(child, this.#taken(child), avoid)
  }

  #placeBeside(child: Child, taken: ReadonlyMap<string, string>, avoid = ''): Place {
    const fit = fitting(child, this.#able(child.kind), taken)
    if ('why' in fit) return fit
    const others = fit.nodes.filter((node) => node !== avoid)
    return this.#deps.choose(child, others.length === 0 ? fit.nodes : others)
  }

  /** Of some nodes, or of all that could, those that may have it; or why none of them. */
  fitting(child: Child, nodes: readonly string[] = this.#able(child.kind)): ReturnType<typeof fitting> {
    return fitting(child, nodes, this.#taken(child))
  }

  /** Members that could take one of a group. */
  nodesFor({ kind, nodes }: Child): readonly string[] {
    const fit = fitting({ kind, nodes }, this.#able(kind), NOBODY)
    return 'nodes' in fit ? fit.nodes : []
  }

  /** Where a child that runs should be. @returns undefined: where it is */
  goal(child: Child): string | undefined {
    if (child.group !== undefined) return this.#goalOfReplica(child, child.group)
    const place = this.place(child)
    return 'node' in place ? place.node : undefined
  }

  /**
   * The nodes where its group should be, as if it started now: who is on one of them stays, and each of the others
   * goes to one that is free. So a newcomer gets one of a group at most, the same one wherever it is asked, and nothing
   * moves between the others. While one waits nobody goes: a free node is for that one.
   */
  #goalOfReplica(child: Child, name: string): string | undefined {
    const { directory, groups, record } = this.#deps
    const group = record(name)
    if (!isGroup(group) || group.replicas.count === 0) return undefined
    const replicas = groups.replicas(name)
    const at = new Map<string, string>()
    const ideals = new Map<string, string>()
    for (const one of replicas) {
      const entry = directory.lookup(one.name)
      const place = this.#placeBeside(one, ideals)
      if (entry?.status !== 'live' || directory.isRecovering(one.name) || 'why' in place) return undefined
      at.set(one.name, entry.node)
      ideals.set(place.node, one.name)
    }
    const occupied = new Set(at.values())
    const goers = replicas.filter((one) => {
      const node = at.get(one.name) ?? ''
      return !ideals.has(node) || !this.#takes(one, node)
    })
    for (const one of goers) {
      const free = [...ideals].filter(([node]) => !occupied.has(node))
      const own = free.find(([, owner]) => owner === one.name) ?? free.find(([node]) => this.#takes(one, node))
      if (one === child) return own?.[0]
      if (own !== undefined) occupied.add(own[0])
    }
    return undefined
  }

  /** Would the strategy have it there? */
  #takes(child: Child, node: string): boolean {
    const place = fitting(child, [node], NOBODY)
    return 'nodes' in place && 'node' in this.#deps.choose(child, [node])
  }

  /** Node -> which other replica of its group is there, or was asked for there. */
  #taken(child: Child): ReadonlyMap<string, string> {
    const { groups, askedAt } = this.#deps
    if (child.group === undefined) return NOBODY
    const taken = groups.taken(child)
    for (const { name } of groups.replicas(child.group)) {
      const node = name === child.name ? undefined : askedAt(name)
      if (node !== undefined) taken.set(node, name)
    }
    return taken
  }

  /** Thousands are placed in one turn, among the same few members. */
  #able(kind: string): readonly string[] {
    const { clock, candidates } = this.#deps
    const known = this.#ables.get(kind)
    if (known !== undefined) return known
    if (this.#ables.size === 0) clock.soonest(() => this.#ables.clear())
    const able = candidates.of(kind)
    this.#ables.set(kind, able)
    return able
  }

  /** A member takes processes in from now on, or no more. */
  candidatesChanged(): void {
    this.#ables.clear()
  }

  /** Is another replica of its group here? @returns why it must not come */
  unfit(name: string, isHere: (name: string) => boolean): string | undefined {
    const { groups, record } = this.#deps
    const child = record(name)
    if (child?.group === undefined || !stands(child)) return undefined
    const other = groups.replicas(child.group).find((one) => one.name !== name && isHere(one.name))
    return other === undefined ? undefined : `it has ${other.name}, another replica of ${child.group}`
  }
}
