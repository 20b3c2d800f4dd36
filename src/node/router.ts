/**
 * The way of every message, local or remote, in one function: `dispatch`.
 *
 *   tcp -> frame-reader -> link -> messages (validate) -> router
 *      |- a process here      -> channel (next seq? accept and ack) -> mailbox -> server-loop -> your handler -> reply
 *      |- a name elsewhere    -> REDIRECT to the sender (a gateway relays, only between clusters)
 *      |- a reply or an ack   -> channel -> the waiting promise
 *      '- registry, migration, membership bodies -> that folder's driver -> its machine
 */
import { fail, type MobilityError } from '../base/errors.js'
import type { Events } from '../base/events.js'
import { addressText, type Identity, type Origin, parseOrigin, sameIdentity } from '../base/ids.js'
import { later } from '../base/later.js'
import type { Limits } from '../base/limits.js'
import type { Clock, Logger } from '../base/ports.js'
import type { Channels } from '../channel/channels.js'
import type { Inbox } from '../channel/inbox.js'
import { Load } from '../channel/load.js'
import type { ChannelId, Courier, Parcel, Receipt, Route } from '../channel/parcel.js'
import type { Replies } from '../channel/replies.js'
import type { Link } from '../link/link.js'
import type { Links } from '../link/links.js'
import type { Peers } from '../link/peers.js'
import type { Coordinator } from '../migration/coordinator.js'
import type { Process } from '../process/host.js'
import type { KeptReply } from '../process/image.js'
import type { Lane } from '../process/mailbox.js'
import type { ProcessTable } from '../process/process-table.js'
import type { NodeDirectory } from '../registry/directory.js'
import { isNoEnd, NODE_DOWN } from '../registry/reasons.js'
import type { Entry, Message, MessageOf } from '../wire/messages.js'
import { failedBody, fittingBody, receivedOutcome } from './answers.js'
import { ReplyAcks } from './reply-acks.js'
import { WaysBack } from './ways-back.js'

interface RouterDeps {
  readonly clock: Clock
  readonly limits: Limits
  readonly events: Events
  readonly log: Logger
  readonly table: ProcessTable
  readonly links: Links
  readonly peers: Peers
  readonly directory: NodeDirectory
  readonly identity: () => Identity
  readonly origin: () => Origin
  /** Made after the router, which is their way out. */
  readonly parts: () => { channels: Channels; inbox: Inbox; replies: Replies; coordinator: Coordinator }
  /** Its process waits for the name here (returns.ts), and so do its callers. */
  readonly awaited: (name: string) => { readonly line: number; readonly epoch: number } | undefined
}

/** The link leads to another cluster, and the sender is of that one. */
const isOrigins = ({ peer }: Link, origin: Origin) => !peer.member && parseOrigin(origin)?.cluster === peer.cluster

export class Router implements Courier {
  readonly #deps: RouterDeps
  readonly #back: WaysBack
  readonly #replyAcks: ReplyAcks

  constructor(deps: RouterDeps) {
    const { limits, links, identity } = deps
    this.#deps = deps
    const gatewayOf = (name: string, cluster: string): Identity | undefined =>
      deps.parts().coordinator.delegations.gatewayOf(name, cluster)
    this.#back = new WaysBack({ limits, links, identity, gatewayOf })
    this.#replyAcks = new ReplyAcks(deps)
  }

  // ---- where is a name

