/** When a state is saved and what is at rest then (machine-saving.ts), and the bytes of it (record.ts). */
import t from 'tap'
import { VirtualClock } from '../../src/base/clock.js'
import { defaultLimits } from '../../src/base/limits.js'
import { SeededRandom } from '../../src/base/random.js'
import { genServer } from '../../src/process/gen-server.js'
import { beginSaving, type SavingEffect, type SavingEvent, stepSaving } from '../../src/store/machine-saving.js'
import { openRecord, type RecordHeader, sealRecord, takeState, Unreadable } from '../../src/store/record.js'
import { fromSample, sampleOf } from '../../src/testing.js'
import { stateValueLimits } from '../../src/wire/codec.js'

const RULES = { messages: 3, ms: 1_000, backoffMs: 200, backoffMsMax: 5_000 }

class Lab {
  state = beginSaving()
  now = 0

  step(event: SavingEvent): string[] {
    const { state, effects } = stepSaving(this.state, event, this.now, RULES)
    this.state = state
    return effects.map(shown)
  }

  type(...types: Array<'ran' | 'wanted' | 'time' | 'taken' | 'saved' | 'stale'>): string[] {
    return types.flatMap((type) => this.step({ type }))
  }
}

const shown = (effect: SavingEffect): string => {
  switch (effect.type) {
    case 'write':
      return `write ${effect.revision}`
    case 'alarm':
      return `alarm ${effect.inMs}`
    case 'kept':
      return `kept ${effect.run}`
    case 'failed':
      return `failed ${effect.failures} ${effect.inMs}`
    default:
      return effect.type
  }
}

t.test('it is saved when so many have run, when the time has come, when somebody waits', async (t) => {
  const lab = new Lab()
  t.same(lab.type('time'), [], 'nothing has run')
  t.same(lab.type('ran'), ['alarm 1000'])
  lab.now = 400
  t.same(lab.type('ran'), ['alarm 600'], 'the first one counts')
  t.same(lab.type('ran'), ['take'], 'the third one')
  t.same(lab.type('ran', 'taken'), ['write 1'], 'one ran before it was taken')
  t.same(lab.type('ran', 'wanted', 'time'), [], 'one save at a time')
  t.same(lab.type('saved'), ['kept 4', 'take'], 'somebody waits for the fifth')
  t.same(lab.type('taken', 'saved'), ['write 2', 'kept 5'])
  t.same(lab.type('wanted'), ['kept 5'], 'all that ran is at rest')
  lab.now = 10_000
  t.same(lab.type('ran'), ['alarm 1000'])
  lab.now = 11_000
  t.same(lab.type('time', 'taken', 'saved'), ['take', 'write 3', 'kept 6'])
})

t.test(
  'what failed is tried again, later each time, and counts nothing as kept; who waits goes on waiting',
  async (t) => {
    const lab = new Lab()
    t.same(lab.type('ran', 'wanted', 'taken'), ['alarm 1000', 'take', 'write 1'])
    t.same(lab.step({ type: 'failed', reason: 'full' }), ['failed 1 200', 'alarm 200'])
    t.same(lab.type('wanted'), ['alarm 200'], 'not at once')
    for (const [failures, inMs] of [
      [2, 400],
      [3, 800],
      [4, 1_600],
      [5, 3_200],
      [6, 5_000],
      [7, 5_000],
    ]) {
      lab.now = lab.state.againAt
      t.same(lab.type('time', 'taken'), ['take', `write ${failures}`], 'a revision is used once')
      t.same(lab.step({ type: 'failed', reason: 'full' }), [`failed ${failures} ${inMs}`, `alarm ${inMs}`])
    }
    lab.now = lab.state.againAt
    t.same(lab.type('time', 'taken', 'saved'), ['take', 'write 8', 'kept 1'])
    t.equal(lab.state.failures, 0)
  },
)

t.test('G2: once a higher epoch is at rest it is over', async (t) => {
  const lab = new Lab()
  t.same(lab.type('ran', 'wanted', 'taken', 'stale'), ['alarm 1000', 'take', 'write 1', 'stale'])
  t.same(lab.type('ran', 'wanted', 'time', 'taken', 'saved'), [])
})

