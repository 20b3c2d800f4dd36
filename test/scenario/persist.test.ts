/** State at rest on simulated clusters: saved, restored, refused (scenarios 64 to 68; faults 3, 61, 66). */
import t from 'tap'
import type { PersistSpec } from '../../src/process/persist.js'
import { type Count, makeKind, PersistStage } from '../fixtures/persist-stage.js'

t.test('a process is saved when the time has come, and begins with that where it starts again', async (t) => {
  const stage = new PersistStage('time')
  const kind = makeKind({ every: { ms: 1_000 } })
  const a = await stage.node('a', kind)
  const b = await stage.node('b', kind)
  const ref = await stage.run(a.start(kind, { name: 'x' }))
  for (let i = 0; i < 5; i += 1) await stage.run(ref.call.add(1))
  t.equal(stage.store.saves.length, 0)
  await stage.world.advance(1_100)
  t.equal(stage.store.saves.length, 1, 'once, for all five')
  await stage.world.advance(60_000)
  t.equal(stage.store.saves.length, 1, 'what does not change is not saved again')
  await stage.run(ref.call.add(10))
  stage.world.crash('a')
  await stage.world.advance(10_000)
  await stage.run(b.start(kind, { name: 'x' }))
  t.equal(await stage.run(b.ref(kind, 'x').call.get()), 5, 'what ran since is lost with its node')
  t.match(stage.heard('restored'), [{ at: 'b', name: 'x', revision: 1, back: 0 }])
  await stage.world.close()
})

t.test('so many messages: saved once for them', async (t) => {
  const stage = new PersistStage('messages')
  const kind = makeKind({ every: { messages: 10 } })
  const a = await stage.node('a', kind)
  const ref = await stage.run(a.start(kind, { name: 'x' }))
  for (let i = 0; i < 35; i += 1) await stage.run(ref.call.add(1))
  await stage.world.advance(100)
  t.ok(stage.store.saves.length >= 3 && stage.store.saves.length <= 4, `${stage.store.saves.length} saves`)
  await stage.world.close()
})

t.test('68: an end in order is at rest, with what terminate has changed', async (t) => {
  const stage = new PersistStage('terminate')
  const kind = makeKind({ every: { ms: 60_000 } })
  const a = await stage.node('a', kind)
  const ref = await stage.run(a.start(kind, { name: 'x', args: [7] }))
  await stage.run(ref.call.add(1))
  await stage.run(ref.stop('shutdown'))
  await stage.run(a.start(kind, { name: 'x' }))
  t.equal(await stage.run(ref.call.get()), 8)
  t.equal(await stage.run(ref.call.ended()), 'shutdown')
  await stage.world.close()
})

t.test('a crash saves nothing: the next life has what was at rest before it', async (t) => {
  const stage = new PersistStage('crash')
  const kind = makeKind({ every: { messages: 1 } })
  const a = await stage.node('a', kind)
  const ref = await stage.run(a.start(kind, { name: 'x' }))
  await stage.run(ref.call.add(3))
  await stage.world.advance(10)
  t.equal(await stage.code(ref.call.spoil()), 'ERR_CRASHED')
  await stage.run(a.start(kind, { name: 'x' }))
  t.equal(await stage.run(ref.call.get()), 3)
  await stage.world.close()
})

t.test("G4: acknowledge: 'saved': what was answered is there after a crash, whenever it comes", async (t) => {
  for (let seed = 0; seed < 30; seed += 1) {
    const stage = new PersistStage(`saved ${seed}`)
    const { world } = stage
    const kind = makeKind({ acknowledge: 'saved' })
    const a = await stage.node('a', kind)
    const b = await stage.node('b', kind)
    stage.store.slow = () => world.sleep(world.random.between(1, 30))
    await stage.run(a.start(kind, { name: 'x' }))
    let answered = 0
    let open = true
    const load = async (): Promise<void> => {
      while (open) {
        const said = await b
          .ref(kind, 'x')
          .with({ timeoutMs: 2_000 })
          .call.add(1)
          .catch(() => 0)
        answered = Math.max(answered, said)
      }
    }
    const loads = [load(), load(), load()]
    await world.advance(world.random.between(50, 500))
    world.crash('a')
    const known = answered
    open = false
    await stage.run(Promise.all(loads))
    await world.advance(10_000)
    await stage.run(b.start(kind, { name: 'x' }))
    const n = await stage.run(b.ref(kind, 'x').call.get())
    t.ok(n >= known && known > 0, `seed ${seed}: ${n} at rest, ${known} answered`)
    await world.close()
  }
})

