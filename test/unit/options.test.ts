/** What createNode takes: defaults, and a named error for everything else. */
import t from 'tap'
import { defaultLimits, type Limits, resolveLimits } from '../../src/base/limits.js'
import { silentLogger } from '../../src/base/ports.js'
import { createNode } from '../../src/node/node.js'
import { checkOptions, type NodeOptions } from '../../src/node/options.js'
import { genServer } from '../../src/process/gen-server.js'
import { type EtcdOptions, etcd } from '../../src/registry/etcd.js'
import { keptLogger, nodeOn } from '../fixtures/process-lab.js'

const kind = genServer('k', { init: () => 0 })
const good = { name: 'a', logger: silentLogger }
const check = (options: Record<string, unknown>) => checkOptions({ ...good, ...options } as NodeOptions, false)

t.test('defaults', (t) => {
  const settings = check({})
  t.match(settings, { name: 'a', listen: { host: '127.0.0.1', port: 1805 }, join: [], limits: defaultLimits })
  t.equal(settings.cluster, undefined)
  t.equal(settings.secret, undefined)
  t.equal(settings.kinds.size, 0)
  t.equal(check({ callTimeoutMs: 100 }).limits.callTimeoutMs, 100)
  t.match(check({ kinds: [kind], join: ['[::1]:1806', 'b.example:2'], advertise: '10.0.0.7:1805' }), {
    join: [
      { type: 'address', address: { host: '::1', port: 1806 } },
      { type: 'address', address: { host: 'b.example', port: 2 } },
    ],
    advertise: { host: '10.0.0.7', port: 1805 },
  })
  t.end()
})

const WRONG: Readonly<Record<string, readonly unknown[]>> = {
  name: ['', 'a b', 'x'.repeat(65), 'a/b', 5, null, undefined],
  host: ['', 'a b', 5, 'x'.repeat(256), null],
  port: [-1, 65_536, 1.5, '1805', Number.NaN, null],
  cluster: ['', 'a b', 5, null],
  advertise: ['', 'host', 'host:0', 'host:70000', 5, null],
  join: ['b:1', ['b'], [5], [''], {}, null],
  kinds: [{}, [5], [null], [{}], [{ kind: 'x' }], [kind, genServer('k', { init: () => 1 })], null],
  logger: [{}, 5, null, { info: () => {} }],
  secret: [5, {}, null],
  ports: [1],
  tls: [{}],
}

for (const [option, values] of Object.entries(WRONG)) {
  t.test(`a wrong ${option} is ERR_OPTION, and says which`, (t) => {
    for (const value of values) {
      const told = (error: { code: string; fields: { option: string } }) =>
        error.code === 'ERR_OPTION' && error.fields.option === option
      let caught: unknown
      try {
        check({ [option]: value })
      } catch (error) {
        caught = error
      }
      t.ok(caught instanceof Error && told(caught as never), `${option}: ${String(caught)}`)
    }
    t.end()
  })
}

t.test('no options at all', async (t) => {
  for (const options of [undefined, null, 5, 'a']) {
    await t.rejects(createNode(options as never), { code: 'ERR_OPTION', fields: { option: 'name' } })
  }
})

t.test('attack 16: a weak secret is refused', (t) => {
  const weak = ['', 'changeme', 'x'.repeat(15), 'a'.repeat(64), 'abab'.repeat(16), new Uint8Array(32)]
  for (const secret of weak) t.throws(() => check({ secret }), { code: 'ERR_SECRET_WEAK' })
  for (const secret of ['0123456789abcdef', Buffer.from('0123456789abcdef')]) {
    t.equal(check({ secret }).secret?.toString(), '0123456789abcdef')
  }
  t.notMatch(String(thrown({ secret: 'hunter2hunter2' })), /hunter2/, 'it is not told')
  t.end()
})

const thrown = (options: Record<string, unknown>): unknown => {
  try {
    return check(options)
  } catch (error) {
    return error
  }
}

