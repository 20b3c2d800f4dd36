/**
 * The program of one core: one node, and its desk. `fleet.ts` starts it with the name of the node and whom to join.
 * It ends with the program that started it, or when that one lets go of it; its processes end with it.
 */
import { createNode, type MobilityNode } from 'proc-mobility'
import { logger } from '../logger.js'
import { counter, deskKind, deskOf } from './kinds.js'

const [core = '', join = ''] = process.argv.slice(2)
// Before all else: that program may end while this one still joins.
process.once('disconnect', async () => {
  await (await starting).stop()
  process.exit()
})
const desk = deskKind(() => node)
const starting = createNode({ name: core, port: 0, join: [join], kinds: [counter, desk], logger })
const node: MobilityNode = await starting
await node.start(desk, { name: deskOf(core) })
