/** What a file imports and exports, types included. */
import ts from 'typescript'

export interface Import {
  readonly specifier: string
  readonly line: number
  /** Names taken from the other file; `*` when all may be used. */
  readonly names: readonly string[]
}

export interface Export {
  readonly name: string
  readonly line: number
}

export function readImports(ast: ts.SourceFile): Import[] {
  const found: Import[] = []
  const add = (node: ts.Node, specifier: ts.Node | undefined, names: readonly string[]): void => {
    if (specifier === undefined || !ts.isStringLiteralLike(specifier)) return
    const line = ast.getLineAndCharacterOfPosition(node.getStart(ast)).line + 1
    found.push({ specifier: specifier.text, line, names })
  }
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node)) add(node, node.moduleSpecifier, namesOfClause(node.importClause))
    else if (ts.isExportDeclaration(node)) add(node, node.moduleSpecifier, namesOfExport(node))
    else if (ts.isImportTypeNode(node)) add(node, literalOf(node.argument), [firstName(node.qualifier)])
    else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      add(node, node.arguments[0], ['*'])
    }
    ts.forEachChild(node, visit)
  }
  visit(ast)
  return found
}

const literalOf = (node: ts.TypeNode): ts.Node | undefined => (ts.isLiteralTypeNode(node) ? node.literal : undefined)

function firstName(name: ts.EntityName | undefined): string {
  if (name === undefined) return '*'
  return ts.isIdentifier(name) ? name.text : firstName(name.left)
}

function namesOfClause(clause: ts.ImportClause | undefined): string[] {
  if (clause === undefined) return []
  const names = clause.name === undefined ? [] : ['default']
  const bindings = clause.namedBindings
  if (bindings === undefined) return names
  if (ts.isNamespaceImport(bindings)) return [...names, '*']
  return [...names, ...bindings.elements.map((one) => (one.propertyName ?? one.name).text)]
}

function namesOfExport(node: ts.ExportDeclaration): string[] {
  if (node.exportClause === undefined || ts.isNamespaceExport(node.exportClause)) return ['*']
  return node.exportClause.elements.map((one) => (one.propertyName ?? one.name).text)
}

/** Names that others can import; `*` for `export * from`, which resolves by the other file. */
export function readExports(ast: ts.SourceFile): Export[] {
  const found: Export[] = []
  for (const statement of ast.statements) {
    const line = ast.getLineAndCharacterOfPosition(statement.getStart(ast)).line + 1
    for (const name of exportedNames(statement)) found.push({ name, line })
  }
  return found
}

function exportedNames(statement: ts.Statement): string[] {
  if (ts.isExportAssignment(statement)) return ['default']
  if (ts.isExportDeclaration(statement)) {
    const clause = statement.exportClause
    if (clause === undefined) return ['*']
    return ts.isNamespaceExport(clause) ? [clause.name.text] : clause.elements.map((one) => one.name.text)
  }
  const modifiers = ts.canHaveModifiers(statement) ? (ts.getModifiers(statement) ?? []) : []
  if (!modifiers.some((one) => one.kind === ts.SyntaxKind.ExportKeyword)) return []
  if (modifiers.some((one) => one.kind === ts.SyntaxKind.DefaultKeyword)) return ['default']
  if (ts.isVariableStatement(statement)) {
    return statement.declarationList.declarations.flatMap((one) => boundNames(one.name))
  }
  const name = (statement as ts.DeclarationStatement).name
  return name === undefined ? [] : [name.getText()]
}

function boundNames(name: ts.BindingName): string[] {
  if (ts.isIdentifier(name)) return [name.text]
  return name.elements.flatMap((one) => (ts.isBindingElement(one) ? boundNames(one.name) : []))
}
