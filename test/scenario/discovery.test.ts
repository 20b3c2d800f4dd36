/** Clusters that find themselves by names of DNS, as pods behind a headless service do. */
import t from 'tap'
import { genServer } from '../../src/process/gen-server.js'
import { SIMULATED_PORT, simulate } from '../../src/testing.js'

const counter = genServer('counter', { init: () => ({ count: 0 }), calls: { add: (self) => (self.state.count += 1) } })
const at = (...hosts: string[]) => hosts.map((host) => ({ host, port: SIMULATED_PORT }))
const DNS = `dns://pods.test:${SIMULATED_PORT}`
const pod = (join: string) => ({ cluster: 'pods', join: [join], kinds: [counter] })

for (const [records, join] of [
  ['A', DNS],
  ['SRV', 'srv://pods.test'],
] as const) {
  t.test(
    `${records}: three nodes that start one after the other meet; a newcomer is found by those who are there`,
    async (t) => {
      const world = simulate({ seed: `discovery ${records}` })
      world.names.set('pods.test', [])
      const a = await world.node('a', pod(join))
      t.same(a.nodes(), [], 'it begins alone')
      world.names.set('pods.test', at('a', 'b'))
      await world.node('b', pod(join))
      world.names.set('pods.test', at('a', 'b', 'c'))
      const met = a.once('nodeup', ({ node }) => node === 'c')
      await world.node('c', pod(join))
      await world.run(met)
      t.same(a.nodes(), ['b', 'c'])
      t.same(world.at('b').nodes(), ['a', 'c'])
      await world.close()
    },
  )
}

t.test('nodes that started alone, since DNS was late, meet within a second of its answer', async (t) => {
  const world = simulate({ seed: 'late' })
  for (const name of ['a', 'b']) await world.node(name, pod(DNS))
  t.same(world.at('a').nodes(), [], 'nobody answers for the name')
  world.names.set('pods.test', at('a', 'b'))
  const met = world.at('a').once('nodeup')
  await world.run(met, 1_500)
  t.same(world.at('a').nodes(), ['b'])
  await world.close()
})

t.test(
  'a name that cannot be asked any more costs no member; a pod with a new address is the same member',
  async (t) => {
    const world = simulate({ seed: 'gone' })
    world.names.set('pods.test', at('a', 'b'))
    for (const name of ['a', 'b']) await world.node(name, pod(DNS))
    world.names.set('pods.test', undefined)
    await world.advance(30_000)
    t.same(world.at('a').nodes(), ['b'])
    world.names.set('pods.test', at('a'))
    world.crash('b')
    await world.advance(30_000)
    t.same(world.at('a').nodes(), [])
    await world.advance(10 * 60_000)
    t.equal(world.at('a').stats().kept, 0, 'what is gone from DNS is not dialed for ever')
    world.names.set('pods.test', at('a', 'b'))
    const back = world.at('a').once('nodeup', ({ node }) => node === 'b')
    await world.restart('b')
    await world.run(back)
    await world.close()
  },
)

t.test('names of DNS need a cluster id: else two nodes that find nobody would begin two clusters', async (t) => {
  const world = simulate({ seed: 'option' })
  for (const [i, join] of ['dns://pods.test', 'srv://', 'dns://a b:1'].entries()) {
    await t.rejects(world.node(`n${i}`, { cluster: 'pods', join: [join] }), { code: 'ERR_OPTION', message: /join/ })
  }
  const { createNode } = await import('../../src/index.js')
  await t.rejects(createNode({ name: 'a', join: [DNS] }), { code: 'ERR_OPTION', message: /need the option `cluster`/ })
})
