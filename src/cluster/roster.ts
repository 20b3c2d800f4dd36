/**
 * The table of children (children.ts) of this node, and how the members come to have the same one:
 *
 *   write (at the home of the name) --CHILDREN--> all members: at the end of the turn, or through others (telling.ts)
 *   every syncIntervalMs, to one member: the digest --> what differs, both ways
 *   a new view has settled, a link is up: the digest to each --> ... --all have answered--> in step
 *
 * So a newcomer gets everything, and what was missed is found again (scenario 50). A record is told by whoever has it;
 * only the home of a name changes it (caretaker.ts). A new home begins only when it is in step: what the home before it
 * has written it has then heard, from that one on its link before the view (registry.ts flushes) or with its digest, or
 * if that one is dead from whoever had heard it (scenario 57).
 */
import type { Events } from '../base/events.js'
import { type Identity, isName } from '../base/ids.js'
import type { Limits } from '../base/limits.js'
import type { Clock, Logger, Timer } from '../base/ports.js'
import type { Peers } from '../link/peers.js'
import { isPlausible } from '../registry/plausible.js'
import type { Child, MessageOf } from '../wire/messages.js'
import { bytesOf, createChildren, differing, digestOf, dropRemoved, putChild } from './children.js'
import { wrongGroup } from './replica.js'
import type { Sync } from './sync-strategy.js'
import { Telling } from './telling.js'

interface RosterDeps {
  readonly clock: Clock
  readonly log: Logger
  readonly events: Events
  readonly limits: Limits
  readonly self: () => Identity
  readonly peers: Peers
  /** How this node places and moves: all should agree. */
  readonly settings: string
  readonly sync: Sync
  /** It is in the table. */
  readonly changed: (child: Child, before: Child | undefined) => void
  /** It is in step with all members. */
  readonly stepped: () => void
}

type Compare = 'nothing' | 'wanted' | 'all'

const AGAIN_MS = 1_000

/** What a home says of a child; the roster adds what orders it. */
type Written = Omit<Child, 'revision' | 'by'>

export class Roster {
  readonly #deps: RosterDeps
  readonly #table = createChildren()
  readonly #telling: Telling
  /** Members whose settings differ, told once each. */
  readonly #odd = new Map<string, string>()
  /** Members that have not answered since the view has settled or their link came up, and what they were asked. */
  readonly #waiting = new Map<string, number>()
  /** Who waits until another member has what was written: not asked for yet; by the question. */
  readonly #unkept: (() => void)[] = []
  readonly #keeping = new Map<number, { readonly thens: readonly (() => void)[]; readonly children: Child[] }>()
  #full = false
  #asked = 0
  #turn = 0
  #repair: Timer | undefined
  #closed = false

  constructor(deps: RosterDeps) {
    this.#deps = deps
    const { clock, peers, sync, limits } = deps
    this.#telling = new Telling({ clock, peers, sync, chunkBytes: limits.chunkBytes })
  }

  get(name: string): Child | undefined {
    return this.#table.rows.get(name)?.child
  }

