/** Each fault of the simulated network, and that a seed replays. */
import t from 'tap'
import { history, Lab, PORT } from '../fixtures/network-lab.js'

const text = (value: string): Buffer => Buffer.from(value)

t.test('latency is one way; jitter keeps the order', async (t) => {
  const lab = new Lab({ shape: { latencyMs: 10 } })
  const [a, b] = await lab.pair()
  a.socket.write(text('one'))
  await lab.clock.advance(50)
  t.same(b.log, ['one 110'])
  lab.network.shape('a', 'b', { latencyMs: 1, jitterMs: 40 })
  for (let i = 0; i < 50; i++) {
    lab.clock.after(i, () => void a.socket.write(text(`${i} `)))
  }
  await lab.clock.advance(200)
  t.equal(b.text, `one${Array.from({ length: 50 }, (_, i) => `${i} `).join('')}`)
  const times = b.log.slice(1).map((line) => Number(line.split(' ').at(-1)))
  t.ok(times.every((time, i) => time > 150 + i && time <= 150 + i + 49 + 41))
  t.ok(new Set(times.map((time, i) => Math.round(time - i))).size > 5, 'it does jitter')
})

t.test('a bandwidth limit is shared by the streams of a path', async (t) => {
  const lab = new Lab({ shape: { bytesPerMs: 100 } })
  const [a, b] = await lab.pair()
  const [a2, b2] = await lab.pair()
  const from = lab.clock.now()
  a.socket.write(Buffer.alloc(10_000))
  a2.socket.write(Buffer.alloc(10_000))
  b.socket.write(text('not slowed by the other direction'))
  await lab.clock.advance(1_000)
  t.same(b.log, [`10000 bytes ${from + 101}`])
  t.same(b2.log, [`10000 bytes ${from + 201}`])
  t.match(a.log, [new RegExp(`^33 bytes ${from + 1}\\.3`)])
})

t.test('whole writes stay whole; a byte stream is split and joined by chance', async (t) => {
  const whole = new Lab()
  const [a, b] = await whole.pair()
  a.socket.writeAll([text('ab'), text('cd')])
  a.socket.write(text('ef'))
  await whole.clock.advance(10)
  t.same(b.log, ['abcd 101', 'ef 101'])

  const stream = new Lab({ shape: { chunking: 'random' } })
  const [c, d] = await stream.pair()
  const sent = Array.from({ length: 300 }, (_, i) => `message ${i};`).join('')
  for (const part of sent.match(/.*?;/g)!) c.socket.write(text(part))
  await stream.clock.advance(10)
  t.equal(d.text, sent)
  const sizes = new Set(d.log.map((line) => line.length))
  t.ok(sizes.size > 5, 'of many sizes')
})

t.test('a stall holds what is on its way and delivers it after heal', async (t) => {
  const lab = new Lab()
  const [a, b] = await lab.pair()
  a.socket.write(text('before '))
  lab.network.partition(['a'], ['b', 'c'])
  a.socket.write(text('during '))
  a.socket.end()
  b.socket.write(text('back'))
  await lab.clock.advance(60_000)
  t.same([...a.log, ...b.log], [])
  lab.network.heal()
  await lab.clock.advance(10)
  t.equal(b.text, 'before during ')
  t.equal(a.text, 'back')
  t.same([a.log.at(-1), b.log.at(-1)], ['closed  60102', 'closed  60101'])
})

t.test('a stalled dial succeeds when the path heals in time, else it times out', async (t) => {
  const lab = new Lab()
  lab.network.partition(['a'], ['b'])
  await lab.fails(t, lab.dial('a', 'b', 2_000), 'timeout')
  const dialling = lab.dial('a', 'b', 5_000)
  lab.clock.after(2_500, () => lab.network.heal(['a'], ['b']))
  await lab.clock.runUntil(dialling)
  t.ok(lab.clock.now() < 2_000 + 3_100)
})

t.test('a partition with resets cuts the connections across it, and only those', async (t) => {
  const lab = new Lab()
  const [a, b] = await lab.pair('a', 'b')
  const [b2, c] = await lab.pair('b', 'c')
  a.socket.write(text('lost'))
  lab.network.partition(['a'], ['b'], { resets: true })
  b2.socket.write(text('fine'))
  await lab.clock.advance(10)
  const now = lab.clock.now() - 10
  t.same([a.log, b.log], [[`closed ECONNRESET ${now}`], [`closed ECONNRESET ${now}`]])
  t.equal(c.text, 'fine')
  t.equal(lab.network.connections('a', 'b'), 0)
  t.equal(lab.network.connections('c', 'b'), 1)
})

