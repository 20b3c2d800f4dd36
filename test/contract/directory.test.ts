/** What every Directory promises, for each of them. */
import { type Test, test as tapTest } from 'tap'
import { realClock, VirtualClock } from '../../src/base/clock.js'
import { Events } from '../../src/base/events.js'
import { defaultLimits } from '../../src/base/limits.js'
import { type Clock, silentLogger } from '../../src/base/ports.js'
import type { Peers } from '../../src/link/peers.js'
import { type Directory, memoryDirectory } from '../../src/registry/directory.js'
import type { EngineClient } from '../../src/registry/engine.js'
import { EngineDirectory } from '../../src/registry/engine-directory.js'
import { EtcdClient } from '../../src/registry/etcd-client.js'
import { Registry } from '../../src/registry/registry.js'
import type { Entry } from '../../src/wire/messages.js'
import { EtcdServer, noEtcd } from '../fixtures/etcd-server.js'
import { MemoryEngine } from '../fixtures/memory-engine.js'

const self = () => ({ cluster: 'c', node: 'a', incarnation: 1 })

const peers: Peers = {
  live: () => [],
  isLive: (node) => node === 'a',
  isDead: () => false,
  send: () => false,
  broadcast() {},
}

const registry = (clock: VirtualClock): Directory =>
  new Registry({
    clock,
    log: silentLogger,
    events: new Events('a', silentLogger),
    limits: defaultLimits,
    self,
    peers,
    hooks: { holds: () => false, adoptDelegation() {}, superseded() {} },
  })

/** A directory to ask, and the end of it. */
interface Opened {
  readonly directory: Directory
  readonly close: () => Promise<void>
}

type Open = (clock: VirtualClock) => Promise<Opened>

const engine = async (client: EngineClient, clock: Clock, also: () => Promise<void>): Promise<Opened> => {
  const directory = new EngineDirectory({
    clock,
    log: silentLogger,
    events: new Events('a', silentLogger),
    limits: defaultLimits,
    self,
    peers,
    client,
    ttlMs: 5_000,
    prefix: '/test',
    hooks: {
      superseded() {},
      running: () => [],
      fenced() {},
      lost() {},
      moved() {},
      regained() {},
      opened() {},
      leased() {},
    },
  })
  await directory.start()
  const close = async (): Promise<void> => {
    await directory.leave()
    directory.close()
    await also()
  }
  return { directory, close }
}

const onMemory: Open = async () => {
  const clock = realClock()
  const memory = new MemoryEngine(clock)
  return engine(memory.client(), clock, async () => memory.close())
}

const onEtcd: Open = async () => {
  const clock = realClock()
  const server = await EtcdServer.open()
  return engine(new EtcdClient({ clock, endpoints: server.endpoints, tryMs: 1_000 }), clock, () => server.close())
}

const at = (make: (clock: VirtualClock) => Directory): Open => {
  return async (clock) => ({ directory: make(clock), close: async () => {} })
}

const directories: [string, Open, string | false][] = [
  ['Registry', at(registry), false],
  ['memoryDirectory', at((clock) => memoryDirectory({ clock, self })), false],
  ['EngineDirectory in memory', onMemory, false],
  ['EngineDirectory on etcd', onEtcd, noEtcd],
]

for (const [name, open, skip] of directories) {
  const embedded = !name.startsWith('Engine')
  const test = (what: string, body: (t: Test, make: (clock: VirtualClock) => Promise<Directory>) => Promise<void>) =>
    tapTest(what, { skip }, async (t) => {
      await body(t, async (clock) => {
        const { directory, close } = await open(clock)
        t.teardown(close)
        return directory
      })
    })

  test(`${name}: G11 scenario 7: a claimed name is there on the next line`, async (t, make) => {
    const clock = new VirtualClock()
    const directory = await make(clock)
    const entry = await directory.claim('x', 'k')
    const epoch = embedded ? clock.wall() : entry.epoch
    t.ok(epoch > 0)
    const want = { name: 'x', kind: 'k', node: 'a', incarnation: 1, epoch, line: epoch, status: 'live', reason: '' }
    t.same(entry, want)
    t.same(directory.lookup('x'), want)
    t.equal(directory.lookup('y'), undefined)
    t.equal(directory.isRecovering('x'), false)
  })

  test(`${name}: scenario 3: a name that is taken says by whom; of racers one wins`, async (t, make) => {
    const directory = await make(new VirtualClock())
    const outcomes = await Promise.allSettled([1, 2, 3].map(() => directory.claim('x', 'k')))
    t.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 1)
    await t.rejects(directory.claim('x', 'k'), { code: 'ERR_ALREADY_STARTED', fields: { name: 'x', node: 'a' } })
  })

  test(`${name}: G2: a new life starts above the one that ended`, async (t, make) => {
    const directory = await make(new VirtualClock())
    const first = await directory.claim('x', 'k')
    directory.publish({ ...first, epoch: first.epoch + 7 })
    directory.publish({ ...first, epoch: first.epoch + 7, status: 'ended', reason: 'normal' })
    t.equal(directory.lookup('x')?.status, 'ended')
    const { epoch, line } = await directory.claim('x', 'k')
    t.ok(embedded ? epoch === first.epoch + 8 : epoch >= first.epoch + 8, `${epoch} after ${first.epoch + 7}`)
    t.equal(line, epoch)
  })

  test(`${name}: lists what is live, by kind and by node`, async (t, make) => {
    const directory = await make(new VirtualClock())
    const x = await directory.claim('x', 'k')
    const y = await directory.claim('y', 'other')
    directory.learn({ ...x, name: 'z', node: 'b' }, 'b')
    const names = (entries: Entry[]): string[] => entries.map((entry) => entry.name).sort()
    t.same(names(directory.list()), ['x', 'y', 'z'])
    t.same(names(directory.list({ kind: 'k' })), ['x', 'z'])
    t.same(names(directory.list({ node: 'a' })), ['x', 'y'])
    t.same(names(directory.list({ kind: 'other', node: 'b' })), [])
    directory.publish({ ...y, status: 'ended', reason: 'normal' })
    t.same(names(directory.list()), ['x', 'z'])
  })

  test(`${name}: G2 scenario 13: watchers hear each change once, a stale one never`, async (t, make) => {
    const directory = await make(new VirtualClock())
    const heard: string[] = []
    const off = directory.watch((entry, before, change) => {
      t.same(directory.lookup(entry.name), entry, 'it is in the table')
      heard.push(`${change} ${entry.node} ${entry.status} ${before?.status}`)
    })
    const x = await directory.claim('x', 'k')
    directory.learn(x, 'a')
    directory.learn({ ...x, node: 'b', epoch: x.epoch + 1 }, 'b')
    directory.learn(x, 'c')
    directory.learn({ ...x, node: 'b', epoch: x.epoch + 1, status: 'ended', reason: 'normal' }, 'b')
    t.same(heard, ['changed a live undefined', 'changed b live live', 'changed b ended live'])
    off()
    await directory.claim('y', 'k')
    t.equal(heard.length, 3)
  })
}
