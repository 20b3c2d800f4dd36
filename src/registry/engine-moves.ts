/**
 * Moves whose record stands at the engine. It is the holder of every move, and the commit itself: S writes the new
 * owner with a compare-and-set on its own record, on the lease of D. D runs what is recorded, whoever tells it so.
 *
 *   S  begin: m/ open, on D's lease ----> record: n/ of D, m/ kept, on S's lease ----> retire: m/ deleted
 *        |  abort: m/ closed               |  D burned it, or its lease is over: reclaim: n/ of S, m/ deleted
 *   D    '- S's lease is over: take: n/ of D, m/ deleted          drop: m/ deleted, there is no copy here
 *
 * G1  Each step is one transaction on what stands there: n/ and m/. Of record, abort, take and reclaim each makes the
 *     others fail. As long as m/ is there nobody else creates the name: who has a copy has the first word.
 * G10 What is not known is asked again until it is: a record may be written late, but not after the one that came next.
 */
import { fail } from '../base/errors.js'
import { type Attempt, sameAttempt } from '../base/ids.js'
import type { Entry } from '../wire/messages.js'
import type { MoveLedger } from './directory.js'
import type { EngineAnswer, EngineKey, EngineTxn } from './engine.js'
import type { EngineWork } from './engine-work.js'
import { LOST } from './reasons.js'
import {
  entryOf,
  type MoveRecord,
  type OwnerRecord,
  readEnd,
  readLife,
  readMove,
  readOwner,
  written,
} from './records.js'
import type { Life } from './views.js'

/** What S knows of a move of its own. */
interface Move {
  readonly attempt: Attempt
  readonly to: Life
  /** Of its own record, when the move began: with any other one nothing of it holds. */
  readonly owned: number
  /** Of m/, as it has written it last. */
  marked: number
  readonly record: OwnerRecord
}

interface Found {
  readonly owner: { readonly key: EngineKey; readonly record: OwnerRecord } | undefined
  readonly move: { readonly revision: number; readonly record: MoveRecord } | undefined
  /** By whom its last life was ended. */
  readonly ended: Life | undefined
}

const isFor = (life: Life, { node, incarnation }: Life): boolean =>
  life.node === node && life.incarnation === incarnation

export class EngineMoves implements MoveLedger {
  readonly #work: EngineWork
  readonly #moves = new Map<string, Move>()
  /** Records without a process, as of the last sweep. */
  #orphans = new Set<string>()

  constructor(work: EngineWork) {
    this.#work = work
  }

  get size(): number {
    return this.#moves.size
  }