  /** Tombstones too. */
  *all(): Iterable<Child> {
    for (const { child } of this.#table.rows.values()) yield child
  }

  get size(): number {
    return this.#table.rows.size - this.#table.removed.size
  }

  get tombstones(): number {
    return this.#table.removed.size
  }

  /** Everything that a member says of a child after this, it says behind all that was known of it. */
  write(written: Written): Child {
    const { clock, self } = this.#deps
    const known = this.get(written.name)?.revision ?? 0
    const revision = Math.max(Math.floor(clock.wall()), known + 1)
    const child: Child = { ...written, revision, by: self().node }
    this.#put(child)
    this.#telling.wrote(child)
    return child
  }

  /** The registry is about to say something. */
  flush(): void {
    this.#telling.flush()
  }

  /** That member is about to hear what became of these. */
  beforeAnswer(node: string, names: Iterable<string>): void {
    this.#telling.beforeAnswer(node, names)
  }

  /** Calls back once another member has all that was written up to now: it outlives this node. Alone, at once. */
  whenKept(then: () => void): void {
    if (this.#deps.peers.live().length === 0) return then()
    if (this.#unkept.length === 0) this.#deps.clock.soon(() => this.#keep())
    this.#unkept.push(then)
  }

  #keep(): void {
    this.#asked += 1
    this.#keeping.set(this.#asked, { thens: this.#unkept.splice(0), children: this.#telling.unkept })
    this.#askAny(this.#asked, 'nothing')
    this.#arm()
  }

  /** Whoever has a link; the next time another one. */
  #askAny(ask: number, compare: Compare): void {
    const live = this.#deps.peers.live()
    if (live.length === 0) return this.#kept(ask)
    this.#turn += 1
    const from = this.#turn % live.length
    const children = this.#keeping.get(ask)?.children ?? []
    for (const { node } of [...live.slice(from), ...live.slice(0, from)])
      if (this.#telling.tell(node, children) && this.#sendDigest(node, ask, 0, compare)) return
  }

  #kept(ask: number): void {
    const { thens, children } = this.#keeping.get(ask) ?? { thens: [], children: [] }
    this.#keeping.delete(ask)
    this.#telling.kept(children)
    for (const then of thens) then()
  }

  /** All members have told what they have more, in this view. */
  get inStep(): boolean {
    return this.#waiting.size === 0
  }

  /** The members are others, or all agree on who they are. */
  viewed(settled: boolean): void {
    this.#telling.toAll()
    this.#waiting.clear()
    for (const { node } of this.#deps.peers.live()) {
      // Until all agree nobody is asked, and nobody is in step.
      if (settled) this.#ask(node)
      else this.#waiting.set(node, 0)
    }
    this.#arm()
  }

  /** What a former life of this node knew: it is told with the digests, and the newer of two records stays. */
  inherit(children: readonly Child[]): void {
    for (const child of children) this.#put(child)
  }

  /** A record that came with a question. */
  learn(child: Child, from: string): void {
    this.#take(child, from)
  }

  /** What was said while it was down is lost, in both directions. */
  linkUp(node: string): void {
    this.#ask(node)
    this.#arm()
  }

  memberDown(node: string): void {
    this.#odd.delete(node)
    if (this.#waiting.delete(node) && this.inStep) this.#deps.stepped()
  }

  received(from: string, { children, digest, ask, answer, settings, pass = [] }: MessageOf<'CHILDREN'>): void {
    this.#telling.passOn(
      from,
      children.filter((child) => this.#take(child, from)),
      pass,
    )
    if (digest.length > 0) {
      this.#compare(from, settings)
      this.#telling.tell(from, differing(this.#table, digest))
    }
    // Who only wants to know that it has come gets no more than that.
    if (ask > 0) this.#sendDigest(from, 0, ask, digest.length > 0 ? 'wanted' : 'nothing')
    if (answer === 0) return
    this.#kept(answer)
    if (this.#waiting.get(from) !== answer) return
    this.#waiting.delete(from)
    if (this.inStep) this.#deps.stepped()
  }

  #ask(node: string): void {
    this.#asked += 1
    this.#waiting.set(node, this.#asked)
    this.#sendDigest(node, this.#asked, 0, 'all')
  }

  close(): void {
    this.#telling.close()
    this.#closed = true
    this.#repair?.cancel()
  }

  /** @returns whether it may be told to others */
  #take(child: Child, from: string): boolean {
    const why = this.refusal(child)
    const { limits, events, clock } = this.#deps
    if (why !== undefined) {
      events.emit('violation', { peer: from, what: why, name: child.name })
      return false
    }
    const isNew = this.get(child.name) === undefined
    // It was forgotten here already, or would be told from one to the other for ever.
    if (isNew && child.status === 'removed' && child.revision + limits.endedMs < clock.wall()) return false
    if (isNew && this.#table.rows.size >= limits.childrenMax) {
      if (!this.#full) events.emit('limit', { limit: 'childrenMax', name: from, value: this.#table.rows.size })
      this.#full = true
    } else this.#put(child)
    return true
  }

  /** What is wrong with a record that a member sent. */
  refusal(child: Child): string | undefined {
    const { clock, limits } = this.#deps
    const wall = clock.wall()
    if (!isName(child.name)) return 'named a child with a name that none can have'
    if (child.kind === '' && child.status !== 'removed') return 'named a child without a kind'
    if (!isPlausible(child.revision, this.get(child.name)?.revision ?? 0, wall))
      return `named revision ${child.revision} of a child, far above any that is known`
    if (!isPlausible(child.after, 0, wall)) return `named epoch ${child.after} of a child, far above any clock`
    if (bytesOf(child) > 2 * limits.childBytesMax) return 'named a child above limits.childBytesMax'
    return wrongGroup(child)
  }

  #put(child: Child): void {
    const { clock, events, changed, limits } = this.#deps
    const before = this.get(child.name)
    if (!putChild(this.#table, child, clock.now())) return
    this.#full &&= this.#table.rows.size >= limits.childrenMax
    if (child.status === 'removed') this.#forget()
    this.#arm()
    if (events.heard('childchanged')) {
      const { name, kind, status, reason, revision, by } = child
      events.emit('childchanged', { name, kind, status, reason, revision, by })
    }
    changed(child, before)
  }

  #forget(): void {
    const { clock, limits } = this.#deps
    dropRemoved(this.#table, clock.now() - limits.endedMs)
  }

  /** @param compare  what is wanted; `all`: tombstones as well, so that who begins to decide raises nobody */
  #sendDigest(node: string, ask: number, answer: number, compare: Compare): boolean {
    const { peers, settings } = this.#deps
    if (compare === 'nothing') this.#telling.flush()
    else this.#telling.beforeDigest(node)
    const digest = compare === 'nothing' ? [] : digestOf(this.#table, compare === 'all')
    return peers.send(node, { type: 'CHILDREN', children: [], digest, ask, answer, settings })
  }

  #compare(from: string, theirs: string): void {
    const { settings: mine, events, log } = this.#deps
    if (theirs === mine || this.#odd.get(from) === theirs) return
    this.#odd.set(from, theirs)
    log.warn({ peer: from, mine, theirs }, `${from} places children in another way; set \`hub\` alike on all members`)
    events.emit('mismatch', { peer: from, option: 'hub', mine, theirs })
  }

  #arm(): void {
    const isAsking = this.#waiting.size + this.#keeping.size > 0
    if (this.#closed || (this.#table.rows.size === 0 && !isAsking)) return
    const { clock, sync } = this.#deps
    this.#repair ??= clock.after(isAsking ? AGAIN_MS : sync.syncIntervalMs, () => {
      this.#repair = undefined
      this.#forget()
      this.#beat()
      this.#arm()
    })
  }

  #beat(): void {
    const live = this.#deps.peers.live()
    // Without a link it could not be asked.
    for (const [node, ask] of this.#waiting) if (ask > 0) this.#sendDigest(node, ask, 0, 'all')
    for (const ask of [...this.#keeping.keys()]) this.#askAny(ask, 'nothing')
    if (this.#waiting.size > 0 || live.length === 0) return
    this.#asked += 1
    this.#askAny(this.#asked, 'wanted')
  }
}
