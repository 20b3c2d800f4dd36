/**
 * What goes on during a soak, without end: everything a node does, and everything that a network does to it short of a
 * node's death. So nothing may be lost, doubled or reordered, and no call may fail.
 *
 *   a, b, c: members    d: joins, works, leaves, again and again    z: a cluster of its own
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { type Destination, isMobilityError, type MobilityNode, tcp } from '../../src/index.js'
import { Books } from './books.js'
import type { Step } from './crew.js'
import { brief, ledger, unwelcome, unwilling } from './kinds.js'
import { Nodes } from './nodes.js'

const MEMBERS = ['a', 'b', 'c']
const INSIDE = ['in:1', 'in:2', 'in:3', 'in:4', 'in:5', 'in:6']
const OUTSIDE = ['out:1', 'out:2']
const FILLER_BYTES = [100, 2_000, 200_000]
/** Names of brief processes of one worker; each is started again when its turn comes. */
const POOL = 50
const STAY_MS = 150
const RELINK_MS = 1_000
/** A move that meets a cut, or an end of its destination, fails with one of these and changes nothing (G6). */
const BROKEN = ['ERR_LINK_LOST', 'ERR_MOVE_TIMEOUT', 'ERR_UNREACHABLE', 'ERR_MOVING', 'ERR_REFUSED']

const pick = <T>(list: readonly T[]): T => list[Math.floor(Math.random() * list.length)] as T
const place = ({ address }: MobilityNode): Destination => {
  const colon = address.lastIndexOf(':')
  return tcp(address.slice(0, colon), Number(address.slice(colon + 1)))
}
const codeOf = (error: unknown): string => (isMobilityError(error) ? error.code : String(error))

export class Load {
  readonly books = new Books()
  readonly nodes = new Nodes((text) => this.books.trouble(text))
  /** Every fortieth brief process has a name that comes only once. */
  readonly #once: boolean
  readonly #moved: (node: MobilityNode) => void
  #targets = [...MEMBERS]
  /** Why the last move failed, for one that never ends. */
  readonly #lastBroken = new Map<string, string>()
  readonly #headedFor = new Map<string, number>()
  #guestNumber = 0
  /** While the guest is away. */
  #linksWhole = 0

  /** @param moved  hears of every move, for a leak that is planted */
  constructor({ once, moved }: { readonly once: boolean; readonly moved: (node: MobilityNode) => void }) {
    this.#once = once
    this.#moved = moved
  }

  async open(): Promise<void> {
    for (const name of MEMBERS) await this.nodes.open(name, 'soak')
    await this.nodes.open('z', 'elsewhere', [ledger])
    const a = this.nodes.at('a')
    const names = [...INSIDE, ...OUTSIDE]
    for (const [index, name] of names.entries())
      await a.start(ledger, { name, args: [FILLER_BYTES[index % FILLER_BYTES.length] ?? 0] })
    await a.start(unwilling, { name: 'unwilling', args: [] })
    await a.start(unwelcome, { name: 'unwelcome', args: [] })
    // What is opened at first use and kept is opened now: links between the clusters, gateways, the guest's address.
    for (const name of OUTSIDE) for (const node of MEMBERS) await this.#trip(name, node)
    await this.#guest()
    this.#linksWhole = this.#links()
  }

