/**
 * The machine of a supervisor under random events, beside a small reference that only keeps count. Whatever the order
 * in which starts, stops and ends come: never two lives of one child, starts in order and stops in reverse within a
 * job, as many restarts as the intensity allows, and an end at which nobody is left.
 */
import { test } from 'tap'
import { SeededRandom } from '../../src/base/random.js'
import { stepTree } from '../../src/supervisor/machine-supervisor.js'
import {
  type Flags,
  newTree,
  type Restart,
  type Row,
  type Tree,
  type TreeEffect,
  type TreeEvent,
} from '../../src/supervisor/tree.js'

const RUNS = 400
const STEPS = 120

/** What the world knows of one life. */
type Life = 'starting' | 'up' | 'told'

class Reference {
  readonly lives = new Map<string, { readonly life: number; state: Life }>()
  readonly faults: string[] = []
  readonly asked = new Set<number>()
  readonly answered = new Set<number>()
  readonly again: Array<{ readonly id: string; readonly life: number }> = []
  /** Restarts that were reported, by time. */
  readonly restarts: number[] = []
  over = false

  effect(effect: TreeEffect, before: Tree, now: number): void {
    if (this.over) this.faults.push(`${effect.type} after the end`)
    if (effect.type === 'start') {
      if (this.lives.has(effect.id)) this.faults.push(`two lives of ${effect.id}`)
      if (before.phase === 'ending') this.faults.push(`${effect.id} starts at the end`)
      this.lives.set(effect.id, { life: effect.life, state: 'starting' })
    } else if (effect.type === 'stop' || effect.type === 'cut') {
      const known = this.lives.get(effect.id)
      const from = effect.type === 'stop' ? 'up' : 'starting'
      if (known?.life !== effect.life) this.faults.push(`${effect.type} of no life of ${effect.id}`)
      else if (known.state !== from) this.faults.push(`${effect.type} of ${effect.id}, which is ${known.state}`)
      else if (effect.type === 'stop') known.state = 'told'
    } else if (effect.type === 'again') this.again.push(effect)
    else if (effect.type === 'report' && effect.what === 'restart') this.restarts.push(now)
    else if (effect.type === 'done' || effect.type === 'refused' || effect.type === 'startFailed') {
      if (this.answered.has(effect.ask)) this.faults.push(`${effect.ask} is answered twice`)
      this.answered.add(effect.ask)
    } else if (effect.type === 'over') {
      this.over = true
      if (this.lives.size > 0) this.faults.push(`over, and ${[...this.lives.keys()]} live`)
    }
  }
}

const pick = <T>(random: SeededRandom, list: readonly T[]): T => list[random.u32() % list.length] as T

const rowOf = (random: SeededRandom, id: string, flags: Flags): Row => {
  const restart = pick<Restart>(random, ['permanent', 'transient', 'temporary'])
  const significant = flags.autoShutdown !== 'never' && restart !== 'permanent' && random.u32() % 2 === 0
  return { id, restart, significant }
}

const history = (seed: string): string[] => {
  const random = new SeededRandom(seed)
  const flags: Flags = {
    strategy: pick(random, ['one_for_one', 'one_for_all', 'rest_for_one'] as const),
    intensity: random.u32() % 6,
    periodMs: 50,
    autoShutdown: pick(random, ['never', 'never', 'any_significant', 'all_significant'] as const),
  }
  const ref = new Reference()
  let tree = newTree
  let now = 0
  let asks = 0
  const step = (event: TreeEvent): void => {
    const before = tree
    const { state, effects } = stepTree(tree, event, { now, flags })
    tree = state
    for (const effect of effects) ref.effect(effect, before, now)
    const ids = tree.children.map(({ id }) => id)
    if (new Set(ids).size !== ids.length) ref.faults.push(`a child is there twice: ${ids}`)
    if (ref.restarts.filter((at) => at >= now - flags.periodMs).length > flags.intensity)
      ref.faults.push('more restarts than the intensity')
    // Who is terminated by hand is so at once.
    if (event.type !== 'terminate') inOrder(effects, before, ref)
  }
  const end = (id: string, reason: string): void => {
    const known = ref.lives.get(id)
    ref.lives.delete(id)
    if (known !== undefined) step({ type: 'ended', id, life: known.life, reason })
  }
  const settle = (id: string): void => {
    const known = ref.lives.get(id)
    if (known === undefined) return
    if (known.state === 'told') return end(id, pick(random, ['shutdown', 'killed']))
    if (known.state === 'up') return end(id, pick(random, ['normal', 'shutdown: x', 'crash: x', 'killed', 'nodedown']))
    if (random.u32() % 4 > 0) {
      known.state = 'up'
      return step({ type: 'started', id, life: known.life })
    }
    ref.lives.delete(id)
    step({ type: 'failed', id, life: known.life, ignored: random.u32() % 3 === 0, reason: 'x' })
  }
  const ask = (): void => {
    asks += 1
    ref.asked.add(asks)
    const id = pick(random, ['a', 'b', 'c', 'd', 'e', 'f'])
    const type = pick(random, ['start', 'terminate', 'restart', 'delete'] as const)
    step(type === 'start' ? { type, row: rowOf(random, id, flags), ask: asks } : { type, id, ask: asks })
  }
  step({ type: 'boot', rows: ['a', 'b', 'c', 'd'].map((id) => rowOf(random, id, flags)) })
  const once = (): void => {
    const again = ref.again.shift()
    if (again !== undefined && random.u32() % 2 === 0) return step({ type: 'again', ...again })
    if (again !== undefined) ref.again.push(again)
    if (ref.lives.size > 0) settle(pick(random, [...ref.lives.keys()]))
  }
  for (let i = 0; i < STEPS && !ref.over; i += 1) {
    now += random.u32() % 20
    if (random.u32() % 5 === 0) ask()
    else once()
  }
  step({ type: 'stop' })
  for (let i = 0; i < 1_000 && !ref.over; i += 1) {
    for (const [id, { state }] of ref.lives) if (state !== 'up') settle(id)
  }
  if (!ref.over) ref.faults.push(`it does not end: ${JSON.stringify(tree)}`)
  for (const asked of ref.asked) if (!ref.answered.has(asked)) ref.faults.push(`${asked} is not answered`)
  return ref.faults
}

/** A stop of a job comes when all behind it are down. */
const inOrder = (effects: readonly TreeEffect[], before: Tree, ref: Reference): void => {
  const place = (id: string) => before.children.findIndex((child) => child.id === id)
  if (before.job === undefined) return
  for (const effect of effects) {
    if (effect.type !== 'stop' || !before.job.stops.includes(effect.id)) continue
    const behind = before.job.stops.filter((id) => place(id) > place(effect.id) && ref.lives.has(id))
    if (behind.length > 0) ref.faults.push(`${effect.id} is stopped before ${behind}`)
  }
}

test('random histories of a supervisor', async (t) => {
  const began = process.env.SEED
  const seeds = began === undefined ? Array.from({ length: RUNS }, (_, i) => `supervisor ${i}`) : [began]
  for (const seed of seeds) {
    const faults = history(seed)
    if (faults.length > 0) t.fail(`SEED="${seed}": ${faults.slice(0, 3).join('; ')}`)
  }
  t.ok(seeds.length > 0, `${seeds.length} histories`)
})
