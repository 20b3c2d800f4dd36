/** What liars left behind: each is a bug that the fuzz of whole nodes found. */
import t from 'tap'
import { SeededRandom } from '../../src/base/random.js'
import { checksum } from '../../src/migration/snapshot.js'
import type { MobilityNode } from '../../src/node/node.js'
import { simulate } from '../../src/testing.js'
import type { Entry, Message } from '../../src/wire/messages.js'
import { Liar } from '../fixtures/fuzz-liar.js'
import { snapshotOf } from '../fixtures/fuzz-traces.js'
import { counter } from '../fixtures/hostile-lab.js'

const SECRET = 'a secret for liars: 1d0c44b7a9'

/** a, b, c with a fourth member m that lies. */
const cluster = async (seed: string) => {
  const world = simulate({ seed })
  for (const name of ['a', 'b', 'c']) await world.node(name, { kinds: [counter], secret: SECRET })
  const transport = world.network.host('m')
  const who = { cluster: 'main', node: 'm', incarnation: 7, joining: true, secret: SECRET, hello: {} }
  const links = new Map<string, Liar>()
  for (const to of ['a', 'b', 'c']) {
    const liar = await Liar.open(world, transport, to, who, new SeededRandom(`${seed} ${to}`), (message) => {
      if (message.type === 'VIEW') liar.say({ ...message, members: [] })
    })
    links.set(to, liar)
  }
  await world.advance(1_000)
  const end = (): void => {
    for (const liar of links.values()) liar.end()
  }
  return { world, liar: (to: string) => links.get(to) as Liar, end }
}

/** All of a process but its COMMIT. @returns which attempt */
const bringTo = (liar: Liar, to: MobilityNode, name: string, epoch: number) => {
  const bytes = snapshotOf({ handed: { count: 1, notes: [] } })
  const attempt = { epoch, counter: 1 }
  liar.say({
    ...{ type: 'PREPARE', name, attempt, toIncarnation: to.incarnation, kind: 'counter', version: 1, line: epoch },
    ...{ holder: '', holderIncarnation: 0, transfer: 1, totalBytes: bytes.length, delegations: [] },
  } as Message)
  liar.say({ type: 'CHUNK', transfer: 1, index: 0, bytes })
  liar.say({ type: 'CHUNK_END', transfer: 1, chunks: 1, crc: checksum(bytes) })
  return { name, attempt }
}

/** A process that m says it runs. */
const ofLiar = (name: string, epoch: number): Entry => ({
  ...{ name, kind: 'counter', node: 'm', incarnation: 7 },
  ...{ epoch, line: epoch, status: 'live', reason: '' },
})

/** Each name has another home. */
const NAMES = ['ghost', 'x1', 'x2', 'x3', 'x4', 'x5']

t.test('G11: a name of a dead member ends too when its home knew it in an older epoch only', async (t) => {
  for (const name of NAMES) {
    const { world, liar, end } = await cluster(`two epochs of ${name}`)
    const epoch = world.clock.wall()
    const entry = ofLiar(name, epoch)
    // It dies in the middle of telling of a newer life; whoever sees its death first tells the home.
    for (const to of ['a', 'b', 'c']) liar(to).say({ type: 'REGISTERED', entries: [entry] })
    await world.advance(10)
    for (const to of ['b', 'c'])
      liar(to).say({ type: 'REGISTERED', entries: [{ ...entry, epoch: epoch + 5, line: epoch + 5 }] })
    await world.advance(10)
    end()
    world.at('b').declareDead('m')
    await world.advance(60_000)
    for (const at of ['a', 'b', 'c']) t.equal(world.at(at).stats().recovering, 0, `nothing is recovering on ${at}`)
    await world.run(world.at('b').start(counter, { name, args: [1] }))
    await world.close()
  }
})

t.test('G11: of two who tell its home of a dead member before it knows, the newer word counts', async (t) => {
  for (const name of NAMES) {
    const { world, liar, end } = await cluster(`two words on ${name}`)
    const epoch = world.clock.wall()
    const entry = ofLiar(name, epoch)
    const older = { ...entry, epoch: epoch - 5, line: epoch - 5 }
    liar('a').say({ type: 'REGISTERED', entries: [entry] })
    liar('b').say({ type: 'REGISTERED', entries: [older] })
    await world.advance(10)
    end()
    world.at('a').declareDead('m')
    await world.advance(2)
    world.at('b').declareDead('m')
    await world.advance(60_000)
    for (const at of ['a', 'b', 'c']) t.equal(world.at(at).stats().recovering, 0, `nothing is recovering on ${at}`)
    await world.close()
  }
})

