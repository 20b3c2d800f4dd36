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

/**
 * Puts a section, which begins with its heading `### ...`, between the same two comments: in place of the one of that
 * heading, or behind the others.
 * @throws when the page has no such place
 */
export const withSection = (page: string, name: string, section: string): string => {
  const [open, close] = [`<!-- bench:${name} -->`, `<!-- /bench:${name} -->`]
  const [heading = ''] = section.split('\n', 1)
  const block = page.slice(page.indexOf(open) + open.length, page.indexOf(close)).trim()
  const [head = '', ...sections] = block.split(/\n+(?=### )/)
  const at = sections.findIndex((one) => one.startsWith(`${heading}\n`))
  const others = at < 0 ? [...sections, section] : sections.with(at, section)
  return filled(page, name, [head, ...others].join('\n\n'))
}
