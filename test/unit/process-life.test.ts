/** Start, stop, crash and kill of a process on one node: who hears what, and what is left behind. */
import t from 'tap'
import { reasonOf } from '../../src/base/errors.js'
import { type ExitReason, ignore, stop } from '../../src/process/directives.js'
import { genServer } from '../../src/process/gen-server.js'
import {
  eventsOf,
  gate,
  keptLogger,
  nodeOn,
  noUnhandled,
  openNode,
  simulatedNode,
  turns,
} from '../fixtures/process-lab.js'

/** Each callback in the order in which it ran. */
const log: string[] = []
t.beforeEach(() => void log.splice(0))

const witness = genServer('witness', {
  init: (how: string) => {
    log.push(`init ${how}`)
    if (how === 'ignore') return ignore()
    if (how === 'stop') return stop({ shutdown: 'not today' })
    if (how === 'throw') throw new Error('no disk')
    return { how }
  },
  attach: (self) => {
    log.push(`attach ${self.state.how}`)
    if (self.state.how === 'attach throws') throw new Error('no port')
    return { port: 1 }
  },
  onStart: (self) => {
    log.push(`onStart ${self.local.port}`)
    if (self.state.how === 'onStart throws') throw new Error('no mood')
    return self.state.how === 'continue' ? self.continueWith('first') : undefined
  },
  handleContinue: (_self, arg) => void log.push(`continue ${arg}`),
  calls: {
    ping: () => void log.push('ping'),
    end: (self, reason: ExitReason) => self.stop(reason, 'bye'),
    crash: () => {
      throw new Error('boom')
    },
    wait: async (self, marker: string) => {
      log.push(`wait ${marker}`)
      await waits.promise
      void self.cast(self.name, 'note', 'of a dead one')
      void self.send('somebody', 'of a dead one')
      log.push(`cast ${await self.cast('x', 'note').catch((error) => error.code)}`)
      log.push(`after ${marker} ${attempt(() => self.state.how)} ${self.signal.aborted}`)
      return 'waited'
    },
  },
  casts: { note: (_self, text: string) => void log.push(text) },
  terminate: async (self, reason) => {
    await turns(1)
    log.push(`terminate ${JSON.stringify(reason)} ${self.state.how}`)
    if (self.state.how === 'terminate throws') throw new Error('too late')
  },
  detach: (self) => void log.push(`detach ${self.local.port}`),
})

let waits = gate()
const attempt = (run: () => unknown): unknown => {
  try {
    return run()
  } catch (error) {
    return (error as { code: string }).code
  }
}

t.test('a start runs init, attach, onStart and what it continues with, before the first message', async (t) => {
  const node = await nodeOn(t, [witness])
  const ref = await node.start(witness, { name: 'w', args: ['continue'] })
  await ref.call.ping()
  t.strictSame(log, ['init continue', 'attach continue', 'onStart 1', 'continue first', 'ping'])
})

t.test('scenario 18: ignore, stop and errors at the start leave nothing behind', async (t) => {
  const node = await nodeOn(t, [witness])
  noUnhandled(t)
  const before = node.stats()
  const started = (how: string) => node.start(witness, { name: 'w', args: [how] })
  await t.rejects(started('ignore'), { code: 'ERR_START_IGNORED', executed: 'no', fields: { name: 'w' } })
  await t.rejects(started('stop'), { code: 'ERR_START_FAILED', message: /shutdown: not today/ })
  await t.rejects(started('throw'), { code: 'ERR_START_FAILED', message: /no disk/, cause: { message: 'no disk' } })
  const attach = { code: 'ERR_START_FAILED', message: /no port/, cause: { code: 'ERR_CALLBACK' } }
  await t.rejects(started('attach throws'), attach)
  t.notOk(
    log.some((line) => line.startsWith('detach')),
    'what was not attached is not detached',
  )
  await t.rejects(started('onStart throws'), { code: 'ERR_START_FAILED', message: /no mood/ })
  t.equal(log.at(-1), 'detach 1', 'what was attached is let go')
  t.equal(node.whereis('w'), undefined)
  t.equal(node.stats().processes, before.processes)
  const ref = await started('well')
  await ref.call.ping()
  t.equal(log.at(-1), 'ping', 'the name is free')
})

t.test('an init that fails because another start failed says its own name', async (t) => {
  const child = genServer('child', { init: () => ignore() })
  const parent = genServer('parent', { init: () => node.start(child, { name: 'child' }).then(() => 0) })
  const { node } = openNode(t, [child, parent])
  const failed = { code: 'ERR_START_FAILED', fields: { name: 'parent' }, cause: { code: 'ERR_START_IGNORED' } }
  await t.rejects(node.start(parent, { name: 'parent' }), failed)
})

