/**
 * Which of the members that could take a process (candidates.ts) may have this child: its own nodes only, and of a
 * group one replica on each. The one filter for all who place: before a start, a move to a newcomer, a drain.
 */
import type { Child } from '../wire/messages.js'

/** @param taken  node -> the other replica of its group that is there, or was asked for there */
export const fitting = (
  { nodes, group, kind }: Pick<Child, 'nodes' | 'group' | 'kind'>,
  able: readonly string[],
  taken: ReadonlyMap<string, string>,
): { readonly nodes: readonly string[] } | { readonly why: string } => {
  if (able.length === 0) return { why: `no member that stays has kind ${kind}` }
  const pinned = nodes.length === 0 ? able : able.filter((node) => nodes.includes(node))
  if (pinned.length === 0) return { why: `none of its nodes (${nodes.join(', ')}) can take it` }
  const free = taken.size === 0 ? pinned : pinned.filter((node) => !taken.has(node))
  if (free.length > 0) return { nodes: free }
  const there = pinned.map((node) => `${node} has ${taken.get(node)}`).join(', ')
  return { why: `each node that could take it has another replica of ${group}: ${there}` }
}
