/** Who gives way when two nodes meet that hold each other for dead: every meeting, and every order of meetings. */
import { test } from 'tap'
import { isCondemned, standingOf } from '../../src/cluster/standing.js'
import type { Standing } from '../../src/wire/messages.js'

const NAMES = ['a', 'b', 'c', 'd']
const flags = [true, false]

test('whatever two nodes say, exactly one gives way when one is dead for the other, and none else', async (t) => {
  const words: Standing[] = []
  for (const dead of flags) for (const size of [1, 2, 3]) for (const lowest of NAMES) words.push({ dead, size, lowest })
  let meetings = 0
  for (const ours of words) {
    for (const theirs of words) {
      const a = isCondemned('a', { node: 'b', said: ours, heard: theirs })
      const b = isCondemned('b', { node: 'a', said: theirs, heard: ours })
      const wanted = ours.dead || theirs.dead ? 1 : 0
      if (Number(a) + Number(b) !== wanted) t.fail(`${JSON.stringify([ours, theirs])}: ${a} ${b}`)
      if (ours.dead && !theirs.dead && !b) t.fail('the one that is dead gives way')
      meetings += 1
    }
  }
  t.comment(`${meetings} meetings`)
  t.equal(isCondemned('a', { node: 'b', said: { dead: true, size: 2, lowest: 'a' }, heard: undefined }), false)
})

/** For whom is whose life dead? One bit for each ordered pair. */
type World = number
const bit = (n: number, by: number, of: number): number => 1 << (by * n + of)

const meet = (world: World, n: number, x: number, y: number): World => {
  const says = (by: number, of: number): Standing => {
    const live = NAMES.slice(0, n)
      .filter((_, i) => i !== by && (world & bit(n, by, i)) === 0)
      .map((node) => ({ node, incarnation: 1, address: { host: node, port: 1 } }))
    return standingOf(NAMES[by] ?? '', live, (world & bit(n, by, of)) !== 0, true)
  }
  const [said, heard] = [says(x, y), says(y, x)]
  const gone = isCondemned(NAMES[x] ?? '', { node: NAMES[y] ?? '', said, heard }) ? x : y
  let next = world
  for (let i = 0; i < n; i++) next &= ~bit(n, gone, i) & ~bit(n, i, gone)
  return next
}

test('every set of verdicts on up to four nodes, met in every order, ends, and one node stays', async (t) => {
  for (const n of [2, 3, 4]) {
    const pairs = Array.from({ length: n * n }, (_, i) => [Math.floor(i / n), i % n] as const)
    const unequal = pairs.filter(([x, y]) => x !== y)
    /** The most rebirths from there on, in any order of meetings. */
    const longest = new Map<World, number>([[0, 0]])
    const from = (world: World): number => {
      const known = longest.get(world)
      if (known !== undefined) return known
      let most = 0
      for (const [x, y] of unequal) {
        if (x > y || (world & (bit(n, x, y) | bit(n, y, x))) === 0) continue
        const next = meet(world, n, x, y)
        t.ok((next & world) === next && next !== world, 'a rebirth takes verdicts away and brings none')
        most = Math.max(most, 1 + from(next))
      }
      longest.set(world, most)
      return most
    }
    let worlds = 0
    let most = 0
    for (let mask = 0; mask < 1 << unequal.length; mask++) {
      const world = unequal.reduce((all, [x, y], i) => all | ((mask >> i) & 1 ? bit(n, x, y) : 0), 0)
      most = Math.max(most, from(world))
      worlds += 1
    }
    t.comment(`${n} nodes: ${worlds} sets of verdicts, ${most} new lives at most`)
    t.equal(most, n - 1)
  }
})
