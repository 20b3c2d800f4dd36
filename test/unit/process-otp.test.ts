/** The adapter for OTP callbacks: every legal term, and what is none. */
import t from 'tap'
import type { ExitReason } from '../../src/process/directives.js'
import { type From, fromOtp } from '../../src/process/otp.js'
import { keptLogger, nodeOn, openNode, simulatedNode, turns } from '../fixtures/process-lab.js'

interface State {
  readonly n: number
  readonly waiting: readonly From[]
  readonly log: readonly unknown[]
}

type Request =
  | { readonly do: 'add'; readonly n: number }
  | { readonly do: 'log' | 'wait' | 'next' | 'waitNext' | 'later' | 'bye' | 'vanish' | 'local' }
  | { readonly do: 'bad'; readonly term: unknown }

const noted = (state: State, line: unknown): State => ({ ...state, log: [...state.log, line] })

const server = fromOtp('server', {
  version: 3,
  init: (n: number) => ['ok', { n, waiting: [], log: [] } as State],
  attach: (self) => ({ socket: self.name }),
  handleCall: (request: Request, from, state, self) => {
    switch (request.do) {
      case 'add':
        return ['reply', state.n + request.n, { ...state, n: state.n + request.n }]
      case 'log':
        return ['reply', state.log, state]
      case 'wait':
        return ['noreply', { ...state, waiting: [...state.waiting, from] }]
      case 'next':
        return ['reply', 'first', state, ['continue', 'second']]
      case 'waitNext':
        return ['noreply', { ...state, waiting: [from] }, ['continue', 'answer']]
      case 'later':
        return turns(1).then(() => ['reply', 'async', noted(state, 'async')] as const)
      case 'bye':
        return ['stop', 'normal', 'bye', noted(state, 'bye')]
      case 'vanish':
        return ['stop', { shutdown: 'gone' }, state]
      case 'local':
        return ['reply', self.local.socket, state]
      case 'bad':
        return request.term as never
    }
  },
  handleCast: (request: { set: number } | { answer: number } | { end: ExitReason } | { bad: unknown }, state, self) => {
    if ('set' in request) return ['noreply', { ...state, n: request.set }]
    if ('end' in request) return ['stop', request.end, state]
    if ('bad' in request) return request.bad as never
    for (const from of state.waiting) self.reply(from, request.answer)
    return ['noreply', { ...state, waiting: [] }, ['continue', 'answered']]
  },
  handleInfo: (message, state) => (message === 'die' ? ['stop', 'asked', state] : ['noreply', noted(state, message)]),
  handleContinue: (arg, state, self) => {
    if (arg === 'answer') for (const from of state.waiting) self.reply(from, 'continued')
    return ['noreply', noted({ ...state, waiting: [] }, `continue ${arg}`)]
  },
  terminate: (reason, state) => void ends.push([reason, state.n]),
})

let ends: Array<[ExitReason, number]> = []
t.beforeEach(() => {
  ends = []
})

t.test('reply, noreply and continue', async (t) => {
  const node = await nodeOn(t, [server])
  const ref = await node.start(server, { name: 's', args: [40] })
  t.equal(server.version, 3)
  t.equal(await ref.call.request({ do: 'add', n: 2 }), 42)
  await ref.cast.request({ set: 1 })
  t.equal(await ref.call.request({ do: 'add', n: 1 }), 2)
  t.equal(await ref.call.request({ do: 'local' }), 's', 'attach is as everywhere')
  await ref.send('an info')
  t.equal(await ref.call.request({ do: 'next' }), 'first')
  t.equal(await ref.call.request({ do: 'later' }), 'async')
  t.strictSame(await ref.call.request({ do: 'log' }), ['an info', 'continue second', 'async'])
})

t.test('from may be kept in the state and answered later, by reply', async (t) => {
  const node = await nodeOn(t, [server])
  const ref = await node.start(server, { name: 's', args: [0] })
  const waiting = [ref.call.request({ do: 'wait' }), ref.call.request({ do: 'wait' })]
  await ref.cast.request({ answer: 5 })
  t.strictSame(await Promise.all(waiting), [5, 5])
  t.equal(await ref.call.request({ do: 'waitNext' }), 'continued')
  t.strictSame(await ref.call.request({ do: 'log' }), ['continue answered', 'continue answer'])
})

t.test('stop: with a reply, without one, from a cast, an info and outside', async (t) => {
  const node = await nodeOn(t, [server])
  const start = async () => {
    const ref = await node.start(server, { name: 's', args: [7] })
    return { ref, down: ref.monitor().down }
  }
  const first = await start()
  t.equal(await first.ref.call.request({ do: 'bye' }), 'bye')
  t.equal(await first.down, 'normal')
  const second = await start()
  const stopped = { code: 'ERR_STOPPED', executed: 'maybe', fields: { reason: 'shutdown: gone' } }
  await t.rejects(second.ref.call.request({ do: 'vanish' }), stopped)
  const third = await start()
  await third.ref.cast.request({ end: { error: 'own' } })
  t.equal(await third.down, 'crash: own')
  const fourth = await start()
  await fourth.ref.send('die')
  t.equal(await fourth.down, 'asked')
  const fifth = await start()
  await fifth.ref.stop('shutdown')
  t.strictSame(ends, [
    ['normal', 7],
    [{ shutdown: 'gone' }, 7],
    [{ error: 'own' }, 7],
    ['asked', 7],
    ['shutdown', 7],
  ])
})

