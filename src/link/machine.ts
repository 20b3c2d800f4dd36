/**
 * The session of one connection, from the first byte to the last. Pure: no clock, no socket, no list of links.
 *
 *   dialer                                            acceptor
 *
 *   (start)     / send HELLO                          (start)
 *      v                                                 v
 *   greeting    HELLO -> send AUTH                    greeting    HELLO -> send HELLO
 *      v                                                 v
 *   proving     AUTH, proof holds                     proving     AUTH, proof holds, admitted -> send AUTH READY
 *      v                                                 v
 *   confirming  READY, admitted -> send READY         confirming  READY, admitted
 *      v                                                 v
 *      up  <------------------------------------------>  up
 *
 *   any phase --- BYE | bytes that are no frame | another message | time over | socket gone | close ---> closed
 *
 * The dialer has the last word (admitted comes before its READY): it alone decides whether its dial becomes a link, and
 * the acceptor follows. So both sides of a simultaneous dial come to the same decision (see settle.ts).
 *
 * Nobody is told why before it has proved who it is: the reason in such a BYE is always the same word.
 */
import type { ErrorCode } from '../base/errors.js'
import { never } from '../base/invariant.js'
import type { Message, Standing } from '../wire/messages.js'
import { agree } from '../wire/version.js'
import {
  codeOfBye,
  type Hello,
  proofOf,
  proves,
  type Related,
  type Role,
  relate,
  type Transcript,
  wellFormed,
} from './handshake.js'

export type Phase = 'greeting' | 'proving' | 'confirming' | 'up' | 'closed'

/** This side: fixed for the life of the connection. */
interface Own {
  readonly hello: Hello
  /** The HELLO as it goes on the wire. */
  readonly frame: Buffer
  readonly secret: Buffer | undefined
  readonly exporter: Buffer
}

export interface SessionState {
  readonly role: Role
  readonly phase: Phase
  readonly own: Own
  /** From `proving` on. */
  readonly peer: { readonly hello: Hello; readonly frame: Buffer } | undefined
  readonly relation: Related | undefined
  /** What both have said of each other's life in READY. */
  readonly said?: Standing | undefined
  readonly heard?: Standing | undefined
  /** The peer's proof held. */
  readonly proven: boolean
}

/**
 * What the set of links says to a peer. `yield`: this dial gives way to another link to the same node. `standing` goes
 * to a member with READY.
 */
export type Verdict =
  | { readonly type: 'take'; readonly standing?: Standing | undefined }
  | { readonly type: 'yield' }
  | { readonly type: 'refuse'; readonly code: ErrorCode; readonly reason: string }

export type SessionEvent =
  | { readonly type: 'hello'; readonly hello: Hello; readonly frame: Buffer }
  | { readonly type: 'auth'; readonly mac: Uint8Array; readonly verdict: Verdict }
  | { readonly type: 'ready'; readonly verdict: Verdict; readonly standing?: Standing | undefined }
  | { readonly type: 'bye'; readonly code: string; readonly reason: string; readonly left: boolean }
  /** Any other message, before `up`. */
  | { readonly type: 'other'; readonly kind: number }
  /** Bytes that are no frame or no message. */
  | { readonly type: 'broken'; readonly code: ErrorCode; readonly reason: string }
  | { readonly type: 'timeout' }
  /** The socket is gone. */
  | { readonly type: 'lost'; readonly reason: string }
  /** This node ends it. */
  | { readonly type: 'close'; readonly code: ErrorCode | 'left'; readonly reason: string }

export interface End {
  readonly code: ErrorCode | 'left'
  readonly reason: string
  /** Who ended it. */
  readonly by: 'us' | 'peer' | 'network'
  /** Part of normal life, no event: a dial that met this node itself, or gave way to another link. */
  readonly quiet: boolean
}

export type SessionEffect =
  | { readonly do: 'hello' }
  | { readonly do: 'send'; readonly message: Message }
  | { readonly do: 'up' }
  | { readonly do: 'end'; readonly end: End }

interface Step {
  readonly state: SessionState
  readonly effects: readonly SessionEffect[]
}

/** What a peer without proof is told, whatever the reason was. */
const REFUSED = 'refused'
/** The reason of a dial that gave way to another link between the same nodes. */
export const DUPLICATE = 'duplicate'

export const start = (role: Role, own: Own): Step => ({
  state: { role, phase: 'greeting', own, peer: undefined, relation: undefined, proven: false },
  effects: role === 'dialer' ? [{ do: 'hello' }] : [],
})

const same = (state: SessionState): Step => ({ state, effects: [] })

const closed = (state: SessionState, end: End, before: readonly SessionEffect[] = []): Step => ({
  state: { ...state, phase: 'closed' },
  effects: [...before, { do: 'end', end }],
})

/** Ends it from this side, with a BYE. */
const refuse = (state: SessionState, code: ErrorCode | 'left', reason: string, quiet = false): Step => {
  const said = state.proven ? reason : REFUSED
  const bye: Message = { type: 'BYE', code, reason: said, left: code === 'left' }
  return closed(state, { code, reason, by: 'us', quiet }, [{ do: 'send', message: bye }])
}

const unexpected = (state: SessionState, what: string): Step =>
  refuse(state, 'ERR_PROTOCOL', `${what} in phase ${state.phase}`)

const transcriptOf = (state: SessionState): Transcript => {
  const { own, peer, role } = state
  const theirs = peer?.frame ?? Buffer.alloc(0)
  const dialer = role === 'dialer' ? own.frame : theirs
  const acceptor = role === 'dialer' ? theirs : own.frame
  return { dialer, acceptor, exporter: own.exporter }
}

