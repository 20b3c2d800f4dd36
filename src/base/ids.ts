/**
 * Names and numbers that tell nodes, lives and attempts apart.
 *
 *   cluster id    who belongs together; random unless set or learned by `join`
 *   node          a member's name, unique in its cluster
 *   incarnation   one life of a node: max(wall clock in ms, highest known to a peer + 1), fixed at start
 *   origin        the identity of a sender: cluster/node/incarnation
 *   epoch         one ownership of a name; each change of owner raises it (G2)
 *   line          the epoch at which a state last began without complete cursors
 *   attempt       one try to move: (epoch, counter), ordered, never used twice
 */
import { fail, shown } from './errors.js'

/** One life of one node. */
export interface Identity {
  readonly cluster: string
  readonly node: string
  readonly incarnation: number
}

/** Where a node listens. */
export interface Address {
  readonly host: string
  readonly port: number
}

/** `cluster/node/incarnation`: the sender's identity as one string, the key of cursors. */
export type Origin = string & { readonly originBrand: true }

/** One try to move a process. `epoch` is the one held before the move, `counter` grows with each try in it. */
export interface Attempt {
  readonly epoch: number
  readonly counter: number
}

export const originOf = (id: Identity): Origin => `${id.cluster}/${id.node}/${id.incarnation}` as Origin

/** A sender, and what its cursors are filed under: it outlives its lives, one for each lane. */
interface Sender extends Identity {
  readonly cursorKeys: readonly [string, string]
}

const readOrigin = (text: string): Sender | undefined => {
  const match = /^([A-Za-z0-9._-]{1,64})\/([A-Za-z0-9._-]{1,64})\/([0-9]{1,16})$/.exec(text)
  if (match === null) return undefined
  const incarnation = Number(match[3])
  if (!Number.isSafeInteger(incarnation)) return undefined
  const [, cluster = '', node = ''] = match
  const key = nodeKey({ cluster, node })
  return { cluster, node, incarnation, cursorKeys: [`${key}|0`, `${key}|1`] }
}

// Every message names its origin, and a node hears few: read once. Bounded, since anybody may name anything.
const KNOWN_ORIGINS_MAX = 1_024
const knownOrigins = new Map<string, Sender>()

/** Reads an origin that came over the wire. `undefined` when it is not one. */
export const parseOrigin = (text: string): Sender | undefined => {
  const known = knownOrigins.get(text)
  if (known !== undefined) return known
  const read = readOrigin(text)
  if (read === undefined) return undefined
  if (knownOrigins.size >= KNOWN_ORIGINS_MAX) knownOrigins.clear()
  knownOrigins.set(text, read)
  return read
}

export const sameIdentity = (a: Identity, b: Identity): boolean =>
  a.cluster === b.cluster && a.node === b.node && a.incarnation === b.incarnation

/** `cluster/node`: a node over all its lives. */
export const nodeKey = (id: { readonly cluster: string; readonly node: string }): string => `${id.cluster}/${id.node}`

/** Orders attempts: negative when `a` came before `b`. */
export const compareAttempts = (a: Attempt, b: Attempt): number => a.epoch - b.epoch || a.counter - b.counter

export const sameAttempt = (a: Attempt, b: Attempt): boolean => a.epoch === b.epoch && a.counter === b.counter

export const addressText = (a: Address): string =>
  a.host.includes(':') ? `[${a.host}]:${a.port}` : `${a.host}:${a.port}`

/**
 * A process name: 1 to 255 bytes of UTF-8 without control characters or lone surrogates.
 * @throws ERR_NAME_INVALID
 */
export const checkName = (name: unknown): string => {
  if (typeof name !== 'string') throw fail('ERR_NAME_INVALID', { name: shown(name), why: 'it is not a string' })
  const wrong = (why: string) => fail('ERR_NAME_INVALID', { name: JSON.stringify(name.slice(0, 80)), why })
  if (name.length === 0) throw wrong('it is empty')
  if (Buffer.byteLength(name) > 255) throw wrong('it is longer than 255 bytes')
  if (/\p{Cc}/u.test(name)) throw wrong('it has a control character')
  if (!name.isWellFormed()) throw wrong('it has half a surrogate pair')
  return name
}

/** Would `checkName` take it? */
export const isName = (name: string): boolean =>
  name.length > 0 && Buffer.byteLength(name) <= 255 && !/\p{Cc}/u.test(name) && name.isWellFormed()

/**
 * A node name or cluster id: 1 to 64 of A-Z a-z 0-9 . _ -
 * @throws ERR_OPTION
 */
export const checkLabel = (option: string, value: unknown): string => {
  if (typeof value === 'string' && /^[A-Za-z0-9._-]{1,64}$/.test(value)) return value
  throw fail('ERR_OPTION', { option, why: 'must be 1 to 64 letters, digits, dots, underscores or dashes' })
}
