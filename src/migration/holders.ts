/**
 * The driver of all holder machines of a node: what it remembers of other nodes' attempts, and, when such a source is
 * dead and its destination lives in another cluster, the one who tells that destination to run (it never does unasked).
 */
import type { Address, Attempt, Identity } from '../base/ids.js'
import { sameAttempt, sameIdentity } from '../base/ids.js'
import type { Timer } from '../base/ports.js'
import type { Link } from '../link/link.js'
import type { MessageOf } from '../wire/messages.js'
import { type MoveContext, moveEvent, tell } from './context.js'
import { type HolderState, stepHolder } from './machine-holder.js'

interface Held {
  state: HolderState
  readonly source: Identity
  readonly destination: Identity | undefined
  readonly address: Address | undefined
  readonly foreign: boolean
  at: number
  /** Asks a foreign destination to take over, until it answers. */
  asking: { timer: Timer; readonly letGo: () => void } | undefined
}

interface HoldersDeps {
  /** A foreign destination runs the process of a dead source: this node is the gateway now. */
  readonly tookOver: (message: MessageOf<'ACTIVATED'>, held: { destination: Identity; address: Address }) => void
}

export class Holders {
  readonly #context: MoveContext
  readonly #deps: HoldersDeps
  readonly #held = new Map<string, Held>()

  constructor(context: MoveContext, deps: HoldersDeps) {
    this.#context = context
    this.#deps = deps
  }

  get size(): number {
    return this.#held.size
  }

  begin(link: Link, message: MessageOf<'BEGIN'>): void {
    const { name, attempt } = message
    const known = this.#held.get(name)
    const { state, answer } = stepHolder(known?.state, { type: 'begin', attempt })
    if (state !== undefined && (known === undefined || !sameAttempt(known.state.attempt, state.attempt))) {
      const { destination, address, foreign } = message
      this.#put(name, { state, source: link.peer, destination, address, foreign, at: 0, asking: undefined })
    }
    if (answer === 'begun') link.send({ type: 'BEGUN', name, attempt })
    this.#event(name, attempt, 'begin', link.peer.node)
  }

  /** @returns what S is told: it may resume, or D has it */
  abort(link: Link, name: string, attempt: Attempt): 'aborted' | 'taken' {
    const known = this.#held.get(name)
    const { state, answer } = stepHolder(known?.state, { type: 'abort', attempt })
    if (state !== undefined) {
      const rest = known ?? {
        source: link.peer,
        destination: undefined,
        address: undefined,
        foreign: false,
        at: 0,
        asking: undefined,
      }
      this.#put(name, { ...rest, state })
    }
    this.#event(name, attempt, 'abort', link.peer.node)
    return answer === 'taken' || answer === 'closed' ? 'taken' : 'aborted'
  }

  take(link: Link, name: string, attempt: Attempt): void {
    const known = this.#held.get(name)
    const sourceDead = known !== undefined && this.#context.isDead(known.source)
    const { state, answer } = stepHolder(known?.state, { type: 'take', attempt, sourceDead })
    if (state !== undefined && known !== undefined) this.#put(name, { ...known, state })
    // Nothing is known of it: whoever remembers nothing must not grant anything, now or later.
    const verdict = answer === 'silence' || answer === 'begun' ? 'unknown' : known === undefined ? 'unknown' : answer
    link.send({ type: 'TAKEN', name, attempt, verdict })
    this.#event(name, attempt, 'takeover', link.peer.node, verdict)
  }

  #put(name: string, held: Held): void {
    const before = this.#held.get(name)
    if (before !== undefined && before.asking !== held.asking) this.#stopAsking(before)
    held.at = this.#context.clock.now()
    this.#held.set(name, held)
  }

  #event(
    name: string,
    attempt: Attempt,
    phase: Parameters<typeof moveEvent>[2]['phase'],
    peer: string,
    cause = '',
  ): void {
    moveEvent(this.#context, { name, attempt }, { phase, role: 'holder', peer, cause })
  }

  // ---- a dead source whose destination is in another cluster

  died(identity: Identity): void {
    for (const [name, held] of this.#held) {
      if (held.foreign && held.state.status === 'begun' && sameIdentity(held.source, identity)) this.#ask(name, held)
    }
  }

  /** This node waits for the answer of a foreign destination about a process of the dead node. */
  holds(name: string): boolean {
    return this.#held.get(name)?.asking !== undefined
  }

  #ask(name: string, held: Held): void {
    const { address, destination } = held
    if (held.asking !== undefined || address === undefined || destination === undefined) return
    const { clock, limits, roads } = this.#context
    const send = (): void => {
      void roads.connect(address).catch(() => undefined)
      tell(this.#context, destination, { type: 'TAKE_OVER', name, attempt: held.state.attempt })
      if (held.asking !== undefined) held.asking.timer = clock.after(limits.resendMs * 5, send)
    }
    held.asking = { timer: clock.after(0, send), letGo: roads.keep(address) }
  }

  #stopAsking(held: Held): void {
    held.asking?.timer.cancel()
    held.asking?.letGo()
    held.asking = undefined
  }

  /** @returns whether it was the answer of a destination that was asked */
  activated(message: MessageOf<'ACTIVATED'>): boolean {
    const held = this.#asked(message)
    if (held?.destination === undefined || held.address === undefined) return false
    held.state = { ...held.state, status: 'taken' }
    this.#deps.tookOver(message, { destination: held.destination, address: held.address })
    this.#stopAsking(held)
    tell(this.#context, held.destination, { type: 'RETIRED', name: message.name, attempt: message.attempt })
    return true
  }

  refused(message: MessageOf<'REFUSED'>): boolean {
    const held = this.#asked(message)
    if (held === undefined) return false
    held.state = { ...held.state, status: 'closed' }
    this.#stopAsking(held)
    this.#event(message.name, message.attempt, 'closed', held.destination?.node ?? '')
    return true
  }

  #asked({ name, attempt }: { readonly name: string; readonly attempt: Attempt }): Held | undefined {
    const held = this.#held.get(name)
    return held?.asking !== undefined && sameAttempt(held.state.attempt, attempt) ? held : undefined
  }

  /** What the name has outgrown is forgotten, and what is old. */
  sweep(): void {
    const before = this.#context.clock.now() - this.#context.limits.endedMs
    for (const [name, held] of this.#held) {
      if (held.asking !== undefined) continue
      const entry = this.#context.directory.lookup(name)
      const outgrown = entry !== undefined && entry.epoch > held.state.attempt.epoch
      if (outgrown || (held.at < before && held.state.status !== 'begun')) this.#held.delete(name)
    }
  }

  close(): void {
    for (const held of this.#held.values()) this.#stopAsking(held)
    this.#held.clear()
  }
}
