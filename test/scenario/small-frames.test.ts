/** Peers that take smaller frames than this node may send: what they cannot take is theirs alone to miss. */
import t from 'tap'
import { tcp } from '../../src/process/destination.js'
import { genServer } from '../../src/process/gen-server.js'
import { SIMULATED_PORT, simulate } from '../../src/testing.js'
import { HostileLab } from '../fixtures/hostile-lab.js'
import { eventsOf } from '../fixtures/process-lab.js'

const echo = genServer('echo', {
  init: () => ({ seen: [] as number[], filler: '' }),
  calls: {
    take: (self, text: string) => self.state.seen.push(text.length),
    give: (_self, bytes: number) => 'x'.repeat(bytes),
    seen: (self) => self.state.seen,
    fill: (self, bytes: number) => {
      self.state.filler = 'f'.repeat(bytes)
    },
    filled: (self) => self.state.filler.length,
  },
  casts: { put: (self, text: string) => void self.state.seen.push(text.length) },
})

const MiB = 1_048_576

t.test(
  'G11: who takes only frames of 60 bytes loses its link; the others hear of names, the node runs on',
  async (t) => {
    const limits = { heartbeatMs: 40, suspectMs: 400, downMs: 2_000 }
    const lab = await HostileLab.open(t, { names: ['a', 'z'], limits })
    for (const frameBytesMax of [60, 0]) {
      // By its name between the two, so in the middle of whom a tells what it runs.
      const down = lab.at('a').once('linkdown', ({ peer }) => peer === 'm')
      const small = await lab.liar('a', { node: 'm', hello: { frameBytesMax } })
      t.match(await down, { code: 'ERR_FRAME_TOO_LARGE' })
      await small.closed
    }
    // Only its heartbeats are too large for it.
    const quiet = await lab.stranger('a', { hello: { frameBytesMax: 5 } })
    await quiet.closed
    t.same(
      lab.log.lines.filter(({ text }) => /handler threw|not be handled/.test(text)),
      [],
    )
    await lab.unharmed()
  },
)

t.test('G9: a call that its peer cannot take fails at once, and the next one is answered', async (t) => {
  const world = simulate({ seed: 'small frames' })
  const a = await world.node('a', { kinds: [echo], limits: { frameBytesMax: 4 * MiB } })
  const b = await world.node('b', { kinds: [echo], limits: { callTimeoutMs: 2_000 } })
  await world.run(b.start(echo, { name: 'e' }))
  await world.advance(100)
  const events = eventsOf(a)
  const e = a.ref(echo, 'e')
  t.equal(await world.run(e.call.take('small')), 1)
  const large = 'x'.repeat(2 * MiB)
  await t.rejects(world.run(e.call.take(large)), {
    code: 'ERR_FRAME_TOO_LARGE',
    executed: 'no',
    fields: { limit: MiB - 1_024 },
  })
  await world.run(e.cast.put(large))
  t.equal(await world.run(e.call.take('after')), 2, 'its number is used up')
  t.same(await world.run(e.call.seen()), [5, 5])
  await world.advance(20_000)
  t.match(
    events.filter(({ type }) => type === 'undelivered'),
    [{ name: 'e', what: 'cast', count: 1 }],
  )
  t.equal(a.stats().links, 1, 'on the same link')
  await world.close()
})

t.test(
  'G9: an answer that the peer of its caller cannot take is an error that says that it was executed',
  async (t) => {
    const world = simulate({ seed: 'small frames back' })
    const a = await world.node('a', { kinds: [echo], limits: { frameBytesMax: 4 * MiB } })
    const b = await world.node('b', { kinds: [echo] })
    await world.run(a.start(echo, { name: 'e' }))
    await world.advance(100)
    const e = b.ref(echo, 'e')
    await t.rejects(world.run(e.call.give(2 * MiB)), { code: 'ERR_FRAME_TOO_LARGE', executed: 'yes' })
    t.equal((await world.run(e.call.give(1_000))).length, 1_000)
    await world.close()
  },
)

t.test('G9: a gateway says so too, for a call that it cannot relay', async (t) => {
  const world = simulate({ seed: 'small frames far' })
  const a = await world.node('a', { cluster: 'home', kinds: [echo], limits: { frameBytesMax: 4 * MiB } })
  const c = await world.node('c', { cluster: 'home', kinds: [echo], limits: { frameBytesMax: 4 * MiB } })
  await world.node('b', { cluster: 'far', kinds: [echo] })
  const e = await world.run(a.start(echo, { name: 'e' }))
  await world.advance(100)
  await world.run(e.sendMe(tcp('b', SIMULATED_PORT)))
  await world.advance(100)
  const far = c.ref(echo, 'e')
  await t.rejects(world.run(far.call.take('x'.repeat(2 * MiB))), { code: 'ERR_FRAME_TOO_LARGE', executed: 'maybe' })
  t.equal(await world.run(far.call.take('after')), 1)
  await world.close()
})

t.test('G6: a large state moves in pieces that its destination takes', async (t) => {
  const world = simulate({ seed: 'small pieces' })
  const a = await world.node('a', { kinds: [echo] })
  await world.node('b', { kinds: [echo], limits: { chunkBytes: 4_096, frameBytesMax: 16_384 } })
  const e = await world.run(a.start(echo, { name: 'e' }))
  await world.run(e.call.fill(400_000))
  t.match(await world.run(e.sendMe('b')), { moved: true })
  t.equal(await world.run(e.call.filled()), 400_000)
  await world.close()
})
