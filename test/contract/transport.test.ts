/** What every Transport keeps: real TCP, and the simulated network with whole writes and as a byte stream. */
import t, { type Test } from 'tap'
import type { Socket } from '../../src/transport/transport.js'
import { connect, simWorld, tcpWorld, Watched, type World } from '../fixtures/transport-worlds.js'

const numbered = (length: number): Buffer => {
  const bytes = Buffer.alloc(length)
  for (let i = 0; i + 4 <= length; i += 4) bytes.writeUInt32BE(i, i)
  return bytes
}

const streams = (t: Test, make: () => World): void => {
  t.test('bytes arrive in order, both ways, from write and writeAll', async (t) => {
    const world = make()
    const pair = await connect(t, world)
    const [a, b] = [new Watched(pair.a), new Watched(pair.b)]
    for (let i = 0; i < 100; i++) {
      a.socket.write(Buffer.from(`${i},`))
      a.socket.writeAll([Buffer.from(`<${i}`), new Uint8Array(0), Buffer.from('>'), Buffer.from(';')])
      b.socket.write(Buffer.from(`${-i},`))
    }
    a.socket.write(new Uint8Array(0))
    a.socket.writeAll([])
    const there = Array.from({ length: 100 }, (_, i) => `${i},<${i}>;`).join('')
    const back = Array.from({ length: 100 }, (_, i) => `${-i},`).join('')
    await world.run(Promise.all([b.got(there.length), a.got(back.length)]))
    t.equal(b.received.toString(), there)
    t.equal(a.received.toString(), back)
  })

  t.test('a dial that is given up ends at once; one that is over is not touched by it', async (t) => {
    const world = make()
    const pair = await connect(t, world)
    const signal = new AbortController()
    const done = await world.run(world.client.dial(pair.listener.address, 5_000, signal.signal))
    const dialling = world.client.dial(pair.listener.address, 60_000, signal.signal)
    signal.abort()
    await t.rejects(world.run(dialling), { name: 'DialError', failure: 'unreachable' })
    const late = world.client.dial(pair.listener.address, 60_000, signal.signal)
    await t.rejects(world.run(late), { name: 'DialError', failure: 'unreachable' }, 'nor does one begin after it')
    t.equal(done.write(Buffer.from('still open')), true)
    done.destroy()
  })

  t.test('1 MB in pieces, waiting for drain, arrives whole', async (t) => {
    const world = make()
    const pair = await connect(t, world)
    const [a, b] = [new Watched(pair.a), new Watched(pair.b)]
    const bytes = numbered(1_000_000)
    const send = async (): Promise<void> => {
      for (let at = 0; at < bytes.length; at += 10_000) {
        const drains = a.drains
        if (!a.socket.write(bytes.subarray(at, at + 10_000))) await a.until(() => a.drains > drains)
      }
    }
    await world.run(Promise.all([send(), b.got(bytes.length)]))
    t.ok(b.received.equals(bytes))
    t.equal(a.socket.queuedBytes, 0)
  })

  t.test('a reader that pauses holds the writer back; drain follows when it reads on', async (t) => {
    const world = make()
    const pair = await connect(t, world)
    const [a, b] = [new Watched(pair.a), new Watched(pair.b)]
    b.socket.pause()
    const piece = numbered(64 * 1_024)
    let sent = 0
    // The kernel's buffers fill first; then the queue grows and stays, although each turn could empty it.
    while (a.socket.queuedBytes < 1_024 * 1_024 && sent < 256 * 1_024 * 1_024) {
      a.socket.write(piece)
      sent += piece.length
      if (sent % (1_024 * 1_024) === 0) await world.turn()
    }
    t.equal(a.socket.write(piece), false)
    sent += piece.length
    t.ok(a.socket.queuedBytes > 1_024 * 1_024)
    const [queued, drains] = [a.socket.queuedBytes, a.drains]
    await world.turn()
    t.ok(a.socket.queuedBytes > queued / 2, 'still queued')
    t.equal(a.drains, drains)
    t.equal(b.bytes, 0)
    b.socket.resume()
    await world.run(Promise.all([a.until(() => a.drains > drains), b.got(sent)]))
    t.equal(b.bytes, sent)
    t.equal(a.socket.queuedBytes, 0)
  })

  t.test('data that came before handle is not lost, nor is the end', async (t) => {
    const world = make()
    const { a, b } = await connect(t, world)
    a.write(Buffer.from('early'))
    a.end()
    await world.turn()
    const watched = new Watched(b)
    new Watched(a)
    await world.run(Promise.all([watched.got(5), watched.closed()]))
    t.equal(watched.received.toString(), 'early')
    t.same(watched.reasons, [''])
  })

  t.test('pause before handle holds', async (t) => {
    const world = make()
    const { a, b } = await connect(t, world, (socket) => socket.pause())
    a.write(Buffer.from('later'))
    const watched = new Watched(b)
    await world.turn()
    t.equal(watched.bytes, 0)
    b.resume()
    await world.run(watched.got(5))
  })

  t.test('what arrives is the receiver’s own: no memory shared with the sender', async (t) => {
    const world = make()
    const { a, b } = await connect(t, world)
    const watched = new Watched(b)
    const bytes = Buffer.from('mine')
    a.write(bytes)
    await world.run(watched.got(4))
    watched.received.fill(0)
    for (const piece of watched.pieces) piece.fill(0)
    t.equal(bytes.toString(), 'mine')
  })
}

