/**
 * Sizes: a file is read in one go, a function fits on a page, a line in a window.
 *
 * In test/ a `test(...)` block is measured by itself and not as a part of the function around it, so a suite
 * of many short tests is not one long function.
 */
import ts from 'typescript'
import { lineOf, type Rule, type SourceFile, type Tree, type Violation, violation, walk } from './tree.js'

const FILE_LINES_MAX = 400
const FUNCTION_LINES_MAX = 70
const LINE_CHARS_MAX = 120

const each = (tree: Tree, check: (file: SourceFile) => Violation[]): Violation[] =>
  [...tree.files.values()].flatMap(check)

export const fileSize: Rule = {
  name: 'file-size',
  check: (tree) =>
    each(tree, ({ path, lines }) =>
      lines.length > FILE_LINES_MAX
        ? [
            violation(
              'file-size',
              path,
              FILE_LINES_MAX + 1,
              `has ${lines.length} lines, the limit is ${FILE_LINES_MAX}`,
            ),
          ]
        : [],
    ),
}

export const lineSize: Rule = {
  name: 'line-size',
  check: (tree) =>
    each(tree, ({ path, lines }) =>
      lines.flatMap((line, index) => {
        const text = `has ${line.length} characters, the limit is ${LINE_CHARS_MAX}`
        return line.length > LINE_CHARS_MAX ? [violation('line-size', path, index + 1, text)] : []
      }),
    ),
}

export const functionSize: Rule = {
  name: 'function-size',
  check: (tree) =>
    each(tree, (file) =>
      [...walk(file.ast)].filter(isFunction).flatMap((node) => {
        const size = linesOf(file, node) - linesOfTestsIn(file, node)
        const text = `${nameOf(node)} has ${size} lines, the limit is ${FUNCTION_LINES_MAX}`
        return size > FUNCTION_LINES_MAX ? [violation('function-size', file.path, lineOf(file.ast, node), text)] : []
      }),
    ),
}

const isFunction = (node: ts.Node): node is ts.FunctionLikeDeclaration =>
  ts.isFunctionLike(node) && 'body' in node && node.body !== undefined

function linesOf(file: SourceFile, node: ts.Node): number {
  return file.ast.getLineAndCharacterOfPosition(node.getEnd()).line + 1 - lineOf(file.ast, node) + 1
}

/** Lines of the outermost test blocks inside a function of a test file. */
function linesOfTestsIn(file: SourceFile, outer: ts.Node): number {
  if (!file.path.startsWith('test/')) return 0
  let lines = 0
  const visit = (node: ts.Node): void => {
    if (ts.isCallExpression(node) && /(^|\.)test$/.test(node.expression.getText(file.ast))) lines += linesOf(file, node)
    else ts.forEachChild(node, visit)
  }
  ts.forEachChild(outer, visit)
  return lines
}

function nameOf(node: ts.FunctionLikeDeclaration): string {
  if (node.name !== undefined) return node.name.getText()
  if (ts.isConstructorDeclaration(node)) return 'constructor'
  const parent = node.parent
  if (ts.isVariableDeclaration(parent) || ts.isPropertyAssignment(parent)) return parent.name.getText()
  return 'a function'
}
