/**
 * The registry of a whole cluster on a simulated network (registry-network.ts).
 *
 *   SEED=17 SEEDS=1 TRACE=1 npx tap test/scenario/registry-claims.test.ts     replays one history
 */
import { test } from 'tap'
import { limits, Sim } from './registry-network.js'

const SEEDS = Number(process.env.SEEDS ?? 400)
const FIRST = Number(process.env.SEED ?? 1)

test('G2 G11 scenario 8: racers have one winner through joins, leaves, deaths and cuts', async (t) => {
  let wins = 0
  let late = 0
  let moves = 0
  let listings = 0
  for (let seed = FIRST; seed < FIRST + SEEDS; seed++) {
    const sim = new Sim(seed)
    await sim.history()
    wins += sim.wins
    late += sim.late
    moves += sim.moves
    listings += sim.listings
    if (sim.faults.length > 0) {
      t.fail(`SEED=${seed} SEEDS=1`, { faults: sim.faults.slice(0, 10) })
      return
    }
  }
  t.ok(wins > SEEDS, `${wins} claims won over ${SEEDS} seeds`)
  t.ok(SEEDS < 100 || moves > SEEDS / 10, `${moves} moves`)
  t.equal(listings, 0, 'no digest has found what the links had missed')
  t.ok(late <= wins / 1_000, `${late} of them met the last words of a dead node too late`)
})

test('G11: whoever missed a move hears the end of a process whose new node died (seeds that found it)', async (t) => {
  for (const seed of [2_722, 10_885, 31_678, 43_336]) {
    const sim = new Sim(seed)
    await sim.history()
    t.same(sim.faults, [], `seed ${seed}`)
  }
})

test('G2 scenario 8: of many racers without faults one wins and all others hear who', async (t) => {
  for (let seed = 0; seed < 20; seed++) {
    const sim = new Sim(`race ${seed}`)
    const nodes = await sim.cluster(5)
    const racing = Promise.all([...nodes, ...nodes].map((node) => node.claim('one')))
    const outcomes = await sim.clock.runUntil(racing)
    t.same(outcomes.sort(), [...Array(9).fill('taken'), 'won'], `seed ${seed}`)
    t.same(sim.faults, [])
  }
})

test('G11: a name that is claimed and ended in one turn is free for the next', async (t) => {
  const sim = new Sim('brief')
  const nodes = await sim.cluster(3)
  for (let i = 0; i < 20; i++) {
    const { registry } = nodes[0]!
    const brief = registry.claim(`brief ${i}`, 'k').then((entry) => {
      registry.publish({ ...entry, status: 'ended', reason: 'normal' })
    })
    await sim.clock.runUntil(brief)
  }
  await sim.clock.advance(100)
  t.same(
    nodes.map(({ registry }) => registry.size().grants),
    [0, 0, 0],
  )
  t.equal(await sim.clock.runUntil(nodes[1]!.claim('brief 0')), 'won')
})

test('G11 scenario 7: an own claim is visible to the next line, everywhere after a moment', async (t) => {
  const sim = new Sim('visible')
  const [a, b] = await sim.cluster(3)
  const entry = await sim.clock.runUntil(a!.registry.claim('mine', 'k'))
  t.same(a!.registry.lookup('mine'), entry)
  await sim.clock.advance(5_000)
  t.same(b!.registry.lookup('mine'), entry)
  t.equal(await b!.claim('mine'), 'taken')
})

test('G11 scenario 9: the names of a dead node end with nodedown, are recovering before, and free after', async (t) => {
  const sim = new Sim('dead')
  const [a, b, c] = await sim.cluster(3)
  await sim.clock.runUntil(a!.claim('gone'))
  await sim.clock.advance(5_000)
  const seen: string[] = []
  b!.registry.watch((entry, _, change) => seen.push(`${change} ${entry.status} ${entry.reason}`))
  sim.kill(a!)
  t.equal(await sim.clock.runUntil(c!.claim('gone')), 'taken', 'nobody knows of the death yet')
  await sim.clock.advance(10_000)
  t.same(seen, ['recovering live ', 'changed ended nodedown'])
  t.equal(await sim.clock.runUntil(c!.claim('gone')), 'won')
  t.same(sim.faults, [])
})

