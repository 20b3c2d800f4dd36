/** Who tells whom of children with gossip: everybody is told, by few messages of each. And who is told alone. */
import { test } from 'tap'
import { VirtualClock } from '../../src/base/clock.js'
import { SeededRandom } from '../../src/base/random.js'
import { checkHub, settingsText } from '../../src/cluster/hub-options.js'
import { createRumours, noteKept, noteWritten, recentOf, sharesOf, takeRound } from '../../src/cluster/rumours.js'
import { gossip, pubsub, type Sync } from '../../src/cluster/sync-strategy.js'
import { Telling } from '../../src/cluster/telling.js'
import type { Child, Message } from '../../src/wire/messages.js'

const child = (name: string, more: Partial<Child> = {}): Child => ({
  name,
  kind: 'k',
  args: Buffer.alloc(0),
  restart: 'permanent',
  tags: [],
  metadata: Buffer.alloc(0),
  nodes: [],
  status: 'wanted',
  reason: '',
  revision: 1,
  by: 'n0',
  born: 'n0/1/1',
  after: 0,
  ...more,
})

interface Heard {
  readonly at: number
  readonly hops: number
}

/** Members with a way to tell each other, each message a while under way. */
class World {
  readonly clock = new VirtualClock()
  readonly random: SeededRandom
  readonly nodes: string[]
  readonly tellings = new Map<string, Telling>()
  /** Node -> name -> when. */
  readonly heard = new Map<string, Map<string, Heard>>()
  readonly sent = new Map<string, number>()
  /** From -> to, without a link. */
  readonly cut = new Set<string>()
  doubles = 0
  /** It takes what it is told and passes nothing on. */
  dead = ''

  constructor(count: number, sync: Sync, seed: string) {
    this.random = new SeededRandom(seed)
    this.nodes = Array.from({ length: count }, (_, i) => `n${i}`)
    for (const self of this.nodes) {
      this.heard.set(self, new Map())
      const live = this.nodes.filter((node) => node !== self)
      const address = { host: 'x', port: 1 }
      const send = (node: string, message: Message): boolean => this.#send(self, node, message)
      const peers = {
        live: () => live.map((node) => ({ node, incarnation: 1, address })),
        isLive: () => true,
        isDead: () => false,
        send,
        broadcast: (message: Message) => {
          for (const node of live) send(node, message)
        },
      }
      this.tellings.set(self, new Telling({ clock: this.clock, peers, sync, chunkBytes: 65_536 }))
    }
  }

  #send(from: string, to: string, message: Message): boolean {
    if (this.cut.has(`${from} ${to}`)) return false
    this.sent.set(from, (this.sent.get(from) ?? 0) + 1)
    this.clock.after(this.random.between(1, 5), () => this.#take(from, to, message))
    return true
  }

  #take(from: string, to: string, message: Message): void {
    if (message.type !== 'CHILDREN') return
    const mine = this.heard.get(to) as Map<string, Heard>
    for (const { name } of message.children) {
      if (mine.has(name)) this.doubles += 1
      mine.set(name, { at: this.clock.now(), hops: (this.heard.get(from)?.get(name)?.hops ?? 0) + 1 })
    }
    if (to !== this.dead) this.tellings.get(to)?.passOn(from, message.children, message.pass ?? [])
  }

  write(on: string, names: readonly string[]): void {
    for (const name of names) this.tellings.get(on)?.wrote(child(name))
  }

  /** Nodes that have not heard of it, but for its own. */
  deaf(name: string, own: string): string[] {
    return this.nodes.filter((node) => node !== own && this.heard.get(node)?.has(name) !== true)
  }

  get messages(): number {
    return [...this.sent.values()].reduce((sum, count) => sum + count, 0)
  }

  get hops(): number {
    return Math.max(...[...this.heard.values()].flatMap((names) => [...names.values()].map(({ hops }) => hops)))
  }
}

test('scenario 57: with gossip everybody is told once, in few hops, and nobody sends many messages', async (t) => {
  for (const [count, recipients, hops] of [
    [3, 3, 1],
    [10, 3, 2],
    [20, 3, 3],
    [50, 3, 4],
    [50, 2, 5],
    [200, 3, 5],
    [20, 1, 19],
  ] as const) {
    const seed = `${count} members, ${recipients} recipients`
    const world = new World(count, gossip({ recipients }), seed)
    for (let i = 0; i < 10; i += 1) {
      const own = world.random.pick(world.nodes)
      const names = Array.from({ length: 20 }, (_, j) => `c${i}:${j}`)
      const before = world.messages
      const sentBefore = new Map(world.sent)
      for (const name of names) {
        world.write(own, [name])
        await world.clock.advance(1)
      }
      await world.clock.advance(200)
      for (const name of names) if (world.deaf(name, own).length > 0) t.fail(`${seed}: ${world.deaf(name, own)} deaf`)
      t.equal(world.messages - before, count - 1, `${seed}: one message for each other member`)
      const most = Math.max(...world.nodes.map((node) => (world.sent.get(node) ?? 0) - (sentBefore.get(node) ?? 0)))
      t.ok(most <= recipients, `${seed}: nobody sent more than ${most}`)
    }
    t.same([world.doubles, world.hops], [0, hops], seed)
  }
})

