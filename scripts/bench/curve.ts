/** A cost over a size: what is measured at each point, each in a program of its own. */
import type { Point } from './growth.js'

export interface Series {
  readonly title: string
  readonly unit: string
}

export interface Curve {
  readonly title: string
  /** What the x axis is. */
  readonly x: string
  readonly points: readonly number[]
  /** Only on demand: they take long, or much memory. */
  readonly far: readonly number[]
  /** Heap that a point needs, in MiB. Default: what Node gives */
  readonly heapMiB?: (x: number) => number
  readonly series: Readonly<Record<string, Series>>
  /** One value for each series; one that cannot be measured at this point is left out. */
  readonly measure: (x: number, file: string) => Promise<Readonly<Record<string, number>>>
}

/** What was measured of one. */
export interface Measured {
  readonly curve: string
  readonly title: string
  readonly x: string
  readonly series: readonly (Series & { readonly points: readonly Point[] })[]
  /** Points that were left out, and why. */
  readonly notes: readonly string[]
}