test('G1: a name whose copy somebody holds waits, claims too, until the newer owner or the end', async (t) => {
  const sim = new Sim('held')
  const [a, b, c] = await sim.cluster(3)
  await sim.clock.runUntil(Promise.all([a!.claim('held'), a!.claim('dropped')]))
  await sim.clock.advance(5_000)
  for (const name of ['held', 'dropped']) b!.held.add(name)
  sim.kill(a!)
  await sim.clock.advance(20_000)
  t.ok(c!.registry.isRecovering('held'))
  const claim = c!.claim('held')
  const old = b!.registry.lookup('held')!
  b!.registry.publish({ ...old, node: b!.name, incarnation: b!.incarnation, epoch: old.epoch + 1 })
  t.equal(await sim.clock.runUntil(claim), 'taken')
  t.equal(c!.registry.lookup('held')?.node, b!.name)
  b!.held.delete('dropped')
  await sim.clock.advance(10_000)
  t.match(c!.registry.lookup('dropped'), { status: 'ended', reason: 'nodedown' })
  t.same(sim.faults, [])
})

test('G11: a delegation whose gateway died goes to another gateway, with the same epoch and line', async (t) => {
  const sim = new Sim('gateway')
  const [a, b, c] = await sim.cluster(3)
  const entry = await sim.clock.runUntil(a!.registry.claim('abroad', 'k'))
  a!.registry.publish({ ...entry, epoch: entry.epoch + 1, via: { host: 'far', port: 9 } })
  await sim.clock.advance(5_000)
  sim.kill(a!)
  await sim.clock.advance(10_000)
  const gateway = [b!, c!].find((node) => node.adopted.length > 0)!
  for (const { registry } of [b!, c!]) {
    const want = { node: gateway.name, epoch: entry.epoch + 1, line: entry.line, status: 'live', via: { port: 9 } }
    t.match(registry.lookup('abroad'), want)
    t.notOk(registry.isRecovering('abroad'))
  }
  t.equal(b!.adopted.length + c!.adopted.length, 1)
  t.same(sim.faults, [])
})

test('G1 G8: who has moved while we had no link to either node is not lost, and its name is not free', async (t) => {
  for (const forgotten of [false, true]) {
    const sim = new Sim('moved')
    const [home, source, destination] = await sim.cluster(3)
    const name = [...Array(99).keys()].map((i) => `p${i}`).find((p) => home!.registry.homeOf(p) === home!.name)!
    await sim.clock.runUntil(source!.claim(name))
    await sim.clock.advance(5_000)
    const seen: string[] = []
    home!.registry.watch((entry) => seen.push(`${entry.status} ${entry.node} ${entry.reason}`))
    for (const node of [source!, destination!]) sim.cut(home!.links.get(node.name)!, false)
    await sim.clock.advance(5_000)
    t.ok(sim.move(source!, destination!, name))
    // The source does not tell for ever where it went; then only the answers of all members end the doubt.
    if (forgotten) await sim.clock.advance(limits.endedMs)
    sim.connect(home!, source!)
    await sim.clock.advance(5_000)
    if (forgotten) t.equal(home!.registry.size().doubts, 1)
    else t.equal(home!.registry.lookup(name)?.node, destination!.name)
    t.ok(home!.registry.settled)
    t.equal(await sim.clock.runUntil(home!.claim(name)), forgotten ? 'timeout' : 'taken')
    await sim.clock.advance(20_000)
    t.equal(home!.registry.lookup(name)?.status, 'live', 'the destination has no link to us')
    sim.connect(home!, destination!)
    await sim.clock.advance(5_000)
    t.same(seen, [`live ${destination!.name} `])
    t.equal(await sim.clock.runUntil(home!.claim(name)), 'taken')
    sim.check()
    t.same(sim.faults, [])
  }
})

test('G11 scenario 50: what a cut link lost is repaired, additions and removals', async (t) => {
  const sim = new Sim('repair')
  const [a, b] = await sim.cluster(2)
  const old = await sim.clock.runUntil(a!.registry.claim('old', 'k'))
  await sim.clock.advance(5_000)
  t.equal(b!.registry.lookup('old')?.status, 'live')
  sim.cut(a!.links.get(b!.name)!, false)
  a!.registry.publish({ ...old, name: 'new' })
  a!.end('old')
  await sim.clock.advance(5_000)
  t.match([b!.registry.lookup('old')?.status, b!.registry.lookup('new')], ['live', undefined])
  sim.connect(a!, b!)
  await sim.clock.advance(5_000)
  t.match([b!.registry.lookup('old')?.status, b!.registry.lookup('new')?.status], ['ended', 'live'])
  sim.check()
  t.same(sim.faults, [])
})
