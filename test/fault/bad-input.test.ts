/**
 * What bad input gets: an error with a code and a cure, the truth about whether the work was done, and a process and a
 * node that go on as before.
 */
import net from 'node:net'
import t, { type Test } from 'tap'
import { ERRORS, type ErrorCode, type Executed, type MobilityError } from '../../src/base/errors.js'
import { createNode, type MobilityNode } from '../../src/node/node.js'
import { tcp } from '../../src/process/destination.js'
import { genServer } from '../../src/process/gen-server.js'
import type { Ref } from '../../src/process/kind.js'
import { noneUnhandled, SECRET } from '../fixtures/hostile-lab.js'
import { HostilePeer } from '../fixtures/hostile-peer.js'
import { eventsOf, gate, keptLogger } from '../fixtures/process-lab.js'

let door = gate()
let entered = gate()
const spec = {
  init: (start: number) => ({ count: start, extra: undefined as unknown }),
  calls: {
    add: (self: { state: { count: number } }, by: number) => (self.state.count += by),
    echo: (_self: unknown, value: unknown) => value,
    wait: async (self: { state: { count: number } }) => {
      entered.open()
      await door.promise
      self.state.count += 1
      return self.state.count
    },
    keep: (self: { state: { extra: unknown } }, what: string) => {
      self.state.extra = what === 'function' ? { deep: [0, () => 1] } : what === 'socket' ? new net.Socket() : undefined
    },
  },
  shutdownMs: 100,
}
const cart = genServer('cart', { ...spec, version: 1 })
const newer = genServer('cart', { ...spec, version: 2 })
const other = genServer('other', spec)
type CartRef = Ref<typeof cart>

const portOf = (node: MobilityNode): number => Number(node.address.split(':')[1])

const node = async (t: Test, name: string, options: object = {}): Promise<MobilityNode> => {
  const made = await createNode({ name, port: 0, secret: SECRET, kinds: [cart], logger: keptLogger(), ...options })
  t.teardown(() => made.stop())
  return made
}

/** Fails with this code and says the cure; `executed` is right; then the process answers as if nothing had been. */
const refuses = async (
  t: Test,
  what: Promise<unknown>,
  code: ErrorCode,
  more: { executed?: Executed; says?: RegExp; after?: CartRef; count?: number } = {},
): Promise<void> => {
  const error = await what.then(
    () => undefined,
    (thrown: MobilityError) => thrown,
  )
  t.equal(error?.code, code, `${code}`, { error: error?.message })
  t.match(error?.message, more.says ?? /\. \S.*\.$/, `it says what to do: ${error?.message}`)
  t.equal(error?.executed, more.executed ?? ERRORS[code].executed, 'and whether it was done')
  if (more.after !== undefined)
    t.equal(await more.after.call.add(0), more.count ?? 0, 'the process serves on, untouched')
}

const pair = async (t: Test, options: object = {}) => {
  noneUnhandled(t)
  const a = await node(t, 'a', { cluster: 'c' })
  const b = await node(t, 'b', { cluster: 'c', join: [a.address], ...options })
  const ref: CartRef = await a.start(cart, { name: 'cart:1', args: [5] })
  return { a, b, ref }
}

t.test('an unknown kind: at the start, and at the destination of a move', async (t) => {
  const { a, ref } = await pair(t, { kinds: [other] })
  await refuses(t, a.start(other, { name: 'o', args: [0] }), 'ERR_KIND_UNKNOWN', { says: /Add it to the `kinds`/ })
  await refuses(t, ref.sendMe('b'), 'ERR_KIND_UNKNOWN', { says: /Add it to the `kinds`/, after: ref, count: 5 })
})

