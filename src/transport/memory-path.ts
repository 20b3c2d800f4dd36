/**
 * The way from one simulated host to another: how long bytes take, and what stands in their way. Directed: the way
 * back is a path of its own. Every connection between the two hosts uses the same pair of paths.
 */
import type { SeededRandom } from '../base/random.js'

export interface PathShape {
  /** One way, in ms. */
  readonly latencyMs: number
  /** Added to the latency of each piece, 0 up to this; the order within one stream stays. */
  readonly jitterMs: number
  /** Bytes per ms, shared by all streams of the path. Infinity: no limit. */
  readonly bytesPerMs: number
  /** `whole`: each write arrives as it was written. `random`: split and joined by chance, as TCP may do. */
  readonly chunking: 'whole' | 'random'
  /** Turns new connections away. */
  readonly refuse: boolean
}

export const plainShape: PathShape = {
  latencyMs: 1,
  jitterMs: 0,
  bytesPerMs: Number.POSITIVE_INFINITY,
  chunking: 'whole',
  refuse: false,
}

/** Where bytes were seen. `connection` counts from 1. */
interface Passing {
  readonly from: string
  readonly to: string
  readonly connection: number
}

/** Sees the bytes as they arrive. Returns others to put in their place, `false` to drop them, or nothing. */
export type ByteHook = (bytes: Buffer, passing: Passing) => Uint8Array | false | void

/** A cut that waits until so many more bytes have passed. */
interface PendingCut {
  bytesLeft: number
  readonly cut: (connection: number) => void
}

export class Path {
  readonly from: string
  readonly to: string
  readonly random: SeededRandom
  readonly hooks = new Set<ByteHook>()
  shape: PathShape
  /** Nothing passes; what is on its way waits. */
  blocked = false
  cuts: PendingCut[] = []
  #busyUntil = 0

  constructor(from: string, to: string, shape: PathShape, random: SeededRandom) {
    this.from = from
    this.to = to
    this.shape = shape
    this.random = random
  }

  /** Latency and jitter, in ms. */
  delay(): number {
    const { latencyMs, jitterMs } = this.shape
    return jitterMs > 0 ? latencyMs + (jitterMs * this.random.u32()) / 0x1_0000_0000 : latencyMs
  }

  /** When bytes that leave now arrive. */
  arrival(now: number, bytes: number): number {
    const { bytesPerMs } = this.shape
    if (bytesPerMs === Number.POSITIVE_INFINITY) return now + this.delay()
    this.#busyUntil = Math.max(now, this.#busyUntil) + bytes / bytesPerMs
    return this.#busyUntil + this.delay()
  }

  /** What the hooks make of these bytes. Empty: dropped. */
  see(bytes: Buffer, connection: number): Buffer {
    let seen = bytes
    for (const hook of [...this.hooks]) {
      const changed = hook(seen, { from: this.from, to: this.to, connection })
      if (changed === false) return Buffer.alloc(0)
      if (changed !== undefined) seen = Buffer.from(changed)
    }
    return seen
  }

  /** The first waiting cut that these bytes reach: how many of them still pass. The others count them. */
  cutWithin(bytes: number): { readonly passing: number; readonly cut: (connection: number) => void } | undefined {
    let reached: PendingCut | undefined
    for (const pending of this.cuts) {
      if (pending.bytesLeft <= bytes && (reached === undefined || pending.bytesLeft < reached.bytesLeft))
        reached = pending
    }
    const passing = reached?.bytesLeft ?? bytes
    for (const pending of this.cuts) pending.bytesLeft -= passing
    if (reached === undefined) return undefined
    this.cuts = this.cuts.filter((pending) => pending !== reached)
    return { passing, cut: reached.cut }
  }
}