t.test('off loopback it needs a secret and consent', (t) => {
  const secret = '0123456789abcdef'
  const logger = keptLogger()
  for (const host of ['0.0.0.0', '10.0.0.7', '::', 'example.org', '127.0.0.1.example.org']) {
    t.throws(() => check({ host }), { code: 'ERR_INSECURE', message: /secret/ })
    t.throws(() => check({ host, secret }), { code: 'ERR_INSECURE', message: /insecure: true/ })
    t.throws(() => check({ host, secret, insecure: 1 }), { code: 'ERR_INSECURE' })
    t.equal(check({ host, secret, insecure: true, logger }).listen.host, host)
  }
  t.ok(logger.lines.every(({ level }) => level === 'warn'))
  t.equal(logger.lines.length, 5)
  for (const host of ['localhost', '127.0.0.1', '127.1.2.3', '::1']) t.equal(check({ host }).listen.host, host)
  t.end()
})

t.test('addresses', (t) => {
  const address = { host: 'fe80::1%eth0', port: 1 }
  t.strictSame(check({ join: ['[fe80::1%eth0]:1'] }).join, [{ type: 'address', address }])
  t.strictSame(check({ cluster: 'c', join: ['dns://a.b:1', 'srv://_x._tcp.a'] }).join, [
    { type: 'dns', host: 'a.b', port: 1 },
    { type: 'srv', name: '_x._tcp.a' },
  ])
  for (const text of ['::1:1805', '[::1]', 'a:b:1', ':1805', 'http://a:1', 'a:1/', 'a: 1', 'a:123456']) {
    t.throws(() => check({ join: [text] }), { code: 'ERR_OPTION', fields: { option: 'join' } }, text)
  }
  t.end()
})

t.test('limits: unknown ones, numbers that are none, and those that contradict each other', (t) => {
  t.strictSame(resolveLimits({ mailboxMax: 5 }), { ...defaultLimits, mailboxMax: 5 })
  const option = (given: Record<string, unknown>): unknown => {
    try {
      return resolveLimits(given as Partial<Limits>)
    } catch (error) {
      return (error as { fields: { option: string } }).fields.option
    }
  }
  t.equal(option({ mailBoxMax: 5 }), 'limits.mailBoxMax')
  t.equal(option({ toString: 5 }), 'limits.toString')
  for (const value of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, '5', null, 2 ** 60]) {
    t.equal(option({ mailboxMax: value }), 'limits.mailboxMax', String(value))
  }
  t.equal(option({ suspectMs: 10_000 }), 'limits.suspectMs')
  t.equal(option({ heartbeatMs: 3_000 }), 'limits.heartbeatMs')
  t.equal(option({ chunkBytes: 1_048_576 }), 'limits.chunkBytes')
  t.equal(option({ resendMs: 6_000 }), 'limits.resendMs')
  t.equal(option({ redialMs: 6_000 }), 'limits.redialMs')
  t.throws(() => check({ limits: 5 }), { code: 'ERR_OPTION', fields: { option: 'limits' } })
  t.throws(() => check({ limits: null }), { code: 'ERR_OPTION', fields: { option: 'limits' } })
  t.throws(() => check({ callTimeoutMs: 0 }), { code: 'ERR_OPTION', fields: { option: 'callTimeoutMs' } })
  t.end()
})

t.test('a limit that is not set, and one that is set to undefined, have the default', (t) => {
  t.strictSame(resolveLimits({ mailboxMax: undefined } as never), defaultLimits)
  t.end()
})

t.test('more kinds than peers accept', (t) => {
  const kinds = Array.from({ length: 65 }, (_, i) => genServer(`k${i}`, { init: () => 0 }))
  t.throws(() => check({ kinds }), { code: 'ERR_OPTION', fields: { option: 'kinds' }, message: /65/ })
  t.equal(check({ kinds: kinds.slice(1) }).kinds.size, 64)
  t.end()
})

t.test('a port in use', async (t) => {
  const node = await nodeOn(t, [])
  const port = Number(node.address.split(':').at(-1))
  await t.rejects(createNode({ ...good, name: 'b', port }), { code: 'ERR_PORT_IN_USE', fields: { port } })
})

