/**
 * Bytes from here to there, with a sum at each end: the least that a move could cost.
 *
 *   u32 length | u32 crc32 | u8 decode? | bytes; the answer is one byte, once the sum is right
 *
 * The receiver adds up what arrives as it arrives, and copies it to where it belongs.
 */
import type net from 'node:net'
import { crc32 } from 'node:zlib'
import msgpack from 'msgpack-lite'
import { connect, listen } from './frames.js'

const HEAD_BYTES = 9

interface Incoming {
  readonly body: Buffer
  readonly crc: number
  readonly decode: boolean
  at: number
  sum: number
}

const begin = (head: Buffer): Incoming => ({
  body: Buffer.allocUnsafe(head.readUInt32BE(0)),
  crc: head.readUInt32BE(4),
  decode: head.readUInt8(8) === 1,
  at: 0,
  sum: 0,
})

/** Heads come whole: a client waits for the answer before it sends the next one, and a head is first in its write. */
const receiver = (done: (incoming: Incoming) => void) => {
  let current: Incoming | undefined
  return (data: Buffer): void => {
    const piece = current === undefined ? data.subarray(HEAD_BYTES) : data
    current ??= begin(data)
    current.sum = crc32(piece, current.sum)
    current.at += piece.copy(current.body, current.at)
    if (current.at < current.body.length) return
    const ended = current
    current = undefined
    done(ended)
  }
}

/** Takes transfers, checks their sums, decodes them if asked to. @returns its port */
export const transferServer = (): Promise<number> =>
  listen((socket) => {
    const take = receiver(({ body, crc, sum, decode }) => {
      if (sum !== crc) throw new Error('the checksum of a raw transfer is wrong')
      if (decode) msgpack.decode(body)
      socket.write(Buffer.of(1))
    })
    socket.on('data', take)
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

  /** Bytes as they are. */
  async bytes(body: Buffer): Promise<void> {
    await this.#transfer(body, false)
  }

  /** A state: encoded here, decoded there. */
  async state(state: unknown): Promise<void> {
    await this.#transfer(msgpack.encode(state), true)
  }

  #transfer(body: Buffer, decode: boolean): Promise<unknown> {
    const answered = new Promise((resolve) => this.#socket.once('data', resolve))
    const head = Buffer.allocUnsafe(HEAD_BYTES)
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
