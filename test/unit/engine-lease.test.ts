/** The lease of a node at the engine: it may run only while the lease surely holds. */
import { test } from 'tap'
import { VirtualClock } from '../../src/base/clock.js'
import { SeededRandom } from '../../src/base/random.js'
import { mayRun, noLease, stepLease, waitMs } from '../../src/registry/lease.js'
import { LeaseKeeper } from '../../src/registry/lease-keeper.js'
import { MemoryEngine, type Way } from '../fixtures/memory-engine.js'

const TTL = 6_000
const at = (now: number, wall = now) => ({ now, wall })

test('G1: it counts from when the renewal was sent, and stops at 85 %', async (t) => {
  let { state } = stepLease(noLease(TTL, at(0)), { type: 'tick', at: at(0) })
  state = stepLease(state, { type: 'granted', lease: 'l', ttlMs: TTL, sent: at(0) }).state
  t.notOk(mayRun(state, at(1)), 'not before its names are decided')
  state = stepLease(state, { type: 'settled', lease: 'l', at: at(10) }).state
  t.ok(mayRun(state, at(5_099)))
  t.notOk(mayRun(state, at(5_100)))
  const asks = stepLease(state, { type: 'tick', at: at(2_000) })
  t.same(asks.effects, [{ type: 'renew', lease: 'l' }])
  const late = stepLease(asks.state, { type: 'renewed', lease: 'l', ttlMs: TTL, sent: at(2_000) }).state
  t.ok(mayRun(late, at(7_099)), 'whenever the answer came')
  t.notOk(mayRun(late, at(7_100)))
  t.notOk(mayRun(late, at(2_001, 7_101)), 'the wall clock says that the machine was suspended')
})

test('G1: fenced it waits for the word of the engine; over, it begins anew and must decide its names', async (t) => {
  let { state } = stepLease(noLease(TTL, at(0)), { type: 'granted', lease: 'l', ttlMs: TTL, sent: at(0) })
  state = stepLease(state, { type: 'settled', lease: 'l', at: at(10) }).state
  t.equal(waitMs({ ...state, asked: true }, at(100)), 5_000)
  const fenced = stepLease({ ...state, asked: true }, { type: 'tick', at: at(5_100) })
  t.same([fenced.state.phase, fenced.effects], ['fenced', [{ type: 'fence' }]])
  const back = stepLease(fenced.state, { type: 'renewed', lease: 'l', ttlMs: TTL, sent: at(5_050) })
  t.same([back.state.phase, back.effects], ['held', [{ type: 'open' }]])
  const gone = stepLease(fenced.state, { type: 'gone', lease: 'l', at: at(6_000) })
  t.same([gone.state.phase, gone.effects], ['asking', [{ type: 'lost', lease: 'l' }]])
  t.same(stepLease(gone.state, { type: 'renewed', lease: 'l', ttlMs: TTL, sent: at(5_900) }).state, gone.state)
  t.same(stepLease(gone.state, { type: 'settled', lease: 'l', at: at(6_001) }).state, gone.state)
  const held = stepLease(state, { type: 'gone', lease: 'l', at: at(50) })
  t.same(held.effects, [{ type: 'fence' }, { type: 'lost', lease: 'l' }])
  const next = stepLease(gone.state, { type: 'granted', lease: 'm', ttlMs: TTL, sent: at(6_010) })
  const slow = stepLease(next.state, { type: 'settled', lease: 'm', at: at(12_000) })
  t.same([slow.state.phase, slow.effects], ['fenced', []], 'it took too long: nothing runs')
})

test('G1: whatever becomes of questions and answers, who may run holds the lease', async (t) => {
  const seeds = Array.from({ length: 25 }, (_, i) => `lease ${i}`)
  let ran = 0
  let losses = 0
  for (const seed of seeds) {
    const random = new SeededRandom(seed)
    const clock = new VirtualClock()
    const engine = new MemoryEngine(clock)
    const client = engine.client(400)
    const node = clock.view({ originMs: 5_000_000 })
    const keeper: LeaseKeeper = new LeaseKeeper({
      clock: node,
      client,
      ttlMs: TTL,
      opened: () => {},
      fenced: () => {},
      lost: () => {
        losses += 1
      },
      returning: (lease) => void clock.after(random.between(0, 300), () => keeper.settled(lease)),
      failed: () => {},
    })
    keeper.start()
    for (let step = 0; step < 60; step += 1) {
      const way = (['up', 'up', 'down', 'silent', 'deaf', 'late'] as Way[])[random.between(0, 5)] ?? 'up'
      client.lateMs = random.between(0, 9_000)
      client.set(way)
      if (random.between(0, 9) === 0) node.pause()
      const until = clock.now() + random.between(1, 4_000)
      while (clock.now() < until) {
        await clock.advance(97)
        if (node.paused || !keeper.mayRun()) continue
        ran += 1
        if (!engine.isHeld(keeper.lease)) return void t.fail(`${seed}: it may run at ${clock.now()} without its lease`)
      }
      if (node.paused) node.resume()
    }
    keeper.close()
  }
  t.ok(ran > 1_000 && losses > 50, `looked ${ran} times while it might run; lost ${losses} leases`)
  t.comment(`looked ${ran} times while it might run; lost ${losses} leases; seeds ${seeds[0]} to ${seeds.at(-1)}`)
})