t.test('one way: bytes pass in one direction, dials in none', async (t) => {
  const lab = new Lab()
  const [a, b] = await lab.pair()
  lab.network.block('a', 'b')
  a.socket.write(text('held'))
  b.socket.write(text('passes'))
  await lab.clock.advance(100)
  t.equal(a.text, 'passes')
  t.equal(b.text, '')
  await lab.fails(t, lab.dial('a', 'b', 100), 'timeout')
  await lab.fails(t, lab.dial('b', 'a', 100), 'timeout')
  lab.network.unblock('a', 'b')
  await lab.clock.advance(10)
  t.equal(b.text, 'held')
})

t.test('a cut loses the tail of what is on its way, possibly within a write', async (t) => {
  const lengths = new Set<number>()
  for (let seed = 0; seed < 30; seed++) {
    const lab = new Lab({ shape: { latencyMs: 5 } }, `cut ${seed}`)
    const [a, b] = await lab.pair()
    for (const part of ['0123456789', 'abcdefghij', 'ABCDEFGHIJ']) a.socket.write(text(part))
    lab.network.cut('a', 'b', { withinMs: 50 })
    await lab.clock.advance(100)
    t.ok('0123456789abcdefghijABCDEFGHIJ'.startsWith(b.text))
    lengths.add(b.text.length)
    t.match(a.log.join(), /^closed ECONNRESET/)
    t.match(b.log.at(-1), /^closed ECONNRESET/)
    t.equal(lab.network.connections('a', 'b'), 0)
  }
  t.ok(
    [...lengths].some((length) => length % 10 !== 0),
    'within a write',
  )
  t.ok(lengths.size > 10)
})

t.test('half-open: an end that is not told notices only when it writes or ends', async (t) => {
  const lab = new Lab()
  const [a, b] = await lab.pair()
  const [a2, b2] = await lab.pair()
  lab.network.cut('a', 'b', { told: ['b'] })
  await lab.clock.advance(100_000)
  const now = lab.clock.now()
  t.match([b.log.length, b2.log.length], [1, 1])
  t.same([...a.log, ...a2.log], [])
  a.socket.write(text('anybody there?'))
  a2.socket.end()
  await lab.clock.advance(10)
  t.same(a.log, [`closed ECONNRESET ${now + 2}`])
  t.same(a2.log, [`closed ECONNRESET ${now + 2}`])
  t.equal(b.text, '')
})

t.test('cutAfter lets exactly so many bytes arrive, over all connections of the pair', async (t) => {
  for (const chunking of ['whole', 'random'] as const) {
    const lab = new Lab({ shape: { chunking } })
    const [a, b] = await lab.pair()
    const [a2, b2] = await lab.pair()
    lab.network.cutAfter('a', 'b', 15)
    lab.network.cutAfter('a', 'b', 40)
    a.socket.write(text('0123456789'))
    await lab.clock.advance(10)
    a2.socket.write(text('abcdefghij'))
    await lab.clock.advance(10)
    t.equal(b.text, '0123456789')
    t.equal(b2.text, 'abcde', 'the connection that carried the byte')
    t.match(a2.log, [/^closed ECONNRESET/])
    t.same(a.log, [])
    a.socket.write(Buffer.alloc(100, 'x'))
    await lab.clock.advance(10)
    t.equal(b.text, `0123456789${'x'.repeat(25)}`)
    t.match(a.log, [/^closed ECONNRESET/])
  }
})

t.test('onBytes sees, changes and drops what arrives, until it ends', async (t) => {
  const lab = new Lab({ windowBytes: 10 })
  const [a, b] = await lab.pair()
  const seen: string[] = []
  const off = lab.network.onBytes('a', 'b', (bytes, { from, to, connection }) => {
    seen.push(`${from}>${to}#${connection} ${bytes}`)
    if (bytes.includes('drop')) return false
    if (bytes.includes('twice')) return Buffer.concat([bytes, bytes])
    return undefined
  })
  for (const word of ['plain ', 'drop, longer than the window ', 'twice ', 'drop ', 'end ']) a.socket.write(text(word))
  b.socket.write(text('other way'))
  await lab.clock.advance(100)
  t.equal(b.text, 'plain twice twice end ')
  t.equal(seen.length, 5)
  t.equal(seen[0], 'a>b#1 plain ')
  off()
  a.socket.write(text('drop'))
  await lab.clock.advance(100)
  t.equal(b.text, 'plain twice twice end drop')
  t.equal(a.socket.queuedBytes, 0)
})

