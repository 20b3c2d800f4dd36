/**
 * What waits for a process. System messages (stop, merge, freeze) go ahead of the rest; the rest keeps its order.
 * Bounded: a full mailbox refuses, and the sender keeps its message.
 */
import Denque from 'denque'
import type { Origin } from '../base/ids.js'
import type { Destination } from './destination.js'
import type { ExitReason, MoveOptions } from './directives.js'

/** 0: calls, casts, infos. 1: stop, sendMe and merge, never behind a full window. */
export type Lane = 0 | 1

/** Which call: its sender, the lane, and its number there. Never used twice in a sender's life. */
export interface CallId {
  readonly origin: Origin
  readonly lane: Lane
  readonly seq: number
}

export const callKey = (id: CallId): string => `${id.origin}|${id.lane}|${id.seq}`

/** A message as the process takes it. `dueAt` is on this node's monotonic clock. */
export type Envelope =
  | {
      readonly what: 'call'
      readonly from: CallId
      readonly method: string
      readonly args: readonly unknown[]
      readonly dueAt: number
    }
  | { readonly what: 'cast'; readonly method: string; readonly args: readonly unknown[] }
  | { readonly what: 'info'; readonly message: unknown }

export type SystemMessage =
  | { readonly what: 'stop'; readonly from: CallId | undefined; readonly reason: ExitReason }
  | {
      readonly what: 'sendMe'
      readonly from: CallId | undefined
      readonly to: Destination
      readonly options: MoveOptions
    }
  /** The state of another life of the name, which gave way to this one. `by`: the node that had it. */
  | {
      readonly what: 'merge'
      readonly from: CallId | undefined
      readonly version: number
      readonly handed: unknown
      readonly by: string
    }
  /** The state is read while no callback runs. `taken` never rejects; it is not called when the process goes before. */
  | { readonly what: 'take'; readonly from: undefined; readonly taken: (state: unknown) => Promise<void> }
  /** `ms`: the time for mayMove. */
  | {
      readonly what: 'freeze'
      readonly to: Destination
      readonly ms: number
      readonly frozen: (error?: unknown) => void
    }

/** Messages after which the process is the same. */
export const GOES_ON: ReadonlySet<SystemMessage['what']> = new Set(['freeze', 'take'])

const NONE: readonly SystemMessage[] = []

export class Mailbox {
  readonly #max: number
  /** Made for the first message: of a million processes most wait for none. */
  #messages: Denque<Envelope> | undefined
  #system: SystemMessage[] | undefined
  /** `continueWith`: runs before the next message. */
  next: { readonly arg: unknown } | undefined

  constructor(max: number) {
    this.#max = max
  }

  get length(): number {
    return this.#messages?.length ?? 0
  }

  get empty(): boolean {
    return this.length === 0 && this.#system === undefined && this.next === undefined
  }

  /** @returns false when it is full; nothing was taken */
  put(envelope: Envelope): boolean {
    if (this.length >= this.#max) return false
    this.force(envelope)
    return true
  }

  /** Timers and monitors: bounded by their own number, and nobody could send them again. */
  force(envelope: Envelope): void {
    this.#messages ??= new Denque()
    this.#messages.push(envelope)
  }

  system(message: SystemMessage): void {
    this.#system ??= []
    this.#system.push(message)
  }

  /** @returns whether it was still waiting */
  withdraw(message: SystemMessage): boolean {
    const at = this.#system?.indexOf(message) ?? -1
    if (at >= 0) this.#system?.splice(at, 1)
    if (this.#system?.length === 0) this.#system = undefined
    return at >= 0
  }

  takeSystem(): SystemMessage | undefined {
    const first = this.#system?.shift()
    if (this.#system?.length === 0) this.#system = undefined
    return first
  }

  take(): Envelope | undefined {
    return this.#messages?.shift()
  }

  messages(): readonly Envelope[] {
    return this.#messages?.toArray() ?? []
  }

  systemMessages(): readonly SystemMessage[] {
    return this.#system ?? NONE
  }

  clear(): void {
    this.#messages = undefined
    this.#system = undefined
    this.next = undefined
  }
}
