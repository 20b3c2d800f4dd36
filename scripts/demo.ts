/**
 * The promise, for everybody to see: a counter moves between two operating system processes over TCP while clients on
 * both sides call it and cast to it without pause. No cast may be lost, doubled or reordered, no call may fail.
 *
 *   parent: node a, clients, mover  <== TCP ==>  child (this file, with `other`): node b, clients
 *     first one cluster of two members, then two clusters of one node each
 *
 *   node dist/scripts/demo.js [--inside | --outside]      DEMO_MOVES=200: moves in each world
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { tcp } from 'proc-mobility'
import { type Clients, startClients } from './demo-clients.js'
import { COUNTER, counter } from './demo-counter.js'
import { nodeNamed, Other, other } from './demo-other.js'
import { type Course, complaints, tableOf } from './demo-table.js'

/** There and back 100 times. */
const MOVES = 200
/** Between two moves: clients also meet a counter that stays. */
const REST_MS = 10
/** A step that takes longer hangs. */
const STUCK_MS = 30_000

const WORLDS = { inside: 'one cluster', outside: 'two clusters' } as const
type World = keyof typeof WORLDS

/** A course in the making. */
type Draft = { -readonly [K in keyof Course]: Course[K] extends readonly (infer T)[] ? T[] : Course[K] }

const within = async <T>(step: Promise<T>, what: string): Promise<T> => {
  let timer: NodeJS.Timeout | undefined
  const stuck = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} did not end within ${STUCK_MS / 1_000} s`)), STUCK_MS)
  })
  return Promise.race([step, stuck]).finally(() => clearTimeout(timer))
}

const progress = ({ title, wanted }: Draft, done: number, { report }: Clients): void => {
  const calls = `${report.answered} calls of node a answered, ${report.failed} failed`
  const line = `${title}: ${done} of ${wanted} moves, ${calls}`
  if (process.stdout.isTTY) process.stdout.write(`\r${line}${done === wanted ? '\n' : ''}`)
  else if (done % 10 === 0 || done === wanted) console.log(line)
}

const place = (address: string) => {
  const colon = address.lastIndexOf(':')
  return tcp(address.slice(0, colon), Number(address.slice(colon + 1)))
}

const travel = async (world: World, draft: Draft): Promise<void> => {
  const inside = world === 'inside'
  const node = await nodeNamed('a', [])
  const child = new Other(fileURLToPath(import.meta.url), inside ? [node.address] : [])
  try {
    const { address } = await within(child.hear('address'), 'the start of node b')
    const there = inside ? 'b' : place(address)
    const back = inside ? 'a' : place(node.address)
    const ref = await node.start(counter, { name: COUNTER })
    const clients = startClients(node)
    for (let done = 1; done <= draft.wanted; done += 1) {
      const { pauseMs, stateBytes } = await within(ref.sendMe(done % 2 === 1 ? there : back), `move ${done}`)
      draft.pauses.push(pauseMs)
      draft.bytes.push(stateBytes)
      // A node of another cluster knows the name once it has been there.
      if (done === 1) child.tell('start')
      progress(draft, done, clients)
      await sleep(REST_MS)
    }
    draft.sides.push(await within(clients.stop(), 'the last calls of node a'))
    const heard = child.hear('report')
    child.tell('stop')
    draft.sides.push((await within(heard, 'the last calls of node b')).report)
    draft.tally = await ref.call.tally()
    await within(ref.stop(), 'the end of the counter')
  } finally {
    await within(child.quit(), 'the end of node b')
    await within(node.stop(), 'the end of node a')
  }
}

const run = async (world: World, wanted: number): Promise<Course> => {
  const draft: Draft = {
    title: WORLDS[world],
    wanted,
    seconds: 0,
    pauses: [],
    bytes: [],
    sides: [],
    tally: undefined,
    troubles: [],
  }
  const began = performance.now()
  await travel(world, draft).catch((error: unknown) => draft.troubles.push(String(error)))
  draft.seconds = (performance.now() - began) / 1_000
  return draft
}

const main = async (args: readonly string[]): Promise<number> => {
  const wanted = Number(process.env.DEMO_MOVES ?? MOVES)
  if (!Number.isInteger(wanted) || wanted < 1) throw new Error('DEMO_MOVES must be a whole number above 0.')
  const all: World[] = ['inside', 'outside']
  const chosen = all.filter((world) => args.includes(`--${world}`))
  const courses: Course[] = []
  for (const world of chosen.length > 0 ? chosen : all) courses.push(await run(world, wanted))
  console.log(`\n${tableOf(courses)}\n`)
  const broken = courses.flatMap((course) => complaints(course).map((text) => `${course.title}: ${text}`))
  for (const text of broken) console.error(text)
  console.log(broken.length === 0 ? 'The promise held.' : 'THE PROMISE DID NOT HOLD.')
  return broken.length === 0 ? 0 : 1
}

const [role, ...rest] = process.argv.slice(2)
if (role === 'other') await other(rest)
else process.exitCode = await main(process.argv.slice(2))
