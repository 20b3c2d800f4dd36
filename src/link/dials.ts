/**
 * Dialing: at most one dial at a time to an address, shared by all who want it.
 *
 *   connect --link to that address is up--> it
 *      '-----> dial --socket--> handshake --up--> the link
 *                ^                 '--gave way to the peer's own dial--> wait for that one --up--> that link
 *                '----------------------------- it broke off -------------'
 */
import { setMaxListeners } from 'node:events'
import { fail, isMobilityError, type MobilityError, reasonOf } from '../base/errors.js'
import { type Address, addressText } from '../base/ids.js'
import type { Limits } from '../base/limits.js'
import type { Clock } from '../base/ports.js'
import { DialError, type Socket, type Transport } from '../transport/transport.js'
import type { Link } from './link.js'

export interface ConnectOptions {
  /** For this caller; the dial itself takes handshakeMs at most, and goes on for the others. */
  readonly timeoutMs?: number
  /** As a member of the other's cluster. Default: what the node says of itself */
  readonly joining?: boolean
}

/** One try. */
export interface Dial {
  readonly address: Address
  readonly joining: boolean
  readonly begunAt: number
  readonly deadline: number
}

interface DialsDeps {
  readonly clock: Clock
  readonly limits: Limits
  readonly transport: Transport
  /** A link to whoever was last reached at this address. */
  find(address: Address): Link | undefined
  /** @throws when this node may not dial now */
  check(joining: boolean): void
  /** The handshake. `undefined`: it gave way to a dial of the peer that broke off. */
  shake(socket: Socket, dial: Dial): Promise<Link | undefined>
  /** Refuses a link that is up and is not what the caller wants. */
  admit(link: Link, joining: boolean): MobilityError | undefined
}

/** A dial gave way to one of the peer that broke off: rare, and in a row only when somebody plays with us. */
const TRIES = 3

export class Dials {
  readonly #deps: DialsDeps
  readonly #running = new Map<string, Promise<Link>>()
  readonly #waiting = new Set<(error: MobilityError) => void>()
  readonly #closed = new AbortController()

  constructor(deps: DialsDeps) {
    this.#deps = deps
    // Each dial under way listens: as many as there are addresses, which is no leak.
    setMaxListeners(0, this.#closed.signal)
  }

  async connect(address: Address, joining: boolean, timeoutMs: number | undefined): Promise<Link> {
    const { find, admit, check } = this.#deps
    check(joining)
    const found = find(address)
    if (found !== undefined) {
      const error = admit(found, joining)
      if (error !== undefined) throw error
      return found
    }
    const key = `${addressText(address)} ${joining}`
    const running = this.#running.get(key)
    const dial = running ?? this.#dial(address, joining)
    if (running === undefined) {
      this.#running.set(key, dial)
      const done = (): boolean => this.#running.delete(key)
      dial.then(done, done)
    }
    return this.#wait(dial, address, timeoutMs)
  }

  /** Everybody who waits gets this error. What is on its way is given up: it would keep Node alive. */
  close(error: MobilityError): void {
    this.#closed.abort()
    for (const give of [...this.#waiting]) give(error)
  }

  #wait(dial: Promise<Link>, address: Address, ms: number | undefined): Promise<Link> {
    return new Promise((resolve, reject) => {
      const over = (): void => {
        timer?.cancel()
        this.#waiting.delete(giveUp)
      }
      const giveUp = (error: MobilityError): void => {
        over()
        reject(error)
      }
      const late = (): void => giveUp(fail('ERR_HANDSHAKE_TIMEOUT', { peer: addressText(address), ms: ms ?? 0 }))
      const timer = ms === undefined ? undefined : this.#deps.clock.after(ms, late)
      this.#waiting.add(giveUp)
      dial.then(
        (link) => {
          over()
          resolve(link)
        },
        (error: unknown) => {
          over()
          reject(error)
        },
      )
    })
  }

  async #dial(address: Address, joining: boolean): Promise<Link> {
    const { clock, limits, transport, check, shake } = this.#deps
    const begunAt = clock.now()
    const deadline = begunAt + limits.handshakeMs
    for (let tries = 1; ; tries++) {
      const dialing = transport.dial(address, deadline - clock.now(), this.#closed.signal)
      const socket = await dialing.catch((error: unknown) => {
        throw unreachable(address, error)
      })
      try {
        check(joining)
      } catch (error) {
        socket.destroy()
        throw error
      }
      const link = await shake(socket, { address, joining, begunAt, deadline })
      if (link !== undefined) return link
      if (tries >= TRIES || clock.now() >= deadline) {
        throw fail('ERR_HANDSHAKE_TIMEOUT', { peer: addressText(address), ms: limits.handshakeMs })
      }
    }
  }
}

const unreachable = (address: Address, error: unknown): unknown => {
  if (!(error instanceof DialError)) return error
  const what = `The node at ${addressText(address)}`
  const reason = error.failure === 'refused' ? 'the port refuses connections' : `${error.failure} (${reasonOf(error)})`
  return fail('ERR_UNREACHABLE', { what, reason, failure: error.failure }, { cause: error })
}

/** Did the host itself answer that nobody listens there? */
export const isRefusal = (error: unknown): boolean =>
  isMobilityError(error) && error.cause instanceof DialError && error.cause.failure === 'refused'
