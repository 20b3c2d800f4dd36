/** Nodes that are not alike: in what they know of the members, in the version of a kind (scenarios 48, 58). */
import t from 'tap'
import { genServer } from '../../src/process/gen-server.js'
import { Children } from '../fixtures/hub-stage.js'

t.test(
  '58: nodes with different views: a start is decided by one of them, or fails in the open; never twice',
  async (t) => {
    const stage = await Children.open(4, { limits: { downMs: 30_000 } })
    const { world } = stage
    // a and c do not hear each other; both hear b and d. Nobody is declared dead.
    world.partition(['a'], ['c'])
    await world.advance(5_000)
    const names = stage.names(60)
    const begun = world.clock.now()
    const outcomes = await stage.run(
      world.at('a').hub.start(
        names.map((name) => stage.spec(name)),
        { timeoutMs: 4_000 },
      ),
    )
    t.ok(world.clock.now() - begun < 5_000, 'it ends when it was told to')
    const failed = outcomes.filter(({ ok }) => !ok)
    t.ok(failed.length > 0 && failed.length < 60, `${failed.length} wait for who cannot be asked`)
    t.same(new Set(failed.map((one) => (one.ok ? '' : one.error.code))), new Set(['ERR_TIMEOUT']))
    world.heal()
    await world.advance(5_000)
    const again = await stage.start('c', names)
    t.ok(again.every((one) => one.ok || one.error.code === 'ERR_ALREADY_STARTED'))
    t.same(stage.faults(names), [])
    t.equal(stage.log.filter((line) => line.startsWith('init')).length, 60, 'each began once')
    await stage.close(t)
  },
)

/** Version 2 counts in `count`, version 1 in `n`. */
const v1 = genServer('tally', {
  init: () => ({ n: 0 }),
  calls: { add: (self, by: number) => (self.state.n += by) },
})
const v2 = genServer('tally', {
  version: 2,
  init: () => ({ count: 0 }),
  upgrade: { 1: ({ n }: { n: number }) => ({ count: n }) },
  calls: { add: (self, by: number) => (self.state.count += by) },
})

t.test(
  '48: G6: versions side by side: a child goes where its state is understood, and is never put down',
  async (t) => {
    const stage = new Children({})
    const { world } = stage
    for (const name of ['a', 'b']) await stage.join(name, { kinds: [v1] })
    await world.advance(1_000)
    const names = stage.names(40)
    await stage.run(world.at('a').hub.start(names.map((name) => ({ kind: 'tally', name }))))
    const add = async (on: string): Promise<number[]> =>
      stage.run(Promise.all(names.map((name) => world.at(on).ref(v1, name).call.add(1))))
    t.same(new Set(await add('b')), new Set([1]))

    await stage.join('c', { kinds: [v2] })
    await world.advance(5_000)
    const upgraded = world.at('c').hub.list('local').length
    t.ok(upgraded > 4, `${upgraded} went to the new version`)
    t.same(new Set(await add('a')), new Set([2]), 'with their state')

    const stays = await stage.run(world.at('c').drain())
    t.equal(stays.ok, false)
    t.equal(stays.left.length, upgraded, 'what the old version could not read stays, by name')
    t.same(new Set(await add('a')), new Set([3]))
    world.at('c').uncordon()

    await stage.join('d', { kinds: [v2] })
    await world.advance(5_000)
    for (const old of ['a', 'b']) {
      const { ok } = await stage.run(world.at(old).drain())
      t.ok(ok, `${old} hands over`)
      await stage.run(world.at(old).stop())
      world.crash(old)
    }
    await world.advance(1_000)
    t.same(stage.faults(names), [])
    t.same(new Set(await add('d')), new Set([4]))
    await stage.close(t)
  },
)