  async #trip(name: string, back: string): Promise<void> {
    const ref = this.nodes.at(back).ref(ledger, name)
    await ref.sendMe(place(this.nodes.at('z')))
    await ref.sendMe(place(this.nodes.at(back)))
  }

  /** Every worker with its name, and how long it pauses between two steps, in ms. */
  workers(cutMs: number): Array<readonly [name: string, step: Step, pauseMs: number]> {
    const works: Array<readonly [string, Step, number]> = []
    for (const name of INSIDE) works.push([`mover of ${name}`, () => this.#move(name), 0])
    for (const name of OUTSIDE) works.push([`traveller ${name}`, (at) => this.#travel(name, at), 5])
    for (const node of MEMBERS) {
      for (const number of [1, 2]) {
        const client = `${node}${number}`
        works.push([`client ${client}`, () => this.#client(this.nodes.at(node), client, [...INSIDE, ...OUTSIDE]), 0])
      }
    }
    works.push(['client z', () => this.#client(this.nodes.at('z'), 'z', OUTSIDE), 2])
    for (const number of [1, 2]) {
      let turn = 0
      works.push([`starter ${number}`, (at) => this.#brief(number, turn++, at), 0])
    }
    works.push(['refused moves', () => this.#refused(), 10])
    works.push(['guest', () => this.#guest(), 100])
    works.push(['cutter', () => this.#cut(), cutMs])
    return works
  }

  /** What the ledgers counted against what was sent. */
  async audit(): Promise<void> {
    for (const name of [...INSIDE, ...OUTSIDE]) {
      const { tally, later } = await this.nodes.at('a').ref(ledger, name).call.report()
      this.books.audit(name, tally, later)
    }
  }

  async #client(node: MobilityNode, client: string, names: readonly string[]): Promise<void> {
    const name = pick(names)
    const ref = node.ref(ledger, name)
    const casts: Promise<void>[] = []
    for (let left = Math.floor(Math.random() * 6); left > 0; left -= 1)
      casts.push(ref.cast.note(client, this.books.cast(name, client)))
    await Promise.all(casts)
    await this.books.call(name, 'add', async () => {
      const counted = await ref.call.add(client)
      this.books.expect(`casts of ${client} before its call of ${name}`, counted, this.books.castsOf(name, client))
    })
    if (Math.random() < 0.05) await this.books.call(name, 'later', () => ref.call.later(Math.random() * 20))
  }

  async #move(name: string): Promise<void> {
    const asker = this.nodes.at(pick(MEMBERS))
    const to = pick(this.#targets.filter((node) => node !== asker.whereis(name)?.node))
    const ref = asker.ref(ledger, name)
    this.#headedFor.set(to, (this.#headedFor.get(to) ?? 0) + 1)
    await this.#moving('inside', asker, () => (Math.random() < 0.2 ? ref.call.leave(to) : ref.sendMe(to)))
    this.#headedFor.set(to, (this.#headedFor.get(to) ?? 0) - 1)
  }

  /** There and back, so that it is at home when all rest. */
  async #travel(name: string, at: (what: string) => void): Promise<void> {
    const ref = this.nodes.at(pick(MEMBERS)).ref(ledger, name)
    const z = this.nodes.at('z')
    const tell = (way: string): void => at(`${way}, after ${this.#lastBroken.get('outside') ?? 'none'}`)
    const there = () => this.#moving('outside', z, () => ref.sendMe(place(z)))
    tell('to z')
    while (!(await there())) tell('to z again')
    const back = () => this.#moving('outside', z, () => ref.sendMe(place(this.nodes.at(pick(MEMBERS)))))
    tell('home')
    while (!(await back())) tell('home again')
  }

  async #moving(
    where: 'inside' | 'outside',
    node: MobilityNode,
    move: () => Promise<{ moved: boolean }>,
  ): Promise<boolean> {
    try {
      if ((await move()).moved) this.books.count(`moves ${where}`)
      this.#moved(node)
      return true
    } catch (error) {
      if (!BROKEN.includes(codeOf(error))) throw error
      this.books.count(`moves ${where} that a cut stopped`)
      this.#lastBroken.set(where, String(error))
      await sleep(5)
      return false
    }
  }

  /** Starts, casts, is watched from another node, maybe moves there, ends; its end is seen once (G8). */
  async #brief(worker: number, turn: number, at: (what: string) => void): Promise<void> {
    const name = this.#once && turn % 40 === 0 ? `once:${worker}:${turn}` : `brief:${worker}:${turn % POOL}`
    const [home, far] = [this.nodes.at(pick(MEMBERS)), this.nodes.at(pick(MEMBERS))]
    at(`starts ${name} on ${home.name}`)
    const ref = await home.start(brief, { name, args: [] })
    const epoch = home.whereis(name)?.epoch ?? 0
    const heard = far.once('registered', (event) => event.name === name && event.epoch >= epoch)
    at(`waits until ${far.name} has heard of ${name} in ${epoch}, started on ${home.name}`)
    if ((far.whereis(name)?.epoch ?? 0) < epoch) await heard
    at(`sends to ${name} from ${home.name}`)
    const monitor = far.ref(brief, name).monitor()
    for (let casts = 0; casts < 3; casts += 1) await ref.cast.note()
    at(`moves ${name} from ${home.name} to ${far.name}`)
    if (turn % 3 === 0) await this.#moving('inside', home, () => ref.sendMe(far.name))
    at(`calls ${name} from ${home.name}`)
    this.books.expect(`casts of ${name}`, await ref.call.casts(), 3)
    at(`stops ${name}`)
    await (turn % 2 === 0 ? ref : far.ref(brief, name)).stop()
    at(`waits for the end of ${name} on ${far.name}`)
    this.books.expect(`the end of ${name}`, await monitor.down, 'normal')
    this.books.count('starts and stops')
  }

  async #refused(): Promise<void> {
    const node = this.nodes.at(pick(MEMBERS))
    const refuse = async (move: Promise<unknown>, ...codes: string[]): Promise<void> => {
      const code = await move.then(() => 'it moved', codeOf)
      this.books.expect(`a move that must be refused (${codes[0]})`, [...codes, ...BROKEN].includes(code), true)
      if (codes.includes(code)) this.books.count('moves refused')
    }
    await refuse(node.ref(unwilling, 'unwilling').sendMe('b'), 'ERR_NOT_NOW')
    await refuse(node.ref(unwelcome, 'unwelcome').sendMe('b'), 'ERR_REFUSED')
    await refuse(node.ref(unwelcome, 'unwelcome').sendMe(place(this.nodes.at('z'))), 'ERR_KIND_UNKNOWN')
    await refuse(node.ref(ledger, INSIDE[0] as string).sendMe('nowhere'), 'ERR_UNREACHABLE')
    const turn = this.books.count('rounds of refusals')
    for (const [kind, name] of [[unwilling, 'unwilling'] as const, [unwelcome, 'unwelcome'] as const])
      this.books.expect(`the state of ${name}`, await node.ref<typeof unwilling>(kind, name).call.add(), turn)
  }

  /** The next one only when all are linked again: on a slow machine a link that never comes up is another test. */
  async #cut(): Promise<void> {
    this.nodes.cut(Math.random())
    // A link to z that is needed no more does not come up again.
    const until = performance.now() + RELINK_MS
    while (this.#links() < this.#linksWhole && performance.now() < until) await sleep(1)
  }

  #links(): number {
    return [...MEMBERS, 'z'].reduce((sum, name) => sum + (this.nodes.at(name).stats().links ?? 0), 0)
  }

  /** Joins, works, gives away what has come, leaves. */
  async #guest(): Promise<void> {
    const d = await this.nodes.open('d', 'soak')
    this.#guestNumber += 1
    this.#targets = [...MEMBERS, 'd']
    const until = performance.now() + STAY_MS
    while (performance.now() < until) await this.#client(d, `d${this.#guestNumber % 5}`, INSIDE)
    this.#targets = [...MEMBERS]
    for (;;) {
      const here = d.list({ node: 'd' })
      if (here.length === 0 && (this.#headedFor.get('d') ?? 0) === 0) break
      for (const { name } of here)
        await this.#moving('inside', d, () => d.ref<typeof ledger>(name).sendMe(pick(MEMBERS)))
      await sleep(2)
    }
    await this.nodes.close('d')
    this.books.count('joins and leaves')
  }
}
