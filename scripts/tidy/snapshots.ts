/**
 * What others depend on is written down, and changes only on purpose (`node dist/scripts/tidy.js --update`):
 * the public names in test/fixtures/exports.txt, the numbers on the wire in test/fixtures/wire-kinds.txt.
 */
import ts from 'typescript'
import { lineOf, type Rule, resolveImport, type Tree, type Violation, violation, walk } from './tree.js'

const EXPORTS = 'test/fixtures/exports.txt'
const KINDS = 'test/fixtures/wire-kinds.txt'
const KINDS_FILE = 'src/wire/kinds.ts'
const UPDATE = '; when it is meant: node dist/scripts/tidy.js --update'

const linesOf = (text: string): string[] => text.split('\n').filter((line) => line !== '')

export const publicExports: Rule = {
  name: 'public-exports',
  check: (tree) => {
    const snapshot = tree.text(EXPORTS)
    if (snapshot === undefined) return [violation('public-exports', EXPORTS, 1, `is missing${UPDATE}`)]
    const now = publicNames(tree)
    const then = linesOf(snapshot)
    return [
      ...now
        .filter((line) => !then.includes(line))
        .map((line) => violation('public-exports', EXPORTS, then.length, `lacks ${line}${UPDATE}`)),
      ...then.flatMap((line, index) =>
        now.includes(line) ? [] : [violation('public-exports', EXPORTS, index + 1, `${line} is gone${UPDATE}`)],
      ),
    ]
  },
}

function publicNames(tree: Tree): string[] {
  return ['index', 'testing'].flatMap((entry) => {
    const names = new Set(namesOf(tree, `src/${entry}.ts`, new Set()))
    return [...names].sort().map((name) => `${entry} ${name}`)
  })
}

/** `export *` gives what the other file exports. */
function namesOf(tree: Tree, path: string, seen: Set<string>): string[] {
  const file = tree.files.get(path)
  if (file === undefined || seen.has(path)) return []
  seen.add(path)
  const own = file.exports.filter(({ name }) => name !== '*').map(({ name }) => name)
  const starred = file.ast.statements.flatMap((one) =>
    ts.isExportDeclaration(one) && one.exportClause === undefined && one.moduleSpecifier !== undefined
      ? [(one.moduleSpecifier as ts.StringLiteral).text]
      : [],
  )
  return [...own, ...starred.flatMap((specifier) => namesOf(tree, resolveImport(path, specifier) ?? '', seen))]
}

interface Kind {
  readonly name: string
  readonly number: number
  readonly line: number
}

/** A retired kind keeps its line, `12 NAME retired`, so its number is never given again. */
const RETIRED = ' retired'

export const wireKinds: Rule = {
  name: 'wire-kinds',
  check: (tree) => {
    const kinds = readKinds(tree)
    const snapshot = tree.text(KINDS)
    if (kinds.length === 0) return [violation('wire-kinds', KINDS_FILE, 1, 'is missing or has no `KIND = { NAME: 1 }`')]
    if (snapshot === undefined) return [violation('wire-kinds', KINDS, 1, `is missing${UPDATE}`)]
    return [...checkKinds(kinds, linesOf(snapshot)), ...checkRetired(kinds, linesOf(snapshot))]
  },
}

function checkKinds(kinds: readonly Kind[], snapshot: readonly string[]): Violation[] {
  return kinds.flatMap(({ name, number, line }, index) => {
    const own = `${number} ${name}`
    if (kinds.slice(0, index).some((other) => other.number === number)) {
      return [violation('wire-kinds', KINDS_FILE, line, `${number} is used twice`)]
    }
    if (snapshot.includes(own)) return []
    const taken = snapshot.find((one) => one.startsWith(`${number} `))
    const text = taken === undefined ? `${own} is new${UPDATE}` : `${own}: the number belongs to ${taken} for ever`
    return [violation('wire-kinds', KINDS_FILE, line, text)]
  })
}

function checkRetired(kinds: readonly Kind[], snapshot: readonly string[]): Violation[] {
  const now = new Set(kinds.map(({ name, number }) => `${number} ${name}`))
  return snapshot.flatMap((line, index) =>
    now.has(line) || line.endsWith(RETIRED)
      ? []
      : [violation('wire-kinds', KINDS, index + 1, `${line} is gone${UPDATE}`)],
  )
}

function readKinds(tree: Tree): Kind[] {
  const file = tree.files.get(KINDS_FILE)
  if (file === undefined) return []
  const table = [...walk(file.ast)].find(
    (node) => ts.isVariableDeclaration(node) && ts.isIdentifier(node.name) && node.name.text === 'KIND',
  )
  const entries = table === undefined ? [] : [...walk(table)].filter(ts.isPropertyAssignment)
  return entries.flatMap((entry) =>
    ts.isNumericLiteral(entry.initializer)
      ? [{ name: entry.name.getText(file.ast), number: Number(entry.initializer.text), line: lineOf(file.ast, entry) }]
      : [],
  )
}

/** Both snapshots as they should be now, by path. A number's first owner keeps it. */
export function newSnapshots(tree: Tree): ReadonlyMap<string, string> {
  const now = readKinds(tree).map(({ name, number }) => `${number} ${name}`)
  const then = linesOf(tree.text(KINDS) ?? '')
  const kept = then.map((line) => (now.includes(line) || line.endsWith(RETIRED) ? line : line + RETIRED))
  const numbers = new Set(kept.map((line) => Number.parseInt(line, 10)))
  const added = now.filter((line) => !numbers.has(Number.parseInt(line, 10)))
  const kinds = [...kept, ...added].sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10))
  return new Map([
    [EXPORTS, asText(publicNames(tree))],
    [KINDS, asText(kinds)],
  ])
}

const asText = (lines: readonly string[]): string => lines.map((line) => `${line}\n`).join('')
