/**
 * State at rest, of the processes of one node whose kinds have `persist`: when it is saved (saver.ts), with what a
 * process begins, and what must be at rest before it goes.
 *
 *   start --load--> found --checksum, age, version, upgrade, schema--> the state
 *             |       '--------------- one of them fails -----------> onUnusable: park | previous | fresh | a state
 *             |-- nothing there --> init
 *             '-- not now ------> again for a while, then ERR_STORE
 */
import { fail, type MobilityError, reasonOf } from '../base/errors.js'
import type { Events } from '../base/events.js'
import type { Limits } from '../base/limits.js'
import { type Clock, fraction, type Logger, type Random } from '../base/ports.js'
import { within } from '../base/within.js'
import { type ExitReason, isCrash } from '../process/directives.js'
import type { Keeper, Process } from '../process/host.js'
import type { CallId } from '../process/mailbox.js'
import { failure, type Outcome } from '../process/outcome.js'
import {
  DEFAULT_KEEP,
  type PersistSpec,
  type SaveMoment,
  type Unusable,
  type UnusablePolicy,
} from '../process/persist.js'
import { patient } from '../store/patient.js'
import type { Saved, Store } from '../store/store.js'
import { openState } from './opening.js'
import type { Settings } from './options.js'
import { Saver } from './saver.js'

interface KeepingDeps {
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
  readonly events: Events
  readonly limits: Limits
  readonly stores: ReadonlyMap<string, Store>
  readonly isLeaving: () => boolean
  readonly send: (process: Process, to: CallId, outcome: Outcome, dueAt: number) => void
  /** A state of that epoch is at rest: the next one of the name begins above it. */
  readonly outgrown: (epoch: number) => void
}

interface KeptParts {
  readonly settings: Settings
  readonly world: { readonly clock: Clock; readonly random: Random }
  readonly events: Events
  readonly cordons: { readonly on: boolean }
  readonly registry: { raise?(epoch: number): void }
}

/** @returns undefined where no kind is kept at rest */
export const keepingOf = (parts: KeptParts, send: KeepingDeps['send']): Keeping | undefined => {
  const { settings, world, events } = parts
  const { limits, logger: log, stores, kinds } = settings
  if ([...kinds.values()].every(({ spec }) => spec.persist === undefined)) return undefined
  const { clock, random } = world
  return new Keeping({
    clock,
    random,
    log,
    events,
    limits,
    stores: new Map([...stores].map(([name, store]) => [name, patient(store, clock, limits.storeMs)])),
    isLeaving: () => parts.cordons.on,
    send,
    outgrown: (epoch) => parts.registry.raise?.(epoch),
  })
}

const DEFAULT_MOMENTS: readonly SaveMoment[] = ['terminate', 'drain']
const DEFAULT_MS = 1_000

export class Keeping implements Keeper {
  readonly #deps: KeepingDeps
  readonly #savers = new WeakMap<Process, Saver>()
  readonly #restored = new WeakSet<Process>()

  constructor(deps: KeepingDeps) {
    this.#deps = deps
  }

  // ---- going on

  ran(process: Process): void {
    if (process.kind.spec.persist !== undefined) this.#saverOf(process).ran()
  }

  /** G4: with `acknowledge: 'saved'` an answer says that its effect is at rest. */
  reply(process: Process, to: CallId, outcome: Outcome, dueAt: number): void {
    const { send } = this.#deps
    const { phase, kind, name } = process
    const did = outcome.ok || outcome.executed !== 'no'
    const lives = phase === 'running' || phase === 'starting'
    if (!did || !lives || kind.spec.persist?.acknowledge !== 'saved') return send(process, to, outcome, dueAt)
    const lost = (): void => {
      const reason = 'what it did is not at rest'
      send(process, to, failure(fail('ERR_STOPPED', { name, reason }, { executed: 'maybe' })), dueAt)
    }
    this.#saverOf(process).hold(() => send(process, to, outcome, dueAt), lost)
  }

  async atMove(process: Process, ms: number): Promise<MobilityError | undefined> {
    const { persist } = process.kind.spec
    if (persist === undefined) return undefined
    const { on = DEFAULT_MOMENTS, acknowledge } = persist
    const must = acknowledge === 'saved'
    const wants = on.includes('move') || (on.includes('drain') && this.#deps.isLeaving())
    if (!must && !wants) return undefined
    // A store that takes as long as a move may take is away.
    const why = await this.#finish(process, ms / 2)
    if (why === '' || !must) return undefined
    return fail('ERR_NOT_NOW', { name: process.name, reason: `its state was not saved: ${why}` })
  }

  async atEnd(process: Process, reason: ExitReason): Promise<void> {
    const { persist } = process.kind.spec
    if (persist === undefined) return
    const { on = DEFAULT_MOMENTS, acknowledge } = persist
    // What a crash has left of the state may be what caused it: it is not saved.
    if (isCrash(reason) || (acknowledge !== 'saved' && !on.includes('terminate'))) return
    this.#saverOf(process).ran()
    await this.#finish(process, process.host.shutdownMs(process.name, process.kind))
  }

  /** It runs here no more: it has ended, or has moved. */
  ended(process: Process): void {
    this.#savers.get(process)?.close()
    this.#savers.delete(process)
  }

  /** @returns why it is not at rest, or '' */
  async #finish(process: Process, ms: number): Promise<string> {
    const { clock, events, log } = this.#deps
    const { name } = process
    const saver = this.#saverOf(process)
    try {
      await within(clock, ms, saver.finish(), () => new Error(`not within ${ms} ms`))
      return ''
    } catch (error) {
      saver.giveUp()
      const reason = reasonOf(error)
      log.error({ name, reason }, `the state of ${name} was not saved: ${reason}`)
      events.emit('unsaved', { name, reason, failures: 1, inMs: 0 })
      return reason
    }
  }

