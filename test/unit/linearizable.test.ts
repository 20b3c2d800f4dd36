/**
 * The checker of histories is itself checked: it accepts what a real object did, rejects what none could have done, and
 * says of small histories exactly what a search over all orders says. `LINEARIZABLE_SEED=n` replays.
 */
import t, { type Test } from 'tap'
import { realRandom, SeededRandom } from '../../src/base/random.js'
import {
  type AppendInput,
  appendModel,
  counterModel,
  explain,
  linearize,
  type Op,
  type RegisterInput,
  registerModel,
  type SequentialModel,
} from '../fixtures/linearizable.js'

const seed = process.env.LINEARIZABLE_SEED ?? realRandom().u32()
const random = new SeededRandom(seed)
t.comment(`LINEARIZABLE_SEED=${seed}`)

interface Shape {
  readonly ops: number
  readonly clients: number
  readonly unknown: number
  /** Small times meet often: the order of equal ones is tried too. */
  readonly thinkMax: number
}

type Draft<I, O> = { -readonly [K in keyof Op<I, O>]: Op<I, O>[K] }

/** What clients see of an object that exists: each operation takes effect at one moment between question and answer. */
const history = <S, I, O>(
  random: SeededRandom,
  model: SequentialModel<S, I, O>,
  input: (random: SeededRandom, index: number) => I,
  { ops, clients, unknown, thinkMax }: Shape,
): Draft<I, O>[] => {
  const planned: Array<{ op: Draft<I, O>; at: number }> = []
  const free = Array.from({ length: clients }, () => 0)
  for (let index = 0; index < ops; index += 1) {
    const client = index % clients
    const invoked = (free[client] ?? 0) + random.between(0, thinkMax)
    const lost = random.chance(unknown)
    const at = invoked + random.between(0, lost ? 10 * thinkMax : thinkMax)
    const returned = at + random.between(0, thinkMax)
    free[client] = lost ? invoked + 1 : returned
    const never = lost && random.chance(0.5)
    const fate = lost ? ('unknown' as const) : ('ok' as const)
    const op = { client: `c${client}`, input: input(random, index), output: undefined, invoked, fate }
    planned.push({ op: { ...op, returned: lost ? Infinity : returned }, at: never ? Infinity : at })
  }
  let state = model.initial
  for (const { op, at } of [...planned].sort((a, b) => a.at - b.at)) {
    if (at === Infinity) continue
    const next = model.step(state, op.input)
    state = next.state
    if (op.fate === 'ok') op.output = next.output
  }
  return planned.map(({ op }) => op)
}

const adds = (random: SeededRandom): number => random.between(1, 3)
const someAdds = (random: SeededRandom): number => random.between(0, 2)
const appends = (random: SeededRandom, index: number): AppendInput<number> =>
  random.chance(0.2) ? { op: 'read' } : { op: 'append', item: index }
const registers =
  (values: number) =>
  (random: SeededRandom): RegisterInput<number> => {
    const [value, other] = [random.between(1, values), random.between(1, values)]
    if (random.chance(0.4)) return { op: 'read' }
    return random.chance(0.5) ? { op: 'write', value } : { op: 'cas', from: value, to: other }
  }

/** All orders of all choices of unknown ones, and nothing clever. */
const bruteForce = <S, I, O>(model: SequentialModel<S, I, O>, ops: ReadonlyArray<Op<I, O>>): boolean => {
  const precedes = (a: number, b: number): boolean => {
    const [one, other] = [ops[a] as Op<I, O>, ops[b] as Op<I, O>]
    if (one.fate === 'unknown') return false
    return one.returned < other.invoked || (one.returned === other.invoked && one.client === other.client && a < b)
  }
  const orders = (left: readonly number[], order: readonly number[]): boolean => {
    if (left.every((at) => ops[at]?.fate === 'unknown') && explains(order)) return true
    return left.some((at) => orders(without(left, at), [...order, at]))
  }
  const explains = (order: readonly number[]): boolean => {
    let state = model.initial
    for (const [place, at] of order.entries()) {
      if (order.slice(0, place).some((earlier) => precedes(at, earlier))) return false
      const { input, output, fate } = ops[at] as Op<I, O>
      const next = model.step(state, input)
      if (fate === 'ok' && JSON.stringify(next.output) !== JSON.stringify(output)) return false
      state = next.state
    }
    return true
  }
  return orders(
    ops.map((_, at) => at),
    [],
  )
}

const without = (list: readonly number[], item: number): number[] => list.filter((one) => one !== item)