t.test('67: nothing at rest: init makes the state', async (t) => {
  const stage = new PersistStage('nothing')
  const kind = makeKind({})
  const a = await stage.node('a', kind)
  const ref = await stage.run(a.start(kind, { name: 'x', args: [4] }))
  t.equal(await stage.run(ref.call.get()), 4)
  t.same(stage.heard('restored'), [])
  await stage.world.close()
})

t.test('66: a store that is away: tried again for a while, then an error; never an empty state', async (t) => {
  const stage = new PersistStage('away')
  const { world, store } = stage
  const kind = makeKind({ every: { messages: 1 } })
  const a = await stage.node('a', kind)
  const ref = await stage.run(a.start(kind, { name: 'x' }))
  await stage.run(ref.call.add(3))
  await world.advance(10)
  await stage.run(ref.stop())
  store.down = true
  t.equal(await stage.code(a.start(kind, { name: 'x' })), 'ERR_STORE')
  t.ok(store.loads > 3, `asked ${store.loads} times`)
  t.equal(a.whereis('x'), undefined, 'the name is free again')
  world.clock.after(1_000, () => {
    store.down = false
  })
  await stage.run(a.start(kind, { name: 'x' }))
  t.equal(await stage.run(ref.call.get()), 3)
  await world.close()
})

t.test('64: what cannot be used: parked, an older one, a fresh one, or what the kind says', async (t) => {
  const flipped = (bytes: Buffer): Buffer => {
    const bad = Buffer.from(bytes)
    bad[20] = (bad[20] ?? 0) ^ 1
    return bad
  }
  const outcomes: Record<string, unknown> = {}
  const policies: Record<string, PersistSpec<Count>> = {
    park: {},
    previous: { onUnusable: 'previous' },
    fresh: { onUnusable: 'fresh' },
    own: { onUnusable: ({ reason }) => ({ state: { n: reason.length } }) },
  }
  for (const [policy, more] of Object.entries(policies)) {
    const stage = new PersistStage(`unusable ${policy}`)
    const kind = makeKind({ every: { messages: 1 }, on: [], ...more })
    const a = await stage.node('a', kind)
    const ref = await stage.run(a.start(kind, { name: 'x', args: [0] }))
    for (let i = 1; i <= 3; i += 1) {
      await stage.run(ref.call.add(1))
      await stage.world.advance(10)
    }
    await stage.run(ref.stop())
    const newest = Math.max(...stage.store.saves.map(({ revision }) => revision))
    stage.store.damage = (saved) => (saved.revision === newest ? { ...saved, bytes: flipped(saved.bytes) } : saved)
    const code = await stage.code(a.start(kind, { name: 'x', args: [100] }))
    outcomes[policy] = code === 'ok' ? await stage.run(ref.call.get()) : code
    t.match(stage.heard('unusable'), [{ name: 'x', reason: /damaged/ }])
    await stage.world.close()
  }
  t.same(outcomes, {
    park: 'ERR_UNUSABLE',
    previous: 2,
    fresh: 100,
    own: 'it was damaged: its checksum does not fit'.length,
  })
})

