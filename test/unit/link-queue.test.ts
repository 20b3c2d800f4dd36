/** What waits to be written, and signs of life: one side of a link, with a socket that does what the test says. */
import t from 'tap'
import { VirtualClock } from '../../src/base/clock.js'
import { defaultLimits } from '../../src/base/limits.js'
import { type Beat, Heartbeat } from '../../src/link/heartbeat.js'
import { SendQueue } from '../../src/link/send-queue.js'
import type { Socket } from '../../src/transport/transport.js'

const KiB = 1_024
const limits = { ...defaultLimits, writeQueueBytesMax: 300 * KiB, slowPeerMs: 1_000, heartbeatMs: 100, downMs: 1_000 }

/** Takes everything, and drains when told to. */
class FakeSocket implements Socket {
  readonly remote = { host: 'h', port: 1 }
  readonly exporter = Buffer.alloc(0)
  readonly writes: Buffer[] = []
  queuedBytes = 0
  write(bytes: Uint8Array): boolean {
    return this.writeAll([bytes])
  }
  writeAll(pieces: readonly Uint8Array[]): boolean {
    const bytes = Buffer.concat(pieces)
    this.writes.push(bytes)
    this.queuedBytes += bytes.length
    return false
  }
  end(): void {}
  destroy(): void {}
  pause(): void {}
  resume(): void {}
  handle(): void {}
}

const queueOf = () => {
  const [clock, socket, said] = [new VirtualClock(), new FakeSocket(), [] as string[]]
  const queue = new SendQueue({
    ...{ clock, limits, socket, peer: 'c/b' },
    pressure: (paused) => said.push(paused ? 'pause' : 'resume'),
    slow: () => said.push(`slow at ${clock.now()}`),
    torn: () => said.push('torn'),
  })
  const drain = (bytes = socket.queuedBytes): void => {
    socket.queuedBytes -= bytes
    queue.drain()
  }
  return { clock, socket, said, queue, drain }
}

t.test('urgent frames of one turn leave as one write, in order', async (t) => {
  const { clock, socket, queue } = queueOf()
  for (const text of ['one ', 'two ', 'three']) queue.urgent(Buffer.from(text))
  t.same(socket.writes, [])
  t.equal(queue.queuedBytes, 13)
  await clock.run(0)
  t.same(socket.writes.map(String), ['one two three'])
})

t.test('the socket gets 128 KiB at most; urgent frames pass all waiting chunks; no frame is torn apart', async (t) => {
  const { clock, socket, queue, drain } = queueOf()
  const order: string[] = []
  const chunk = (transfer: number, name: string): void => {
    queue.bulk(transfer, [Buffer.alloc(64 * KiB, name)]).then(() => order.push(name))
  }
  for (const name of ['a', 'b', 'c']) chunk(1, name)
  for (const name of ['x', 'y', 'z']) chunk(2, name)
  await clock.run(0)
  t.same(order, ['a', 'x'], 'round robin')
  queue.urgent(Buffer.alloc(200 * KiB, '!'))
  await clock.run(0)
  t.equal(socket.writes.length, 2, 'nothing while the socket is full')
  drain(64 * KiB)
  drain()
  drain()
  await clock.run(0)
  t.equal(
    Buffer.concat(socket.writes.slice(2))
      .toString()
      .replace(/(.)\1+/g, '$1'),
    '!by',
    'the whole frame, then chunks',
  )
  drain()
  drain()
  await clock.run(0)
  t.same(order, ['a', 'x', 'b', 'y', 'c', 'z'])
})

t.test('reading pauses above writeQueueBytesMax and goes on at half of it; chunks do not count', async (t) => {
  const { clock, said, queue, drain } = queueOf()
  for (let i = 0; i < 10; i++) queue.bulk(1, [Buffer.alloc(64 * KiB)]).catch(() => {})
  await clock.run(0)
  t.same(said, [])
  queue.urgent(Buffer.alloc(200 * KiB))
  t.same(said, ['pause'])
  drain(100 * KiB)
  t.same(said, ['pause'])
  drain(128 * KiB)
  drain(100 * KiB)
  t.same(said, ['pause', 'resume'])
  queue.drop('over')
})

