/** What a program holds while nothing is under way: heap, tables, timers, sockets; and how late its loop was. */
import { readdirSync } from 'node:fs'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setImmediate } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { MobilityNode } from '../../src/index.js'

export type Figures = Readonly<Record<string, number>>

const MiB = 1_024 * 1_024

const gc: () => void = (() => {
  setFlagsFromString('--expose-gc')
  return runInNewContext('gc') as () => void
})()

/** The very turn in which one looks, and where the program writes. */
const OWN = ['Immediate', 'PipeWrap', 'TTYWrap']

const tick = async (): Promise<void> => {
  for (let turns = 0; turns < 3; turns += 1) await setImmediate()
}

/** Where the system has no such folder: 0. */
const descriptors = (): number => {
  try {
    return readdirSync('/proc/self/fd').length
  } catch {
    return 0
  }
}

const add = (sums: Record<string, number>, key: string, value: number): void => {
  sums[key] = (sums[key] ?? 0) + value
}

/** Sizes that must come back: tables of all nodes (`table ...`), resources by kind (`open ...`), descriptors. */
export const sizes = (nodes: Iterable<MobilityNode>): Figures => {
  const sums: Record<string, number> = {}
  for (const node of nodes) for (const [table, size] of Object.entries(node.stats())) add(sums, `table ${table}`, size)
  for (const kind of process.getActiveResourcesInfo()) if (!OWN.includes(kind)) add(sums, `open ${kind}`, 1)
  return { ...sums, 'file descriptors': descriptors() }
}

/** After a full collection. */
export const memory = async (): Promise<Figures> => {
  for (let round = 0; round < 3; round += 1) {
    gc()
    await tick()
  }
  const { heapUsed, external, rss } = process.memoryUsage()
  return { 'heap, MiB': heapUsed / MiB, 'external, MiB': external / MiB, 'RSS, MiB': rss / MiB }
}

/** How late the event loop was since the last look, in ms. */
export class LoopDelay {
  readonly #histogram = monitorEventLoopDelay({ resolution: 1 })

  constructor() {
    this.#histogram.enable()
  }

  look(): Figures {
    const ms = (nanoseconds: number): number => nanoseconds / 1e6
    const { max } = this.#histogram
    const [p50, p99] = [this.#histogram.percentile(50), this.#histogram.percentile(99)]
    this.#histogram.reset()
    return { 'loop delay p50, ms': ms(p50), 'loop delay p99, ms': ms(p99), 'loop delay max, ms': ms(max) }
  }

  stop(): void {
    this.#histogram.disable()
  }
}
