/**
 * The driver of one supervisor: it performs what `machine-supervisor.ts` decides, by the port that its node gives it.
 *
 * G14 A child is watched by its name, and a move is no end (G8): it is neither restarted nor counted, and stays a
 *     child. When it ends where it is then, it is started again here. It is stopped by name, wherever it is.
 */
import { fail, type MobilityError, reasonOf } from '../base/errors.js'
import type { Deferred } from '../process/directives.js'
import type { Process } from '../process/host.js'
import type { CallId } from '../process/mailbox.js'
import { asMobilityError, failure, type Outcome, success } from '../process/outcome.js'
import { type ChainLink, chainFault, chainOf, chainText, kindOf, shutdownOf } from './chain.js'
import { type FamilyPort, Kin, type SupervisionNews } from './kin.js'
import { stepTree } from './machine-supervisor.js'
import {
  type ChildCounts,
  checkMember,
  type Member,
  nameOf,
  type Plan,
  type StartedChild,
  type SupervisedChild,
} from './spec.js'
import { newTree, type Row, type Run, type Tree, type TreeEffect, type TreeEvent } from './tree.js'

type Ask = 'terminate' | 'restart' | 'delete'

interface Asker {
  readonly to: Deferred<unknown>
  readonly what: Ask | 'start'
  readonly id: string
}

const rowOf = ({ id, restart, significant }: Member): Row => ({ id, restart, significant })

const statusOf = (run: Run): SupervisedChild['status'] => {
  if (run === 'idle') return 'stopped'
  return run === 'cutting' ? 'stopping' : run
}

export class Family {
  #process: Process
  readonly #port: FamilyPort
  readonly #plan: Plan
  readonly #kin = new Map<string, Kin>()
  readonly #askers = new Map<number, Asker>()
  #lastAsk = 0
  #tree: Tree = newTree
  readonly #events: TreeEvent[] = []
  #stepping = false
  #up: { resolve(): void; reject(why: string): void } | undefined
  readonly #over: Promise<void>
  #isOver: () => void = () => {}

