/** The two programs of a question: node a and whoever asks here, node b and the baseline's servers in a child. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { createNode, genServer, type Limits, type Logger, type MobilityNode } from 'proc-mobility'
import { perSecond, type ServerCpu } from './measure.js'
import { EchoClient, echoServer, FLUSHES, type Flush } from './raw/echo.js'
import { TransferClient, transferServer } from './raw/transfer.js'
import { stateOf } from './states.js'

/** The process that is called, cast to and moved. Its state is whatever a question gives it. */
export const subject = genServer('bench.subject', {
  version: 1,
  init: (...order: unknown[]) => ({ data: order[0] === undefined ? undefined : stateOf(order as never), casts: 0 }),
  calls: {
    plusOne: (_self, value: number) => value + 1,
    casts: (self) => self.state.casts,
    /** Calls another one for so many ms. @returns calls a second */
    drive: async (self, name: string, inFlight: number, ms: number): Promise<number> => {
      const other = self.ref<typeof subject>(name)
      const { values } = await perSecond({ sampleMs: ms }, inFlight, () => other.call.plusOne(1))()
      return values[0] ?? Number.NaN
    },
  },
  casts: {
    note: (self, _value: number) => {
      self.state.casts += 1
    },
  },
})

/** It stays on node b. */
export const REMOTE = 'bench:remote'

/** Room for a million processes, 10 MB of small objects, and a machine that is busy. Nothing that changes the pace. */
const LIMITS: Partial<Limits> = {
  registryEntriesMax: 4_000_000,
  stateElementsMax: 256_000_000,
  moveTimeoutMs: 60_000,
  claimMs: 60_000,
  callTimeoutMs: 60_000,
}

const quiet: Logger = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: (data, text) => console.error(text, data),
}

/** @param limits  where the question is about one */
export const nodeNamed = (name: string, join: readonly string[], limits: Partial<Limits> = {}): Promise<MobilityNode> =>
  createNode({ name, port: 0, kinds: [subject], join, logger: quiet, limits: { ...LIMITS, ...limits } })

interface Ready {
  readonly address: string
  readonly echoPorts: Readonly<Record<Flush, number>>
  readonly transferPort: number
}

/** Of one program, after a full collection when it was asked for. Bytes, and us of CPU time. */
export interface Usage {
  readonly cpuUs: number
  readonly heapBytes: number
  readonly rssBytes: number
}

const collect: () => void = (() => {
  setFlagsFromString('--expose-gc')
  return runInNewContext('gc') as () => void
})()

/** Of this program. */
export const usage = (collected: boolean): Usage => {
  if (collected) for (let round = 0; round < 3; round += 1) collect()
  const { user, system } = process.cpuUsage()
  const { heapUsed, external, rss } = process.memoryUsage()
  return { cpuUs: user + system, heapBytes: heapUsed + external, rssBytes: rss }
}

/** The child. Its arguments: the name of its node, whom to join, and limits as JSON. */
export const serve = async ([name = 'b', join = '', limits = '{}']: readonly string[]): Promise<void> => {
  const node = await nodeNamed(name, [join], JSON.parse(limits))
  // Other nodes than b are there to be many.
  if (name === 'b') await node.start(subject, { name: REMOTE, args: [undefined] })
  const ports = await Promise.all(FLUSHES.map(async (how) => [how, await echoServer(REMOTE, how)] as const))
  const echoPorts = Object.fromEntries(ports) as Record<Flush, number>
  process.on('disconnect', () => process.exit(0))
  process.on('message', (collected: boolean) => process.send?.(usage(collected)))
  const ready: Ready = { address: node.address, echoPorts, transferPort: await transferServer() }
  process.send?.(ready)
}

/** A child that serves, and its word that it is ready. */
export class Served {
  readonly #child: ChildProcess
  readonly ready: Ready

  /** @param file  a script that runs `serve` when its first argument is `serve` */
  static async open(file: string, args: readonly string[]): Promise<Served> {
    const child = fork(file, ['serve', ...args])
    const [ready] = await Promise.race([
      once(child, 'message'),
      once(child, 'exit').then(([code]) => {
        throw new Error(`the other program ended: ${code}`)
      }),
    ])
    return new Served(child, ready)
  }

  private constructor(child: ChildProcess, ready: Ready) {
    this.#child = child
    this.ready = ready
  }

  async usage(collected: boolean): Promise<Usage> {
    const answer = once(this.#child, 'message')
    this.#child.send(collected)
    const [usage] = await answer
    return usage
  }

  async close(): Promise<void> {
    const gone = once(this.#child, 'exit')
    this.#child.disconnect()
    await gone
  }
}

export interface Pair {
  readonly node: MobilityNode
  readonly other: Served
  readonly echo: Readonly<Record<Flush, EchoClient>>
  readonly transfer: TransferClient
  readonly serverCpu: ServerCpu
  close(): Promise<void>
}

export const openPair = async (file: string, limits: Partial<Limits> = {}): Promise<Pair> => {
  const node = await nodeNamed('a', [], limits)
  const registered = node.once('registered', (event) => event.name === REMOTE)
  const other = await Served.open(file, ['b', node.address, JSON.stringify(limits)])
  await registered
  const { echoPorts, transferPort } = other.ready
  const echo = {
    setImmediate: await EchoClient.open(echoPorts.setImmediate, REMOTE, 'setImmediate'),
    nextTick: await EchoClient.open(echoPorts.nextTick, REMOTE, 'nextTick'),
  }
  const transfer = await TransferClient.open(transferPort)
  const close = async (): Promise<void> => {
    for (const client of [...Object.values(echo), transfer]) client.close()
    await node.stop()
    await other.close()
  }
  return { node, other, echo, transfer, serverCpu: async () => (await other.usage(false)).cpuUs, close }
}
