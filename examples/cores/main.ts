/**
 * What examples/cores.sh runs: starts one node a core, places counters over them, calls them by name, moves one, and
 * restarts a core while all of them are being called. Its options come by environment variables, see the script.
 */
import { availableParallelism } from 'node:os'
import { Fleet } from './fleet.js'
import type { counter } from './kinds.js'

const setting = (key: string, otherwise: number): number => Number(process.env[key] || otherwise)
const say = (line: string): void => void process.stdout.write(`${line}\n`)

const names = Array.from({ length: setting('COUNTERS', 1_000) }, (_, index) => `counter:${index + 1}`)
const fleet = await Fleet.open(Math.max(2, setting('CORES', availableParallelism())))
const { node, cores } = fleet
say(`${cores.length} cores: ${node.nodes().join(', ')}`)

const share = (): string =>
  cores.map((core) => `${node.list({ kind: 'counter', node: core }).length} on ${core}`).join(', ')
await fleet.start(names)
say(`${names.length} counters: ${share()}`)

const [one = '', other = ''] = names
const ref = node.ref<typeof counter>(one)
const { count, node: there } = await ref.call.add(1)
say(`${one} answers ${count} from ${there}`)
const target = cores.find((core) => core !== there) ?? ''
await ref.sendMe(target)
const { from, ...answer } = await ref.call.addAt(other, 1)
say(`it moved to ${from}, and from there it called ${other} on ${answer.node}: ${answer.count}`)

let answered = 0
let restarting = true
/** Calls all counters in turns, one call after the other. A call that fails ends the program. */
const load = async (): Promise<void> => {
  for (let turn = 0; restarting; turn += 1) {
    await node.ref<typeof counter>(names[turn % names.length] ?? '').call.add(1)
    answered += 1
  }
}
const loads = Promise.all([load(), load(), load(), load()])
const core = cores[0] ?? ''
const { away, back } = await fleet.restart(core)
restarting = false
await loads
say(`${core} was restarted: ${away} counters left it before, ${back} came back; ${share()}`)
say(`meanwhile ${answered} calls were answered, and none failed`)

const counts = await Promise.all(names.map((name) => node.ref<typeof counter>(name).call.add(0)))
const counted = counts.reduce((sum, { count }) => sum + count, 0)
say(`each of them was counted once: ${counted === answered + 2}`)
await fleet.close()