t.test(
  'attack 43: a version that cannot be read: newer than the destination, and older without a way up',
  async (t) => {
    const { a, ref } = await pair(t, { kinds: [newer] })
    await refuses(t, ref.sendMe('b'), 'ERR_VERSION', {
      says: /Deploy the newer code there first/,
      after: ref,
      count: 5,
    })
    const c = await node(t, 'c', { cluster: 'c', join: [a.address], kinds: [newer] })
    const up = await c.start(newer, { name: 'cart:2', args: [7] })
    await refuses(t, up.sendMe('a'), 'ERR_VERSION', { after: up as never, count: 7 })
  },
)

t.test('a state that cannot travel: the path says where', async (t) => {
  const { ref } = await pair(t)
  for (const [what, says] of [
    ['function', /extra\.deep\[1\].*function/],
    ['socket', /extra.*Socket/],
  ] as const) {
    await ref.call.keep(what)
    await refuses(t, ref.sendMe('b'), 'ERR_NOT_PORTABLE', { says, after: ref, count: 5 })
  }
  await ref.call.keep('nothing')
  t.match(await ref.sendMe('b'), { moved: true }, 'without it, it moves')
})

t.test('arguments and results that cannot travel, or are too large', async (t) => {
  const { b } = await pair(t)
  const ref: CartRef = b.ref(cart, 'cart:1')
  if (b.whereis('cart:1') === undefined) await b.once('registered', ({ name }) => name === 'cart:1')
  await refuses(t, ref.call.echo({ a: [() => 1] }), 'ERR_NOT_PORTABLE', {
    says: /args\[0\]\.a\[0\]/,
    after: ref,
    count: 5,
  })
  await refuses(t, ref.call.echo('x'.repeat(1_100_000)), 'ERR_FRAME_TOO_LARGE', {
    says: /Send less/,
    after: ref,
    count: 5,
  })
  const cyclic: unknown[] = []
  cyclic.push(cyclic)
  await refuses(t, ref.call.echo(cyclic), 'ERR_NOT_PORTABLE', { says: /itself/, after: ref, count: 5 })
})

t.test('names: taken, unknown, and none at all', async (t) => {
  const { a, b, ref } = await pair(t)
  const again = { name: 'cart:1', args: [0] as [number] }
  for (const at of [a, b])
    await refuses(t, at.start(cart, again), 'ERR_ALREADY_STARTED', { says: /runs on node a.*node\.ref/ })
  await refuses(t, a.ref(cart, 'nobody').call.add(1), 'ERR_NO_PROCESS', { says: /Start it, or check its spelling/ })
  await refuses(t, a.ref(cart, 'nobody').sendMe('b'), 'ERR_NO_PROCESS')
  await refuses(t, a.start(cart, { name: 'a\nb', args: [0] }), 'ERR_NAME_INVALID', { says: /control character/ })
  await refuses(t, (ref.call as never as { subtract(): Promise<number> }).subtract(), 'ERR_UNKNOWN_CALL', {
    after: ref,
    count: 5,
  })
})

t.test(
  'places: no such member, a port nobody listens on, a host that is not there, an address that is none',
  async (t) => {
    const { ref } = await pair(t)
    await refuses(t, ref.sendMe('zz'), 'ERR_UNREACHABLE', { says: /not a member/, after: ref, count: 5 })
    await refuses(t, ref.sendMe(tcp('127.0.0.1', 1)), 'ERR_UNREACHABLE', { says: /port refuses/, after: ref, count: 5 })
    await refuses(t, ref.sendMe(tcp('no-such-host.invalid', 1805)), 'ERR_UNREACHABLE', { after: ref, count: 5 })
    for (const to of ['tcp://x', '', 'a b', tcp('', 1), tcp('h', 0), tcp('h', 70_000), 7, null, { host: 'h' }]) {
      await refuses(t, ref.sendMe(to as never), 'ERR_BAD_ARGUMENT', { says: /destination/i, after: ref, count: 5 })
    }
    for (const timeoutMs of [0, -1, Number.NaN, Number.POSITIVE_INFINITY, '5']) {
      await refuses(t, ref.sendMe('b', { timeoutMs } as never), 'ERR_BAD_ARGUMENT', {
        says: /timeoutMs/,
        after: ref,
        count: 5,
      })
    }
  },
)

