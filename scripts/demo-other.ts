/**
 * The demo's second process: node b with its clients. The parent holds an `Other`, the child runs `other`.
 *
 *   parent  -- start, stop, quit -->  child
 *           <-- address, report -----
 */
import { type ChildProcess, fork } from 'node:child_process'
import { createNode, type Logger, type MobilityNode } from 'proc-mobility'
import { type ClientReport, type Clients, startClients } from './demo-clients.js'
import { counter } from './demo-counter.js'

/** For the child to end by itself. */
const QUIT_MS = 10_000

type Order = 'start' | 'stop' | 'quit'

/** What the child says. */
interface Words {
  address: { readonly address: string }
  report: { readonly report: ClientReport }
}

/** A move is no news here, and a link that ends with its node no warning: what failed for clients is in the table. */
const quiet = (name: string): Logger => {
  const error = (data: object, text: string) => void process.stderr.write(`${name}: ${text} ${JSON.stringify(data)}\n`)
  return { debug: () => {}, info: () => {}, warn: () => {}, error }
}

/** A node of the demo, on a free port. */
export const nodeNamed = (name: string, join: readonly string[]): Promise<MobilityNode> =>
  createNode({ name, port: 0, kinds: [counter], join, logger: quiet(name) })

/** The child, for as long as its parent wants it. */
export const other = async (join: readonly string[]): Promise<void> => {
  const node = await nodeNamed('b', join)
  const tell = (words: Words[keyof Words]) => process.send?.(words)
  let clients: Clients | undefined
  const obey: Record<Order, () => Promise<void>> = {
    start: async () => {
      clients = startClients(node)
    },
    stop: async () => {
      if (clients !== undefined) tell({ report: await clients.stop() })
    },
    quit: async () => {
      await node.stop()
      process.disconnect()
    },
  }
  process.on('message', (order: Order) => void obey[order]())
  // Nobody is there to give orders any more.
  process.on('disconnect', () => process.exit(0))
  tell({ address: node.address })
}

export class Other {
  readonly #child: ChildProcess
  readonly #ended: Promise<never>
  #quits = false

  /** @param file  a script that runs `other` when its first argument is `other` */
  constructor(file: string, join: readonly string[]) {
    this.#child = fork(file, ['other', ...join])
    this.#ended = new Promise((_, reject) => {
      const end = (why: string): void => {
        if (!this.#quits) reject(new Error(`the other process ended: ${why}`))
      }
      this.#child.once('exit', (code, signal) => end(String(signal ?? code)))
      this.#child.once('error', (error) => end(String(error)))
    })
    this.#ended.catch(() => {})
  }

  /** The next thing that it says. Arm it before the order. */
  hear<W extends keyof Words>(what: W): Promise<Words[W]> {
    const said = new Promise<Words[W]>((resolve) => {
      const listen = (words: object): void => {
        if (!(what in words)) return
        this.#child.off('message', listen)
        resolve(words as Words[W])
      }
      this.#child.on('message', listen)
    })
    return Promise.race([said, this.#ended])
  }

  tell(order: Order): void {
    if (this.#child.connected) this.#child.send(order)
  }

  async quit(): Promise<void> {
    this.#quits = true
    const { exitCode, signalCode } = this.#child
    if (exitCode !== null || signalCode !== null) return
    const gone = new Promise((resolve) => this.#child.once('exit', resolve))
    this.tell('quit')
    const killer = setTimeout(() => this.#child.kill('SIGKILL'), QUIT_MS)
    await gone
    clearTimeout(killer)
  }
}
