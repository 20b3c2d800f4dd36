/**
 * Does anything grow? Nodes over real TCP do everything that they can do, for minutes, while links are cut; then all
 * comes to rest, and tables, timers, sockets, descriptors and heap must be back where they were.
 *
 *   start | warm-up | quarter | quarter | quarter | quarter | settle | end      all rest while it measures
 *
 *   node dist/scripts/soak.js [--minutes n] [--seconds n] [--cut-ms n]      make soak MINUTES=n
 *
 * LEAK=timer | heap | socket plants a leak for each move, LEAK=lost loses a cast: the soak must find it.
 */
import net from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import type { MobilityNode } from '../src/index.js'
import { Crew } from './soak/crew.js'
import { LoopDelay, memory, sizes } from './soak/figures.js'
import { Load } from './soak/load.js'
import { type Column, grown, HEAP_GROWTH_MIB, leftBehind, tableOf } from './soak/report.js'

const CUT_MS = 25
/** From here on channels must be forgotten, too (60 s idle and a sweep every 10 s), and names come only once. */
const LONG_S = 300
/** From here on the heap is compared after what is kept for some seconds is forgotten, whatever the pace was. */
const SETTLED_S = 60
const SETTLE_SHORT_MS = 20_000
const SETTLE_LONG_MS = 95_000
/** Names in use at a time, by lanes and nodes. */
const CHANNELS_MAX = 110 * 2 * 4

interface Options {
  readonly seconds: number
  readonly cutMs: number
  readonly leak: string
}

const read = (args: string[]): Options => {
  const texts = { type: 'string' } as const
  const { values } = parseArgs({ args, options: { minutes: texts, seconds: texts, 'cut-ms': texts } })
  const seconds = Number(values.seconds ?? Number(values.minutes ?? 1) * 60)
  const cutMs = Number(values['cut-ms'] ?? CUT_MS)
  if (!(seconds > 0) || !(cutMs >= 1)) throw new Error('--minutes, --seconds and --cut-ms must be numbers above 0.')
  return { seconds, cutMs, leak: process.env.LEAK ?? '' }
}

const kept: unknown[] = []

/** What a careless line would leave behind with each move. */
const LEAKS: Readonly<Record<string, (node: MobilityNode) => void>> = {
  timer: () => void kept.push(setTimeout(() => {}, 3_600_000)),
  // As if the snapshot stayed behind.
  heap: () => void kept.push([...'x'.repeat(10_000)]),
  socket: (node) => void kept.push(net.connect(Number(node.address.split(':').at(-1)), '127.0.0.1')),
}

class Soak {
  readonly #options: Options
  readonly #load: Load
  readonly #crew: Crew
  readonly #columns: Column[] = []
  readonly #delay = new LoopDelay()

