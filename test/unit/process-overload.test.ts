/** Full mailboxes and windows: slow is slow, too much is a typed error, and nothing is lost in silence (G5, G15). */
import t from 'tap'
import { genServer } from '../../src/process/gen-server.js'
import { eventsOf, gate, noUnhandled, simulatedNode, turns } from '../fixtures/process-lab.js'

let closed = gate()

const sink = genServer('sink', {
  init: () => ({ got: [] as number[] }),
  calls: {
    got: (self) => self.state.got,
    block: () => closed.promise,
  },
  casts: { note: (self, value: number) => void self.state.got.push(value) },
  handleInfo: (self, message) => void self.state.got.push(message as number),
  mailboxMax: 10,
})

const limits = { windowMessagesMax: 5, castWaitMs: 1_000, waitingSendersMax: 8 }

t.test('a full mailbox and a full window: a cast waits castWaitMs, then fails', async (t) => {
  noUnhandled(t)
  const { node, clock } = simulatedNode(t, [sink], { limits })
  const events = eventsOf(node)
  const ref = await clock.runUntil(node.start(sink, { name: 's' }))
  closed = gate()
  const blocked = ref.with({ timeoutMs: 60_000 }).call.block()
  await clock.advance(1)
  const casts: Promise<void>[] = []
  for (let i = 1; i <= 10; i += 1) {
    casts.push(ref.cast.note(i))
    await clock.advance(1)
  }
  for (let i = 11; i <= 17; i += 1) casts.push(ref.cast.note(i))
  await clock.runUntil(Promise.all(casts.slice(0, 15)))
  t.ok(
    events.some((event) => event.type === 'limit' && event.limit === 'mailboxMax'),
    'the full mailbox is said',
  )
  const before = clock.now()
  const overload = { code: 'ERR_OVERLOAD', executed: 'no', fields: { name: 's', what: 's.note' } }
  await clock.runUntil(Promise.allSettled(casts))
  await t.rejects(casts[15]!, overload)
  await t.rejects(casts[16]!, overload)
  t.ok(clock.now() - before >= 990 && clock.now() - before < 1_010, `after ${clock.now() - before} ms`)
  closed.open()
  await clock.runUntil(blocked)
  await clock.advance(10_000)
  t.strictSame(
    await clock.runUntil(ref.call.got()),
    Array.from({ length: 15 }, (_, i) => i + 1),
    'all others, in order',
  )
  t.match(
    events.filter(({ type }) => type === 'undelivered'),
    Array(2).fill({ what: 'cast', reason: 'ERR_OVERLOAD' }),
  )
})

t.test('a call in a full window fails with overload, one on its way with a timeout', async (t) => {
  noUnhandled(t)
  const { node, clock } = simulatedNode(t, [sink], { limits, callTimeoutMs: 500 })
  const ref = await clock.runUntil(node.start(sink, { name: 's' }))
  closed = gate()
  const blocked = ref.with({ timeoutMs: 60_000 }).call.block()
  await clock.advance(1)
  for (let i = 0; i < 10; i += 1) {
    void ref.cast.note(i)
    await clock.advance(1)
  }
  for (let i = 0; i < 4; i += 1) void ref.cast.note(i)
  const onItsWay = ref.call.got()
  const beyond = ref.call.got()
  await clock.runUntil(Promise.allSettled([onItsWay, beyond]))
  await t.rejects(onItsWay, { code: 'ERR_TIMEOUT', executed: 'maybe' })
  await t.rejects(beyond, { code: 'ERR_OVERLOAD', executed: 'no' })
  closed.open()
  await clock.runUntil(blocked)
})

t.test('too many that wait for room are refused at once', async (t) => {
  noUnhandled(t)
  const { node, clock } = simulatedNode(t, [sink], { limits })
  const ref = await clock.runUntil(node.start(sink, { name: 's' }))
  closed = gate()
  const blocked = ref.with({ timeoutMs: 60_000 }).call.block()
  await clock.advance(1)
  const fates: string[] = []
  const note = (i: number) =>
    ref.cast.note(i).then(
      () => fates.push('sent'),
      (error) => fates.push(error.code),
    )
  for (let i = 0; i < 14; i += 1) void note(i)
  await turns()
  t.equal(fates.filter((fate) => fate === 'ERR_OVERLOAD').length, 1, '5 on their way, 8 wait')
  closed.open()
  await clock.runUntil(blocked)
  await clock.advance(1_000)
  t.equal(fates.filter((fate) => fate === 'sent').length, 13)
})

t.test('infos and casts keep their order over a full mailbox, and none is lost or doubled', async (t) => {
  const { node, clock } = simulatedNode(t, [sink], { limits: { ...limits, windowMessagesMax: 100 } })
  const ref = await clock.runUntil(node.start(sink, { name: 's' }))
  closed = gate()
  const blocked = ref.with({ timeoutMs: 60_000 }).call.block()
  for (let i = 0; i < 90; i += 1) void (i % 2 === 0 ? ref.cast.note(i) : ref.send(i))
  await clock.advance(3_000)
  closed.open()
  await clock.runUntil(blocked)
  await clock.advance(20_000)
  t.strictSame(
    await clock.runUntil(ref.call.got()),
    Array.from({ length: 90 }, (_, i) => i),
  )
})

t.test('a process that overloads itself: its cast fails, an unawaited one harms nobody', async (t) => {
  noUnhandled(t)
  const greedy = genServer('greedy', {
    init: () => ({ got: 0 }),
    calls: {
      flood: async (self) => {
        for (let i = 0; i < 5; i += 1) void self.cast(self.name, 'note')
        return self.send(self.name, 'one more').then(
          () => 'sent',
          (error) => error.code as string,
        )
      },
      got: (self) => self.state.got,
    },
    casts: {
      note: (self) => {
        self.state.got += 1
      },
    },
    mailboxMax: 3,
  })
  const { node, clock } = simulatedNode(t, [greedy])
  const ref = await clock.runUntil(node.start(greedy, { name: 'g' }))
  const events = eventsOf(node)
  t.equal(await clock.runUntil(ref.call.flood()), 'ERR_OVERLOAD')
  t.equal(await clock.runUntil(ref.call.got()), 3)
  t.match(events, Array(3).fill({ type: 'undelivered', name: 'g', reason: 'ERR_OVERLOAD' }))
})

t.test('what does not fit into a frame is refused before it is sent', async (t) => {
  const { node, clock } = simulatedNode(t, [sink], { limits: { frameBytesMax: 100_000 } })
  const ref = await clock.runUntil(node.start(sink, { name: 's' }))
  const large = { code: 'ERR_FRAME_TOO_LARGE', executed: 'no' }
  await t.rejects(clock.runUntil(ref.send('x'.repeat(100_000))), large)
  await t.rejects(clock.runUntil((ref.call.got as (text: string) => Promise<unknown>)('x'.repeat(100_000))), large)
  await clock.runUntil(ref.send('x'.repeat(98_000)))
  t.equal((await clock.runUntil(ref.call.got())).length, 1)
})
