/** The demo's process: a counter that checks, wherever it runs, that every message came once and in its order. */
import { genServer } from 'proc-mobility'

/** Numbers of one sender that may be missing at once; those beyond it are lost without a name. */
const MISSING_MAX = 10_000

/** What the counter knows of one sender, whose casts are numbered 1, 2, 3 ... */
export interface Heard {
  /** The highest number so far. */
  last: number
  /** How many different numbers. */
  counted: number
  /** Numbers that came again. */
  doubled: number
  /** Numbers that came after a higher one. */
  reordered: number
  /** Numbers below the highest that have not come. */
  missing: number[]
}

export interface Tally {
  /** Calls that were executed. */
  total: number
  senders: Record<string, Heard>
}

/** The answer to a call: the total, the last number heard of this sender, and the epoch, which grows with each move. */
type Answer = [total: number, last: number, epoch: number]

export const heardOf = (tally: Tally, sender: string): Heard => {
  const known = tally.senders[sender]
  if (known !== undefined) return known
  const fresh: Heard = { last: 0, counted: 0, doubled: 0, reordered: 0, missing: [] }
  tally.senders[sender] = fresh
  return fresh
}

export const hear = (heard: Heard, number: number): void => {
  if (number > heard.last) {
    for (let gone = heard.last + 1; gone < number && heard.missing.length < MISSING_MAX; gone += 1)
      heard.missing.push(gone)
    heard.last = number
    heard.counted += 1
    return
  }
  const at = heard.missing.indexOf(number)
  if (at === -1) {
    heard.doubled += 1
    return
  }
  heard.missing.splice(at, 1)
  heard.reordered += 1
  heard.counted += 1
}

export const counter = genServer('demo.counter', {
  version: 1,
  init: (): Tally => ({ total: 0, senders: {} }),
  calls: {
    add: (self, sender: string): Answer => {
      self.state.total += 1
      return [self.state.total, heardOf(self.state, sender).last, self.epoch]
    },
    tally: (self): Tally => self.state,
  },
  casts: {
    note: (self, sender: string, number: number) => hear(heardOf(self.state, sender), number),
  },
})

export const COUNTER = 'counter:42'