t.test('new connections are refused, by a host or by a pair, and old ones stay', async (t) => {
  const lab = new Lab()
  const [a, b] = await lab.pair()
  lab.network.refuse('b')
  await lab.fails(t, lab.dial('a', 'b'), 'refused')
  await lab.fails(t, lab.dial('c', 'b'), 'refused')
  lab.network.refuse('b', false)
  lab.network.shape('a', 'b', { refuse: true })
  await lab.fails(t, lab.dial('a', 'b'), 'refused')
  t.ok(await lab.clock.runUntil(lab.dial('c', 'b')))
  a.socket.write(text('still here'))
  await lab.clock.advance(10)
  t.equal(b.text, 'still here')
})

t.test(
  'crash: the host hears nothing, its peers see a reset behind what it had sent; then refused, then a new life',
  async (t) => {
    const lab = new Lab()
    const [a, b] = await lab.pair()
    const [c] = await lab.pair('c', 'b')
    b.socket.write(text('last words'))
    lab.network.crash('b')
    b.socket.write(text('from the grave'))
    const ghost = lab.hosts.get('b')!
    let heard = false
    const hear = (): void => {
      heard = true
    }
    ghost.dial({ host: 'a', port: PORT }, 10).then(hear, hear)
    ghost.listen({ host: 'b', port: PORT }, hear).then(hear, hear)
    await lab.clock.advance(10)
    const now = lab.clock.now() - 10
    t.same(a.log, [`last words ${now + 1}`, `closed ECONNRESET ${now + 1}`])
    t.same(c.log, [`closed ECONNRESET ${now + 1}`])
    t.same(b.log, [])
    await lab.fails(t, lab.dial('a', 'b'), 'refused')
    lab.start('b')
    const [again, b2] = await lab.pair()
    again.socket.write(text('hello'))
    await lab.clock.advance(10)
    t.equal(b2.text, 'hello')
    t.notOk(heard)
  },
)

t.test('silent crash: nothing is heard; after the restart what was written is answered by a reset', async (t) => {
  const lab = new Lab()
  const [a, b] = await lab.pair('a', 'b')
  const [c] = await lab.pair('c', 'b')
  b.socket.pause()
  a.socket.write(text('unread'))
  await lab.clock.advance(10)
  lab.network.crash('b', { silent: true })
  for (let i = 0; i < 5; i++) a.socket.write(Buffer.alloc(100_000))
  await lab.clock.advance(100_000)
  t.same([...a.log, ...b.log, ...c.log], [])
  a.socket.write(text('no room'))
  t.ok(a.socket.queuedBytes > 0, 'the window stays full')
  await lab.fails(t, lab.dial('a', 'b', 1_000), 'timeout')
  lab.start('b')
  await lab.clock.advance(10)
  t.match(a.log, [/^closed ECONNRESET/])
  t.same(c.log, [], 'c wrote nothing, and knows nothing yet')
  c.socket.write(text('hello?'))
  await lab.clock.advance(10)
  t.match(c.log, [/^closed ECONNRESET/])
})

t.test('a host that starts anew kills the life before', async (t) => {
  const lab = new Lab()
  const clock = lab.clock.view()
  lab.network.host('d', clock)
  lab.network.host('d')
  t.ok(clock.dead)
})

