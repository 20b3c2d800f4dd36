/** What both baselines stand on: a socket, and frames that start with their length. */
import net from 'node:net'

/** Cuts a stream into frames. */
export const frames = (frame: (body: Buffer) => void) => {
  let rest: Buffer | undefined
  return (data: Buffer): void => {
    const all = rest === undefined ? data : Buffer.concat([rest, data])
    let at = 0
    while (all.length - at >= 4) {
      const end = at + 4 + all.readUInt32BE(at)
      if (end > all.length) break
      frame(all.subarray(at + 4, end))
      at = end
    }
    rest = at === all.length ? undefined : all.subarray(at)
  }
}

export const listen = (serve: (socket: net.Socket) => void): Promise<number> =>
  new Promise((resolve) => {
    const server = net.createServer({ noDelay: true }, serve)
    server.listen(0, '127.0.0.1', () => resolve((server.address() as net.AddressInfo).port))
  })

export const connect = (port: number): Promise<net.Socket> =>
  new Promise((resolve, reject) => {
    const socket = net.connect({ port, host: '127.0.0.1', noDelay: true })
    socket.once('error', reject)
    socket.once('connect', () => resolve(socket))
  })
