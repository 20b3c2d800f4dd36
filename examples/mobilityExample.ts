/**
 * The process of the examples. It counts what reaches it; the counts go with it wherever it moves.
 *
 *   await mobilityExample.call.ping()          { pong: 1, node: 'a' }
 *   await mobilityExample.cast.note()
 *   await mobilityExample.send('anything')     an info
 *   await mobilityExample.call.stats()         { pings: 1, casts: 1, infos: 1, node: 'a' }
 *   await mobilityExample.sendMe('b')          moves, running
 *   await mobilityExample.call.leave('b')      the same, asked of its own code
 */
import { type Destination, genServer } from 'proc-mobility'

export const mobilityExample = genServer('mobilityExample', {
  version: 1,
  init: () => ({ pings: 0, casts: 0, infos: 0 }),
  calls: {
    ping: (self) => {
      self.state.pings += 1
      return { pong: self.state.pings, node: self.node }
    },
    stats: (self) => ({ ...self.state, node: self.node }),
    leave: (self, to: Destination) => self.sendMe(to),
  },
  casts: {
    note: (self) => {
      self.state.casts += 1
    },
  },
  handleInfo: (self) => {
    self.state.infos += 1
  },
})
