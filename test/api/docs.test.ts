/**
 * The pages say what the code does: their examples run as a stranger would run them, and their tables name exactly what
 * the code has.
 *
 *   ```js file=counter.js   a file, written beside the blocks of its page
 *   ```js run | ```ts run   a program: it must end with exit code 0
 *   ```output               what the program before it prints; `...` stands for anything
 *
 * The programs are written below dist/, where `proc-mobility` is this package, by its own name.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { dirname, join, normalize } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'tap'
import ts from 'typescript'
import { ERRORS } from '../../src/base/errors.js'
import { defaultLimits } from '../../src/base/limits.js'
import { createNode, type NodeOptions } from '../../src/index.js'
import { KIND } from '../../src/wire/kinds.js'
import { MESSAGES, type MessageName } from '../../src/wire/messages.js'
import { EXT } from '../../src/wire/shapes.js'

const PLACE = 'dist/docs-examples'
const TIMEOUT_MS = 20_000

const pages = ['README.md', 'docs', 'docs/guides'].flatMap((path) =>
  path.endsWith('.md')
    ? [path]
    : readdirSync(path)
        .filter((name) => name.endsWith('.md'))
        .map((name) => join(path, name)),
)
const textOf = (page: string): string => readFileSync(page, 'utf8')
const everything = pages.map(textOf).join('\n')

// ---- blocks

interface Block {
  readonly language: string
  readonly info: readonly string[]
  readonly text: string
  readonly line: number
}

const blocksOf = (page: string): Block[] => {
  const blocks: Block[] = []
  for (const match of textOf(page).matchAll(/^```(\w+)([^\n]*)\n(.*?)^```$/gms)) {
    const [, language = '', info = '', text = ''] = match
    const line = textOf(page).slice(0, match.index).split('\n').length + 1
    blocks.push({ language, info: info.trim().split(/\s+/).filter(Boolean), text, line })
  }
  return blocks
}

interface Program {
  readonly name: string
  readonly path: string
  readonly text: string
  readonly wanted: string | undefined
}

const folderOf = (page: string): string => join(PLACE, page.replace(/[/.]/g, '-'))

/** Writes the files of a page and returns its programs, TypeScript still as source. */
const programsOf = (page: string): Program[] => {
  const folder = folderOf(page)
  mkdirSync(folder, { recursive: true })
  const blocks = blocksOf(page)
  return blocks.flatMap(({ language, info, text, line }, index) => {
    const file = info.find((word) => word.startsWith('file='))?.slice('file='.length)
    if (file !== undefined) writeFileSync(join(folder, file), text)
    if (!info.includes('run')) return []
    const path = join(folder, `line-${line}.${language}`)
    writeFileSync(path, text)
    const next = blocks[index + 1]
    const wanted = next?.language === 'output' ? next.text : undefined
    return [{ name: `${page}:${line}`, path, text, wanted }]
  })
}

const compilerOptions: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2023,
  lib: ['lib.es2023.d.ts', 'lib.es2024.string.d.ts', 'lib.esnext.disposable.d.ts'],
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  types: ['node'],
  strict: true,
  verbatimModuleSyntax: true,
  skipLibCheck: true,
  noEmit: true,
}

/** What the compiler says, one line each. */
const problemsOf = (paths: readonly string[]): string[] =>
  ts.getPreEmitDiagnostics(ts.createProgram([...paths], compilerOptions)).map((diagnostic) => {
    const text = ts.flattenDiagnosticMessageText(diagnostic.messageText, ' ')
    const { file, start } = diagnostic
    const line = file === undefined ? 0 : file.getLineAndCharacterOfPosition(start ?? 0).line + 1
    return `${file?.fileName ?? ''}:${line} ${text}`
  })

const compiled = (program: Program): string => {
  if (!program.path.endsWith('.ts')) return program.path
  const path = program.path.replace(/\.ts$/, '.js')
  const options: ts.CompilerOptions = { target: ts.ScriptTarget.ES2023, module: ts.ModuleKind.ESNext }
  writeFileSync(path, ts.transpileModule(program.text, { compilerOptions: options }).outputText)
  return path
}