  constructor(options: Options) {
    this.#options = options
    const moved = LEAKS[options.leak] ?? (() => {})
    this.#load = new Load({ once: options.seconds >= LONG_S, moved })
    this.#crew = new Crew((text) => this.#load.books.trouble(text))
    for (const type of ['unhandledRejection', 'uncaughtException'] as const)
      process.on(type, (error) => this.#load.books.trouble(`${type}: ${error instanceof Error ? error.stack : error}`))
  }

  async run(): Promise<string[]> {
    const { seconds, cutMs, leak } = this.#options
    await this.#load.open()
    await this.#measure('start')
    for (const [name, step, pauseMs] of this.#load.workers(cutMs)) this.#crew.add(name, step, pauseMs)
    await this.#part('warm', Math.min(0.15 * seconds, 30))
    const rest = 0.85 * seconds
    for (const title of ['25 %', '50 %', '75 %', '100 %']) await this.#part(title, rest / 4)
    await this.#crew.end()
    if (leak === 'lost') this.#load.books.cast('in:1', 'a1')
    await this.#load.audit()
    const long = seconds >= LONG_S
    const left = await (long ? this.#settle(SETTLE_LONG_MS) : this.#settle(SETTLE_SHORT_MS, CHANNELS_MAX))
    await this.#measure('end')
    this.#delay.stop()
    for (const name of [...this.#load.nodes.all.keys()]) await this.#load.nodes.close(name)
    return [...left, ...grown(this.#columns.slice(2, 6).map(({ figures }) => figures)), ...this.#judge()]
  }

  /** Works for so long, then rests and looks. */
  async #part(title: string, seconds: number): Promise<void> {
    this.#crew.resume()
    await sleep(seconds * 1_000)
    await this.#crew.rest()
    const compared = title === '25 %' || title === '100 %'
    if (compared && this.#options.seconds >= SETTLED_S) await this.#settle(SETTLE_SHORT_MS, CHANNELS_MAX)
    await this.#measure(title)
    if (!process.stdout.isTTY || this.#options.seconds >= 60) console.log(`${title}: ${this.#line()}`)
  }

  #line(): string {
    const { books } = this.#load
    const counts = ['moves inside', 'moves outside', 'calls', 'casts', 'starts and stops']
    const told = counts.map((what) => `${books.counted(what).toLocaleString('en-US')} ${what}`)
    return [...told, `${this.#load.nodes.cuts} cuts`, `${books.troubleCount} troubles`].join(', ')
  }

  async #measure(title: string): Promise<void> {
    const late = this.#delay.look()
    const figures = { ...(await memory()), ...late, ...sizes(this.#load.nodes.all.values()) }
    this.#delay.look()
    this.#columns.push({ title, figures })
  }

  /** What is forgotten with time is waited for. @returns what is still there after that */
  async #settle(ms: number, channelsMax?: number): Promise<string[]> {
    const until = performance.now() + ms
    const start = this.#columns[0]?.figures ?? {}
    for (;;) {
      // The sleeping look itself is a timer.
      await sleep(250)
      const left = leftBehind(start, sizes(this.#load.nodes.all.values()), channelsMax)
      if (left.length === 0 || performance.now() > until) return left
    }
  }

  #judge(): string[] {
    const { books } = this.#load
    const must = [
      'moves inside',
      'moves outside',
      'calls',
      'casts',
      'starts and stops',
      'joins and leaves',
      'moves refused',
    ]
    const idle = must.filter((what) => books.counted(what) === 0).map((what) => `there were no ${what}`)
    const more = books.troubleCount - books.troubles.length
    return [...idle, ...books.troubles, ...(more > 0 ? [`and ${more} troubles more`] : [])]
  }

  print(): void {
    const { books } = this.#load
    console.log(`\n${tableOf(this.#columns)}\n`)
    const totals = new Map(books.counts())
    totals.set('links cut', this.#load.nodes.cuts)
    totals.set('links that came up', this.#load.nodes.reconnects)
    for (const what of ['calls failed', 'lost', 'doubled', 'reordered']) if (!totals.has(what)) totals.set(what, 0)
    const width = Math.max(...[...totals.keys()].map((what) => what.length))
    for (const [what, count] of totals) console.log(`${what.padEnd(width)}   ${count.toLocaleString('en-US')}`)
    console.log(`\nheap in the last three quarters: at most ${HEAP_GROWTH_MIB} MiB more`)
  }
}

const options = read(process.argv.slice(2))
const soak = new Soak(options)
const wrong = await soak.run().catch((error: unknown) => {
  // Nodes and workers would keep the program alive.
  console.error(error)
  process.exit(1)
})
soak.print()
for (const text of wrong) console.error(text)
console.log(wrong.length === 0 ? 'Nothing grew, nothing was lost.' : 'IT DID NOT HOLD.')
process.exitCode = wrong.length === 0 ? 0 : 1
for (const leaked of kept) if (leaked instanceof net.Socket) leaked.destroy()
if (options.leak === 'timer') for (const leaked of kept) clearTimeout(leaked as NodeJS.Timeout)
