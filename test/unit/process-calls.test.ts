/** Calls, casts and infos on one node: answers, copies, names of handlers, order, refusals. */
import t from 'tap'
import { MobilityError } from '../../src/base/errors.js'
import { reject } from '../../src/process/directives.js'
import { genServer } from '../../src/process/gen-server.js'
import { eventsOf, gate, keptLogger, nodeOn, noUnhandled, turns } from '../fixtures/process-lab.js'

const withThen = (value: unknown): unknown => Object.fromEntries([['then', value]])

const counter = genServer('counter', {
  init: (start: number) => ({ count: start, seen: [] as unknown[] }),
  calls: {
    add: (self, by: number) => {
      self.state.count += by
      return self.state.count
    },
    addLater: async (self, by: number) => {
      await turns(1)
      self.state.count += by
      return self.state.count
    },
    seen: (self) => self.state.seen,
    refuse: (_self, code: string) => {
      throw reject(code, { why: 'because' })
    },
    refuseLater: async () => {
      await turns(1)
      throw reject('later')
    },
    crash: (_self, text: string) => {
      throw new Error(text)
    },
    crashLater: async (_self, text: string) => {
      await turns(1)
      throw new Error(text)
    },
    give: (_self, what: string): unknown => {
      if (what === 'function') return { deep: [() => 1] }
      if (what === 'then') return withThen('a key like any other')
      if (what === 'thenable') return Promise.resolve(withThen(1))
      return undefined
    },
    toString: () => 'a call of its own',
    constructor: (_self: unknown, value: number) => value * 2,
    valueOf: () => 7,
  },
  casts: {
    note: (self, value: unknown) => void self.state.seen.push(value),
    noteLater: async (self, value: unknown) => {
      await turns(1)
      self.state.seen.push(value)
    },
    refuse: () => {
      throw reject('not this')
    },
  },
  handleInfo: (self, message) => void self.state.seen.push(['info', message]),
})

const mute = genServer('mute', { init: () => ({}) })

t.test('a call is answered, a cast and an info run, in the order they were sent', async (t) => {
  const node = await nodeOn(t, [counter])
  const ref = await node.start(counter, { name: 'c', args: [40] })
  t.equal(await ref.call.add(2), 42)
  void ref.cast.note(1)
  void ref.send('two')
  void ref.cast.note(3)
  t.strictSame(await ref.call.seen(), [1, ['info', 'two'], 3])
})

t.test('one message at a time: async handlers do not interleave', async (t) => {
  const node = await nodeOn(t, [counter])
  const ref = await node.start(counter, { name: 'c', args: [0] })
  const sums = [ref.call.addLater(1), ref.call.add(1), ref.call.addLater(1), ref.call.add(1)]
  t.strictSame(await Promise.all(sums), [1, 2, 3, 4])
  void ref.cast.noteLater('slow')
  void ref.cast.note('quick')
  t.strictSame(await ref.call.seen(), ['slow', 'quick'])
})

t.test('a rejection fails one call and the process lives, a crash ends it', async (t) => {
  const node = await nodeOn(t, [counter])
  const ref = await node.start(counter, { name: 'c', args: [0] })
  const rejected = { code: 'ERR_REJECTED', executed: 'yes', fields: { name: 'c', reason: 'empty' } }
  await t.rejects(ref.call.refuse('empty'), { ...rejected, data: { why: 'because' } })
  await t.rejects(ref.call.refuseLater(), { code: 'ERR_REJECTED', fields: { reason: 'later' } })
  await ref.cast.refuse()
  t.equal(await ref.call.add(1), 1)
  const { down } = ref.monitor()
  await t.rejects(ref.call.crash('it hurts'), { code: 'ERR_CRASHED', executed: 'maybe', message: /it hurts/ })
  t.equal(await down, 'crash: it hurts')
  t.equal(node.whereis('c'), undefined)
  await t.rejects(ref.call.add(1), { code: 'ERR_NO_PROCESS', executed: 'no' })
})

t.test('an async handler that rejects is a crash too, and what waits behind it is refused', async (t) => {
  const node = await nodeOn(t, [counter])
  const events = eventsOf(node)
  const ref = await node.start(counter, { name: 'c', args: [0] })
  const crash = ref.call.crashLater('late')
  const behind = ref.call.add(1)
  void ref.cast.note(1)
  void ref.send(2)
  const { down } = ref.monitor()
  await t.rejects(crash, { code: 'ERR_CRASHED', message: /late/ })
  await t.rejects(behind, { code: 'ERR_STOPPED', executed: 'no', message: /late/ })
  t.equal(await down, 'crash: late')
  const undelivered = events.filter(({ type }) => type === 'undelivered')
  t.match(undelivered, [
    { what: 'cast', count: 1, name: 'c' },
    { what: 'info', count: 1, name: 'c' },
  ])
})

