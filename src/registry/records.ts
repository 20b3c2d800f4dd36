/**
 * What an engine-backed directory keeps at its engine. Below `<prefix>/<cluster>/`:
 *
 *   n/<name>   who owns it, on the owner's lease. Written when the owner changes and never else, so that the revision
 *              of its last write is the number of that ownership
 *   e/<name>   how its last life ended, for `endedMs`, on a lease of its own
 *   m/<name>   a move: on the destination's lease until it is recorded, then on that of the source, which keeps a copy
 *   l/<node>   that node's lease
 *
 * G2  The epoch of an owner is `offset` + the revision of its record. Revisions only grow; the offset is above 0 only
 *     where a higher epoch was known than the engine would give, as when it was set up anew.
 */
import type { Attempt } from '../base/ids.js'
import type { Entry } from '../wire/messages.js'
import type { EngineKey } from './engine.js'

export interface OwnerRecord {
  readonly kind: string
  readonly node: string
  readonly incarnation: number
  readonly offset: number
  /** 0: the epoch itself, a life that begins. */
  readonly line: number
  /** The move that brought it there. */
  readonly attempt?: Attempt
  /** Of whoever wrote it: he knows his own words again when the answer was lost. */
  readonly token: string
}

interface EndRecord {
  readonly kind: string
  readonly node: string
  readonly incarnation: number
  readonly epoch: number
  readonly line: number
  readonly reason: string
}

/** `open`: the destination may take it when the source's lease ends. `closed`: it was given up. `kept`: recorded. */
export interface MoveRecord {
  readonly attempt: Attempt
  readonly to: { readonly node: string; readonly incarnation: number }
  readonly state: 'open' | 'closed' | 'kept'
}

export interface LifeRecord {
  readonly incarnation: number
  /** So long its names wait when it ends without a word. */
  readonly ttlMs: number
}

export type RecordKind = 'n' | 'e' | 'm' | 'l'

export const keyOf = (root: string, kind: RecordKind, name: string): string => `${root}${kind}/${name}`

/** @returns undefined for a key that is none of these */
export const parseKey = (root: string, key: string): { kind: RecordKind; name: string } | undefined => {
  const kind = key.slice(root.length, root.length + 1)
  const known = kind === 'n' || kind === 'e' || kind === 'm' || kind === 'l'
  if (!known || key.slice(root.length + 1, root.length + 2) !== '/') return undefined
  return { kind, name: key.slice(root.length + 2) }
}

export const written = (record: OwnerRecord | EndRecord | MoveRecord | LifeRecord): string => JSON.stringify(record)

const isText = (value: unknown): value is string => typeof value === 'string'
const isCount = (value: unknown): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0

const read = <T>(text: string, check: (value: { [field: string]: unknown }) => boolean): T | undefined => {
  try {
    const value: unknown = JSON.parse(text)
    const good = typeof value === 'object' && value !== null && check(value as { [field: string]: unknown })
    return good ? (value as T) : undefined
  } catch {
    return undefined
  }
}

const isAttempt = (value: unknown): value is Attempt => {
  const attempt = value as Partial<Attempt> | undefined | null
  return isCount(attempt?.epoch) && isCount(attempt?.counter)
}

export const readOwner = (text: string): OwnerRecord | undefined =>
  read(
    text,
    ({ kind, node, incarnation, offset, line, attempt, token }) =>
      [kind, node, token].every(isText) &&
      [incarnation, offset, line].every(isCount) &&
      (attempt === undefined || isAttempt(attempt)),
  )

export const readEnd = (text: string): EndRecord | undefined =>
  read(
    text,
    ({ kind, node, incarnation, epoch, line, reason }) =>
      [kind, node, reason].every(isText) && [incarnation, epoch, line].every(isCount),
  )

export const readMove = (text: string): MoveRecord | undefined =>
  read(text, ({ attempt, to, state }) => {
    const { node, incarnation } = (to ?? {}) as { readonly node?: unknown; readonly incarnation?: unknown }
    const known = state === 'open' || state === 'closed' || state === 'kept'
    return known && isAttempt(attempt) && isText(node) && isCount(incarnation)
  })

export const readLife = (text: string): LifeRecord | undefined =>
  read(text, ({ incarnation, ttlMs }) => isCount(incarnation) && isCount(ttlMs))

/** The entry that the record of an owner is. */
export const entryOf = (name: string, record: OwnerRecord, { modRevision }: EngineKey): Entry => {
  const { kind, node, incarnation, offset, line } = record
  const epoch = offset + modRevision
  return { name, kind, node, incarnation, epoch, line: line === 0 ? epoch : line, status: 'live', reason: '' }
}

export const endedOf = (name: string, record: EndRecord): Entry => ({ name, ...record, status: 'ended' })

export const endOf = ({ kind, node, incarnation, epoch, line, reason }: Entry): EndRecord => ({
  kind,
  node,
  incarnation,
  epoch,
  line,
  reason,
})