  #saverOf(process: Process): Saver {
    const known = this.#savers.get(process)
    if (known !== undefined) return known
    const { clock, log, events, limits } = this.#deps
    const persist = process.kind.spec.persist ?? {}
    const { every = { ms: DEFAULT_MS }, keep = DEFAULT_KEEP } = persist
    const { messages = Number.POSITIVE_INFINITY, ms = Number.POSITIVE_INFINITY } = every
    const { resendMs: backoffMs, resendMsMax: backoffMsMax } = limits
    const rules = { messages, ms, backoffMs, backoffMsMax }
    const fenced = (stale: Process): void => this.#fenced(stale)
    const store = this.storeOf(persist)
    const saver = new Saver({ clock, log, events, limits, store, rules, keep, fenced }, process)
    this.#savers.set(process, saver)
    return saver
  }

  /** @throws ERR_OPTION */
  storeOf({ store = 'default' }: PersistSpec): Store {
    const found = this.#deps.stores.get(store)
    if (found === undefined) throw fail('ERR_OPTION', { option: 'store', why: `there is no store ${store}` })
    return found
  }

  /** G2: whoever has saved in a higher epoch has the name. */
  #fenced(process: Process): void {
    const { name, epoch } = process
    // A frozen copy may have been given away already, and the new owner has saved.
    if (process.phase !== 'running') return
    const reason = 'a state of a higher epoch is at rest: another one has the name'
    this.#deps.log.error({ name, epoch }, `${name} stops here: ${reason}`)
    this.#deps.events.emit('unsaved', { name, reason, failures: 0, inMs: 0 })
    process.kill()
  }

  // ---- beginning

  /** Did it begin with a state of the store? */
  wasAtRest(process: Process): boolean {
    return this.#restored.has(process)
  }

  async begin(process: Process): Promise<{ readonly state: unknown } | undefined> {
    const { persist } = process.kind.spec
    if (persist === undefined) return undefined
    const store = this.storeOf(persist)
    const { name, kind } = process
    const { keep = DEFAULT_KEEP, onUnusable = 'park', maxAgeMs } = persist
    let first: Unusable | undefined
    for (let back = 0; back < keep; back += 1) {
      const saved = await this.#load(store, process, back)
      if (saved === undefined) break
      this.#checkEpoch(store, process, saved)
      const found = await openState(process.kind, saved, { ...this.#deps, name, node: process.host.node, maxAgeMs })
      if ('state' in found) {
        const { epoch, revision } = saved
        const { savedAt } = found
        this.#restored.add(process)
        this.#deps.events.emit('restored', { name, kind: kind.kind, epoch, revision, savedAt, back })
        return { state: found.state }
      }
      first ??= found
      const policy = await this.#policy(process, onUnusable, found)
      if (typeof policy === 'object') return policy
      if (policy === 'fresh') return undefined
      if (policy === 'park') break
    }
    if (first === undefined) return undefined
    throw fail('ERR_UNUSABLE', { name, reason: first.reason })
  }

  async #policy(
    { name }: Process,
    onUnusable: NonNullable<PersistSpec['onUnusable']>,
    problem: Unusable,
  ): Promise<UnusablePolicy | { readonly state: unknown }> {
    const policy = typeof onUnusable === 'function' ? await onUnusable(problem) : onUnusable
    const said = typeof policy === 'object' && policy !== null ? 'state' : policy
    const { reason, savedAt } = problem
    this.#deps.log.error({ name, reason, policy: said }, `the saved state of ${name} cannot be used: ${reason}`)
    this.#deps.events.emit('unusable', { name, reason, savedAt, policy: said })
    return policy
  }

  /** @throws ERR_STORE  not within `callTimeoutMs` */
  async #load(store: Store, { name, host }: Process, back: number): Promise<Saved | undefined> {
    const { clock, random, limits } = this.#deps
    const until = clock.now() + limits.callTimeoutMs
    for (let waitMs = limits.resendMs; ; waitMs = Math.min(2 * waitMs, limits.resendMsMax)) {
      try {
        return await store.load(name, back)
      } catch (error) {
        if (clock.now() + waitMs > until)
          throw fail('ERR_STORE', { name, where: store.where, reason: reasonOf(error) }, { cause: error })
        host.log.warn({ name, reason: reasonOf(error) }, `the state of ${name} was not loaded: it is tried again`)
      }
      // With as much chance as time: a thousand that begin at once do not ask at once again.
      await new Promise<void>((resolve) => clock.after(waitMs * (0.5 + fraction(random)), resolve))
    }
  }

  /** G2: a life begins above all that is known of the name. The clock of whoever saved it was ahead. */
  #checkEpoch({ where }: Store, { name, epoch }: Process, saved: Saved): void {
    if (saved.epoch < epoch) return
    this.#deps.outgrown(saved.epoch)
    const reason = 'it has a state of a higher epoch than the new life. Start it again: the next one is above it'
    throw fail('ERR_STORE', { name, where, reason })
  }
}
