/** Whoever asked for a move, as its source answers him: once, whatever comes of it. */
import { fail, MobilityError } from '../base/errors.js'
import { type Identity, originOf } from '../base/ids.js'
import type { MoveResult } from '../process/directives.js'
import type { Process } from '../process/host.js'
import type { CallId } from '../process/mailbox.js'
import { failure, success } from '../process/outcome.js'
import type { MessageOf } from '../wire/messages.js'

export class Asker {
  readonly #process: Process
  readonly #call: CallId | undefined

  /** @param call  undefined when nobody waits */
  constructor(process: Process, call: CallId | undefined) {
    this.#process = process
    this.#call = call
  }

  tell(said: MobilityError | MoveResult): void {
    const outcome = said instanceof MobilityError ? failure(said) : success(said)
    if (this.#call !== undefined) this.#process.answerLater(this.#call, outcome)
  }

  /**
   * D answers too, unless the caller is here, and may die before its answer is elsewhere. Without bytes it is the
   * registry's word, ahead of D's own: then the figures are those of S.
   */
  arrived(
    { epoch, line, pauseUs, bytes }: MessageOf<'ACTIVATED'>,
    to: Identity,
    own: { readonly pauseMs: number; readonly stateBytes: number },
  ): void {
    const measured = bytes > 0 ? { pauseMs: pauseUs / 1_000, stateBytes: bytes } : own
    if (bytes > 0 && this.#call?.origin === originOf(to)) return
    if (bytes > 0 || line === this.#process.line) return this.tell({ epoch, ...measured, moved: true })
    this.tell(fail('ERR_LOST', { what: 'the move', reason: 'another life of it runs elsewhere' }))
  }
}
