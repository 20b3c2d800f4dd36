/** The fuzz of bytes at the size of every run of the tests; `make fuzz` is the whole. Another seed: FUZZ_SEED=7. */
import t from 'tap'
import { KIND } from '../../src/wire/kinds.js'
import { BytesFuzz } from '../fixtures/fuzz-bytes-run.js'
import { mutants } from '../fixtures/fuzz-subject.js'
import { bounded } from '../fixtures/hostile-lab.js'

// Twenty times what it takes: the machine may be busy.
t.setTimeout(200_000)
const SEED = process.env.FUZZ_SEED ?? '1'

t.test('47,000 hostile, damaged and mutated inputs: each is refused as it must be, or is what it says', async (t) => {
  t.comment(`seed ${SEED}`)
  const fuzz = new BytesFuzz(SEED)
  fuzz.run(0, 2_000)
  await bounded(t, '45,000 inputs', async () => fuzz.run(2_000, 47_000), 32)
  const { failures, accepted, types, refused, slowestMs } = fuzz.report
  t.same(failures.slice(0, 5), [], `replay: make fuzz SEED=${SEED} FRAME=${failures[0]?.frame}`)
  t.comment(`accepted ${accepted}, slowest ${slowestMs.toFixed(1)} ms, refused ${JSON.stringify([...refused])}`)
  // Else it looks at one side only.
  t.ok(accepted > 10_000 && types.size === Object.keys(KIND).length, 'messages of every kind were accepted')
  for (const layer of ['reader', 'kind', 'guard', 'validator', 'value guard', 'value decoder'])
    t.ok(
      [...refused].some(([what, times]) => what.startsWith(`${layer} `) && times > 50),
      `${layer} refused some`,
    )
})

t.test('a deliberate bug in the codec is found, whichever it is', async (t) => {
  // The slow one is slow to look for.
  for (const [name, { bug, make }] of Object.entries(mutants).filter(([one]) => one !== 'slow')) {
    const fuzz = new BytesFuzz(1, make())
    for (let at = 0; at < 10_000 && fuzz.report.failures.length === 0; at += 50) fuzz.run(at, at + 50)
    t.ok(fuzz.report.failures.length > 0, `${name}: ${bug}`)
  }
})
