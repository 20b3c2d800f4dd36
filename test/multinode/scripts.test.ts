/** The four scripts of examples/, typed into as a user would, on ports of their own. */
import { type Test, test } from 'tap'
import { PromptScript } from '../fixtures/prompt-script.js'

const STATS = 'await mobilityExample.call.stats()'

interface Stats {
  readonly pings: number
  readonly casts: number
  readonly infos: number
  readonly node: string
}

/** `{ pings: 1, casts: 2, infos: 3, node: 'a' }` */
const statsIn = (line: string): Stats => {
  const found = /^\{ pings: (\d+), casts: (\d+), infos: (\d+), node: '(\w+)' \}$/.exec(line)
  if (found === null) throw new Error(`no stats: ${line}`)
  const [pings, casts, infos] = found.slice(1, 4).map(Number) as [number, number, number]
  return { pings, casts, infos, node: found[4] ?? '' }
}

/** One cast and one info, then the counts; they never get less. */
const use = async (script: PromptScript): Promise<Stats> => {
  await script.type('await mobilityExample.cast.note()')
  await script.type("await mobilityExample.send('hello')")
  return statsIn(await script.type(STATS))
}

const pair = async (t: Test, kind: string): Promise<{ a: PromptScript; b: PromptScript; port: string }> => {
  const a = new PromptScript(t, `${kind}NodeA.sh`, { PORT: '0', PING_MS: '20' })
  const join = kind === 'cluster' ? { JOIN: `127.0.0.1:${await a.port()}` } : {}
  const b = new PromptScript(t, `${kind}NodeB.sh`, { PORT: '0', ...join })
  const port = await b.port()
  await a.line(a.log, /pinger: mobilityExample answers from a/)
  return { a, b, port }
}

/** Moves it with `move`, typed on a, and looks at everything before and after. */
const move = async (t: Test, { a, b }: { a: PromptScript; b: PromptScript }, line: string): Promise<void> => {
  const before = await use(a)
  t.match(before, { casts: 1, infos: 1, node: 'a' })
  t.ok(before.pings > 0, 'the pinger has begun')
  t.match(await a.type(line), /^\{ epoch: \d+, pauseMs: [\d.]+, stateBytes: \d+, moved: true \}$/)
  await b.line(b.log, /^\[b\] mobilityExample moved here from a, epoch \d+, bytes \d+, pauseMs [\d.]+$/)
  await a.line(a.log, /^\[a\] mobilityExample moved to b.*, epoch \d+, bytes \d+$/)
  await a.line(a.log, /pinger: mobilityExample answers from b/)
  const after = [await use(b), await use(a)] as const
  t.match(after[0], { casts: 2, infos: 2, node: 'b' }, 'the same counts at the other prompt')
  t.match(after[1], { casts: 3, infos: 3, node: 'b' })
  t.ok(after[1].pings > before.pings, 'the pinger goes on')
  t.same(
    a.log.filter((text) => text.includes('does not answer')),
    [],
    'the pinger never noticed',
  )
}

test('inside a cluster: clusterNodeA.sh, clusterNodeB.sh', async (t) => {
  const scripts = await pair(t, 'cluster')
  const { a, b } = scripts
  t.equal(await a.type('nodes()'), "[ 'b' ]")
  t.equal(await b.type('nodes()'), "[ 'a' ]")
  await move(t, scripts, 'await mobilityExample.sendMe(nodes()[0])')
  t.match(await b.type("await mobilityExample.call.leave('a')"), /moved: true/, 'asked of its own code, it goes back')
  await a.line(a.log, /^\[a\] mobilityExample moved here from b/)
  t.match(statsIn(await b.type(STATS)), { casts: 3, infos: 3, node: 'a' })
  t.equal(await b.end(), 0)
  await a.line(a.log, /node b is down: left/)
  t.equal(await a.end(), 0)
})

test('outside the cluster: tcpNodeA.sh, tcpNodeB.sh', async (t) => {
  const scripts = await pair(t, 'tcp')
  const { a, b, port } = scripts
  t.equal(await a.type('nodes()'), '[]')
  t.match(await b.type(STATS), /^Uncaught ERR_NO_PROCESS: /, 'b does not know the name yet')
  await move(t, scripts, `await mobilityExample.sendMe(['tcp', 'localhost', ${port}])`)
  t.match(await a.type(`await mobilityExample.sendMe(tcp('localhost', ${await a.port()}))`), /moved: true/)
  t.match(statsIn(await b.type(STATS)), { casts: 3, infos: 3, node: 'a' }, 'home again, b still reaches it')
  t.equal(await a.end(), 0)
  t.equal(await b.end(), 1, 'one of its lines failed')
})

test('lines from a pipe run one after the other, and none is lost', async (t) => {
  const a = new PromptScript(t, 'tcpNodeA.sh', { PORT: '0', NODE_NAME: 'piped' })
  a.feed([
    "await new Promise((done) => setTimeout(done, 100, 'first'))",
    "'second'",
    'const twice = (x) => {',
    '  return 2 * x',
    '}',
    'twice(21)',
    "await mobilityExample.sendMe('nowhere')",
    '({ name: node.name })',
  ])
  t.equal(await a.end(), 1, 'a line failed')
  const failed = a.out[4] ?? ''
  t.match(failed, /^Uncaught ERR_UNREACHABLE: Node nowhere cannot be reached/)
  t.same(a.out, ["'first'", "'second'", 'undefined', '42', failed, "{ name: 'piped' }"])
  t.match(a.log[0], /^\[piped\] listens on/)
})

test('a node that cannot start says why in one line', async (t) => {
  const a = new PromptScript(t, 'tcpNodeA.sh', { PORT: '0' })
  const taken = new PromptScript(t, 'tcpNodeB.sh', { PORT: await a.port() })
  t.equal(await taken.exited, 1)
  t.equal(taken.log.length, 1)
  t.match(taken.log[0], /^\[b\] ERR_PORT_IN_USE: Port \d+ on 127\.0\.0\.1 is in use\./)
  t.equal(await a.end(), 0)
})
