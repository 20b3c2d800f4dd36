/**
 * A simulated network under virtual time: TCP as its users see it, with every fault on a switch, all of it decided by
 * one seed. Two granularities: whole writes (fast), or a byte stream that is split and joined by chance.
 *
 *   const network = new SimNetwork(clock, random)
 *   const a = network.host('a')                     // a Transport; 'a' is also the host of its addresses
 *   network.partition(['a'], ['b', 'c'])            // stalls; heal() delivers what waited
 *   network.cutAfter('a', 'b', 1_000)               // the connection dies in the middle of a frame
 *   network.crash('b', { silent: true })            // no power: half-open connections
 *
 * Simplified: one machine runs one program; a reader's credit reaches the sender at once; SYNs are repeated after
 * 1, 2, 4 s as Linux does, bytes at once when a path heals; no connection ends by itself for lack of an answer.
 */
import type { NodeClock, VirtualClock } from '../base/clock.js'
import { fail } from '../base/errors.js'
import type { Address } from '../base/ids.js'
import { invariant } from '../base/invariant.js'
import type { SeededRandom } from '../base/random.js'
import { type ByteHook, Path, type PathShape, plainShape } from './memory-path.js'
import { Connection, type Life, type Machine } from './memory-socket.js'
import { DialError, type DialFailure, type Listener, type Socket, type Transport } from './transport.js'

export interface SimOptions {
  /** What every path is like at first. Default: 1 ms, no jitter, no limit, whole writes. */
  readonly shape?: Partial<PathShape>
  /** Bytes of one stream on their way or unread: what the two kernels buffer. Default 256 KiB */
  readonly windowBytes?: number
  /** `write` returns false from so many queued bytes on. Default 16 KiB, as Node */
  readonly highWaterMark?: number
  /** Hears one line for each thing that happens. Equal seeds give equal lines. */
  readonly trace?: (line: string) => void
}

interface CutOptions {
  /** The hosts that learn of it by themselves. The others notice when they write. Default: both */
  readonly told?: readonly string[]
  /** Each of them learns of it after 0 to this many ms. Default 0 */
  readonly withinMs?: number
}

interface SimMachine extends Machine {
  life: Life | undefined
  refuses: boolean
  lastPort: number
  readonly listeners: Map<number, (socket: Socket) => void>
}

/** A dial under way. */
interface Attempt {
  readonly life: Life
  readonly from: Address
  readonly to: Address
  readonly target: SimMachine
  over(): boolean
  refused(): void
  connected(socket: Socket): void
}

/** The first wait before a SYN is sent again; it doubles. */
const SYN_RETRY_MS = 1_000

/** One below the first port that is given for port 0, and to diallers. */
const EPHEMERAL = 49_151

export class SimNetwork {
  readonly #clock: VirtualClock
  readonly #random: SeededRandom
  readonly #options: SimOptions
  readonly #machines = new Map<string, SimMachine>()
  readonly #paths = new Map<string, Path>()
  readonly #connections = new Set<Connection>()
  #lastConnection = 0

  constructor(clock: VirtualClock, random: SeededRandom, options: SimOptions = {}) {
    this.#clock = clock
    this.#random = random
    this.#options = options
  }