const accepts = <S, I, O>(
  t: Test,
  model: SequentialModel<S, I, O>,
  ops: ReadonlyArray<Op<I, O>>,
  what: string,
): void => {
  const result = linearize(model, ops)
  if (result.verdict !== 'ok') t.fail(`${what}: ${explain(result)}`)
}

t.test('what real objects did is accepted', async (t) => {
  for (let round = 0; round < 150; round += 1) {
    const from = random.child(`valid ${round}`)
    const shape = {
      ops: 60,
      clients: from.between(1, 6),
      unknown: from.pick([0, 0.02, 0.1]),
      thinkMax: from.pick([1, 5]),
    }
    accepts(t, counterModel(), history(from, counterModel(), someAdds, shape), `counter ${from.seed}`)
    const register = registerModel<number>(0)
    accepts(t, register, history(from, register, registers(4), shape), `register ${from.seed}`)
    accepts(t, appendModel(), history(from, appendModel<number>(), appends, shape), `list ${from.seed}`)
  }
  t.pass('450 histories of up to 60 operations')
})

t.test('an order that is found is one', async (t) => {
  const from = random.child('order')
  const ops = history(from, counterModel(), someAdds, { ops: 200, clients: 5, unknown: 0.03, thinkMax: 4 })
  const { order, state } = linearize(counterModel(), ops)
  let sum = 0
  for (const { input, output, fate } of order) {
    sum += input
    if (fate === 'ok') t.equal(sum, output)
  }
  t.equal(state, sum)
  for (const [place, op] of order.entries()) {
    const late = order.slice(0, place).find(({ invoked }) => op.fate === 'ok' && invoked > op.returned)
    t.equal(late, undefined, 'none before one that had its answer when it was invoked')
  }
  t.equal(order.filter(({ fate }) => fate === 'ok').length, ops.filter(({ fate }) => fate === 'ok').length)
})

t.test('G3: a lost, a doubled and a stale effect of a counter are found', async (t) => {
  for (let round = 0; round < 100; round += 1) {
    const from = random.child(`counter ${round}`)
    const shape = { ops: 60, clients: from.between(1, 6), unknown: from.pick([0, 0.05]), thinkMax: 4 }
    const valid = history(from, counterModel(), adds, shape)
    const answered = valid.filter(({ fate }) => fate === 'ok').sort((a, b) => (a.output ?? 0) - (b.output ?? 0))
    // The last but some: what comes after it is known to all.
    const victim = from.pick(answered.slice(0, -1))
    const after = (op: Op<number, number>) => op.fate === 'ok' && (op.output ?? 0) > (victim.output ?? 0)
    const shifted = (by: number) => valid.map((op) => (after(op) ? { ...op, output: (op.output ?? 0) + by } : op))
    const twin = from.pick(answered.filter((op) => op !== victim))
    const stale = valid.map((op) => (op === twin ? { ...op, output: victim.output } : op))
    const sure = valid.every(({ fate }) => fate === 'ok')
    t.equal(linearize(counterModel(), stale).verdict, 'violated', `the same answer twice ${from.seed}`)
    // An unknown one may explain a sum that is too high, or be taken for the one that is lost: so says the word.
    if (!sure) continue
    t.equal(linearize(counterModel(), shifted(-victim.input)).verdict, 'violated', `lost ${from.seed}`)
    t.equal(linearize(counterModel(), shifted(victim.input)).verdict, 'violated', `doubled ${from.seed}`)
  }
})

t.test('a read of what nobody wrote, and of what was overwritten before it began', async (t) => {
  for (let round = 0; round < 50; round += 1) {
    const from = random.child(`register ${round}`)
    const model = registerModel<number>(0)
    const shape = { ops: 40, clients: 4, unknown: 0.02, thinkMax: 4 }
    const valid = history(from, model, registers(5), shape)
    const end = Math.max(...valid.map(({ invoked, returned }) => (returned === Infinity ? invoked : returned)))
    const read = (invoked: number, output: number) => {
      const input: RegisterInput<number> = { op: 'read' }
      return { client: 'reader', input, output, invoked, returned: invoked + 1, fate: 'ok' as const }
    }
    t.equal(linearize(model, [...valid, read(end + 1, 99)]).verdict, 'violated', `invented ${from.seed}`)
    const write = (invoked: number, value: number) => {
      const input: RegisterInput<number> = { op: 'write', value }
      return { client: 'writer', input, output: undefined, invoked, returned: invoked + 1, fate: 'ok' as const }
    }
    const over = [...valid, write(end + 1, 98), write(end + 3, 97)]
    t.equal(linearize(model, [...over, read(end + 5, 97)]).verdict, 'ok', `fresh ${from.seed}`)
    t.equal(linearize(model, [...over, read(end + 5, 98)]).verdict, 'violated', `stale ${from.seed}`)
    t.equal(linearize(model, [...over, read(end + 4, 98)]).verdict, 'ok', `it may overlap ${from.seed}`)
  }
})

