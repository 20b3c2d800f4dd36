/**
 * Registries on a simulated network of FIFO links that are cut, with nodes that join, leave, die and come back, each
 * with a wall clock of its own. One seed is one history.
 */
import { type NodeClock, VirtualClock } from '../../src/base/clock.js'
import { isMobilityError } from '../../src/base/errors.js'
import { Events } from '../../src/base/events.js'
import { defaultLimits } from '../../src/base/limits.js'
import { silentLogger } from '../../src/base/ports.js'
import { SeededRandom } from '../../src/base/random.js'
import { Registry } from '../../src/registry/registry.js'
import type { Entry, Member, Message } from '../../src/wire/messages.js'

interface Side {
  readonly node: SimNode
  state: 'connecting' | 'up' | 'down'
  /** When the next message may arrive here: FIFO. */
  arrivesAt: number
  readonly held: Message[]
}

interface SimLink {
  readonly sides: readonly [Side, Side]
  cut: boolean
}

const TRACE = process.env.TRACE !== undefined
const address = { host: '127.0.0.1', port: 1 }
export const limits = { ...defaultLimits }

export class SimNode {
  readonly clock: NodeClock
  readonly registry: Registry
  readonly members = new Map<string, Member>()
  readonly dead = new Set<string>()
  readonly links = new Map<string, SimLink>()
  /** What it runs: name -> epoch. */
  readonly runs = new Map<string, number>()
  readonly held = new Set<string>()
  readonly adopted: Entry[] = []
  alive = true
  #joined = false

  constructor(
    readonly sim: Sim,
    readonly name: string,
    readonly incarnation: number,
    offsetMs: number,
  ) {
    this.clock = sim.clock.view({ offsetMs })
    const events = new Events(name, silentLogger)
    events.on('violation', (event) => sim.fault(`violation at ${name}: ${event.what} by ${event.peer} (${event.name})`))
    this.registry = new Registry({
      clock: this.clock,
      log: silentLogger,
      events,
      limits,
      self: () => ({ cluster: 'c', node: name, incarnation }),
      peers: {
        live: () => [...this.members.values()].sort((a, b) => (a.node < b.node ? -1 : 1)),
        isLive: (node, life) => (node === name ? life === incarnation : this.members.get(node)?.incarnation === life),
        isDead: (node, life) => this.dead.has(`${node}/${life}`),
        send: (node, message) => this.send(node, message),
        broadcast: (message) => {
          for (const node of [...this.members.keys()]) this.send(node, message)
        },
      },
      hooks: {
        holds: (held) => this.held.has(held),
        adoptDelegation: (entry) => this.adopted.push(entry),
        superseded: (entry) => sim.superseded(this, entry),
      },
    })
    this.registry.watch((entry, before, change) => {
      if (change === 'changed' && entry.node === name && entry.incarnation === incarnation)
        sim.owned(this, entry, before)
    })
  }

  /** Until its view has settled with one of the cluster a newcomer must not start anything. */
  get joined(): boolean {
    const others = this.sim.nodes.filter(
      (node) => node !== this && this.members.get(node.name)?.incarnation === node.incarnation,
    )
    this.#joined ||= this.registry.settled && others.some((node) => node.#joined)
    return this.#joined
  }

  found(): void {
    this.#joined = true
  }

  send(node: string, message: Message): boolean {
    const link = this.links.get(node)
    if (link === undefined || link.cut) return link !== undefined
    this.sim.transmit(link, this, message)
    return true
  }

  async claim(name: string): Promise<'won' | 'taken' | 'timeout'> {
    try {
      await this.registry.claim(name, 'k')
      return 'won'
    } catch (error) {
      if (!isMobilityError(error)) throw error
      if (error.code === 'ERR_ALREADY_STARTED') return 'taken'
      if (error.code === 'ERR_CLAIM_TIMEOUT') return 'timeout'
      throw error
    }
  }

  end(name: string): void {
    const entry = this.registry.lookup(name)
    if (entry !== undefined) this.registry.publish({ ...entry, status: 'ended', reason: 'normal' })
  }
}

export class Sim {
  readonly clock = new VirtualClock()
  readonly random: SeededRandom
  readonly nodes: SimNode[] = []
  readonly faults: string[] = []
  readonly slowestMs: number
  wins = 0
  moves = 0
  late = 0
  /** Asked for, on a link that is up. */
  listings = 0
  readonly #links: SimLink[] = []
  #incarnation = 0
  #moving = false

  constructor(readonly seed: number | string) {
    this.random = new SeededRandom(seed)
    this.slowestMs = this.random.pick([2, 20, 200])
  }

  fault(what: string): void {
    this.faults.push(`seed ${this.seed}, ${this.clock.now().toFixed(1)} ms: ${what}`)
  }

  trace(what: string): void {
    if (TRACE) console.error(this.clock.now().toFixed(0), what)
  }

