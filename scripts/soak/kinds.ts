/** What lives during a soak: ledgers, which move and check what reaches them; brief ones; and some that never move. */
import { type Deferred, type Destination, genServer } from 'proc-mobility'
import { hear, heardOf, type Tally } from '../demo-counter.js'

export const ledger = genServer('soak.ledger', {
  init: (fillerBytes: number) => {
    const tally: Tally = { total: 0, senders: {} }
    return { tally, later: 0, filler: 'f'.repeat(fillerBytes) }
  },
  calls: {
    /** @returns how many of this sender's casts are counted */
    add: (self, sender: string) => {
      self.state.tally.total += 1
      return heardOf(self.state.tally, sender).counted
    },
    /** Answered when a timer fires, maybe on another node. */
    later: (self, ms: number) => {
      const token = self.defer<number>()
      self.sendAfter(ms, token)
      return token
    },
    leave: (self, to: Destination) => self.sendMe(to),
    report: (self) => ({ tally: self.state.tally, later: self.state.later }),
  },
  casts: {
    note: (self, sender: string, number: number) => hear(heardOf(self.state.tally, sender), number),
  },
  handleInfo: (self, message) => {
    self.state.later += 1
    self.reply(message as Deferred<number>, self.state.later)
  },
})

export const brief = genServer('soak.brief', {
  init: () => ({ casts: 0 }),
  calls: { casts: (self) => self.state.casts },
  casts: {
    note: (self) => {
      self.state.casts += 1
    },
  },
})

/** Says no before it is frozen. */
export const unwilling = genServer('soak.unwilling', {
  init: () => ({ count: 0 }),
  mayMove: () => 'it never does',
  calls: { add: (self) => (self.state.count += 1) },
})

/** Its snapshot is refused by every destination: frozen, sent, refused, woken. */
export const unwelcome = genServer('soak.unwelcome', {
  init: () => ({ count: 0 }),
  alterHandover: (): { count: number } => {
    throw new Error('no destination takes it')
  },
  calls: { add: (self) => (self.state.count += 1) },
})

export const KINDS = [ledger, brief, unwilling, unwelcome]
