/**
 * A cluster in one program, on a simulated network under virtual time: a minute takes milliseconds, and one seed
 * decides everything, so a test that fails fails again. The code is that of a real node; only clock, chance and TCP are
 * replaced.
 *
 *   const world = simulate({ seed: 1 })
 *   const a = await world.node('a', { kinds: [counter] })
 *   const b = await world.node('b', { kinds: [counter] })         // a member of the same cluster
 *   const c = await world.run(a.start(counter, { name: 'c', args: [0] }))
 *   await world.run(c.sendMe('b'))
 *   world.crash('b')
 *   await world.advance(5_000)
 *   await world.close()
 *
 * Time stands still until it is driven: `run` and `advance` drive it, one at a time. So a promise of a node is never
 * awaited alone, it is handed to `run`. Timers of the test itself belong on `world.clock`.
 */
import { type NodeClock, VirtualClock } from './base/clock.js'
import { invariant } from './base/invariant.js'
import { silentLogger } from './base/ports.js'
import { SeededRandom } from './base/random.js'
import { MemoryResolver } from './cluster/discovery.js'
import { type MobilityNode, startNode } from './node/node.js'
import type { NodeOptions } from './node/options.js'
import { SimNetwork } from './transport/memory.js'
import type { PathShape } from './transport/memory-path.js'

export { fromSample, sampleOf } from './node/samples.js'

export interface SimulateOptions {
  /** Decides all that is left to chance. Print it: it replays the test. */
  readonly seed: number | string
  /** What every path is like at first. Default: 1 ms, no jitter, no limit, whole writes. */
  readonly shape?: Partial<PathShape>
  /** Hears a line for each thing that happens on the network. Equal seeds give equal lines. */
  readonly trace?: (line: string) => void
}

/** As for `createNode`. A node listens on a host of its own name, on port 1805. */
export interface SimulatedNodeOptions extends Omit<NodeOptions, 'name' | 'host' | 'port' | 'advertise'> {
  /** Default `main`: nodes of one cluster join each other, unless `join` says whom. */
  readonly cluster?: string
}

export const SIMULATED_PORT = 1805

interface Machine {
  readonly name: string
  readonly options: SimulatedNodeOptions
  readonly clock: NodeClock
  /** What its wall clock is ahead: it stays so over crashes. */
  aheadMs: number
  node: MobilityNode | undefined
  state: 'up' | 'paused' | 'down'
}

export class SimulatedWorld {
  /** The time of this world, for what `run` and `advance` do not say. */
  readonly clock = new VirtualClock()
  /** More faults than the methods here: one-way blocks, cuts after so many bytes, paths of any shape. */
  readonly network: SimNetwork
  /** What names of DNS in `join` resolve to. */
  readonly names = new MemoryResolver()
  /** For the test's own choices: a stream that the nodes do not draw from. */
  readonly random: SeededRandom
  readonly #nodes: SeededRandom
  readonly #machines = new Map<string, Machine>()

  /** Made by `simulate`. */
  constructor({ seed, shape, trace }: SimulateOptions) {
    const root = new SeededRandom(seed)
    this.random = root.child('test')
    this.#nodes = root.child('nodes')
    const options = { ...(shape === undefined ? {} : { shape }), ...(trace === undefined ? {} : { trace }) }
    this.network = new SimNetwork(this.clock, root.child('network'), options)
  }

