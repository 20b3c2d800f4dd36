/**
 * All links of a node, at most one to each other node.
 *
 *   connect, keep --> dials --socket--.
 *                                      >--> session --proof holds--> settle --> link up --> handlers
 *   listen --> gate --accepted socket-'
 *
 * Why a link went down stands in (code, reason):
 *
 *   left              the peer leaves for good           ERR_LINK_LOST  silent     nothing heard for downMs
 *   ERR_NODE_STOPPED  this node stops                    ERR_LINK_LOST  slow       nothing read for slowPeerMs
 *   ERR_PROTOCOL ...  one side broke the protocol        ERR_LINK_LOST  replaced   by another link to the same life
 *                                                        ERR_LINK_LOST  restarted  by a link to a newer life
 *                                                        ERR_LINK_LOST  (other)    what the network said
 *
 * For one node `down` and `up` alternate, and nothing of an older link is dispatched after its `down` (fault 26).
 */
import { type ErrorCode, fail, isMobilityError, type MobilityError, reasonOf } from '../base/errors.js'
import type { Events } from '../base/events.js'
import { type Address, addressText, type Identity, nodeKey } from '../base/ids.js'
import type { Limits } from '../base/limits.js'
import type { Clock, Logger, Random } from '../base/ports.js'
import type { Listener, Socket, Transport } from '../transport/transport.js'
import type { Message } from '../wire/messages.js'
import { type ConnectOptions, type Dial, Dials, isRefusal } from './dials.js'
import { failureOf, isSelf, misfit } from './failures.js'
import { Gate } from './gate.js'
import { helloOf, isLower, type Role, type Self } from './handshake.js'
import { Keeper } from './keeper.js'
import type { Link } from './link.js'
import { DUPLICATE, type End, type Verdict } from './machine.js'
import { nameOf, Session } from './session.js'
import { type Rival, settle } from './settle.js'
import { LinkTable } from './table.js'

interface LinkHandlers {
  up(link: Link): void
  down(link: Link, code: string, reason: string): void
  message(link: Link, message: Message): void
  /** The cluster that this node has joined. Before the `up` of the link that brought it. */
  adopt(cluster: string): void
  /** May this life of a member have a link, and what is it told of it? */
  admit?(peer: Identity): Verdict
  /** A kept address refuses connections, for so long without a break. */
  refused(address: Address, forMs: number): void
}

interface LinksDeps {
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
  readonly events: Events
  readonly transport: Transport
  readonly limits: Limits
  self(): Self
  readonly secret?: Buffer
  readonly handlers: LinkHandlers
}

type Outcome = { readonly link: Link } | { readonly end: End }

/** One connection, from its first byte to its last. */
interface Live extends Rival {
  readonly session: Session
  link: Link | undefined
  /** Told once, at the end of the handshake. */
  readonly waiting: ((outcome: Outcome) => void)[]
}

/** Incarnations are wall clocks, and no honest one is so far off. */
const INCARNATION_LEAP_MS = 24 * 60 * 60 * 1_000

/** What an error of a handler may be the peer's fault. */
const wireCodes: ReadonlySet<ErrorCode> = new Set([
  'ERR_DECODE',
  'ERR_EMPTY_FRAME',
  'ERR_FRAME_TOO_LARGE',
  'ERR_PROTOCOL',
])

const shown = (link: Link): string => (link.peer.member ? link.peer.node : nodeKey(link.peer))

export class Links {
  readonly #deps: LinksDeps
  readonly #gate: Gate
  readonly #dials: Dials
  readonly #live = new Map<Session, Live>()
  readonly #table: LinkTable
  readonly #keepers = new Map<string, Keeper>()
  readonly #listeners: Listener[] = []
  #closing: Promise<void> | undefined
  #emptied: (() => void) | undefined

