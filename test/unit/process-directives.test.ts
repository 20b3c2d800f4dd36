/** What a handler may hand back besides a value: deferred replies and directives. And what it may not do to itself. */
import t from 'tap'
import { type Deferred, reject } from '../../src/process/directives.js'
import { genServer } from '../../src/process/gen-server.js'
import { eventsOf, keptLogger, nodeOn, noUnhandled, openNode, simulatedNode, turns } from '../fixtures/process-lab.js'

interface State {
  readonly log: string[]
  readonly waiting: Deferred<number>[]
}

const clerk = genServer('clerk', {
  init: (): State => ({ log: [], waiting: [] }),
  calls: {
    log: (self) => self.state.log,
    wait: (self) => {
      const later = self.defer<number>()
      self.state.waiting.push(later)
      return later
    },
    answerNow: (self) => {
      const later = self.defer<number>()
      self.reply(later, 1)
      self.reply(later, 2)
      return later
    },
    answerAll: (self, value: number) => {
      for (const later of self.state.waiting.splice(0)) self.reply(later, value)
    },
    answerTwice: (self, value: number) => {
      for (const later of self.state.waiting) for (const twice of [value, -value]) self.reply(later, twice)
      return self.state.waiting.splice(0).length
    },
    foreign: (self) => self.state.waiting[0],
    forged: (self) => self.reply({ origin: 'x', lane: 0, seq: 1, name: 'clerk' } as never, 1),
    step: (self, arg: string) => self.continueWith(arg, 'stepping'),
    stepLater: (self, arg: string) => {
      const later = self.defer<number>()
      self.state.waiting.push(later)
      return self.continueWith(arg, later)
    },
    end: (self) => self.stop('normal', { bye: true }),
    endMute: (self) => self.stop('done', self.defer<string>()),
    forgetStop: (self) => {
      self.stop('normal')
      return 'no stop'
    },
    forgetFirst: (self) => {
      self.continueWith('dropped')
      return self.stop('normal')
    },
    forgetLater: async (self) => {
      await turns(1)
      self.continueWith('x')
    },
    callSelf: (self) => self.call(self.name, 'log'),
    callSelfCode: (self) => self.call(self.name, 'log').catch((error) => error.code as string),
    callSelfByRef: (self): Promise<string[]> => self.ref<typeof clerk>(self.name).call.log(),
    stopSelf: (self) => self.ref(self.name).stop(),
    moveSelf: (self) => self.ref(self.name).sendMe('b'),
    toItself: (self) => {
      void self.cast(self.name, 'note', 'cast')
      void self.send(self.name, 'info')
      self.state.log.push('before')
    },
    unportable: async (self) => {
      void self.cast(self.name, 'note', () => {})
      const path = await self.send(self.name, { f: () => {} }).catch((error) => error.fields.path)
      return path as string
    },
  },
  casts: {
    note: (self, text: string) => void self.state.log.push(text),
    forget: (self) => void self.sendMe('b'),
    deferred: (self) => void self.state.log.push(codeOf(() => self.defer())),
  },
  handleContinue: (self, arg) => {
    self.state.log.push(`continue ${arg}`)
    if (arg === 'refuse') throw reject('no')
    if (arg === 'twice') return self.continueWith('thrice')
    if (arg === 'defer') self.state.log.push(codeOf(() => self.defer()))
    if (arg === 'answer') for (const later of self.state.waiting.splice(0)) self.reply(later, 7)
    return arg === 'end' ? self.stop('normal') : undefined
  },
  handleInfo: (self, message) => void self.state.log.push(String(message)),
})

const codeOf = (run: () => unknown): string => {
  try {
    run()
    return 'none'
  } catch (error) {
    return (error as { code: string }).code
  }
}

t.test('a deferred call is answered later, once, from what the state kept', async (t) => {
  const node = await nodeOn(t, [clerk])
  const ref = await node.start(clerk, { name: 'clerk' })
  const waiting = [ref.call.wait(), ref.call.wait()]
  await ref.call.answerAll(5)
  t.strictSame(await Promise.all(waiting), [5, 5])
  const third = ref.call.wait()
  t.equal(await ref.call.answerTwice(3), 1)
  t.equal(await third, 3, 'the second answer is dropped')
  t.equal(await ref.call.answerNow(), 1, 'before the handler returned')
  await ref.call.answerAll(1)
})

t.test('a deferred call that is never answered: its own time, or the end of the process', async (t) => {
  const { node, kill } = openNode(t, [clerk])
  const ref = await node.start(clerk, { name: 'clerk' })
  await t.rejects(ref.with({ timeoutMs: 20 }).call.wait(), { code: 'ERR_TIMEOUT', executed: 'maybe' })
  const stopped = { code: 'ERR_STOPPED', executed: 'maybe', fields: { name: 'clerk' } }
  const first = ref.call.wait()
  await turns()
  await ref.stop()
  await t.rejects(first, { ...stopped, fields: { reason: 'normal' } })
  await node.start(clerk, { name: 'clerk' })
  const second = ref.call.wait()
  await turns()
  kill('clerk')
  await t.rejects(second, { ...stopped, fields: { reason: 'killed' } })
})

