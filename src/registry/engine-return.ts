/**
 * A node with a new lease: the first one, or one in the place of one that is over. Nothing runs until every name that
 * it had is decided.
 *
 *   new lease --write l/<node>--> read the table anew --each name--> free: created anew | another's: it stops
 *       ^                                                                 all decided --> settled: it may run
 *       '---- l/<node>, or a name of ours, was deleted, and not by us: that lease is given up
 *
 * G1  A name that somebody has had since is not taken back: the copy here is of the past.
 * G8  What is created anew begins a new line: others may have heard that the old one has ended.
 */
import { fail, type MobilityError, reasonOf } from '../base/errors.js'
import type { Entry } from '../wire/messages.js'
import type { EngineKey } from './engine.js'
import type { EngineHooks, EngineWork } from './engine-work.js'
import { endedOf, entryOf, type OwnerRecord, readEnd, readOwner, written } from './records.js'

interface ReturnDeps {
  readonly ttlMs: number
  readonly hooks: EngineHooks
}

type Mine = ReturnType<EngineHooks['running']>[number]

/** Names that are decided at once. */
const AT_ONCE = 32

export class EngineReturn {
  readonly #work: EngineWork
  readonly #deps: ReturnDeps
  readonly #over = new Set<string>()
  /** It has been said that nothing runs here. */
  fenced = false

  constructor(work: EngineWork, deps: ReturnDeps) {
    this.#work = work
    this.#deps = deps
  }

  /** It is over, or is not to be relied on: it must have ended before a new one counts. */
  givenUp(lease: string): void {
    this.#over.add(lease)
  }

  /** Given up, and perhaps not ended yet. */
  get over(): readonly string[] {
    return [...this.#over]
  }

  begin(lease: string): void {
    this.#settle(lease).catch((error: unknown) => {
      const { closed, log } = this.#work
      if (!closed) log.error({ reason: reasonOf(error) }, `this node cannot claim its names again: ${reasonOf(error)}`)
    })
  }

  /** Something of ours was deleted at the engine. */
  doubt(): void {
    const { keeper } = this.#work
    // While names are decided, what vanishes is of the lease before.
    if (keeper.phase === 'held' || keeper.phase === 'fenced') keeper.gone(keeper.lease)
  }

  async #settle(lease: string): Promise<void> {
    const work = this.#work
    const { keeper, table } = work
    const { node, incarnation } = work.self()
    for (const over of [...this.#over]) {
      await work.untilKnown(() => work.client.revoke(over))
      this.#over.delete(over)
    }
    const life = { put: work.key('l', node), value: written({ incarnation, ttlMs: this.#deps.ttlMs }), lease }
    const said = await work.untilKnown(() => work.client.txn({ compare: [], writes: [life], reads: [] }))
    if (said.type === 'noLease') return keeper.gone(lease)
    await table.read()
    const names = [...this.#deps.hooks.running()]
    const decide = async (): Promise<void> => {
      for (let mine = names.pop(); mine !== undefined && keeper.lease === lease; mine = names.pop())
        await this.#decide(mine, lease)
    }
    await Promise.all(Array.from({ length: AT_ONCE }, decide))
    if (keeper.lease === lease) keeper.settled(lease)
  }

  #decide(mine: Mine, lease: string): Promise<void> {
    return this.#work.inTurn(mine.name, () => this.#regain(mine, lease))
  }

  async #regain({ name, kind, epoch }: Mine, lease: string): Promise<void> {
    const work = this.#work
    const { keeper } = work
    const { hooks } = this.#deps
    const [owner, end] = [work.key('n', name), work.key('e', name)]
    const token = work.token()
    const outcome = await work.untilKnown(async (): Promise<Entry | undefined> => {
      const known = work.mirror.row(name)
      // Somebody has had it since.
      if (known !== undefined && (known.entry.epoch > epoch || !work.isOwn(known.entry))) return known.entry
      const record: OwnerRecord = work.ownRecord(name, kind, { line: 0, above: epoch, token })
      const value = written(record)
      const answer = await work.client.txn({
        compare: [
          { key: owner, created: 0 },
          { key: end, created: 0 },
        ],
        writes: [{ put: owner, value, lease }],
        reads: [owner, end],
      })
      // Nothing is decided under it.
      if (answer.type === 'noLease') keeper.gone(lease)
      if (answer.type === 'noLease') return undefined
      const { revision } = answer
      const made = { key: owner, value, createRevision: revision, modRevision: revision, lease }
      const found = answer.type === 'done' ? [made] : answer.found
      const key = found.find((one) => one.key === owner)
      if (key !== undefined) return this.#took(name, key)
      const last = found.find((one) => one.key === end)
      const ended = last === undefined ? undefined : readEnd(last.value)
      // It was there, and is gone again: once more.
      if (ended === undefined) throw this.#unreadable(name)
      return endedOf(name, ended)
    })
    if (work.keeper.lease !== lease || outcome === undefined) return
    const back = outcome.status === 'live' && work.isOwn(outcome) && outcome.epoch > epoch
    if (back) hooks.regained(outcome)
    else hooks.superseded(outcome)
  }

  #unreadable(name: string): MobilityError {
    return fail('ERR_ENGINE', { where: this.#work.client.where, reason: `the record of ${name} cannot be read` })
  }

  #took(name: string, key: EngineKey): Entry {
    const found = readOwner(key.value)
    if (found === undefined) throw this.#unreadable(name)
    const { modRevision: revision, lease } = key
    return this.#work.took(entryOf(name, found, key), { revision, lease, attempt: found.attempt })
  }
}
