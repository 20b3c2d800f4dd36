/**
 * One channel, seen from its sender: (this node, a name, a lane). Pure: it knows numbers, not messages. Go-back-N.
 *
 *    released | on a path, not acknowledged | never put on a path
 *   ----------|-----------------------------|---------------------|
 *            base          sent          touched                 next        1 <= base <= sent <= touched <= next
 *
 *   closed --route--> open(line) --ack, answer--> open    `sent` falls back to `base` on a new route and on a tick
 *     ^                  | reset / newer line: [base, touched) is lost, the rest opens the new line
 *     '------ gone ------'
 *
 * G3  what is not acknowledged is kept and sent again in order; what was put on a path is never withdrawn.
 * G9  only what was never put on a path, or was refused in an answer, surely was not executed.
 * `opening` marks the first message of a line: the receiver takes next := max(next, seq).
 */
import { invariant } from '../base/invariant.js'

export interface SenderState {
  /** The line that the receiver is believed to be on; undefined while no route was known. */
  readonly line: number | undefined
  readonly opening: boolean
  readonly base: number
  readonly sent: number
  readonly touched: number
  readonly next: number
  readonly up: boolean
  /** Wait before the next re-send, in ms. */
  readonly backoffMs: number
}

export type SenderEvent =
  | { readonly type: 'submit' }
  /** A path to the name on this line is up; or the one in use is down. */
  | { readonly type: 'route'; readonly line: number }
  | { readonly type: 'unroute' }
  | { readonly type: 'ack'; readonly line: number; readonly next: number }
  /** The answer to a call came from the process. */
  | { readonly type: 'answered'; readonly seq: number }
  | { readonly type: 'reset'; readonly line: number }
  /** The name ended; all below `next` had been taken. */
  | { readonly type: 'gone'; readonly next: number }
  /** The name ended, and nobody can say what had been taken. */
  | { readonly type: 'dead' }
  | { readonly type: 'tick' }

export type SenderEffect =
  | { readonly type: 'transmit'; readonly from: number; readonly to: number }
  /** All below is taken: forget the messages (calls go on waiting for their reply). */
  | { readonly type: 'release'; readonly below: number }
  /** What is below may have been run, or not, and no answer will come. */
  | { readonly type: 'lost'; readonly from: number; readonly below: number }
  /** [from, below) surely was not run. */
  | { readonly type: 'refuse'; readonly from: number; readonly below: number }

interface SenderLimits {
  readonly resendMs: number
  readonly resendMsMax: number
}

/** A re-send tries a few, not the whole window: a full mailbox would drop them all again. */
const PROBE = 32

export const openSender = (next: number, limits: SenderLimits): SenderState => ({
  line: undefined,
  opening: true,
  base: next,
  sent: next,
  touched: next,
  next,
  up: false,
  backoffMs: limits.resendMs,
})

interface Step {
  readonly state: SenderState
  readonly effects: readonly SenderEffect[]
}

const none: readonly SenderEffect[] = []

/** The same line, further on. Written out: it is made for each message, and a spread takes several times as long. */
const advance = (state: SenderState, base: number, sent: number, next: number): SenderState => ({
  line: state.line,
  opening: state.opening,
  base,
  sent,
  touched: Math.max(state.touched, sent),
  next,
  up: state.up,
  backoffMs: state.backoffMs,
})

/** Puts on the path what may go there, up to `to`. */
const transmitUpTo = (state: SenderState, to: number, before: readonly SenderEffect[] = none): Step => {
  if (!state.up || state.sent >= to) return { state, effects: before }
  const transmit: SenderEffect = { type: 'transmit', from: state.sent, to }
  return {
    state: advance(state, state.base, to, state.next),
    effects: before.length === 0 ? [transmit] : [...before, transmit],
  }
}

/** When a tick is due, counted from the last progress, in ms; undefined while nothing is on its way. */
export const tickAfter = (state: SenderState): number | undefined =>
  state.up && state.base < state.sent ? state.backoffMs : undefined

const newLine = (state: SenderState, line: number): Step => ({
  state: { ...state, line, opening: true, base: state.touched, sent: state.touched },
  effects: [{ type: 'lost', from: state.base, below: state.touched }],
})

/** Ends the channel at what was submitted; the next route opens it again above. */
const closeAt = (state: SenderState, effects: readonly SenderEffect[]): Step => ({
  state: {
    ...state,
    line: undefined,
    opening: true,
    up: false,
    base: state.next,
    sent: state.next,
    touched: state.next,
  },
  effects,
})

export const stepSender = (state: SenderState, event: SenderEvent, limits: SenderLimits): Step => {
  const step = act(state, event, limits)
  const { base, sent, touched, next } = step.state
  invariant(base <= sent && sent <= touched && touched <= next, `sender order: ${base} ${sent} ${touched} ${next}`)
  return step
}

/** All below `next` is taken. Of what was never sent it is a lie or of another life: it must not release anything. */
const taken = (state: SenderState, next: number, limits: SenderLimits): Step => {
  if (next <= state.base || next > state.touched) return { state, effects: none }
  const acked = {
    ...advance(state, next, Math.max(state.sent, next), state.next),
    opening: false,
    backoffMs: limits.resendMs,
  }
  return transmitUpTo(acked, acked.next, [{ type: 'release', below: next }])
}

const act = (state: SenderState, event: SenderEvent, limits: SenderLimits): Step => {
  switch (event.type) {
    case 'submit': {
      const grown = advance(state, state.base, state.sent, state.next + 1)
      return transmitUpTo(grown, grown.next)
    }
    case 'route': {
      if (state.line !== undefined && event.line < state.line) return { state, effects: none }
      const turned =
        state.line !== undefined && event.line > state.line ? newLine(state, event.line) : { state, effects: none }
      const routed = {
        ...turned.state,
        line: event.line,
        up: true,
        sent: turned.state.base,
        backoffMs: limits.resendMs,
      }
      return transmitUpTo(routed, routed.next, turned.effects)
    }
    case 'unroute':
      return { state: { ...state, up: false }, effects: none }
    case 'ack':
      return event.line === state.line ? taken(state, event.next, limits) : { state, effects: none }
    // In order: so are all before it. All of an earlier line are below `base`: what is not, was taken on this one.
    case 'answered':
      return taken(state, event.seq + 1, limits)
    case 'reset': {
      if (state.line === undefined || event.line <= state.line) return { state, effects: none }
      const turned = newLine(state, event.line)
      return transmitUpTo(turned.state, turned.state.next, turned.effects)
    }
    case 'gone': {
      const below = Math.min(Math.max(event.next, state.base), state.touched)
      return closeAt(state, [
        { type: 'release', below },
        { type: 'refuse', from: below, below: state.next },
      ])
    }
    case 'dead':
      return closeAt(state, [
        { type: 'lost', from: state.base, below: state.touched },
        { type: 'refuse', from: state.touched, below: state.next },
      ])
    case 'tick': {
      if (!state.up || state.base === state.next) return { state, effects: none }
      const backoffMs = Math.min(state.backoffMs * 2, limits.resendMsMax)
      const again = { ...state, sent: state.base, backoffMs }
      return transmitUpTo(again, Math.min(again.base + PROBE, again.next))
    }
  }
}
