/**
 * The embedded directory: every member has the whole table, each is the authority for what it runs, a new name is
 * claimed at its home. This file only joins the parts and keeps the order in which a member is told things:
 *
 *   claim ----> claiming.ts (claims.ts, grants.ts)  \
 *   publish, learn, REGISTERED ----> ledger.ts (table.ts)  -->  watchers
 *   a member up or down, VIEW ----> views.ts        /   \--> verdicts.ts (recovery.ts)
 *   a link up ----> sync.ts      every few seconds ----> digests.ts
 *
 * Order, on each link: what was published comes before everything that was sent later (`#send` flushes first), SYNC
 * before VIEW on a new link, the lives of the dead before the VIEW without them.
 *
 * G11  what this node publishes, the next line here finds; at rest every member has the same table.
 */
import type { Events } from '../base/events.js'
import type { Identity } from '../base/ids.js'
import type { Limits } from '../base/limits.js'
import type { Clock, Logger, Timer } from '../base/ports.js'
import type { Peers } from '../link/peers.js'
import type { Entry, Member, Message, MessageOf } from '../wire/messages.js'
import { Claiming } from './claiming.js'
import { Digests } from './digests.js'
import { type Directory, type EntryFilter, matches } from './directory.js'
import { Griefs } from './griefs.js'
import type { RegistryHooks } from './hooks.js'
import { Ledger, type Watcher } from './ledger.js'
import { LOST, RELEASED } from './reasons.js'
import { homeOf, type Ring, ringOf } from './rendezvous.js'
import { Strangers } from './strangers.js'
import { Listings, PART } from './sync.js'
import { Verdicts } from './verdicts.js'
import { createViews, type Life, parseSaid, saidText, stepViews, type ViewEvent, type Views } from './views.js'

interface RegistryDeps {
  readonly clock: Clock
  readonly log: Logger
  readonly events: Events
  readonly limits: Limits
  readonly self: () => Identity
  readonly peers: Peers
  /** Seeds that may be members and are not met yet: no name is claimed until then. Asked once a second. */
  readonly expecting?: () => boolean
  readonly hooks: RegistryHooks
  /** May it grant names and judge the dead in a settled view? Default: it may. */
  readonly mayDecide?: () => boolean
  readonly viewed?: (views: Views) => void
  /** Known of an earlier life of this node: no life of a name starts at or below it. */
  readonly floor?: number
}

const BEAT_MS = 1_000

export class Registry implements Directory {
  readonly #deps: RegistryDeps
  readonly #ledger: Ledger
  readonly #claiming: Claiming
  readonly #verdicts: Verdicts
  readonly #listings: Listings
  readonly #digests: Digests
  readonly #strangers: Strangers
  readonly #pending = new Map<string, Entry>()
  readonly #griefs: Griefs
  #questions = 0
  #views: Views
  #ring: Ring
  #homed = { name: '', home: '' }
  #beat: Timer | undefined
  #closed = false