t.test('what a callback may not return: the error names it, the caller gets it, the process crashes', async (t) => {
  const logger = keptLogger()
  const node = await nodeOn(t, [server], { logger })
  const bad: unknown[] = [
    undefined,
    5,
    'reply',
    { reply: 1 },
    [],
    ['reply'],
    ['reply', 1],
    ['reply', 1, {}, 1_000],
    ['reply', 1, {}, ['continue']],
    ['reply', 1, {}, ['continue', 1], 2],
    ['noreply'],
    ['noreply', {}, 'hibernate'],
    ['stop'],
    ['stop', 'normal'],
    ['stop', 'normal', 1, {}, 2],
    ['ok', {}],
    Promise.resolve(['replay', 1, {}]),
  ]
  for (const term of bad.slice(0, -1)) {
    const ref = await node.start(server, { name: 's', args: [0] })
    const { down } = ref.monitor()
    const fields = { callback: 'handleCall', name: 's' }
    await t.rejects(ref.call.request({ do: 'bad', term }), { code: 'ERR_BAD_RETURN', executed: 'maybe', fields })
    t.match(await down, /crash: handleCall of s returned /)
  }
  const ref = await node.start(server, { name: 's', args: [0] })
  const { down } = ref.monitor()
  await ref.cast.request({ bad: ['reply', 1, { n: 1 }] })
  t.match(await down, /handleCast of s returned \[ 'reply', 1, \{ n: 1 \} \]/)
  const odd = await node.start(server, { name: 's', args: [0] })
  await t.rejects(odd.call.request({ do: 'bad', term: ['stop', 5, {}] }), { code: 'ERR_CRASHED', message: /reason/ })
})

t.test('init: every legal term, and what is none', async (t) => {
  const make = (term: unknown) =>
    fromOtp('k', { init: () => term as never, handleContinue: (arg, s) => ['stop', `${arg}${s}`, s] })
  const start = async (term: unknown) => {
    const kind = make(term)
    const { node } = openNode(t, [kind])
    return node.start(kind, { name: 'x' })
  }
  for (const term of [{ plain: true }, 5, undefined, ['ok', []], Promise.resolve(['ok', 1])]) {
    t.equal((await start(term)).name, 'x')
  }
  const continued = await start(['ok', 'state', ['continue', 'arg']])
  t.equal(await continued.monitor().down.then((reason) => (reason === 'noproc' ? 'argstate' : reason)), 'argstate')
  await t.rejects(start(['ignore']), { code: 'ERR_START_IGNORED' })
  await t.rejects(start(['stop', 'no way']), { code: 'ERR_START_FAILED', fields: { reason: 'no way' } })
  for (const term of [[], ['error', 'x'], ['ok'], ['ok', 1, 5_000], ['ignore', 1], ['stop'], [1, 2], ['stop', 5]]) {
    const cause = { code: term[1] === 5 ? 'ERR_BAD_ARGUMENT' : 'ERR_BAD_RETURN' }
    await t.rejects(start(term), { code: 'ERR_START_FAILED', cause }, JSON.stringify(term))
  }
})

t.test('init may continue; without handleContinue that is a bad term', async (t) => {
  const begins = fromOtp('begins', {
    init: (n: number) => ['ok', { n }, ['continue', 'load']],
    attach: (self) => ({ seen: JSON.stringify(self.state) }),
    handleCall: (_request: 'get', _from, state, self) => ['reply', [state.n, self.local.seen] as const, state],
    handleContinue: (_arg, state) => ['noreply', { n: state.n + 1 }],
  })
  const deaf = fromOtp('deaf', {
    init: () => ['ok', 0],
    handleCall: (_request: 'go', _from, state) => ['reply', 1, state, ['continue', 1]],
  })
  const node = await nodeOn(t, [begins, deaf])
  const ref = await node.start(begins, { name: 'b', args: [1] })
  t.strictSame(await ref.call.request('get'), [2, '{"n":1}'], 'attach sees the state as it will be')
  const other = await node.start(deaf, { name: 'd' })
  await t.rejects(other.call.request('go'), { code: 'ERR_BAD_RETURN' })
})

t.test('timers and monitors come as infos', async (t) => {
  const clocked = fromOtp('clocked', {
    init: () => ({ got: [] as unknown[] }),
    handleCall: (request: 'arm' | 'got', _from, state, self) => {
      if (request === 'arm') {
        self.sendAfter(50, 'tick')
        self.monitor('nobody')
      }
      return ['reply', state.got, state]
    },
    handleInfo: (message, state) => ['noreply', { got: [...state.got, message] }],
  })
  const { node, clock } = simulatedNode(t, [clocked])
  const ref = await clock.runUntil(node.start(clocked, { name: 'c' }))
  await clock.runUntil(ref.call.request('arm'))
  await clock.advance(100)
  const got = await clock.runUntil(ref.call.request('got'))
  t.strictSame(got, [{ type: 'down', monitor: 1, name: 'nobody', reason: 'noproc' }, 'tick'])
})

t.test('a spec that is none', (t) => {
  const invalid = (spec: unknown, message: RegExp) =>
    t.throws(() => fromOtp('k', spec as never), { code: 'ERR_KIND_INVALID', message })
  invalid(undefined, /not an object/)
  invalid({}, /has no init/)
  invalid({ init: 5 }, /init is not a function/)
  invalid({ init: () => 0, handleCall: 'x' }, /handleCall is not a function/)
  invalid({ init: () => 0, calls: {} }, /calls belongs to genServer/)
  invalid({ init: () => 0, handle_call: () => 0 }, /no callback named handle_call/)
  invalid({ init: () => 0, version: 0 }, /version/)
  t.end()
})
