/**
 * A source tree as the rules see it: parsed files, their imports and exports, and the texts beside them.
 *
 *   disk -> readTree -> Tree -> rule(tree) -> violations
 *
 * Rules are pure functions of a Tree. Paths are relative to its root and written with `/`.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import ts from 'typescript'
import { type Export, type Import, readExports, readImports } from './modules.js'

export interface SourceFile {
  readonly path: string
  readonly text: string
  readonly lines: readonly string[]
  readonly ast: ts.SourceFile
  readonly imports: readonly Import[]
  readonly exports: readonly Export[]
}

export interface Tree {
  readonly root: string
  /** All .ts files of src, scripts, test and examples. */
  readonly files: ReadonlyMap<string, SourceFile>
  /** The text of any other file, undefined where there is none. */
  readonly text: (path: string) => string | undefined
}

export interface Violation {
  readonly file: string
  readonly line: number
  readonly rule: string
  readonly text: string
}

export interface Rule {
  readonly name: string
  readonly check: (tree: Tree) => Violation[]
}

const TOPS = ['src', 'scripts', 'test', 'examples']

export function readTree(root: string): Tree {
  const paths = TOPS.filter((top) => existsSync(join(root, top))).flatMap((top) =>
    readdirSync(join(root, top), { recursive: true, encoding: 'utf8' }).map((name) => posix.join(top, name)),
  )
  const files = new Map<string, SourceFile>()
  for (const path of paths.sort()) {
    if (!path.endsWith('.ts') || path.endsWith('.d.ts') || path.includes('node_modules')) continue
    files.set(path, parse(path, readFileSync(join(root, path), 'utf8')))
  }
  const text = (path: string): string | undefined =>
    existsSync(join(root, path)) ? readFileSync(join(root, path), 'utf8') : undefined
  return { root, files, text }
}

function parse(path: string, text: string): SourceFile {
  const ast = ts.createSourceFile(path, text, ts.ScriptTarget.ES2023, true)
  const lines = text.replace(/\n$/, '').split('\n')
  return { path, text, lines, ast, imports: readImports(ast), exports: readExports(ast) }
}

/** The file that a relative import names, or undefined for a package. */
export function resolveImport(from: string, specifier: string): string | undefined {
  if (!specifier.startsWith('.')) return undefined
  return posix.join(posix.dirname(from), specifier).replace(/\.js$/, '.ts')
}

export const inFolder = (tree: Tree, top: string): SourceFile[] =>
  [...tree.files.values()].filter((file) => file.path.startsWith(`${top}/`))

export const lineOf = (ast: ts.SourceFile, node: ts.Node): number =>
  ast.getLineAndCharacterOfPosition(node.getStart(ast)).line + 1

/** Every node below `node`, itself first. */
export function* walk(node: ts.Node): Generator<ts.Node> {
  yield node
  const children: ts.Node[] = []
  ts.forEachChild(node, (child) => void children.push(child))
  for (const child of children) yield* walk(child)
}

export const violation = (rule: string, file: string, line: number, text: string): Violation => ({
  rule,
  file,
  line,
  text,
})
