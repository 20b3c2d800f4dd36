/**
 * A store in LMDB: one memory-mapped file, a commit is on the disk when it is answered. Several programs of one machine
 * may share it.
 *
 *   'n' name          the shelf: what was forgotten, then the stamps that are kept, newest first, 16 bytes each
 *   's' name stamp    a state
 *
 * A change is written together with the new shelf, on condition that the shelf still has the version that the decision
 * was made on: LMDB checks that in its write transaction. Else it is decided anew (G2). Each round has one winner.
 */
import { mkdirSync } from 'node:fs'
import type { RootDatabase } from 'lmdb'
import { checkPath } from './file-store.js'
import { loadPeer } from './peer.js'
import { added, emptyShelf, forgotten, judge, type Shelf } from './shelf.js'
import type { Saved, Stamp, Store } from './store.js'

export interface LmdbStoreOptions {
  /** A folder on a disk of this machine. Made when it is not there, for its owner only. */
  readonly path: string
}

type Database = RootDatabase<Buffer, Buffer>

const STAMP_BYTES = 16
const SHELF = 'n'.charCodeAt(0)
const STATE = 's'.charCodeAt(0)

const bytesOf = (stamps: readonly Stamp[]): Buffer => {
  const bytes = Buffer.alloc(stamps.length * STAMP_BYTES)
  let at = 0
  for (const { epoch, revision } of stamps) {
    at = bytes.writeBigUInt64BE(BigInt(epoch), at)
    at = bytes.writeBigUInt64BE(BigInt(revision), at)
  }
  return bytes
}

const encodeShelf = ({ gone, stamps }: Shelf): Buffer => bytesOf([gone, ...stamps])

const decodeShelf = (bytes: Buffer): Shelf => {
  const number = (at: number): number => Number(bytes.readBigUInt64BE(at))
  const all: Stamp[] = []
  for (let at = 0; at < bytes.length; at += STAMP_BYTES) all.push({ epoch: number(at), revision: number(at + 8) })
  const [gone = emptyShelf.gone, ...stamps] = all
  return { gone, stamps }
}

const shelfKey = (name: string): Buffer => Buffer.concat([Buffer.of(SHELF), Buffer.from(name)])
const stateKey = (name: string, stamp: Stamp): Buffer =>
  Buffer.concat([Buffer.of(STATE), Buffer.from(name), bytesOf([stamp])])

interface Change {
  readonly shelf: Shelf
  readonly dropped: readonly Stamp[]
  readonly state?: { readonly stamp: Stamp; readonly bytes: Buffer }
}

class LmdbStore implements Store {
  readonly where: string
  readonly #path: string
  #opened: Promise<Database> | undefined

  constructor(path: string) {
    this.#path = path
    this.where = `lmdb ${path}`
  }

  async save(name: string, stamp: Stamp, bytes: Buffer, keep: number): Promise<'saved' | 'stale'> {
    let answer: 'saved' | 'stale' = 'saved'
    await this.#change(name, (shelf) => {
      const verdict = judge(shelf, stamp)
      answer = verdict === 'stale' ? 'stale' : 'saved'
      return verdict === 'new' ? { ...added(shelf, stamp, keep), state: { stamp, bytes } } : undefined
    })
    return answer
  }

  async load(name: string, back: number): Promise<Saved | undefined> {
    const db = await this.#open()
    db.resetReadTxn()
    const shelf = db.get(shelfKey(name))
    const stamp = shelf === undefined ? undefined : decodeShelf(shelf).stamps[back]
    if (stamp === undefined) return undefined
    const bytes = db.get(stateKey(name, stamp))
    if (bytes === undefined) throw new Error(`the state ${stamp.epoch}.${stamp.revision} is not where it should be`)
    return { ...stamp, bytes: Buffer.from(bytes) }
  }

  async forget(name: string, upTo: Stamp): Promise<void> {
    await this.#change(name, (shelf) => forgotten(shelf, upTo))
  }

  async list(after: string, limit: number): Promise<string[]> {
    const db = await this.#open()
    db.resetReadTxn()
    const names: string[] = []
    const start = shelfKey(after)
    for (const { key, value } of db.getRange({ start, end: Buffer.of(SHELF + 1) })) {
      if (names.length >= limit) break
      if (value.length <= STAMP_BYTES || start.equals(key)) continue
      names.push(key.toString('utf8', 1))
    }
    return names
  }

  async close(): Promise<void> {
    const opened = this.#opened
    this.#opened = undefined
    await (await opened)?.close()
  }

  async #open(): Promise<Database> {
    this.#opened ??= openAt(this.where, this.#path)
    try {
      return await this.#opened
    } catch (error) {
      this.#opened = undefined
      throw error
    }
  }

  async #change(name: string, decide: (shelf: Shelf) => Change | undefined): Promise<void> {
    const db = await this.#open()
    const key = shelfKey(name)
    for (;;) {
      db.resetReadTxn()
      const found = db.getEntry(key)
      const change = decide(found === undefined ? emptyShelf : decodeShelf(found.value))
      if (change === undefined) return
      const version = found?.version
      const write = (): void => {
        const { shelf, dropped, state } = change
        const writes = [db.put(key, encodeShelf(shelf), (version ?? 0) + 1)]
        if (state !== undefined) writes.push(db.put(stateKey(name, state.stamp), state.bytes, 1))
        for (const stamp of dropped) writes.push(db.remove(stateKey(name, stamp)))
        // They fail with the commit, which is waited for below.
        for (const one of writes) one.catch(() => {})
      }
      const isDone = version === undefined ? db.ifNoExists(key, write) : db.ifVersion(key, version, write)
      if (await committed(isDone)) return
    }
  }
}

const committed = async (work: Promise<boolean>): Promise<boolean> => {
  try {
    return await work
  } catch (error) {
    const { commitError } = error as { commitError?: unknown }
    if (!(commitError instanceof Promise)) throw error
    // It comes as a promise of its own, which nobody else waits for.
    commitError.catch(() => {})
    throw new Error('the commit failed: the disk is full, or damaged', { cause: error })
  }
}

const openAt = async (where: string, path: string): Promise<Database> => {
  const { open } = await loadPeer(where, 'lmdb', () => import('lmdb'))
  mkdirSync(path, { recursive: true, mode: 0o700 })
  return open<Buffer, Buffer>({
    path,
    noSubdir: false,
    encoding: 'binary',
    keyEncoding: 'binary',
    useVersions: true,
    // A promise resolves when its commit is on the disk, not when it can be read.
    overlappingSync: false,
    // A batch of all that is written in a turn has a promise that nobody gets, and that fails with its commit.
    eventTurnBatching: false,
  })
}

/**
 * A store in one file of LMDB. What is saved is on the disk. Needs the package `lmdb`.
 * @throws ERR_OPTION
 */
export const lmdbStore = (options: LmdbStoreOptions): Store => new LmdbStore(checkPath('lmdbStore.path', options?.path))