interface Run {
  readonly code: unknown
  readonly stdout: string
  readonly stderr: string
}

const run = (path: string): Promise<Run> =>
  new Promise((resolve) => {
    execFile(process.execPath, [path], { timeout: TIMEOUT_MS }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : (error.code ?? error.signal ?? -1), stdout, stderr }),
    )
  })

const patternOf = (wanted: string): RegExp => {
  const lines = wanted.trimEnd().split('\n')
  const escaped = lines.map((line) =>
    line
      .trimEnd()
      .split('...')
      .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
      .join('.*'),
  )
  return new RegExp(`^${escaped.join('\n')}$`, 's')
}

const trimmed = (text: string): string =>
  text
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n')
    .trimEnd()

rmSync(PLACE, { recursive: true, force: true })
const programs = pages.flatMap(programsOf)

test('there are examples that run', async (t) => {
  t.ok(programs.length >= 8, `${programs.length} programs`)
  t.ok(programs.some(({ name }) => name.startsWith('README.md')))
})

test('the TypeScript of the examples has no type errors', async (t) => {
  t.same(problemsOf(programs.map(({ path }) => path).filter((path) => path.endsWith('.ts'))), [])
})

for (const program of programs) {
  test(`the example at ${program.name} runs and prints what it says`, async (t) => {
    const { code, stdout, stderr } = await run(compiled(program))
    t.equal(code, 0, stderr)
    if (program.wanted !== undefined) t.match(trimmed(stdout), patternOf(program.wanted))
  })
}

// ---- the two programs of the first steps

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  return typeof address === 'object' && address !== null ? address.port : 0
}

/** Resolves with each line of a child that `accepts`; the lines in between are dropped. */
const linesOf = (child: ChildProcess): ((accepts: RegExp) => Promise<string>) => {
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream })[Symbol.asyncIterator]()
  return async (accepts) => {
    for (;;) {
      const { value, done } = await lines.next()
      if (done === true) throw new Error(`it ended before a line like ${accepts}`)
      if (accepts.test(value)) return value
    }
  }
}

test('the two programs of the first steps hand the process to each other', { timeout: 30_000 }, async (t) => {
  const cwd = folderOf('docs/guides/first-steps.md')
  const env = { ...process.env, PORT_ONE: String(await freePort()), PORT_TWO: String(await freePort()) }
  const start = (file: string): ChildProcess =>
    spawn(process.execPath, [file], { cwd, env, stdio: ['ignore', 'pipe', 'ignore'] })
  const one = start('one.js')
  t.teardown(() => one.kill('SIGKILL'))
  const lineOfOne = linesOf(one)
  await lineOfOne(/^one listens on /)
  await lineOfOne(/^1 on one$/)
  const two = start('two.js')
  t.teardown(() => two.kill('SIGKILL'))
  const lineOfTwo = linesOf(two)
  t.match(await lineOfTwo(/members/), "[ 'one' ]")
  await lineOfTwo(/^it is here: epoch \d+, \d+ bytes/)
  await lineOfOne(/^\d+ on two$/)
  const twoEnded = once(two, 'exit')
  two.kill('SIGINT')
  t.same(await twoEnded, [0, null])
  await lineOfOne(/^\d+ on one$/)
  const oneEnded = once(one, 'exit')
  one.kill('SIGINT')
  t.same(await oneEnded, [0, null])
})

// ---- tables

/** The cells of each row whose first cell is code: `| `name` | ... |`. */
const rowsOf = (text: string): string[][] =>
  text
    .split('\n')
    .filter((line) => /^\| `/.test(line))
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    )

const sectionOf = (page: string, title: string): string => {
  const found = textOf(page)
    .split(/^## /m)
    .find((section) => section.startsWith(`${title}\n`))
  if (found === undefined) throw new Error(`${page} has no section ${title}`)
  return found
}

/** The names in code in the first cell of each row. */
const namesIn = (text: string): string[] =>
  rowsOf(text).flatMap(([first = '']) => [...first.matchAll(/`([^`]+)`/g)].map((match) => match[1] ?? ''))

