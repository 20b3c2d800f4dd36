/** Answers that come with a process, of a peer that lies: they are sent to whoever they are for, this node too. */
import { setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import type { Origin } from '../../src/base/ids.js'
import { HostileLab } from '../fixtures/hostile-lab.js'
import { account, ForgedMove, image } from '../fixtures/hostile-moves.js'

t.test('G15: a kept answer to the node itself that cannot be read is lost, and nothing else', async (t) => {
  const lab = await HostileLab.open(t, { kinds: [account] })
  const a = lab.at('a')
  const origin = `${a.cluster}/${a.name}/${a.incarnation}` as Origin
  const reply = { to: { origin, lane: 0, seq: 1 } as const, body: Buffer.from([0xc1]), dueAt: 60_000 }
  const thrown: unknown[] = []
  const note = (error: unknown): void => void thrown.push(error)
  process.on('uncaughtException', note)
  t.teardown(() => process.off('uncaughtException', note))
  const arrived = a.once('registered', ({ name }) => name === 'forged')
  await new ForgedMove(await lab.stranger('a'), lab, image({ balance: 1, items: [] }, [reply])).whole()
  await arrived
  for (let i = 0; i < 50; i += 1) await turn()
  t.same(thrown.map(String), [])
  await lab.probe()
})
