/**
 * The gateway's side of names whose process lives in another cluster (the process's side: delegations.ts).
 *
 *   departed | adopt --> here, asks WHERE --LOCATED(live)--> here, perhaps at another address
 *                         |--LOCATED(ended)--> the name has ended at home, too
 *                         |--unused for delegationIdleMs, not the home--> forgotten (G12)
 *                         '--the registry names another gateway, or none--> let go
 *
 * The name stands in the registry with `via`, the address behind this gateway. Where it is, and that it has ended, only
 * the node behind it says, or that node's cluster, and never backwards (G2).
 */
import { type Address, addressText } from '../base/ids.js'
import type { Timer } from '../base/ports.js'
import type { Link } from '../link/link.js'
import { isPlausible } from '../registry/plausible.js'
import { EXPIRED } from '../registry/reasons.js'
import type { Entry, MessageOf } from '../wire/messages.js'
import { type MoveContext, notToTell, UNKNOWN } from './context.js'

/** The other side of a gateway. */
interface Through {
  /** '' until the process has said where it is */
  cluster: string
  readonly address: Address
  readonly home: boolean
  /** Which life of that node has it, when that is known. */
  life: number | undefined
  readonly letGo: () => void
  usedAt: number
  /** When something came back. */
  heardAt: number
  /** It was asked where it is, and has not been heard since. */
  asked: boolean
  /** Asks again. */
  later: Timer | undefined
}

export class Gateways {
  readonly #context: MoveContext
  /** By name, how to let go of the link to the process's node, and when it was last used. */
  readonly #through = new Map<string, Through>()

  constructor(context: MoveContext) {
    this.#context = context
  }

