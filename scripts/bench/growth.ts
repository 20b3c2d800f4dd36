/**
 * How does a cost grow? By the slope of a straight line through the points, both axes as logarithms (least squares),
 * over the upper half of the x axis and at least four points: at the lower end a fixed cost hides the growth.
 *
 *   slope   < -0.15   -0.15 .. 0.15   0.15 .. 0.85       0.85 .. 1.15   > 1.15
 *   name    falling   constant        less than linear   linear         worse than linear
 */
export type Point = readonly [x: number, y: number]

const FLAT = 0.15
const POINTS_MIN = 4

export type Growth = 'falling' | 'constant' | 'less than linear' | 'linear' | 'worse than linear' | 'unknown'

const NAMES: readonly (readonly [limit: number, name: Growth])[] = [
  [-FLAT, 'falling'],
  [FLAT, 'constant'],
  [1 - FLAT, 'less than linear'],
  [1 + FLAT, 'linear'],
  [Number.POSITIVE_INFINITY, 'worse than linear'],
]

/** NaN with fewer than two points that have a logarithm. */
export const slopeOf = (points: readonly Point[]): number => {
  const logs = points.filter(([x, y]) => x > 0 && y > 0).map(([x, y]) => [Math.log(x), Math.log(y)] as const)
  const meanX = logs.reduce((sum, [x]) => sum + x, 0) / logs.length
  const meanY = logs.reduce((sum, [, y]) => sum + y, 0) / logs.length
  const over = logs.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0)
  return over / logs.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0)
}

export const growthOf = (points: readonly Point[]): { readonly slope: number; readonly name: Growth } => {
  const sorted = [...points].sort(([a], [b]) => a - b)
  const middle = Math.sqrt((sorted[0]?.[0] ?? 1) * (sorted.at(-1)?.[0] ?? 1))
  const upper = sorted.filter(([x]) => x >= middle).length
  const slope = slopeOf(sorted.slice(-Math.max(POINTS_MIN, upper)))
  return { slope, name: NAMES.find(([limit]) => slope <= limit)?.[1] ?? 'unknown' }
}
