/** A message that a channel sends, with what to do about its fate. */
import type { MobilityError } from '../base/errors.js'
import type { Process } from '../process/host.js'
import type { Load } from './load.js'

export type SendFate = { readonly value: unknown } | { readonly error: MobilityError }

export interface Outgoing {
  readonly what: 'call' | 'cast' | 'info'
  /** For error texts: `cart:42.add` */
  readonly label: string
  /** Until it is acknowledged: its answer may be long in coming. */
  load: Load | undefined
  readonly bytes: number
  /** When the answer, or the room in the window, must be there. Infinity: no limit. */
  readonly dueAt: number
  readonly timeoutMs: number
  /** The process that sends it, so that its sends can be counted when it moves. */
  readonly owner: Process | undefined
  /** A call: the answer. Anything else: it is in the window. */
  settle: (fate: SendFate) => void
  /** Its number; 0 while it waits for room. */
  seq: number
  /** When to look whether it is late. */
  lookAt: number
}
