/** An exported name that nobody imports is either dead or private: remove it, or remove the word `export`. */
import { inFolder, type Rule, resolveImport, type Tree, violation } from './tree.js'

const ENTRIES = ['src/index.ts', 'src/testing.ts']

export const deadExports: Rule = {
  name: 'dead-export',
  check: (tree) => {
    const used = usedNames(tree)
    return inFolder(tree, 'src')
      .filter(({ path }) => !ENTRIES.includes(path))
      .flatMap(({ path, exports }) => {
        const taken = used.get(path) ?? new Set()
        return exports
          .filter(({ name }) => name !== '*' && !taken.has(name) && !taken.has('*'))
          .map(({ name, line }) => violation('dead-export', path, line, `${name} is imported nowhere`))
      })
  },
}

/** File -> the names that other files take from it. */
function usedNames(tree: Tree): ReadonlyMap<string, ReadonlySet<string>> {
  const used = new Map<string, Set<string>>()
  for (const file of tree.files.values()) {
    for (const { specifier, names } of file.imports) {
      const target = resolveImport(file.path, specifier)
      if (target === undefined || target === file.path) continue
      const taken = used.get(target) ?? new Set()
      for (const name of names) taken.add(name)
      used.set(target, taken)
    }
  }
  return used
}
