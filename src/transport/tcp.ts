/**
 * The transport over real TCP: the only file that knows `node:net`.
 *
 * A socket that is lost never throws: whatever happened, `closed` comes once, with a reason. Nothing here has a time
 * limit but `dial`; a peer that does not read or does not end is the link layer's to cut.
 */
import net from 'node:net'
import { fail, reasonOf } from '../base/errors.js'
import type { Address } from '../base/ids.js'
import type { Clock } from '../base/ports.js'
import {
  DialError,
  type DialFailure,
  type Listener,
  type Socket,
  type SocketHandlers,
  type Transport,
} from './transport.js'

/** Only a last resort: the heartbeat notices a dead peer long before. */
const KEEP_ALIVE_MS = 30_000

export const tcpTransport = (clock: Clock): Transport => ({
  listen: (address, accept) => listen(clock, address, accept),
  dial: (address, timeoutMs, signal) => dial(clock, address, timeoutMs, signal),
})

const codeOf = (error: unknown): string => {
  const code = (error as { code?: unknown }).code
  return typeof code === 'string' ? code : ''
}

class TcpSocket implements Socket {
  readonly remote: Address
  readonly exporter = Buffer.alloc(0)
  readonly #socket: net.Socket
  readonly #clock: Clock
  #handlers: SocketHandlers | undefined
  #reading = true
  #reason = ''
  #closed = false

  constructor(socket: net.Socket, clock: Clock) {
    this.#socket = socket
    this.#clock = clock
    this.remote = { host: (socket.remoteAddress ?? '').replace(/^::ffff:/, ''), port: socket.remotePort ?? 0 }
    socket.setNoDelay(true)
    socket.setKeepAlive(true, KEEP_ALIVE_MS)
    socket.on('error', (error) => {
      if (this.#reason === '') this.#reason = codeOf(error) || reasonOf(error)
    })
    socket.once('close', () => {
      this.#closed = true
      this.#handlers?.closed(this.#reason)
    })
  }

  get queuedBytes(): number {
    return this.#socket.writableLength
  }

  write(bytes: Uint8Array): boolean {
    // Into the void once it has ended; `closed` is on its way, and no drain will come.
    if (!this.#socket.writable) return false
    if (bytes.byteLength === 0) return !this.#socket.writableNeedDrain
    return this.#socket.write(bytes)
  }

  writeAll(pieces: readonly Uint8Array[]): boolean {
    if (!this.#socket.writable) return false
    this.#socket.cork()
    let more = !this.#socket.writableNeedDrain
    for (const piece of pieces) more = this.write(piece)
    this.#socket.uncork()
    return more
  }

  end(): void {
    this.#socket.end()
  }

  destroy(): void {
    if (this.#socket.destroyed) return
    this.#reason ||= 'destroyed'
    this.#socket.destroy()
  }

  pause(): void {
    this.#reading = false
    this.#socket.pause()
  }

  resume(): void {
    this.#reading = true
    // Without a handler the bytes would flow into nothing.
    if (this.#handlers !== undefined) this.#socket.resume()
  }

  handle(handlers: SocketHandlers): void {
    this.#handlers = handlers
    if (this.#closed) {
      this.#clock.soon(() => handlers.closed(this.#reason))
      return
    }
    this.#socket.on('drain', () => handlers.drain())
    this.#socket.on('data', (bytes: Buffer) => {
      if (!this.#socket.destroyed) handlers.data(bytes)
    })
    if (this.#reading) this.#socket.resume()
  }
}

const listenError = (address: Address, error: unknown): Error => {
  const fields = { host: address.host, port: address.port, reason: reasonOf(error) }
  return fail(codeOf(error) === 'EADDRINUSE' ? 'ERR_PORT_IN_USE' : 'ERR_LISTEN', fields, { cause: error })
}

const listen = (clock: Clock, address: Address, accept: (socket: Socket) => void): Promise<Listener> =>
  new Promise((resolve, reject) => {
    const server = net.createServer({ allowHalfOpen: false }, (socket) => accept(new TcpSocket(socket, clock)))
    // Stays for the server's life: accept() may fail later (EMFILE), and the next connection is tried again.
    server.on('error', (error) => reject(listenError(address, error)))
    server.once('listening', () => {
      const taken = server.address() as net.AddressInfo
      resolve({ address: { host: address.host, port: taken.port }, close: () => close(clock, server) })
    })
    try {
      server.listen({ host: address.host, port: address.port })
    } catch (error) {
      reject(listenError(address, error))
    }
  })

/** The port is free when this resolves. It does not wait for the sockets: those are the link layer's to end. */
const close = (clock: Clock, server: net.Server): Promise<void> =>
  new Promise((resolve) => {
    server.close()
    clock.soon(resolve)
  })

/** This machine has no address of that family: says nothing about the other end. */
const notAsked = (code: string): boolean => code === 'EADDRNOTAVAIL' || code === 'EAFNOSUPPORT'

/** A name with several addresses fails with all their errors; only when each one refused did the host refuse. */
const failureOf = (error: unknown): DialFailure => {
  const all: unknown[] = error instanceof AggregateError ? error.errors : [error]
  const codes = all.map(codeOf).filter((code, _, list) => list.every(notAsked) || !notAsked(code))
  if (codes.length > 0 && codes.every((code) => code === 'ECONNREFUSED')) return 'refused'
  return codes.includes('ETIMEDOUT') ? 'timeout' : 'unreachable'
}

/** The kernel gave the dialler the very port that it dials, and so connected it to itself: nobody listens there. */
const isSelf = (socket: net.Socket): boolean =>
  socket.localPort === socket.remotePort && socket.localAddress === socket.remoteAddress

const dial = (clock: Clock, address: Address, timeoutMs: number, signal?: AbortSignal): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const start = (): net.Socket => {
      try {
        return net.connect({ host: address.host, port: address.port, allowHalfOpen: false, autoSelectFamily: true })
      } catch (error) {
        throw new DialError('unreachable', reasonOf(error))
      }
    }
    const socket = start()
    const timer = clock.after(timeoutMs, () => give('timeout', `no connection within ${timeoutMs} ms`))
    const give = (failure: DialFailure, reason: string): void => {
      timer.cancel()
      signal?.removeEventListener('abort', abort)
      socket.destroy()
      reject(new DialError(failure, reason))
    }
    const abort = (): void => give('unreachable', 'it was given up')
    signal?.addEventListener('abort', abort)
    if (signal?.aborted === true) abort()
    // Stays: an error that comes after the time-out must not be an unhandled one.
    const failed = (error: Error): void => give(failureOf(error), codeOf(error) || reasonOf(error))
    socket.on('error', failed)
    socket.once('connect', () => {
      if (isSelf(socket)) return give('refused', 'connected to itself')
      timer.cancel()
      signal?.removeEventListener('abort', abort)
      const connected = new TcpSocket(socket, clock)
      socket.off('error', failed)
      resolve(connected)
    })
  })
