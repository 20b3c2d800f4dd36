/** A session: what a visitor has done so far, in memory only. */
import { genServer } from 'proc-mobility'

export const session = genServer('session', {
  version: 1,
  init: () => ({ visits: 0 }),
  calls: {
    visit: (self) => {
      self.state.visits += 1
      return { visits: self.state.visits, node: self.node }
    },
    visits: (self) => self.state.visits,
  },
})