test('with pubsub the writer tells all, at the end of the turn', async (t) => {
  const world = new World(20, pubsub(), 'pubsub')
  world.write('n3', ['x', 'y'])
  await world.clock.advance(5)
  t.same([world.deaf('x', 'n3'), world.messages, world.sent.get('n3'), world.doubles], [[], 19, 19, 0])
})

test('G11: who has no link is passed over, his share is told; who dies takes his share along', async (t) => {
  for (let seed = 0; seed < 50; seed += 1) {
    const world = new World(20, gossip(), `cut ${seed}`)
    const own = world.random.pick(world.nodes)
    const apart = world.random.shuffle(world.nodes.filter((node) => node !== own)).slice(0, 3)
    for (const node of apart) for (const other of world.nodes) world.cut.add(`${other} ${node}`)
    world.write(own, ['x'])
    await world.clock.advance(200)
    t.same(world.deaf('x', own).sort(), apart.sort(), `seed ${seed}`)
  }
  const world = new World(20, gossip(), 'dead')
  world.dead = world.nodes[2] as string
  for (let i = 0; i < 19; i += 1) {
    world.write('n0', [`c${i}`])
    await world.clock.advance(200)
  }
  const missed = Array.from({ length: 19 }, (_, i) => world.deaf(`c${i}`, 'n0').length)
  t.ok(Math.max(...missed) === 6 && missed.includes(0), `not always the same pass on: ${missed}`)
})

test('a round, what is recent, what no other member has', async (t) => {
  const rumours = createRumours()
  const [x, y] = [child('x'), child('y')]
  for (const one of [x, y]) noteWritten(rumours, one)
  t.same(recentOf(rumours, ['x', 'z']), [x])
  t.same(takeRound(rumours, 0), [x, y])
  t.same(takeRound(rumours, 10), [])
  t.same(recentOf(rumours, ['x', 'y']), [x, y], 'told, and may be under way')
  const newer = child('x', { revision: 2 })
  noteWritten(rumours, newer)
  t.same(recentOf(rumours, ['x']), [newer])
  noteKept(rumours, [x, y])
  t.same([...rumours.unkept.values()], [newer], 'what was kept is the former one')
  noteWritten(rumours, child('x', { revision: 3, status: 'removed' }))
  t.same([...rumours.unkept.values()], [], 'nobody waits for a tombstone')
  takeRound(rumours, 1_000)
  takeRound(rumours, 2_500)
  t.same(
    recentOf(rumours, ['x', 'y']).map(({ name }) => name),
    ['x'],
  )
  t.same(sharesOf([], 3, 7), [])
  t.same(sharesOf(['a', 'b', 'c', 'd'], 2, 1), [
    ['b', 'd'],
    ['c', 'a'],
  ])
})

test('before an answer that member alone is told; before a new view, and at the end of the node, all', async (t) => {
  const world = new World(10, gossip(), 'before')
  const own = world.tellings.get('n0') as Telling
  world.write('n0', ['x', 'y'])
  own.flush()
  t.equal(world.messages, 0, 'what the registry says needs nothing of it')
  own.beforeAnswer('n4', ['x'])
  own.beforeDigest('n5')
  t.same(
    own.unkept.map(({ name }) => name),
    ['x', 'y'],
  )
  await world.clock.advance(50)
  t.same([...(world.heard.get('n4')?.keys() ?? [])], ['x'])
  t.same([...(world.heard.get('n5')?.keys() ?? [])], ['x', 'y'])
  t.equal(world.messages, 2)
  own.toAll()
  t.equal(world.messages, 2 + 9)
  await world.clock.advance(200)
  t.equal(world.messages, 2 + 9, 'it is not told in a round, too')
  world.write('n0', ['z'])
  own.close()
  await world.clock.advance(200)
  t.same([world.deaf('z', 'n0'), world.messages], [[], 2 + 9 + 9])
  const first = world.tellings.get('n1') as Telling
  first.passOn('n0', [child('p')], ['n0', 'n1', 'n2', 'n2', 'stranger'])
  t.equal(world.sent.get('n1'), 1, 'to members alone, each once, and not to whoever told it')
})

test('options of pubsub and gossip', async (t) => {
  t.match(pubsub(), { name: 'pubsub', gatherMs: 0, syncIntervalMs: 5_000 })
  t.match(gossip(), { name: 'gossip', recipients: 3, gatherMs: 100, syncIntervalMs: 2_000 })
  t.match(gossip({ recipients: 5, restrictedInit: true, syncIntervalMs: 7 }), { recipients: 5, syncIntervalMs: 7 })
  const wrong = [{ recipients: 0 }, { recipients: 1.5 }, { gatherMs: -1 }, { restrictedInit: 1 }, { sync: 1 }, null]
  for (const options of wrong) t.throws(() => gossip(options as never), { code: 'ERR_OPTION' }, JSON.stringify(options))
  t.throws(() => pubsub({ recipients: 3 } as never), { code: 'ERR_OPTION' })
  for (const sync of ['gossip', {}, null]) t.throws(() => checkHub({ sync } as never), { code: 'ERR_OPTION' })
  const said = (sync: Sync) => settingsText(checkHub({ sync }))
  t.not(said(gossip()), said(pubsub()), 'a member that does otherwise is told of')
  t.equal(checkHub().sync.name, 'pubsub')
})