  /**
   * Starts a node, and joins it to those of its cluster that are up. Drives time until it is a member.
   * @throws what `createNode` throws
   */
  node(name: string, options: SimulatedNodeOptions = {}): Promise<MobilityNode> {
    return this.run(this.#boot(name, options, ({ state }) => state === 'up'))
  }

  /**
   * Starts a node as `node` does, or a new life of one that crashed, and drives no time: for what happens while time is
   * driven, in a callback of `clock.after`. Its seeds are all nodes of its cluster, also those that are down.
   * Resolves when it is a member, or after 5 s alone; never when it crashes before.
   */
  boot(name: string, options: SimulatedNodeOptions = {}): Promise<MobilityNode> {
    return this.#boot(name, options, () => true)
  }

  async #boot(
    name: string,
    options: SimulatedNodeOptions,
    isSeed: (machine: Machine) => boolean,
  ): Promise<MobilityNode> {
    const before = this.#machines.get(name)
    invariant(before === undefined || before.state === 'down', `the simulated node ${name} is down`)
    const { cluster = 'main' } = options
    const join = [...this.#machines.values()]
      .filter((other) => other.name !== name && isSeed(other) && (other.options.cluster ?? 'main') === cluster)
      .map((other) => `${other.name}:${SIMULATED_PORT}`)
    const aheadMs = before?.aheadMs ?? 0
    // No two machines have the same monotonic time.
    const clock = this.clock.view({ originMs: this.#nodes.between(0, 1_000_000), offsetMs: aheadMs })
    const machine: Machine = { name, options, clock, aheadMs, node: undefined, state: 'up' }
    const random = this.#nodes.child(`${name} ${this.clock.now()}`)
    const transport = this.network.host(name, clock)
    this.#machines.set(name, machine)
    const all: NodeOptions = {
      logger: silentLogger,
      ...options,
      name,
      cluster,
      host: name,
      port: SIMULATED_PORT,
      join: options.join ?? join,
    }
    machine.node = await startNode(all, { clock, random, transport, trusted: true, resolver: this.names })
    return machine.node
  }

  /**
   * Drives time until the promise settles.
   * @throws what the promise rejects with, or an Error when it takes more than `maxMs` of virtual time
   */
  run<T>(promise: Promise<T>, maxMs = 60_000): Promise<T> {
    return this.clock.runUntil(promise, maxMs)
  }

  /** Lets `ms` of virtual time pass. */
  advance(ms: number): Promise<void> {
    return this.clock.advance(ms)
  }

  /** Resolves after so much virtual time: for what a test does beside other things. It drives no time itself. */
  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => this.clock.after(ms, resolve))
  }

  /**
   * Real I/O in a simulated world: virtual time stands still until the promise settles, so that to the nodes it took no
   * time at all. Wrap it where a kind under test awaits a file, a database, a socket. One at a time, the seed replays.
   * @returns the promise
   */
  hold<T>(promise: Promise<T>): Promise<T> {
    return this.clock.hold(promise)
  }

  /** The node with this name: its newest life. */
  at(name: string): MobilityNode {
    const { node } = this.#machine(name)
    invariant(node !== undefined, `the simulated node ${name} was started`)
    return node
  }

  /** The names of the nodes whose program runs now, sorted: neither crashed nor paused. */
  running(): string[] {
    return [...this.#machines.values()]
      .filter(({ state }) => state === 'up')
      .map(({ name }) => name)
      .sort()
  }

  /** Timers of the newest life of a node that have not fired: 0 once it has stopped. */
  timers(name: string): number {
    return this.#machine(name).clock.pending
  }

  /** SIGKILL: the program is gone; its peers see a reset. `silent`: the power failed, they see nothing. */
  crash(name: string, options: { readonly silent?: boolean } = {}): void {
    this.#machine(name).state = 'down'
    this.network.crash(name, options)
  }

  /** A new life of a node that crashed, with the same options. */
  async restart(name: string): Promise<MobilityNode> {
    const { options } = this.#machine(name)
    // Two lives of a node do not begin in the same millisecond.
    await this.advance(1)
    return this.node(name, options)
  }

  /** SIGSTOP: the program stands still, its kernel takes bytes and connections. */
  pause(name: string): void {
    const machine = this.#machine(name)
    if (machine.state === 'up') machine.state = 'paused'
    this.network.pause(name)
  }

  /** SIGCONT. */
  resume(name: string): void {
    const machine = this.#machine(name)
    if (machine.state === 'paused') machine.state = 'up'
    this.network.resume(name)
  }

  /** Sets the wall clock of one node forward or back. Its lives after this one have it too. */
  stepWall(name: string, ms: number): void {
    const machine = this.#machine(name)
    machine.aheadMs += ms
    machine.clock.stepWall(ms)
  }

  /** Nothing passes between the two groups. What was sent waits, as TCP does, until `heal`. */
  partition(left: readonly string[], right: readonly string[]): void {
    this.network.partition(left, right)
  }

  /** Opens what `partition` closed: between two groups, or everywhere. */
  heal(left?: readonly string[], right?: readonly string[]): void {
    this.network.heal(left, right)
  }

  /** Cuts the connections between two nodes: some of the bytes on their way arrive. They may connect again. */
  cut(a: string, b: string): void {
    this.network.cut(a, b)
  }

  /** How long bytes take between two nodes, one way, in ms. */
  latency(a: string, b: string, ms: number): void {
    this.network.shape(a, b, { latencyMs: ms })
    this.network.shape(b, a, { latencyMs: ms })
  }

  /** Stops every node that runs. Paused ones go on first, and every path opens. */
  async close(): Promise<void> {
    this.heal()
    for (const { name, state } of this.#machines.values()) if (state === 'paused') this.resume(name)
    const nodes = this.running().map((name) => this.at(name))
    await this.run(Promise.all(nodes.map((node) => node.stop())))
    for (const machine of this.#machines.values()) machine.state = 'down'
  }

  #machine(name: string): Machine {
    const machine = this.#machines.get(name)
    invariant(machine !== undefined, `there is a simulated node ${name}`)
    return machine
  }
}

/** Makes a simulated world, without nodes at first. */
export const simulate = (options: SimulateOptions): SimulatedWorld => new SimulatedWorld(options)

export type { Address } from './base/ids.js'
export type { MemoryResolver, Resolver } from './cluster/discovery.js'
