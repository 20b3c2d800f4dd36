/** A curve as a table: a line for each point, and under each column how it grows. */
import type { Measured } from './curve.js'
import { growthOf } from './growth.js'
import { aligned, digits } from './report.js'

/** @returns lines of cells: the head, the points, the growth, the slopes */
export const curveCells = ({ x, series }: Measured): string[][] => {
  const xs = [...new Set(series.flatMap(({ points }) => points.map(([at]) => at)))].sort((a, b) => a - b)
  const growths = series.map(({ points }) => growthOf(points))
  return [
    [x, ...series.map(({ title, unit }) => `${title}, ${unit}`)],
    ...xs.map((at) => [
      at.toLocaleString('en'),
      ...series.map(({ points }) => digits(points.find(([other]) => other === at)?.[1])),
    ]),
    ['grows', ...growths.map(({ name }) => name)],
    ['slope', ...growths.map(({ slope }) => digits(slope))],
  ]
}

export const curveTable = (measured: Measured): string => aligned(curveCells(measured), new Set([0]))
