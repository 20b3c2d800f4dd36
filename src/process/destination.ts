/** Where a process can go: a member's name, or a node outside the cluster by its address. */
import { fail } from '../base/errors.js'
import type { Address } from '../base/ids.js'

export type TcpDestination = readonly ['tcp', host: string, port: number]

/** `'b'` | `tcp('localhost', 1806)` | `['tcp', 'localhost', 1806]` | `'tcp://localhost:1806'` */
export type Destination = string | TcpDestination

type ParsedDestination =
  | { readonly type: 'member'; readonly node: string }
  | { readonly type: 'tcp'; readonly address: Address }

/** A node outside the cluster. */
export const tcp = (host: string, port: number): TcpDestination => ['tcp', host, port]

/**
 * @throws ERR_BAD_ARGUMENT
 */
export const parseDestination = (to: unknown): ParsedDestination => {
  if (typeof to === 'string') {
    const url = /^tcp:\/\/(?:\[([^\]]+)\]|([^:/[\]]+)):(\d+)$/.exec(to)
    if (url !== null) return tcpAddress(url[1] ?? url[2] ?? '', Number(url[3]))
    if (/^[A-Za-z0-9._-]{1,64}$/.test(to)) return { type: 'member', node: to }
  }
  if (Array.isArray(to) && to.length === 3 && to[0] === 'tcp') return tcpAddress(to[1], to[2])
  throw wrong('it is not a member name, tcp(host, port) or "tcp://host:port"')
}

const tcpAddress = (host: unknown, port: unknown): ParsedDestination => {
  if (typeof host !== 'string' || host === '' || host.length > 255) throw wrong('the host is not a name or an address')
  if (typeof port !== 'number' || !Number.isInteger(port) || port < 1 || port > 65_535) {
    throw wrong('the port is not a number from 1 to 65535')
  }
  return { type: 'tcp', address: { host, port } }
}

const wrong = (why: string) => fail('ERR_BAD_ARGUMENT', { what: 'The destination of a move', why })