const authOf = (state: SessionState): SessionEffect => ({
  do: 'send',
  message: { type: 'AUTH', mac: proofOf(state.own.secret, state.role, transcriptOf(state)) },
})

const onHello = (state: SessionState, hello: Hello, frame: Buffer): Step => {
  if (state.phase !== 'greeting') return unexpected(state, 'HELLO')
  const { role, own } = state
  // The acceptor answers before it refuses: so the dialer learns from the HELLO itself what does not fit.
  const answer: readonly SessionEffect[] = role === 'acceptor' ? [{ do: 'hello' }] : []
  const ending = (code: ErrorCode, reason: string, quiet = false): Step => {
    const step = refuse({ ...state, peer: { hello, frame } }, code, reason, quiet)
    return { state: step.state, effects: [...answer, ...step.effects] }
  }
  if (!wellFormed(hello)) return ending('ERR_PROTOCOL', 'a HELLO with a bad name')
  const ours = { min: own.hello.protocolMin, max: own.hello.protocolMax }
  if (agree(ours, { min: hello.protocolMin, max: hello.protocolMax }) === undefined) {
    return ending('ERR_PROTOCOL_VERSION', `it speaks ${hello.protocolMin} to ${hello.protocolMax}`)
  }
  const relation = role === 'dialer' ? relate(own.hello, hello, role) : relate(hello, own.hello, role)
  // The acceptor keeps what does not fit for later, so that only who has proved itself hears it; but it never
  // answers its own HELLO with a proof.
  if (!relation.ok && (role === 'dialer' || relation.self)) {
    return ending(relation.code, relation.reason, relation.self)
  }
  const next: SessionState = {
    ...state,
    phase: 'proving',
    peer: { hello, frame },
    relation: relation.ok ? relation : undefined,
  }
  return { state: next, effects: role === 'dialer' ? [authOf(next)] : answer }
}

/** Follows the verdict of the set of links: `accepted` when it is taken. */
const judged = (state: SessionState, verdict: Verdict, accepted: Step): Step => {
  switch (verdict.type) {
    case 'take':
      return accepted
    case 'yield':
      return refuse(state, 'ERR_LINK_LOST', DUPLICATE, true)
    case 'refuse':
      return refuse(state, verdict.code, verdict.reason)
    default:
      return never(verdict)
  }
}

const onAuth = (state: SessionState, mac: Uint8Array, verdict: Verdict): Step => {
  if (state.phase !== 'proving' || state.peer === undefined) return unexpected(state, 'AUTH')
  const { role, own, peer } = state
  const other: Role = role === 'dialer' ? 'acceptor' : 'dialer'
  if (!proves(own.secret, other, transcriptOf(state), mac)) return refuse(state, 'ERR_AUTH', 'the proof does not hold')
  const proven: SessionState = { ...state, proven: true }
  const next: SessionState = { ...proven, phase: 'confirming' }
  if (role === 'dialer') return same(next)
  const relation = relate(peer.hello, own.hello, role)
  if (!relation.ok) return refuse(proven, relation.code, relation.reason)
  const said = standingOf(verdict)
  return judged(proven, verdict, { state: { ...next, said }, effects: [authOf(next), readyWith(said)] })
}

const standingOf = (verdict: Verdict): Standing | undefined => (verdict.type === 'take' ? verdict.standing : undefined)
const readyWith = (standing: Standing | undefined): SessionEffect => ({
  do: 'send',
  message: { type: 'READY', standing },
})

/** What the acceptor had said in its READY stands, whatever it thinks by now: both decide on the same two words. */
const onReady = (state: SessionState, verdict: Verdict, heard: Standing | undefined): Step => {
  if (state.phase !== 'confirming') return unexpected(state, 'READY')
  const said = state.role === 'dialer' ? standingOf(verdict) : state.said
  const next: SessionState = { ...state, phase: 'up', said, heard }
  const answer: readonly SessionEffect[] = state.role === 'dialer' ? [readyWith(said), { do: 'up' }] : [{ do: 'up' }]
  return judged(state, verdict, { state: next, effects: answer })
}

const onBye = (state: SessionState, event: SessionEvent & { readonly type: 'bye' }): Step => {
  const code = codeOfBye(event.code, event.left)
  const quiet = state.phase !== 'up' && code === 'ERR_LINK_LOST' && event.reason === DUPLICATE
  return closed(state, { code, reason: event.reason, by: 'peer', quiet })
}

/** One step of the session. Nothing moves a session that is closed. */
export const step = (state: SessionState, event: SessionEvent): Step => {
  if (state.phase === 'closed') return same(state)
  switch (event.type) {
    case 'hello':
      return onHello(state, event.hello, event.frame)
    case 'auth':
      return onAuth(state, event.mac, event.verdict)
    case 'ready':
      return onReady(state, event.verdict, event.standing)
    case 'bye':
      return onBye(state, event)
    case 'other':
      return unexpected(state, `a message of kind ${event.kind}`)
    case 'broken':
      return refuse(state, event.code, event.reason)
    case 'timeout':
      // The time is for the handshake; a timer that fires late says nothing about a link.
      return state.phase === 'up' ? same(state) : refuse(state, 'ERR_HANDSHAKE_TIMEOUT', `in phase ${state.phase}`)
    case 'lost':
      return closed(state, { code: 'ERR_LINK_LOST', reason: event.reason, by: 'network', quiet: false })
    case 'close':
      return refuse(state, event.code, event.reason, state.phase !== 'up' && event.reason === DUPLICATE)
    default:
      return never(event)
  }
}
