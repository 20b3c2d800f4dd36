/** What the registry says about a name, as a child's caretaker must see it; and errors of children on the wire. */
import { fail, isErrorCode, isMobilityError, type MobilityError, reasonOf } from '../base/errors.js'
import { isNoEnd, NODE_DOWN, NODE_STOPPED } from '../registry/reasons.js'
import type { Child, ChildResult, Entry } from '../wire/messages.js'
import type { Fate } from './machine-child.js'

/** The code of a result that means: ask the home that is it now. */
export const ASK_AGAIN = 'again'

/** What is asked of the registry. */
export interface ChildDirectory {
  lookup(name: string): Entry | undefined
  isRecovering(name: string): boolean
  homeOf(name: string): string
  /** Could a member have a name at all? */
  mayOwn(node: string): boolean
  /** Is this node, as its home, about to give the name to a process? */
  isGranting(name: string): boolean
  readonly settled: boolean
}

export const fateOf = (directory: ChildDirectory, { name, after }: Child): Fate => {
  const entry = directory.lookup(name)
  if (entry === undefined) return { type: 'never' }
  const { node, epoch, reason } = entry
  if (entry.status === 'live') return directory.isRecovering(name) ? { type: 'busy' } : { type: 'live', node, epoch }
  if (isNoEnd(entry)) return { type: 'busy' }
  if (epoch <= after) return { type: 'never' }
  // It ended because its node went: it has not come to its own end.
  return { type: 'ended', node, epoch, reason: reason === NODE_STOPPED ? NODE_DOWN : reason }
}

/** It runs, and had begun when this was removed. */
export const isLeftOver = (directory: ChildDirectory, { name, after }: Child): boolean => {
  const entry = directory.lookup(name)
  return entry?.status === 'live' && entry.via === undefined && entry.line <= after
}

/** A result for the wire. */
export const resultOf = (name: string, node: string, error?: unknown): ChildResult => {
  if (error === undefined) return { name, code: '', reason: '', node }
  if (!isMobilityError(error)) return { name, code: 'ERR_START_FAILED', reason: reasonOf(error), node }
  const { reason, why, node: other } = error.fields
  return { name, code: error.code, reason: String(reason ?? why ?? error.message), node: String(other ?? node) }
}

/** The error that it tells of. */
export const errorOf = ({ name, code, reason, node }: ChildResult, kind: string, ms: number): MobilityError => {
  const known = isErrorCode(code) ? code : 'ERR_START_FAILED'
  return fail(known, { name, node, kind, reason, why: reason, what: `The start of ${name}`, ms, path: name })
}