  route(name: string): Route {
    const process = this.#deps.table.get(name)
    // What is inert here runs elsewhere, and its move may yet be given up.
    if (process !== undefined && process.phase !== 'inert') {
      const { line, epoch } = process
      return { type: 'there', line, epoch, path: `here ${epoch}` }
    }
    const { directory, peers } = this.#deps
    const awaited = process === undefined ? this.#deps.awaited(name) : undefined
    if (awaited !== undefined) return { type: 'there', ...awaited, path: undefined }
    const entry = directory.lookup(name)
    if (entry === undefined || isNoEnd(entry)) return { type: 'unknown' }
    const { line, epoch, reason } = entry
    if (entry.status === 'ended') {
      if (reason === NODE_DOWN || peers.isDead(entry.node, entry.incarnation))
        return { type: 'dead', reason: `its node ${entry.node} died` }
      return { type: 'ended', line, reason, path: this.#isHere(entry) ? 'here' : this.#linkFor(entry)?.path }
    }
    if (directory.isRecovering(name)) return { type: 'there', line, epoch, path: undefined }
    const path = this.#linkFor(entry)?.path
    // With the epoch: through a gateway the link stays the same when the process moves on, and what its frozen copy
    // dropped must be sent again.
    return { type: 'there', line, epoch, path: path === undefined ? undefined : `${path} ${epoch}` }
  }

  #isHere(entry: Entry): boolean {
    return entry.node === this.#deps.identity().node && entry.via === undefined
  }