  /** Names of this cluster that are reached through this node. */
  names(): string[] {
    return [...this.#through.keys()]
  }

  get size(): number {
    return this.#through.size
  }

  has(name: string): boolean {
    return this.#through.has(name)
  }

  /** The cluster behind it, when it has said where it is. */
  clusterOf(name: string): string | undefined {
    return this.#through.get(name)?.cluster
  }

  /** A process of ours has left to another cluster: this node is its gateway. */
  departed(entry: Entry, to: { readonly cluster: string; readonly address: Address }, home: boolean): void {
    const { identity } = this.#context.self()
    const { node, incarnation } = identity
    const { cluster, address } = to
    this.#goThrough(entry.name, { cluster, address, home, life: entry.incarnation })
    this.#context.directory.publish({ ...entry, node, incarnation, status: 'live', reason: '', via: address })
    this.#context.events.emit('delegated', { name: entry.name, epoch: entry.epoch, address: addressText(address) })
  }

  located(link: Link, { entry, cluster, address }: MessageOf<'LOCATED'>): void {
    const { directory, self, log } = this.#context
    const { identity } = self()
    const known = directory.lookup(entry.name)
    if (known?.via !== undefined && known.status === 'live' && !this.#mayLocate(link, known, entry)) return
    if (entry.status === 'ended' && entry.kind === UNKNOWN && !this.#isDeath(link, entry.name)) return
    const through = this.#through.get(entry.name)
    if (through !== undefined) through.asked = false
    link.send({ type: 'LOCATED_OK', name: entry.name, epoch: entry.epoch })
    // Only of a name that is known here to be away, and never backwards (G2).
    if (known?.via === undefined || entry.epoch < known.epoch) return
    // It has come home: its node says so itself. A gateway to a member would be a second owner in the same epoch (G1).
    if (cluster === identity.cluster || (entry.status === 'live' && this.#isOurs(address))) return
    const { node, incarnation } = identity
    if (entry.status === 'ended') {
      this.stop(entry.name)
      log.info({ name: entry.name, reason: entry.reason }, `${entry.name} ended in another cluster: ${entry.reason}`)
      directory.publish({
        ...known,
        epoch: entry.epoch,
        line: entry.line,
        node,
        incarnation,
        status: 'ended',
        reason: entry.reason,
      })
      return
    }
    if (known.node !== node) return
    const same =
      known.epoch === entry.epoch && known.line === entry.line && addressText(known.via) === addressText(address)
    const home = this.#through.get(entry.name)?.home ?? true
    // Told by its own node, the entry names the life that runs it.
    const life = entry.via === undefined ? entry.incarnation : undefined
    this.#goThrough(entry.name, { cluster, address, home, life })
    if (!same) directory.publish({ ...known, epoch: entry.epoch, line: entry.line, incarnation, via: address })
    // Told by somebody on the way: the process itself may still answer to an earlier gateway, until it is asked.
    if (addressText(link.peer.address) !== addressText(address)) this.#ask(entry.name, address, entry.epoch)
    this.#context.callBack(entry.name)
  }

  #isOurs(address: Address): boolean {
    const { peers, self } = this.#context
    return [self(), ...peers.live()].some((one) => addressText(one.address) === addressText(address))
  }

  /**
   * G1: a node has no memory of the name. It died with an earlier life of that node; or, in the life that had it, it
   * went on, or ended, so long ago that it is forgotten. And a node that has just begun may not have met who runs it
   * now: it is asked again when it has had the time.
   */
  #isDeath({ upAt, peer }: Link, name: string): boolean {
    const { clock, limits, directory } = this.#context
    const through = this.#through.get(name)
    if (through?.life !== undefined && peer.incarnation <= through.life) return false
    const leftMs = upAt + limits.downMs - clock.now()
    if (leftMs <= 0 || through === undefined) return leftMs <= 0
    through.later?.cancel()
    through.later = clock.after(leftMs, () => {
      const entry = directory.lookup(name)
      if (entry?.via !== undefined) this.#ask(name, entry.via, entry.epoch)
    })
    return false
  }

  /**
   * Who may say where a name is that has left: the node it is known to be on, and its cluster, to which it was given.
   * Of anybody else it is a hint, and that node is asked.
   */
  #mayLocate(link: Link, known: Entry, { name, epoch, line }: Entry): boolean {
    const { peer } = link
    const { via } = known
    const possible = line <= epoch && isPlausible(epoch, known.epoch, this.#context.clock.wall())
    if (peer.member || via === undefined || !possible) {
      notToTell(this.#context, link, 'LOCATED', name)
      return false
    }
    const there = addressText(peer.address) === addressText(via)
    if (there || peer.cluster === this.#through.get(name)?.cluster) return true
    // A node that was the gateway once may be told still: who is it now asks for himself. And a second answer to one
    // question may come when the first has shown another place.
    if (known.node !== this.#context.self().identity.node || epoch === known.epoch) return false
    // Whoever asks is taken for the gateway there.
    this.#ask(name, via, known.epoch)
    notToTell(this.#context, link, 'LOCATED', name)
    return false
  }

  /** This node becomes the gateway of a name whose gateway died. */
  adopt(entry: Entry): void {
    if (entry.via === undefined) return
    this.#goThrough(entry.name, { cluster: '', address: entry.via, home: true, life: undefined })
    this.#ask(entry.name, entry.via, entry.epoch)
  }

  #ask(name: string, address: Address, epoch: number): void {
    const through = this.#through.get(name)
    if (through !== undefined) through.asked = true
    void this.#context.roads.connect(address).then(
      (link) => link.send({ type: 'WHERE', name, epoch }),
      () => undefined,
    )
  }

  /** A link to another cluster came up: names behind it may have moved or died while it was down. */
  linkUp(link: Link): void {
    for (const [name, through] of this.#through) {
      const entry = this.#context.directory.lookup(name)
      if (entry?.via === undefined || addressText(through.address) !== addressText(link.peer.address)) continue
      through.asked = true
      link.send({ type: 'WHERE', name, epoch: entry.epoch })
    }
  }

  /** Somebody used the gateway. */
  used(name: string): void {
    const through = this.#through.get(name)
    if (through !== undefined) through.usedAt = this.#context.clock.now()
  }

  /** Something of it came back. */
  heard(name: string): void {
    const through = this.#through.get(name)
    if (through !== undefined) through.heardAt = this.#context.clock.now()
  }

  #goThrough(name: string, to: Pick<Through, 'cluster' | 'address' | 'home' | 'life'>): void {
    const before = this.#through.get(name)
    if (before !== undefined && addressText(before.address) === addressText(to.address)) {
      before.cluster = to.cluster
      before.life = to.life ?? before.life
      return
    }
    const letGo = this.#context.roads.keep(to.address)
    const now = this.#context.clock.now()
    this.#through.set(name, { ...to, letGo, usedAt: now, heardAt: now, asked: false, later: undefined })
    before?.later?.cancel()
    before?.letGo()
  }

  /**
   * An operator says that the process behind this gateway will not come back: its name is free at home. If it lives all
   * the same, it meets a claimed name when it returns.
   */
  giveUp(name: string): boolean {
    const entry = this.#context.directory.lookup(name)
    if (!this.#through.has(name) || entry?.via === undefined) return false
    this.stop(name)
    this.#context.directory.publish({
      ...entry,
      epoch: entry.epoch + 1,
      status: 'ended',
      reason: 'given up by an operator',
    })
    return true
  }

  /** The registry says who is its gateway now, or that it needs none: whoever was it before leads nowhere (G12). */
  registered({ name, node, status, via }: Entry): void {
    if (!this.#through.has(name)) return
    if (status === 'ended' || via === undefined || node !== this.#context.self().identity.node) this.stop(name)
  }

  stop(name: string): void {
    const through = this.#through.get(name)
    through?.later?.cancel()
    through?.letGo()
    this.#through.delete(name)
  }

  /** Those that are not the home's and that nobody uses are let go: this cluster forgets the name. */
  sweep(): void {
    const { clock, limits } = this.#context
    const before = clock.now() - limits.delegationIdleMs
    for (const [name, through] of this.#through) {
      const entry = this.#context.directory.lookup(name)
      // G3: a gateway that was taken for dead may be back, and have asked for the name last: it hears the answers now.
      if (through.usedAt - through.heardAt > limits.resendMsMax) through.asked = true
      if (through.asked && entry?.via !== undefined) this.#ask(name, entry.via, entry.epoch)
      if (through.home || through.usedAt > before) continue
      this.stop(name)
      if (entry?.via !== undefined) this.#context.directory.publish({ ...entry, status: 'ended', reason: EXPIRED })
    }
  }

  close(): void {
    for (const name of [...this.#through.keys()]) this.stop(name)
  }
}
