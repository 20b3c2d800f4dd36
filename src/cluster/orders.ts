/**
 * What this node asks of the homes of names, and what became of it. A question is put again, to whoever is the home
 * then, when the view has changed, when a home says that it is none, and when nothing came for a while.
 *
 *   open --home--> asked --answer--> told, and seen here --> done
 *     ^--- again, view changed, late ---'         '--- time is up --> ERR_TIMEOUT
 */
import { fail } from '../base/errors.js'
import type { Clock, Timer } from '../base/ports.js'
import type { Child, ChildResult } from '../wire/messages.js'
import { ASK_AGAIN, resultOf } from './child-fate.js'
import type { What } from './child-outbox.js'

interface OrdersDeps {
  readonly clock: Clock
  readonly freshId: () => number
  readonly home: (name: string) => string | undefined
  readonly ask: (node: string, id: number, what: What, child: Child) => void
  /** Does this node itself see what it was told? Your own start is visible to your next line. */
  readonly isSeen: (child: Child) => boolean
}

interface Item {
  readonly child: Child
  askedAt: number
  home: string
  result: ChildResult | undefined
  toldAt: number
}

interface Order {
  readonly id: number
  readonly what: What
  readonly dueAt: number
  readonly timeoutMs: number
  readonly open: Map<string, Item>
  readonly results: Map<string, ChildResult>
  readonly resolve: (results: ReadonlyMap<string, ChildResult>) => void
}

/** A lost question or answer; the news from the node that runs it comes on another link than the answer. */
const AGAIN_MS = 2_000
const SEEN_MS = 1_000
const BEAT_MS = 50

export class Orders {
  readonly #deps: OrdersDeps
  readonly #orders = new Map<number, Order>()
  /** Name -> orders in which it is open. */
  readonly #byName = new Map<string, Set<Order>>()
  #beat: Timer | undefined

  constructor(deps: OrdersDeps) {
    this.#deps = deps
  }

  get size(): number {
    return this.#orders.size
  }

  /** @returns a result a name. Never rejects: an error is a result. */
  request(what: What, children: readonly Child[], timeoutMs: number): Promise<ReadonlyMap<string, ChildResult>> {
    return new Promise((resolve) => {
      const id = this.#deps.freshId()
      const dueAt = this.#deps.clock.now() + timeoutMs
      const open = new Map(children.map((child) => [child.name, newItem(child)]))
      const order: Order = { id, what, dueAt, timeoutMs, open, results: new Map(), resolve }
      this.#orders.set(id, order)
      for (const name of open.keys()) {
        const orders = this.#byName.get(name)
        if (orders === undefined) this.#byName.set(name, new Set([order]))
        else orders.add(order)
      }
      this.#ask(order, this.#deps.clock.now())
      this.#close(order)
      this.#arm()
    })
  }

  /** @returns whether it was an answer to one of these */
  answered(from: string, id: number, results: readonly ChildResult[]): boolean {
    const order = this.#orders.get(id)
    if (order === undefined) return false
    for (const result of results) {
      const item = order.open.get(result.name)
      if (item === undefined || item.result !== undefined || item.home !== from) continue
      if (result.code === ASK_AGAIN) item.home = ''
      else {
        item.result = result
        item.toldAt = this.#deps.clock.now()
        this.#conclude(order, item)
      }
    }
    this.#close(order)
    return true
  }

  /** The registry has news of the name. */
  changed(name: string): void {
    for (const order of [...(this.#byName.get(name) ?? [])]) {
      const item = order.open.get(name)
      if (item?.result === undefined) continue
      this.#conclude(order, item)
      this.#close(order)
    }
  }

  /** Others may be the homes now. */
  viewed(): void {
    this.#look()
  }

  /** The node stops. */
  close(error: Error): void {
    this.#beat?.cancel()
    for (const order of [...this.#orders.values()]) {
      for (const item of [...order.open.values()]) this.#settle(order, item, resultOf(item.child.name, '', error))
      this.#close(order)
    }
  }

  #look(): void {
    const now = this.#deps.clock.now()
    for (const order of [...this.#orders.values()]) {
      this.#ask(order, now)
      this.#close(order)
    }
    this.#arm()
  }

  #ask(order: Order, now: number): void {
    const { home, ask } = this.#deps
    for (const item of [...order.open.values()]) {
      if (item.result !== undefined) {
        if (now - item.toldAt >= SEEN_MS) this.#settle(order, item, item.result)
        continue
      }
      const at = home(item.child.name)
      if (now >= order.dueAt) this.#late(order, item)
      else if (at !== undefined && (item.home !== at || now - item.askedAt >= AGAIN_MS)) {
        item.home = at
        item.askedAt = now
        ask(at, order.id, order.what, item.child)
      }
    }
  }

  #conclude(order: Order, item: Item): void {
    const { result } = item
    if (result === undefined) return
    if (result.code === '' && !this.#deps.isSeen(item.child) && order.what !== 'stop') return
    this.#settle(order, item, result)
  }

  #settle(order: Order, { child }: Item, result: ChildResult): void {
    const { name } = child
    order.open.delete(name)
    order.results.set(name, result)
    const orders = this.#byName.get(name)
    orders?.delete(order)
    if (orders?.size === 0) this.#byName.delete(name)
  }

  #late(order: Order, item: Item): void {
    const ms = order.timeoutMs
    const error = fail('ERR_TIMEOUT', { what: `The ${order.what} of ${item.child.name}`, ms })
    this.#settle(order, item, resultOf(item.child.name, item.home, error))
  }

  #close(order: Order): void {
    if (order.open.size > 0 || !this.#orders.delete(order.id)) return
    order.resolve(order.results)
  }

  #arm(): void {
    if (this.#orders.size === 0) return
    this.#beat ??= this.#deps.clock.after(BEAT_MS, () => {
      this.#beat = undefined
      this.#look()
    })
  }
}

const newItem = (child: Child): Item => ({ child, askedAt: 0, home: '', result: undefined, toldAt: 0 })