t.test('G3: a list that lost an item, or changed the order of two', async (t) => {
  for (let round = 0; round < 100; round += 1) {
    const from = random.child(`list ${round}`)
    const valid = history(from, appendModel<number>(), appends, { ops: 50, clients: 4, unknown: 0.02, thinkMax: 4 })
    const lists = valid.flatMap(({ output }) =>
      Array.isArray(output) && output.length > 2 ? [output as number[]] : [],
    )
    if (lists.length < 2) continue
    const longest = lists.reduce((a, b) => (b.length > a.length ? b : a))
    const changed = (output: number[]) => valid.map((op) => (op.output === longest ? { ...op, output } : op))
    const at = from.between(0, longest.length - 2)
    const swapped = [...longest]
    swapped.splice(at, 2, longest[at + 1] as number, longest[at] as number)
    const verdictOf = (output: number[]) => linearize(appendModel<number>(), changed(output)).verdict
    t.equal(verdictOf(longest), 'ok')
    const known = valid.some((op) => Array.isArray(op.output) && op.output !== longest && op.output.length > at + 1)
    if (known) t.equal(verdictOf(swapped), 'violated', `swapped ${from.seed}`)
    const doubled = [...longest, longest[0] as number]
    t.equal(verdictOf(doubled), 'violated', `doubled ${from.seed}`)
  }
})

t.test('small histories: exactly what a search over all orders says', async (t) => {
  const said = { ok: 0, violated: 0 }
  const compare = <S, I, O>(model: SequentialModel<S, I, O>, ops: ReadonlyArray<Op<I, O>>, name: string): void => {
    const { verdict } = linearize(model, ops)
    const expected = bruteForce(model, ops) ? 'ok' : 'violated'
    if (verdict !== expected) t.equal(verdict, expected, `${name}: ${JSON.stringify(ops)}`)
    said[expected] += 1
  }
  const mutated = <I, O>(from: SeededRandom, ops: Draft<I, O>[], answers: readonly O[]): Draft<I, O>[] => {
    const victim = from.pick(ops)
    if (victim.fate === 'ok' && from.chance(0.7)) victim.output = from.pick(answers)
    return ops
  }
  for (let round = 0; round < 400; round += 1) {
    const from = random.child(`small ${round}`)
    const shape = { ops: from.between(1, 6), clients: from.between(1, 4), unknown: 0.15, thinkMax: from.pick([1, 3]) }
    const numbers = [0, 1, 2, 3, 4, 5]
    const counted = history(from, counterModel(), someAdds, shape)
    const wrong = mutated(from, counted, numbers)
    compare(counterModel(), wrong, `counter ${from.seed}`)
    compare(counterModel(0, { growing: true }), wrong, `growing counter ${from.seed}`)
    const register = registerModel<number>(0)
    const kept = history(from, register, registers(2), shape)
    compare(
      register,
      mutated<RegisterInput<number>, number | boolean | undefined>(from, kept, [0, 1, 2, true, false]),
      from.seed,
    )
    const lists = [[], [0], [1], [0, 1], [1, 0], 1, 2]
    const listed = history(from, appendModel<number>(), appends, shape)
    compare(
      appendModel<number>(),
      mutated<AppendInput<number>, number | readonly number[]>(from, listed, lists),
      from.seed,
    )
  }
  for (let round = 0; round < 20; round += 1) {
    const from = random.child(`seven ${round}`)
    const counted = history(from, counterModel(), someAdds, { ops: 7, clients: 4, unknown: 0.1, thinkMax: 2 })
    compare(counterModel(), mutated(from, counted, [0, 1, 2, 3]), `seven ${from.seed}`)
  }
  t.ok(said.ok > 300 && said.violated > 300, 'both verdicts were met often', said)
  t.comment(`${said.ok} accepted, ${said.violated} rejected, by both`)
})

