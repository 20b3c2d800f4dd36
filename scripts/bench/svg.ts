/**
 * Curves as a picture: one panel a series, both axes logarithmic, so that a straight line of slope 1 is linear growth.
 * Plain SVG, that follows the reader's choice of dark or light.
 */
import { growthOf, type Point } from './growth.js'
import { digits } from './report.js'

export interface Panel {
  readonly title: string
  readonly unit: string
  readonly points: readonly Point[]
}

const COLUMNS = 2
const [WIDTH, HEIGHT] = [360, 240]
const MARGIN = { left: 56, right: 16, top: 44, bottom: 36 }
const HEADING = 34
const SIZES_MAX = 7

const STYLE = `
  .back { fill: #ffffff } text { fill: #24292f; font: 12px system-ui, sans-serif }
  .heading { font-size: 15px; font-weight: 600 } .quiet { fill: #6e7781; font-size: 11px }
  .grid { stroke: #d0d7de; stroke-width: 1 } .linear { stroke: #8c959f; stroke-dasharray: 4 4 }
  .line { fill: none; stroke: #0969da; stroke-width: 2 } .dot { fill: #0969da }
  @media (prefers-color-scheme: dark) {
    .back { fill: #0d1117 } text { fill: #e6edf3 } .quiet { fill: #8d96a0 }
    .grid { stroke: #30363d } .linear { stroke: #6e7681 } .line { stroke: #58a6ff } .dot { fill: #58a6ff }
  }`

const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')

const round = (value: number): number => Number(value.toFixed(1))

/** `256`, `1024`, `10k`, `1M` */
const short = (value: number): string => {
  const sizes = { G: 1e9, M: 1e6, k: 1e3 }
  const [unit, size] = Object.entries(sizes).find(([, least]) => value >= least && value % (least / 10) === 0) ?? [
    '',
    1,
  ]
  return `${Number((value / size).toPrecision(4))}${unit}`
}

/** Whole powers of ten around all values, with 2 and 5 times them when there are few: a flat line looks flat. */
export const ticksOf = (values: readonly number[]): number[] => {
  const low = Math.floor(Math.log10(Math.min(...values)))
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(...values))))
  const powers = Array.from({ length: high - low }, (_, index) => low + index)
  const steps = high - low <= 2 ? [1, 2, 5] : [1]
  return [...powers.flatMap((power) => steps.map((step) => step * 10 ** power)), 10 ** high]
}

/** The sizes themselves, or every second of them, third, ... */
const sizesOf = (sizes: readonly number[]): number[] => {
  const step = Math.ceil(sizes.length / SIZES_MAX)
  return sizes.filter((_, index) => index % step === 0)
}

const scale = (values: readonly number[], from: number, to: number) => {
  const [low, high] = [Math.log(values[0] ?? 1), Math.log(values.at(-1) ?? 10)]
  return (value: number): number => round(from + ((to - from) * (Math.log(value) - low)) / (high - low))
}

const panel = ({ title, unit, points }: Panel, left: number, top: number): string => {
  const drawn = points.filter(([x, y]) => x > 0 && y > 0).sort(([a], [b]) => a - b)
  const { name, slope } = growthOf(points)
  const heading = `<text x="${left + MARGIN.left}" y="${top + 18}">${escaped(title)}, ${escaped(unit)}</text>
<text class="quiet" x="${left + MARGIN.left}" y="${top + 34}">${name}, slope ${digits(slope)}</text>`
  if (drawn.length < 2) return heading
  const sizes = drawn.map(([x]) => x)
  const [ticksX, ticksY] = [sizesOf(sizes), ticksOf(drawn.map(([, y]) => y))]
  const [west, east] = [left + MARGIN.left, left + WIDTH - MARGIN.right]
  const [north, south] = [top + MARGIN.top, top + HEIGHT - MARGIN.bottom]
  const [atX, atY] = [scale(sizes, west, east), scale(ticksY, south, north)]
  const grid = [
    ...ticksX.map(
      (x) => `<line class="grid" x1="${atX(x)}" y1="${north}" x2="${atX(x)}" y2="${south}"/>
<text class="quiet" x="${atX(x)}" y="${south + 16}" text-anchor="middle">${short(x)}</text>`,
    ),
    ...ticksY.map(
      (y) => `<line class="grid" x1="${west}" y1="${atY(y)}" x2="${east}" y2="${atY(y)}"/>
<text class="quiet" x="${west - 6}" y="${atY(y) + 4}" text-anchor="end">${short(y)}</text>`,
    ),
  ]
  const [lastX, lastY] = drawn.at(-1) as Point
  // Linear growth, through the last point, as far as it is in the panel.
  const start = Math.max(sizes[0] ?? 1, (lastX * (ticksY[0] ?? 1)) / lastY)
  const [fromX, fromY] = [atX(start), atY((lastY * start) / lastX)]
  const path = drawn.map(([x, y]) => `${atX(x)},${atY(y)}`)
  return [
    heading,
    ...grid,
    `<line class="linear" x1="${fromX}" y1="${fromY}" x2="${atX(lastX)}" y2="${atY(lastY)}"/>`,
    `<polyline class="line" points="${path.join(' ')}"/>`,
    ...drawn.map(([x, y]) => `<circle class="dot" cx="${atX(x)}" cy="${atY(y)}" r="3"/>`),
  ].join('\n')
}

/** @param about  what the x axis is, and what the dashed line is */
export const picture = (title: string, about: string, panels: readonly Panel[]): string => {
  const rows = Math.ceil(panels.length / COLUMNS)
  const [width, height] = [COLUMNS * WIDTH, HEADING + rows * HEIGHT + 8]
  const drawn = panels.map((one, index) =>
    panel(one, (index % COLUMNS) * WIDTH, HEADING + Math.floor(index / COLUMNS) * HEIGHT),
  )
  const size = `viewBox="0 0 ${width} ${height}" width="${width}" height="${height}"`
  return `<svg xmlns="http://www.w3.org/2000/svg" ${size} role="img" aria-label="${escaped(title)}">
<style>${STYLE}
</style>
<rect class="back" width="${width}" height="${height}"/>
<text class="heading" x="16" y="22">${escaped(title)}</text>
<text class="quiet" x="${width - 16}" y="22" text-anchor="end">${escaped(about)}; dashed: linear</text>
${drawn.join('\n')}
</svg>
`
}
