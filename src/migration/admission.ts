/**
 * Who may bring what to this node: everything that can be said no to before a byte of the snapshot is taken, and the
 * attempts that will never run here.
 */
import { fail, type MobilityError } from '../base/errors.js'
import { type Attempt, compareAttempts } from '../base/ids.js'
import type { Link } from '../link/link.js'
import { oldestReadable } from '../process/gen-server.js'
import type { MessageOf } from '../wire/messages.js'
import type { MoveContext } from './context.js'

export class Admission {
  readonly #context: MoveContext
  /** The newest burned attempt of a name: it and all before it are never prepared, and never run. */
  readonly #burned = new Map<string, { readonly attempt: Attempt; readonly at: number }>()

  constructor(context: MoveContext) {
    this.#context = context
  }

  get size(): number {
    return this.#burned.size
  }

  burn(name: string, attempt: Attempt): void {
    if (!this.isBurned(name, attempt)) this.#burned.set(name, { attempt, at: this.#context.clock.now() })
  }

  isBurned(name: string, attempt: Attempt): boolean {
    const burned = this.#burned.get(name)
    return burned !== undefined && compareAttempts(attempt, burned.attempt) <= 0
  }

  /** The name is known here as delegated, and this is that process on its way home. */
  isReturning({ name, attempt }: MessageOf<'PREPARE'>): boolean {
    const entry = this.#context.directory.lookup(name)
    return entry?.status === 'live' && entry.via !== undefined && entry.epoch <= attempt.epoch
  }

  /** @param copies  that this peer has left here already */
  refusal(link: Link, prepare: MessageOf<'PREPARE'>, copies: number): MobilityError | undefined {
    const { limits, kinds } = this.#context
    const { name, attempt, version, totalBytes } = prepare
    const { node } = this.#context.self().identity
    const kind = kinds.get(prepare.kind)
    if (kind === undefined) return fail('ERR_KIND_UNKNOWN', { node, kind: prepare.kind })
    const oldest = oldestReadable(kind)
    if (version > kind.version || version < oldest) {
      return fail('ERR_VERSION', { node, kind: kind.kind, version, reads: `${oldest} to ${kind.version}` })
    }
    const limit = limits.stateBytesMax
    if (totalBytes > limit) return fail('ERR_STATE_TOO_LARGE', { name, bytes: totalBytes, limit })
    if (this.isBurned(name, attempt)) return fail('ERR_REFUSED', { node, name, reason: 'that attempt was given up' })
    if (copies >= limits.preparedPerPeerMax) {
      return fail('ERR_REFUSED', { node, name, reason: `it has ${copies} copies of ${link.peer.node} already` })
    }
    return this.#ownership(link, prepare)
  }

  /** Only the owner of a name moves it, and only to where the name is free. */
  #ownership(link: Link, prepare: MessageOf<'PREPARE'>): MobilityError | undefined {
    const { directory, table, events } = this.#context
    const { name, attempt } = prepare
    const { node } = this.#context.self().identity
    const { peer } = link
    const entry = directory.lookup(name)
    if (entry?.status === 'live' && (entry.epoch > attempt.epoch || (peer.member && entry.node !== peer.node))) {
      events.emit('violation', { peer: peer.node, what: 'a move of what it does not own', name })
      return fail('ERR_REFUSED', { node, name, reason: `${name} lives on ${entry.node}, in epoch ${entry.epoch}` })
    }
    const taken = !peer.member && entry?.status === 'live' && !this.isReturning(prepare)
    if (!taken && table.get(name) === undefined) return undefined
    return fail('ERR_ALREADY_STARTED', { name, node: entry?.node ?? node })
  }

  sweep(): void {
    const before = this.#context.clock.now() - this.#context.limits.endedMs
    for (const [name, { at }] of this.#burned) if (at < before) this.#burned.delete(name)
  }
}
