/** The outside world has doors: sockets in transport/tcp.ts; time and chance in base/; the console in cli/. */
import ts from 'typescript'
import { inFolder, lineOf, type Rule, type SourceFile, type Violation, violation, walk } from './tree.js'

const bare = (specifier: string): string => specifier.replace(/^node:/, '')

export const sockets: Rule = {
  name: 'sockets',
  check: (tree) =>
    inFolder(tree, 'src')
      .filter(({ path }) => path !== 'src/transport/tcp.ts')
      .flatMap(({ path, imports }) =>
        imports
          .filter(({ specifier }) => ['net', 'tls'].includes(bare(specifier)))
          .map(({ specifier, line }) =>
            violation('sockets', path, line, `imports ${specifier}: only src/transport/tcp.ts may`),
          ),
      ),
}

const TIMERS = new Set(['setTimeout', 'setInterval', 'setImmediate'])
const MEMBERS = new Set([
  'Date.now',
  'performance.now',
  'Math.random',
  'process.hrtime',
  'AbortSignal.timeout',
  'crypto.randomBytes',
  'crypto.randomUUID',
  'crypto.getRandomValues',
])
const RANDOM_IMPORTS = new Set([
  'randomBytes',
  'randomInt',
  'randomUUID',
  'randomFillSync',
  'getRandomValues',
  'webcrypto',
])

export const timeAndChance: Rule = {
  name: 'time-and-chance',
  check: (tree) =>
    inFolder(tree, 'src')
      .filter(({ path }) => !path.startsWith('src/base/'))
      .flatMap((file) => [...importedClocks(file), ...usedClocks(file)]),
}

function importedClocks({ path, imports }: SourceFile): Violation[] {
  return imports.flatMap(({ specifier, names, line }) => {
    const module = bare(specifier)
    const taken =
      module.startsWith('timers') || module === 'perf_hooks'
        ? [specifier]
        : module === 'crypto'
          ? names.filter((name) => RANDOM_IMPORTS.has(name))
          : []
    return taken.map((name) => violation('time-and-chance', path, line, `imports ${name}: use the ports of base/`))
  })
}

function usedClocks(file: SourceFile): Violation[] {
  return [...walk(file.ast)].flatMap((node) => {
    const used = clockIn(node)
    if (used === undefined) return []
    return [violation('time-and-chance', file.path, lineOf(file.ast, node), `uses ${used}: use the ports of base/`)]
  })
}

function clockIn(node: ts.Node): string | undefined {
  if (ts.isPropertyAccessExpression(node)) {
    const member = node.getText().replace(/^globalThis\./, '')
    return MEMBERS.has(member) || (TIMERS.has(member) && member !== node.getText()) ? member : undefined
  }
  if (ts.isIdentifier(node) && TIMERS.has(node.text)) return isFreeName(node) ? node.text : undefined
  const isDate = (ts.isNewExpression(node) || ts.isCallExpression(node)) && node.expression.getText() === 'Date'
  if (isDate && (ts.isCallExpression(node) || (node.arguments ?? []).length === 0)) return 'the present Date'
  return undefined
}

/** True for `setTimeout(...)`, false for `clock.setTimeout(...)` and for a member that has the name. */
function isFreeName(node: ts.Identifier): boolean {
  const parent = node.parent
  if (ts.isShorthandPropertyAssignment(parent)) return true
  return !('name' in parent && parent.name === node)
}

export const noConsole: Rule = {
  name: 'console',
  check: (tree) =>
    inFolder(tree, 'src')
      .filter(({ path }) => !path.startsWith('src/cli/'))
      .flatMap((file) =>
        [...walk(file.ast)]
          .filter((node) => ts.isPropertyAccessExpression(node) && node.expression.getText() === 'console')
          .map((node) => violation('console', file.path, lineOf(file.ast, node), 'uses console: take a Logger')),
      ),
}

/** Comments that put work off. Only comments: a text or a pattern may hold the words. */
const MARKER = /\b(FIXME|XXX)\b/g

export const markers: Rule = {
  name: 'marker',
  check: (tree) =>
    [...tree.files.values()].flatMap((file) =>
      [...file.text.matchAll(MARKER)]
        .filter((match) => isInComment(file.ast, match.index))
        .map((match) => {
          const line = file.ast.getLineAndCharacterOfPosition(match.index).line + 1
          return violation('marker', file.path, line, `says ${match[0]}: do it, or open an issue`)
        }),
    ),
}

/** A comment belongs to no leaf of the tree. */
function isInComment(ast: ts.SourceFile, position: number): boolean {
  let node: ts.Node = ast
  for (;;) {
    let inner: ts.Node | undefined
    ts.forEachChild(node, (child) => {
      if (child.getStart(ast) <= position && position < child.getEnd()) inner = child
    })
    if (inner === undefined) break
    node = inner
  }
  return !(ts.isLiteralExpression(node) || ts.isIdentifier(node) || ts.isTemplateHead(node) || isTemplateRest(node))
}

const isTemplateRest = (node: ts.Node): boolean => ts.isTemplateMiddle(node) || ts.isTemplateTail(node)
