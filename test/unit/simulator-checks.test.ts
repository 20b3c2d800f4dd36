/** The checks of the simulator can fail: a history that is right is made wrong in one place, and they say so. */
import { type Test, test } from 'tap'
import { drawPlan } from '../fixtures/sim-draw.js'
import type { CallRecord, History, RunRecord } from '../fixtures/sim-history.js'
import { checkLinear } from '../fixtures/sim-linear.js'
import type { Plan } from '../fixtures/sim-plan.js'
import { runPlan } from '../fixtures/sim-run.js'
import { checkRecords, READ_IDS } from '../fixtures/sim-verdicts.js'

type Change<T> = { -readonly [K in keyof T]: T[K] }

/** @returns whether there was something to change */
type Tamper = (history: History, plan: Plan) => boolean

const runOf = (history: History, id: number): RunRecord | undefined => history.runs.find((run) => run.id === id)

const okCall = (history: History, op: string): Change<CallRecord> | undefined =>
  history.calls.find((call) => {
    const run = runOf(history, call.id)
    const birth = history.births.get(run?.born ?? 0)
    return call.op === op && call.fate === 'ok' && birth?.seen.has(call.id) === true && birth.rollbacks === 0
  })

const drop = (history: History, id: number): void => {
  const i = history.runs.findIndex((run) => run.id === id)
  history.runs.splice(i, 1)
}

/** The first seed whose history has what is to be changed, and what the checks say of it then. */
const said = async (t: Test, tamper: Tamper): Promise<string[]> => {
  for (let seed = 1; seed <= 30; seed += 1) {
    const plan = drawPlan(seed)
    const { history, violations } = await runPlan(plan)
    t.same(violations, [], `seed ${seed} is right`)
    // As they looked at it: before the world was closed, which ends everything.
    const readAt = history.runs.findLast(({ id }) => id >= READ_IDS)?.at ?? 0
    history.events.splice(0, history.events.length, ...history.events.filter(({ at }) => at <= readAt))
    if (!tamper(history, plan)) continue
    checkRecords(history, plan, new Set())
    return history.violations.map(({ invariant }) => invariant)
  }
  t.fail('no history has what is to be changed')
  return []
}

const changing =
  (op: string, change: (call: Change<CallRecord>, history: History) => void): Tamper =>
  (history) => {
    const call = okCall(history, op)
    if (call === undefined) return false
    change(call, history)
    return true
  }

test('G9: an answer of what was never run, a failure of what was', async (t) => {
  t.ok(
    (
      await said(
        t,
        changing('add', ({ id }, history) => drop(history, id)),
      )
    ).includes('G9'),
  )
  t.ok(
    (
      await said(
        t,
        changing('add', (call) => (call.fate = 'no')),
      )
    ).includes('G9'),
  )
})

test('G9: no end, a late one, a wrong one', async (t) => {
  t.ok(
    (
      await said(
        t,
        changing('slow', (call) => (call.fate = 'open')),
      )
    ).includes('G9'),
  )
  t.ok(
    (
      await said(
        t,
        changing('slow', (call) => (call.returned += 100_000)),
      )
    ).includes('G9'),
  )
  t.ok(
    (
      await said(
        t,
        changing('go', (call) => (call.value = 77)),
      )
    ).includes('G9'),
  )
})

test('G4: an effect that was answered and is gone', async (t) => {
  const gone = changing('write', ({ id }, history) =>
    history.births.get(runOf(history, id)?.born ?? 0)?.seen.delete(id),
  )
  t.ok((await said(t, gone)).includes('G4'))
})

test('a counter and a register that answer what they cannot have answered', async (t) => {
  for (const op of ['add', 'read']) {
    let found: string[] = []
    await said(
      t,
      changing(op, (call, history) => {
        call.value = (call.value as number) + 1_000
        checkLinear(history, (invariant) => found.push(invariant))
      }),
    )
    t.same(found, ['linear'], op)
    found = []
  }
})

test('G3, G5: a cast that was let in and never came', async (t) => {
  const lost: Tamper = (history, plan) => {
    const sure = history.casts.find(({ fate, life, name, knownEpoch, id }) => {
      const born = runOf(history, id)?.born
      const lives = history.runs.findLast((run) => run.name === name && run.id >= READ_IDS)?.born === born
      const known = knownEpoch >= (history.births.get(born ?? 0)?.firstEpoch ?? Number.POSITIVE_INFINITY)
      return fate === 'in' && born !== undefined && lives && known && life.diedAt === undefined
    })
    const odd =
      history.lives.some((life) => life.crashed) ||
      history.events.some(({ type }) => type === 'undelivered' || type === 'rollback' || type === 'delegated') ||
      plan.steps.some((step) => step.do === 'mischief')
    if (sure === undefined || odd) return false
    drop(history, sure.id)
    return true
  }
  const found = await said(t, lost)
  t.ok(found.includes('G3'))
  t.ok(found.includes('G5'))
})

test('G7: a timer that rings early, or never', async (t) => {
  const rung = (history: History) =>
    history.timers.find(({ id, born, name }) => {
      const birth = history.births.get(born)
      const lives = history.runs.findLast((run) => run.name === name && run.id >= READ_IDS)?.born === born
      return lives && birth?.seen.has(-id) === true && birth.rollbacks === 0
    })
  const early: Tamper = (history) => {
    const timer: Change<{ ms: number }> | undefined = rung(history)
    if (timer === undefined) return false
    timer.ms += 100_000
    return true
  }
  const never: Tamper = (history) => {
    const timer = rung(history)
    if (timer === undefined) return false
    history.births.get(timer.born)?.seen.delete(-timer.id)
    return true
  }
  t.ok((await said(t, early)).includes('G7'))
  t.ok((await said(t, never)).includes('G7'))
})

test('G8: a monitor that hears of a death that was none', async (t) => {
  const down: Tamper = (history) => {
    const quiet = history.monitors.find(
      ({ downs, epoch, life }) => downs === 0 && epoch > 0 && life.diedAt === undefined,
    )
    if (quiet === undefined) return false
    quiet.downs = 1
    quiet.downAt = quiet.at
    quiet.reason = 'normal'
    return true
  }
  t.ok((await said(t, down)).includes('G8'))
})
