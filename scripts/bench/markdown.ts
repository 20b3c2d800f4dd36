/** Figures inside a page, between two comments that name them. Pure. */

/** The first line is the head; columns from the second on stand on the right, but for those in `left`. */
export const markdownTable = (
  lines: readonly (readonly string[])[],
  left: ReadonlySet<number> = new Set([0]),
): string => {
  const [head = [], ...rows] = lines
  const rule = head.map((_, column) => (left.has(column) ? '---' : '---:'))
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  return [line(head), line(rule), ...rows.map(line)].join('\n')
}

/**
 * Puts `text` between `<!-- bench:name -->` and `<!-- /bench:name -->`.
 * @throws when the page has no such place
 */
export const filled = (page: string, name: string, text: string): string => {
  const [open, close] = [`<!-- bench:${name} -->`, `<!-- /bench:${name} -->`]
  const [from, to] = [page.indexOf(open), page.indexOf(close)]
  if (from < 0 || to < from) throw new Error(`The page has no ${open} before a ${close}.`)
  return `${page.slice(0, from + open.length)}\n\n${text}\n\n${page.slice(to)}`
}
