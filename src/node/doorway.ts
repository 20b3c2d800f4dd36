/**
 * The transport of a node over all its lives: what listens goes on listening, and a new life takes over who comes in.
 * So the port is never free in between, for another program or for a peer that would take the node for stopped.
 */
import { type Address, addressText } from '../base/ids.js'
import type { Listener, Socket, Transport } from '../transport/transport.js'

interface Door {
  readonly listener: Listener
  accept: (socket: Socket) => void
}

export class Doorway implements Transport {
  readonly #under: Transport
  readonly #doors = new Map<string, Door>()

  constructor(under: Transport) {
    this.#under = under
  }

  async listen(address: Address, accept: (socket: Socket) => void): Promise<Listener> {
    const known = this.#doors.get(addressText(address))
    if (known !== undefined) {
      known.accept = accept
      return this.#listenerOf(known, accept)
    }
    const listener = await this.#under.listen(address, (socket) => door.accept(socket))
    const door: Door = { listener, accept }
    this.#doors.set(addressText(listener.address), door)
    return this.#listenerOf(door, accept)
  }

  dial(address: Address, timeoutMs: number, signal?: AbortSignal): Promise<Socket> {
    return this.#under.dial(address, timeoutMs, signal)
  }

  /** Only who has it now can close it. */
  #listenerOf(door: Door, accept: Door['accept']): Listener {
    const { address } = door.listener
    const close = async (): Promise<void> => {
      if (door.accept !== accept) return
      this.#doors.delete(addressText(address))
      await door.listener.close()
    }
    return { address, close }
  }
}