t.test('unknown names of calls and casts', async (t) => {
  const logger = keptLogger()
  const node = await nodeOn(t, [counter, mute], { logger })
  const ref = await node.start(counter, { name: 'c', args: [0] })
  type Wild = Record<
    'call' | 'cast',
    { [M in 'nothing' | 'note' | 'toLocaleString' | 'prototype' | 'then']: () => Promise<unknown> }
  >
  const wild = ref as unknown as Wild
  const unknown = { code: 'ERR_UNKNOWN_CALL', executed: 'no', fields: { kind: 'counter', name: 'c' } }
  await t.rejects(wild.call.nothing(), { ...unknown, message: /no call named nothing/ })
  await t.rejects(wild.call.toLocaleString(), unknown)
  await t.rejects(wild.call.prototype(), unknown)
  await t.rejects(wild.call.note(), unknown, 'a cast is no call')
  await wild.cast.nothing()
  t.equal(await ref.call.add(1), 1, 'the process lives')
  t.match(
    logger.lines.filter(({ level }) => level === 'warn').map(({ text }) => text),
    [/no cast named nothing/],
  )
  t.equal(wild.call.then, undefined, 'a proxy is no promise')
  t.equal(await (await Promise.resolve(ref)).call.add(1), 2)

  await node.start(mute, { name: 'm' })
  const quiet = node.ref(mute, 'm') as unknown as Wild
  await t.rejects(quiet.call.nothing(), { code: 'ERR_UNKNOWN_CALL' })
  await node.ref(mute, 'm').send('hello')
  await t.rejects(quiet.call.nothing(), { code: 'ERR_UNKNOWN_CALL' })
  t.ok(logger.lines.some(({ text }) => /has no handleInfo/.test(text)))
})

t.test('handlers may have the names of what every object has', async (t) => {
  const node = await nodeOn(t, [counter])
  const ref = await node.start(counter, { name: 'c', args: [0] })
  t.equal(await ref.call.toString(), 'a call of its own')
  t.equal(await ref.call.constructor(21), 42)
  t.equal(await ref.call.valueOf(), 7)
})

t.test('arguments and results are copies', async (t) => {
  const node = await nodeOn(t, [counter])
  const ref = await node.start(counter, { name: 'c', args: [0] })
  const mine = { list: [1] }
  void ref.cast.note(mine)
  mine.list.push(2)
  const message = { text: 'a' }
  void ref.send(message)
  message.text = 'b'
  const seen = (await ref.call.seen()) as [{ list: number[] }, unknown]
  t.strictSame(seen, [{ list: [1] }, ['info', { text: 'a' }]])
  seen[0].list.push(3)
  t.strictSame(await ref.call.seen(), [{ list: [1] }, ['info', { text: 'a' }]], 'the state is out of reach')
  const early = ref.call.seen()
  void ref.cast.note('later')
  t.equal((await early).length, 2, 'an answer is what it was when the handler returned')
})

t.test('what cannot travel: arguments with their path, results without harm to the process', async (t) => {
  const node = await nodeOn(t, [counter])
  noUnhandled(t)
  const events = eventsOf(node)
  const ref = await node.start(counter, { name: 'c', args: [0] })
  const bad = { list: [1, { socket: () => {} }] }
  const refused = { code: 'ERR_NOT_PORTABLE', executed: 'no' }
  await t.rejects(ref.call.add(bad as never), { ...refused, fields: { path: 'args[0].list[1].socket' } })
  await t.rejects(ref.cast.note(bad), { ...refused, fields: { path: 'args[0].list[1].socket' } })
  await t.rejects(ref.send(bad), { ...refused, fields: { path: 'message.list[1].socket' } })
  void ref.cast.note(bad)
  await turns()
  t.match(events.at(-1), { type: 'undelivered', what: 'cast', reason: 'ERR_NOT_PORTABLE' })
  const given = { code: 'ERR_NOT_PORTABLE', executed: 'yes', fields: { path: 'result.deep[0]' } }
  await t.rejects(ref.call.give('function'), given)
  t.strictSame(await ref.call.give('then'), withThen('a key like any other'))
  t.strictSame(await ref.call.give('thenable'), withThen(1))
  t.equal(await ref.call.give(''), undefined)
  t.equal(await ref.call.add(1), 1)
})