  async opened(): Promise<void> {
    const { keeper } = this.#work
    while (!keeper.mayRun() && !this.#work.closed) await this.#work.pause(20)
  }

  // ---- S

  begin(
    name: string,
    attempt: Attempt,
    { node, incarnation }: Life,
    still: () => boolean,
  ): Promise<'begun' | 'refused'> {
    const to = { node, incarnation }
    /** Of m/, as it is known: of an earlier move that was given up, or of this one. */
    let marked = this.#work.mirror.markers.get(name)?.revision ?? 0
    return this.#asked(name, async () => {
      const row = this.#work.mirror.row(name)
      const lease = await this.#leaseOf(to)
      if (!still() || lease === undefined || row === undefined || !this.#work.isOwn(row.entry)) return 'refused'
      if (row.vanished !== undefined || row.entry.status !== 'live') return 'refused'
      const { kind, epoch, line } = row.entry
      // The offset that its own record had: D's epoch is above its own, since its revision is.
      const offset = epoch - row.revision
      const record: OwnerRecord = { kind, node, incarnation, offset, line, attempt, token: '' }
      const [owner, mark] = [this.#work.key('n', name), this.#work.key('m', name)]
      const compare = [
        { key: owner, modified: row.revision },
        { key: mark, modified: marked },
      ]
      const open = { put: mark, value: written({ attempt, to, state: 'open' }), lease }
      const answer = await this.#work.client.txn({ compare, writes: [open], reads: [owner, mark] })
      if (answer.type === 'noLease') return 'refused'
      let begun = answer.type === 'done' ? answer.revision : 0
      if (answer.type === 'differs') {
        const found = answer.found.find(({ key }) => key === mark)
        const move = found === undefined ? undefined : readMove(found.value)
        if (answer.found.find(({ key }) => key === owner)?.modRevision !== row.revision) return 'refused'
        marked = found?.modRevision ?? 0
        // An earlier try was done, and its answer lost.
        if (move !== undefined && sameAttempt(move.attempt, attempt)) begun = marked
      }
      if (begun === 0) throw this.#again('it has changed meanwhile')
      this.#moves.set(name, { attempt, to, owned: row.revision, marked: begun, record })
      return 'begun'
    })
  }

  abort(name: string, attempt: Attempt): Promise<'aborted' | 'taken'> {
    return this.#asked(name, async () => {
      const { owner, move, ended } = await this.#look(name)
      const isOurs = move !== undefined && sameAttempt(move.record.attempt, attempt)
      // D may have taken it, and it has ended there since.
      const isEnded = ended !== undefined && !this.#work.isOwn(ended)
      if (owner === undefined ? isEnded : !this.#work.isOwn(owner.record)) return 'taken'
      if (owner === undefined && !isOurs) return 'aborted'
      if (isOurs && move.record.state === 'closed') return 'aborted'
      const { lease } = this.#work.keeper
      if (lease === '') throw this.#again('this node has no lease')
      const [name_, mark] = [this.#work.key('n', name), this.#work.key('m', name)]
      const compare = [
        { key: name_, modified: owner?.key.modRevision ?? 0 },
        { key: mark, modified: move?.revision ?? 0 },
      ]
      // Closed, not deleted: a `begin` that is still under way finds another revision than it wants.
      const closed: MoveRecord = { attempt, to: this.#own(), state: 'closed' }
      const put = { put: mark, value: written(closed), lease }
      const writes: EngineTxn['writes'] = owner === undefined ? [{ delete: mark }] : [put]
      const answer = await this.#work.client.txn({ compare, writes, reads: [] })
      if (answer.type !== 'done') throw this.#again('it has changed meanwhile')
      return 'aborted'
    })
  }

  record(name: string, attempt: Attempt): Promise<'recorded' | 'refused' | 'gone' | 'taken'> {
    return this.#asked(name, async () => {
      const move = this.#moves.get(name)
      if (move === undefined || !sameAttempt(move.attempt, attempt)) return 'refused'
      const lease = await this.#leaseOf(move.to)
      const kept: MoveRecord = { attempt, to: move.to, state: 'kept' }
      if (lease !== undefined) {
        const put = { put: this.#work.key('n', name), value: written(move.record), lease }
        const answer = await this.#write(name, move, kept, [put])
        if (answer.type === 'done') {
          const { revision } = answer
          const key = { key: put.put, value: put.value, createRevision: 0, modRevision: revision, lease }
          this.#took(name, { key, record: move.record })
          return 'recorded'
        }
        if (answer.type === 'differs') return this.#recorded(name, move)
      }
      // D has no lease any more. An earlier try may be under way still: from now on none can succeed.
      const answer = await this.#write(name, move, { ...kept, state: 'closed' }, [])
      if (answer.type === 'done') return 'refused'
      if (answer.type === 'differs') return this.#recorded(name, move)
      this.#work.keeper.gone(this.#work.keeper.lease)
      throw this.#again('its own lease is over')
    })
  }

  /** If this node still has the name, and nothing has come between. */
  #write(name: string, { owned, marked }: Move, mark: MoveRecord, also: EngineTxn['writes']): Promise<EngineAnswer> {
    const { lease } = this.#work.keeper
    if (lease === '') throw this.#again('this node has no lease')
    const [owner, marker] = [this.#work.key('n', name), this.#work.key('m', name)]
    const compare = [
      { key: owner, modified: owned },
      { key: marker, modified: marked },
    ]
    return this.#work.client.txn({
      compare,
      writes: [...also, { put: marker, value: written(mark), lease }],
      reads: [],
    })
  }

  /** What stands there now, whichever of the tries wrote it. Where a revision has changed no other try can succeed. */
  async #recorded(name: string, move: Move): Promise<'recorded' | 'refused' | 'gone' | 'taken'> {
    const { owner, move: marker } = await this.#look(name)
    if (owner === undefined) return 'gone'
    const { record, key } = owner
    if (record.attempt !== undefined && sameAttempt(record.attempt, move.attempt) && isFor(record, move.to)) {
      this.#took(name, owner)
      return 'recorded'
    }
    if (!this.#work.isOwn(record)) return 'taken'
    if (key.modRevision === move.owned && marker?.revision === move.marked) throw this.#again('it is not written yet')
    return 'refused'
  }

  reclaim(name: string, attempt: Attempt, to: Life, burned: boolean): Promise<'same' | 'fresh' | 'held' | 'taken'> {
    const token = this.#work.token()
    /** What was written may be done late: whether it was is known only to this question. */
    let sent = false
    const held = (): 'held' => {
      if (sent) throw this.#again('it is not known whether it is written')
      return 'held'
    }
    return this.#asked(name, async () => {
      const work = this.#work
      if (!work.keeper.safe) return held()
      const { owner, move, ended } = await this.#look(name)
      if (owner !== undefined) {
        const { record, key } = owner
        if (record.token === token) {
          this.#took(name, owner)
          return record.line === 0 ? 'fresh' : 'same'
        }
        // It is this node's all the same.
        if (work.isOwn(record)) return 'same'
        const isOurs = record.attempt !== undefined && sameAttempt(record.attempt, attempt) && isFor(record, to)
        if (!isOurs) return 'taken'
        if (!burned) return 'held'
        const { kind, offset, line } = record
        const back: OwnerRecord = { kind, ...this.#own(), offset, line, token }
        sent = true
        await this.#take(name, back, key.modRevision, move?.revision ?? 0)
        throw this.#again('look whether it is written')
      }
      if (ended !== undefined) return 'taken'
      const another = move !== undefined && !sameAttempt(move.record.attempt, attempt)
      if (another || (!burned && !work.mirror.isFree(name, work.clock.now()))) return held()
      const kind = work.mirror.row(name)?.entry.kind ?? this.#moves.get(name)?.record.kind ?? ''
      const fresh = work.ownRecord(name, kind, { line: 0, above: attempt.epoch, token })
      sent = true
      await this.#take(name, fresh, 0, move?.revision ?? 0)
      throw this.#again('look whether it is written')
    })
  }

  retire(name: string, attempt: Attempt): void {
    void this.#asked(name, async () => {
      this.#moves.delete(name)
      return this.#unmark(name, ({ attempt: marked }) => sameAttempt(marked, attempt))
    }).catch(() => undefined)
  }

  // ---- D

  take(
    name: string,
    attempt: Attempt,
    { kind, line }: { readonly kind: string; readonly line: number },
  ): Promise<'taken' | 'recorded' | 'wait' | 'aborted'> {
    const token = this.#work.token()
    return this.#asked(name, async () => {
      const work = this.#work
      const { owner, move } = await this.#look(name)
      const isOpen = move?.record.state === 'open' && sameAttempt(move.record.attempt, attempt)
      if (owner !== undefined) {
        const { record } = owner
        const isOurs = record.attempt !== undefined && sameAttempt(record.attempt, attempt) && work.isOwn(record)
        if (isOurs) this.#took(name, owner)
        if (isOurs) return record.token === token ? 'taken' : 'recorded'
        // In a higher epoch than that of the attempt: whoever has it now, the attempt is over.
        const over = (move !== undefined && !isOpen) || entryOf(name, record, owner.key).epoch > attempt.epoch
        return over ? 'aborted' : 'wait'
      }
      if (!isOpen) return 'aborted'
      if (!work.keeper.safe) return 'wait'
      const record = { ...work.ownRecord(name, kind, { line, above: attempt.epoch, token }), attempt }
      await this.#take(name, record, 0, move.revision)
      throw this.#again('look whether it is written')
    })
  }

  /** On the lease that this node has now: with any other one it may be another's by now. */
  async recorded(name: string, attempt: Attempt): Promise<boolean> {
    const isHere = (): boolean => {
      const row = this.#work.mirror.row(name)
      const { keeper } = this.#work
      if (row?.attempt === undefined || !sameAttempt(row.attempt, attempt) || row.vanished !== undefined) return false
      return this.#work.isOwn(row.entry) && row.lease === keeper.lease && keeper.safe
    }
    if (isHere()) return true
    await this.#asked(name, async () => {
      const { owner } = await this.#look(name)
      if (owner !== undefined) this.#took(name, owner)
    })
    return isHere()
  }

  drop(name: string, attempt: Attempt): void {
    void this.#asked(name, () =>
      this.#unmark(name, (record) => record.state === 'open' && sameAttempt(record.attempt, attempt)),
    ).catch(() => undefined)
  }

  sweep(isHere: (name: string) => boolean): void {
    const { mirror } = this.#work
    const orphans = new Set<string>()
    for (const [name, { record }] of mirror.markers) {
      // Its source is dead, and there is no copy here: nobody else can say that nobody need wait for it.
      if (record.state === 'open' && this.#work.isOwn(record.to) && mirror.isVanished(name) && !isHere(name))
        this.drop(name, record.attempt)
    }
    for (const name of mirror.names()) {
      const row = mirror.row(name)
      if (row === undefined || row.entry.status !== 'live' || !this.#work.isOwn(row.entry) || isHere(name)) continue
      // It was recorded to be here, was given up here, and its source is dead: nobody has it any more.
      if (row.attempt === undefined || mirror.markers.has(name) || row.vanished !== undefined) continue
      orphans.add(name)
      if (this.#orphans.has(name)) this.#lose(name, row.entry, row.revision)
    }
    this.#orphans = orphans
  }

  #lose(name: string, entry: Entry, revision: number): void {
    this.#work.log.error({ name, epoch: entry.epoch }, `${name} is lost: its move was recorded, and no copy is left`)
    void this.#asked(name, async () => {
      const owner = this.#work.key('n', name)
      await this.#work.client.txn({
        compare: [{ key: owner, modified: revision }],
        writes: [{ delete: owner }],
        reads: [],
      })
      this.#work.table.tell(this.#work.mirror.say({ ...entry, status: 'ended', reason: LOST }, this.#work.clock.now()))
    }).catch(() => undefined)
  }

  // ---- what both do

  #asked<T>(name: string, ask: () => Promise<T>): Promise<T> {
    return this.#work.inTurn(name, () => this.#work.untilKnown(ask))
  }

  #again(reason: string): Error {
    return fail('ERR_ENGINE', { where: this.#work.client.where, reason })
  }

  #own(): Life {
    const { node, incarnation } = this.#work.self()
    return { node, incarnation }
  }

  /** The owner becomes this node, and the move is over. What came of it the next look says. */
  async #take(name: string, record: OwnerRecord, owned: number, marked: number): Promise<void> {
    const [owner, mark, end] = [this.#work.key('n', name), this.#work.key('m', name), this.#work.key('e', name)]
    await this.#work.client.txn({
      compare: [
        { key: owner, modified: owned },
        { key: mark, modified: marked },
        { key: end, created: 0 },
      ],
      writes: [{ put: owner, value: written(record), lease: this.#work.keeper.lease }, { delete: mark }],
      reads: [],
    })
  }

  async #unmark(name: string, mine: (record: MoveRecord) => boolean): Promise<void> {
    const { move } = await this.#look(name)
    if (move === undefined || !mine(move.record)) return
    const mark = this.#work.key('m', name)
    const compare = [{ key: mark, modified: move.revision }]
    await this.#work.client.txn({ compare, writes: [{ delete: mark }], reads: [] })
  }

  #took(name: string, { key, record }: { readonly key: EngineKey; readonly record: OwnerRecord }): void {
    const { modRevision: revision, lease } = key
    this.#work.took(entryOf(name, record, key), { revision, lease, attempt: record.attempt })
  }

  async #look(name: string): Promise<Found> {
    const [owner, mark, end] = [this.#work.key('n', name), this.#work.key('m', name), this.#work.key('e', name)]
    const keys = await this.#work.look([owner, mark, end])
    const of = (wanted: string): EngineKey | undefined => keys.find(({ key }) => key === wanted)
    const [ownerKey, moveKey, endKey] = [of(owner), of(mark), of(end)]
    const record = ownerKey === undefined ? undefined : readOwner(ownerKey.value)
    const move = moveKey === undefined ? undefined : readMove(moveKey.value)
    if (ownerKey !== undefined && record === undefined) throw this.#again(`the record of ${name} cannot be read`)
    return {
      owner: ownerKey === undefined || record === undefined ? undefined : { key: ownerKey, record },
      move: moveKey === undefined || move === undefined ? undefined : { revision: moveKey.modRevision, record: move },
      // A new life takes the end of the one before away.
      ended: endKey === undefined ? undefined : (readEnd(endKey.value) ?? { node: '', incarnation: 0 }),
    }
  }

  /** Of exactly this life of a node; undefined when it has none. */
  async #leaseOf(to: Life): Promise<string | undefined> {
    const { mirror } = this.#work
    const known = mirror.lives.get(to.node)
    if (known !== undefined && known.gone === undefined && known.incarnation === to.incarnation) return known.lease
    const [key] = await this.#work.look([this.#work.key('l', to.node)])
    const life = key === undefined ? undefined : readLife(key.value)
    return life?.incarnation === to.incarnation ? key?.lease : undefined
  }
}
