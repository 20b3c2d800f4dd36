/** One node of `at-rest.ts`, a program of its own: does what its parent says. */
import { createNode, fileStore, genServer, type PersistSpec } from '../../src/index.js'

interface Order {
  readonly id: number
  readonly do: 'start' | 'load' | 'rest' | 'read'
  readonly count?: number
}

const [name = 'a', join = '', mode = 'taken', dir = ''] = process.argv.slice(2)
const persist: PersistSpec<{ n: number }> = { every: { ms: 1_000 }, acknowledge: mode as 'taken' | 'saved' }
const counter = genServer('counter', {
  init: () => ({ n: 0, padding: Buffer.alloc(100, 1) }),
  calls: { add: (self) => (self.state.n += 1), read: (self) => self.state.n },
  persist,
})
const logger = { debug() {}, info() {}, warn() {}, error() {} }
const store = fileStore({ dir })
const node = await createNode({
  name,
  port: 0,
  kinds: [counter],
  logger,
  store,
  limits: { callTimeoutMs: 30_000 },
  ...(join === '' ? {} : { join: [join] }),
})
const say = (message: object): void => void process.send?.(message)
const namesOf = (count: number): string[] => Array.from({ length: count }, (_, i) => `counter:${i}`)

let loading = false
let loads: Promise<unknown> = Promise.resolve()
/** What each answered at last, and calls that ended in an error. */
const answered = new Map<string, number>()
let [calls, failed] = [0, 0]

const load = (names: readonly string[]): void => {
  loading = true
  let next = 0
  const one = async (): Promise<void> => {
    while (loading) {
      const at = names[next++ % names.length] ?? ''
      try {
        const n = await node.ref(counter, at).call.add()
        answered.set(at, Math.max(n, answered.get(at) ?? 0))
        calls += 1
      } catch {
        failed += 1
      }
    }
  }
  loads = Promise.all(Array.from({ length: 64 }, one))
}

const obey = async ({ id, do: what, count = 0 }: Order): Promise<void> => {
  const names = namesOf(count)
  if (what === 'start') {
    const outcomes = await node.hub.start(
      names.map((one) => ({ kind: counter, name: one })),
      { timeoutMs: 120_000 },
    )
    return say({ id, result: outcomes.filter(({ ok }) => !ok).length })
  }
  if (what === 'load') load(names)
  if (what === 'rest') {
    loading = false
    await loads
  }
  if (what !== 'read') return say({ id, result: { answered: [...answered], calls, failed } })
  const live = node.hub.select({ status: 'live' }).length
  const read = async (one: string) => [one, await node.ref(counter, one).call.read()]
  const there = live < count ? [] : await Promise.all(names.map(read))
  say({ id, result: { live, local: node.hub.list('local').map((child) => child.name), there } })
}

process.on('message', (order: Order) => void obey(order))
process.on('disconnect', () => process.exit(0))
for (const type of ['nodedown'] as const) node.on(type, (event) => say({ event }))
say({ ready: node.address })
