/**
 * A process comes home from another cluster, runs there, and its node dies before the source has heard that it runs.
 * Found by the search of moves between clusters.
 */
import t from 'tap'
import { MoveLab } from '../fixtures/move-lab.js'

t.test(
  'G1 G10: it ran at home and died there: the copy abroad is parked, for its name may be started anew',
  async (t) => {
    const lab = await MoveLab.open('out2', { seed: 'died at home' })
    lab.move('a')
    await lab.world.advance(2_000)
    t.ok(lab.world.at('c').whereis('x')?.via)
    lab.points.lose('ACTIVATED', 'a', 'b')
    lab.move('b', ['tcp', 'a', 1805])
    await lab.world.advance(500)
    t.equal(lab.world.at('c').whereis('x')?.via, undefined, 'c knows that it runs on a')
    lab.crash('a')
    await lab.world.advance(30_000)
    t.equal(lab.world.at('c').whereis('x'), undefined, 'its name is free at home')
    await lab.world.run(lab.world.at('c').start(lab.probe, { name: 'x', args: [1] }))
    t.same(lab.happened('rollback'), [], 'and nobody has woken the other copy')
    t.same(
      lab.world
        .at('b')
        .parked()
        .map(({ role }) => role),
      ['source'],
    )
    t.ok(lab.world.at('b').decide('x', 'discard'))
    await lab.world.advance(1_000)
    t.same(lab.world.at('b').parked(), [])
    t.equal(lab.world.at('c').whereis('x')?.node, 'c')
    await lab.close()
  },
)
