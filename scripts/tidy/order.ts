/**
 * Who may import whom: a folder of src/ imports itself and lower folders, and nothing imports in a circle.
 * Imports of types count too: a circle of types is a circle for the reader.
 */
import ts from 'typescript'
import {
  inFolder,
  lineOf,
  type Rule,
  resolveImport,
  type SourceFile,
  type Tree,
  type Violation,
  violation,
} from './tree.js'

/** In the order in which a message meets them. */
export const FOLDERS: Readonly<Record<string, number>> = {
  base: 0,
  wire: 1,
  transport: 1,
  link: 2,
  process: 2,
  store: 2,
  channel: 3,
  registry: 3,
  supervisor: 3,
  migration: 4,
  cluster: 5,
  node: 6,
  admin: 7,
  cli: 7,
}

/** They stand beside the folders and may import any of them. */
const ENTRIES = ['src/index.ts', 'src/testing.ts']

const folderOf = (path: string): string => path.split('/')[1] ?? ''

export const folderOrder: Rule = {
  name: 'folder-order',
  check: (tree) => inFolder(tree, 'src').flatMap((file) => (ENTRIES.includes(file.path) ? [] : checkFile(file))),
}

function checkFile(file: SourceFile): Violation[] {
  const own = folderOf(file.path)
  const ownNumber = FOLDERS[own]
  if (ownNumber === undefined) {
    return [violation('folder-order', file.path, 1, `${own} has no number: put the file into a numbered folder`)]
  }
  return file.imports.flatMap(({ specifier, line }) => {
    if (/^proc-mobility(\/|$)/.test(specifier)) {
      return [violation('folder-order', file.path, line, `imports ${specifier}: name the file instead`)]
    }
    const target = resolveImport(file.path, specifier)
    if (target === undefined || folderOf(target) === own) return []
    const number = target.startsWith('src/') ? FOLDERS[folderOf(target)] : undefined
    if (number !== undefined && number < ownNumber) return []
    const text = `${own} (${ownNumber}) may not import ${target}${number === undefined ? '' : ` (${number})`}`
    return [violation('folder-order', file.path, line, text)]
  })
}

export const indexReexports: Rule = {
  name: 'index-reexports',
  check: (tree) => {
    const index = tree.files.get('src/index.ts')
    if (index === undefined) return [violation('index-reexports', 'src/index.ts', 1, 'is missing')]
    return index.ast.statements
      .filter((one) => !ts.isExportDeclaration(one))
      .map((one) => violation('index-reexports', index.path, lineOf(index.ast, one), 'holds only `export ... from`'))
  },
}

export const importCycles: Rule = { name: 'import-cycle', check: (tree) => findCycles(tree) }

/** Depth first; an edge back onto the path that is being walked closes a circle, reported once. */
function findCycles(tree: Tree): Violation[] {
  const found: Violation[] = []
  const state = new Map<string, 'open' | 'done'>()
  const path: string[] = []
  const visit = (file: SourceFile): void => {
    state.set(file.path, 'open')
    path.push(file.path)
    for (const { specifier, line } of file.imports) {
      const target = tree.files.get(resolveImport(file.path, specifier) ?? '')
      if (target === undefined) continue
      if (state.get(target.path) === 'open') {
        const circle = [...path.slice(path.indexOf(target.path)), target.path].join(' -> ')
        found.push(violation('import-cycle', file.path, line, circle))
      } else if (state.get(target.path) === undefined) visit(target)
    }
    path.pop()
    state.set(file.path, 'done')
  }
  for (const file of tree.files.values()) if (state.get(file.path) === undefined) visit(file)
  return found
}