const ends = (t: Test, make: () => World): void => {
  t.test('end sends what is queued first; both sides are closed once, without a reason', async (t) => {
    const world = make()
    const pair = await connect(t, world)
    const [a, b] = [new Watched(pair.a), new Watched(pair.b)]
    const bytes = numbered(1_000_000)
    a.socket.write(bytes)
    a.socket.end()
    a.socket.end()
    await world.run(Promise.all([a.closed(), b.closed()]))
    await world.turn()
    t.ok(b.received.equals(bytes))
    t.same(a.reasons, [''])
    t.same(b.reasons, [''])
  })

  t.test('both sides end at once', async (t) => {
    const world = make()
    const pair = await connect(t, world)
    const [a, b] = [new Watched(pair.a), new Watched(pair.b)]
    a.socket.write(Buffer.from('from a'))
    b.socket.write(Buffer.from('from b'))
    a.socket.end()
    b.socket.end()
    await world.run(Promise.all([a.closed(), b.closed()]))
    await world.turn()
    t.equal(b.received.toString(), 'from a')
    t.equal(a.received.toString(), 'from b')
    t.same([...a.reasons, ...b.reasons], ['', ''])
  })

  t.test('destroy closes both sides once, later, and the one who called with a reason', async (t) => {
    const world = make()
    const pair = await connect(t, world)
    const [a, b] = [new Watched(pair.a), new Watched(pair.b)]
    a.socket.destroy()
    a.socket.destroy()
    t.same(a.reasons, [], 'not inside the call')
    await world.run(Promise.all([a.closed(), b.closed()]))
    await world.turn()
    t.same(a.reasons, ['destroyed'])
    t.equal(b.reasons.length, 1)
  })

  t.test('no data after destroy', async (t) => {
    const world = make()
    const pair = await connect(t, world)
    const [a, b] = [new Watched(pair.a), new Watched(pair.b)]
    b.socket.write(Buffer.from('hello'))
    await world.run(a.got(5))
    b.socket.write(Buffer.from('too late'))
    a.socket.destroy()
    await world.run(Promise.all([a.closed(), b.closed()]))
    t.equal(a.bytes, 5)
  })

  t.test('writing, ending and pausing after the end do no harm', async (t) => {
    const world = make()
    const pair = await connect(t, world)
    const [a, b] = [new Watched(pair.a), new Watched(pair.b)]
    a.socket.end()
    t.equal(a.socket.write(Buffer.from('late')), false)
    await world.run(Promise.all([a.closed(), b.closed()]))
    for (const { socket } of [a, b]) {
      t.equal(socket.write(Buffer.from('later')), false)
      t.equal(socket.writeAll([Buffer.from('later')]), false)
      socket.end()
      socket.destroy()
      socket.pause()
      socket.resume()
    }
    await world.turn()
    t.equal(b.bytes, 0)
    t.same([...a.reasons, ...b.reasons], ['', ''])
  })

  t.test('handlers that are set after the end still hear of it', async (t) => {
    const world = make()
    const { a, b } = await connect(t, world)
    const other = new Watched(b)
    a.destroy()
    await world.run(other.closed())
    await world.turn()
    const late = new Watched(a)
    await world.run(late.closed())
    t.same(late.reasons, ['destroyed'])
  })

  t.test('who writes to one that is gone is closed with a reason', async (t) => {
    const world = make()
    const { a, b } = await connect(t, world)
    const watched = new Watched(b)
    b.pause()
    b.write(Buffer.from('unread'))
    await world.turn()
    a.destroy()
    await world.turn()
    const write = async (): Promise<void> => {
      while (watched.reasons.length === 0) {
        b.write(Buffer.from('into the void'))
        await world.turn()
      }
    }
    await write()
    t.equal(watched.reasons.length, 1)
    t.match(watched.reasons[0], /^E[A-Z]+$/)
  })
}