t.test('pause: the kernel accepts and buffers; resume releases timers and network in order', async (t) => {
  const lab = new Lab({ windowBytes: 1_000 })
  const node = lab.clock.view()
  const transport = lab.network.host('b', node)
  const order: string[] = []
  await transport.listen({ host: 'b', port: PORT }, (socket) => {
    order.push('accepted')
    const end = lab.watch(socket)
    lab.accepted.push(end)
  })
  const [a, b] = await lab.pair()
  order.length = 0
  lab.network.pause('b')
  t.ok(node.paused)
  const second = await lab.clock.runUntil(lab.dial('a', 'b'))
  second.write(text('to the backlog'))
  a.socket.write(text('x'.repeat(900)))
  node.after(5, () => order.push(`timer, ${b.text.length} bytes read, ${lab.accepted.length} accepted`))
  await lab.clock.advance(50)
  a.socket.write(text('y'.repeat(900)))
  a.socket.write(text('z'.repeat(900)))
  await lab.clock.advance(60_000)
  t.same(order, [])
  t.equal(b.text, '')
  t.equal(a.socket.queuedBytes, 900, 'the window is full')
  lab.network.resume('b')
  await lab.clock.advance(10)
  t.same(order, ['accepted', 'timer, 900 bytes read, 2 accepted'])
  t.equal(b.text.length, 2_700)
  t.equal(lab.accepted[1]!.text, 'to the backlog')
})

t.test('a paused dialler times out or connects after resume, and leaves no socket behind', async (t) => {
  const lab = new Lab({ shape: { latencyMs: 100 } })
  const dialling = lab.dial('a', 'b', 50)
  lab.network.pause('a')
  lab.clock.after(1_000, () => lab.network.resume('a'))
  await lab.fails(t, dialling, 'timeout')
  await lab.clock.run()
  t.equal(lab.network.connections('a', 'b'), 0)
  t.match(lab.accepted[0]?.log ?? [], [/^closed /])
})

t.test('write says stop at the high-water mark, drain follows; queuedBytes is what waits for the window', async (t) => {
  const lab = new Lab({ windowBytes: 1_000, highWaterMark: 100 })
  const [a, b] = await lab.pair()
  t.equal(a.socket.write(Buffer.alloc(99)), true)
  t.equal(a.socket.write(Buffer.alloc(901)), false)
  t.equal(a.socket.queuedBytes, 0)
  t.equal(a.socket.write(Buffer.alloc(99)), true)
  t.equal(a.socket.write(Buffer.alloc(1)), false)
  t.equal(a.socket.queuedBytes, 100)
  b.socket.pause()
  await lab.clock.advance(100)
  t.same(a.log, [], 'not before the last write has left too')
  b.socket.resume()
  await lab.clock.advance(100)
  t.same(a.log, ['drain 200'], 'once for both')
})

t.test('a listener that closes while a connection is being made resets it', async (t) => {
  const lab = new Lab()
  const transport = lab.network.host('d')
  const listener = await transport.listen({ host: 'd', port: 0 }, () => t.fail('accepted'))
  const socket = await lab.clock.runUntil(lab.hosts.get('a')!.dial(listener.address, 1_000))
  const end = lab.watch(socket)
  await listener.close()
  await lab.clock.advance(10)
  t.match(end.log, [/^closed ECONNRESET/])
})

t.test('whatever happens, an end reads a prefix, all of it before an orderly end, and is closed once', async (t) => {
  const seen = { whole: 0, lost: 0, open: 0 }
  for (let seed = 0; seed < 40; seed++) {
    const { sent, ends } = await history(`${seed}`)
    for (const { text: read, log } of ends) {
      const said = sent[Number.parseInt(read, 10)] ?? ''
      const closed = log.filter((line) => line.startsWith('closed'))
      const whole = closed[0]?.startsWith('closed  ') ?? false
      seen[closed.length === 0 ? 'open' : whole ? 'whole' : 'lost']++
      if (read.includes(';') && !said.startsWith(read)) t.fail(`seed ${seed}: not a prefix`)
      if (closed.length > 1 || (closed.length === 1 && log.at(-1) !== closed[0]))
        t.fail(`seed ${seed}: ${log.slice(-3)}`)
      if (whole && read !== said) t.fail(`seed ${seed}: ${read.length} of ${said.length} bytes before the end`)
    }
  }
  t.ok(seen.whole > 100 && seen.lost > 100 && seen.open > 20, JSON.stringify(seen))
})

t.test('equal seeds give equal histories, other seeds others', async (t) => {
  for (let seed = 0; seed < 5; seed++) {
    const [first, second] = [await history(`${seed}`), await history(`${seed}`)]
    t.same(first, second)
    t.ok(first.trace.length > 100, `${first.trace.length} lines`)
    t.not(first.trace.join(), (await history(`${seed} else`)).trace.join())
  }
})
