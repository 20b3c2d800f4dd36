/**
 * What examples/rolling-deploy.sh runs: the part of the orchestrator, and that of the visitors.
 *
 *   main (this program) --fork--> server-1, server-2, server-3
 *     |   its node starts the sessions, drains itself, and then only calls
 *     '-- one server after the other: SIGTERM, wait for its exit, begin it anew, wait until it is ready
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { createNode } from 'proc-mobility'
import { logger } from '../logger.js'
import { session } from './session.js'

const SERVER = fileURLToPath(new URL('./server.js', import.meta.url))
const setting = (key: string, otherwise: number): number => Number(process.env[key] || otherwise)
const say = (line: string): void => void process.stdout.write(`${line}\n`)

const servers = Array.from({ length: Math.max(2, setting('NODES', 3)) }, (_, index) => `server-${index + 1}`)
const names = Array.from({ length: setting('SESSIONS', 1_000) }, (_, index) => `session:${index + 1}`)
const node = await createNode({ name: 'front', port: 0, kinds: [session], logger })
const children = new Map<string, ChildProcess>()

const begin = async (server: string): Promise<void> => {
  const child = fork(SERVER, [server, node.address])
  children.set(server, child)
  const ended = once(child, 'exit').then(() => Promise.reject(new Error(`${server} ended before it was ready`)))
  await Promise.race([once(child, 'message'), ended])
  ended.catch(() => {})
}

/** @returns its exit code: 0 when it left nothing behind */
const terminate = async (server: string): Promise<number> => {
  const child = children.get(server)
  if (child === undefined) return 0
  children.delete(server)
  const exit = once(child, 'exit')
  child.kill('SIGTERM')
  return (await exit)[0] as number
}

const share = (): string => servers.map((server) => `${node.list({ node: server }).length} on ${server}`).join(', ')

await Promise.all(servers.map(begin))
await Promise.all(names.map((name) => node.start(session, { name })))
await node.drain()
say(`${names.length} sessions: ${share()}`)

const acknowledged = new Map(names.map((name) => [name, 0]))
let deploying = true
let calls = 0
let failed = 0
let longestMs = 0
/** One visitor: calls one session after the other, each call a visit. */
const visitor = async (first: number): Promise<void> => {
  for (let turn = first; deploying; turn += 1) {
    const name = names[turn % names.length] ?? ''
    const began = performance.now()
    try {
      await node.ref(session, name).call.visit()
      acknowledged.set(name, (acknowledged.get(name) ?? 0) + 1)
    } catch (error) {
      failed += 1
      logger.error({}, String(error))
    }
    calls += 1
    longestMs = Math.max(longestMs, performance.now() - began)
  }
}
const visitors = Array.from({ length: setting('CALLERS', 32) }, (_, i) => visitor(i * 31))

for (const server of servers) {
  const began = performance.now()
  const held = node.list({ node: server }).length
  const code = await terminate(server)
  const ms = Math.round(performance.now() - began)
  await begin(server)
  say(`${server} had ${held} sessions, left in ${ms} ms with exit code ${code}, and is back; ${share()}`)
}
deploying = false
await Promise.all(visitors)

let lost = 0
let doubled = 0
for (const name of names) {
  const visits = await node.ref(session, name).call.visits()
  lost += Math.max(0, (acknowledged.get(name) ?? 0) - visits)
  doubled += Math.max(0, visits - (acknowledged.get(name) ?? 0))
}
say(
  `${calls} calls: ${failed} failed, ${lost} visits lost, ${doubled} doubled; longest wait ${Math.round(longestMs)} ms`,
)
for (const child of children.values()) child.disconnect()
await Promise.all([...children.values()].map((child) => once(child, 'exit')))
await node.stop()
process.exitCode = failed + lost + doubled === 0 ? 0 : 1
