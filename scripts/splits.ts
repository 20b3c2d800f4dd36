/**
 * What each partition policy does, as a table: clusters on the simulated network are split, each side is written to,
 * the cut heals. Copies that served during the cut, names that each side found, and what is left afterwards.
 *
 *   node dist/scripts/splits.js        make splits
 *
 * Exit code 1 when a name is lost, lives twice at the end, or is not found by somebody.
 */
import { genServer, type PartitionPolicy } from '../src/index.js'
import { type SimulatedWorld, simulate } from '../src/testing.js'

const SPLIT_MS = 30_000
const CALM_MS = 60_000
const NAMES = 60

interface Case {
  readonly title: string
  readonly partition: PartitionPolicy
  readonly left: string
  readonly right: string
  /** Only what goes from the right to the left is cut. */
  readonly oneWay?: boolean
}

const MAJORITY: PartitionPolicy = { quorum: 'majority', size: 3 }

const CASES: readonly Case[] = [
  { title: '2:1', partition: 'diverge', left: 'ab', right: 'c' },
  { title: '2:1', partition: MAJORITY, left: 'ab', right: 'c' },
  { title: '2:1', partition: { quorum: 'static', size: 2 }, left: 'ab', right: 'c' },
  { title: '2:1', partition: { quorum: 'dynamic', percent: 60 }, left: 'ab', right: 'c' },
  { title: '3:2', partition: MAJORITY, left: 'abc', right: 'de' },
  { title: '2:2', partition: { quorum: 'majority', size: 4 }, left: 'ab', right: 'cd' },
  { title: '1:1', partition: 'diverge', left: 'a', right: 'b' },
  { title: 'one way', partition: 'diverge', left: 'ab', right: 'c', oneWay: true },
  { title: 'one way', partition: MAJORITY, left: 'ab', right: 'c', oneWay: true },
]

interface Counted {
  /** Of the 60 names: those that answer on this side. */
  readonly left: number
  readonly right: number
  /** Those that answered on both, from two copies. */
  readonly twice: number
}

const counter = genServer('counter', {
  init: (): { writes: string[] } => ({ writes: [] }),
  calls: {
    write: (self, text: string) => {
      self.state.writes.push(text)
      return { node: self.node, epoch: self.epoch }
    },
    read: (self) => ({ node: self.node, writes: self.state.writes }),
  },
  resolveConflict: (mine, theirs) => ({ writes: [...new Set([...mine.writes, ...theirs.writes])].sort() }),
})

const names = Array.from({ length: NAMES }, (_, i) => `name:${i}`)

/** Who answers for a name, asked on that node; what is not there is started there first, as a program would. */
const ask = async (world: SimulatedWorld, node: string, name: string, text: string): Promise<string> => {
  const here = world.at(node)
  const ref = here.ref(counter, name).with({ timeoutMs: 3_000 })
  const write = async (): Promise<string> => (await ref.call.write(text)).node
  return write().catch(async () => {
    try {
      await here.start(counter, { name })
      return await write()
    } catch {
      return ''
    }
  })
}

const duringSplit = async (world: SimulatedWorld, { left, right }: Case): Promise<Counted> => {
  const [l = '', r = ''] = [left[0], right[0]]
  const answers = await world.run(
    Promise.all(
      names.map((name) => Promise.all([ask(world, l, name, `${name} left`), ask(world, r, name, `${name} right`)])),
    ),
    120_000,
  )
  return {
    left: answers.filter(([one]) => one !== '').length,
    right: answers.filter(([, two]) => two !== '').length,
    twice: answers.filter(([one, two]) => one !== '' && two !== '' && one !== two).length,
  }
}

const row = async (one: Case): Promise<{ readonly cells: readonly (string | number)[]; readonly ok: boolean }> => {
  const { left, right, partition } = one
  const world = simulate({ seed: `split ${one.title} ${JSON.stringify(partition)}` })
  const all = [...left, ...right]
  for (const name of all) await world.node(name, { kinds: [counter], partition })
  await world.advance(10_000)
  await world.run(Promise.all(names.map((name, i) => world.at(all[i % all.length] ?? '').start(counter, { name }))))
  await world.advance(1_000)
  if (one.oneWay === true) for (const to of left) for (const from of right) world.network.block(from, to)
  else world.partition([...left], [...right])
  await world.advance(SPLIT_MS)
  const during = await duringSplit(world, one)
  let conflicts = 0
  for (const name of all) world.at(name).on('conflict', () => (conflicts += 1))
  if (one.oneWay === true) for (const to of left) for (const from of right) world.network.unblock(from, to)
  else world.heal()
  await world.advance(CALM_MS)
  const found = all.map((node) => names.filter((name) => world.at(node).whereis(name) !== undefined).length)
  const places = names.map((name) => new Set(all.map((node) => world.at(node).whereis(name)?.node ?? '')))
  const live = names.filter(
    (name) =>
      all.filter((node) =>
        world
          .at(node)
          .list({ node })
          .some((x) => x.name === name),
      ).length === 1,
  )
  const agreed = places.filter((place) => place.size === 1 && !place.has('')).length
  const writes = await world.run(
    Promise.all(
      names.map((name) =>
        world
          .at(left[0] ?? '')
          .ref(counter, name)
          .call.read()
          .catch(() => undefined),
      ),
    ),
  )
  const both = writes.filter((state) => state?.writes.length === 2).length
  await world.close()
  const ok = found.every((n) => n === NAMES) && agreed === NAMES && live.length === NAMES
  const policy = typeof partition === 'string' ? partition : Object.values(partition).join(' ')
  return {
    cells: [
      one.title,
      policy,
      during.left,
      during.right,
      during.twice,
      conflicts,
      live.length,
      Math.min(...found),
      both,
      ok ? 'yes' : 'NO',
    ],
    ok,
  }
}

const HEAD = [
  'split',
  'policy',
  'answer left',
  'answer right',
  'two copies',
  'conflicts',
  'live',
  'found',
  'merged',
  'whole',
]
const rows = []
for (const one of CASES) rows.push(await row(one))
const table = [HEAD, ...rows.map(({ cells }) => cells.map(String))]
const widths = HEAD.map((_, i) => Math.max(...table.map((cells) => cells[i]?.length ?? 0)))
console.log(`${NAMES} names; during ${SPLIT_MS / 1_000} s of each cut, and ${CALM_MS / 1_000} s after it\n`)
for (const cells of table) console.log(cells.map((cell, i) => cell.padStart(widths[i] ?? 0)).join('  '))
process.exitCode = rows.every(({ ok }) => ok) ? 0 : 1
