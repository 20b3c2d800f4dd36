/**
 * Who may bring what to this node: everything that can be said no to before a byte of the snapshot is taken, and the
 * attempts that will never run here.
 */
import { fail, type MobilityError } from '../base/errors.js'
import { type Attempt, addressText, compareAttempts, isName } from '../base/ids.js'
import type { Link } from '../link/link.js'
import { oldestReadable } from '../process/gen-server.js'
import { isPlausible } from '../registry/plausible.js'
import type { Entry, MessageOf } from '../wire/messages.js'
import type { MoveContext } from './context.js'

/** Where an attempt was made. */
interface Source {
  readonly cluster: string
  readonly node?: string
}

const keyOf = ({ cluster, node }: Source, name: string): string => `${cluster}/${node ?? ''} ${name}`

const outgrown = (entry: Entry | undefined, { epoch }: Attempt): boolean =>
  entry?.status === 'live' && entry.epoch > epoch

/** Does this member run the name, in this very epoch? Its registration stands before its moves on the link. */
export const isOwner = ({ peer }: Link, { status, node, incarnation, epoch, via }: Entry, attempt: Attempt): boolean =>
  status === 'live' &&
  via === undefined &&
  node === peer.node &&
  incarnation === peer.incarnation &&
  epoch === attempt.epoch

export class Admission {
  readonly #context: MoveContext
  /**
   * By who may have made them and the name, the newest burned attempt: it and all before it are never prepared, and
   * never run. The word of one node burns nothing of another one's.
   */
  readonly #burned = new Map<string, { readonly attempt: Attempt; readonly at: number }>()

  constructor(context: MoveContext) {
    this.#context = context
  }

  get size(): number {
    return this.#burned.size
  }

  /** @param by  its source; without a node: whichever of that cluster. @returns false when there is no room for it */
  burn(by: Source, name: string, attempt: Attempt): boolean {
    if (this.isBurned(by, name, attempt)) return true
    const key = keyOf(by, name)
    const { clock, limits, events } = this.#context
    if (!this.#burned.has(key) && this.#burned.size >= limits.registryEntriesMax) {
      events.emit('limit', { limit: 'registryEntriesMax', name, value: this.#burned.size })
      return false
    }
    this.#burned.set(key, { attempt, at: clock.now() })
    return true
  }

  /** The same for one that this peer has asked for: what is not its own needs no burning, for it is never prepared. */
  burnFor(link: Link, name: string, attempt: Attempt): boolean {
    const entry = this.#context.directory.lookup(name)
    if (link.peer.member && (entry === undefined || !isOwner(link, entry, attempt))) return true
    return this.burn(link.peer, name, attempt)
  }

  isBurned(by: Source, name: string, attempt: Attempt): boolean {
    return [by, { cluster: by.cluster }].some((source) => {
      const burned = this.#burned.get(keyOf(source, name))
      return burned !== undefined && compareAttempts(attempt, burned.attempt) <= 0
    })
  }

  /** The name is known here as delegated, and this is that process on its way home, from where it is known to be. */
  isReturning({ peer }: Link, { name, attempt }: MessageOf<'PREPARE'>): boolean {
    const entry = this.#context.directory.lookup(name)
    if (entry?.status !== 'live' || entry.via === undefined || entry.epoch > attempt.epoch) return false
    return addressText(entry.via) === addressText(peer.address)
  }

  /** @param copies  that this peer has left here already */
  refusal(link: Link, prepare: MessageOf<'PREPARE'>, copies: number): MobilityError | undefined {
    const { limits, kinds } = this.#context
    const { name, attempt, version, totalBytes } = prepare
    const { node } = this.#context.self().identity
    if (this.#context.stopping()) return fail('ERR_REFUSED', { node, name, reason: 'it stops' })
    if (this.#context.isLeaving(node)) return fail('ERR_REFUSED', { node, name, reason: 'it is about to leave' })
    const unfit = this.#context.unfit(name)
    if (unfit !== undefined) return fail('ERR_REFUSED', { node, name, reason: unfit })
    if (this.#context.moves !== undefined && !link.peer.member)
      return fail('ERR_REFUSED', { node, name, reason: 'its directory is on an engine: nothing comes from outside' })
    const kind = kinds.get(prepare.kind)
    if (kind === undefined) return fail('ERR_KIND_UNKNOWN', { node, kind: prepare.kind })
    const oldest = oldestReadable(kind)
    if (version > kind.version || version < oldest) {
      return fail('ERR_VERSION', { node, kind: kind.kind, version, reads: `${oldest} to ${kind.version}` })
    }
    const limit = limits.stateBytesMax
    if (totalBytes > limit) return fail('ERR_STATE_TOO_LARGE', { name, bytes: totalBytes, limit })
    if (this.isBurned(link.peer, name, attempt))
      return fail('ERR_REFUSED', { node, name, reason: 'that attempt was given up' })
    if (copies >= limits.preparedPerPeerMax) {
      return fail('ERR_REFUSED', { node, name, reason: `it has ${copies} copies of ${link.peer.node} already` })
    }
    return this.#ownership(link, prepare)
  }

  /** Only the owner of a name moves it, and only to where the name is free. */
  #ownership(link: Link, prepare: MessageOf<'PREPARE'>): MobilityError | undefined {
    const { directory, table, events, clock } = this.#context
    const { name, attempt, line } = prepare
    const { node } = this.#context.self().identity
    const { peer } = link
    const entry = directory.lookup(name)
    if (!isName(name)) return fail('ERR_NAME_INVALID', { name, why: 'it has a control character, or none at all' })
    if (line > attempt.epoch || !isPlausible(attempt.epoch, entry?.epoch ?? 0, clock.wall())) {
      events.emit('violation', { peer: peer.node, what: `a move in epoch ${attempt.epoch}, line ${line}`, name })
      return fail('ERR_REFUSED', { node, name, reason: `epoch ${attempt.epoch} or line ${line} cannot be` })
    }
    // Another process of that name, in another cluster than its own: its epochs say nothing about this one.
    if (!peer.member && entry?.status === 'live' && entry.via === undefined)
      return fail('ERR_ALREADY_STARTED', { name, node: entry.node })
    const owns = peer.member ? entry !== undefined && isOwner(link, entry, attempt) : !outgrown(entry, attempt)
    if (!owns) {
      events.emit('violation', { peer: peer.node, what: 'a move of what it does not own', name })
      const where = entry?.status === 'live' ? `lives on ${entry.node}, in epoch ${entry.epoch}` : 'is not known here'
      return fail('ERR_REFUSED', { node, name, reason: `${name} ${where}` })
    }
    const taken = !peer.member && entry?.status === 'live' && !this.isReturning(link, prepare)
    if (!taken && table.get(name) === undefined) return undefined
    return fail('ERR_ALREADY_STARTED', { name, node: entry?.node ?? node })
  }

  sweep(): void {
    const before = this.#context.clock.now() - this.#context.limits.endedMs
    for (const [name, { at }] of this.#burned) if (at < before) this.#burned.delete(name)
  }
}
