/** One node of `hub.ts`, a program of its own: does what its parent says, and tells it what the hub does. */
import { createNode, genServer } from '../../src/index.js'

const small = genServer('small', {
  init: (size: number) => ({ bytes: Buffer.alloc(size, 1) }),
  calls: { size: (self) => self.state.bytes.length },
})

interface Order {
  readonly id: number
  readonly do: 'start' | 'count' | 'stop'
  readonly count?: number
}

const [name = 'a', join = ''] = process.argv.slice(2)
const logger = { debug() {}, info() {}, warn() {}, error: (data: object, text: string) => console.error(text, data) }
const node = await createNode({
  name,
  handleSignals: true,
  port: 0,
  kinds: [small],
  logger,
  ...(join === '' ? {} : { join: [join] }),
})
const say = (message: object): void => void process.send?.(message)

for (const type of ['nodeup', 'nodedown', 'redistributed'] as const) node.on(type, (event) => say({ event }))

const obey = async ({ id, do: what, count = 0 }: Order): Promise<void> => {
  if (what === 'stop') await node.stop()
  if (what === 'count') {
    const local = node.hub.list('local').length
    const live = node.hub.select({ status: 'live' }).length
    return say({ id, result: { local, live } })
  }
  if (what !== 'start') return say({ id, result: {} })
  const specs = Array.from({ length: count }, (_, i) => ({ kind: small, name: `child:${i}`, args: [100] }))
  const begun = performance.now()
  const outcomes = await node.hub.start(specs, { timeoutMs: 120_000 })
  const failed = outcomes.filter(({ ok }) => !ok).length
  say({ id, result: { ms: performance.now() - begun, failed } })
}

process.on('message', (order: Order) => void obey(order))
process.on('disconnect', () => process.exit(0))
say({ ready: node.address })
