/** The two operating system processes of a run: node a here, node b and the baseline's servers in a child. */
import { type ChildProcess, fork } from 'node:child_process'
import { createNode, genServer, type Logger, type MobilityNode } from 'proc-mobility'
import { EchoClient, echoServer, TransferClient, transferServer } from './raw.js'

/** The process that is called, cast to and moved. Its state is whatever a bench gives it. */
export const subject = genServer('bench.subject', {
  version: 1,
  init: (data: unknown) => ({ data, casts: 0 }),
  calls: {
    plusOne: (_self, value: number) => value + 1,
    casts: (self) => self.state.casts,
    epoch: (self) => self.epoch,
  },
  casts: {
    note: (self, _value: number) => {
      self.state.casts += 1
    },
  },
})

/** It stays on node b. */
export const REMOTE = 'bench:remote'

interface Ready {
  readonly echoPort: number
  readonly transferPort: number
}

const quiet: Logger = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: (data, text) => console.error(text, data),
}

const nodeNamed = (name: string, join: readonly string[]): Promise<MobilityNode> =>
  createNode({ name, port: 0, kinds: [subject], join, logger: quiet })

/** The child. */
export const serve = async (join: readonly string[]): Promise<void> => {
  const node = await nodeNamed('b', join)
  await node.start(subject, { name: REMOTE, args: [undefined] })
  const ready: Ready = { echoPort: await echoServer(), transferPort: await transferServer() }
  process.on('disconnect', () => process.exit(0))
  process.send?.(ready)
}

export interface Peers {
  readonly node: MobilityNode
  readonly echo: EchoClient
  readonly transfer: TransferClient
  close(): Promise<void>
}

/** @param file  a script that runs `serve` when its first argument is `serve` */
export const openPeers = async (file: string): Promise<Peers> => {
  const node = await nodeNamed('a', [])
  const registered = node.once('registered', (event) => event.name === REMOTE)
  const child = fork(file, ['serve', node.address])
  const { echoPort, transferPort } = await readiness(child)
  await registered
  const echo = await EchoClient.open(echoPort)
  const transfer = await TransferClient.open(transferPort)
  const close = async (): Promise<void> => {
    echo.close()
    transfer.close()
    await node.stop()
    const gone = new Promise((resolve) => child.once('exit', resolve))
    child.disconnect()
    await gone
  }
  return { node, echo, transfer, close }
}

const readiness = (child: ChildProcess): Promise<Ready> =>
  new Promise((resolve, reject) => {
    child.once('message', (ready: Ready) => resolve(ready))
    child.once('exit', (code) => reject(new Error(`the other process ended: ${code}`)))
  })
