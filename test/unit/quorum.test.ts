/** Quorums: the arithmetic of each policy, and random histories (quorum-world.ts; more of them: SEEDS=1000). */
import t from 'tap'
import { VirtualClock } from '../../src/base/clock.js'
import { Events } from '../../src/base/events.js'
import { resolveLimits } from '../../src/base/limits.js'
import { silentLogger } from '../../src/base/ports.js'
import { Partition } from '../../src/cluster/partition.js'
import {
  mayDecide,
  newQuorum,
  type PartitionPolicy,
  type QuorumState,
  servesUntil,
  stepQuorum,
  type Voter,
} from '../../src/cluster/quorum.js'
import type { Message } from '../../src/wire/messages.js'
import { BROKEN, type Broken, QuorumWorld } from '../fixtures/quorum-world.js'

const LEASE_MS = 6_000
const none = new Set<string>()
const voters = (...heard: number[]): Voter[] => heard.map((heardAt, i) => ({ node: 'bcdefg'[i] ?? '', heardAt }))

t.test('53: static: so many, this one counted', async (t) => {
  const policy: PartitionPolicy = { quorum: 'static', size: 3 }
  const state = newQuorum('a', policy)
  t.equal(servesUntil(policy, state, voters(100, 50, 70), 0, LEASE_MS), 70 + LEASE_MS, 'the second best lease counts')
  t.equal(servesUntil(policy, state, voters(100), 0, LEASE_MS), Number.NEGATIVE_INFINITY)
  t.equal(servesUntil({ quorum: 'static', size: 1 }, state, [], 0, LEASE_MS), Number.POSITIVE_INFINITY)
  t.equal(mayDecide(policy, state, ['a', 'b'], 0), false)
  t.equal(mayDecide(policy, state, ['a', 'b', 'c'], 0), true)
})

t.test('53: dynamic: a share of those that were there not long ago', async (t) => {
  const policy: PartitionPolicy = { quorum: 'dynamic', percent: 60 }
  t.equal(servesUntil(policy, newQuorum('a', policy), voters(10, 20), 5, LEASE_MS), 10 + LEASE_MS, '3 of 5')
  t.equal(servesUntil(policy, newQuorum('a', policy), voters(10), 5, LEASE_MS), Number.NEGATIVE_INFINITY)
  t.equal(mayDecide({ quorum: 'dynamic' }, newQuorum('a', policy), ['a'], 2), true, 'half of two is enough by default')
})

t.test('53: majority: nobody begins below more than half of size; who left in order counts no more', async (t) => {
  const policy: PartitionPolicy = { quorum: 'majority', size: 3 }
  let state = newQuorum('a', policy)
  const settle = (view: string[], left = none): void => {
    state = stepQuorum(state, { type: 'agreed', view, left })
    state = stepQuorum(state, { type: 'settled', view, left })
  }
  settle(['a'])
  t.same(state.now, { serial: 0, names: [], least: 3 })
  t.equal(servesUntil(policy, state, voters(5), 0, LEASE_MS), Number.NEGATIVE_INFINITY, 'not before it began')
  settle(['a', 'b'])
  t.same(state.now.names, ['a', 'b'])
  settle(['a', 'b', 'c', 'd', 'e'])
  t.equal(servesUntil(policy, state, voters(5, 7), 0, LEASE_MS), 5 + LEASE_MS, '3 of 5')
  settle(['a', 'b', 'c'], new Set(['e']))
  t.same(state.now.names, ['a', 'b', 'c', 'd'], 'd did not leave in order')
  settle(['a', 'b'])
  t.same(state.now.names, ['a', 'b', 'c', 'd'], 'two of four change nothing')
  t.equal(mayDecide(policy, state, ['a', 'b'], 0), false)
  state = stepQuorum(state, { type: 'reset', names: ['a', 'b'] })
  t.equal(mayDecide(policy, state, ['a', 'b'], 0), true, 'an operator has said so')
})

