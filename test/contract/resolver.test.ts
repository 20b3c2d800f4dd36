/** The port of name resolution: Node's resolver against a server on loopback, and the twin in memory. */
import t from 'tap'
import { MemoryResolver, type Resolver } from '../../src/cluster/discovery.js'
import { dnsResolver } from '../../src/cluster/dns.js'
import { dnsServer, type Zone } from '../fixtures/dns-server.js'

interface Case {
  readonly resolver: Resolver
  readonly dead: Resolver
  close(): void
}

const cases: Record<string, () => Promise<Case>> = {
  dns: async () => {
    const zones = new Map<string, Zone>([
      ['pods.test', { A: ['10.0.0.1', '10.0.0.2'], AAAA: ['fd00:0:0:0:0:0:0:7'] }],
      ['four.test', { A: ['10.0.0.3'] }],
      ['_m._tcp.pods.test', { SRV: [{ host: 'one.pods.test', port: 1805 }] }],
    ])
    const server = await dnsServer(zones)
    return { resolver: dnsResolver([server.address]), dead: dnsResolver(['127.0.0.1:1']), close: () => server.close() }
  },
  memory: async () => {
    const resolver = new MemoryResolver()
    const at = (...hosts: string[]) => hosts.map((host) => ({ host, port: 1805 }))
    resolver.set('pods.test', at('10.0.0.1', '10.0.0.2', 'fd00::7'))
    resolver.set('four.test', at('10.0.0.3'))
    resolver.set('_m._tcp.pods.test', at('one.pods.test'))
    resolver.set('none.test', [])
    return { resolver, dead: new MemoryResolver(), close() {} }
  },
}

for (const [name, open] of Object.entries(cases)) {
  t.test(
    `${name}: addresses of both families, services, names that do not exist, and nobody who answers`,
    async (t) => {
      const { resolver, dead, close } = await open()
      t.teardown(close)
      t.same((await resolver.addresses('pods.test')).sort(), ['10.0.0.1', '10.0.0.2', 'fd00::7'])
      t.same(await resolver.addresses('four.test'), ['10.0.0.3'], 'one family is enough')
      t.same(await resolver.services('_m._tcp.pods.test'), [{ host: 'one.pods.test', port: 1805 }])
      t.same(await resolver.addresses('none.test'), [])
      t.same(await resolver.services('none.test'), [])
      await t.rejects(dead.addresses('pods.test'), 'it may answer later')
    },
  )
}
