/**
 * Keeps the mirror of the engine's table: reads it whole, then watches, from revision to revision. Tells of changes.
 *
 *   reading --all pages, of one revision--> watching --broken--> watching, from the next revision
 *      ^                                       |
 *      '-------- forgotten there (compacted), or asked for ------'
 *
 * G11  Between two reads nothing is left out: a watch goes on behind the last revision that is known, or all is read
 *      anew and compared.
 */
import { reasonOf } from '../base/errors.js'
import type { Clock, Timer } from '../base/ports.js'
import type { Entry } from '../wire/messages.js'
import type { EngineClient, EngineKey } from './engine.js'
import type { Watcher } from './ledger.js'
import { type Change, Mirror } from './mirror.js'

interface TableDeps {
  readonly clock: Clock
  readonly client: EngineClient
  readonly root: string
  readonly ttlMs: number
  readonly endedMs: number
  /** After the watchers. */
  readonly changed: (change: Change) => void
  readonly failed: (reason: string) => void
  /** A node has got its lease, or lost it. */
  readonly leased: () => void
}

/** A page: 500 records of at most 2 KiB. */
const PAGE = 500
const AGAIN_MS = 50
const AGAIN_MS_MAX = 1_000
/** A hint that the engine does not confirm within this time was none. */
const HINT_MS = 10_000
const BEAT_MS = 250
const PURGE_MS = 10_000

export class EngineTable {
  readonly mirror: Mirror
  readonly #deps: TableDeps
  readonly #watchers = new Set<Watcher>()
  #watch: { close(): void } | undefined
  #beat: Timer | undefined
  #soon = false
  #again: Timer | undefined
  /** Which reading counts: an older one that is still under way does not. */
  #reading = 0
  #loaded: (() => void)[] = []
  #leaseChanges = 0
  #closed = false

  constructor(deps: TableDeps) {
    this.#deps = deps
    this.mirror = new Mirror(deps.root, deps.ttlMs)
  }

  get watcherCount(): number {
    return this.#watchers.size
  }

  watch(watcher: Watcher): () => void {
    this.#watchers.add(watcher)
    return () => this.#watchers.delete(watcher)
  }

  /** Reads all of it anew. Resolves when that is done; never, when it is closed before. */
  read(): Promise<void> {
    const done = new Promise<void>((resolve) => this.#loaded.push(resolve))
    this.#begin()
    return done
  }

  close(): void {
    this.#closed = true
    this.#reading += 1
    this.#watch?.close()
    this.#beat?.cancel()
    this.#again?.cancel()
    this.#watchers.clear()
  }

  #begin(): void {
    this.#watch?.close()
    this.#watch = undefined
    this.#again?.cancel()
    this.#reading += 1
    void this.#load(this.#reading)
  }

  async #load(reading: number): Promise<void> {
    const { client, root, clock, failed } = this.#deps
    const keys: EngineKey[] = []
    let revision = 0
    let from = root
    for (let waitMs = AGAIN_MS; ; ) {
      try {
        const page = await client.range(root, { from, limit: PAGE, revision })
        if (reading !== this.#reading) return
        if (revision === 0) revision = page.revision
        keys.push(...page.keys)
        const last = page.keys.at(-1)
        if (!page.more || last === undefined) break
        from = `${last.key}\0`
      } catch (error) {
        if (reading !== this.#reading) return
        failed(reasonOf(error))
        await new Promise<void>((resolve) => {
          this.#again = clock.after(waitMs, resolve)
        })
        if (reading !== this.#reading) return
        waitMs = Math.min(waitMs * 2, AGAIN_MS_MAX)
        // Its revision may be forgotten by now: from the first page on.
        keys.length = 0
        revision = 0
        from = root
      }
    }
    this.tell(this.mirror.load(revision, keys, clock.now()))
    for (const done of this.#loaded.splice(0)) done()
    this.#follow(reading, revision + 1, AGAIN_MS)
    this.#arm()
  }

  #follow(reading: number, from: number, waitMs: number): void {
    const { client, clock, root, failed } = this.#deps
    if (this.#closed || reading !== this.#reading) return
    const openedAt = clock.now()
    this.#watch = client.watch(root, from, {
      events: (revision, events) => {
        if (reading === this.#reading) this.tell(this.mirror.events(revision, events, clock.now()))
      },
      compacted: () => {
        if (reading === this.#reading) this.#begin()
      },
      broken: (reason) => {
        if (reading !== this.#reading) return
        failed(reason)
        const next = clock.now() - openedAt > AGAIN_MS_MAX ? AGAIN_MS : Math.min(waitMs * 2, AGAIN_MS_MAX)
        const again = (): void => this.#follow(reading, Math.max(from, this.mirror.revision + 1), next)
        this.#again = clock.after(next, again)
      },
    })
  }

  /** Of the mirror, in their order. */
  tell(changes: readonly Change[]): void {
    for (const change of changes) {
      const { entry, before } = change
      for (const watcher of [...this.#watchers]) watcher(entry, before, change.change)
      this.#deps.changed(change)
    }
    if (changes.length > 0) this.#arm()
    const { leaseChanges } = this.mirror
    if (leaseChanges === this.#leaseChanges) return
    this.#leaseChanges = leaseChanges
    this.#deps.leased()
  }

  hint(entry: Entry): void {
    this.tell(this.mirror.hint(entry, this.#deps.clock.now()))
  }

  /** Who nobody came back for, hints that were none, ends that are old. Only while there is something to look at. */
  #arm(): void {
    const { ended, recovering, hints } = this.mirror.sizes()
    if (this.#closed || ended + recovering + hints === 0) return
    const soon = recovering + hints > 0
    if (this.#beat !== undefined && (this.#soon || !soon)) return
    this.#beat?.cancel()
    this.#soon = soon
    this.#beat = this.#deps.clock.after(soon ? BEAT_MS : PURGE_MS, () => {
      this.#beat = undefined
      const now = this.#deps.clock.now()
      this.mirror.dropEnded(now - this.#deps.endedMs)
      this.tell([...this.mirror.due(now), ...this.mirror.dropHints(now - HINT_MS)])
      this.#arm()
    })
  }
}
