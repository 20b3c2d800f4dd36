/** What the sender's side of the channels keeps, and for how long: sends of a process, bodies, timers. */
import t from 'tap'
import { VirtualClock } from '../../src/base/clock.js'
import type { MobilityError } from '../../src/base/errors.js'
import { fail } from '../../src/base/errors.js'
import { Events } from '../../src/base/events.js'
import type { Origin } from '../../src/base/ids.js'
import { type Limits, resolveLimits } from '../../src/base/limits.js'
import { silentLogger } from '../../src/base/ports.js'
import { Channels } from '../../src/channel/channels.js'
import { Load } from '../../src/channel/load.js'
import type { Outgoing } from '../../src/channel/outgoing.js'
import { Window } from '../../src/channel/window.js'
import type { Process } from '../../src/process/host.js'

const setup = (limits: Partial<Limits> = {}) => {
  const clock = new VirtualClock()
  const channels = new Channels({
    clock,
    limits: resolveLimits(limits),
    events: new Events('a', silentLogger),
    origin: () => 'c/a/1' as Origin,
    courier: {
      route: () => ({ type: 'there', line: 1, epoch: 1, path: 'b' }),
      carry: () => true,
      lateBecause: () => undefined,
    },
    nobody: (name) => fail('ERR_NO_PROCESS', { name }),
  })
  return { clock, channels }
}

const owner = {} as Process
const HOUR_MS = 3_600_000
const options = { timeoutMs: HOUR_MS, owner, label: 'x' }

t.test('G3: of however many names a process sends to, those with sends under way are known', async (t) => {
  const { channels } = setup()
  for (let i = 1; i <= 3_000; i += 1) await channels.cast(`p${i}`, 'cast', ['m', []], options)
  t.equal(channels.unacked(owner).length, 3_000)
})

t.test('G3: a send that is held and then let go is under way, whoever looked meanwhile', async (t) => {
  const { channels } = setup()
  channels.hold(owner, ['x'])
  const sent = channels.cast('x', 'cast', ['m', []], options)
  t.same(channels.unacked(owner), ['x'], 'a move is packed, and then refused')
  channels.release(owner)
  await sent
  t.same(channels.unacked(owner), ['x'], 'the next move')
})

t.test('G15: a body is let go when it is acknowledged, whatever call is open before it', async (t) => {
  const window = new Window(1)
  const out = (what: Outgoing['what']): Outgoing => ({
    ...{ what, label: 'x', bytes: 10, dueAt: 0, timeoutMs: 1, owner: undefined, seq: 0, lookAt: 0 },
    load: Load.of('a body', resolveLimits()),
    settle: () => {},
  })
  const all = [out('call'), out('cast'), out('cast')]
  for (const one of all) window.push(one)
  t.ok(window.release(3))
  t.ok(window.release(3))
  t.equal(window.release(3), undefined)
  t.same(
    all.map(({ load }) => load === undefined),
    [true, true, false],
  )
  t.equal(window.size, 1)
  t.equal(window.bytes, 10)
  t.same(window.calls(), [all[0]])
  t.equal(window.settle(1), all[0])
  t.equal(window.settle(1), undefined)
  t.notOk(window.idle)
  t.ok(window.release(4))
  t.ok(window.idle)
})

t.test('a node that stops leaves no timer of a channel, and lets nobody in', async (t) => {
  const { channels, clock } = setup({ windowBytesMax: 1_000 })
  const calls = [600, 600, 10].map((size) =>
    channels.call('p', ['m', [Buffer.alloc(size)]], options).catch(({ code }: MobilityError) => code),
  )
  channels.close('n')
  t.same(await Promise.all(calls), Array(3).fill('ERR_NODE_STOPPED'))
  t.equal(clock.pending, 0)
})

t.test('deadlines of very many calls are met, a little late where there are very many', async (t) => {
  const { channels, clock } = setup({ windowMessagesMax: 10 })
  let late = 0
  for (let i = 0; i < 5_000; i += 1) {
    channels.call('p', ['m', []], { ...options, timeoutMs: 1_000 + i / 10 }).catch(() => {
      late += 1
    })
  }
  await clock.advance(999)
  t.equal(late, 0)
  await clock.advance(600)
  t.equal(late, 5_000)
})
