/** One node a core: examples/cores.sh runs as its guide prints it, and its fleet begins a core anew that was killed. */
import { readFileSync } from 'node:fs'
import { test } from 'tap'
import { Fleet } from '../../examples/cores/fleet.js'
import { type counter, deskOf } from '../../examples/cores/kinds.js'
import { placeOf } from '../../examples/cores/placement.js'
import { inTime } from '../fixtures/cluster.js'
import { PromptScript } from '../fixtures/prompt-script.js'

const NAMES = Array.from({ length: 30 }, (_, index) => `counter:${index + 1}`)

test('examples/cores.sh prints what the guide says', async (t) => {
  const page = readFileSync('docs/guides/cores.md', 'utf8')
  const [, printed = ''] = /^```sh\nexamples\/cores\.sh\n```\n\n```output\n(.*?)\n```$/ms.exec(page) ?? []
  const script = new PromptScript(t, 'cores.sh', { CORES: '2' })
  t.equal(await script.end(), 0)
  // Places come from the names: only what depends on time may differ.
  const steady = (line: string): string => line.replace(/\d+ calls/, 'so many calls')
  t.same(script.out.map(steady), printed.split('\n').map(steady))
  t.same(script.log, [])
})

test('a place is taken from all others alike, and given back', async (t) => {
  const cores = ['core-1', 'core-2', 'core-3']
  for (const name of NAMES) {
    const place = placeOf(name, cores)
    t.equal(placeOf(name, [...cores].reverse()), place)
    for (const gone of cores) {
      const then = placeOf(
        name,
        cores.filter((core) => core !== gone),
      )
      if (gone !== place) t.equal(then, place, 'it stays when another core goes')
    }
  }
  t.equal(new Set(NAMES.map((name) => placeOf(name, cores))).size, 3)
})

test('a core that is killed is begun again; its names are free, all others never noticed', async (t) => {
  const fleet = await Fleet.open(3)
  t.teardown(() => fleet.close())
  const { node } = fleet
  t.equal(await fleet.start(NAMES), NAMES.length)
  const lost = NAMES.filter((name) => placeOf(name, fleet.cores) === 'core-2')
  const kept = NAMES.filter((name) => !lost.includes(name))
  const add = (name: string) => node.ref<typeof counter>(name).call.add(1)
  await Promise.all(NAMES.map(add))
  const downs = lost.map((name) => node.ref(name).monitor())
  const again = node.once('registered', ({ name, status }) => name === deskOf('core-2') && status === 'live')
  process.kill(fleet.pid('core-2') ?? 0, 'SIGKILL')
  for (const { down } of downs) t.equal(await inTime('the end of what ran there', down), 'nodedown')
  for (const { count } of await Promise.all(kept.map(add))) t.equal(count, 2)
  await inTime('the core is there again', again)
  t.equal(await fleet.start(lost), lost.length)
  for (const { count } of await Promise.all(lost.map(add))) t.equal(count, 1, 'they begin anew')
})

test('a fleet of one core cannot restart it without losing what runs there, and says so', async (t) => {
  const fleet = await Fleet.open(1)
  t.teardown(() => fleet.close())
  await fleet.start(NAMES)
  await t.rejects(fleet.restart('core-1'), /nobody could take what runs on core-1/)
  t.equal((await fleet.node.ref<typeof counter>('counter:1').call.add(1)).count, 1)
})
