/**
 * What the home of a process hears that lives in another cluster: of its end from a node that cannot know, and nothing
 * of where it was woken.
 */
import t from 'tap'
import { MoveLab } from '../fixtures/move-lab.js'

/** x was started on a, went out to b, and on to d there. `lost`: a has not heard where it is now. */
const movedOn = async (seed: string): Promise<{ lab: MoveLab; heard: () => void }> => {
  const lab = await MoveLab.open('far', { seed })
  lab.move('a')
  await lab.world.advance(2_000)
  t.ok(lab.world.at('a').whereis('x')?.via, 'a is the gateway')
  const heard = lab.points.lose('LOCATED', 'd', 'a')
  lab.move('b', 'd')
  await lab.world.advance(2_000)
  t.equal(lab.world.at('b').whereis('x')?.node, 'd')
  return { lab, heard }
}

t.test(
  'G1: b begins anew after x had moved on from it: at home x has not ended, nobody can start another',
  async (t) => {
    const { lab, heard } = await movedOn('b begins anew')
    lab.crash('b')
    await lab.world.advance(5_000)
    await lab.restart('b')
    await lab.world.advance(10_000)
    t.ok(lab.world.at('a').whereis('x'), 'at home it lives')
    t.equal(lab.world.at('d').whereis('x')?.node, 'd')
    await t.rejects(lab.world.run(lab.world.at('a').start(lab.probe, { name: 'x', args: [1] })), {
      code: 'ERR_ALREADY_STARTED',
    })
    heard()
    await lab.world.advance(5_000)
    t.match(lab.world.at('a').whereis('x')?.via, /^d/)
    await lab.world.run(lab.ref('a').call.add('after', 1))
    await lab.close()
  },
)

t.test(
  'G5: b had x when it died and begins anew: at home x ends, once b has had time to meet its cluster',
  async (t) => {
    const lab = await MoveLab.open('far', { seed: 'x died with b' })
    lab.move('a')
    await lab.world.advance(2_000)
    lab.crash('b')
    await lab.world.advance(5_000)
    await lab.restart('b')
    await lab.world.advance(5_000)
    t.ok(lab.world.at('a').whereis('x'), 'not yet')
    await lab.world.advance(20_000)
    t.equal(lab.world.at('a').whereis('x'), undefined)
    await lab.close()
  },
)

t.test('G11 G12: x is woken in the other cluster after its home was told of the node that died', async (t) => {
  const lab = await MoveLab.open('far', { seed: 'woken abroad' })
  lab.move('a')
  await lab.world.advance(2_000)
  lab.points.lose('ACTIVATED', 'd', 'b')
  lab.points.lose('REGISTERED', 'd', 'b')
  lab.move('b', 'd')
  await lab.world.advance(1_000)
  t.match(lab.world.at('a').whereis('x')?.via, /^d/)
  lab.crash('d')
  await lab.world.advance(20_000)
  t.equal(lab.happened('rollback').length, 1)
  t.equal(lab.world.at('b').whereis('x')?.node, 'b')
  t.match(lab.world.at('a').whereis('x')?.via, /^b/)
  await lab.world.run(lab.ref('a').call.add('after', 1))
  await lab.close()
})

t.test(
  'G11: b begins anew after x had moved on: it tells the home where x went, when nobody else can (seed 20759)',
  async (t) => {
    const { lab } = await movedOn('b tells')
    lab.crash('b')
    await lab.world.advance(5_000)
    await lab.restart('b')
    await lab.world.advance(30_000)
    t.equal(lab.points.arrived('LOCATED', 'd', 'a').length, 0, 'd itself never did')
    t.match(lab.world.at('a').whereis('x')?.via, /^d/)
    lab.points.lose('LOCATED', 'd', 'a')()
    await lab.world.run(lab.ref('a').call.add('after', 1))
    t.same(lab.happened('violation'), [])
    await lab.close()
  },
)

t.test('G11: a holder that took over is the gateway, also of a process that ran already (seed 15381)', async (t) => {
  const lab = await MoveLab.open('out2', { seed: 'ran before the takeover' })
  lab.points.lose('ACTIVATED', 'b', 'a')
  lab.points.lose('LOCATED', 'b', 'a')
  lab.move('a')
  await lab.world.advance(500)
  // No power: b does not hear that a has died, and would answer to it for ever.
  lab.lives.delete('a')
  lab.world.crash('a', { silent: true })
  await lab.world.advance(15_000)
  t.match(lab.world.at('c').whereis('x'), { node: 'c', via: 'b:1805' })
  await lab.world.run(lab.ref('c').call.add('after', 1))
  await lab.close()
})