t.test('G4: at random: kept is never more than what was taken, and everything comes to rest', async (t) => {
  for (let seed = 1; seed <= 200; seed += 1) {
    const random = new SeededRandom(`saving ${seed}`)
    const lab = new Lab()
    let [taken, atRest, takes, writes] = [0, 0, 0, 0]
    for (let i = 0; i < 400; i += 1) {
      lab.now += random.between(0, 300)
      const events: SavingEvent[] =
        i < 300 ? [{ type: 'ran' }, { type: 'wanted' }, { type: 'time' }] : [{ type: 'time' }]
      if (takes > 0) events.push({ type: 'taken' }, { type: 'failed', reason: '' })
      if (writes > 0) events.push({ type: 'saved' }, { type: 'failed', reason: '' })
      const event =
        i < 300
          ? random.pick(events)
          : (events.find(({ type }) => type === 'taken' || type === 'saved') ?? random.pick(events))
      if (event.type === 'taken' || (event.type === 'failed' && takes > 0)) takes = 0
      else if (event.type === 'saved' || event.type === 'failed') writes = 0
      if (event.type === 'taken') taken = lab.state.run
      if (event.type === 'saved') atRest = taken
      for (const effect of lab.step(event)) {
        if (effect === 'take') takes += 1
        if (effect.startsWith('write')) writes += 1
        if (effect.startsWith('kept') && Number(effect.slice(5)) > atRest)
          t.fail(`seed ${seed}: ${effect} of ${atRest}`)
      }
      if (takes + writes > 1) t.fail(`seed ${seed}: two saves at once`)
    }
    if (lab.state.kept !== lab.state.run) t.fail(`seed ${seed}: ${lab.state.kept} of ${lab.state.run}`)
  }
  t.pass('200 seeds')
})

const limits = stateValueLimits(defaultLimits)
const slicing = { clock: new VirtualClock(), valuesMax: 100_000, over: () => undefined }
const HEADER: RecordHeader = {
  kind: 'k',
  version: 2,
  name: 'ä/../x',
  epoch: 5,
  revision: 7,
  savedAt: 1_700_000_000_000,
}
const made = async (state: unknown): Promise<Buffer> =>
  sealRecord(HEADER, await takeState(state, limits, slicing), limits, slicing)

t.test('a record gives back what was put in', async (t) => {
  const state = { list: [1, 'two', { three: 3n }], map: new Map([['a', Buffer.from('b')]]), at: new Date(5) }
  const { header, state: back } = await openRecord(await made(state), HEADER.name, limits, slicing)
  t.same(header, HEADER)
  t.same(back, state)
})

t.test('attack 49: a damaged record is never a state: cut, flipped, of another name, of no snapshot', async (t) => {
  const bytes = await made({ text: 'x'.repeat(2_000) })
  const damaged: Buffer[] = [Buffer.alloc(0), Buffer.from('PMS1'), Buffer.alloc(100), Buffer.concat([bytes, bytes])]
  for (let at = 0; at < bytes.length; at += 13) damaged.push(bytes.subarray(0, at))
  for (let at = 0; at < bytes.length; at += 7) {
    const flipped = Buffer.from(bytes)
    flipped[at] = (flipped[at] ?? 0) ^ 0x10
    damaged.push(flipped)
  }
  let refused = 0
  for (const bad of damaged)
    await openRecord(bad, HEADER.name, limits, slicing).catch((error) => {
      if (error instanceof Unreadable) refused += 1
    })
  t.equal(refused, damaged.length)
  await t.rejects(openRecord(bytes, 'another', limits, slicing), { message: /one of ä/ })
})

t.test('samples of shipped versions: each must be read by the kind of today', async (t) => {
  const v1 = genServer('room', { init: () => ({ n: 4 }) })
  const v2 = genServer('room', {
    version: 2,
    init: () => ({ count: 0 }),
    upgrade: { 1: ({ n }: { n: number }) => ({ count: n }) },
  })
  const forgotten = genServer('room', { version: 2, init: () => ({ count: 0 }) })
  const sample = await sampleOf(v1, { n: 4 })
  t.same(await fromSample(v1, sample), { n: 4 })
  t.same(await fromSample(v2, sample), { count: 4 })
  await t.rejects(fromSample(forgotten, sample), { code: 'ERR_UNUSABLE', message: /version 1/ })
  await t.rejects(fromSample(genServer('hall', { init: () => ({}) }), sample), {
    code: 'ERR_UNUSABLE',
    message: /kind room/,
  })
})