  constructor(process: Process, plan: Plan, port: FamilyPort) {
    this.#process = process
    this.#plan = plan
    this.#port = port
    this.#over = new Promise((resolve) => {
      this.#isOver = resolve
    })
  }

  /**
   * Starts the children. Resolves when all are up.
   * @throws ERR_SHUTDOWN_CHAIN ERR_START_FAILED: none is left
   */
  async grow(): Promise<void> {
    const { name } = this.#process
    const { members } = this.#plan
    const fault = this.#fault(members)
    if (fault !== undefined) throw fault
    for (const member of members) this.#admit(member)
    const up = new Promise<void>((resolve, reject) => {
      this.#up = { resolve, reject: (why) => reject(fail('ERR_START_FAILED', { name, reason: why })) }
    })
    this.#step({ type: 'boot', rows: members.map(rowOf) })
    await up
  }

  /** What it has itself to end, in ms. */
  get #givenMs(): number {
    const { name, kind, host } = this.#process
    return host.shutdownMs(name, kind)
  }

  #members(): Member[] {
    return [...this.#kin.values()].map(({ member }) => member)
  }

  #link(members: readonly Member[]): ChainLink {
    return chainOf(this.#process.name, { ...this.#plan, members }, this.#givenMs, this.#port.chain)
  }

  #fault(members: readonly Member[]): MobilityError | undefined {
    return chainFault(this.#link(members), `node ${this.#port.node}, or who looks after it,`)
  }

  #admit(member: Member): void {
    const name = nameOf(this.#process.name, member)
    const shutdown = shutdownOf(member, this.#port.chain)
    const kin = new Kin(member, name, shutdown, {
      port: this.#port,
      tell: (event) => this.#step(event),
      is: (id, life, run) => this.#is(id, life, run),
      leftBehind: (id) => this.#report('left_behind', id, 'it is on another node, and did not end in its time'),
    })
    this.#kin.set(member.id, kin)
  }

  // ---- what it is asked

  chain(): string {
    return chainText(this.#link(this.#members()))
  }

  which(): SupervisedChild[] {
    return this.#tree.children.flatMap(({ id, run, restart }) => {
      const kin = this.#kin.get(id)
      if (kin === undefined) return []
      const { kind } = kin.member
      const type = this.#isSupervisor(kin.member) ? 'supervisor' : 'worker'
      const kindName = typeof kind === 'string' ? kind : kind.kind
      return [{ id, name: kin.name, kind: kindName, type, restart, status: statusOf(run) } as const]
    })
  }

  count(): ChildCounts {
    const { children } = this.#tree
    const active = children.filter(({ run }) => run === 'running' || run === 'stopping').length
    const members = children.flatMap(({ id }) => this.#kin.get(id)?.member ?? [])
    const supervisors = members.filter((member) => this.#isSupervisor(member)).length
    return { specs: children.length, active, supervisors, workers: children.length - supervisors }
  }

  #isSupervisor(member: Member): boolean {
    const { kinds, planOf } = this.#port.chain
    const kind = kindOf(member, kinds)
    return kind !== undefined && planOf(kind, member.args) !== undefined
  }

  startChild(to: Deferred<StartedChild>, spec: unknown): Deferred<StartedChild> {
    try {
      const wrong = (why: string) => fail('ERR_BAD_ARGUMENT', { what: 'startChild()', why })
      const member = checkMember(spec, this.#plan.flags.autoShutdown, wrong)
      // What is known stays as it is, and the machine says no.
      if (!this.#kin.has(member.id)) {
        const fault = this.#fault(this.#givenMs === Number.POSITIVE_INFINITY ? [member] : [...this.#members(), member])
        if (fault !== undefined) throw fault
        this.#admit(member)
      }
      this.#step({ type: 'start', row: rowOf(member), ask: this.#asker(to, 'start', member.id) })
    } catch (error) {
      const known = asMobilityError(error, (cause) =>
        fail('ERR_BAD_ARGUMENT', { what: 'startChild()', why: reasonOf(cause) }),
      )
      this.#answer(to, failure(known))
    }
    return to
  }

  ask<T>(to: Deferred<T>, what: Ask, id: unknown): Deferred<T> {
    this.#step({ type: what, id: String(id), ask: this.#asker(to, what, String(id)) })
    return to
  }

  #asker(to: Deferred<unknown>, what: Asker['what'], id: string): number {
    this.#lastAsk += 1
    this.#askers.set(this.#lastAsk, { to, what, id })
    return this.#lastAsk
  }

  #answer({ origin, lane, seq }: Deferred<unknown>, outcome: Outcome): void {
    this.#process.answerLater({ origin, lane, seq } as CallId, outcome)
  }

  #reply(ask: number, outcome: (asker: Asker) => Outcome): void {
    const asker = this.#askers.get(ask)
    this.#askers.delete(ask)
    if (asker !== undefined) this.#answer(asker.to, outcome(asker))
  }

  // ---- its end

  /** Its process runs on as another copy: its node has begun a new life. */
  goOnAs(process: Process): void {
    this.#process = process
  }

  /** In order. Resolves when all are down. */
  end(): Promise<void> {
    this.#step({ type: 'stop' })
    return this.#over
  }

  /** It was killed: nobody else would end them (OTP's links). */
  perish(): void {
    if (this.#tree.phase === 'over') return
    const children = [...this.#tree.children].reverse()
    this.#tree = { ...this.#tree, phase: 'over', job: undefined, children: [] }
    for (const { id, run } of children) this.#kin.get(id)?.abandon(run === 'running' || run === 'stopping')
    this.#finished('killed')
  }

  #finished(reason: string): void {
    for (const kin of this.#kin.values()) kin.letGo()
    this.#isOver()
    if (this.#up !== undefined) this.#up.reject(reason)
    // It ends by its own decision.
    else if (this.#process.phase === 'running') this.#process.system({ what: 'stop', from: undefined, reason })
    this.#up = undefined
  }

  // ---- the machine

  #step(event: TreeEvent): void {
    this.#events.push(event)
    if (this.#stepping) return
    this.#stepping = true
    for (let next = this.#events.shift(); next !== undefined; next = this.#events.shift()) {
      if (this.#tree.phase === 'over') continue
      const { state, effects } = stepTree(this.#tree, next, { now: this.#port.clock.now(), flags: this.#plan.flags })
      this.#tree = state
      for (const effect of effects) this.#perform(effect)
    }
    this.#stepping = false
  }

  #perform(effect: TreeEffect): void {
    switch (effect.type) {
      case 'start':
        return void this.#kin.get(effect.id)?.start(effect.life, effect.again)
      case 'stop':
        return this.#kin.get(effect.id)?.stop(effect.life)
      case 'cut':
        return this.#kin.get(effect.id)?.cut()
      case 'again': {
        const { id, life } = effect
        return void this.#port.clock.after(0, () => this.#step({ type: 'again', id, life }))
      }
      case 'done': {
        const { running } = effect
        return this.#reply(effect.ask, ({ what, id }) => {
          const name = this.#kin.get(id)?.name ?? ''
          return success(what === 'start' || what === 'restart' ? { id, name, running } : undefined)
        })
      }
      case 'refused':
        return this.#reply(effect.ask, ({ what, id }) =>
          failure(fail('ERR_CHILD', { supervisor: this.#process.name, what, child: id, reason: effect.why })),
        )
      case 'startFailed':
        return this.#reply(effect.ask, ({ id }) =>
          failure(fail('ERR_START_FAILED', { name: this.#kin.get(id)?.name ?? id, reason: effect.reason })),
        )
      case 'forget':
        return this.#forget(effect.id)
      case 'report':
        return this.#report(effect.what, effect.id, effect.reason)
      case 'up':
        this.#up?.resolve()
        this.#up = undefined
        return
      case 'over':
        return this.#finished(effect.reason)
    }
  }

  #forget(id: string): void {
    this.#kin.get(id)?.letGo()
    this.#kin.delete(id)
  }

  #report(what: SupervisionNews['what'], id: string, reason: string): void {
    const child = this.#kin.get(id)?.name ?? id
    this.#port.news({ supervisor: this.#process.name, child, what, reason, restarts: this.#tree.restarts.length })
  }

  /** Nothing else may have happened to it since. */
  #is(id: string, life: number, run: Run): boolean {
    const child = this.#tree.children.find((one) => one.id === id)
    return child?.life === life && child.run === run
  }
}
