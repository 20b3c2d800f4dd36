/** A copy that is woken after its destination in another cluster had run: its epoch must be the higher one. */
import t from 'tap'
import { faultsOf } from '../fixtures/move-checks.js'
import { MoveLab } from '../fixtures/move-lab.js'

for (const kind of ['out', 'out2'] as const) {
  t.test(`${kind}: G2: D claimed the name under its wall clock, ran and died: S wakes above that epoch`, async (t) => {
    const lab = await MoveLab.open(kind, { seed: `${kind} woken above` })
    lab.load()
    await lab.world.advance(10)
    lab.points.lose('ACTIVATED', 'b', 'a')
    lab.points.lose('LOCATED', 'b', 'a')
    lab.move()
    await lab.world.advance(500)
    const there = lab.world.at('b').whereis('x')?.epoch ?? 0
    t.ok(there > 0)
    lab.crash('b')
    await lab.world.advance(30_000)
    const woken = lab.world.at('a').whereis('x')
    t.equal(woken?.node, 'a')
    t.ok((woken?.epoch ?? 0) > there, `${woken?.epoch} above ${there}`)
    t.same(await faultsOf(lab, ['rollback']), [])
    await lab.close()
  })
}