  /** The link on which a name that is not here can be reached: its member, or the node behind this gateway. */
  #linkFor(entry: Entry): Link | undefined {
    const { links, identity } = this.#deps
    const { cluster, node } = identity()
    if (entry.node !== node) return links.to(cluster, entry.node)
    if (entry.via === undefined) return undefined
    const { via } = entry
    return links.all().find((link) => addressText(link.peer.address) === addressText(via))
  }

  lateBecause(name: string): ReturnType<Courier['lateBecause']> {
    const doubt = this.#deps.parts().coordinator.doubtOf(name)
    if (doubt !== undefined) return { code: 'ERR_IN_DOUBT', reason: doubt }
    const route = this.route(name)
    // Of an end, too, only its node can say what it had taken.
    if ((route.type !== 'there' && route.type !== 'ended') || route.path !== undefined) return undefined
    const entry = this.#deps.directory.lookup(name)
    const node = entry?.node ?? this.#deps.identity().node
    const where = entry?.via === undefined ? `node ${node}` : addressText(entry.via)
    return { code: 'ERR_UNREACHABLE', reason: `there is no link to ${where}` }
  }

  // ---- messages to processes

  carry(parcel: Parcel): boolean {
    return this.dispatch(parcel, undefined)
  }

  /** @param from  the link it came on; undefined for a sender of this node. @returns false: it cannot go there now */
  dispatch(parcel: Parcel, from: Link | undefined): boolean {
    const { inbox } = this.#deps.parts()
    const process = this.#deps.table.get(parcel.name)
    // G4: without a lease the name may be another's by now. Nothing is taken, and its sender keeps it.
    if (process !== undefined && this.#deps.directory.mayRun?.() === false) return from !== undefined
    if (process !== undefined && (from !== undefined || process.phase !== 'inert')) {
      inbox.take(process, parcel)
      return true
    }
    const entry = this.#deps.directory.lookup(parcel.name)
    const ended = entry?.status === 'ended'
    if (entry === undefined || (ended && this.#isHere(entry))) return inbox.takeForNobody(parcel)
    // Members know that its node is dead; another cluster hears so from us, and from nobody else.
    if (ended && entry.reason === NODE_DOWN && from?.peer.member === false)
      return inbox.takeForNobody(parcel, NODE_DOWN)
    const relays = entry.via !== undefined && entry.node === this.#deps.identity().node
    if (from === undefined || relays) return this.#forward(entry, parcel, from)
    // The sender's knowledge is older than ours. A member hears it like this, another cluster by LOCATED. What is about
    // to start here is dropped, and comes again.
    if (from.peer.member && !this.#isHere(entry)) from.send({ type: 'REDIRECT', entry })
    return true
  }

  #forward(entry: Entry, parcel: Parcel, from: Link | undefined): boolean {
    const link = this.#linkFor(entry)
    if (entry.via !== undefined) this.#deps.parts().coordinator.gateways.used(parcel.name)
    // A gateway keeps nothing: the first sender does, and sends again, or hears in his own cluster that it came home.
    if (link === undefined || link === from || isOrigins(link, parcel.origin)) return false
    const hops = from === undefined ? parcel.hops : parcel.hops + 1
    if (hops > this.#deps.limits.hopsMax) return this.#tooFar(parcel, hops)
    const whole = parcel.load.bytes()
    const fits = whole.length <= link.bodyBytesMax
    if (!fits) this.#tooLarge(parcel, whole.length, link.bodyBytesMax, from)
    // Its receiver may speak to a name that was started here a moment ago.
    if (from === undefined) this.#deps.directory.flush()
    const { name, origin, lane, line, seq, open, dueAt } = parcel
    const [what, body] = fits ? ([parcel.what, whole] as const) : (['void', Buffer.alloc(0)] as const)
    const left = Math.min(Number.MAX_SAFE_INTEGER, Math.max(0, Math.round(dueAt - this.#deps.clock.now())))
    const remainingMs = dueAt === Number.POSITIVE_INFINITY ? undefined : left
    link.send({ type: 'DELIVER', name, origin, lane, line, seq, open, hops, what, remainingMs, body })
    return true
  }

  /** Its sender hears of it; on the link goes only its number. */
  #tooLarge(parcel: Parcel, bytes: number, limit: number, from: Link | undefined): void {
    const { name, what } = parcel
    const error = (executed: 'no' | 'maybe'): MobilityError =>
      fail('ERR_FRAME_TOO_LARGE', { bytes, limit, what: `A ${what} for ${name}` }, { executed })
    if (from === undefined) this.#deps.parts().channels.refuse(parcel, error)
    else if (what === 'call') this.#bounce(parcel, error('maybe'))
    else if (what !== 'void')
      this.#deps.events.emit('undelivered', { name, what, count: 1, reason: 'ERR_FRAME_TOO_LARGE' })
  }

  #tooFar(parcel: Parcel, hops: number): boolean {
    const { events } = this.#deps
    events.emit('limit', { limit: 'hopsMax', name: parcel.name, value: hops })
    if (parcel.what === 'call') this.#bounce(parcel, fail('ERR_HOPS', { name: parcel.name, hops }))
    return true
  }

  /** A call that cannot be relayed. The gateway cannot know whether an earlier copy of it got through and ran (G9). */
  #bounce({ name, origin, lane, seq }: Parcel, error: MobilityError): void {
    const body = failedBody(error, this.#deps.limits)
    this.#back.to(origin, name)?.send({ type: 'REPLY', name, origin, lane, seq, epoch: 0, body })
  }

  #deliver(link: Link, message: MessageOf<'DELIVER'>): void {
    const { clock, limits } = this.#deps
    const sender = parseOrigin(message.origin)
    if (sender === undefined || !this.#speaksAs(link, sender))
      return this.#violation(link, `a message in the name of ${message.origin}`, message.name)
    if (!link.peer.member && !this.#deps.parts().coordinator.delegations.serves(message.name, link.peer.cluster)) {
      // What another cluster may not use looks to it like what is not there. Of that a restarted node knows nothing.
      if (this.#deps.directory.lookup(message.name)?.status === 'live')
        this.#violation(link, 'a message to a name that its cluster was not given', message.name)
      return
    }
    if (!link.peer.member) this.#back.heard(sender.cluster, link)
    const { name, lane, line, seq, open, hops, what, remainingMs, body } = message
    const dueAt = remainingMs === undefined ? Number.POSITIVE_INFINITY : clock.now() + remainingMs
    const origin = message.origin as Origin
    const load = Load.from(body, limits)
    const parcel: Parcel = { name, origin, lane: lane as Lane, line, seq, open, hops, what, dueAt, load }
    if (hops > limits.hopsMax) this.#tooFar(parcel, hops)
    else this.dispatch(parcel, link)
  }

  // ---- who may say what

  /** A member speaks for itself, and a node of another cluster for any but ours. */
  #speaksAs({ peer }: Link, sender: Identity): boolean {
    return peer.member ? sameIdentity(sender, peer) : sender.cluster !== this.#deps.identity().cluster
  }

  /** Does the name run there, or lead on from there? Only such a node says what was taken and what came of it. */
  #speaksFor({ peer }: Link, entry: Entry | undefined): boolean {
    if (entry === undefined) return false
    const { via } = entry
    if (via !== undefined && entry.node === this.#deps.identity().node)
      return !peer.member && addressText(peer.address) === addressText(via)
    return peer.member && peer.node === entry.node && peer.incarnation === entry.incarnation
  }

  #violation({ peer }: Link, what: string, name: string): void {
    this.#deps.events.emit('violation', { peer: peer.node, what, name })
  }

  // ---- back to senders

  receipt(id: ChannelId, receipt: Receipt): void {
    const { name, origin, lane } = id
    if (this.isOwn(origin)) {
      // In a turn of its own: the sender may be in the middle of a step.
      later(() => this.#deps.parts().channels.receipt(name, lane, receipt))
      return
    }
    this.#deps.directory.flush()
    const link = this.#back.to(origin, name)
    if (receipt.type === 'ack')
      link?.send({ type: 'ACK', name, origin, lane, line: receipt.line, epoch: receipt.epoch, next: receipt.next })
    else if (receipt.type === 'reset')
      link?.send({ type: 'RESET', name, origin, lane, line: receipt.line, epoch: receipt.epoch })
    else
      link?.send({ type: 'GONE', name, origin, lane, epoch: receipt.epoch, next: receipt.next, reason: receipt.reason })
  }

  /** An answer that is kept goes out, once more. @returns false: it cannot go now */
  post(process: Process, { to, body }: KeptReply): boolean {
    const { origin, lane, seq } = to
    if (this.isOwn(origin)) {
      const { limits } = this.#deps
      later(() => {
        this.#deps.parts().replies.acked(process, origin, lane, [seq])
        this.#deps.parts().channels.reply(process.name, lane, seq, receivedOutcome(process.name, body, limits), false)
      })
      return true
    }
    this.#deps.directory.flush()
    const link = this.#back.to(origin, process.name)
    // A caller that reads nothing gets no more of it: the answer is kept, and sent again.
    if (link === undefined || link.queuedBytes > this.#deps.limits.writeQueueBytesMax) return false
    const { name, epoch } = process
    const sent = fittingBody(name, body, link.bodyBytesMax, this.#deps.limits)
    link.send({ type: 'REPLY', name, origin, lane, seq, epoch, body: sent })
    return true
  }

  /** A sender of this node, in this life of it. */
  isOwn(origin: Origin): boolean {
    return origin === this.#deps.origin()
  }

  replyAck({ name, origin, lane }: ChannelId, seqs: readonly number[]): void {
    const { replies } = this.#deps.parts()
    for (const process of replies.keepersOf(name)) replies.acked(process, origin, lane, seqs)
    if (this.#deps.table.get(name) !== undefined) return
    const entry = this.#deps.directory.lookup(name)
    // Only a gateway says what others have said; a member acknowledges the next copy of the answer to who sends it.
    if (entry?.via === undefined || entry.node !== this.#deps.identity().node) return
    const link = this.#linkFor(entry)
    if (link !== undefined && !isOrigins(link, origin)) link.send({ type: 'REPLY_ACK', name, origin, lane, seqs })
  }

  // ---- what comes in

  received(link: Link, message: Message): boolean {
    switch (message.type) {
      case 'DELIVER':
        this.#deliver(link, message)
        return true
      case 'ACK':
      case 'RESET':
      case 'GONE':
      case 'REPLY':
        this.#backward(link, message)
        return true
      case 'REPLY_ACK':
        this.#replyAcked(link, message)
        return true
      case 'REDIRECT':
        if (!link.peer.member) return true
        this.#redirected(link, message.entry)
        return true
      default:
        return false
    }
  }

  #replyAcked(link: Link, { name, origin, lane, seqs }: MessageOf<'REPLY_ACK'>): void {
    const sender = parseOrigin(origin)
    if (sender === undefined || !this.#speaksAs(link, sender))
      return this.#violation(link, `an acknowledgement in the name of ${origin}`, name)
    this.replyAck({ name, origin: origin as Origin, lane: lane as Lane }, seqs)
  }

  /** Acks and answers: for this node's channels, or, at a gateway, for those of a member. */
  #backward(link: Link, message: MessageOf<'ACK' | 'RESET' | 'GONE' | 'REPLY'>): void {
    const origin = message.origin as Origin
    const entry = this.#deps.directory.lookup(message.name)
    // From a copy that was superseded: its word counts no more (G2).
    if (entry !== undefined && message.epoch < entry.epoch && message.epoch !== 0) return
    if (!this.#speaksFor(link, entry)) {
      // Of a newer epoch, from outside: the news of where it is now is on its way, and this comes again. Of a name that
      // is away: who says it, or who hears it, has not heard yet that another member is the gateway.
      const { via, node } = entry ?? {}
      const elsewhere = via !== undefined && (link.peer.member || node !== this.#deps.identity().node)
      const early = elsewhere || (!link.peer.member && message.epoch > (entry?.epoch ?? 0))
      if (!early && entry !== undefined) this.#violation(link, `${message.type} for what it does not run`, message.name)
      return
    }
    if (entry?.via !== undefined) this.#deps.parts().coordinator.gateways.heard(message.name)
    if (!this.isOwn(origin)) {
      this.#deps.directory.flush()
      const back = this.#back.to(origin, message.name)
      if (back === undefined || back === link) return
      if (message.type !== 'REPLY') return back.send(message)
      const body = fittingBody(message.name, message.body, back.bodyBytesMax, this.#deps.limits)
      return back.send({ ...message, body })
    }
    const lane = message.lane as Lane
    const { channels } = this.#deps.parts()
    if (message.type === 'REPLY') return this.#reply(link, message, lane)
    const { name, epoch } = message
    if (message.type === 'ACK')
      channels.receipt(name, lane, { type: 'ack', line: message.line, epoch, next: message.next })
    else if (message.type === 'RESET') channels.receipt(name, lane, { type: 'reset', line: message.line, epoch })
    else channels.receipt(name, lane, { type: 'gone', epoch, next: message.next, reason: message.reason })
  }

  #reply(link: Link, { name, seq, epoch, body }: MessageOf<'REPLY'>, lane: Lane): void {
    this.#replyAcks.add(link, name, lane, seq)
    const outcome = receivedOutcome(name, body, this.#deps.limits)
    // In epoch 0 it is a gateway that speaks, and the process may never have heard of the call.
    this.#deps.parts().channels.reply(name, lane, seq, outcome, epoch !== 0)
  }

  // ---- news

  /** Those whose messages a frozen copy dropped are told where it is now. */
  callBack(name: string): void {
    const { inbox, channels } = this.#deps.parts()
    const entry = this.#deps.directory.lookup(name)
    for (const origin of inbox.takeDropped(name)) {
      if (this.isOwn(origin) || entry === undefined) continue
      const link = this.#back.to(origin, name)
      if (link?.peer.member === true) link.send({ type: 'REDIRECT', entry })
    }
    channels.routeChanged(name, true)
  }

  /** News is told by the registry. No news: the copy there was frozen and runs again: what it dropped goes out anew. */
  #redirected(link: Link, entry: Entry): void {
    const { directory, parts } = this.#deps
    const before = directory.lookup(entry.name)
    directory.learn(entry, link.peer.node)
    // Only from where it runs: a source that it left says nothing new, once for each message that it dropped.
    const awake = entry.node === link.peer.node && directory.lookup(entry.name) === before
    if (awake) parts().channels.routeChanged(entry.name, true)
  }

  linkDown(link: Link): void {
    this.#back.linkDown(link)
  }

  close(): void {
    this.#replyAcks.close()
  }
}