  alive(): SimNode[] {
    return this.nodes.filter((node) => node.alive)
  }

  racers(): SimNode[] {
    return this.random.shuffle(this.alive().filter((node) => node.joined)).slice(0, 3)
  }

  delay(): number {
    return this.random.chance(0.1)
      ? this.random.between(0, 10 * this.slowestMs)
      : this.random.between(0, this.slowestMs)
  }

  /** G2: nobody else that lives owns it, and no member that lives knows a higher epoch. */
  owned(node: SimNode, entry: Entry, before: Entry | undefined): void {
    if (entry.status === 'ended') {
      node.runs.delete(entry.name)
      return
    }
    if (before?.status === 'live' && before.epoch === entry.epoch) return
    this.wins++
    for (const other of this.alive()) {
      const again = other === node && before?.status === 'live'
      if (other.runs.has(entry.name) && !again) this.fault(`${node.name} and ${other.name} both won ${entry.name}`)
      const known = other.registry.lookup(entry.name)
      const met = other !== node && node.members.get(other.name)?.incarnation === other.incarnation
      if (!met || known === undefined || known.epoch < entry.epoch) continue
      if (this.lives(known)) this.fault(`${entry.name} won below a known epoch`)
      else this.late++
    }
    node.runs.set(entry.name, entry.epoch)
  }

  lives({ node, incarnation }: Entry): boolean {
    return this.alive().some((other) => other.name === node && other.incarnation === incarnation)
  }