/** The property names of an interface of a source file. */
const propertiesOf = (path: string, name: string): string[] => {
  const source = ts.createSourceFile(path, textOf(path), ts.ScriptTarget.ES2023, true)
  const found = source.statements.find((node) => ts.isInterfaceDeclaration(node) && node.name.text === name)
  if (found === undefined) throw new Error(`${path} has no interface ${name}`)
  return (found as ts.InterfaceDeclaration).members.map((member) => member.name?.getText(source) ?? '')
}

interface Shape {
  readonly type: string
  readonly of?: { readonly shape: Shape }
  readonly fields?: Readonly<Record<string, { readonly shape: Shape }>>
}

const fieldsText = (shape: Shape): string => {
  const marks: Readonly<Record<string, string>> = { optional: '?', list: '[]' }
  const names = Object.entries(shape.fields ?? {}).map(([name, field]) => `\`${name}${marks[field.shape.type] ?? ''}\``)
  return names.length === 0 ? '-' : names.join(' ')
}

const within = (shape: Shape, name: string): Shape => {
  const found = shape.fields?.[name]?.shape
  if (found === undefined) throw new Error(`there is no field ${name}`)
  return found.type === 'record' ? found : (found.of?.shape as Shape)
}

test('the table of messages is that of the code', async (t) => {
  const wanted = (Object.keys(KIND) as MessageName[]).map(
    (name) => `${KIND[name]} ${name}: ${fieldsText(MESSAGES[name].shape)}`,
  )
  const found = sectionOf('docs/PROTOCOL.md', 'Messages')
    .split('\n')
    .map((line) => /^\| (\d+) \| `(\w+)` \| [^|]+ \| ([^|]+) \| 0\.1 \|$/.exec(line))
    .flatMap((row) => (row === null ? [] : [`${row[1]} ${row[2]}: ${row[3]}`]))
  t.same(found, wanted)
})

test('the table of records and the table of extensions are those of the code', async (t) => {
  const records: Readonly<Record<string, Shape>> = {
    entry: within(MESSAGES.REDIRECT.shape, 'entry'),
    member: within(MESSAGES.MEMBERS.shape, 'members'),
    attempt: within(MESSAGES.BEGUN.shape, 'attempt'),
    address: within(MESSAGES.LOCATED.shape, 'address'),
    identity: within(MESSAGES.BEGIN.shape, 'destination'),
    kind: within(MESSAGES.HELLO.shape, 'kinds'),
    delegation: within(MESSAGES.PREPARE.shape, 'delegations'),
  }
  const page = sectionOf('docs/PROTOCOL.md', 'Messages')
  for (const [name, shape] of Object.entries(records)) t.match(page, `| ${name} | ${fieldsText(shape)} |`)
  const extensions = [...sectionOf('docs/PROTOCOL.md', 'Values').matchAll(/^\| (\d+) \| `(\w+)` \|/gm)]
  t.same(
    extensions.map(([, number, name]) => `${number} ${name}`),
    Object.entries(EXT).map(([name, number]) => `${number} ${name}`),
  )
})

test('the table of errors is that of the code', async (t) => {
  const found = rowsOf(textOf('docs/ERRORS.md')).filter(([first = '']) => first.startsWith('`ERR_'))
  t.same(
    found.map(([code, executed, retryable]) => `${code} ${executed} ${retryable}`).sort(),
    Object.entries(ERRORS)
      .map(([code, { executed, retryable }]) => `\`${code}\` ${executed} ${retryable ? 'yes' : 'no'}`)
      .sort(),
  )
  const unknown = [...new Set(everything.match(/\bERR_[A-Z_]+\b/g))].filter((code) => !Object.hasOwn(ERRORS, code))
  t.same(unknown, [], 'no page names a code that does not exist')
})

