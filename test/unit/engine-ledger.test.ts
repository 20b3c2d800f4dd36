/** What the record of moves at an engine answers, where a lease has ended in the middle: two nodes, one engine. */
import { test } from 'tap'
import { VirtualClock } from '../../src/base/clock.js'
import { Events } from '../../src/base/events.js'
import { defaultLimits } from '../../src/base/limits.js'
import { silentLogger } from '../../src/base/ports.js'
import { beginSource, type SourceEvent, stepSource } from '../../src/migration/machine-source.js'
import type { MoveLedger } from '../../src/registry/directory.js'
import { EngineDirectory } from '../../src/registry/engine-directory.js'
import type { Entry } from '../../src/wire/messages.js'
import { MemoryEngine } from '../fixtures/memory-engine.js'

const TTL_MS = 5_000

class Pair {
  readonly clock = new VirtualClock()
  readonly engine = new MemoryEngine(this.clock)
  /** Of which owners each node was told that they are gone. */
  readonly told: string[] = []
  readonly #open: EngineDirectory[] = []

  async node(node: string) {
    const client = this.engine.client()
    const directory = new EngineDirectory({
      clock: this.clock,
      log: silentLogger,
      events: new Events(node, silentLogger),
      limits: defaultLimits,
      self: () => ({ cluster: 'c', node, incarnation: 1 }),
      peers: { live: () => [], isLive: () => true, isDead: () => false, send: () => false, broadcast() {} },
      client,
      ttlMs: TTL_MS,
      prefix: '/test',
      hooks: {
        ...{ superseded() {}, running: () => [], fenced() {}, lost() {}, regained() {}, opened() {}, leased() {} },
        moved: (entry) => void this.told.push(`${node}: ${entry.name} ${entry.status} on ${entry.node}`),
      },
    })
    await this.run(directory.start())
    this.#open.push(directory)
    return { directory, client, moves: directory.moves as MoveLedger, lease: directory.leases[0] ?? '' }
  }

  run<T>(promise: Promise<T>): Promise<T> {
    return this.clock.runUntil(promise, 60_000)
  }

  close(): void {
    for (const directory of this.#open) directory.close()
    this.engine.close()
  }
}

/** x is on s, and a move to d has begun. */
const begun = async () => {
  const pair = new Pair()
  const [s, d] = [await pair.node('s'), await pair.node('d')]
  const entry = await pair.run(s.directory.claim('x', 'counter'))
  const attempt = { epoch: entry.epoch, counter: 1 }
  const to = { node: 'd', incarnation: 1 }
  const what = { kind: 'counter', line: entry.line }
  return { pair, s, d, entry, attempt, to, what }
}

const ended = (entry: Entry): Entry => ({ ...entry, status: 'ended', reason: 'it could not attach' })

test('G1 G10: what D has taken and ended is not given back to S by an abort, and S is told', async (t) => {
  const { pair, s, d, attempt, to, what } = await begun()
  t.equal(await pair.run(s.moves.begin('x', attempt, to, () => true)), 'begun')
  pair.engine.endLease(s.lease)
  t.equal(await pair.run(d.moves.take('x', attempt, what)), 'taken')
  d.directory.publish(ended(d.directory.lookup('x') as Entry))
  await pair.clock.advance(200)
  t.equal(await pair.run(s.moves.abort('x', attempt)), 'taken')
  t.ok(pair.told.includes('s: x ended on d'))
  pair.close()
})

test('G6: what S itself has ended an abort leaves as it is', async (t) => {
  const { pair, s, entry, attempt, to } = await begun()
  t.equal(await pair.run(s.moves.begin('x', attempt, to, () => true)), 'begun')
  s.directory.publish(ended(entry))
  await pair.clock.advance(200)
  t.equal(await pair.run(s.moves.abort('x', attempt)), 'aborted')
  pair.close()
})

test('G10: D does not wait for a name that somebody has claimed since', async (t) => {
  const { pair, s, d, attempt, what } = await begun()
  t.equal(await pair.run(d.moves.take('x', attempt, what)), 'wait', 'S owns it, and may begin yet')
  pair.engine.endLease(s.lease)
  await pair.clock.advance(2 * TTL_MS)
  const third = await pair.node('e')
  await pair.run(third.directory.claim('x', 'counter'))
  t.equal(await pair.run(d.moves.take('x', attempt, what)), 'aborted')
  pair.close()
})

test('G6: a reclaim that is written when the node stands still is known as its own afterwards', async (t) => {
  const { pair, s, d, attempt, to } = await begun()
  t.equal(await pair.run(s.moves.begin('x', attempt, to, () => true)), 'begun')
  t.equal(await pair.run(s.moves.record('x', attempt)), 'recorded')
  pair.engine.endLease(d.lease)
  await pair.clock.advance(2 * TTL_MS)
  const txn = s.client.txn.bind(s.client)
  let release = (): void => {}
  // What it writes is written; it hears so when its lease may be over.
  s.client.txn = async (asked) => {
    const answer = await txn(asked)
    if (asked.writes.length === 0) return answer
    s.client.set('silent')
    return new Promise((resolve) => {
      release = () => resolve(answer)
    })
  }
  const said = s.moves.reclaim('x', attempt, to, false)
  await pair.clock.advance(10)
  while (s.directory.mayRun()) await pair.clock.advance(10)
  release()
  await pair.clock.advance(100)
  s.client.set('up')
  t.equal(await pair.run(said), 'fresh')
  pair.close()
})

test('G6: S aborts, and runs again when the engine says so, not when D does', async (t) => {
  let state = beginSource({ thirdHolder: false, foreign: false, engine: true })
  const step = (event: SourceEvent): string[] => {
    const next = stepSource(state, event)
    state = next.state
    return next.effects.map(({ type }) => type)
  }
  step({ type: 'frozen' })
  t.same(step({ type: 'giveUp' }), ['sendAbort'])
  for (const type of ['refused', 'aborted'] as const) t.same(step({ type }), [], `D says ${type}`)
  t.equal(state.phase, 'aborting')
  t.same(step({ type: 'notRecorded' }), ['resume'])
})
