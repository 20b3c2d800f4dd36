/** What is said about children in one turn goes together: a message for a receiver and question, not for each child. */
import type { Clock } from '../base/ports.js'
import type { Child, ChildResult, Message, MessageOf } from '../wire/messages.js'
import { inParts } from './children.js'

export type What = MessageOf<'CHILD_START'>['what']

interface OutboxDeps {
  readonly clock: Clock
  readonly chunkBytes: number
  /** Behind all that this node has published. */
  readonly send: (node: string, message: Message) => void
}

interface Batch<T> {
  readonly node: string
  readonly id: number
  readonly what: What
  readonly items: T[]
}

/** Results in a message: with all texts at their limits they stay below a frame. */
const RESULTS = 512

export class Outbox {
  readonly #deps: OutboxDeps
  readonly #asks = new Map<string, Batch<Child>>()
  readonly #answers = new Map<string, Batch<ChildResult>>()
  #armed = false

  constructor(deps: OutboxDeps) {
    this.#deps = deps
  }

  ask(node: string, id: number, what: What, child: Child): void {
    this.#add(this.#asks, node, id, what, child)
  }

  answer(node: string, id: number, result: ChildResult): void {
    this.#add(this.#answers, node, id, 'want', result)
  }

  #add<T>(batches: Map<string, Batch<T>>, node: string, id: number, what: What, item: T): void {
    const key = `${what} ${id} ${node}`
    const batch = batches.get(key)
    if (batch !== undefined) return void batch.items.push(item)
    batches.set(key, { node, id, what, items: [item] })
    if (this.#armed) return
    this.#armed = true
    this.#deps.clock.soon(() => this.#flush())
  }

  #flush(): void {
    this.#armed = false
    const { send, chunkBytes } = this.#deps
    const asks = [...this.#asks.values()]
    const answers = [...this.#answers.values()]
    this.#asks.clear()
    this.#answers.clear()
    for (const { node, id, items } of answers) {
      for (let i = 0; i < items.length; i += RESULTS)
        send(node, { type: 'CHILD_DONE', id, results: items.slice(i, i + RESULTS) })
    }
    for (const { node, id, what, items } of asks) {
      for (const children of inParts(items, chunkBytes)) send(node, { type: 'CHILD_START', id, what, children })
    }
  }
}
