/** Attack 53 (docs/ATTACKS.md): what is shipped, what it may do, and that nothing runs at its installation. */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { plainEnv } from '../fixtures/cluster.js'

interface Locked {
  readonly dev?: boolean
  readonly link?: boolean
  readonly resolved?: string
  readonly integrity?: string
  readonly hasInstallScript?: boolean
}

const json = (path: string): Record<string, unknown> => JSON.parse(readFileSync(path, 'utf8'))
const npm = (...args: readonly string[]): string =>
  execFileSync('npm', [...args, '--ignore-scripts', '--loglevel=error'], { encoding: 'utf8', env: plainEnv })
const filesUnder = (folder: string, ending: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith(ending))
    .map((name) => join(folder, name))

t.test(
  'attack 53: the package holds its sources, what was made of each, and its pages, and no file more',
  async (t) => {
    const sources = filesUnder('src', '.ts')
    const made = sources.flatMap((source) => {
      const stem = join('dist', source).replace(/\.ts$/, '')
      return ['.js', '.js.map', '.d.ts', '.d.ts.map'].map((ending) => stem + ending)
    })
    const pages = [...readdirSync('docs').map((name) => join('docs', name)), ...filesUnder('docs/guides', '.md')]
    const expected = [
      ...['package.json', 'README.md', 'LICENSE', 'CHANGELOG.md'],
      ...pages.filter((name) => name.endsWith('.md')),
      ...sources,
      // A build by hand may have left out the maps.
      ...made.filter((name) => existsSync(name) || name.endsWith('.js') || name.endsWith('.d.ts')),
    ]
    const [packed] = JSON.parse(npm('pack', '--dry-run', '--json')) as [{ files: { path: string }[] }]
    const paths = packed.files.map(({ path }) => path).sort()
    t.same(paths, expected.sort(), 'exactly these (a file of dist/ without its source: make clean build)')
  },
)

t.test('attack 53, 54: nothing of what is shipped makes code out of data, or starts a program', async (t) => {
  const forbidden: readonly [string, RegExp][] = [
    ['eval', /\beval\s*\(/],
    ['Function', /\bnew\s+Function\b|(?<![.\w])Function\s*\(/],
    // The clients of stores are loaded when they are used, each by its name.
    ['dynamic import', /(?<![.\w])import\s*\((?!["'](?:lmdb|redis|pg|mysql2\/promise)["']\))/],
    ['require', /(?<![.\w])require\s*\(|createRequire/],
    [
      'a module that runs code',
      /from\s*["'](?:node:)?(?:child_process|vm|worker_threads|module|inspector|repl|cluster)["']/,
    ],
    ['process.binding', /process\s*\.\s*(?:binding|dlopen)/],
    ['a timer with text', /set(?:Timeout|Interval)\s*\(\s*["'`]/],
  ]
  const files = [...filesUnder('src', '.ts'), ...filesUnder('dist/src', '.js')]
  t.ok(files.length > 150, `${files.length} files`)
  for (const [what, pattern] of forbidden) {
    t.same(
      files.filter((file) => pattern.test(readFileSync(file, 'utf8'))),
      [],
      `no ${what}`,
    )
  }
  for (const [what, text] of [
    ['eval', 'eval ("1")'],
    ['Function', 'x = Function("a")'],
    ['dynamic import', "await import('x')"],
    ['require', 'require("x")'],
    ['a module that runs code', "import { spawn } from 'node:child_process'"],
    ['process.binding', 'process.binding("x")'],
    ['a timer with text', "setTimeout('x')"],
  ]) {
    t.ok(forbidden.find(([name]) => name === what)?.[1].test(text ?? ''), `${what} would be seen`)
  }
})

t.test('attack 53: its installation runs nothing, and every dependency is pinned by its hash', async (t) => {
  const { scripts = {} } = json('package.json') as { scripts?: Record<string, string> }
  for (const hook of ['preinstall', 'install', 'postinstall', 'prepare']) t.notOk(hook in scripts, `no ${hook}`)
  const { packages } = json('package-lock.json') as { packages: Record<string, Locked> }
  const locked = Object.entries(packages).filter(([path, { link }]) => path !== '' && link !== true)
  t.ok(locked.length > 10)
  for (const [path, { resolved = '', integrity = '', dev, hasInstallScript }] of locked) {
    // Without an address it comes from the registry that npm is set to; the hash says what it must be.
    const known = resolved === '' || resolved.startsWith('https://registry.npmjs.org/')
    const good = known && integrity.startsWith('sha512-')
    if (!good) t.fail(`${path} comes from ${resolved}, hash ${integrity}`)
    if (dev !== true && hasInstallScript === true) t.fail(`${path} runs a script when it is installed`)
  }
  t.pass(`${locked.length} packages`)
})

t.test('attack 53: the package, unpacked without any script, can be used', async (t) => {
  const dir = t.testdir({ node_modules: {} })
  const modules = join(dir, 'node_modules')
  const [packed] = JSON.parse(npm('pack', '--json', `--pack-destination=${dir}`)) as [{ filename: string }]
  for (const name of readdirSync('node_modules')) {
    if (!name.startsWith('.')) symlinkSync(join(process.cwd(), 'node_modules', name), join(modules, name))
  }
  const own = join(modules, 'proc-mobility')
  mkdirSync(own)
  execFileSync('tar', ['-xzf', join(dir, packed.filename), '-C', own, '--strip-components=1'])
  const program = `import { createNode, genServer } from 'proc-mobility'
    import { simulate } from 'proc-mobility/testing'
    const kind = genServer('k', { init: () => ({}), calls: { one: () => 1 } })
    const node = await createNode({ name: 'a', port: 0, kinds: [kind] })
    const ref = await node.start(kind, { name: 'x' })
    console.log(await ref.call.one(), typeof simulate)
    await node.stop()`
  const out = execFileSync(process.execPath, ['--input-type=module', '-e', program], {
    ...{ cwd: dir, encoding: 'utf8', env: plainEnv, stdio: ['ignore', 'pipe', 'ignore'] },
  } as { cwd: string; encoding: 'utf8' })
  t.equal(out.trim(), '1 function')
})