  /**
   * Starts a life of the program on a host, which has power again if it had none. A life that still ran is killed.
   * @param clock  the clock that the program uses: `pause`, `resume` and `crash` act on it, and pausing it pauses its
   *   network. Default: a new view
   */
  host(name: string, clock: NodeClock = this.#clock.view()): Transport {
    const machine = this.#machines.get(name) ?? this.#addMachine(name)
    if (machine.life !== undefined && machine.life.node !== clock) this.crash(name, { silent: !machine.up })
    const life: Life = { machine, node: clock }
    machine.life = life
    if (!machine.up) {
      machine.up = true
      for (const connection of this.#connections) connection.answerTheLost(machine)
    }
    this.#note(`host ${name}`)
    return {
      listen: (address, accept) => this.#listen(machine, life, address, accept),
      dial: (address, timeoutMs, signal) => this.#dial(life, address, timeoutMs, signal),
    }
  }

  /** Open connections between two hosts. */
  connections(a: string, b: string): number {
    return this.#between(a, b).length
  }

  /** Changes a path, one way, from the next bytes on. */
  shape(from: string, to: string, shape: Partial<PathShape>): void {
    const path = this.#path(from, to)
    path.shape = { ...path.shape, ...shape }
  }

  /** One way: what is sent waits until `unblock`; dials time out. */
  block(from: string, to: string): void {
    this.#path(from, to).blocked = true
    this.#note(`block ${from}>${to}`)
  }

  unblock(from: string, to: string): void {
    const path = this.#path(from, to)
    if (!path.blocked) return
    path.blocked = false
    this.#note(`unblock ${from}>${to}`)
    for (const connection of this.#connections) {
      if (connection.there.path === path) connection.there.heal()
      if (connection.back.path === path) connection.back.heal()
    }
  }

  /** Nothing passes between the two groups, either way. `resets`: their connections are cut too, else they stall. */
  partition(left: readonly string[], right: readonly string[], options: CutOptions & { resets?: boolean } = {}): void {
    for (const [a, b] of pairs(left, right)) {
      this.block(a, b)
      this.block(b, a)
      if (options.resets === true) this.cut(a, b, options)
    }
  }

  /** Opens all paths between the two groups, or without groups every path there is. */
  heal(left?: readonly string[], right?: readonly string[]): void {
    if (left === undefined || right === undefined) {
      for (const path of this.#paths.values()) this.unblock(path.from, path.to)
      return
    }
    for (const [a, b] of pairs(left, right)) {
      this.unblock(a, b)
      this.unblock(b, a)
    }
  }

  /** Cuts all connections between two hosts. Of what is on its way a random prefix arrives. */
  cut(a: string, b: string, options: CutOptions = {}): void {
    this.#note(`cut ${a} ${b}`)
    for (const connection of this.#between(a, b)) this.#cut(connection, 'some', options)
  }

  /** Cuts the connection that carries the byte, once so many more bytes have arrived; not one byte more arrives. */
  cutAfter(from: string, to: string, bytes: number, options: CutOptions = {}): void {
    const cut = (id: number): void => {
      this.#note(`cut after ${bytes} ${from}>${to}`)
      for (const connection of [...this.#connections]) if (connection.id === id) this.#cut(connection, 'none', options)
    }
    this.#path(from, to).cuts.push({ bytesLeft: bytes, cut })
  }

  /** Sees, changes or drops what arrives, one way. @returns a function that ends it */
  onBytes(from: string, to: string, hook: ByteHook): () => void {
    const { hooks } = this.#path(from, to)
    hooks.add(hook)
    return () => hooks.delete(hook)
  }

  /** The host turns new connections away, as if nobody listened. */
  refuse(host: string, refuses = true): void {
    this.#machine(host).refuses = refuses
    this.#note(`refuse ${host} ${refuses}`)
  }

  /** The program dies: it hears nothing any more. Its peers see a reset; with `silent` (no power) nothing at all. */
  crash(host: string, options: { readonly silent?: boolean } = {}): void {
    const silent = options.silent ?? false
    const machine = this.#machine(host)
    this.#note(`crash ${host} ${silent}`)
    machine.life?.node.kill()
    machine.listeners.clear()
    for (const connection of [...this.#connections]) {
      if (connection.client.life.machine === machine) connection.client.vanish(silent)
      if (connection.server.life.machine === machine) connection.server.vanish(silent)
    }
    if (silent) machine.up = false
  }

  /** SIGSTOP: the program stands still, its kernel accepts connections and buffers bytes. */
  pause(host: string): void {
    this.#note(`pause ${host}`)
    this.#machine(host).life?.node.pause()
  }

  resume(host: string): void {
    this.#note(`resume ${host}`)
    this.#machine(host).life?.node.resume()
  }
  async #listen(
    machine: SimMachine,
    life: Life,
    address: Address,
    accept: (socket: Socket) => void,
  ): Promise<Listener> {
    if (life.node.dead) return new Promise(() => {})
    const { host } = address
    if (host !== machine.name && host !== '0.0.0.0') throw fail('ERR_LISTEN', { ...address, reason: 'EADDRNOTAVAIL' })
    const port = address.port === 0 ? this.#freePort(machine) : address.port
    if (machine.listeners.has(port)) throw fail('ERR_PORT_IN_USE', { host, port })
    // Its own function: the same `accept` may listen again on the same port.
    const own = (socket: Socket): void => accept(socket)
    machine.listeners.set(port, own)
    this.#note(`listen ${machine.name}:${port}`)
    const close = async (): Promise<void> => {
      if (machine.listeners.get(port) === own) machine.listeners.delete(port)
    }
    return { address: { host, port }, close }
  }

  #dial(life: Life, to: Address, timeoutMs: number, signal?: AbortSignal): Promise<Socket> {
    return new Promise((resolve, reject) => {
      let over = false
      const give = (failure: DialFailure, reason: string): void => {
        if (over) return
        over = true
        timer.cancel()
        signal?.removeEventListener('abort', abort)
        reject(new DialError(failure, reason))
      }
      const abort = (): void => give('unreachable', 'it was given up')
      signal?.addEventListener('abort', abort)
      const timer = life.node.after(timeoutMs, () => give('timeout', `no connection within ${timeoutMs} ms`))
      const connected = (socket: Socket): void => {
        timer.cancel()
        signal?.removeEventListener('abort', abort)
        if (over) socket.destroy()
        else resolve(socket)
        over = true
      }
      if (signal?.aborted === true) return abort()
      const target = this.#machines.get(to.host)
      if (target === undefined) {
        life.node.soon(() => give('unreachable', 'ENOTFOUND'))
        return
      }
      const from = { host: life.machine.name, port: this.#freePort(this.#machine(life.machine.name)) }
      const attempt: Attempt = {
        ...{ life, from, to, target, over: () => over || life.node.dead },
        refused: () => life.node.enter(() => give('refused', 'ECONNREFUSED')),
        connected: (socket) => life.node.enter(() => connected(socket)),
      }
      this.#syn(attempt, SYN_RETRY_MS)
    })
  }

  /** SYN there, SYN-ACK or RST back. When one is lost: again, later. */
  #syn(attempt: Attempt, retryMs: number): void {
    const { from, to, target } = attempt
    const there = this.#path(from.host, to.host)
    const back = this.#path(to.host, from.host)
    const again = (): void => {
      this.#clock.after(retryMs, () => {
        if (!attempt.over()) this.#syn(attempt, retryMs * 2)
      })
    }
    this.#clock.after(there.delay(), () => {
      if (attempt.over()) return
      const listener = target.life
      if (there.blocked || back.blocked || !target.up || listener === undefined) return again()
      const accept = target.refuses || there.shape.refuse ? undefined : target.listeners.get(to.port)
      this.#clock.after(back.delay(), () => {
        if (attempt.over()) return
        if (back.blocked) again()
        else if (accept === undefined) attempt.refused()
        else this.#connect(attempt, listener, accept)
      })
    })
  }

  #connect(attempt: Attempt, listener: Life, accept: (socket: Socket) => void): void {
    const { life, from, to, target } = attempt
    const id = ++this.#lastConnection
    const connection = new Connection({
      ...{ id, dialler: life, listener, diallerAddress: from, listenerAddress: to },
      ...{ there: this.#path(from.host, to.host), back: this.#path(to.host, from.host) },
      highWaterMark: this.#options.highWaterMark ?? 16 * 1_024,
      context: {
        clock: this.#clock,
        connection: id,
        windowBytes: this.#options.windowBytes ?? 256 * 1_024,
        trace: (text) => this.#options.trace?.(text()),
      },
      accept: (socket) =>
        listener.node.enter(() => {
          if (target.listeners.get(to.port) === accept) accept(socket)
          else socket.vanish(false)
        }),
      over: () => this.#connections.delete(connection),
    })
    this.#connections.add(connection)
    attempt.connected(connection.client)
  }

  #cut(connection: Connection, kept: 'some' | 'none', options: CutOptions): void {
    const { told, withinMs = 0 } = options
    connection.cut(kept, (host) => {
      if (told !== undefined && !told.includes(host)) return undefined
      return withinMs > 0 ? connection.random.between(0, withinMs) : 0
    })
  }

  #between(a: string, b: string): Connection[] {
    return [...this.#connections].filter((connection) => connection.joins(a, b))
  }

  #path(from: string, to: string): Path {
    const key = `${from}>${to}`
    const known = this.#paths.get(key)
    if (known !== undefined) return known
    // A stream of its own: a fault on one path does not shift the draws of another.
    const path = new Path(from, to, { ...plainShape, ...this.#options.shape }, this.#random.child(key))
    this.#paths.set(key, path)
    return path
  }

  #addMachine(name: string): SimMachine {
    const machine: SimMachine = {
      name,
      up: true,
      life: undefined,
      refuses: false,
      lastPort: EPHEMERAL,
      listeners: new Map(),
    }
    this.#machines.set(name, machine)
    return machine
  }

  #machine(name: string): SimMachine {
    const machine = this.#machines.get(name)
    invariant(machine !== undefined, `the simulated network has a host ${name}`)
    return machine
  }

  #freePort(machine: SimMachine): number {
    do machine.lastPort = machine.lastPort === 65_535 ? EPHEMERAL + 1 : machine.lastPort + 1
    while (machine.listeners.has(machine.lastPort))
    return machine.lastPort
  }

  #note(text: string): void {
    this.#options.trace?.(`${this.#clock.now().toFixed(3)} ${text}`)
  }
}

function* pairs(left: readonly string[], right: readonly string[]): Iterable<[string, string]> {
  for (const a of left) {
    for (const b of right) if (a !== b) yield [a, b]
  }
}
