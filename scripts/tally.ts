/**
 * Counts what one test file really did, from its raw TAP output.
 *
 * A test is a `test(...)` block without blocks inside it, or a whole file that has none. It counts once, however many
 * assertions it holds. What fails outside such a block (a file that crashes or is cut short, an assertion between
 * blocks) counts as one failure more, so nothing that went wrong is missing from the number.
 *
 *   file -> block -> ... -> leaf: one test
 */
import { Parser, type Result } from 'tap-parser'

export interface Tally {
  passed: number
  failed: number
  /** Tests that did not run, by full name: skipped, or still to do. */
  skipped: string[]
  /** One text a failure, ready to print. */
  failures: string[]
  /** What the file wrote beside its results: output, comments, seeds. */
  notes: string[]
}

/** One level of the output while it is read. Bare lines belong to no inner block. */
interface Block {
  readonly path: readonly string[]
  blocks: number
  bareLines: number
  bareFailed: Result[]
  bareSkipped: string[]
  /** Failures already counted below this level. */
  failedInside: number
  /** The inner block whose closing line comes next. */
  open: Block | undefined
  /** The file ended without the line that says how many results it has. */
  isCut: boolean
}

/** @param output  undefined when the file never wrote a line: that is one failure */
export function tally(file: string, output: string | undefined): Tally {
  const counts: Tally = { passed: 0, failed: 0, skipped: [], failures: [], notes: [] }
  const block = newBlock([file])
  const parser = new Parser()
  watch(parser, block, counts)
  parser.end(output ?? '')
  block.isCut = !/^1\.\.\d/m.test(output ?? '')
  const ranSomething = block.blocks + block.bareLines > 0
  close(block, parser.ok && ranSomething, counts)
  return counts
}

const newBlock = (path: readonly string[]): Block => ({
  path,
  blocks: 0,
  bareLines: 0,
  bareFailed: [],
  bareSkipped: [],
  failedInside: 0,
  open: undefined,
  isCut: false,
})

function watch(parser: Parser, block: Block, counts: Tally): void {
  parser.on('child', (child: Parser) => {
    block.blocks += 1
    block.open = newBlock([...block.path, child.name])
    watch(child, block.open, counts)
  })
  for (const kind of ['extra', 'comment'] as const) {
    parser.on(kind, (text: string) => {
      if (text.trim() !== '' && !OWN_COMMENT.test(text)) counts.notes.push(text.trimEnd())
    })
  }
  parser.on('assert', (result: Result) => {
    const inner = block.open
    block.open = undefined
    if (inner === undefined) readBareLine(block, result)
    else if (isSkipped(result)) counts.skipped.push(inner.path.join(' > '))
    else block.failedInside += close(inner, result.ok, counts)
  })
}

/** The lines that tap adds itself. */
const OWN_COMMENT = /^\s*# (Subtest|time=|failed |test count|\{ total)/

function readBareLine(block: Block, result: Result): void {
  block.bareLines += 1
  if (isSkipped(result)) block.bareSkipped.push([...block.path, result.name].join(' > '))
  else if (!result.ok) block.bareFailed.push(result)
}

/** Counts a block that has ended; returns the failures in it. */
function close(block: Block, isOk: boolean, counts: Tally): number {
  const isLeaf = block.blocks === 0
  if (isLeaf && isOk) {
    const isEmpty = block.bareLines > 0 && block.bareSkipped.length === block.bareLines
    if (isEmpty) counts.skipped.push(...block.bareSkipped)
    else counts.passed += 1
    return 0
  }
  // A skipped test leaves a bare line in its file, not a block.
  counts.skipped.push(...block.bareSkipped)
  const own = isLeaf ? 1 : block.bareFailed.length + (block.isCut ? 1 : 0)
  const failed = !isOk && own + block.failedInside === 0 ? 1 : own
  counts.failed += failed
  if (failed > 0) counts.failures.push(describe(block))
  return failed + block.failedInside
}

const isSkipped = (result: Result): boolean => Boolean(result.skip) || Boolean(result.todo)

/** Details that repeat what is said elsewhere. */
const QUIET = new Set(['at', 'source', 'test', 'tapCaught', 'stdio', 'cwd', 'command', 'args', 'externalID', 'jobId'])

function describe(block: Block): string {
  const lines = [`FAILED ${block.path.join(' > ')}`]
  if (block.isCut || block.bareFailed.length === 0) lines.push(endedEarly(block))
  for (const result of block.bareFailed) {
    lines.push(`  ${result.name}`)
    const at: unknown = result.diag?.at
    if (isRecord(at)) lines.push(`    at ${at.fileName}:${at.lineNumber}:${at.columnNumber}`)
    for (const [key, value] of Object.entries(result.diag ?? {})) {
      if (!QUIET.has(key)) lines.push(...detail(key, value, '    '))
    }
  }
  return lines.join('\n')
}

function endedEarly(block: Block): string {
  if (block.open !== undefined) return `  ended early, killed or crashed in: ${block.open.path.join(' > ')}`
  return '  ended early: killed, crashed before its first test, or not compiled'
}

function detail(key: string, value: unknown, indent: string): string[] {
  if (isRecord(value) && ('message' in value || 'stack' in value)) {
    const inner = Object.entries(value).filter(([name]) => !QUIET.has(name))
    return [`${indent}${key}:`, ...inner.flatMap(([name, one]) => detail(name, one, `${indent}  `))]
  }
  const text = typeof value === 'string' ? value.trimEnd() : JSON.stringify(value)
  if (text === undefined || !text.includes('\n')) return [`${indent}${key}: ${text}`]
  return [`${indent}${key}:`, ...text.split('\n').map((line) => `${indent}  ${line}`)]
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null
