/**
 * What it costs, beside what one would write by hand: ratios of one run, never numbers of different machines or days.
 *
 *   node dist/scripts/bench/main.js [--quick] [calls casts moves pause]      make bench ARGS="--quick moves"
 *
 * Two operating system processes: node a and all clients here, node b and the baseline's servers in a child.
 */
import { fileURLToPath } from 'node:url'
import { calls } from './calls.js'
import { casts } from './casts.js'
import type { Pace, Row } from './measure.js'
import { moves } from './moves.js'
import { pause } from './pause.js'
import { openPeers, type Peers, serve } from './peers.js'
import { headLine, machine, tableOf, writeJson } from './report.js'

const FULL: Pace = { rounds: 7, sampleMs: 300 }
const QUICK: Pace = { rounds: 3, sampleMs: 120 }

const QUESTIONS: Readonly<Record<string, (peers: Peers, pace: Pace) => Promise<Row[]>>> = { calls, casts, moves, pause }

const main = async (args: readonly string[]): Promise<void> => {
  const pace = args.includes('--quick') ? QUICK : FULL
  const named = args.filter((arg) => !arg.startsWith('-'))
  const unknown = named.filter((name) => QUESTIONS[name] === undefined)
  if (unknown.length > 0) throw new Error(`There is no ${unknown.join(', ')}: ${Object.keys(QUESTIONS).join(', ')}.`)
  const about = machine()
  console.log(headLine(about))
  console.log(
    `${pace.rounds} rounds of ${pace.sampleMs} ms in turns with the baseline, after one to warm up; medians\n`,
  )
  const peers = await openPeers(fileURLToPath(import.meta.url))
  const rows: Row[] = []
  for (const [name, ask] of Object.entries(QUESTIONS)) {
    if (named.length > 0 && !named.includes(name)) continue
    if (process.stderr.isTTY) process.stderr.write(`${name} ...\r`)
    rows.push(...(await ask(peers, pace)))
  }
  await peers.close()
  console.log(tableOf(rows))
  console.log(`\n${writeJson(about, pace, rows)}`)
}

const [role, ...rest] = process.argv.slice(2)
if (role === 'serve') await serve(rest)
else await main(process.argv.slice(2))
