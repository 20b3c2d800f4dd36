/**
 * When do all members believe in the same members? Claims and verdicts on the dead are given only then: a view is
 * *settled* for a node when it knows that every member has it and knows that every member has it. Pure.
 *
 *   changed --every member says my hash--> agreed --every member says my digest--> settled
 *      ^------------------------------------- own members change, or another's period ---'
 *
 * A node counts its own changes: its *period*. It says (VIEW) `hash.period.digest`: the hash of its members, its
 * period, and once all say that hash, the digest of the periods of all, which its members settle on.
 *
 * Why not the hash alone: members come and go, so the same set comes back (a node joins and leaves), and a VIEW from
 * the first time, late on its link, would pass for one of the second. Periods only grow; for two settled digests every
 * node in both has had them in the same order, and told its later period behind all that it had to say in the earlier.
 */
import { digestOf } from './rendezvous.js'

export interface Life {
  readonly node: string
  readonly incarnation: number
}

/** What a member said last. */
interface Said {
  readonly hash: string
  readonly period: number
  /** '' until all its members said its hash */
  readonly digest: string
}

export interface Views extends Said {
  readonly self: string
  /** With this node, by name. */
  readonly members: readonly Life[]
  readonly said: ReadonlyMap<string, Said>
  /** Somebody knows a member that is none here yet (strangers.ts): say no digest. */
  readonly waiting: boolean
  readonly settled: boolean
}

export type ViewEvent =
  | { readonly type: 'members'; readonly members: readonly Life[] }
  | { readonly type: 'waiting'; readonly waiting: boolean }
  | { readonly type: 'heard'; readonly from: Life; readonly said: Said }

interface ViewStep {
  readonly state: Views
  /** Say it to all members. */
  readonly tell: boolean
}

const byNode = (a: Life, b: Life): number => (a.node < b.node ? -1 : a.node > b.node ? 1 : 0)

const hashOf = (members: readonly Life[]): string => digestOf(members.map((m) => `${m.node} ${m.incarnation}`))

export const createViews = (self: Life): Views => {
  const members = [self]
  return derive({
    self: self.node,
    members,
    hash: hashOf(members),
    period: 1,
    digest: '',
    said: new Map(),
    waiting: false,
    settled: false,
  })
}

export const stepViews = (state: Views, event: ViewEvent): ViewStep => {
  switch (event.type) {
    case 'members':
      return changed(state, event.members)
    case 'waiting':
      return state.waiting === event.waiting
        ? { state, tell: false }
        : told(state, { ...state, waiting: event.waiting })
    case 'heard':
      return heard(state, event.from, event.said)
  }
}

const changed = (state: Views, given: readonly Life[]): ViewStep => {
  const members = [...given].sort(byNode)
  const hash = hashOf(members)
  if (hash === state.hash) return { state, tell: false }
  const said = new Map<string, Said>()
  for (const { node, incarnation } of members) {
    const before = state.members.find((m) => m.node === node)
    const last = state.said.get(node)
    if (last !== undefined && before?.incarnation === incarnation) said.set(node, last)
  }
  return { state: derive({ ...state, members, hash, period: state.period + 1, said }), tell: true }
}

const heard = (state: Views, from: Life, what: Said): ViewStep => {
  const known = state.members.some((m) => m.node === from.node && m.incarnation === from.incarnation)
  if (!known || from.node === state.self) return { state, tell: false }
  return told(state, { ...state, said: new Map(state.said).set(from.node, what) })
}

/** A digest is news, the lack of one is not. */
const told = (before: Views, changed: Views): ViewStep => {
  const state = derive(changed)
  return { state, tell: state.digest !== '' && state.digest !== before.digest }
}

/** `digest` and `settled` follow from the rest. */
const derive = (state: Views): Views => {
  const others = state.members.filter((m) => m.node !== state.self)
  const agreed = others.every((m) => state.said.get(m.node)?.hash === state.hash)
  if (!agreed || state.waiting) return { ...state, digest: '', settled: false }
  const periods = state.members.map((m) => {
    const period = m.node === state.self ? state.period : state.said.get(m.node)?.period
    return `${m.node} ${m.incarnation} ${period}`
  })
  const digest = digestOf(periods)
  return { ...state, digest, settled: others.every((m) => state.said.get(m.node)?.digest === digest) }
}

/** The `view` field of VIEW: at most 50 characters. */
export const saidText = (said: Said): string => `${said.hash}.${said.period}.${said.digest}`

/** @returns undefined when it is not one */
export const parseSaid = (text: string): Said | undefined => {
  const match = /^([0-9a-f]{16})\.([0-9]{1,15})\.((?:[0-9a-f]{16})?)$/.exec(text)
  if (match === null) return undefined
  return { hash: match[1] ?? '', period: Number(match[2]), digest: match[3] ?? '' }
}
