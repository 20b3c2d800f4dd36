/** The word of an ended life that comes late, at the driver of a sender channel. */
import t from 'tap'
import { VirtualClock } from '../../src/base/clock.js'
import type { MobilityError } from '../../src/base/errors.js'
import { fail } from '../../src/base/errors.js'
import { Events } from '../../src/base/events.js'
import type { Origin } from '../../src/base/ids.js'
import { defaultLimits } from '../../src/base/limits.js'
import { silentLogger } from '../../src/base/ports.js'
import { Channels } from '../../src/channel/channels.js'
import type { Parcel } from '../../src/channel/parcel.js'

t.test('G9: the end of a life before its line refuses nothing that went out on the line', async (t) => {
  const sent: Parcel[] = []
  const channels = new Channels({
    clock: new VirtualClock().view(),
    limits: defaultLimits,
    events: new Events('a', silentLogger),
    origin: () => 'c/a/1' as Origin,
    courier: {
      route: () => ({ type: 'there', line: 1, epoch: 1, path: 'b' }),
      carry: (parcel) => sent.push(parcel) > 0,
      lateBecause: () => undefined,
    },
    nobody: (name) => fail('ERR_NO_PROCESS', { name }),
  })
  const call = (label: string): { fate: string } => {
    const seen = { fate: 'open' }
    channels.call('x', ['add', [1]], { timeoutMs: 5_000, label }).then(
      () => (seen.fate = 'ok'),
      (error: MobilityError) => (seen.fate = `${error.code} ${error.executed}`),
    )
    return seen
  }
  const settled = () => new Promise((done) => setImmediate(done))
  const first = call('first')
  // Life 1 has ended and life 2, on line 2, says so; the caller's registry has heard of neither.
  channels.receipt('x', 0, { type: 'reset', line: 2, epoch: 2 })
  const second = call('second')
  channels.receipt('x', 0, { type: 'gone', epoch: 1, next: 1, reason: 'normal' })
  await settled()
  t.equal(first.fate, 'ERR_LOST maybe')
  t.same(
    sent.map(({ seq, line }) => [seq, line]),
    [
      [1, 1],
      [2, 2],
    ],
  )
  t.equal(second.fate, 'open', 'it may be running')
  channels.receipt('x', 0, { type: 'gone', epoch: 2, next: 2, reason: 'normal' })
  await settled()
  t.equal(second.fate, 'ERR_STOPPED no', 'the end of its own life counts')
  channels.close('a')
})
