/** Timers and monitors of processes. Times are virtual. */
import t from 'tap'
import type { MobilityNode } from '../../src/node/node.js'
import { genServer } from '../../src/process/gen-server.js'
import type { Down } from '../../src/process/kind.js'
import { openNode, simulatedNode } from '../fixtures/process-lab.js'

const clocked = genServer('clocked', {
  init: () => ({ fired: [] as unknown[] }),
  calls: {
    after: (self, ms: number, message: unknown) => self.sendAfter(ms, message),
    cancel: (self, timer: number) => self.cancelTimer(timer),
    fired: (self) => self.state.fired,
    code: (self, ms: unknown, message?: unknown) => {
      try {
        return self.sendAfter(ms as number, message)
      } catch (error) {
        return (error as { code: string }).code
      }
    },
  },
  handleInfo: (self, message) => void self.state.fired.push(message),
})

t.test('G7: a timer fires once, never early, in the order of its time', async (t) => {
  const { node, clock } = simulatedNode(t, [clocked])
  const ref = await clock.runUntil(node.start(clocked, { name: 'c' }))
  const fired = () => clock.runUntil(ref.call.fired())
  await clock.runUntil(ref.call.after(100, 'late'))
  await clock.runUntil(ref.call.after(50, { soon: true }))
  await clock.runUntil(ref.call.after(0, 'now'))
  const start = clock.now()
  await clock.advance(1)
  t.strictSame(await fired(), ['now'])
  await clock.run(start + 49)
  t.strictSame(await fired(), ['now'])
  await clock.run(start + 51)
  t.strictSame(await fired(), ['now', { soon: true }])
  await clock.run(start + 99)
  t.equal((await fired()).length, 2)
  await clock.run(start + 1_000)
  t.strictSame(await fired(), ['now', { soon: true }, 'late'])
})

t.test('0 ms is behind what waits already, and not inside the handler that set it', async (t) => {
  const eager = genServer('eager', {
    init: () => ({ log: [] as string[] }),
    calls: {
      go: (self) => {
        self.sendAfter(0, 'timer')
        void self.send(self.name, 'sent')
        self.state.log.push('handler')
      },
      log: (self) => self.state.log,
    },
    handleInfo: (self, message) => void self.state.log.push(String(message)),
  })
  const { node, clock } = simulatedNode(t, [eager])
  const ref = await clock.runUntil(node.start(eager, { name: 'e' }))
  await clock.runUntil(ref.call.go())
  await clock.advance(1)
  t.strictSame(await clock.runUntil(ref.call.log()), ['handler', 'sent', 'timer'])
})

t.test('a cancelled timer says what was left and never fires', async (t) => {
  const { node, clock } = simulatedNode(t, [clocked])
  const ref = await clock.runUntil(node.start(clocked, { name: 'c' }))
  const timer = await clock.runUntil(ref.call.after(1_000, 'never'))
  await clock.advance(400)
  const left = await clock.runUntil(ref.call.cancel(timer))
  t.ok(left !== undefined && left > 590 && left <= 600, `${left} ms were left`)
  t.equal(await clock.runUntil(ref.call.cancel(timer)), undefined, 'it is cancelled already')
  t.equal(await clock.runUntil(ref.call.cancel(999)), undefined)
  await clock.advance(5_000)
  t.strictSame(await clock.runUntil(ref.call.fired()), [])
})

t.test('times that are none, and messages that cannot travel, are refused', async (t) => {
  const { node, clock } = simulatedNode(t, [clocked])
  const ref = await clock.runUntil(node.start(clocked, { name: 'c' }))
  const code = (ms: unknown) => clock.runUntil(ref.call.code(ms))
  for (const ms of [-1, Number.NaN, Number.POSITIVE_INFINITY, '5', null, undefined]) {
    t.equal(await code(ms), 'ERR_BAD_ARGUMENT', String(ms))
  }
  const wild = genServer('wild', {
    init: () => ({}),
    calls: { set: (self) => self.sendAfter(1, { f: () => {} }) },
  })
  const { node: open } = openNode(t, [wild])
  const other = await open.start(wild, { name: 'w' })
  await t.rejects(other.call.set(), { code: 'ERR_CRASHED', message: /message\.f cannot travel/ })
})

t.test('timers end with their process', async (t) => {
  const { node, clock } = simulatedNode(t, [clocked])
  const ref = await clock.runUntil(node.start(clocked, { name: 'c' }))
  await clock.runUntil(ref.call.after(100, 'of the first life'))
  await clock.runUntil(ref.stop())
  await clock.runUntil(node.start(clocked, { name: 'c' }))
  await clock.advance(1_000)
  t.strictSame(await clock.runUntil(ref.call.fired()), [])
})