const sleeper = genServer('sleeper', {
  init: () => ({ ran: 0 }),
  calls: {
    sleep: async (self) => {
      self.state.ran += 1
      await gates.shift()?.promise
      return self.state.ran
    },
  },
})
const gates: Array<{ promise: Promise<void>; open: () => void }> = []
const nextGate = (): (() => void) => {
  const next = gate()
  gates.push({ promise: next.promise, open: () => next.open() })
  return () => next.open()
}

t.test('G9: a timeout says whether the call was run', async (t) => {
  const node = await nodeOn(t, [sleeper], { callTimeoutMs: 40 })
  const ref = await node.start(sleeper, { name: 's' })
  const wake = nextGate()
  const running = ref.call.sleep()
  await t.rejects(running, { code: 'ERR_TIMEOUT', executed: 'maybe', fields: { what: 's.sleep', ms: 40 } })
  const waiting = ref.with({ timeoutMs: 20 }).call.sleep()
  await t.rejects(waiting, { code: 'ERR_TIMEOUT', fields: { ms: 20 } })
  wake()
  t.equal(await ref.with({ timeoutMs: 5_000 }).call.sleep(), 2, 'the overdue one was not run')
  for (const timeoutMs of [0, -1, Number.NaN, '5' as never]) {
    await t.rejects(ref.with({ timeoutMs }).call.sleep(), { code: 'ERR_BAD_ARGUMENT' })
  }
})

t.test('a signal gives up waiting', async (t) => {
  const node = await nodeOn(t, [sleeper])
  const ref = await node.start(sleeper, { name: 's' })
  const wake = nextGate()
  const abort = new AbortController()
  const given = ref.with({ signal: abort.signal }).call.sleep()
  abort.abort()
  await t.rejects(given, { code: 'ERR_ABORTED', executed: 'maybe' })
  await t.rejects(ref.with({ signal: abort.signal }).call.sleep(), { code: 'ERR_ABORTED', executed: 'no' })
  wake()
  t.equal(await ref.call.sleep(), 2, 'the second one was never sent')
})

t.test('a signal that outlives its calls does not keep them', async (t) => {
  const node = await nodeOn(t, [counter])
  const ref = await node.start(counter, { name: 'c', args: [0] })
  const { signal } = new AbortController()
  let listeners = 0
  const { addEventListener, removeEventListener } = signal
  signal.addEventListener = (...args: Parameters<typeof addEventListener>) => {
    listeners += 1
    addEventListener.apply(signal, args)
  }
  signal.removeEventListener = (...args: Parameters<typeof removeEventListener>) => {
    listeners -= 1
    removeEventListener.apply(signal, args)
  }
  const patient = ref.with({ signal })
  for (let i = 0; i < 100; i += 1) await patient.call.add(1)
  t.equal(listeners, 0)
})

t.test('scenario 11: a message to a name that nobody has is a typed error', async (t) => {
  const node = await nodeOn(t, [counter])
  noUnhandled(t)
  const events = eventsOf(node)
  const ref = node.ref(counter, 'nobody')
  const nobody = { code: 'ERR_NO_PROCESS', executed: 'no', fields: { name: 'nobody' } }
  await t.rejects(ref.call.add(1), nobody)
  await t.rejects(ref.cast.note(1), nobody)
  await t.rejects(ref.send(1), nobody)
  await t.rejects(ref.stop(), nobody)
  await t.rejects(ref.sendMe('b'), nobody)
  t.equal(await ref.monitor().down, 'noproc')
  void ref.cast.note(1)
  await turns()
  t.match(events.at(-1), { type: 'undelivered', name: 'nobody', what: 'cast', count: 1, reason: 'ERR_NO_PROCESS' })
})

t.test('after stop() of the node everything fails in the open', async (t) => {
  const node = await nodeOn(t, [counter, sleeper])
  noUnhandled(t)
  const ref = await node.start(counter, { name: 'c', args: [0] })
  const asleep = await node.start(sleeper, { name: 's' })
  const wake = nextGate()
  const running = asleep.call.sleep()
  await turns()
  const stopping = node.stop()
  await turns()
  wake()
  t.equal(await running, 1, 'a handler that runs may end')
  await stopping
  const late: Promise<unknown>[] = [ref.call.add(1), ref.cast.note(1), ref.send(1), ref.stop()]
  for (const failed of late) {
    await t.rejects(failed, { code: 'ERR_NODE_STOPPED', executed: 'no' })
  }
  await t.rejects(node.start(counter, { name: 'd', args: [0] }), { code: 'ERR_NODE_STOPPED' })
  t.ok(new MobilityError('ERR_NODE_STOPPED').message)
})