test('the tables of options, limits, events and stats are those of the code', async (t) => {
  const page = 'docs/guides/operating.md'
  const options = propertiesOf('src/node/options.ts', 'NodeOptions')
  t.same(namesIn(sectionOf(page, 'Options')).sort(), [...options].sort())
  t.same(namesIn(sectionOf('README.md', 'Options of createNode')).sort(), [...options].sort())
  const limits = rowsOf(sectionOf(page, 'Limits')).map(([name, value = '']) => `${name} ${value.replaceAll('_', '')}`)
  t.same(
    limits,
    Object.entries(defaultLimits).map(([name, value]) => `\`${name}\` ${value}`),
  )
  const events = propertiesOf('src/base/events.ts', 'EventMap')
  t.same(namesIn(sectionOf(page, 'Events')).sort(), [...events].sort())
  const named = [...everything.matchAll(/(?<!\/)\blimits\.([a-z]\w+)/gi)].map((match) => match[1] ?? '')
  t.same(
    [...new Set(named)].filter((name) => !Object.hasOwn(defaultLimits, name)),
    [],
  )
  const silent = { debug() {}, info() {}, warn() {}, error() {} }
  const node = await createNode({ name: 'docs', port: 0, logger: silent })
  t.same(namesIn(sectionOf(page, 'stats()')).sort(), Object.keys(node.stats()).sort())
  await node.stop()
})

test('every link inside the pages leads somewhere', async (t) => {
  const anchorsOf = (page: string): string[] =>
    [...textOf(page).matchAll(/^#+ (.+)$/gm)].map((match) =>
      (match[1] ?? '')
        .toLowerCase()
        .replace(/[^\w\- ]/g, '')
        .replaceAll(' ', '-'),
    )
  for (const page of pages) {
    for (const [, target = ''] of textOf(page).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^https?:/.test(target)) continue
      const [path = '', anchor] = target.split('#')
      const file = path === '' ? page : normalize(join(dirname(page), path))
      if (!existsSync(file)) t.fail(`${page}: there is no ${file}`)
      else if (anchor !== undefined && !anchorsOf(file).includes(anchor)) t.fail(`${page}: ${file} has no #${anchor}`)
    }
  }
})

test('what INVARIANTS.md names exists: files of src, and folders whose tests have the tag', async (t) => {
  for (const line of textOf('docs/INVARIANTS.md').split('\n')) {
    const [tag = '', , since = '', files = '', folders = ''] = line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim())
    if (!/^G\d+$/.test(tag) || since === 'not yet') continue
    let folder = ''
    for (const [, file = ''] of files.matchAll(/`([^`]+\.ts)`/g)) {
      if (file.includes('/')) folder = dirname(file)
      const path = join('src', file.includes('/') ? file : join(folder, file))
      t.ok(existsSync(path), `${tag}: ${path}`)
    }
    for (const [, where = ''] of folders.matchAll(/`([^`]+)`/g)) {
      const texts = readdirSync(where)
        .filter((name) => name.endsWith('.test.ts'))
        .map((name) => textOf(join(where, name)))
      t.ok(
        texts.some((text) => new RegExp(`\\b${tag}\\b`).test(text)),
        `${tag}: ${where}`,
      )
    }
  }
})

test('what the pages say about wrong options: ERR_OPTION, ERR_SECRET_WEAK, ERR_INSECURE', async (t) => {
  const wrong: readonly (readonly [NodeOptions, string])[] = [
    [{ name: 'a b', port: 0 }, 'ERR_OPTION'],
    [{ name: 'a', port: 0, limits: { downMs: 0 } }, 'ERR_OPTION'],
    [{ name: 'a', port: 0, secret: 'short' }, 'ERR_SECRET_WEAK'],
    [{ name: 'a', port: 0, host: '0.0.0.0' }, 'ERR_INSECURE'],
    [{ name: 'a', port: 0, host: '0.0.0.0', secret: 'sixteen other bytes' }, 'ERR_INSECURE'],
  ]
  for (const [options, code] of wrong) await t.rejects(createNode(options), { code })
})
