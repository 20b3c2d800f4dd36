/** What users' tests have besides faults: a pause in virtual time, and real I/O for which virtual time waits. */
import { readFile } from 'node:fs/promises'
import t from 'tap'
import { genServer } from '../../src/process/gen-server.js'
import { simulate } from '../../src/testing.js'

t.test('two that sleep beside each other take turns, in no time at all', async (t) => {
  const world = simulate({ seed: 1 })
  const order: string[] = []
  const every = async (name: string, ms: number, times: number): Promise<void> => {
    for (let time = 0; time < times; time += 1) {
      await world.sleep(ms)
      order.push(`${name} ${world.clock.now()}`)
    }
  }
  await world.run(Promise.all([every('a', 1_000, 3), every('b', 1_400, 2)]))
  t.same(order, ['a 1000', 'b 1400', 'a 2000', 'b 2800', 'a 3000'])
})

t.test('virtual time waits for real I/O that is held, and runs past what is not', async (t) => {
  const world = simulate({ seed: 1 })
  const library = (read: () => Promise<unknown>) =>
    genServer('library', { init: () => ({}), calls: { read: async () => String(await read()).length > 0 } })
  const held = library(() => world.hold(readFile('package.json', 'utf8')))
  const failing = library(() => world.hold(readFile('there is none', 'utf8')).catch(() => 'nothing'))
  // It ends with a turn of the real event loop that no virtual event makes.
  let end = (): void => {}
  const never = library(() => new Promise<void>((resolve) => (end = resolve)))
  const node = await world.node('a', { kinds: [held] })
  const other = await world.node('b', { cluster: 'other', kinds: [failing] })
  const third = await world.node('c', { cluster: 'third', kinds: [never] })
  const ref = await world.run(node.start(held, { name: 'x' }))
  const began = world.clock.now()
  t.equal(await world.run(ref.call.read()), true)
  t.ok(world.clock.now() - began < 10, 'it took no virtual time')
  t.equal(await world.run((await world.run(other.start(failing, { name: 'x' }))).call.read()), true)
  const late = (await world.run(third.start(never, { name: 'x' }))).call.read()
  t.rejects(late, { code: 'ERR_TIMEOUT' })
  await world.run(late.catch(() => {}))
  end()
  await world.close()
})
