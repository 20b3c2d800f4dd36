/** The packed worlds of models: what the network and the faults may do, on two actors that only talk and count. */
import { test } from 'tap'
import type { Actor, Faults, Knows, View } from '../fixtures/actor.js'
import { Actors } from '../fixtures/actors.js'
import { explore } from '../fixtures/exhaustive.js'
import { moveSpace } from '../fixtures/move-model.js'
import { moveSize } from '../fixtures/move-parts.js'

interface Talks extends Knows {
  readonly said: number
}

interface Hears extends Knows {
  /** What was heard, in that order, at most four. */
  readonly heard: readonly string[]
}

/** Says `one`, then `two`. */
const talker: Actor<Talks> = {
  name: 'A',
  start: { said: 0, deaths: {} },
  acts: (local) =>
    local.said < 2 ? [{ local: { ...local, said: local.said + 1 }, says: [`A>B ${['one', 'two'][local.said]}`] }] : [],
  hears: (local, _from, [, who = '']) => [{ local: { ...local, deaths: { [who]: 'proved' } } }],
}

const hearer: Actor<Hears> = {
  name: 'B',
  start: { heard: [], deaths: {} },
  acts: () => [],
  hears: (local, _from, [what = '', who = '']) => {
    if (what === 'dead') return [{ local: { ...local, deaths: { [who]: 'proved' } } }]
    return local.heard.length === 4
      ? []
      : [{ local: { ...local, heard: [...local.heard, what] }, says: [`!>B ${what}`] }]
  },
}

/** @returns all that B may have heard, as texts; with a star when A was over for it then */
const heardBy = (faults: Faults, also: (view: View) => string = () => ''): string[] => {
  const all = new Set<string>()
  const note = (view: View): string | undefined => {
    const local = view.local(hearer)
    all.add(`${local === undefined ? 'dead' : local.heard.join(',')}${local?.deaths.A ? '*' : ''}${also(view)}`)
    return undefined
  }
  const found = explore(new Actors([talker, hearer], faults, 1).space({ violation: note }), { statesMax: 10_000 })
  if (!found.complete) throw new Error('The space of two actors is small.')
  return [...all].sort()
}

test('the network loses, doubles and reorders anything', async (t) => {
  const all = heardBy({})
  // All words over two letters with up to four of them.
  t.equal(all.length, 1 + 2 + 4 + 8 + 16)
  t.ok(['', 'two', 'two,one', 'one,one,one,one', 'two,one,two,one'].every((one) => all.includes(one)))
})

test('... or only reorders, when it is told so', async (t) => {
  t.same(heardBy({ once: true }), ['', 'one', 'one,two', 'two', 'two,one'])
})

test('what a crashed actor said may be lost: nothing of it, all, or any one message', async (t) => {
  const rest = (view: View): string => {
    if (view.local(talker) !== undefined) return ' up'
    return ` ${['one', 'two'].filter((word) => view.said(`A>B ${word}`)).join('+')}`
  }
  const all = heardBy({ crash: ['A'] }, rest)
  t.ok(
    [' one+two', ' one', ' two', ' '].every((one) => all.includes(one)),
    all.join('; '),
  )
  // Its death is known only when it is real, and from then on nothing is heard from it.
  t.notOk(all.some((one) => one.includes('*') && one.includes('up')))
  t.ok(all.filter((one) => one.includes('*')).every((one) => one.endsWith('* ')))
})

test('one that crashed hears nothing, and what it would have to hear is gone', async (t) => {
  const all = heardBy({ crash: ['B'] }, (view) => (view.said('A>B one') ? ' one' : ''))
  t.same(
    all.filter((one) => one.startsWith('dead')),
    ['dead'],
  )
})

test('at most so many crash; who is held for dead may live, and is not heard', async (t) => {
  const both = (view: View): string => (view.local(talker) === undefined ? ' A crashed' : '')
  t.notOk(heardBy({ crash: ['A', 'B'] }, both).includes('dead A crashed'))
  t.ok(heardBy({ crash: ['A', 'B'], crashesMax: 2 }, both).includes('dead A crashed'))
  const held = heardBy({ suspect: [['B', 'A']] }, (view) => (view.truthful ? '' : ' a verdict'))
  t.ok(held.includes('one* a verdict'))
  t.equal(held.filter((one) => one.endsWith('* a verdict')).length, 31)
})

test('all that is under way is lost once, facts and news of deaths are not', async (t) => {
  const seen = heardBy({ losesAll: true }, (view) => (view.said('!>B two') ? '!' : ''))
  t.ok(seen.filter((one) => one.includes('two')).every((one) => one.endsWith('!')))
  t.notOk(seen.some((one) => !one.includes('two') && one.endsWith('!')))
})

test('more messages than there is room for are an error, and one that nobody hears is', async (t) => {
  const loud: Actor<Talks> = {
    ...talker,
    acts: (local) => [{ local, says: Array.from({ length: 31 }, (_, i) => `A>B ${i}`) }],
  }
  const lost: Actor<Talks> = { ...talker, acts: (local) => [{ local, says: ['A>X what'] }] }
  const search = (actor: Actor<Talks>) => () =>
    explore(new Actors([actor, hearer], {}, 1).space({ violation: () => undefined }), { statesMax: 10 })
  t.throws(search(loud), /more messages than bits/)
  t.throws(search(lost), /Nobody hears/)
})

test('a move has as many states with fingerprints as with whole worlds', async (t) => {
  const space = moveSpace(moveSize({ faults: { crash: ['S'] } }))
  const worlds = new Set<string>([space.start.join()])
  const queue = [space.start]
  for (const world of queue) {
    for (const [, next] of space.successors(world)) {
      if (worlds.has(next.join())) continue
      worlds.add(next.join())
      queue.push(next)
    }
  }
  t.equal(explore(space, { statesMax: 1_000_000 }).states, worlds.size)
  t.ok(worlds.size > 10_000)
})
