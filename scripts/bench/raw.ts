/**
 * The baseline: what one would write by hand with `node:net` and msgpack-lite, and nothing that survives a lost
 * connection, a move or a slow peer.
 *
 *   messages   u32 length | MessagePack [id, value]; writes of one turn leave corked; id 0: a cast, its ack is [0, n]
 *   transfers  u32 length | u32 crc32 | u8 decode? | bytes; the answer is one byte, once the checksum is right
 */
import net from 'node:net'
import { crc32 } from 'node:zlib'
import msgpack from 'msgpack-lite'

/** Casts on their way: as many as the window of a channel. */
const WINDOW = 1_024
const TRANSFER_HEAD = 9

/** Cuts a stream into frames that start with their length. */
const frames = (headBytes: number, frame: (head: Buffer, body: Buffer) => void) => {
  let pieces: Buffer[] = []
  let bytes = 0
  return (data: Buffer): void => {
    pieces.push(data)
    bytes += data.length
    const first = pieces[0] as Buffer
    if (first.length >= 4 && bytes < headBytes + first.readUInt32BE(0)) return
    const all = pieces.length === 1 ? data : Buffer.concat(pieces, bytes)
    let at = 0
    while (all.length - at >= headBytes && all.length - at - headBytes >= all.readUInt32BE(at)) {
      const end = at + headBytes + all.readUInt32BE(at)
      frame(all.subarray(at, at + headBytes), all.subarray(at + headBytes, end))
      at = end
    }
    pieces = at === all.length ? [] : [all.subarray(at)]
    bytes = all.length - at
  }
}

/** Sends messages, those of one turn of the event loop in one write. */
const sender = (socket: net.Socket) => {
  let corked = false
  return (message: unknown): void => {
    if (!corked) {
      corked = true
      socket.cork()
      setImmediate(() => {
        corked = false
        socket.uncork()
      })
    }
    const body = msgpack.encode(message)
    const head = Buffer.allocUnsafe(4)
    head.writeUInt32BE(body.length)
    socket.write(head)
    socket.write(body)
  }
}

const listen = (serve: (socket: net.Socket) => void): Promise<number> =>
  new Promise((resolve) => {
    const server = net.createServer({ noDelay: true }, serve)
    server.listen(0, '127.0.0.1', () => resolve((server.address() as net.AddressInfo).port))
  })

const connect = (port: number): Promise<net.Socket> =>
  new Promise((resolve, reject) => {
    const socket = net.connect({ port, host: '127.0.0.1', noDelay: true })
    socket.once('error', reject)
    socket.once('connect', () => resolve(socket))
  })

/** Answers each message with its value plus one. @returns its port */
export const echoServer = (): Promise<number> =>
  listen((socket) => {
    const send = sender(socket)
    let casts = 0
    const read = frames(4, (_head, body) => {
      const [id, value] = msgpack.decode(body) as [number, number]
      if (id === 0) casts += 1
      else send([id, value + 1])
    })
    let told = 0
    socket.on('data', (data: Buffer) => {
      read(data)
      if (casts > told) send([0, casts])
      told = casts
    })
    socket.on('error', () => socket.destroy())
  })

export class EchoClient {
  readonly #socket: net.Socket
  readonly #send: (message: unknown) => void
  readonly #calls = new Map<number, (value: number) => void>()
  #lastId = 0
  #sent = 0
  #acknowledged = 0
  #waiting: (() => void)[] = []

  static async open(port: number): Promise<EchoClient> {
    return new EchoClient(await connect(port))
  }

  private constructor(socket: net.Socket) {
    this.#socket = socket
    this.#send = sender(socket)
    socket.on(
      'data',
      frames(4, (_head, body) => this.#received(msgpack.decode(body) as [number, number])),
    )
  }

  #received([id, value]: [number, number]): void {
    if (id !== 0) {
      this.#calls.get(id)?.(value)
      this.#calls.delete(id)
      return
    }
    this.#acknowledged = value
    const waiting = this.#waiting
    this.#waiting = []
    for (const go of waiting) go()
  }

  call(value: number): Promise<number> {
    return new Promise((resolve) => {
      this.#lastId += 1
      this.#calls.set(this.#lastId, resolve)
      this.#send([this.#lastId, value])
    })
  }

  /** Resolves when it is in the window. */
  async cast(value: number): Promise<void> {
    while (this.#sent - this.#acknowledged >= WINDOW) await this.#news()
    this.#sent += 1
    this.#send([0, value])
  }

  /** Resolves when all casts are acknowledged. */
  async settled(): Promise<void> {
    while (this.#acknowledged < this.#sent) await this.#news()
  }

  #news(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  close(): void {
    this.#socket.destroy()
  }
}

/** Takes transfers, checks their sums, decodes them if asked to. @returns its port */
export const transferServer = (): Promise<number> =>
  listen((socket) => {
    const read = frames(TRANSFER_HEAD, (head, body) => {
      if (crc32(body) !== head.readUInt32BE(4)) throw new Error('the checksum of a raw transfer is wrong')
      if (head.readUInt8(8) === 1) msgpack.decode(body)
      socket.write(Buffer.of(1))
    })
    socket.on('data', read)
    socket.on('error', () => socket.destroy())
  })

export class TransferClient {
  readonly #socket: net.Socket

  static async open(port: number): Promise<TransferClient> {
    return new TransferClient(await connect(port))
  }

  private constructor(socket: net.Socket) {
    this.#socket = socket
  }

  /** Bytes as they are: the least that a move could cost. */
  async bytes(body: Buffer): Promise<void> {
    await this.#transfer(body, false)
  }

  /** A state: encoded here, decoded there. */
  async state(state: unknown): Promise<void> {
    await this.#transfer(msgpack.encode(state), true)
  }

  #transfer(body: Buffer, decode: boolean): Promise<unknown> {
    const answered = new Promise((resolve) => this.#socket.once('data', resolve))
    const head = Buffer.allocUnsafe(TRANSFER_HEAD)
    head.writeUInt32BE(body.length, 0)
    head.writeUInt32BE(crc32(body), 4)
    head.writeUInt8(decode ? 1 : 0, 8)
    this.#socket.cork()
    this.#socket.write(head)
    this.#socket.write(body)
    this.#socket.uncork()
    return answered
  }

  close(): void {
    this.#socket.destroy()
  }
}

/** An actor by hand, in one process: a list of messages that is worked off in the next turn. */
export class LocalActor {
  #mailbox: { value: number; resolve: (value: number) => void }[] = []

  call(value: number): Promise<number> {
    return new Promise((resolve) => {
      if (this.#mailbox.length === 0) setImmediate(() => this.#work())
      this.#mailbox.push({ value, resolve })
    })
  }

  #work(): void {
    const mailbox = this.#mailbox
    this.#mailbox = []
    for (const { value, resolve } of mailbox) resolve(value + 1)
  }
}
