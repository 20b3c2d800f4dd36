/** What is the same for all stores: the limit of time, one kind of error, and a client that is not installed. */
import { test } from 'tap'
import { VirtualClock } from '../../src/base/clock.js'
import { fail } from '../../src/base/errors.js'
import { memoryStore } from '../../src/store/memory-store.js'
import { patient } from '../../src/store/patient.js'
import { loadPeer } from '../../src/store/peer.js'
import type { Store } from '../../src/store/store.js'

const stamp = { epoch: 1, revision: 1 }

const each: readonly [string, (store: Store) => Promise<unknown>][] = [
  ['save', (store) => store.save('x', stamp, Buffer.from('a'), 1)],
  ['load', (store) => store.load('x', 0)],
  ['forget', (store) => store.forget('x', stamp)],
  ['list', (store) => store.list('', 1)],
  ['close', (store) => store.close()],
]

/** A store, all of whose methods do this. */
const doing = (act: () => Promise<never>): Store => ({
  where: 'test a',
  save: act,
  load: act,
  forget: act,
  list: act,
  close: act,
})

test('a patient store does what the store does', async (t) => {
  const store = patient(memoryStore(), new VirtualClock(), 100)
  t.equal(store.where, 'memory')
  t.equal(await store.save('x', stamp, Buffer.from('a'), 1), 'saved')
  t.equal(await store.save('x', { epoch: 0, revision: 9 }, Buffer.from('b'), 1), 'stale')
  t.same(await store.load('x', 0), { ...stamp, bytes: Buffer.from('a') })
  t.same(await store.list('', 10), ['x'])
  await store.forget('x', stamp)
  t.equal(await store.load('x', 0), undefined)
  await store.close()
})

for (const [name, ask] of each) {
  test(`ERR_STORE: ${name} is given up after its time, and not before`, async (t) => {
    const clock = new VirtualClock()
    const store = patient(
      doing(() => new Promise(() => {})),
      clock,
      100,
    )
    let failed = false
    const asked = ask(store).catch((error: unknown) => {
      failed = true
      return error
    })
    await clock.advance(99)
    t.notOk(failed)
    t.match(await clock.runUntil(asked), {
      code: 'ERR_STORE',
      executed: 'maybe',
      retryable: true,
      fields: { where: 'test a', reason: 'it did not answer within 100 ms' },
    })
    t.equal(clock.pending, 0)
  })

  test(`ERR_STORE: what ${name} throws has its reason and its cause, now or later`, async (t) => {
    const clock = new VirtualClock()
    const cause = new Error('no space left on device')
    const thrown = () => {
      throw cause
    }
    for (const act of [thrown, () => Promise.reject(cause)]) {
      const store = patient(doing(act), clock, 100)
      await t.rejects(ask(store), { code: 'ERR_STORE', fields: { reason: 'no space left on device' }, cause })
    }
    t.equal(clock.pending, 0, 'no timer is left')
    const ours = fail('ERR_STORE_MISSING', { where: 'test a', package: 'p', reason: 'r' })
    const store = patient(
      doing(() => Promise.reject(ours)),
      clock,
      100,
    )
    await t.rejects(ask(store), ours, 'one of ours stays as it is')
  })
}

test('ERR_STORE: an error of several, as of a host with two addresses, names the first', async (t) => {
  const cause = new AggregateError([new Error('connect ECONNREFUSED ::1:5432'), new Error('other')])
  const store = patient(
    doing(() => Promise.reject(cause)),
    new VirtualClock(),
    100,
  )
  await t.rejects(store.load('x', 0), { code: 'ERR_STORE', fields: { reason: 'connect ECONNREFUSED ::1:5432' }, cause })
})

test('ERR_STORE_MISSING: a client that is not installed, with the line that installs it', async (t) => {
  const absent = 'no-such-package-of-anybody'
  await t.rejects(
    loadPeer('redis 127.0.0.1', absent, () => import(absent)),
    { code: 'ERR_STORE_MISSING', retryable: false, message: `Install it: npm install ${absent}.` },
  )
  t.equal(await loadPeer('x', 'y', async () => 5), 5)
})
