/**
 * What a process sent before it moved is still on its way from here. Its new node holds its sends to the same names
 * until this one says FLUSHED (G3): for each name that went into the snapshot, and again on a new link.
 */
import { type Identity, sameIdentity } from '../base/ids.js'
import type { Link } from '../link/link.js'
import type { Process } from '../process/host.js'
import type { MessageOf } from '../wire/messages.js'
import { type MoveContext, type MoveKey, tell } from './context.js'

interface Said {
  readonly to: Identity
  readonly message: MessageOf<'FLUSHED'>
  readonly until: number
}

export class Flushing {
  readonly #context: MoveContext
  #said: Said[] = []

  constructor(context: MoveContext) {
    this.#context = context
  }

  get size(): number {
    return this.#said.length
  }

  flush({ name, attempt }: MoveKey, process: Process, names: readonly string[], to: Identity): void {
    const { channels, clock, limits } = this.#context
    channels.whenFlushed(process, names, (target) => {
      const message = { type: 'FLUSHED', name, attempt, target } as const
      this.#said.push({ to, message, until: clock.now() + limits.relayAgeMs })
      tell(this.#context, to, message)
    })
  }

  /** What was said on the link before may be lost with it. */
  linkUp(link: Link): void {
    for (const { to, message } of this.#said) if (sameIdentity(to, link.peer)) link.send(message)
  }

  sweep(): void {
    const now = this.#context.clock.now()
    this.#said = this.#said.filter(({ until }) => until > now)
  }
}
