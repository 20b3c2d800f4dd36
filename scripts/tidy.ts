/**
 * Checks the hard rules of the house (CONTRIBUTING.md) and says where they are broken.
 *
 *   node dist/scripts/tidy.js [root] [--only rule,rule] [--update]
 *
 * Prints `file:line rule text` for each violation and one summary line; exit code 1 when there is any.
 * `--update` writes the snapshots of the public names and of the wire kinds anew.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { deadExports } from './tidy/dead-exports.js'
import { folderOrder, importCycles, indexReexports } from './tidy/order.js'
import { markers, noConsole, sockets, timeAndChance } from './tidy/ports.js'
import { errorCodes, invariants } from './tidy/promises.js'
import { fileSize, functionSize, lineSize } from './tidy/size.js'
import { newSnapshots, publicExports, wireKinds } from './tidy/snapshots.js'
import { type Rule, readTree, type Tree } from './tidy/tree.js'

const RULES: readonly Rule[] = [
  fileSize,
  functionSize,
  lineSize,
  folderOrder,
  indexReexports,
  importCycles,
  sockets,
  timeAndChance,
  noConsole,
  markers,
  errorCodes,
  invariants,
  publicExports,
  wireKinds,
  deadExports,
]

/** Runs the rules; returns the exit code. */
export function tidy(argv: readonly string[], print: (line: string) => void): number {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: { only: { type: 'string' }, update: { type: 'boolean', default: false } },
  })
  const root = positionals[0] ?? '.'
  if (values.update) writeSnapshots(root, print)
  const tree = readTree(root)
  const violations = selectRules(values.only)
    .flatMap((rule) => rule.check(tree))
    .sort((a, b) => a.file.localeCompare(b.file) || a.line - b.line)
  for (const { file, line, rule, text } of violations) print(`${file}:${line} ${rule} ${text}`)
  print(`${summary(tree)}, ${violations.length} violations`)
  return violations.length === 0 ? 0 : 1
}

function selectRules(only: string | undefined): readonly Rule[] {
  if (only === undefined) return RULES
  return only.split(',').map((name) => {
    const rule = RULES.find((one) => one.name === name)
    if (rule === undefined) throw new Error(`No rule ${name}. There are: ${RULES.map((one) => one.name).join(' ')}`)
    return rule
  })
}

function writeSnapshots(root: string, print: (line: string) => void): void {
  for (const [path, text] of newSnapshots(readTree(root))) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), text)
    print(`wrote ${path}`)
  }
}

/** Files, lines by folder (src folder by folder), the largest file. */
function summary(tree: Tree): string {
  const lines = new Map<string, number>()
  for (const file of tree.files.values()) {
    const [top, folder] = file.path.split('/')
    const key = top === 'src' && !folder?.endsWith('.ts') ? `src/${folder}` : (top ?? '')
    lines.set(key, (lines.get(key) ?? 0) + file.lines.length)
  }
  const byFolder = [...lines].map(([folder, count]) => `${folder} ${count}`).join(', ')
  const largest = [...tree.files.values()].sort((a, b) => b.lines.length - a.lines.length)[0]
  const files = `tidy: ${tree.files.size} files, lines: ${byFolder === '' ? 'none' : byFolder}`
  return largest === undefined ? files : `${files}, largest: ${largest.path} ${largest.lines.length}`
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  process.exitCode = tidy(process.argv.slice(2), console.log)
}
