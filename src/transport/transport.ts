/**
 * The transport port: ordered byte streams between addresses. `tcp.ts` is the real one, `memory.ts` a simulated
 * network under virtual time; both pass test/contract/transport.test.ts. TLS fits in as a third.
 */
import type { Address } from '../base/ids.js'

/** One byte stream. Handlers are set once, in the turn in which the socket is handed over. */
export interface Socket {
  /** The other end, for logs and per-address limits. */
  readonly remote: Address
  /** Key material of the session (RFC 9266) under TLS; empty otherwise. It goes into the authentication. */
  readonly exporter: Buffer
  /** Bytes accepted by `write` and not yet handed to the network. */
  readonly queuedBytes: number
  /** Queues bytes, in order. Returns false when the caller should wait for `drain`. */
  write(bytes: Uint8Array): boolean
  /** Writes several pieces as one, without joining them. */
  writeAll(pieces: readonly Uint8Array[]): boolean
  /** Sends what is queued, then ends. */
  end(): void
  /** Ends at once. `closed` follows, also for the one who called. */
  destroy(): void
  /** Stops and resumes reading: back-pressure to the peer. */
  pause(): void
  resume(): void
  handle(handlers: SocketHandlers): void
}

export interface SocketHandlers {
  data(bytes: Buffer): void
  drain(): void
  /** Once, whatever the cause. `reason` is '' after an orderly end. */
  closed(reason: string): void
}

export interface Listener {
  /** With the port that was really taken (0 asks for a free one). */
  readonly address: Address
  close(): Promise<void>
}

export type DialFailure = 'refused' | 'unreachable' | 'timeout'

export class DialError extends Error {
  readonly failure: DialFailure
  constructor(failure: DialFailure, reason: string) {
    super(reason)
    this.name = 'DialError'
    this.failure = failure
  }
}

export interface Transport {
  /** @throws ERR_PORT_IN_USE, ERR_LISTEN */
  listen(address: Address, accept: (socket: Socket) => void): Promise<Listener>
  /**
   * @param signal  ends a dial that is under way: nothing of it is left, not even its timer
   * @throws DialError. `refused` means that the host answered: nobody listens there.
   */
  dial(address: Address, timeoutMs: number, signal?: AbortSignal): Promise<Socket>
}
