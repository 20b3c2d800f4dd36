/**
 * Random histories of a cluster whose directory is on an engine: starts, moves, calls and stops, while nodes are cut
 * off from the engine and from each other, stand still and die. At no time does a name run in two places (G1), and when
 * all is whole again each name is where the engine says, and answers. `SEED=n` runs one, `SEEDS=n` so many.
 */
import { test } from 'tap'
import { EngineWorld, type Mutant, TTL_MS } from '../fixtures/engine-world.js'
import type { Way } from '../fixtures/memory-engine.js'

const { SEED, SEEDS = '25' } = process.env
const seeds = SEED === undefined ? Array.from({ length: Number(SEEDS) }, (_, i) => i + 1) : [Number(SEED)]
const NODES = ['a', 'b', 'c'] as const
const NAMES = ['x', 'y', 'z', 'w'] as const
const WAYS: readonly Way[] = ['down', 'silent', 'deaf', 'late']

interface Tally {
  handled: number
  moved: number
  fenced: number
  conflicts: number
  rollbacks: number
}

class History {
  readonly world: EngineWorld
  readonly down = new Set<string>()
  readonly still = new Set<string>()
  readonly #tally: Tally
  /** A node that was not there has not seen a lease end too early. */
  #early = false

  constructor(seed: number, tally: Tally, mutant?: Mutant) {
    // A member that was taken for dead while it lived does not come back yet: that is not what is looked at here.
    this.world = new EngineWorld(`engine ${seed}`, {}, mutant)
    this.#tally = tally
  }

  #pick<T>(from: readonly T[]): T {
    return from[this.world.random.between(0, from.length - 1)] as T
  }

  get #up(): string[] {
    return NODES.filter((name) => !this.down.has(name))
  }

  #quietly(promise: Promise<unknown>): void {
    promise.catch(() => undefined)
  }

  #act(): void {
    const { world } = this
    const [on, name] = [this.#pick(this.#up), this.#pick(NAMES)]
    const draw = world.random.between(0, 99)
    const other = this.#pick(NODES)
    if (draw < 40) return this.#quietly(world.ref(on, name).call.add(1))
    if (draw < 50) return this.#quietly(world.at(on).node.start(world.counter, { name }))
    if (draw < 70) return this.#quietly(world.ref(on, name).sendMe(other))
    if (draw < 72) return this.#quietly(world.ref(on, name).stop())
    if (draw < 76) return world.at(on).way.set(this.#pick(WAYS))
    if (draw < 86) return world.at(on).way.set('up')
    if (draw < 88) return on === other ? undefined : world.network.partition([on], [other])
    if (draw < 91) return world.network.heal()
    if (draw < 93) return this.#pause(on)
    if (draw < 96) return this.#resume()
    if (draw < 97 && !this.#early) return this.#kill(on)
    if (draw < 98 && this.down.size === 0) return this.#endEarly(on)
    if (draw < 99) return world.engine.compact()
  }

  #pause(name: string): void {
    if (this.still.has(name)) return
    this.still.add(name)
    this.world.pause(name)
  }

  #resume(): void {
    for (const name of this.still) this.world.resume(name)
    this.still.clear()
  }

  #kill(name: string): void {
    if (this.down.size > 0) return
    this.world.kill(name)
    this.down.add(name)
    this.still.delete(name)
  }

  /** As a leader of etcd does that has stood still. */
  #endEarly(name: string): void {
    this.#early = true
    const life = this.world.engine.keys.find(({ key }) => key.endsWith(`l/${name}`))
    if (life !== undefined) this.world.engine.endLease(life.lease)
  }

  async run(): Promise<string[]> {
    const { world } = this
    for (const name of NODES) await world.node(name)
    for (let step = 0; step < 150; step += 1) {
      for (const on of this.#up) this.#quietly(world.ref(on, this.#pick(NAMES)).call.add(1))
      this.#act()
      await world.advance(
        world.random.between(0, 3) === 0 ? world.random.between(1, 4_000) : world.random.between(1, 30),
      )
    }
    return [...world.faults(), ...(await this.#settle())]
  }

  /** All is whole again: what then is not as it should be. */
  async #settle(): Promise<string[]> {
    const { world } = this
    this.#resume()
    world.network.heal()
    for (const name of this.#up) world.at(name).way.set('up')
    await world.advance(4 * TTL_MS + 30_000)
    const wrong: string[] = []
    const keys = world.engine.keys.map((key) => ({ ...key, key: key.key.slice('/proc-mobility/main/'.length) }))
    for (const name of NAMES) {
      const owner = keys.find(({ key }) => key === `n/${name}`)
      const node = owner === undefined ? undefined : (JSON.parse(owner.value) as { node: string }).node
      for (const on of this.#up) {
        const where = world.at(on).node.whereis(name)?.node
        if (where !== node) wrong.push(`${on} says that ${name} is on ${where}; the engine says ${node}`)
        if (node === undefined) continue
        const says = await world.code(world.ref(on, name).call.add(1))
        if (says !== 'ok') wrong.push(`a call of ${name} from ${on} ends with ${says}`)
      }
    }
    for (const on of this.#up) {
      const owned = keys.filter(({ key, value }) => key.startsWith('n/') && value.includes(`"node":"${on}"`)).length
      const { processes } = world.at(on).node.stats()
      if (processes !== owned) wrong.push(`${on} has ${processes} processes, and owns ${owned} names`)
    }
    const open = keys.filter(({ key, value }) => key.startsWith('m/') && !value.includes('closed'))
    if (open.length > 0) wrong.push(`moves are left open: ${open.map(({ key }) => key).join()}`)
    for (const on of this.#up)
      wrong.push(
        ...world
          .at(on)
          .node.parked()
          .map(({ name }) => `${name} is parked on ${on}`),
      )
    this.#count()
    return wrong
  }

  #count(): void {
    const tally = this.#tally
    tally.handled += this.world.notes.length
    for (const event of this.world.events) {
      if (event.type === 'move' && event.phase === 'activate') tally.moved += 1
      if (event.type === 'fenced' && event.fenced) tally.fenced += 1
      if (event.type === 'conflict') tally.conflicts += 1
      if (event.type === 'rollback') tally.rollbacks += 1
    }
  }
}

test('G1 G2 G10 G11: one owner at a time, whatever becomes of the engine, the network and the nodes', async (t) => {
  const tally: Tally = { handled: 0, moved: 0, fenced: 0, conflicts: 0, rollbacks: 0 }
  for (const seed of seeds) {
    const history = new History(seed, tally)
    try {
      t.same(await history.run(), [], `SEED=${seed}`)
    } catch (error) {
      t.fail(`SEED=${seed}: ${(error as Error).stack}`)
    }
  }
  t.comment(`seeds ${seeds[0]} to ${seeds.at(-1)}: ${JSON.stringify(tally)}`)
  if (seeds.length > 20)
    t.ok(tally.moved > 40 && tally.fenced > 40 && tally.conflicts > 0, 'it has seen what it is for')
})

test('G1: the check finds a node that believes in its lease whatever the engine says', async (t) => {
  const tally: Tally = { handled: 0, moved: 0, fenced: 0, conflicts: 0, rollbacks: 0 }
  for (let seed = 1; seed <= 60; seed += 1) {
    const history = new History(seed, tally, 'blind')
    await history.run().catch(() => [])
    const [fault] = history.world.faults()
    if (fault !== undefined) return void t.pass(`SEED=${seed}: ${fault}`)
  }
  t.fail('not found in 60 histories')
})
