/** One node of `hub.ts`, a program of its own: does what its parent says, and tells it what the hub does. */
import { type ChildSpec, createNode, genServer } from '../../src/index.js'

const small = genServer('small', {
  init: (size: number) => ({ bytes: Buffer.alloc(size, 1) }),
  calls: { size: (self) => self.state.bytes.length },
})

/** Takes its time before it moves. */
const slow = genServer('slow', {
  init: () => ({}),
  prepareHandover: async (state) => {
    await new Promise((resolve) => setTimeout(resolve, 500))
    return state
  },
})
const SLOW = 100

interface Order {
  readonly id: number
  readonly do: 'start' | 'count' | 'look' | 'looked' | 'stop'
  readonly count?: number
}

const [name = 'a', join = ''] = process.argv.slice(2)
const logger = { debug() {}, info() {}, warn() {}, error: (data: object, text: string) => console.error(text, data) }
const node = await createNode({
  name,
  handleSignals: true,
  port: 0,
  kinds: [small, slow],
  logger,
  ...(join === '' ? {} : { join: [join] }),
})
const say = (message: object): void => void process.send?.(message)

for (const type of ['nodeup', 'nodedown', 'redistributed'] as const) node.on(type, (event) => say({ event }))

/** How long lookups take, in ms, once every 2 ms; and how late the timer is: who is called waits for that, too. */
const looks: { readonly lookup: number; readonly late: number }[] = []
let looking: NodeJS.Timeout | undefined
const look = (): void => {
  const begun = performance.now()
  let dueAt = begun + 2
  looking = setInterval(() => {
    const at = performance.now()
    node.whereis(`child:${looks.length % 1_000}`)
    node.whereis(`slow:${looks.length % SLOW}`)
    looks.push({ lookup: (performance.now() - at) / 2, late: Math.max(0, at - dueAt) })
    dueAt = performance.now() + 2
  }, 2)
}
const looked = (): object => {
  clearInterval(looking)
  const p99 = (values: number[]): number => values.sort((a, b) => a - b)[Math.floor(values.length * 0.99)] ?? 0
  return { count: looks.length, lookup: p99(looks.map((one) => one.lookup)), late: p99(looks.map((one) => one.late)) }
}

const obey = async ({ id, do: what, count = 0 }: Order): Promise<void> => {
  if (what === 'stop') await node.stop()
  if (what === 'count') {
    const local = node.hub.list('local').length
    const live = node.hub.select({ status: 'live' }).length
    return say({ id, result: { local, live } })
  }
  if (what === 'look') look()
  if (what === 'looked') return say({ id, result: looked() })
  if (what !== 'start') return say({ id, result: {} })
  const specs: ChildSpec[] = Array.from({ length: count - SLOW }, (_, i) => ({
    kind: small,
    name: `child:${i}`,
    args: [100],
  }))
  for (let i = 0; i < SLOW; i += 1) specs.push({ kind: slow, name: `slow:${i}` })
  const begun = performance.now()
  const outcomes = await node.hub.start(specs, { timeoutMs: 120_000 })
  const failed = outcomes.filter(({ ok }) => !ok).length
  say({ id, result: { ms: performance.now() - begun, failed } })
}

process.on('message', (order: Order) => void obey(order))
process.on('disconnect', () => process.exit(0))
say({ ready: node.address })