t.test(
  'a peer that drains nothing is slow, one that drains a little is not; what waits is lost with the link',
  async (t) => {
    const { clock, socket, said, queue } = queueOf()
    queue.urgent(Buffer.alloc(100 * KiB))
    for (let i = 0; i < 20; i++) {
      await clock.advance(240)
      socket.queuedBytes -= 1
    }
    t.same(said, [])
    const handed = queue.bulk(1, [Buffer.alloc(10)])
    await clock.advance(1_300)
    t.equal(said.length, 1)
    t.match(said[0], /^slow/)
    await handed
    socket.queuedBytes = 128 * KiB
    const lost = queue.bulk(1, [Buffer.alloc(10)])
    await clock.run(0)
    queue.urgent(Buffer.from('bye'))
    queue.finish('over')
    t.equal(socket.writes.at(-1)?.toString(), 'bye', 'what is urgent goes out, whatever the socket holds')
    await t.rejects(lost, { code: 'ERR_LINK_LOST', executed: 'no' })
    await t.rejects(queue.bulk(1, [Buffer.alloc(1)]), { code: 'ERR_LINK_LOST' })
    queue.urgent(Buffer.from('late'))
    await clock.advance(5_000)
    t.equal(socket.writes.at(-1)?.toString(), 'bye')
    t.equal(clock.pending, 0)
  },
)

const beatsOf = () => {
  const clock = new VirtualClock()
  const [beats, said]: [Beat[], string[]] = [[], []]
  const silent = (): void => {
    said.push(`silent at ${clock.now()}`)
    heartbeat.stop()
  }
  const heartbeat: Heartbeat = new Heartbeat({ clock, limits, silent, send: (beat) => beats.push(beat) }, 7)
  return { clock, beats, said, heartbeat }
}

t.test('a heartbeat leaves when nothing else was sent for heartbeatMs; silence of downMs is the end', async (t) => {
  const { clock, beats, said, heartbeat } = beatsOf()
  await clock.advance(90)
  heartbeat.sent()
  await clock.advance(99)
  t.same(beats, [])
  await clock.advance(1)
  t.same(beats, [{ sentAt: 190 }])
  await clock.advance(710)
  heartbeat.heard()
  await clock.advance(999)
  t.same(said, [])
  t.equal(heartbeat.silentMs, 999)
  await clock.advance(1)
  t.same(said, ['silent at 1900'])
  t.equal(clock.pending, 0)
})

t.test(
  'a ping is answered at once, an answer is not; only an answer to our last ping counts as a round trip',
  async (t) => {
    const { clock, beats, heartbeat } = beatsOf()
    t.equal(heartbeat.rttMs, 7, 'what the handshake took, at first')
    heartbeat.received({ sentAt: 123_456 })
    t.same(beats, [{ sentAt: 0, echo: 123_456 }])
    await clock.advance(100)
    t.same(beats[1], { sentAt: 100 }, 'the answer does not put our own ping off')
    await clock.advance(30)
    heartbeat.received({ sentAt: 1, echo: 99 })
    t.equal(heartbeat.rttMs, 7)
    heartbeat.received({ sentAt: 1, echo: 100 })
    t.equal(heartbeat.rttMs, 30)
    heartbeat.received({ sentAt: 1, echo: 100 })
    t.equal(heartbeat.rttMs, 30)
    t.equal(beats.length, 2)
    heartbeat.stop()
  },
)

t.test('silence while nothing is read from the peer is not its silence', async (t) => {
  const { clock, said, heartbeat } = beatsOf()
  heartbeat.waive(true)
  await clock.advance(5_000)
  t.same(said, [])
  t.equal(heartbeat.silentMs, 0)
  heartbeat.waive(false)
  await clock.advance(1_100)
  t.same(said, ['silent at 6000'])
})

t.test('fault 53: after a standstill of our own the peer gets one more heartbeat', async (t) => {
  const clock = new VirtualClock()
  const view = clock.view()
  const said: number[] = []
  const heartbeat = new Heartbeat({ clock: view, limits, silent: () => said.push(clock.now()), send() {} }, 0)
  await clock.advance(50)
  view.pause()
  await clock.advance(3_000)
  view.resume()
  await clock.advance(99)
  t.same(said, [])
  await clock.advance(1)
  t.same(said, [3_150])
  heartbeat.stop()
})

t.test('fault 53: a standstill of our own is not the peer being slow', async (t) => {
  const [clock, socket, said] = [new VirtualClock(), new FakeSocket(), [] as string[]]
  const view = clock.view()
  const slow = (): void => void said.push(`slow at ${clock.now()}`)
  const queue = new SendQueue({ clock: view, limits, socket, peer: 'c/b', pressure() {}, slow, torn: slow })
  queue.urgent(Buffer.from('waits'))
  await clock.advance(100)
  view.pause()
  await clock.advance(5_000)
  view.resume()
  await clock.advance(900)
  t.same(said, [])
  await clock.advance(200)
  t.same(said, ['slow at 6100'])
  queue.drop('over')
})
