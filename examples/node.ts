/**
 * What the four scripts run: one node, the process mobilityExample on one of them, and a prompt with `node`, `nodes`,
 * `tcp` and `mobilityExample` in scope. Its options come by environment variables, named at the head of each script.
 */
import { createNode, isMobilityError, type Logger, type MobilityNode, tcp } from 'proc-mobility'
import { mobilityExample } from './mobilityExample.js'
import { startPinger } from './pinger.js'
import { openPrompt } from './prompt.js'

const setting = (key: string, otherwise: string): string => process.env[key] || otherwise

const name = setting('NODE_NAME', 'a')
let say = (line: string): void => void process.stderr.write(`${line}\n`)

/** One line for people: the text, then what it says about a move. */
const print = (data: object, text: string): void => {
  const shown = Object.entries(data)
    .filter(([key]) => ['epoch', 'bytes', 'pauseMs'].includes(key))
    .map(([key, value]) => `, ${key} ${value}`)
  say(`[${name}] ${text}${shown.join('')}`)
}
const logger: Logger = { debug() {}, info: print, warn: print, error: print }

const open = (): Promise<MobilityNode> => {
  const secret = setting('SECRET', '')
  return createNode({
    name,
    host: setting('HOST', '127.0.0.1'),
    port: Number(setting('PORT', '1805')),
    join: setting('JOIN', '').split(',').filter(Boolean),
    kinds: [mobilityExample],
    logger,
    // Off loopback the bytes can be read by whoever is between: an example may, and the node says so.
    ...(secret === '' ? {} : { secret, insecure: true }),
  })
}

const main = async (): Promise<number> => {
  const node = await open()
  const others = node.nodes()
  say(
    `[${name}] listens on ${node.address}, ${others.length === 0 ? 'no other node yet' : `with ${others.join(', ')}`}`,
  )
  node.on('nodeup', (event) => print({}, `node ${event.node} is up`))
  node.on('nodedown', (event) => print({}, `node ${event.node} is down: ${event.reason}`))
  const ref = node.ref(mobilityExample, 'mobilityExample')
  const starts = setting('START', '0') === '1'
  if (starts) await node.start(mobilityExample, { name: ref.name })
  const prompt = openPrompt(name, { node, nodes: () => node.nodes(), tcp, mobilityExample: ref })
  say = prompt.say
  const stopPinger = starts ? startPinger(ref, Number(setting('PING_MS', '1000')), (text) => print({}, text)) : () => {}
  const signalled = new Promise<number>((resolve) => process.once('SIGTERM', () => resolve(0)))
  const code = await Promise.race([prompt.left, signalled])
  stopPinger()
  await node.stop()
  return code
}

try {
  process.exit(await main())
} catch (error) {
  say(`[${name}] ${isMobilityError(error) ? `${error.code}: ${error.message}` : String(error)}`)
  process.exit(1)
}