  constructor(deps: RegistryDeps) {
    const { clock, limits, events, self, peers, hooks } = deps
    this.#deps = deps
    this.#views = createViews(self())
    this.#ring = ringOf([self().node])
    const isLeaving = (name: string): boolean => hooks.isLeaving?.(name) ?? false
    const superseded = (entry: Entry): void => hooks.superseded(entry)
    this.#ledger = new Ledger({ clock, limits, events, self, peers, superseded, isLeaving })
    this.#ledger.raiseFloor(deps.floor ?? 0)
    this.#strangers = new Strangers(limits.downMs)
    const shared = {
      self,
      ledger: this.#ledger,
      // Without leave to decide it is, for grants and verdicts, as if it were not settled.
      views: () => (deps.mayDecide?.() === false ? { ...this.#views, settled: false } : this.#views),
      homeOf: (name: string) => this.homeOf(name),
      isOpen: (name: string) => this.#ledger.isRecovering(name) || this.#listings.isDoubted(name),
      freshId: () => ++this.#questions,
      send: (to: string, message: Message) => this.#send(to, message),
      wake: () => this.#wake(),
      publish: (entry: Entry) => this.publish(entry),
    }
    this.#listings = new Listings({ ...shared, peers, limits })
    this.#griefs = new Griefs({ ...shared, clock, isLive: (life) => this.#isLive(life) })
    this.#digests = new Digests({ ...shared, peers, clock, events, listings: this.#listings })
    this.#claiming = new Claiming({ ...shared, clock, limits, isReserved: (name) => hooks.isReserved?.(name) ?? false })
    const adoptDelegation = (entry: Entry): void => hooks.adoptDelegation(entry)
    this.#verdicts = new Verdicts({ ...shared, peers, holds: (...which) => hooks.holds(...which), adoptDelegation })
    this.#stepViews({ type: 'waiting', waiting: deps.expecting?.() ?? false })
    if (this.#views.waiting) this.#wake()
    this.#ledger.watch((entry, _, change) => {
      this.#claiming.changed(entry.name)
      if (change !== 'recovering') return this.#bereave(entry)
      this.#griefs.add(entry.name)
      this.#wake()
    })
  }

  claim(name: string, kind: string, line?: number): Promise<Entry> {
    return this.#claiming.claim(name, kind, line)
  }

  isGranting(name: string): boolean {
    return this.#claiming.isGranting(name)
  }

  /** Asks a member whether that life is over for it too. No answer, or no: ask again. */
  witness(name: string, member: string, dead: Life, agreed: () => void): { cancel(): void } {
    return this.#verdicts.witness(name, member, dead, agreed)
  }

  publish(entry: Entry): void {
    if (this.#ledger.own(entry).outcome !== 'stale' && this.#ledger.get(entry.name) === entry) this.#tell(entry)
  }

  flush(): void {
    this.#deps.hooks.flushed?.()
    if (this.#pending.size === 0) return
    const entries = [...this.#pending.values()]
    this.#pending.clear()
    for (let i = 0; i < entries.length; i += PART)
      this.#deps.peers.broadcast({ type: 'REGISTERED', entries: entries.slice(i, i + PART) })
  }

  lookup(name: string): Entry | undefined {
    return this.#ledger.get(name)
  }

  isRecovering(name: string): boolean {
    return this.#ledger.isRecovering(name)
  }

  raise(epoch: number): void {
    this.#ledger.raiseFloor(epoch)
  }

  get highestEpoch(): number {
    return this.#ledger.highestOfAll
  }

  list(filter: EntryFilter = {}): Entry[] {
    return this.#ledger.entries().filter((entry) => matches(entry, filter))
  }

  learn(entry: Entry, from: string): void {
    this.#ledger.learn(entry, from)
  }

  watch(listener: Watcher): () => void {
    return this.#ledger.watch(listener)
  }

  /** The home of a name in this node's view, for placement and for people. */
  homeOf(name: string): string {
    // A claim asks for it several times in a row.
    if (this.#homed.name !== name) this.#homed = { name, home: homeOf(name, this.#ring) }
    return this.#homed.home
  }

  /** Do all members agree on who is a member? Names are claimed only then. */
  get settled(): boolean {
    return this.#views.settled
  }

  /** A link to a live member is up: a new one or the successor of a link. The member is in `peers` already. */
  memberUp({ node }: Member): void {
    if (this.#closed) return
    this.#listings.restart(node)
    this.#digests.restart(node)
    const tell = this.#update({ type: 'members', members: this.#lives() })
    this.#listings.tell(node)
    if (tell) this.#viewChanged()
    else this.#sendView(node, true)
    this.#claiming.linked(node)
    this.#verdicts.look()
  }

  /** Exactly this life is dead, or has left; it is not in `peers` any more. */
  memberDown(node: string, incarnation: number): void {
    if (this.#closed) return
    this.#listings.restart(node)
    this.#digests.restart(node)
    for (const entry of this.#ledger.bury({ node, incarnation })) this.#tell(entry)
    for (const entry of this.#ledger.movedAway()) if (entry.node === node) this.#bereave(entry)
    const hint = this.#ledger.hint({ node, incarnation })
    if (hint !== undefined) this.#deps.peers.broadcast({ type: 'REGISTERED', entries: [hint] })
    this.#claiming.gone({ node, incarnation })
    if (this.#update({ type: 'members', members: this.#lives() })) this.#viewChanged()
    this.#verdicts.look()
  }

  /** @returns false for a message of another folder */
  received(from: Life, message: Message): boolean {
    switch (message.type) {
      case 'CLAIM':
        this.#claiming.asked(from, message)
        return true
      case 'CLAIMED':
        this.#claiming.answered(from, message)
        return true
      case 'REGISTERED':
        this.#registered(from, message.entries)
        return true
      case 'SYNC':
        this.#synced(from, message)
        return true
      case 'VIEW':
        this.#viewed(from, message)
        return true
      case 'RECOVER_ASK':
        this.#verdicts.asked(from, message)
        return true
      case 'RECOVER_SAY':
        this.#listings.said(from, message)
        this.#verdicts.said(from, message)
        return true
      default:
        return this.#digests.received(from, message)
    }
  }

  /** For tests that look for leaks: all but `entries` and `watchers` (one is the registry's own) come back to 0. */
  size(): Readonly<Record<string, number>> {
    const { doubts } = this.#listings
    const [pending, differing] = [this.#pending.size, this.#digests.size]
    return { ...this.#ledger.size(), ...this.#claiming.size(), ...this.#verdicts.size(), doubts, pending, differing }
  }

  /** Claims in the making fail with ERR_NODE_STOPPED. What was published is still told. */
  close(): void {
    if (this.#closed) return
    this.flush()
    this.#closed = true
    this.#beat?.cancel()
    this.#digests.close()
    this.#claiming.close()
    this.#verdicts.viewChanged()
    this.#ledger.close()
  }

  #lives(): Life[] {
    return [this.#deps.self(), ...this.#deps.peers.live()]
  }

  #isLive({ node, incarnation }: Life): boolean {
    return this.#deps.peers.isLive(node, incarnation)
  }

  #registered(from: Life, entries: readonly Entry[]): void {
    const cleared = this.#listings.named(from, entries)
    const { griefs } = this.#ledger
    for (const entry of entries) {
      if (entry.status === 'ended' && entry.reason === RELEASED) {
        if (entry.node === from.node) this.#claiming.released(from, entry)
        continue
      }
      const judging = this.#ledger.isRecovering(entry.name)
      const merged = this.#ledger.accept(entry, from)
      // Whoever judged it may have died before he had told all that wait for us.
      if (judging && merged?.kept.status === 'ended' && this.homeOf(entry.name) === this.#views.self) this.#tell(entry)
      // He still waits for the verdict on a life whose end we know.
      if (merged?.outcome === 'stale' && entry.status === 'live' && merged.kept.status === 'ended') {
        this.#send(from.node, { type: 'REGISTERED', entries: [merged.kept] })
      }
    }
    for (const name of cleared) this.#claiming.changed(name)
    // It looks at all that is recovering, and the ends of 100,000 names come in 200 messages.
    if (this.#ledger.griefs !== griefs) this.#verdicts.look()
  }

  #synced(from: Life, { entries, last }: MessageOf<'SYNC'>): void {
    this.#registered(from, entries)
    this.#listings.part(from, entries, last)
    if (!last) return
    if (this.#listings.doubts > 0) this.#wake()
    this.#claiming.synced(from.node)
    this.#digests.listed(from)
  }

  #viewed(from: Life, { view, members }: MessageOf<'VIEW'>): void {
    const said = parseSaid(view)
    if (said === undefined) {
      this.#deps.log.warn({ from: from.node }, 'a member sent a view that cannot be read')
      return
    }
    // They come with a new view and on a new link, not with a digest that was found later.
    if (members.length > 0) this.#strangers.named(from.node, members, this.#deps.clock.now())
    this.#look({ type: 'heard', from, said })
  }

  #look(event?: ViewEvent): void {
    const before = this.#views.settled
    if (this.#update(event)) this.#tellView()
    if (!before && this.#views.settled) this.decide()
  }

  /** What had to wait for a settled view, or for the leave to decide in one. */
  decide(): void {
    this.#deps.hooks.viewed?.()
    this.#claiming.settled()
    this.#verdicts.look()
  }

  /** Whom we wait for is found out first: with the event alone the view might settle for a moment. */
  #update(event?: ViewEvent): boolean {
    const { clock, peers, expecting } = this.#deps
    const met = ({ node, incarnation }: Life): boolean =>
      this.#isLive({ node, incarnation }) || peers.isDead(node, incarnation) || node === this.#views.self
    const waiting = this.#strangers.waiting(met, clock.now()) || (expecting?.() ?? false)
    if (waiting) this.#wake()
    const tell = this.#stepViews({ type: 'waiting', waiting })
    return (event !== undefined && this.#stepViews(event)) || tell
  }

  #stepViews(event: ViewEvent): boolean {
    const { state, tell } = stepViews(this.#views, event)
    this.#views = state
    this.#deps.viewed?.(state)
    return tell
  }

  /** The order counts: what the next home must know, then the view that makes it the home. */
  #viewChanged(): void {
    this.#ring = ringOf(this.#views.members.map((member) => member.node))
    this.#homed = { name: '', home: '' }
    this.#deps.hooks.viewed?.()
    this.#griefs.viewChanged()
    this.#verdicts.viewChanged()
    this.#listings.viewChanged()
    this.#tellView(true)
    this.#claiming.viewChanged()
  }

  /** The end of what went from here to a node that is dead: who never heard of the move believes nobody else. */
  #bereave(entry: Entry): void {
    const gone = entry.status === 'ended' && entry.reason !== LOST && !this.#isLive(entry)
    if (gone && this.#ledger.hasMovedAway(entry.name)) this.#tell(entry)
  }

  #tellView(whole = false): void {
    for (const { node } of this.#deps.peers.live()) this.#sendView(node, whole)
  }

  #sendView(node: string, whole: boolean): void {
    const members = whole ? this.#deps.peers.live().slice(0, 1_024) : []
    this.#send(node, { type: 'VIEW', view: saidText(this.#views), members })
  }

  #send(node: string, message: Message): boolean {
    this.flush()
    return !this.#closed && this.#deps.peers.send(node, message)
  }

  #tell(entry: Entry): void {
    if (this.#closed) return
    if (this.#pending.size === 0) this.#deps.clock.soon(() => this.flush())
    this.#pending.set(entry.name, entry)
  }

  #wake(): void {
    if (this.#closed) return
    this.#beat ??= this.#deps.clock.after(BEAT_MS, () => {
      this.#beat = undefined
      this.#look()
      const claims = this.#claiming.beat()
      const verdicts = this.#verdicts.beat()
      const doubts = this.#listings.beat()
      if (claims || verdicts || doubts || this.#views.waiting) this.#wake()
    })
  }
}
