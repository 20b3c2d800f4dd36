/**
 * Searches the shipped machines exhaustively, one size after the other, and then broken variants that must be found.
 *
 *   node dist/scripts/model.js [words]     only searches and variants whose name has all these words
 *
 * To add searches: put named ones (test/fixtures/searches.ts) into a list of their own, and that list into SEARCHES;
 * broken variants into MUTANTS in the same way. Sizes: all together at most 10 minutes on one core.
 *
 *   states        different worlds that can be reached: all of them
 *   cpu s         seconds of one processor; states/s are counted by them
 *   depth         steps from the start to the farthest of them
 *   missed        probability that two worlds had the same fingerprint, so that one was not searched: at most this
 *   wrong         worlds that violate an invariant; the search ends at the first
 *   stuck         worlds from which the goal (all delivered, the move ended) cannot be reached any more
 *
 * Ends with 1 when anything is wrong, stuck or not complete, or when a variant is not found.
 */
import { CLAIMS_FULL, CLAIMS_MUTANTS } from '../test/fixtures/claims-searches.js'
import { CHAIN_FULL, FLEET_MUTANTS, OUTSIDE_FULL, RECOVERY_FULL } from '../test/fixtures/fleet-searches.js'
import { LINES_FULL, LINES_MUTANTS } from '../test/fixtures/lines-searches.js'
import { MUTANTS as MOVE_MUTANTS, FULL as MOVE_SEARCHES } from '../test/fixtures/move-searches.js'
import { QUORUM_FULL, QUORUM_MUTANTS } from '../test/fixtures/quorum-searches.js'
import { RECORDS_FULL, RECORDS_MUTANTS } from '../test/fixtures/records-searches.js'
import { RETURNS_FULL, RETURNS_MUTANTS } from '../test/fixtures/returns-searches.js'
import { hunt, type NamedMutant, type NamedSearch, show } from '../test/fixtures/searches.js'

const SEARCHES: ReadonlyArray<readonly [about: string, list: readonly NamedSearch[]]> = [
  ['one move in a cluster', MOVE_SEARCHES],
  ['moves in a row', CHAIN_FULL],
  ['a new life of the name after a death', RECOVERY_FULL],
  ['moves to another cluster, on there, and home', OUTSIDE_FULL],
  ['lines: lives of a name and of its sender', LINES_FULL],
  ['claims of a name', CLAIMS_FULL],
  ['a quorum: leases, views, who counts', QUORUM_FULL],
  ['declared dead while it lived: who gives way, what returns', RETURNS_FULL],
  ['moves that are recorded at an engine', RECORDS_FULL],
]

const MUTANTS: ReadonlyArray<readonly [about: string, list: readonly NamedMutant[]]> = [
  ['one move in a cluster', MOVE_MUTANTS],
  ['moves in a row, a new life after a death, another cluster', FLEET_MUTANTS],
  ['lines', LINES_MUTANTS],
  ['claims', CLAIMS_MUTANTS],
  ['a quorum', QUORUM_MUTANTS],
  ['returns', RETURNS_MUTANTS],
  ['moves that are recorded at an engine', RECORDS_MUTANTS],
]

const NAME_WIDTH = 62
const WIDTHS = [12, 13, 6, 9, 10, 9, 6, 6]

const line = (name: string, cells: readonly string[]): string =>
  `${name.padEnd(NAME_WIDTH)}${cells.map((cell, i) => cell.padStart(WIDTHS[i] ?? 8)).join('')}`

const whole = (n: number): string => Math.round(n).toLocaleString('en-US')

const write = (text: string): void => void process.stdout.write(`${text}\n`)

const writeTrace = (trace: readonly string[]): void => {
  for (const [i, step] of trace.entries()) write(`      ${String(i + 1).padStart(2)}  ${step}`)
}

/** @returns whether all was as it must be */
const runSearch = (search: NamedSearch): { good: boolean; states: number } => {
  const { explored, ms, stuck, faults } = show(search)
  const { states, transitions, depth, collisionBound, violation } = explored
  const wrong = violation === undefined ? '0' : '1'
  const speed = whole(states / (ms / 1_000))
  const cells = [whole(states), whole(transitions), whole(depth), (ms / 1_000).toFixed(1), speed]
  write(line(search.name, [...cells, collisionBound.toExponential(0), wrong, whole(stuck)]))
  for (const { text, trace } of faults) {
    write(`    WRONG: ${text}`)
    writeTrace(trace)
  }
  return { good: faults.length === 0, states }
}

/** @returns whether it was found */
const runMutant = (mutant: NamedMutant): boolean => {
  const { explored, by, trace } = hunt(mutant)
  write(`\n  ${mutant.name}  (${mutant.size})`)
  write(by === undefined ? `    NOT FOUND in ${whole(explored.states)} states` : `    ${by}`)
  if (by !== undefined) writeTrace(trace)
  return by !== undefined
}

const main = (words: readonly string[]): number => {
  const wanted = ({ name }: { readonly name: string }): boolean => words.every((word) => name.includes(word))
  const before = process.hrtime.bigint()
  let states = 0
  let bad = 0
  write(line('', ['states', 'transitions', 'depth', 'cpu s', 'states/s', 'missed', 'wrong', 'stuck']))
  for (const [about, list] of SEARCHES) {
    const chosen = list.filter(wanted)
    if (chosen.length > 0) write(`\n${about}`)
    for (const search of chosen) {
      const found = runSearch(search)
      states += found.states
      if (!found.good) bad += 1
    }
  }
  const searched = whole(states)
  let missed = 0
  let caught = 0
  for (const [about, list] of MUTANTS) {
    const chosen = list.filter(wanted)
    if (chosen.length > 0) write(`\nbroken variants: ${about}`)
    for (const mutant of chosen) {
      if (runMutant(mutant)) caught += 1
      else missed += 1
    }
  }
  const { user, system } = process.cpuUsage()
  const cpu = ((user + system) / 1e6).toFixed(0)
  const clock = (Number(process.hrtime.bigint() - before) / 1e9).toFixed(0)
  write(
    `\n${searched} states in ${cpu} s of one processor (${clock} s by the clock), ${bad} searches with a fault; ` +
      `${caught} broken variants found, ${missed} not found`,
  )
  if (states + caught + missed === 0) write('No search and no variant has all these words in its name.')
  return bad + missed === 0 && states + caught > 0 ? 0 : 1
}

process.exitCode = main(process.argv.slice(2))