t.test('a handler may take as long as it likes: its timer waits in the mailbox', async (t) => {
  const { node, clock } = simulatedNode(t, [busy])
  const ref = await clock.runUntil(node.start(busy, { name: 'b' }))
  const working = ref.call.work(100)
  await clock.advance(99)
  t.equal(node.stats().processes, 1)
  t.strictSame(await clock.runUntil(working), ['working'])
  t.strictSame(await clock.runUntil(ref.call.log()), ['working', 'timer'])
})

const busy = genServer('busy', {
  init: () => ({ log: ['working'] }),
  calls: {
    work: async (self, ms: number) => {
      self.sendAfter(10, 'timer')
      await self.call('sleeper', 'sleep', ms).catch(() => undefined)
      return self.state.log
    },
    log: (self) => self.state.log,
  },
  handleInfo: (self, message) => void self.state.log.push(String(message)),
})

// ---- monitors

const watcher = genServer('watcher', {
  init: () => ({ downs: [] as Down[] }),
  calls: {
    watch: (self, name: string) => self.monitor(name),
    unwatch: (self, id: number) => self.demonitor(id),
    downs: (self) => self.state.downs,
  },
  handleInfo: (self, message) => void self.state.downs.push(message as Down),
})

const mortal = genServer('mortal', {
  init: () => ({}),
  calls: {
    crash: () => {
      throw new Error('boom')
    },
    end: (self, reason: string) => self.stop(reason),
  },
})

const watching = async (node: MobilityNode) => {
  const ref = await node.start(watcher, { name: 'watcher' })
  const downs = async () => (await ref.call.downs()).map(({ name, reason, monitor }) => `${monitor} ${name} ${reason}`)
  return { ref, downs }
}

t.test('G8: a monitor hears one down, with the reason', async (t) => {
  const { node, kill } = openNode(t, [watcher, mortal])
  const { ref, downs } = await watching(node)
  const names = ['stopped', 'ended', 'crashed', 'killed']
  for (const name of names) {
    await node.start(mortal, { name })
    await ref.call.watch(name)
  }
  t.strictSame(await downs(), [])
  const outside = names.map((name) => node.ref(mortal, name).monitor().down)
  await node.ref(mortal, 'stopped').stop('shutdown')
  await node.ref(mortal, 'ended').call.end('tired')
  await t.rejects(node.ref(mortal, 'crashed').call.crash(), { code: 'ERR_CRASHED' })
  kill('killed')
  t.strictSame(await Promise.all(outside), ['shutdown', 'tired', 'crash: boom', 'killed'])
  t.strictSame(await downs(), ['1 stopped shutdown', '2 ended tired', '3 crashed crash: boom', '4 killed killed'])
  for (const name of names) await (await node.start(mortal, { name })).stop()
  t.equal((await downs()).length, 4, 'a later life is no business of an old monitor')
  t.equal(node.stats().monitors, 0)
})

t.test('a name that nobody has, or has no more, is down at once', async (t) => {
  const { node } = openNode(t, [watcher, mortal])
  const { ref, downs } = await watching(node)
  await ref.call.watch('nobody')
  await (await node.start(mortal, { name: 'm' })).stop()
  await ref.call.watch('m')
  t.strictSame(await downs(), ['1 nobody noproc', '2 m noproc'])
  t.equal(await node.ref('m').monitor().down, 'noproc')
})

t.test('demonitor and cancel end a watch; two watches are two downs', async (t) => {
  const { node } = openNode(t, [watcher, mortal])
  const { ref, downs } = await watching(node)
  const target = await node.start(mortal, { name: 'm' })
  const first = await ref.call.watch('m')
  await ref.call.watch('m')
  await ref.call.watch('m')
  await ref.call.unwatch(first)
  const cancelled = target.monitor()
  let heard = false
  void cancelled.down.then(() => {
    heard = true
  })
  cancelled.cancel()
  await target.stop()
  t.strictSame(await downs(), ['2 m normal', '3 m normal'])
  t.equal(heard, false)
})

t.test('a process may watch itself: nobody is there to hear', async (t) => {
  const { node } = openNode(t, [watcher])
  const { ref } = await watching(node)
  await ref.call.watch('watcher')
  await ref.stop()
  t.equal(node.stats().processes, 0)
})
