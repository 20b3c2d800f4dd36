/** The bus of a node: typed events, diagnostics channels, and listeners that misbehave. */
import { channel, subscribe, unsubscribe } from 'node:diagnostics_channel'
import t from 'tap'
import { Events, type NodeEvent } from '../../src/base/events.js'
import { genServer } from '../../src/process/gen-server.js'
import { eventsOf, keptLogger, nodeOn } from '../fixtures/process-lab.js'

const started = { name: 'x', kind: 'k', epoch: 1 }

t.test('scenario 40: a listener that throws stops nothing', (t) => {
  const log = keptLogger()
  const events = new Events('a', log)
  const heard: string[] = []
  events.on('started', () => {
    throw new Error('mine')
  })
  events.on('started', ({ name, node, type }) => void heard.push(`${type} ${name} on ${node}`))
  events.on('*', () => {
    throw Object.create(null)
  })
  events.on('*', ({ type }) => void heard.push(`* ${type}`))
  events.emit('started', started)
  t.strictSame(heard, ['started x on a', '* started'])
  t.match(log.lines, [
    { level: 'error', data: { event: 'started', reason: 'mine' }, text: 'an event listener threw' },
    { level: 'error' },
  ])
  t.end()
})

t.test('each listener hears its own type, until it ends', (t) => {
  const events = new Events('a', keptLogger())
  const heard: string[] = []
  const off = events.on('started', ({ name }) => void heard.push(name))
  const offOnce = events.on('started', () => offOnce())
  events.emit('stopped', { ...started, reason: 'normal' })
  events.emit('started', started)
  off()
  off()
  events.emit('started', { ...started, name: 'y' })
  t.strictSame(heard, ['x'])
  t.end()
})

t.test('once waits for the one that it accepts', async (t) => {
  const events = new Events('a', keptLogger())
  const waiting = events.once('started', ({ name }) => name === 'y')
  for (const name of ['x', 'y', 'z']) events.emit('started', { ...started, name })
  t.match(await waiting, { name: 'y', type: 'started', node: 'a' })
})

t.test('an event about another node keeps that name', (t) => {
  const events = new Events('a', keptLogger())
  const heard: NodeEvent[] = []
  events.on('*', (event) => void heard.push(event as NodeEvent))
  events.emit('nodedown', { node: 'b', incarnation: 1, reason: 'left' })
  t.match(heard, [{ type: 'nodedown', node: 'b' }])
  t.end()
})

t.test('node:diagnostics_channel carries every event, with and without listeners', (t) => {
  const heard: unknown[] = []
  const hear = (message: unknown, name: string | symbol): void => void heard.push([name, message])
  subscribe('proc-mobility:started', hear)
  const events = new Events('a', keptLogger())
  events.emit('started', started)
  events.on('started', () => {})
  events.emit('started', { ...started, name: 'y' })
  unsubscribe('proc-mobility:started', hear)
  events.emit('started', started)
  t.match(heard, [
    ['proc-mobility:started', { type: 'started', node: 'a', name: 'x' }],
    ['proc-mobility:started', { name: 'y' }],
  ])
  t.equal(heard.length, 2)
  t.notOk(channel('proc-mobility:started').hasSubscribers)
  t.end()
})

t.test('scenario 13: a process that lives and dies is one started and one stopped, with the reason', async (t) => {
  const kind = genServer('k', { init: () => 0 })
  const node = await nodeOn(t, [kind])
  const events = eventsOf(node)
  node.on('started', () => {
    throw new Error('of no matter')
  })
  const ref = await node.start(kind, { name: 'x' })
  await ref.stop({ shutdown: 'deploy' })
  const life = events.filter(({ type }) => type === 'started' || type === 'stopped')
  t.match(life, [
    { type: 'started', name: 'x', kind: 'k', node: 'a' },
    { type: 'stopped', name: 'x', reason: 'shutdown: deploy' },
  ])
  t.equal(life.length, 2)
})