t.test('G15: calls that are deferred and never answered are forgotten after their time', async (t) => {
  const { node, parts, clock } = simulatedNode(t, [clerk])
  const ref = await clock.runUntil(node.start(clerk, { name: 'clerk' }))
  const calls = Array.from({ length: 100 }, () => ref.with({ timeoutMs: 1_000 }).call.wait())
  const given = Promise.allSettled(calls)
  await clock.advance(10)
  t.equal(parts.table.get('clerk')?.open.size, 100)
  await clock.advance(90_000)
  t.equal((await given).filter(({ status }) => status === 'rejected').length, 100)
  t.equal(parts.table.get('clerk')?.open.size, 0)
  await clock.runUntil(ref.call.answerAll(1))
})

t.test('a call returns its own token only, and reply takes nothing else', async (t) => {
  const node = await nodeOn(t, [clerk])
  const ref = await node.start(clerk, { name: 'clerk' })
  const waiting = ref.call.wait()
  await t.rejects(ref.call.foreign(), { code: 'ERR_BAD_ARGUMENT', message: /only its own token/ })
  await ref.call.answerAll(1)
  t.equal(await waiting, 1)
  await t.rejects(ref.call.forged(), { code: 'ERR_CRASHED', message: /self\.defer\(\) of the same process/ })
})

t.test('defer outside a call is refused', async (t) => {
  const node = await nodeOn(t, [clerk])
  const ref = await node.start(clerk, { name: 'clerk' })
  await ref.cast.deferred()
  await ref.call.step('defer')
  t.strictSame(await ref.call.log(), ['ERR_BAD_ARGUMENT', 'continue defer', 'ERR_BAD_ARGUMENT'])
})

t.test('continueWith runs before the next message, again and again', async (t) => {
  const node = await nodeOn(t, [clerk])
  const ref = await node.start(clerk, { name: 'clerk' })
  const stepping = ref.call.step('twice')
  void ref.cast.note('a message')
  t.equal(await stepping, 'stepping')
  t.strictSame(await ref.call.log(), ['continue twice', 'continue thrice', 'a message'])
  await ref.call.step('refuse')
  await ref.cast.note('still here')
  t.equal((await ref.call.log()).at(-1), 'still here')
  t.equal(await ref.call.stepLater('answer'), 7, 'a directive may leave the answer open')
  const { down } = ref.monitor()
  await ref.call.step('end')
  t.equal(await down, 'normal')
})

t.test('a kind without handleContinue says so', async (t) => {
  const logger = keptLogger()
  const plain = genServer('plain', { init: () => 0, calls: { go: (self) => self.continueWith('on', 1) } })
  const node = await nodeOn(t, [plain], { logger })
  const ref = await node.start(plain, { name: 'p' })
  t.equal(await ref.call.go(), 1)
  await ref.call.go()
  t.ok(logger.lines.some(({ text }) => /has no handleContinue/.test(text)))
})

t.test('self.stop answers its call, or leaves it to the end', async (t) => {
  const node = await nodeOn(t, [clerk])
  const ref = await node.start(clerk, { name: 'clerk' })
  t.strictSame(await ref.call.end(), { bye: true })
  await ref.monitor().down
  await node.start(clerk, { name: 'clerk' })
  await t.rejects(ref.call.endMute(), { code: 'ERR_STOPPED', executed: 'maybe', fields: { reason: 'done' } })
})

t.test('a directive that was made and not returned is an error, and does nothing', async (t) => {
  const logger = keptLogger()
  const node = await nodeOn(t, [clerk], { logger })
  const ref = await node.start(clerk, { name: 'clerk' })
  const dropped = { code: 'ERR_DIRECTIVE_DROPPED', executed: 'yes' }
  await t.rejects(ref.call.forgetStop(), { ...dropped, fields: { name: 'clerk', directive: 'stop' } })
  await t.rejects(ref.call.forgetLater(), { ...dropped, fields: { directive: 'continueWith' } })
  await t.rejects(ref.call.forgetFirst(), { ...dropped, fields: { directive: 'continueWith' } })
  await ref.cast.forget()
  t.strictSame(await ref.call.log(), [], 'the process lives')
  const errors = logger.lines.filter(({ level }) => level === 'error').map(({ data }) => data.code)
  t.strictSame(errors, Array(4).fill('ERR_DIRECTIVE_DROPPED'))
})

t.test('a process that calls itself is told so; casts and infos to itself go to the mailbox', async (t) => {
  const node = await nodeOn(t, [clerk])
  noUnhandled(t)
  for (const call of ['callSelf', 'callSelfByRef', 'stopSelf', 'moveSelf'] as const) {
    const ref = await node.start(clerk, { name: `${call}` })
    await t.rejects(ref.call[call](), { code: 'ERR_CRASHED', message: /called itself/ })
  }
  const ref = await node.start(clerk, { name: 'clerk' })
  t.equal(await ref.call.callSelfCode(), 'ERR_CALLING_SELF')
  await ref.call.toItself()
  t.strictSame(await ref.call.log(), ['before', 'cast', 'info'])
  const events = eventsOf(node)
  t.equal(await ref.call.unportable(), 'message.f')
  t.match(events, [
    { type: 'undelivered', name: 'clerk', what: 'cast', count: 1, reason: 'ERR_NOT_PORTABLE' },
    { type: 'undelivered', what: 'info' },
  ])
})
