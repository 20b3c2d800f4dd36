/** The other program of moleculer.ts. */
import { broker } from './moleculer.js'

const node = broker('b', process.argv.slice(2).map(Number))
node.createService({ name: 'bench', actions: { plusOne: ({ params }) => params.value + 1 } })
process.on('disconnect', () => process.exit(0))
await node.start()
process.send?.('ready')
