/**
 * A store of plain files, for where no native code can be loaded. Several programs of one machine may share its folder.
 *
 *   dir / first two digits of the hash / hash of the name / file-folder.ts says what is in there
 *
 * A name is never a part of a path: it may be '../x', or differ from another one in a way that a file system does not
 * see.
 */
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readdir, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { realClock } from '../base/clock.js'
import { fail } from '../base/errors.js'
import type { Clock } from '../base/ports.js'
import { readName } from './file-entry.js'
import { Folder, makeFolder, witnesses } from './file-folder.js'
import { compareNames, emptyShelf, judge } from './shelf.js'
import { compareStamps, type Saved, type Stamp, type Store } from './store.js'

export interface FileStoreOptions {
  /** Made when it is not there, for its owner only. On a disk of this machine, not on a network drive. */
  readonly dir: string
}

const SHARD_DIGITS = 2
export const isShard = (name: string): boolean => /^[0-9a-f]{2}$/.test(name)
const isHash = (name: string): boolean => /^[0-9a-f]{64}$/.test(name)

/** A state that is to be read may have been thrown away meanwhile, for two newer ones. */
const TRIES = 100

class FileStore implements Store {
  readonly where: string
  readonly #dir: string
  readonly #clock: Clock
  /** The names behind the hashes, which the list needs. */
  readonly #names = new Map<string, string>()
  #ready: Promise<void> | undefined

  constructor(dir: string, clock: Clock) {
    this.#dir = dir
    this.#clock = clock
    this.where = `file ${dir}`
  }

  async save(name: string, stamp: Stamp, bytes: Buffer, keep: number): Promise<'saved' | 'stale'> {
    const folder = await this.#folder(name)
    const shelf = (await folder.look())?.shelf ?? emptyShelf
    const verdict = judge(shelf, stamp)
    if (verdict === 'stale') return 'stale'
    if (verdict === 'again' && (await folder.read(name, stamp))?.equals(bytes) === true) {
      // Whoever wrote it may have died before this.
      await folder.sync()
      return 'saved'
    }
    if (shelf.stamps.length === 0) await folder.found(name)
    await folder.write(name, stamp, bytes)
    await folder.tidy(keep, this.#clock.wall())
    return 'saved'
  }

  async load(name: string, back: number): Promise<Saved | undefined> {
    const folder = await this.#folder(name)
    for (let tries = 0; tries < TRIES; tries += 1) {
      const stamp = (await folder.look())?.shelf.stamps[back]
      if (stamp === undefined) return undefined
      const bytes = await folder.read(name, stamp)
      if (bytes !== undefined) return { ...stamp, bytes }
    }
    throw new Error('what is to be read is replaced faster than it can be read')
  }

  async forget(name: string, upTo: Stamp): Promise<void> {
    const folder = await this.#folder(name)
    const shelf = (await folder.look())?.shelf ?? emptyShelf
    if (shelf.stamps.length === 0) await folder.found(name)
    if (compareStamps(upTo, shelf.gone) > 0) await folder.mark(upTo)
    else await folder.sync()
    await folder.tidy(Number.POSITIVE_INFINITY, this.#clock.wall())
  }

  async list(after: string, limit: number): Promise<string[]> {
    await this.#open()
    const names: string[] = []
    for (const [name, folder] of await this.#all(after)) {
      if (names.length >= limit) break
      if (((await folder.look())?.shelf.stamps.length ?? 0) > 0) names.push(name)
    }
    return names
  }

  async close(): Promise<void> {}

  async #folder(name: string): Promise<Folder> {
    await this.#open()
    return this.#folderAt(createHash('sha256').update(name).digest('hex'))
  }

  #folderAt(hash: string): Folder {
    return new Folder(join(this.#dir, hash.slice(0, SHARD_DIGITS), hash))
  }

  /** All folders whose names come after this one, in the order of the names. */
  async #all(after: string): Promise<[string, Folder][]> {
    const found: [string, Folder][] = []
    for (const shard of (await readdir(this.#dir)).filter(isShard)) {
      for (const hash of (await readdir(join(this.#dir, shard))).filter(isHash)) {
        const folder = this.#folderAt(hash)
        const name = this.#names.get(hash) ?? (await nameOf(folder, hash))
        if (name === undefined) continue
        this.#names.set(hash, name)
        if (compareNames(name, after) > 0) found.push([name, folder])
      }
    }
    return found.sort(([a], [b]) => compareNames(a, b))
  }

  async #open(): Promise<void> {
    this.#ready ??= this.#prepare()
    try {
      await this.#ready
    } catch (error) {
      this.#ready = undefined
      throw error
    }
  }

  async #prepare(): Promise<void> {
    await mkdir(dirname(this.#dir), { recursive: true })
    // The folder above one that is there need not be readable.
    if (!existsSync(this.#dir)) await makeFolder(this.#dir)
    const { mode } = await stat(this.#dir)
    if ((mode & 0o002) !== 0) throw new Error('everybody may write into the folder: chmod o-w')
  }
}

/** @returns undefined when none of its files says it: nothing was ever saved in it, or all of them are damaged */
const nameOf = async (folder: Folder, hash: string): Promise<string | undefined> => {
  const listed = await folder.look()
  if (listed === undefined) return undefined
  for (const file of witnesses(listed)) {
    const name = await readName(join(folder.path, file))
    if (name !== undefined && createHash('sha256').update(name).digest('hex') === hash) return name
  }
  return undefined
}

export const checkPath = (option: string, path: unknown): string => {
  if (typeof path === 'string' && path !== '' && !path.includes('\0')) return resolve(path)
  throw fail('ERR_OPTION', { option, why: 'must be a path' })
}

/**
 * A store of plain files. What is saved is on the disk; a crash at any moment leaves the old state or the new one.
 * @throws ERR_OPTION
 */
export const fileStore = (options: FileStoreOptions): Store =>
  new FileStore(checkPath('fileStore.dir', options?.dir), realClock())