t.test('attack 40: a member cannot drive the epochs up, one leap after the other', async (t) => {
  const { world, liar, end } = await cluster('driven up')
  const day = 24 * 60 * 60 * 1_000
  const own = { name: 'of m', kind: 'counter', node: 'm', incarnation: 7, status: 'live', reason: '' } as const
  for (let leap = 1; leap <= 400; leap += 1) {
    const epoch = world.clock.wall() + leap * (day - 10_000)
    liar('a').say({ type: 'REGISTERED', entries: [{ ...own, epoch, line: epoch }] })
    await world.advance(2)
  }
  const { epoch } = world.at('a').whereis('of m')!
  t.ok(epoch <= world.clock.wall() + day, `it is at most a day ahead: ${epoch - world.clock.wall()} ms`)
  liar('a').say({ type: 'REGISTERED', entries: [{ ...own, epoch, line: epoch, status: 'ended', reason: 'normal' }] })
  await world.advance(10)
  end()
  // Its record is forgotten, its epoch is not: no life of any name starts below.
  await world.advance(700_000)
  await world.run(world.at('a').start(counter, { name: 'next', args: [1] }))
  const next = world.at('a').whereis('next')!.epoch
  t.ok(next > epoch && next <= world.clock.wall() + day, 'a new name starts above, and still at most a day ahead')
  await world.advance(100)
  for (const at of ['b', 'c']) t.equal(world.at(at).whereis('next')?.epoch, next, `${at} believes it`)
  await world.close()
})

t.test('G10: a copy from a node that had been taken for dead is listed when that node dies indeed', async (t) => {
  const world = simulate({ seed: 'twice dead' })
  const f = await world.node('f', { kinds: [counter], secret: SECRET })
  const transport = world.network.host('z')
  const who = { cluster: 'third', node: 'z', incarnation: 7, joining: false, secret: SECRET, hello: {} }
  const dial = (label: string) => Liar.open(world, transport, 'f', who, new SeededRandom(label), () => {})
  const bring = (liar: Liar, name: string): void => void bringTo(liar, f, name, world.clock.wall())
  const first = await dial('first')
  bring(first, 'one')
  await world.advance(500)
  first.end()
  // Its port refuses, as that of a dead node does; but it lives, and comes again.
  await world.advance(5_000)
  t.same(
    f.parked().map(({ name }) => name),
    ['one'],
  )
  const second = await dial('second')
  bring(second, 'two')
  await world.advance(500)
  second.end()
  await world.advance(20_000)
  t.same(
    f.parked().map(({ name }) => name),
    ['one', 'two'],
    'an operator can see it, and end it',
  )
  for (const name of ['one', 'two']) t.ok(f.decide(name, 'discard'))
  t.equal(f.stats().arrivals, 0)
  await world.close()
})

t.test('attack 31, 39: a source that says that it was frozen for 285 years is answered all the same', async (t) => {
  const world = simulate({ seed: 'frozen for long' })
  const f = await world.node('f', { kinds: [counter], secret: SECRET })
  const who = { cluster: 'third', node: 'z', incarnation: 7, joining: false, secret: SECRET, hello: {} }
  const heard: Message[] = []
  const hear = (message: Message): void => void heard.push(message)
  const z = await Liar.open(world, world.network.host('z'), 'f', who, new SeededRandom('frozen'), hear)
  const key = bringTo(z, f, 'old', world.clock.wall())
  await world.advance(50)
  z.say({ type: 'COMMIT', ...key, toIncarnation: f.incarnation, frozenUs: Number.MAX_SAFE_INTEGER })
  // It repeats its answer, by a timer, until it is heard.
  await world.advance(3_000)
  const answers = heard.filter(({ type }) => type === 'ACTIVATED')
  t.ok(answers.length > 1, 'again and again')
  t.match(answers[0], { name: 'old' })
  t.equal(await world.run(f.ref(counter, 'old').call.get()), 1)
  await world.close()
})
