/** What every Directory promises, for each of them. */
import { test } from 'tap'
import { VirtualClock } from '../../src/base/clock.js'
import { Events } from '../../src/base/events.js'
import { defaultLimits } from '../../src/base/limits.js'
import { silentLogger } from '../../src/base/ports.js'
import { type Directory, memoryDirectory } from '../../src/registry/directory.js'
import { Registry } from '../../src/registry/registry.js'
import type { Entry } from '../../src/wire/messages.js'

const self = () => ({ cluster: 'c', node: 'a', incarnation: 1 })

const registry = (clock: VirtualClock): Directory =>
  new Registry({
    clock,
    log: silentLogger,
    events: new Events('a', silentLogger),
    limits: defaultLimits,
    self,
    peers: { live: () => [], isLive: (node) => node === 'a', isDead: () => false, send: () => false, broadcast() {} },
    hooks: { holds: () => false, adoptDelegation() {}, superseded() {} },
  })

const directories: [string, (clock: VirtualClock) => Directory][] = [
  ['Registry', registry],
  ['memoryDirectory', (clock) => memoryDirectory({ clock, self })],
]

for (const [name, make] of directories) {
  test(`${name}: G11 scenario 7: a claimed name is there on the next line`, async (t) => {
    const clock = new VirtualClock()
    const directory = make(clock)
    const entry = await directory.claim('x', 'k')
    const epoch = clock.wall()
    const want = { name: 'x', kind: 'k', node: 'a', incarnation: 1, epoch, line: epoch, status: 'live', reason: '' }
    t.same(entry, want)
    t.same(directory.lookup('x'), want)
    t.equal(directory.lookup('y'), undefined)
    t.equal(directory.isRecovering('x'), false)
  })

  test(`${name}: scenario 3: a name that is taken says by whom; of racers one wins`, async (t) => {
    const directory = make(new VirtualClock())
    const outcomes = await Promise.allSettled([1, 2, 3].map(() => directory.claim('x', 'k')))
    t.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 1)
    await t.rejects(directory.claim('x', 'k'), { code: 'ERR_ALREADY_STARTED', fields: { name: 'x', node: 'a' } })
  })

  test(`${name}: G2: a new life starts above the one that ended`, async (t) => {
    const directory = make(new VirtualClock())
    const first = await directory.claim('x', 'k')
    directory.publish({ ...first, epoch: first.epoch + 7 })
    directory.publish({ ...first, epoch: first.epoch + 7, status: 'ended', reason: 'normal' })
    t.equal(directory.lookup('x')?.status, 'ended')
    t.equal((await directory.claim('x', 'k')).epoch, first.epoch + 8)
  })

  test(`${name}: lists what is live, by kind and by node`, async (t) => {
    const directory = make(new VirtualClock())
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

  test(`${name}: G2 scenario 13: watchers hear each change once, a stale one never`, async (t) => {
    const directory = make(new VirtualClock())
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
    await directory.claim('x', 'k')
    t.equal(heard.length, 3)
  })
}
