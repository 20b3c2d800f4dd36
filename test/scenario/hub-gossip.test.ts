/** Children of a cluster whose members pass on what they hear: all come to have the same table, no promise waits. */
import t, { type Test } from 'tap'
import { gossip } from '../../src/cluster/sync-strategy.js'
import { Failpoints } from '../fixtures/failpoints.js'
import { Children, type HubStageOptions } from '../fixtures/hub-stage.js'

const nodes = (count: number): string[] => Array.from({ length: count }, (_, i) => `n${i}`)

const open = async (count: number, options: HubStageOptions): Promise<Children> => {
  const stage = new Children(options)
  for (const name of nodes(count)) await stage.join(name)
  await stage.world.advance(3_000)
  return stage
}

const leave = async (stage: Children, name: string): Promise<void> => {
  await stage.run(stage.world.at(name).drain())
  await stage.run(stage.world.at(name).stop())
  // Its host is gone, too.
  stage.world.crash(name)
}

/** All members have the same table, as their users see it. */
const same = (t: Test, stage: Children, count: number, what: string): void => {
  const tables = stage.up().map(({ hub }) => hub.list().map(({ name, status, node }) => `${name} ${status} ${node}`))
  t.equal(tables[0]?.length, count, what)
  const odd = stage.up().filter((_, i) => tables[i]?.join() !== tables[0]?.join())
  t.same(
    odd.map(({ name }) => name),
    [],
    `${what}: these have another table`,
  )
}

t.test(
  'G11 scenario 57: 20 nodes, 1,000 children: started, stopped, joined by one, left by one, one crashes',
  async (t) => {
    const stage = await open(20, { seed: 'gossip', hub: { sync: gossip() } })
    const { world } = stage
    const names = stage.names(1_000)
    const specs = names.map((name) => stage.spec(name))
    const parts = [0, 1, 2, 3].map((i) => world.at(`n${i * 5}`).hub.start(specs.slice(i * 250, (i + 1) * 250)))
    const outcomes = (await stage.run(Promise.all(parts))).flat()
    t.ok(outcomes.every(({ ok }) => ok))
    await world.advance(1_000)
    same(t, stage, 1_000, 'after the start')
    const stopped = names.filter((_, i) => i % 10 === 3)
    t.ok((await stage.run(world.at('n7').hub.stop(stopped))).every(({ ok }) => ok))
    const left = names.filter((_, i) => i % 10 !== 3)
    await stage.join('n20')
    await world.advance(10_000)
    same(t, stage, 900, 'after a join')
    t.ok(world.at('n20').hub.list('local').length > 20, 'it has its share')
    await leave(stage, 'n3')
    world.crash('n11')
    await world.advance(30_000)
    same(t, stage, 900, 'after a leave and a crash')
    t.same(stage.faults(left), [])
    await stage.close(t)
  },
)

t.test('no promise rests on a round: what is confirmed is seen by who asked, and outlives its home', async (t) => {
  // None takes place before the test is over.
  const sync = gossip({ gatherMs: 3_600_000, syncIntervalMs: 3_000_000 })
  for (let seed = 0; seed < 6; seed += 1) {
    const stage = await open(6, { seed: `promise ${seed}`, hub: { sync } })
    const { world } = stage
    const { hub } = world.at('n0')
    const names = stage.names(20)
    for (const name of names) {
      t.match(await stage.start('n0', [name]), [{ ok: true }])
      t.match(hub.lookup(name), { status: 'live' }, 'your own start is there in your next line')
      const changed = await stage.run(hub.update(name, { tags: ['new'] }))
      t.same(changed.tags, ['new'], 'and your change')
    }
    const homes = new Set(stage.heard('childstarted').map(({ at }) => at))
    // Who has asked, and is the home of some, or another home.
    const home = seed % 2 === 0 ? 'n0' : world.random.pick([...homes].filter((name) => name !== 'n0'))
    // At once: before anything else is said.
    world.crash(home)
    await world.advance(15_000)
    t.same(stage.faults(names), [], `seed ${seed}: ${home} is dead`)
    for (const node of stage.up()) t.equal(node.hub.tagged('new').length, 20, 'each with its last change')
    await stage.close(t)
  }
})

t.test('G11: a home that leaves has told what it wrote; a newcomer hears of all', async (t) => {
  const sync = gossip({ gatherMs: 3_600_000, syncIntervalMs: 3_000_000 })
  const stage = await open(5, { seed: 'leaves', hub: { sync } })
  const { world } = stage
  const names = stage.names(40)
  await stage.start('n0', names)
  await stage.join('n5')
  await world.advance(5_000)
  same(t, stage, 40, 'with a newcomer')
  await stage.start('n1', stage.names(40, 'more'))
  await leave(stage, 'n2')
  await world.advance(5_000)
  same(t, stage, 80, 'without one that left')
  t.same(stage.faults([...names, ...stage.names(40, 'more')]), [])
  await stage.close(t)
})

t.test('G11 scenario 50: what is lost on its way through others is found by the digests', async (t) => {
  const stage = new Children({ seed: 'lost', hub: { sync: gossip({ recipients: 2, syncIntervalMs: 1_000 }) } })
  const points = new Failpoints(stage.world, nodes(8))
  for (const name of nodes(8)) await stage.join(name)
  await stage.world.advance(3_000)
  const again = ['n1', 'n2', 'n3'].flatMap((from) =>
    nodes(8)
      .filter((to) => to !== from)
      .map((to) => points.lose('CHILDREN', from, to)),
  )
  const specs = stage.names(30).map((name) => stage.spec(name))
  const started = stage.world.at('n0').hub.start(specs, { timeoutMs: 3_000 })
  await stage.world.advance(3_500)
  await started
  const counts = stage.up().map(({ hub }) => hub.count())
  t.ok(Math.min(...counts) < 30, `some have not heard: ${counts}`)
  for (const end of again) end()
  await stage.world.advance(10_000)
  same(t, stage, 30, 'after some digests')
  await stage.close(t)
})
