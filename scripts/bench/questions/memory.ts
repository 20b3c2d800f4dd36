/**
 * What does one process more take, state included? The slope between two numbers of them, after full collections, so
 * that what a node has anyway does not count; and what the other member takes to know its name.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { startMany } from '../batch.js'
import { nodeNamed, Served, type Usage, usage } from '../pair.js'
import type { Question } from '../question.js'
import { plainRow, type Row } from '../rows.js'
import { KiB } from '../states.js'

const SYNC_MS = 500
const COUNTS = { full: [10_000, 50_000], quick: [1_000, 5_000] } as const

/** KB for one more. */
const each = (before: Usage, after: Usage, of: 'heapBytes' | 'rssBytes', count: number): number =>
  (after[of] - before[of]) / count / KiB

export const memory: Question = async ({ file, pace }) => {
  const node = await nodeNamed('a', [])
  const other = await Served.open(file, ['other', node.address])
  const empty = await other.usage(true)
  const [few, more] = COUNTS[pace.quick ? 'quick' : 'full']
  await startMany(node, few, 'bench:few')
  await sleep(SYNC_MS)
  const before = { here: usage(true), there: await other.usage(true) }
  await startMany(node, more, 'bench:more')
  // Others hear of names a moment later.
  await sleep(SYNC_MS)
  const after = { here: usage(true), there: await other.usage(true) }
  await other.close()
  const row = (id: string, name: string, value: number): Row =>
    plainRow({ id: `memory.${id}`, group: 'memory of one more process of 100 B', name, unit: 'KB' }, [value])
  const of = (at: 'here' | 'there', what: 'heapBytes' | 'rssBytes'): number => each(before[at], after[at], what, more)
  return {
    rows: [
      row('process', 'process, state included, heap', of('here', 'heapBytes')),
      row('process.rss', 'process, state included, RSS', of('here', 'rssBytes')),
      row('name', 'its name at each other member, heap', of('there', 'heapBytes')),
      row('node', 'a program with a node and no process, RSS', empty.rssBytes / KiB),
    ],
  }
}