t.test('53: between agreed and settled both sets count', async (t) => {
  const policy: PartitionPolicy = { quorum: 'majority', size: 3 }
  let state: QuorumState = { ...newQuorum('b', policy), now: { serial: 1, names: ['a', 'b', 'c'], least: 3 } }
  state = stepQuorum(state, { type: 'agreed', view: ['a', 'b', 'c', 'd', 'e'], left: none })
  t.equal(mayDecide(policy, state, ['b', 'c'], 0), false, 'most of three, not of five')
  t.equal(mayDecide(policy, state, ['a', 'd', 'e'], 0), false, 'most of five, not of three')
  t.equal(mayDecide(policy, state, ['a', 'b', 'e'], 0), true)
  state = stepQuorum(state, { type: 'told', electorate: { serial: 2, names: ['a', 'b', 'c', 'd', 'e'], least: 3 } })
  t.equal(state.pending.length, 0, 'somebody has settled on it')
})

const SEEDS = Number(process.env.SEEDS ?? 25)

t.test(
  '52, 53: G1: who decides holds nobody for dead that serves, whatever is cut, joins, leaves, begins anew',
  async (t) => {
    const all = { served: 0, frozen: 0, decided: 0 }
    for (let seed = 1; seed <= SEEDS; seed++) {
      const { wrong, tally } = new QuorumWorld(seed).run()
      if (wrong !== undefined) t.fail(`seed ${seed}: ${wrong}`)
      for (const key of ['served', 'frozen', 'decided'] as const) all[key] += tally[key]
    }
    t.comment(`seeds 1 to ${SEEDS}: ${JSON.stringify(all)}`)
    t.ok(all.served > 10_000 && all.frozen > 10_000 && all.decided > 5_000, 'all of it happened')
  },
)

for (const broken of Object.keys(BROKEN) as Broken[]) {
  t.test(`G1: broken on purpose it is found: ${broken}`, async (t) => {
    const found = Array.from({ length: 60 }, (_, i) => BROKEN[broken] + i).find(
      (seed) => new QuorumWorld(seed, broken).run().wrong !== undefined,
    )
    t.comment(`seed ${found}`)
    t.ok(found !== undefined, 'two of one process ran')
  })
}

t.test('G1: a new life of a member gets no lease before a settled view has had it', async (t) => {
  const clock = new VirtualClock()
  const limits = resolveLimits({})
  const live = ['b', 'c'].map((node) => ({ node, incarnation: 1 }))
  const sent: Message[] = []
  const partition = new Partition({
    ...{ clock, limits, log: silentLogger, policy: { quorum: 'majority', size: 3 } as const },
    events: new Events('a', silentLogger),
    self: () => ({ cluster: 'main', node: 'a', incarnation: 1 }) as never,
    peers: { live: () => live, send: (_to: string, message: Message) => sent.push(message) } as never,
    resumed: () => {},
  })
  const members = [{ node: 'a', incarnation: 1 }, ...live]
  const quorum = { type: 'QUORUM', sentAt: 1, serial: 0, nodes: [], least: 3 } as const
  const echoTo = async (incarnation: number): Promise<boolean> => {
    sent.length = 0
    partition.memberUp({ node: 'c', incarnation })
    partition.received({ node: 'c', incarnation }, quorum as never)
    await clock.advance(limits.heartbeatMs)
    return sent.some((message) => message.type === 'QUORUM' && message.echo === 1)
  }
  partition.memberUp({ node: 'b', incarnation: 1 })
  partition.viewed({ members, digest: 'd', settled: true } as never)
  await clock.advance(limits.downMs)
  t.ok(await echoTo(1))
  partition.memberDown('c', false)
  t.notOk(await echoTo(2))
  partition.viewed({ members, digest: 'e', settled: true } as never)
  t.ok(await echoTo(2))
  partition.close()
})