t.test('a kind that is none', (t) => {
  const invalid = (name: unknown, spec: unknown, message: RegExp) =>
    t.throws(() => genServer(name as string, spec as never), { code: 'ERR_KIND_INVALID', message })
  const init = () => 0
  invalid('', { init }, /1 to 255 bytes/)
  invalid('x'.repeat(256), { init }, /1 to 255 bytes/)
  invalid(5, { init }, /1 to 255 bytes/)
  invalid('k', undefined, /not an object/)
  invalid('k', {}, /no init/)
  invalid('k', { init, onStop: init }, /no callback named onStop/)
  invalid('k', { init, terminate: 5 }, /terminate is not a function/)
  invalid('k', { init, calls: { a: 5 } }, /calls\.a is not a function/)
  invalid('k', { init, calls: 5 }, /calls/)
  // biome-ignore lint/suspicious/noThenProperty: it is what is refused
  invalid('k', { init, casts: { then: init } }, /then/)
  invalid('k', { init, version: 1.5 }, /version/)
  invalid('k', { init, mailboxMax: 0 }, /mailboxMax/)
  invalid('k', { init, shutdownMs: '5' }, /shutdownMs/)
  invalid('k', { init, trapExit: 'yes' }, /trapExit/)
  invalid('k', { init, schema: {} }, /schema/)
  invalid('k', { init, upgrade: { one: init } }, /upgrade/)
  invalid('\ud800', { init }, /half a character/)
  invalid('a\nb', { init }, /control character/)
  t.end()
})

t.test('53: partition policies', async (t) => {
  t.equal(check({}).partition, 'diverge')
  const good = [
    { quorum: 'majority', size: 3 },
    { quorum: 'static', size: 1 },
    { quorum: 'dynamic' },
    { quorum: 'dynamic', percent: 60, withinMs: 1 },
  ]
  for (const partition of good) t.same(check({ partition }).partition, partition)
  const bad = [
    null,
    'merge',
    {},
    { quorum: 'majority' },
    { quorum: 'static', size: 0 },
    { quorum: 'dynamic', percent: 101 },
    { quorum: 'dynamic', withinMs: 0.5 },
  ]
  for (const partition of bad)
    t.throws(() => check({ partition }), { code: 'ERR_OPTION', message: /partition/ }, JSON.stringify(partition))
})

t.test('a directory on etcd', async (t) => {
  const endpoints = ['http://10.0.0.1:2379', 'http://[::1]:2379/']
  t.same(check({ directory: etcd({ endpoints }) }).directory, {
    engine: 'etcd',
    endpoints: ['http://10.0.0.1:2379', 'http://[::1]:2379'],
    ttlMs: 10_000,
    prefix: '/proc-mobility',
  })
  t.equal(check({}).directory, undefined)
  const both = { directory: etcd({ endpoints }), partition: { quorum: 'majority', size: 3 } }
  t.throws(() => check(both), { code: 'ERR_OPTION', fields: { option: 'partition' } })
  for (const directory of [null, 5, 'etcd', {}, { engine: 'etcd' }, { endpoints }])
    t.throws(() => check({ directory }), { code: 'ERR_OPTION', fields: { option: 'directory' } })
  const wrong = (options: object) => () => etcd({ endpoints, ...options } as EtcdOptions)
  for (const bad of [[], 'x', ['10.0.0.1:2379'], ['https://a:1'], ['http://u@a:1'], ['http://a:1/x'], [5]])
    t.throws(wrong({ endpoints: bad }), { code: 'ERR_OPTION', fields: { option: 'directory.endpoints' } })
  for (const ttlMs of [1_999, 600_001, 2_000.5, '5', Number.NaN])
    t.throws(wrong({ ttlMs }), { code: 'ERR_OPTION', fields: { option: 'directory.ttlMs' } })
  for (const prefix of ['', 'a b', '/x/', 5, 'x'.repeat(129)])
    t.throws(wrong({ prefix }), { code: 'ERR_OPTION', fields: { option: 'directory.prefix' } })
})
