/**
 * What the documents promise, the code and the tests must hold: every error code of the table is provoked by a test and
 * explained, every invariant that is kept has code and a test.
 */
import ts from 'typescript'
import { inFolder, lineOf, type Rule, type Tree, type Violation, violation, walk } from './tree.js'

const TABLE = 'src/base/errors.ts'
const ERRORS_PAGE = 'docs/ERRORS.md'
const INVARIANTS_PAGE = 'docs/INVARIANTS.md'
const CODE = /\bERR_[A-Z0-9_]+\b/g

const isTest = (path: string): boolean => path.startsWith('test/') && path.endsWith('.test.ts')

export const errorCodes: Rule = {
  name: 'error-codes',
  check: (tree) => {
    const table = readErrorTable(tree)
    const page = tree.text(ERRORS_PAGE)
    if (table === undefined) return [violation('error-codes', TABLE, 1, 'is missing or has no ERR_ keys')]
    if (page === undefined) return [violation('error-codes', ERRORS_PAGE, 1, 'is missing')]
    const tested = new Set(
      [...tree.files.values()].filter(({ path }) => isTest(path)).flatMap(({ text }) => codesIn(text)),
    )
    const explained = new Set(codesIn(page))
    const unknown = [...explained].filter((code) => !table.has(code))
    return [
      ...missing(table, tested, 'is in no test'),
      ...missing(table, explained, `is not in ${ERRORS_PAGE}`),
      ...unknown.map((code) =>
        violation('error-codes', ERRORS_PAGE, lineWith(page, code), `${code} is not in ${TABLE}`),
      ),
    ]
  },
}

const codesIn = (text: string): string[] => text.match(CODE) ?? []

const lineWith = (text: string, word: string): number => text.slice(0, text.indexOf(word)).split('\n').length

const missing = (table: ReadonlyMap<string, number>, present: ReadonlySet<string>, text: string): Violation[] =>
  [...table]
    .filter(([code]) => !present.has(code))
    .map(([code, line]) => violation('error-codes', TABLE, line, `${code} ${text}`))

/** Code -> line, from the keys of the table. */
function readErrorTable(tree: Tree): ReadonlyMap<string, number> | undefined {
  const file = tree.files.get(TABLE)
  if (file === undefined) return undefined
  const codes = new Map<string, number>()
  for (const node of walk(file.ast)) {
    if (!ts.isPropertyAssignment(node)) continue
    const name = ts.isStringLiteral(node.name) || ts.isIdentifier(node.name) ? node.name.text : ''
    if (name.startsWith('ERR_')) codes.set(name, lineOf(file.ast, node))
  }
  return codes.size === 0 ? undefined : codes
}

/** `| G3 | name | kept since | ...`; the third cell is a version, or `not yet`. */
const ROW = /^\|\s*\**(G\d+)\**\s*\|[^|]*\|\s*([^|]*?)\s*\|/

export const invariants: Rule = {
  name: 'invariants',
  check: (tree) => {
    const page = tree.text(INVARIANTS_PAGE)
    if (page === undefined) return [violation('invariants', INVARIANTS_PAGE, 1, 'is missing')]
    const code = inFolder(tree, 'src').map(({ text }) => text)
    const names = testNames(tree)
    const rows = page.split('\n').map((line) => ROW.exec(line))
    if (!rows.some((row) => row !== null)) {
      return [violation('invariants', INVARIANTS_PAGE, 1, 'has no row `| G1 | name | kept since | ...`')]
    }
    return rows.flatMap((row, index) => {
      if (row === null) return []
      const found = checkRow(row[1] ?? '', row[2] ?? '', code, names)
      return found.map((text) => violation('invariants', INVARIANTS_PAGE, index + 1, text))
    })
  },
}

function checkRow(tag: string, since: string, code: readonly string[], names: readonly string[]): string[] {
  if (/^not yet\b/.test(since)) return []
  if (!/^\d+\.\d+\.\d+/.test(since)) return [`${tag}: "kept since" is a version or \`not yet\`, it says "${since}"`]
  const word = new RegExp(`\\b${tag}\\b`)
  return [
    ...(code.some((text) => word.test(text)) ? [] : [`${tag} is kept since ${since}, no file of src/ has its tag`]),
    ...(names.some((name) => word.test(name)) ? [] : [`${tag} is kept since ${since}, no test has it in its name`]),
  ]
}

/** The first argument of each `test(...)` and `t.test(...)`. */
function testNames(tree: Tree): string[] {
  return [...tree.files.values()]
    .filter(({ path }) => path.startsWith('test/'))
    .flatMap(({ ast }) =>
      [...walk(ast)].flatMap((node) => {
        if (!ts.isCallExpression(node) || !/(^|\.)test$/.test(node.expression.getText(ast))) return []
        const name = node.arguments[0]
        const isText = name !== undefined && (ts.isStringLiteralLike(name) || ts.isTemplateExpression(name))
        return isText ? [name.getText(ast)] : []
      }),
    )
}