  /** Only by a life of a dead node whose last words reached nobody of the winner's view before it had settled. */
  superseded(node: SimNode, entry: Entry): void {
    if (this.#moving) return
    if (this.lives(entry)) this.fault(`${entry.name} of ${node.name} is superseded by ${entry.node}`)
    this.late++
    node.runs.delete(entry.name)
  }

  /** A move at its commit: the new owner has published it, the old one has its word. @returns whether it moved */
  move(from: SimNode, to: SimNode, name: string): boolean {
    const entry = from.registry.lookup(name)
    const known = to.registry.lookup(name)
    const linked = to.members.get(from.name)?.incarnation === from.incarnation && from.links.get(to.name)?.cut === false
    if (from === to || !linked || entry === undefined || entry.epoch !== from.runs.get(name)) return false
    if (from.members.get(to.name)?.incarnation !== to.incarnation || (known?.epoch ?? 0) > entry.epoch) return false
    this.trace(`${name} moves from ${from.name} to ${to.name}`)
    from.runs.delete(name)
    this.moves++
    const moved: Entry = { ...entry, node: to.name, incarnation: to.incarnation, epoch: entry.epoch + 1 }
    to.registry.publish(moved)
    this.#moving = true
    from.registry.learn(moved, to.name)
    this.#moving = false
    return true
  }

  join(name = `n${this.nodes.length}`): SimNode {
    this.#incarnation++
    const node = new SimNode(this, name, this.#incarnation, this.random.between(-3_600_000, 3_600_000))
    const others = this.alive()
    this.nodes.push(node)
    if (others.length === 0) node.found()
    for (const other of others) this.clock.after(this.delay(), () => this.connect(node, other))
    return node
  }

  linkOf(a: SimNode, b: SimNode): SimLink | undefined {
    return this.#links.findLast(({ sides }) => sides.every(({ node }) => node === a || node === b))
  }

  connect(a: SimNode, b: SimNode): void {
    if (!a.alive || !b.alive || this.linkOf(a, b)?.cut === false) return
    const side = (node: SimNode): Side => ({ node, state: 'connecting', arrivesAt: 0, held: [] })
    const link: SimLink = { sides: [side(a), side(b)], cut: false }
    this.#links.push(link)
    for (const mine of link.sides) this.clock.after(this.delay(), () => this.#up(link, mine))
  }

  #up(link: SimLink, mine: Side): void {
    const { node } = mine
    const peer = other(link, node).node
    const old = node.links.get(peer.name)
    if (!node.alive || mine.state !== 'connecting') return
    if (node.dead.has(`${peer.name}/${peer.incarnation}`)) return
    if ((node.members.get(peer.name)?.incarnation ?? 0) > peer.incarnation) return
    if (old !== undefined) this.#down(old, node)
    this.trace(`${node.name} links up ${peer.name}/${peer.incarnation}`)
    mine.state = 'up'
    node.links.set(peer.name, link)
    const known = node.members.get(peer.name)
    if (known !== undefined && known.incarnation < peer.incarnation) this.declareDead(node, known)
    const member: Member = { node: peer.name, incarnation: peer.incarnation, address }
    node.members.set(peer.name, member)
    node.registry.memberUp(member)
    for (const message of mine.held.splice(0)) this.#deliver(link, mine, message)
  }

  #down(link: SimLink, node: SimNode): void {
    const mine = link.sides[0].node === node ? link.sides[0] : link.sides[1]
    mine.state = 'down'
    const peer = other(link, node).node
    if (node.links.get(peer.name) === link) node.links.delete(peer.name)
  }

  transmit(link: SimLink, from: SimNode, message: Message): void {
    if (message.type === 'DIGEST' && message.ask === 'listing') this.listings++
    const to = other(link, from)
    to.arrivesAt = Math.max(to.arrivesAt, this.clock.now() + this.delay())
    this.clock.after(to.arrivesAt - this.clock.now(), () => this.#deliver(link, to, message))
  }

  #deliver(link: SimLink, to: Side, message: Message): void {
    if (!to.node.alive || to.state === 'down') return
    if (to.state === 'connecting') {
      to.held.push(message)
      return
    }
    const { name, incarnation } = other(link, to.node).node
    this.trace(`${name} -> ${to.node.name}: ${JSON.stringify(message)}`)
    to.node.registry.received({ node: name, incarnation }, message)
  }

  /** Both sides notice in their own time; what is under way until then may arrive. A new link follows. */
  cut(link: SimLink, heal = true): void {
    link.cut = true
    for (const { node } of link.sides) this.clock.after(this.delay(), () => this.#down(link, node))
    const [a, b] = link.sides
    if (heal) this.clock.after(20 * this.slowestMs + this.delay() * 5, () => this.connect(a.node, b.node))
  }

  cutSome(): void {
    const node = this.random.pick(this.alive())
    const links = [...node.links.values()].filter((link) => !link.cut)
    if (links.length > 0) this.cut(this.random.pick(links))
  }

  /** It dies for good; everybody finds out alone. */
  kill(node: SimNode): void {
    node.alive = false
    node.clock.kill()
    node.runs.clear()
    for (const link of this.#links) if (link.sides.some((side) => side.node === node)) link.cut = true
    for (const witness of this.alive()) {
      const dies = (): void => {
        const link = witness.links.get(node.name)
        if (link !== undefined && other(link, witness).node === node) this.#down(link, witness)
        const member = witness.members.get(node.name)
        if (member?.incarnation === node.incarnation) this.declareDead(witness, member)
        else if (!witness.dead.has(`${node.name}/${node.incarnation}`)) this.clock.after(500, dies)
      }
      this.clock.after(this.delay() * this.random.pick([1, 1, 10]), dies)
    }
  }

  declareDead(witness: SimNode, { node, incarnation }: Member): void {
    this.trace(`${witness.name} declares ${node}/${incarnation} dead`)
    witness.members.delete(node)
    witness.dead.add(`${node}/${incarnation}`)
    if (witness.alive) witness.registry.memberDown(node, incarnation)
  }

  /** All members up with links: the start of a scenario. */
  async cluster(count: number): Promise<SimNode[]> {
    for (let i = 0; i < count; i++) this.join()
    await this.clock.advance(10_000)
    return this.nodes
  }

  /** G11: all tables are equal and true, everybody agrees on the members, nothing is left over. */
  check(): void {
    const alive = this.alive()
    const running = alive
      .flatMap((node) => [...node.runs].map(([name, epoch]) => `${name} ${node.name} ${epoch}`))
      .sort()
    for (const { name, registry } of alive) {
      const listed = registry.list().map((entry) => `${entry.name} ${entry.node} ${entry.epoch}`)
      if (listed.sort().join() !== running.join()) this.fault(`${name} lists ${listed}, running are ${running}`)
      if (!registry.settled) this.fault(`${name} is not settled`)
      const { entries: _entries, ended: _ended, watchers: _watchers, ...rest } = registry.size()
      for (const [what, left] of Object.entries(rest)) if (left !== 0) this.fault(`${name} has ${left} ${what} left`)
    }
  }

  async history(): Promise<void> {
    await this.cluster(this.random.between(1, 4))
    for (let i = 0; i < 25; i++) {
      const node = this.random.pick(this.alive())
      const name = `x${this.random.between(0, 2)}`
      const what = this.random.u32() % 100
      if (what < 45) for (const racer of this.racers()) void racer.claim(name)
      else if (what < 55) for (const running of node.runs.keys()) node.end(running)
      else if (what < 65 && this.alive().length < 5) this.join()
      else if (what < 72 && this.alive().length > 1) this.kill(node)
      else if (what < 78 && this.alive().length > 1) {
        this.kill(node)
        this.clock.after(this.delay(), () => this.join(node.name))
      } else if (what < 90) this.cutSome()
      else for (const running of [...node.runs.keys()]) this.move(node, this.random.pick(this.alive()), running)
      await this.clock.advance(this.random.pick([0, 1, this.slowestMs, 10 * this.slowestMs]))
    }
    await this.clock.advance(60_000)
    this.check()
  }
}

const other = (link: SimLink, node: SimNode): Side => (link.sides[0].node === node ? link.sides[1] : link.sides[0])
