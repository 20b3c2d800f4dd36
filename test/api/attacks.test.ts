/** docs/ATTACKS.md names for each number the files that have a test of it. */
import { existsSync, readFileSync } from 'node:fs'
import t from 'tap'

interface Row {
  readonly number: string
  readonly files: readonly string[]
}

const rows: Row[] = readFileSync('docs/ATTACKS.md', 'utf8')
  .split('\n')
  .flatMap((line) => {
    const number = /^\| (\d+) \|/.exec(line)?.[1]
    const files = [...line.matchAll(/`(test\/[\w/-]+)`/g)].map((match) => `${match[1]}.test.ts`)
    return number === undefined || files.length === 0 ? [] : [{ number, files }]
  })

t.test('each attack of the page is a test, by its number, in each file that it names', async (t) => {
  t.ok(rows.length >= 40, `${rows.length} attacks`)
  for (const { number, files } of rows) {
    const named = new RegExp(`attack [\\d, ]*\\b${number}\\b|name: '${number}:`)
    for (const file of files) {
      const text = existsSync(file) ? readFileSync(file, 'utf8') : ''
      if (!named.test(text)) t.fail(`${file} has no test of attack ${number}`)
    }
  }
})

t.test('each attack up to 55 stands on the page, with its test or with the reason why there is none', async (t) => {
  const page = readFileSync('docs/ATTACKS.md', 'utf8')
  const without = page.slice(page.indexOf('## Not covered')).split('\n')
  const excused = without.flatMap((line) => {
    const [, first, last] = /^\| (\d+)(?: to (\d+))?/.exec(line) ?? []
    const listed = [...(/^\| ([\d, ]+) \|/.exec(line)?.[1] ?? '').matchAll(/\d+/g)].map(Number)
    const from = Number(first)
    return last === undefined ? listed : Array.from({ length: Number(last) - from + 1 }, (_, i) => from + i)
  })
  const known = new Set([...rows.map(({ number }) => Number(number)), ...excused])
  t.same(
    Array.from({ length: 55 }, (_, i) => i + 1).filter((number) => !known.has(number)),
    [],
  )
})
