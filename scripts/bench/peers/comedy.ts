/** comedy: actors, here one in a forked process; its messages go through Node's own channel between the two. */
import { load, type Peer } from './installed.js'

interface Actor {
  createChild(behaviour: object, options: { mode: 'forked'; name: string }): Promise<Actor>
  sendAndReceive(topic: string, message: unknown): Promise<unknown>
}

interface System {
  rootActor(): Promise<Actor>
  destroy(): Promise<void>
}

export const comedy = async (): Promise<Peer> => {
  // `test` silences its log, in both programs.
  const system = (load('comedy') as (options: object) => System)({ test: true })
  const root = await system.rootActor()
  const actor = await root.createChild({ plusOne: (value: number) => value + 1 }, { mode: 'forked', name: 'bench' })
  return {
    name: 'comedy 2, forked actor',
    plusOne: (value) => actor.sendAndReceive('plusOne', value),
    close: () => system.destroy(),
  }
}