t.test('an init that is killed while it starts attaches nothing', async (t) => {
  const opens = gate()
  const slow = genServer('slow', {
    init: async () => {
      await opens.promise
      return { n: 1 }
    },
    attach: () => void log.push('attach'),
    onStart: () => void log.push('onStart'),
  })
  const { node, kill } = openNode(t, [slow])
  const starting = node.start(slow, { name: 's' })
  await turns()
  kill('s')
  opens.open()
  await t.rejects(starting, { code: 'ERR_START_FAILED', fields: { reason: 'killed' } })
  t.strictSame(log, [])
})

t.test('messages wait until the start is through', async (t) => {
  const opens = gate()
  const slow = genServer('slow', {
    init: () => opens.promise.then(() => ({ n: 1 })),
    calls: { get: (self) => self.state.n },
  })
  const node = await nodeOn(t, [slow])
  const starting = node.start(slow, { name: 's' })
  await turns()
  const early = node.ref(slow, 's').call.get()
  opens.open()
  await starting
  t.equal(await early, 1)
})

for (const reason of ['normal', 'shutdown', { shutdown: { why: 'deploy' } }, { error: 'own word' }] as ExitReason[]) {
  t.test(`terminate gets the reason: ${JSON.stringify(reason)}`, async (t) => {
    const node = await nodeOn(t, [witness])
    const one = await node.start(witness, { name: 'w', args: ['well'] })
    const downs = [one.monitor().down]
    t.equal(await one.call.end(reason), 'bye', 'self.stop answers')
    downs.push((await node.start(witness, { name: 'x', args: ['well'] })).monitor().down)
    await node.ref(witness, 'x').stop(reason)
    t.equal(await downs[0], await downs[1])
    const terminated = log.filter((line) => line.startsWith('terminate'))
    t.strictSame(terminated, Array(2).fill(`terminate ${JSON.stringify(reason)} well`))
    t.equal(log.filter((line) => line === 'detach 1').length, 2)
  })
}

t.test('a crash terminates too, with its reason', async (t) => {
  const node = await nodeOn(t, [witness])
  const ref = await node.start(witness, { name: 'w', args: ['well'] })
  const { down } = ref.monitor()
  await t.rejects(ref.call.crash(), { code: 'ERR_CRASHED' })
  t.equal(await down, 'crash: boom')
  t.strictSame(log.slice(-2), ['terminate {"error":"boom"} well', 'detach 1'])
})

t.test('a terminate that throws is logged and holds up nothing', async (t) => {
  const logger = keptLogger()
  const node = await nodeOn(t, [witness], { logger })
  const ref = await node.start(witness, { name: 'w', args: ['terminate throws'] })
  await ref.stop()
  t.equal(log.at(-1), 'detach 1')
  t.ok(logger.lines.some(({ text }) => text === 'terminate of w failed'))
})

t.test('a terminate that never ends gets shutdownMs', async (t) => {
  const endless = genServer('endless', {
    init: () => ({}),
    terminate: () => new Promise(() => {}),
    shutdownMs: 700,
  })
  const { node, clock } = simulatedNode(t, [endless])
  const ref = await clock.runUntil(node.start(endless, { name: 'e' }))
  const before = clock.now()
  await clock.runUntil(ref.stop())
  const took = clock.now() - before
  t.ok(took >= 700 && took < 720, `${took} ms`)
})

t.test('stop() goes ahead of the mailbox, twice is once, and a stopped name is gone', async (t) => {
  const node = await nodeOn(t, [witness])
  const ref = await node.start(witness, { name: 'w', args: ['well'] })
  waits = gate()
  const waiting = ref.call.wait('a')
  const behind = ref.call.ping()
  await turns()
  const stops = [ref.stop(), ref.stop()]
  waits.open()
  t.equal(await waiting, 'waited', 'a handler that runs may end')
  await turns(0)
  const late = ref.stop()
  await Promise.all(stops)
  await late
  await t.rejects(behind, { code: 'ERR_STOPPED', executed: 'no', fields: { name: 'w', reason: 'normal' } })
  t.equal(log.filter((line) => line.startsWith('terminate')).length, 1)
  t.notOk(log.includes('ping'))
  await t.rejects(ref.stop(), { code: 'ERR_NO_PROCESS' })
})

t.test('stop() during a slow terminate resolves when it has ended', async (t) => {
  const node = await nodeOn(t, [witness])
  const ref = await node.start(witness, { name: 'w', args: ['well'] })
  const first = ref.stop()
  await Promise.resolve()
  await Promise.resolve()
  const second = ref.stop()
  await Promise.all([first, second])
  t.equal(node.whereis('w'), undefined)
})