  constructor(deps: LinksDeps) {
    const { clock, limits, transport } = deps
    this.#deps = deps
    this.#gate = new Gate(limits)
    this.#table = new LinkTable(2 * limits.membersMax)
    this.#dials = new Dials({
      clock,
      limits,
      transport,
      find: (address) => this.#table.at(address),
      check: (joining) => this.#mayDial(joining),
      shake: (socket, dial) => this.#shake(socket, dial),
      admit: (link, joining) => misfit(link, joining, deps.self().identity.cluster),
    })
  }

  /** @throws ERR_PORT_IN_USE, ERR_LISTEN */
  async listen(address: Address): Promise<Address> {
    const listener = await this.#deps.transport.listen(address, (socket) => this.#accept(socket))
    this.#listeners.push(listener)
    return listener.address
  }

  /** The link to a node, when it is up. */
  to(cluster: string, node: string): Link | undefined {
    return this.#table.get(cluster, node)
  }

  /** All that are up. */
  all(): Link[] {
    return this.#table.all()
  }

  /**
   * A link to the node that listens there: the one that is up, or a new one.
   * @throws ERR_UNREACHABLE, ERR_AUTH, ERR_WRONG_CLUSTER, ERR_WRONG_PEER (it is this node, or an older life),
   *   ERR_PROTOCOL_VERSION, ERR_HANDSHAKE_TIMEOUT, ERR_LINK_LOST, ERR_NODE_STOPPED
   */
  connect(address: Address, options: ConnectOptions = {}): Promise<Link> {
    return this.#dials.connect(address, options.joining ?? this.#deps.self().joining, options.timeoutMs)
  }

  /** Keeps a connection to this address until `release`. */
  keep(address: Address, options: { readonly joining: boolean }): void {
    const key = addressText(address)
    if (this.#closing !== undefined || this.#keepers.get(key)?.joining === options.joining) return
    this.release(address)
    const { clock, random, limits, handlers } = this.#deps
    let lastCode = ''
    const keeper = new Keeper(address, options.joining, {
      clock,
      random,
      limits,
      connect: () => this.connect(address, options),
      judge: (error) => {
        const code = isMobilityError(error) ? error.code : 'ERR_INVARIANT'
        if (isSelf(error)) return 'self'
        if (code !== lastCode)
          this.#deps.log.warn({ address: key, code, reason: reasonOf(error) }, 'no link to this address')
        lastCode = code
        return isRefusal(error) ? 'refused' : 'other'
      },
      refused: (forMs) => this.#guarded('refused', () => handlers.refused(address, forMs)),
      pointless: () => this.release(address),
    })
    this.#keepers.set(key, keeper)
  }

  /** Stops keeping. A link that is up stays. */
  release(address: Address): void {
    const key = addressText(address)
    this.#keepers.get(key)?.release()
    this.#keepers.delete(key)
  }

  /** Says BYE to everyone (`left`: this node leaves for good), sends what is urgent, ends. Nothing goes on after it. */
  close(reason: string, left = true): Promise<void> {
    this.#closing ??= this.#close(reason, left)
    return this.#closing
  }

  async #close(reason: string, left: boolean): Promise<void> {
    for (const keeper of this.#keepers.values()) keeper.release()
    this.#keepers.clear()
    const listeners = this.#listeners.map((listener) => listener.close())
    for (const { session, link } of [...this.#live.values()]) {
      if (link === undefined) session.close('ERR_NODE_STOPPED', 'this node stops')
      else session.close(left ? 'left' : 'ERR_LINK_LOST', reason)
    }
    this.#dials.close(this.#stopped())
    await Promise.all(listeners)
    if (this.#live.size > 0) await new Promise<void>((resolve) => (this.#emptied = resolve))
  }

  #stopped(): MobilityError {
    return fail('ERR_NODE_STOPPED', { node: this.#deps.self().identity.node })
  }

  #mayDial(joining: boolean): void {
    if (this.#closing !== undefined) throw this.#stopped()
    if (joining || this.#deps.self().identity.cluster !== '') return
    const reason = 'this node has not joined its own cluster yet'
    throw fail('ERR_UNREACHABLE', { what: 'A node of another cluster', reason })
  }

  #accept(socket: Socket): void {
    const { clock, limits, events } = this.#deps
    const { host } = socket.remote
    const full = this.#closing === undefined ? this.#gate.enter(host) : 0
    if (full > 0 || this.#closing !== undefined) {
      socket.destroy()
      const reason = `${full} connections are in the handshake`
      if (full > 0) events.emit('linkrefused', { peer: addressText(socket.remote), code: 'ERR_LINK_LIMIT', reason })
      return
    }
    let inside = true
    const leave = (): void => {
      if (inside) this.#gate.leave(host)
      inside = false
    }
    const begunAt = clock.now()
    const dial: Dial = { address: socket.remote, joining: false, begunAt, deadline: begunAt + limits.handshakeMs }
    const settled = (outcome: Outcome): void => {
      if ('link' in outcome) leave()
    }
    try {
      this.#open(socket, 'acceptor', dial, settled, leave)
    } catch (error) {
      leave()
      socket.destroy()
      this.#deps.log.error({ reason: reasonOf(error) }, 'this node cannot say HELLO')
    }
  }

  #shake(socket: Socket, dial: Dial): Promise<Link | undefined> {
    return new Promise((resolve, reject) => {
      const settled = (outcome: Outcome, live: Live): void => {
        const { cluster } = this.#deps.self().identity
        if ('link' in outcome) resolve(outcome.link)
        else if (outcome.end.quiet && outcome.end.reason === DUPLICATE) this.#awaitWinner(live, dial.address, resolve)
        else reject(failureOf(live.session, outcome.end, cluster, this.#deps.limits))
      }
      try {
        this.#open(socket, 'dialer', dial, settled, () => {})
      } catch (error) {
        socket.destroy()
        reject(error)
      }
    })
  }

  /** This dial gave way. To which link, and does that one come up? */
  #awaitWinner(live: Live, address: Address, resolve: (link: Link | undefined) => void): void {
    const { claimed } = live.session
    const winner = this.#rivals(live).find((rival) => rival.incarnation === claimed?.incarnation)
    const give = (link: Link | undefined): void => {
      if (link?.up === true) this.#table.reach(link, address)
      resolve(link?.up === true ? link : undefined)
    }
    if (winner === undefined || winner.link !== undefined) give(winner?.link)
    else winner.waiting.push((its) => give('link' in its ? its.link : undefined))
  }

  #open(
    socket: Socket,
    role: Role,
    dial: Dial,
    settled: (outcome: Outcome, live: Live) => void,
    closed: () => void,
  ): void {
    const { clock, limits, random, secret, self } = this.#deps
    const session = new Session({
      clock,
      limits,
      socket,
      role,
      hello: helloOf(self(), dial.joining, random.bytes(32), limits),
      secret,
      deadline: dial.deadline,
      begunAt: dial.begunAt,
      address: dial.address,
      judge: () => this.#judge(live),
      up: (_, link) => this.#onUp(live, link),
      message: (link, message) => this.#onMessage(link, message),
      ended: (_, end) => this.#onEnded(live, end),
      closed: () => {
        closed()
        this.#live.delete(session)
        if (this.#live.size === 0) this.#emptied?.()
      },
    })
    const live: Live = {
      session,
      role,
      link: undefined,
      waiting: [(outcome) => settled(outcome, live)],
      get incarnation() {
        return session.claimed?.incarnation ?? 0
      },
      get upAt() {
        return this.link?.upAt
      },
    }
    this.#live.set(session, live)
  }

  #judge(live: Live): Verdict {
    const peer = live.session.claimed
    if (peer === undefined) return { type: 'take' }
    if (this.#closing !== undefined) return { type: 'refuse', code: 'ERR_NODE_STOPPED', reason: 'this node stops' }
    const { identity } = this.#deps.self()
    // Two dials at once may both have wanted to learn the cluster; the other one was first, and it is not this one.
    if (peer.member && identity.cluster !== '' && identity.cluster !== peer.cluster) {
      return { type: 'refuse', code: 'ERR_WRONG_CLUSTER', reason: 'it belongs to another cluster' }
    }
    // It would be the highest that is ever known of the node, and keep its true lives out.
    if (peer.incarnation > this.#deps.clock.wall() + INCARNATION_LEAP_MS) {
      const reason = `its incarnation ${peer.incarnation} is far ahead of any clock`
      return { type: 'refuse', code: 'ERR_WRONG_PEER', reason }
    }
    const own = identity.cluster === '' ? { ...identity, cluster: peer.cluster } : identity
    const { role, begunAt } = live.session
    const highest = this.#table.highest(nodeKey(peer))
    const verdict = settle({ role, own, peer, begunAt, highest, rivals: this.#rivals(live) })
    if (verdict.type !== 'take' || !peer.member) return verdict
    return this.#deps.handlers.admit?.(peer) ?? verdict
  }

  /** Other connections with the same node: the link that is up, and its dials to which this node has said READY. */
  #rivals(live: Live): Live[] {
    const peer = live.session.claimed
    if (peer === undefined) return []
    const key = nodeKey(peer)
    const rivals: Live[] = []
    for (const other of this.#live.values()) {
      const { claimed, phase, role } = other.session
      if (other === live || claimed === undefined || nodeKey(claimed) !== key) continue
      if (phase === 'confirming' && role === 'acceptor') rivals.push(other)
      else if (other.link?.up === true) rivals.unshift(other)
    }
    return rivals
  }

  #onUp(live: Live, link: Link): void {
    const { self, handlers, events, clock } = this.#deps
    const { peer } = link
    live.link = link
    if (self().identity.cluster === '' && peer.member) this.#guarded('adopt', () => handlers.adopt(peer.cluster))
    const previous = this.#table.get(peer.cluster, peer.node)
    previous?.close('ERR_LINK_LOST', previous.peer.incarnation < peer.incarnation ? 'restarted' : 'replaced')
    // The peer gives its own dial up too; sooner when it hears of it.
    if (link.dialed && isLower(self().identity, peer)) {
      for (const rival of this.#rivals(live)) rival.session.close('ERR_LINK_LOST', DUPLICATE)
    }
    if (!link.up) return
    const addresses = link.dialed ? [peer.address, live.session.address] : [peer.address]
    this.#table.put(link, addresses)
    for (const address of addresses) this.#keepers.get(addressText(address))?.linked(link)
    this.#guarded('up', () => handlers.up(link))
    const ms = Math.round(clock.now() - live.session.begunAt)
    if (link.up) events.emit('linkup', { peer: shown(link), address: addressText(peer.address), ms })
    this.#settle(live, { link })
  }

  #settle(live: Live, outcome: Outcome): void {
    for (const tell of live.waiting.splice(0)) tell(outcome)
  }

  #onEnded(live: Live, end: End): void {
    const { events, log } = this.#deps
    const { session, link } = live
    this.#settle(live, { end })
    if (link !== undefined) this.#onDown(link, end)
    if (link !== undefined || end.quiet || end.by === 'network') return
    const peer = nameOf(session)
    log.debug({ peer, code: end.code, reason: end.reason, by: end.by }, 'a connection was refused')
    events.emit('linkrefused', { peer, code: end.code, reason: end.reason })
  }

  #onDown(link: Link, end: End): void {
    const { handlers, events } = this.#deps
    if (!this.#table.drop(link)) return
    const code = end.by === 'us' && end.code === 'left' ? 'ERR_NODE_STOPPED' : end.code
    this.#guarded('down', () => handlers.down(link, code, end.reason))
    events.emit('linkdown', { peer: shown(link), code, reason: end.reason })
    for (const keeper of [...this.#keepers.values()]) keeper.unlinked(link, end.by === 'network')
  }

  #onMessage(link: Link, message: Message): void {
    try {
      this.#deps.handlers.message(link, message)
    } catch (error) {
      const reason = reasonOf(error)
      this.#deps.log.error({ peer: shown(link), type: message.type, reason }, 'a message could not be handled')
      if (isMobilityError(error) && wireCodes.has(error.code)) link.close('ERR_PROTOCOL', reason)
    }
  }

  #guarded(what: string, act: () => void): void {
    try {
      act()
    } catch (error) {
      this.#deps.log.error({ what, reason: reasonOf(error) }, 'a link handler threw')
    }
  }
}
