/**
 * The nodes of a soak, all in this one program and joined over real TCP: so every table, timer, socket and byte that
 * any of them leaves behind is in one heap and one list of resources, where it is seen. (That nodes are programs of
 * their own is what the demo, the chaos runs and the multinode tests are about.)
 */

import { realClock } from '../../src/base/clock.js'
import { silentLogger } from '../../src/base/ports.js'
import { realRandom } from '../../src/base/random.js'
import type { AnyKind, MobilityNode } from '../../src/index.js'
import { startNode } from '../../src/node/node.js'
import { tcpTransport } from '../../src/transport/tcp.js'
import type { Socket, SocketHandlers, Transport } from '../../src/transport/transport.js'
import { KINDS } from './kinds.js'

/** Short memories, so that what is forgotten with time is forgotten within the soak; quick redials after a cut. */
const LIMITS = { redialMs: 1, redialMsMax: 5, endedMs: 2_000, relayAgeMs: 2_000 }

/** Events that nothing here may cause. */
const NEVER = ['undelivered', 'rollback', 'parked', 'conflict', 'violation', 'limit', 'standstill'] as const

export class Nodes {
  readonly #sockets = new Set<Socket>()
  readonly all = new Map<string, MobilityNode>()
  readonly #trouble: (text: string) => void
  cuts = 0
  reconnects = 0

  constructor(trouble: (text: string) => void) {
    this.#trouble = trouble
  }

  async open(name: string, cluster: string, kinds: readonly AnyKind[] = KINDS): Promise<MobilityNode> {
    const clock = realClock()
    const join = [...this.all.values()].filter((node) => node.cluster === cluster).map((node) => node.address)
    const options = { name, cluster, port: 0, kinds, join, logger: silentLogger, limits: LIMITS }
    const transport = this.#cuttable(tcpTransport(clock))
    const node = await startNode(options, { clock, random: realRandom(), transport })
    this.all.set(name, node)
    node.on('linkup', () => {
      this.reconnects += 1
    })
    for (const type of NEVER) node.on(type, (event) => this.#never(name, event))
    return node
  }

  #never(name: string, event: { readonly type: string; readonly reason?: string }): void {
    // The guest's last messages were run, as their answers said; that they were acknowledged it does not wait for.
    if (event.type === 'undelivered' && name === 'd' && event.reason === 'its sender stops') return
    this.#trouble(`${name}: ${JSON.stringify(event)}`)
  }

  at(name: string): MobilityNode {
    const node = this.all.get(name)
    if (node === undefined) throw new Error(`There is no node ${name}.`)
    return node
  }

  async close(name: string): Promise<void> {
    const node = this.at(name)
    this.all.delete(name)
    await node.stop()
  }

  /** Destroys one connection, with all that is on its way. @returns false when there is none */
  cut(chance: number): boolean {
    const socket = [...this.#sockets][Math.floor(chance * this.#sockets.size)]
    if (socket === undefined) return false
    socket.destroy()
    this.cuts += 1
    return true
  }

  #cuttable(tcp: Transport): Transport {
    return {
      listen: (address, accept) => tcp.listen(address, (socket) => accept(this.#kept(socket))),
      dial: async (address, timeoutMs) => this.#kept(await tcp.dial(address, timeoutMs)),
    }
  }

  #kept(socket: Socket): Socket {
    this.#sockets.add(socket)
    const { handle } = socket
    socket.handle = (handlers: SocketHandlers): void => {
      const closed = (reason: string): void => {
        this.#sockets.delete(socket)
        handlers.closed(reason)
      }
      handle.call(socket, { data: (bytes) => handlers.data(bytes), drain: () => handlers.drain(), closed })
    }
    return socket
  }
}