t.test(
  '64: the shape has changed: upgraded; by code that is too old, or too old a state, it is not used',
  async (t) => {
    const stage = new PersistStage('versions')
    const { world } = stage
    const every = { messages: 1 }
    const v1 = makeKind({ every })
    const v2 = makeKind({ every, maxAgeMs: 60_000 }, { version: 2, upgrade: { 1: ({ n }: Count) => ({ n: n * 10 }) } })
    const a = await stage.node('a', v1)
    await stage.run(a.start(v1, { name: 'x' }))
    await stage.run(a.ref(v1, 'x').call.add(5))
    await world.advance(10)
    await stage.run(a.stop())
    world.crash('a')
    const b = await stage.node('b', v2)
    await stage.run(b.start(v2, { name: 'x' }))
    t.equal(await stage.run(b.ref(v2, 'x').call.get()), 50)
    await stage.run(b.ref(v2, 'x').call.add(1))
    await world.advance(10)
    await stage.run(b.ref(v2, 'x').stop())
    const c = await stage.node('c', v1)
    t.equal(await stage.code(c.start(v1, { name: 'x' })), 'ERR_UNUSABLE')
    await world.advance(61_000)
    t.equal(await stage.code(b.start(v2, { name: 'x' })), 'ERR_UNUSABLE')
    t.match(stage.heard('unusable'), [
      { at: 'c', reason: /version 2/ },
      { at: 'b', reason: /ms old/ },
    ])
    await world.close()
  },
)

t.test('G2: 65: after a partition the copy of the lower epoch saves nothing more, and stops', async (t) => {
  const stage = new PersistStage('fence')
  const { world, store } = stage
  const kind = makeKind({ every: { messages: 1 } })
  const a = await stage.node('a', kind)
  const b = await stage.node('b', kind)
  await stage.run(a.start(kind, { name: 'x' }))
  await stage.run(a.ref(kind, 'x').call.add(1))
  await world.advance(10)
  world.partition(['a'], ['b'])
  await world.advance(20_000)
  await stage.run(b.start(kind, { name: 'x' }))
  await stage.run(b.ref(kind, 'x').call.add(10))
  await world.advance(10)
  const before = store.saves.length
  await stage.code(a.ref(kind, 'x').call.add(100))
  await world.advance(10)
  t.match(store.saves.slice(before), [{ said: 'stale' }])
  t.match(stage.heard('unsaved'), [{ at: 'a', name: 'x', reason: /higher epoch/ }])
  t.equal(a.stats().processes, 0)
  world.heal()
  await world.advance(20_000)
  t.equal(await stage.run(a.ref(kind, 'x').call.get()), 11)
  await world.close()
})

t.test('a move: the destination saves in its epoch, a late save of the source does not count', async (t) => {
  const stage = new PersistStage('move')
  const { world, store } = stage
  const kind = makeKind({ every: { messages: 1 } })
  const a = await stage.node('a', kind)
  const b = await stage.node('b', kind)
  const ref = await stage.run(a.start(kind, { name: 'x' }))
  let held: (() => void) | undefined
  store.slow = () =>
    held === undefined
      ? new Promise<void>((resolve) => {
          held = resolve
        })
      : Promise.resolve()
  await stage.run(ref.call.add(1))
  await world.advance(10)
  await stage.run(ref.sendMe('b'))
  await stage.run(ref.call.add(1))
  await world.advance(100)
  const at = store.saves.at(-1)
  held?.()
  await world.advance(100)
  t.equal(store.saves.at(-1)?.said, 'stale', 'the one of the source came last')
  t.ok((store.saves.at(-1)?.epoch ?? 0) < (at?.epoch ?? 0))
  t.equal(await stage.run(b.ref(kind, 'x').call.get()), 2, 'and stops nobody')
  await world.close()
})

t.test(
  "fault 61: acknowledge: 'saved' and a store that is down: no answer, no move; it goes on when it is back",
  async (t) => {
    const stage = new PersistStage('down')
    const { world, store } = stage
    const kind = makeKind({ acknowledge: 'saved' })
    const a = await stage.node('a', kind)
    await stage.node('b', kind)
    const ref = await stage.run(a.start(kind, { name: 'x' }))
    await stage.run(ref.call.add(1))
    store.down = true
    t.equal(await stage.code(ref.call.add(1)), 'ERR_TIMEOUT')
    t.equal(await stage.code(ref.sendMe('b')), 'ERR_NOT_NOW')
    const waiting = ref.with({ timeoutMs: 30_000 }).call.add(1)
    await world.advance(1_000)
    store.down = false
    t.equal(await stage.run(waiting), 3)
    t.match(await stage.run(ref.sendMe('b')), { moved: true })
    t.equal(await stage.run(ref.call.get()), 3)
    t.ok(stage.heard('unsaved').length > 0)
    await world.close()
  },
)

