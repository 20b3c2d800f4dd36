/** Deploys of real programs: the example of a rolling deploy, and what signals do to a node. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { resolve } from 'node:path'
import { type Test, test } from 'tap'
import { silentLogger } from '../../src/base/ports.js'
import { createNode, genServer, type MobilityNode } from '../../src/index.js'
import { inTime } from '../fixtures/cluster.js'
import { PromptScript } from '../fixtures/prompt-script.js'

test('45, 46: G3 G4 G9 G13: examples/rolling-deploy.sh: nothing is lost, no call fails', async (t) => {
  const script = new PromptScript(t, 'rolling-deploy.sh', { NODES: '3', SESSIONS: '200', CALLERS: '16' })
  t.equal(await script.end(), 0)
  t.same(script.log, [])
  t.match(script.out[0], /^200 sessions: \d+ on server-1, \d+ on server-2, \d+ on server-3$/)
  for (const server of [1, 2, 3]) {
    t.match(
      script.out[server],
      new RegExp(`^server-${server} had [1-9]\\d* sessions, left in \\d+ ms with exit code 0`),
    )
  }
  const last = script.out.at(-1) ?? ''
  t.match(last, /^[1-9]\d* calls: 0 failed, 0 visits lost, 0 doubled; longest wait \d+ ms$/)
  t.comment(last)
})

/** A node of the example, in a program of its own, with one session that came from here. */
const deployed = async (t: Test): Promise<{ node: MobilityNode; child: ChildProcess; exited: Promise<unknown[]> }> => {
  const session = genServer('session', { init: () => ({ visits: 41 }) })
  const node = await createNode({ name: 'front', port: 0, kinds: [session], logger: silentLogger })
  t.teardown(() => node.stop())
  await node.start(session, { name: 'one' })
  const child = fork(resolve('dist/examples/rolling-deploy/server.js'), ['server', node.address])
  const exited = once(child, 'exit')
  t.teardown(() => child.kill('SIGKILL') && exited)
  await inTime('the server is ready', once(child, 'message'))
  t.match(await node.drain(), { ok: true, moved: [{ name: 'one', to: 'server' }] })
  return { node, child, exited }
}

test('45: G13: a signal hands over, and the exit code says that nothing was left behind', async (t) => {
  const { node, child, exited } = await deployed(t)
  node.uncordon()
  // It is heard in the order in which it is said.
  await node.ref('one').send('anything')
  child.kill('SIGTERM')
  t.same(await inTime('its end', exited), [0, null])
  t.match(node.whereis('one'), { node: 'front' })
})

test('45: G13: what could not be handed over makes another exit code', async (t) => {
  const { node, child, exited } = await deployed(t)
  const lacking = await createNode({ name: 'lacking', port: 0, join: [node.address], logger: silentLogger })
  t.teardown(() => lacking.stop())
  const down = node.ref('one').monitor()
  child.kill('SIGTERM')
  t.same(await inTime('its end', exited), [1, null])
  t.equal(await down.down, 'shutdown', 'it ended in order')
})

test('45: a second signal ends the program at once, whatever the drain waits for', async (t) => {
  const { node, child, exited } = await deployed(t)
  // The only other member is about to leave as well: the drain waits for a place.
  const draining = node.once('cordoned', (event) => event.node === 'server')
  child.kill('SIGTERM')
  await inTime('the drain', draining)
  child.kill('SIGTERM')
  t.same(await inTime('its end', exited), [143, null])
})