t.test('brutal_kill: no terminate, the signal aborts, and what its handler still does finds ERR_STALE', async (t) => {
  const { node, kill } = openNode(t, [witness])
  noUnhandled(t)
  const ref = await node.start(witness, { name: 'w', args: ['well'] })
  const { down } = ref.monitor()
  waits = gate()
  const waiting = ref.call.wait('a')
  const behind = ref.call.ping()
  await turns()
  kill('w')
  await t.rejects(waiting, { code: 'ERR_STOPPED', executed: 'maybe', fields: { reason: 'killed' } })
  await t.rejects(behind, { code: 'ERR_STOPPED', executed: 'no' })
  t.equal(await down, 'killed')
  t.equal(node.whereis('w'), undefined)
  const again = await node.start(witness, { name: 'w', args: ['second life'] })
  waits.open()
  await turns()
  t.ok(log.includes('after a ERR_STALE true'))
  t.ok(log.includes('cast ERR_STALE'))
  t.notOk(log.includes('of a dead one'))
  t.notOk(log.some((line) => line.startsWith('terminate')))
  await again.call.ping()
})

t.test('a stop, a move or a freeze that finds an ended process is answered', async (t) => {
  const { node, parts } = openNode(t, [witness])
  const ref = await node.start(witness, { name: 'w', args: ['well'] })
  const ended = parts.table.get('w')
  await ref.stop()
  const frozen = new Promise<unknown>((resolve) => {
    ended?.system({ what: 'freeze', ms: 1_000, to: 'b', frozen: resolve })
  })
  t.match(await frozen, { code: 'ERR_STOPPED' })
})

t.test('reasons and thrown things of every sort end one process, not the node', async (t) => {
  const things: Record<string, unknown> = {
    nothing: undefined,
    null: null,
    number: 42,
    symbol: Symbol('s'),
    plain: { a: 1 },
    bare: Object.create(null),
    'message is no text': Object.assign(new Error('x'), { message: 42 }),
    'half a pair': new Error('\ud800'),
    'a getter that throws': Object.defineProperty(new Error('x'), 'message', {
      get: () => {
        throw new Error('nested')
      },
    }),
    long: new Error('x'.repeat(1_000_000)),
    'log lines': new Error('a\nERROR forged \u001b[31m'),
  }
  const thrower = genServer('thrower', {
    init: () => ({}),
    calls: {
      throw: (_self, key: string) => {
        throw things[key]
      },
      throwLater: async (_self, key: string) => {
        throw things[key]
      },
    },
    casts: { stop: (self, reason: unknown) => self.stop(reason as ExitReason) },
  })
  const node = await nodeOn(t, [thrower])
  noUnhandled(t)
  for (const key of Object.keys(things)) {
    for (const how of ['throw', 'throwLater'] as const) {
      const ref = await node.start(thrower, { name: 't' })
      const { down } = ref.monitor()
      await t.rejects(ref.call[how](key), { code: 'ERR_CRASHED' }, `${how} ${key}`)
      const reason = await down
      t.match(reason, /^crash: /)
      t.ok(reason.length <= 320 && !reason.includes('\n') && reason.isWellFormed(), reasonOf(things[key]).slice(0, 40))
    }
  }
  for (const reason of [undefined, null, 5, [], {}, { error: 5 }]) {
    const ref = await node.start(thrower, { name: 't' })
    const { down } = ref.monitor()
    await t.rejects(ref.stop((reason as never as ExitReason | undefined) ?? (null as never)), {
      code: 'ERR_BAD_ARGUMENT',
    })
    await ref.cast.stop(reason)
    t.match(await down, /reason of a stop/)
  }
  for (const [given, text] of [
    [{ shutdown: 10n }, 'shutdown: 10n'],
    ['\ud800\n', '\ufffd\\u000a'],
  ] as const) {
    const ref = await node.start(thrower, { name: 't' })
    const { down } = ref.monitor()
    await ref.cast.stop(typeof given === 'string' ? given.slice(1) : given)
    t.equal(await down, typeof given === 'string' ? '\\u000a' : text)
  }
})

t.test('scenario 2: stopping everything clears every table', async (t) => {
  const node = await nodeOn(t, [witness])
  const events = eventsOf(node)
  const empty = node.stats()
  const names = Array.from({ length: 100 }, (_, i) => `w${i}`)
  const refs = await Promise.all(names.map((name) => node.start(witness, { name, args: ['well'] })))
  await Promise.all(refs.map((ref) => ref.call.ping()))
  t.equal(node.list().length, 100)
  await Promise.all(refs.map((ref) => ref.stop()))
  t.strictSame(node.list(), [])
  t.equal(node.stats().processes, empty.processes)
  t.equal(events.filter(({ type }) => type === 'started').length, 100)
  t.equal(events.filter(({ type }) => type === 'stopped').length, 100)
})