t.test('at one moment two clients overlap, and one client does not overlap itself', async (t) => {
  const add = (client: string, output: number, invoked = 5, returned = 5) => {
    return { client, input: 1, output, invoked, returned, fate: 'ok' as const }
  }
  const verdictOf = (...ops: Op<number, number>[]) => linearize(counterModel(), ops).verdict
  t.equal(verdictOf(add('a', 2), add('b', 1)), 'ok')
  t.equal(verdictOf(add('a', 1), add('a', 2)), 'ok')
  t.equal(verdictOf(add('a', 2), add('a', 1)), 'violated')
  t.equal(verdictOf(add('a', 2, 1, 5), add('a', 1, 5, 9)), 'violated', 'one after the other')
  t.equal(verdictOf(add('a', 2, 1, 6), add('a', 1, 5, 9)), 'ok', 'a client may have two under way')
  t.equal(verdictOf(add('a', 1), add('b', 2), add('b', 3), add('a', 4)), 'ok')
  t.equal(verdictOf(add('a', 3), add('a', 2), add('b', 1)), 'violated')
})

t.test('an unknown one takes effect late, or never', async (t) => {
  const lost = { client: 'a', input: 5, output: undefined, invoked: 1, returned: Infinity, fate: 'unknown' as const }
  const read = (output: number, invoked: number) => {
    return { client: 'b', input: 0, output, invoked, returned: invoked + 1, fate: 'ok' as const }
  }
  const verdictOf = (...ops: Op<number, number>[]) => linearize(counterModel(), [lost, ...ops]).verdict
  t.equal(verdictOf(), 'ok')
  t.equal(verdictOf(read(0, 10), read(0, 20)), 'ok')
  t.equal(verdictOf(read(0, 10), read(5, 20)), 'ok')
  t.equal(verdictOf(read(5, 10), read(0, 20)), 'violated', 'and not again undone')
  t.equal(verdictOf(read(5, 10), read(10, 20)), 'violated', 'and not twice')
  const early = linearize(counterModel(), [{ ...lost, invoked: 50 }, read(5, 10)])
  t.equal(early.verdict, 'violated', 'and not before it was sent')
})

t.test('a violation says how far it got and what fits nowhere', async (t) => {
  const add = (client: string, output: number, invoked: number) => {
    return { client, input: 1, output, invoked, returned: invoked + 1, fate: 'ok' as const }
  }
  const result = linearize(counterModel(), [add('a', 1, 1), add('b', 2, 3), add('a', 2, 5), add('b', 4, 7)])
  t.match(result, { verdict: 'violated', state: 2, stuck: { client: 'a', invoked: 5 }, instead: 3 })
  t.equal(result.order.length, 2)
  t.match(
    explain(result, 1),
    /1 operations before\n {2}b \[3\.\.4\] 1 -> 2\nthen nothing explains: a \[5\.\.6\] 1 -> 2 /,
  )
  t.equal(explain(linearize(counterModel(), [])), 'ok after 0 steps')
})

t.test('a budget that is used up is said, and is no answer', async (t) => {
  const from = random.child('budget')
  const model = registerModel<number>(0)
  const ops = history(from, model, registers(3), { ops: 200, clients: 20, unknown: 0, thinkMax: 400 })
  t.equal(linearize(model, ops, 50).verdict, 'budget')
  t.match(explain(linearize(model, ops, 50)), /^budget after 50 steps/)
})

t.test('how long it takes', async (t) => {
  const time = <S, I, O>(
    what: string,
    model: SequentialModel<S, I, O>,
    ops: ReadonlyArray<Op<I, O>>,
    verdict: string,
  ) => {
    const began = performance.now()
    const result = linearize(model, ops)
    const ms = performance.now() - began
    t.comment(`${what.padEnd(48)} ${result.verdict.padEnd(9)} ${ms.toFixed(1).padStart(7)} ms ${result.steps} steps`)
    t.equal(result.verdict, verdict, what)
  }
  for (const ops of [1_000, 10_000]) {
    const from = random.child(`times ${ops}`)
    const shape = { ops, clients: 8, unknown: ops === 1_000 ? 0.01 : 0, thinkMax: 10 }
    const counted = history(from, counterModel(), adds, shape)
    time(`counter, ${ops} operations, 8 clients`, counterModel(), counted, 'ok')
    const answered = counted.filter(({ fate }) => fate === 'ok').sort((a, b) => (a.output ?? 0) - (b.output ?? 0))
    Object.assign(answered.at(-1) ?? {}, { output: answered.at(-2)?.output })
    time('  with one wrong answer', counterModel(0, { growing: true }), counted, 'violated')
    const listed = history(from, appendModel<number>(), appends, shape)
    time(`list, ${ops} operations, 8 clients`, appendModel<number>(), listed, 'ok')
    const register = registerModel<number>(0)
    time(`register, ${ops} operations, 8 clients`, register, history(from, register, registers(50), shape), 'ok')
  }
})
