/** The machine of a group: a table of what it decides (scenario 62). */
import t from 'tap'
import { startedAtOnce, stepGroup } from '../../src/cluster/machine-group.js'

type Word = 'live' | 'busy' | 'down'

/** `2:live@b` is number 2, which lives on b. */
const replica = (text: string) => {
  const [number = '', rest = ''] = text.split(':')
  const [status = '', node = ''] = rest.split('@')
  return { number: Number(number), status: status as Word, node }
}

const decide = (count: number, nodes: string, replicas: string, active?: number, starting = false): string => {
  const all = replicas === '' ? [] : replicas.split(' ').map(replica)
  const event = { type: 'look', count, nodes: nodes.split(' ').filter(Boolean), replicas: all, starting } as const
  const { state, effects } = stepGroup({ active }, event)
  const words = effects.map((effect) => {
    if (effect.type !== 'activate') return `${effect.type} ${effect.number}`
    return `${effect.from} -> ${effect.number}${effect.on === '' ? '' : ` on ${effect.on}`}`
  })
  return [...(active === undefined ? [] : [`active ${state.active}`]), ...words].join(', ')
}

t.test('62: which replicas there should be', async (t) => {
  const rows: ReadonlyArray<readonly [string, number, string, string, string]> = [
    ['all are missing', 3, 'a b c', '', 'add 1, add 2, add 3'],
    ['one is missing', 3, 'a b c', '1:live@a 3:live@c', 'add 2'],
    ['more than there are nodes: the records are there, and wait', 3, 'a', '', 'add 1, add 2, add 3'],
    ['nodes that go take none away', 3, 'a', '1:live@a 2:down 3:down', ''],
    ['no node at all', 2, '', '1:down 2:down', ''],
    ['one each', 0, 'a b', '', 'add 1, add 2'],
    ['one each, and a newcomer', 0, 'a b c', '1:live@a 2:live@b', 'add 3'],
    ['the free number is given again', 0, 'a b c', '1:live@a 3:live@c', 'add 2'],
    ['a node is gone, and what it had', 0, 'a c', '1:live@a 2:down 3:live@c', 'remove 2'],
    ['two are gone: the highest that are down', 0, 'a', '1:down 2:live@a 3:down', 'remove 1, remove 3'],
    ['nobody knows yet what became of it', 0, 'a c', '1:live@a 2:busy 3:live@c', ''],
    ['it goes, and its replica lives', 0, 'a b', '1:live@a 2:live@b 3:live@c', ''],
    ['one goes, another one came', 0, 'a b d', '1:live@a 2:live@b 3:live@c', 'add 4'],
    ['the one that was to go is gone, too', 0, 'a b d', '1:live@a 2:live@b 3:down 4:live@d', 'remove 3'],
    ['one that crashed has a node, and starts again', 0, 'a b c', '1:live@a 2:down 3:live@c', ''],
    ['nobody can take one', 0, '', '1:down', 'remove 1'],
  ]
  for (const [what, count, nodes, replicas, expected] of rows) t.equal(decide(count, nodes, replicas), expected, what)
  t.equal(decide(3, 'a b c', '1:live@a', undefined, true), '', 'not while its start is under way')
})

t.test('62: which one is active', async (t) => {
  const rows: ReadonlyArray<readonly [string, number, string, string]> = [
    ['nobody lives yet', 0, '1:down 2:down', 'active 0'],
    ['the first that lives', 0, '1:down 2:live@b', 'active 2, 0 -> 2 on b'],
    ['of several the lowest', 0, '1:live@a 2:live@b', 'active 1, 0 -> 1 on a'],
    ['it lives on', 2, '1:live@a 2:live@b', 'active 2'],
    ['it lives elsewhere', 2, '1:live@a 2:live@c', 'active 2'],
    ['nobody knows: no end', 2, '1:live@a 2:busy', 'active 2'],
    ['its life is over', 2, '1:live@a 2:down 3:live@c', 'active 1, 2 -> 1 on a'],
    ['its record is gone', 2, '1:live@a 3:live@c', 'active 1, 2 -> 1 on a'],
    ['one in doubt is not chosen', 2, '1:busy 2:down 3:live@c', 'active 3, 2 -> 3 on c'],
    [
      'nobody else lives: nobody, so that its next life is not active before it is seen',
      1,
      '1:down',
      'active 0, 1 -> 0',
    ],
  ]
  for (const [what, active, replicas, expected] of rows)
    t.equal(decide(3, 'a b c', replicas, active, true), expected, what)
  t.equal(decide(2, 'a b', '1:down 2:live@b', undefined), '', 'all are: nobody is chosen')
})

t.test(
  '62: whatever comes in whatever order: one that lives is active, or nobody does; and no change without an end',
  async (t) => {
    const words: readonly Word[] = ['live', 'busy', 'down']
    const nodes = ['a', 'b', 'c']
    let looked = 0
    for (const one of words)
      for (const two of words)
        for (const three of words)
          for (const active of [0, 1, 2, 3]) {
            const replicas = [one, two, three].map((status, i) => ({ number: i + 1, status, node: nodes[i] ?? '' }))
            const { state } = stepGroup({ active }, { type: 'look', count: 3, nodes, replicas, starting: false })
            const is = replicas.find(({ number }) => number === state.active)
            const was = replicas.find(({ number }) => number === active)
            const what = `${one} ${two} ${three}, ${active} was active, ${state.active} is`
            t.ok(is === undefined ? state.active === 0 : is.status !== 'down', what)
            t.equal(is === undefined, !replicas.some(({ status }) => status === 'live') && was?.status !== 'busy', what)
            if (was !== undefined && was.status !== 'down') t.equal(state.active, active, what)
            looked += 1
          }
    t.equal(looked, 108)
  },
)

t.test('a start waits for as many as there are nodes for', async (t) => {
  t.same(startedAtOnce(3, 5), [1, 2, 3])
  t.same(startedAtOnce(3, 2), [1, 2])
  t.same(startedAtOnce(0, 2), [1, 2])
  t.same(startedAtOnce(3, 0), [])
})