const addresses = (t: Test, make: () => World): void => {
  t.test('both sockets know the other end; there is no key material', async (t) => {
    const world = make()
    const { listener, a, b } = await connect(t, world)
    t.ok(listener.address.port > 0)
    t.same(a.remote, listener.address)
    t.equal(b.remote.host, world.host === 'b' ? 'a' : world.host)
    t.ok(b.remote.port > 0)
    t.equal(a.exporter.length + b.exporter.length, 0)
    t.equal(a.queuedBytes, 0)
  })

  t.test('refused: nobody listens there, or no more', async (t) => {
    const world = make()
    const { listener, a, b } = await connect(t, world)
    await world.run(listener.close())
    await world.run(listener.close())
    await t.rejects(world.run(world.client.dial(listener.address, 5_000)), { name: 'DialError', failure: 'refused' })
    const [near, far] = [new Watched(a), new Watched(b)]
    near.socket.write(Buffer.from('open'))
    await world.run(far.got(4))
    t.same(near.reasons, [], 'closing the listener leaves its sockets open')
    const again = await world.run(world.server.listen(listener.address, () => {}))
    t.equal(again.address.port, listener.address.port, 'the port is free')
    await world.run(again.close())
  })

  t.test('ERR_PORT_IN_USE', async (t) => {
    const world = make()
    const { listener } = await connect(t, world)
    const second = world.server.listen(listener.address, () => {})
    await t.rejects(world.run(second), { code: 'ERR_PORT_IN_USE', fields: { port: listener.address.port } })
  })

  t.test('ERR_LISTEN: an address that is not ours', async (t) => {
    const world = make()
    const listening = world.server.listen({ host: world.foreign, port: 0 }, () => {})
    await t.rejects(world.run(listening), { code: 'ERR_LISTEN', fields: { host: world.foreign } })
  })

  t.test('timeout: nobody answers in time', async (t) => {
    const world = make()
    const { listener } = await connect(t, world)
    const dialling = world.hasty.dial(listener.address, 50)
    await t.rejects(world.run(dialling), { name: 'DialError', failure: 'timeout' })
    await world.turn()
  })

  t.test('unreachable: no such host', async (t) => {
    const world = make()
    const dialling = world.client.dial({ host: 'no-such-host.invalid', port: 1 }, 20_000)
    await t.rejects(world.run(dialling), { name: 'DialError', failure: 'unreachable' })
  })

  t.test('many connections to one listener are told apart', async (t) => {
    const world = make()
    const served: Watched[] = []
    const accept = (socket: Socket): void => void served.push(new Watched(socket))
    const listener = await world.run(world.server.listen({ host: world.host, port: 0 }, accept))
    const dials = Array.from({ length: 20 }, () => world.client.dial(listener.address, 5_000))
    const sockets = (await world.run(Promise.all(dials))).map((socket) => new Watched(socket))
    for (const [i, { socket }] of sockets.entries()) {
      socket.write(Buffer.from(`${i}`))
      socket.end()
    }
    await world.run(Promise.all(sockets.map((socket) => socket.closed())))
    const said = served.map((socket) => Number(socket.received.toString())).sort((x, y) => x - y)
    t.same(
      said,
      sockets.map((_, i) => i),
    )
    await world.run(listener.close())
  })
}

const worlds: Record<string, () => World> = {
  tcp: tcpWorld,
  'memory, whole writes': simWorld({}),
  'memory, byte stream': simWorld({ chunking: 'random', latencyMs: 3, jitterMs: 5, bytesPerMs: 50_000 }),
}

for (const [name, make] of Object.entries(worlds)) {
  t.test(name, async (t) => {
    streams(t, make)
    ends(t, make)
    addresses(t, make)
  })
}

t.test('tcp: localhost, which may have two addresses, is refused when all of them refuse', async (t) => {
  const { server, client, host } = tcpWorld()
  const listener = await server.listen({ host, port: 0 }, () => {})
  await listener.close()
  const dialling = client.dial({ host: 'localhost', port: listener.address.port }, 5_000)
  await t.rejects(dialling, { name: 'DialError', failure: 'refused' })
})

t.test('tcp: a port that cannot be one', async (t) => {
  const { server, client, host } = tcpWorld()
  await t.rejects(
    server.listen({ host, port: 70_000 }, () => {}),
    { code: 'ERR_LISTEN' },
  )
  await t.rejects(client.dial({ host, port: 70_000 }, 5_000), { name: 'DialError', failure: 'unreachable' })
})