t.test('a wrong secret, another cluster, a port in use: the node does not start, the others serve on', async (t) => {
  const { a, ref } = await pair(t)
  const join = [a.address]
  const make = (options: object) => createNode({ name: 'x', port: 0, logger: keptLogger(), ...options })
  const refused = eventsOf(a)
  await refuses(t, make({ join, secret: 'another secret of 32 random bytes' }), 'ERR_AUTH', { says: /same secret/ })
  await refuses(t, make({ join }), 'ERR_AUTH', { says: /same secret/, after: ref, count: 5 })
  t.ok(refused.filter(({ type }) => type === 'linkrefused').length >= 2, 'each is reported')
  await refuses(t, make({ port: portOf(a), secret: SECRET }), 'ERR_PORT_IN_USE', { says: /set another port/ })
  await refuses(t, make({ host: '203.0.113.7', secret: SECRET, insecure: true }), 'ERR_LISTEN', {
    says: /203\.0\.113\.7/,
    after: ref,
    count: 5,
  })
  const far = await node(t, 'far', { cluster: 'far', secret: 'another secret of 32 random bytes' })
  await refuses(t, ref.sendMe(tcp('127.0.0.1', portOf(far))), 'ERR_AUTH', { says: /same secret/, after: ref, count: 5 })
})

t.test('garbage and frames over the limit from a peer with the secret: its link alone is closed', async (t) => {
  const { a, ref } = await pair(t)
  const cases: [string, Buffer, string][] = [
    ['garbage', Buffer.from('00000005' + '10' + 'deadbeef', 'hex'), 'ERR_DECODE'],
    ['over the limit', Buffer.from('7fffffff', 'hex'), 'ERR_FRAME_TOO_LARGE'],
    ['an empty frame', Buffer.alloc(4), 'ERR_EMPTY_FRAME'],
    ['an unknown message', Buffer.from('0000000201' + '90', 'hex').fill(0x7e, 4, 5), 'ERR_PROTOCOL'],
    ['a second HELLO', Buffer.from('00000002' + '01' + '90', 'hex'), 'ERR_DECODE'],
  ]
  for (const [what, bytes, code] of cases) {
    const peer = new HostilePeer(a.address, { cluster: 'c', node: 'm', joining: true, secret: SECRET })
    await peer.shake()
    await peer.heard()
    const down = a.once('linkdown', ({ peer }) => peer === 'm')
    peer.raw(bytes)
    t.match(await down, { code }, what)
    await peer.closed
    t.equal(peer.bye?.code, code, 'and it is told why')
    t.equal(await ref.call.add(0), 5, 'the process serves on')
  }
})

t.test('a node that goes down in the middle of a call: the caller is told that it may have been run', async (t) => {
  const { b, ref } = await pair(t, { limits: { callTimeoutMs: 1_000 } })
  door = gate()
  entered = gate()
  await b.start(cart, { name: 'there', args: [1] })
  const caller = await node(t, 'c', { cluster: 'c', join: [b.address] })
  if (caller.whereis('there') === undefined) await caller.once('registered', ({ name }) => name === 'there')
  const far: CartRef = caller.ref(cart, 'there')
  t.equal(await far.call.add(1), 2)
  const pending = far.call.wait()
  await entered.promise
  const stopping = b.stop()
  const error = await pending.then(
    () => undefined,
    (thrown: MobilityError) => thrown,
  )
  t.match(error, { executed: 'maybe' }, `${error?.code}: ${error?.message}`)
  door.open()
  await stopping
  await refuses(t, far.call.add(1), 'ERR_NO_PROCESS', { executed: 'no' })
  await refuses(t, b.ref(cart, 'there').call.add(1), 'ERR_NODE_STOPPED', { says: /Create a new one/ })
  await refuses(t, b.start(cart, { name: 'late', args: [0] }), 'ERR_NODE_STOPPED')
  t.equal(await ref.call.add(0), 5, 'what runs elsewhere goes on')
})
