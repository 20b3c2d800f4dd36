/** What runs on the cores: counters, and on each core the desk, which starts and moves counters at its word. */
import { genServer, type MobilityNode } from 'proc-mobility'
import { placeOf } from './placement.js'

export const counter = genServer('counter', {
  version: 1,
  init: () => ({ count: 0 }),
  calls: {
    add: (self, by: number) => {
      self.state.count += by
      return { count: self.state.count, node: self.node }
    },
    /** A counter that calls another one by its name, wherever both are. */
    addAt: async (self, other: string, by: number): Promise<{ count: number; node: string; from: string }> => ({
      ...(await self.ref<typeof counter>(other).call.add(by)),
      from: self.node,
    }),
  },
})

/** The desk of the node on `core`. */
export const deskOf = (core: string): string => `desk:${core}`

/** @param here  the node that it works for: handlers run when there is one */
export const deskKind = (here: () => MobilityNode) =>
  genServer('desk', {
    init: () => null,
    mayMove: () => 'a desk stays at its core',
    calls: {
      start: async (_self, names: readonly string[]) => {
        const started = names.map((name) => here().start(counter, { name }))
        const failed = (await Promise.allSettled(started)).filter(({ status }) => status === 'rejected')
        return { started: names.length - failed.length }
      },
      /** Moves what belongs to another one of `cores` there: all that is here, when this core is not among them. */
      settle: async (_self, cores: readonly string[]) => {
        const node = here()
        const away = node
          .list({ kind: 'counter', node: node.name })
          .map(({ name }) => ({ name, to: placeOf(name, cores) }))
          .filter(({ to }) => to !== node.name)
        const moves = await Promise.allSettled(away.map(({ name, to }) => node.ref(name).sendMe(to)))
        const moved = moves.filter(({ status }) => status === 'fulfilled').length
        return { moved, left: moves.length - moved }
      },
    },
  })

export type Desk = ReturnType<typeof deskKind>
