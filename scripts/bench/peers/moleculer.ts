/** moleculer: services that call each other by name, here over its own TCP transporter. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { fileURLToPath } from 'node:url'
import { load, type Peer } from './installed.js'

interface Context {
  readonly params: { readonly value: number }
}

interface Broker {
  createService(schema: { name: string; actions: Record<string, (context: Context) => unknown> }): unknown
  start(): Promise<void>
  stop(): Promise<void>
  waitForServices(names: readonly string[]): Promise<unknown>
  call(action: string, params: Context['params']): Promise<unknown>
}

/** @param ports  of node a and node b: without discovery by UDP it must know them */
export const broker = (nodeID: 'a' | 'b', ports: readonly number[]): Broker => {
  const { ServiceBroker } = load('moleculer') as { ServiceBroker: new (options: object) => Broker }
  const urls = ports.map((port, index) => `127.0.0.1:${port}/${'ab'[index]}`)
  const options = { udpDiscovery: false, port: ports['ab'.indexOf(nodeID)], urls }
  return new ServiceBroker({ nodeID, logger: false, transporter: { type: 'TCP', options } })
}

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  return port
}

export const moleculer = async (): Promise<Peer> => {
  const ports = [await freePort(), await freePort()]
  const child = fork(fileURLToPath(new URL('./moleculer-server.js', import.meta.url)), ports.map(String))
  await once(child, 'message')
  const node = broker('a', ports)
  await node.start()
  await node.waitForServices(['bench'])
  return {
    name: 'moleculer 0.14, TCP',
    plusOne: (value) => node.call('bench.plusOne', { value }),
    close: async () => {
      await node.stop()
      child.disconnect()
    },
  }
}
