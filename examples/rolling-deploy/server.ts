/**
 * The program that is deployed: one node that runs sessions. `handleSignals` is all that a deploy needs: at SIGTERM the
 * node hands over its sessions, stops, and the program exits.
 */
import { createNode } from 'proc-mobility'
import { logger } from '../logger.js'
import { session } from './session.js'

const [name = '', join = ''] = process.argv.slice(2)
const node = await createNode({ name, port: 0, join: [join], kinds: [session], handleSignals: true, logger })
// The orchestrator's readiness probe would ask `node.ready` over HTTP; here the parent program waits for this line.
process.send?.('ready')
// It was told to begin by a program that is gone: nobody would end this one.
process.once('disconnect', () => void node.stop())
