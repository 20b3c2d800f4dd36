/**
 * Names of an engine-backed directory: how one is taken, and how it is given back. Each step is one transaction; one
 * whose answer was lost is asked again in the same words, and its own token tells it that it had been done.
 *
 *   free --create, if nobody has it and no copy is left of a move--> owned --end, if still owned--> ended
 *                                                                     '--this node's lease ends--> anybody's
 */
import { fail, isMobilityError, type MobilityError } from '../base/errors.js'
import type { Limits } from '../base/limits.js'
import type { Entry } from '../wire/messages.js'
import type { EngineAnswer, EngineKey } from './engine.js'
import type { EngineWork } from './engine-work.js'
import type { Row } from './mirror.js'
import { endOf, entryOf, type OwnerRecord, readOwner, written } from './records.js'

/** While a name waits for its turn: the last owner's time, this node's own lease. */
const LOOK_MS = 25

type Outcome =
  | { readonly type: 'mine'; readonly entry: Entry }
  | { readonly type: 'taken'; readonly key: EngineKey }
  | { readonly type: 'wait' }

export class EngineNames {
  readonly #work: EngineWork
  readonly #limits: Limits
  /** On which the records of what has ended live, and when it was granted. */
  #ends: { readonly lease: string; readonly at: number } | undefined

  constructor(work: EngineWork, limits: Limits) {
    this.#work = work
    this.#limits = limits
  }

  /** @throws ERR_ALREADY_STARTED ERR_CLAIM_TIMEOUT ERR_NODE_STOPPED */
  claim(name: string, kind: string, line: number): Promise<Entry> {
    const until = this.#work.clock.now() + this.#limits.claimMs
    return this.#work.inTurn(name, () => this.#claim(name, kind, line, until))
  }

  async #claim(name: string, kind: string, line: number, until: number): Promise<Entry> {
    const work = this.#work
    const { mirror, keeper, clock } = work
    const token = work.token()
    let asked = false
    for (;;) {
      if (work.closed) throw fail('ERR_NODE_STOPPED', { node: work.self().node })
      const entry = mirror.get(name)
      const recovering = mirror.isVanished(name)
      if (!asked && entry?.status === 'live' && !recovering)
        throw fail('ERR_ALREADY_STARTED', { name, node: entry.node })
      const why = this.#notYet(name)
      if (clock.now() >= until) {
        if (asked) void work.inTurn(name, () => this.#release(name, token)).catch(() => undefined)
        throw fail('ERR_CLAIM_TIMEOUT', { name, ms: this.#limits.claimMs, reason: why ?? work.trouble })
      }
      if (why !== undefined) {
        await work.pause(LOOK_MS)
        continue
      }
      try {
        asked = true
        const outcome = await this.#create(name, work.ownRecord(name, kind, { line, above: line, token }))
        if (outcome.type === 'mine' && keeper.mayRun()) return outcome.entry
        if (outcome.type === 'mine') {
          // It came too late to be used: nothing may start here now.
          await this.#release(name, token)
          asked = false
        } else if (outcome.type === 'taken') throw this.#taken(name, outcome.key)
        else await work.pause(LOOK_MS)
      } catch (error) {
        if (isMobilityError(error) && error.code === 'ERR_ALREADY_STARTED') throw error
        work.trouble = (error as Error).message
        await work.pause(LOOK_MS)
      }
    }
  }

  /** Why it cannot be asked for yet. */
  #notYet(name: string): string | undefined {
    const { keeper, mirror, clock, trouble } = this.#work
    if (!keeper.mayRun()) return `this node has no lease at the engine${trouble === '' ? '' : ` (${trouble})`}`
    if (mirror.isVanished(name) && !mirror.isFree(name, clock.now())) return 'its last node may still run it'
    if (mirror.markers.has(name)) return 'a copy is left from a move, and its node has the first word'
    return undefined
  }

  #taken(name: string, key: EngineKey): MobilityError {
    const record = readOwner(key.value)
    const { modRevision: revision, lease } = key
    if (record !== undefined) this.#work.took(entryOf(name, record, key), { revision, lease, attempt: record.attempt })
    return fail('ERR_ALREADY_STARTED', { name, node: record?.node ?? '' })
  }

  /** Nobody has it: one transaction, which is safe to ask for twice. */
  async #create(name: string, record: OwnerRecord): Promise<Outcome> {
    const work = this.#work
    const { lease } = work.keeper
    const [owner, end, move] = [work.key('n', name), work.key('e', name), work.key('m', name)]
    const answer = await work.client.txn({
      compare: [
        { key: owner, created: 0 },
        { key: move, created: 0 },
      ],
      writes: [{ put: owner, value: written(record), lease }, { delete: end }],
      reads: [owner, move],
    })
    if (answer.type === 'noLease') work.keeper.gone(lease)
    const key = this.#writtenKey(owner, record, lease, answer)
    if (key === undefined) return { type: 'wait' }
    const found = readOwner(key.value)
    if (found?.token !== record.token) return found === undefined ? { type: 'wait' } : { type: 'taken', key }
    const entry = entryOf(name, found, key)
    work.took(entry, { revision: key.modRevision, lease: key.lease })
    return { type: 'mine', entry }
  }

  /** The owner's record after it, as far as it is known. */
  #writtenKey(owner: string, record: OwnerRecord, lease: string, answer: EngineAnswer): EngineKey | undefined {
    if (answer.type === 'differs') return answer.found.find(({ key }) => key === owner)
    if (answer.type === 'noLease') return undefined
    const { revision } = answer
    return { key: owner, value: written(record), createRevision: revision, modRevision: revision, lease }
  }

  /** A claim that was given up, and may have been done all the same. */
  async #release(name: string, token: string): Promise<void> {
    const work = this.#work
    const owner = work.key('n', name)
    await work.untilKnown(async () => {
      const [key] = await work.look([owner])
      if (key === undefined || readOwner(key.value)?.token !== token) return
      const compare = [{ key: owner, modified: key.modRevision }]
      await work.client.txn({ compare, writes: [{ delete: owner }], reads: [] })
      const row = work.mirror.row(name)
      if (row?.revision === key.modRevision)
        work.table.tell(work.mirror.say({ ...row.entry, status: 'ended', reason: 'given back' }, work.clock.now()))
    })
  }

  /** It has ended here; the table knows already. What cannot be said ends with the lease. */
  end(row: Row, entry: Entry): void {
    const work = this.#work
    void work.inTurn(entry.name, () => work.untilKnown(() => this.#end(row, entry))).catch(() => undefined)
  }

  async #end(row: Row, entry: Entry): Promise<void> {
    const work = this.#work
    const { name } = entry
    const [owner, end, move] = [work.key('n', name), work.key('e', name), work.key('m', name)]
    const lease = await this.#endLease()
    const answer = await work.client.txn({
      compare: [{ key: owner, modified: row.revision }],
      writes: [{ delete: owner }, { delete: move }, { put: end, value: written(endOf(entry)), lease }],
      reads: [],
    })
    if (answer.type !== 'noLease') return
    this.#ends = undefined
    throw fail('ERR_ENGINE', { where: work.client.where, reason: 'the lease of its ends is over' })
  }

  /** A record of an end lives between half of `endedMs` and the whole. */
  async #endLease(): Promise<string> {
    const { clock, client } = this.#work
    const { endedMs } = this.#limits
    if (this.#ends === undefined || clock.now() - this.#ends.at > endedMs / 2) {
      const at = clock.now()
      const { lease } = await client.grant(Math.max(2_000, endedMs))
      this.#ends = { lease, at }
    }
    return this.#ends.lease
  }
}
