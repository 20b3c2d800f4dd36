/**
 * Calls and casts by name as one would write them by hand with `node:net` and msgpack-lite, and nothing that survives a
 * lost connection, a move or a slow peer.
 *
 *   u32 length | MessagePack [id, name, method, args], answered by [id, result]; id 0: a cast, its ack is [0, n]
 *
 * What is sent in one turn leaves in one write. When that turn ends is tried in both ways, and the faster one counts.
 */
import type net from 'node:net'
import msgpack from 'msgpack-lite'
import { connect, frames, listen } from './frames.js'

export const FLUSHES = ['setImmediate', 'nextTick'] as const
export type Flush = (typeof FLUSHES)[number]

/** Casts on their way: as many as the window of a channel. */
const WINDOW = 1_024

type Request = [id: number, name: string, method: string, args: number[]]

const sender = (socket: net.Socket, how: Flush) => {
  let bodies: Buffer[] = []
  let bytes = 0
  const flush = (): void => {
    const slab = Buffer.allocUnsafe(bytes)
    let at = 0
    for (const body of bodies) {
      at = slab.writeUInt32BE(body.length, at)
      at += body.copy(slab, at)
    }
    bodies = []
    bytes = 0
    socket.write(slab)
  }
  return (message: unknown): void => {
    if (bytes === 0) how === 'nextTick' ? process.nextTick(flush) : setImmediate(flush)
    const body = msgpack.encode(message)
    bodies.push(body)
    bytes += 4 + body.length
  }
}

/** Knows one name, with the methods `plusOne` and `note`. @returns its port */
export const echoServer = (name: string, how: Flush): Promise<number> =>
  listen((socket) => {
    const send = sender(socket, how)
    let casts = 0
    let told = 0
    const methods = new Map([
      ['plusOne', (value: number) => value + 1],
      ['note', () => casts++],
    ])
    const names = new Map([[name, methods]])
    const read = frames((body) => {
      const [id, to, method, args] = msgpack.decode(body) as Request
      const result = names.get(to)?.get(method)?.(args[0] as number)
      if (id !== 0) send([id, result])
    })
    socket.on('data', (data: Buffer) => {
      read(data)
      if (casts > told) send([0, casts])
      told = casts
    })
    socket.on('error', () => socket.destroy())
  })

export class EchoClient {
  readonly #socket: net.Socket
  readonly #name: string
  readonly #send: (message: unknown) => void
  readonly #calls = new Map<number, (value: number) => void>()
  #lastId = 0
  #sent = 0
  #acknowledged = 0
  #waiting: (() => void)[] = []

  static async open(port: number, name: string, how: Flush): Promise<EchoClient> {
    return new EchoClient(await connect(port), name, how)
  }

  private constructor(socket: net.Socket, name: string, how: Flush) {
    this.#socket = socket
    this.#name = name
    this.#send = sender(socket, how)
    socket.on(
      'data',
      frames((body) => this.#received(msgpack.decode(body) as [number, number])),
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
      this.#send([this.#lastId, this.#name, 'plusOne', [value]])
    })
  }

  /** Resolves when it is in the window. */
  async cast(value: number): Promise<void> {
    while (this.#sent - this.#acknowledged >= WINDOW) await this.#news()
    this.#sent += 1
    this.#send([0, this.#name, 'note', [value]])
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