t.test('10: 64: 66: children start elsewhere with what is at rest; one that cannot is parked, alone', async (t) => {
  const stage = new PersistStage('hub')
  const { world, store } = stage
  const kind = makeKind({ acknowledge: 'saved' })
  const a = await stage.node('a', kind)
  for (const name of ['b', 'c']) await stage.node(name, kind)
  await world.advance(1_000)
  const names = Array.from({ length: 30 }, (_, i) => `c:${i}`)
  await stage.run(a.hub.start(names.map((name) => ({ kind, name }))))
  for (const name of names) await stage.run(a.ref(kind, name).call.add(3))
  const lost = a.hub.select({ node: 'b' }).map(({ name }) => name)
  const [bad = ''] = lost
  store.damage = (saved) => (store.lastLoaded === bad ? { ...saved, bytes: Buffer.from('nonsense') } : saved)
  // For a while nobody can load anything: they wait, and none is parked for it.
  store.down = true
  world.clock.after(20_000, () => {
    store.down = false
  })
  world.crash('b')
  await world.advance(60_000)
  const good = names.filter((name) => name !== bad)
  const counts = await stage.run(Promise.all(good.map((name) => a.ref(kind, name).call.get())))
  t.same(new Set(counts), new Set([3]))
  t.equal(stage.heard('restored').length, lost.length - 1)
  t.same(
    a.hub.parked().map(({ name, reason }) => `${name} ${/cannot be used|no snapshot/.test(reason)}`),
    [`${bad} true`],
  )
  t.same(new Set(stage.heard('takenover').map(({ state }) => state)), new Set(['stored']))
  t.equal(await stage.code(world.at('c').ref(kind, bad).call.get()), 'ERR_PARKED', 'who calls it is told')
  store.damage = undefined
  t.equal((await stage.run(a.hub.retry(bad))).status, 'live')
  t.equal(await stage.run(a.ref(kind, bad).call.get()), 3)
  await world.close()
})

t.test('a person decides: the state before the newest, a fresh one; never for one that runs', async (t) => {
  const stage = new PersistStage('person')
  const { world, store } = stage
  const kind = makeKind({ every: { messages: 1 }, on: [] })
  const a = await stage.node('a', kind)
  await world.advance(1_000)
  await stage.run(a.hub.start(['x', 'y'].map((name) => ({ kind, name }))))
  const damaged = new Set<string>()
  store.damage = (saved) =>
    damaged.has(`${store.lastLoaded} ${saved.revision}`) ? { ...saved, bytes: Buffer.from('nonsense') } : saved
  for (const name of ['x', 'y']) {
    for (let i = 0; i < 3; i += 1) {
      await stage.run(a.ref(kind, name).call.add(1))
      await world.advance(10)
    }
    const mine = store.saves.filter((save) => save.name === name).map(({ revision }) => revision)
    damaged.add(`${name} ${Math.max(...mine)}`)
    t.equal(await stage.code(a.hub.loadPrevious(name)), 'ERR_BAD_ARGUMENT', 'it runs')
    await stage.run(a.ref(kind, name).stop())
  }
  await world.advance(1_000)
  t.same(
    a.hub.parked().map(({ name }) => name),
    ['x', 'y'],
  )
  t.equal((await stage.run(a.hub.loadPrevious('x'))).status, 'live')
  t.equal(await stage.run(a.ref(kind, 'x').call.get()), 2)
  t.equal((await stage.run(a.hub.startFresh('y'))).status, 'live')
  t.equal(await stage.run(a.ref(kind, 'y').call.get()), 0)
  t.same(a.hub.parked(), [])
  await world.close()
})

t.test('68: a drain saves what leaves', async (t) => {
  const stage = new PersistStage('drain')
  const kind = makeKind({ every: { ms: 600_000 } })
  const a = await stage.node('a', kind)
  const b = await stage.node('b', kind)
  const ref = await stage.run(a.start(kind, { name: 'x' }))
  await stage.run(ref.call.add(2))
  await stage.run(ref.sendMe('b'))
  t.same(stage.store.saves, [], 'an ordinary move does not')
  await stage.run(b.drain())
  t.match(stage.store.saves, [{ name: 'x', said: 'saved' }])
  await stage.world.close()
})
