/**
 * The folder of one name in a file store, and what may be done to it. Nothing is ever changed in place: a state, and
 * the mark of what was forgotten, are files that come into being whole, and their names are all that is compared.
 *
 *   <stamp>        a state: written beside it, synced, renamed, and the folder synced
 *   <stamp>.gone   empty: everything up to here was forgotten
 *   name           an empty state with the stamp 0.0, for its head: whose folder this is
 *   .new-...       what is being written, or was when its program died
 *
 * So two programs that write at once need no lock: what both wrote is there, and the highest stamp is the newest one,
 * in whatever order the files came (G2).
 */
import { lstat, mkdir, open, readdir, rename, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { hexId } from '../base/ports.js'
import { realRandom } from '../base/random.js'
import { headOf, readEntry } from './file-entry.js'
import { emptyShelf, type Shelf } from './shelf.js'
import { compareStamps, type Stamp } from './store.js'

const DIGITS = 16
const ENTRY = /^(\d{16})-(\d{16})(\.gone)?$/
const NEW = '.new-'
/** Far above the time that a write may take, and its program may stand still. */
const LEFT_BEHIND_MS = 600_000

const random = realRandom()

const fileOf = ({ epoch, revision }: Stamp): string =>
  `${String(epoch).padStart(DIGITS, '0')}-${String(revision).padStart(DIGITS, '0')}`

const isCode = (error: unknown, ...codes: string[]): boolean =>
  codes.includes((error as NodeJS.ErrnoException)?.code ?? '')

/** What is listed in a folder is at rest after this. Windows cannot do it, and does not need it. */
const syncFolder = async (path: string): Promise<void> => {
  if (process.platform === 'win32') return
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

/** Makes it if it is not there; either way it is at rest in the folder above. */
export const makeFolder = async (path: string): Promise<void> => {
  try {
    await mkdir(path, { mode: 0o700 })
  } catch (error) {
    if (!isCode(error, 'EEXIST')) throw error
  }
  await syncFolder(dirname(path))
}

/** It may be gone already: another program tidies up too. */
const remove = async (path: string): Promise<void> => {
  try {
    await unlink(path)
  } catch (error) {
    if (!isCode(error, 'ENOENT')) throw error
  }
}

interface Listed {
  readonly shelf: Shelf
  /** Files that mean nothing any more, and those that may be left behind. */
  readonly useless: readonly string[]
  readonly unfinished: readonly string[]
}

const later = (a: Stamp, b: Stamp): number => compareStamps(b, a)

const sorted = (files: readonly string[]): Listed => {
  const found = files.flatMap((file) => {
    const [, epoch, revision, gone] = ENTRY.exec(file) ?? []
    if (epoch === undefined) return []
    return [{ file, stamp: { epoch: Number(epoch), revision: Number(revision) }, isGone: gone !== undefined }]
  })
  const marks = found.filter(({ isGone }) => isGone).map(({ stamp }) => stamp)
  const gone = marks.sort(later)[0] ?? emptyShelf.gone
  const isUseless = (stamp: Stamp, isGone: boolean): boolean => compareStamps(stamp, gone) < (isGone ? 0 : 1)
  const kept = found.filter(({ stamp, isGone }) => !isGone && !isUseless(stamp, isGone))
  return {
    shelf: { gone, stamps: kept.map(({ stamp }) => stamp).sort(later) },
    useless: found.filter(({ stamp, isGone }) => isUseless(stamp, isGone)).map(({ file }) => file),
    unfinished: files.filter((file) => file.startsWith(NEW)),
  }
}

export class Folder {
  readonly path: string

  constructor(path: string) {
    this.path = path
  }

  /** @returns undefined when there is no such folder */
  async look(): Promise<Listed | undefined> {
    try {
      // A link could lead into the folder of another name, or out of the store.
      if (!(await lstat(this.path)).isDirectory()) throw new Error(`${this.path} is no folder`)
      return sorted(await readdir(this.path))
    } catch (error) {
      if (isCode(error, 'ENOENT')) return undefined
      throw error
    }
  }

  read(name: string, stamp: Stamp): Promise<Buffer | undefined> {
    return readEntry(join(this.path, fileOf(stamp)), name, stamp)
  }

  /** For a folder without any state: makes it, and says whose it is. */
  async found(name: string): Promise<void> {
    await makeFolder(dirname(this.path))
    await makeFolder(this.path)
    await this.#place('name', headOf(name, emptyShelf.gone, 0), Buffer.alloc(0))
  }

  /** It is at rest when this resolves; when it throws, it is not there, or not for sure. */
  async write(name: string, stamp: Stamp, bytes: Buffer): Promise<void> {
    const file = fileOf(stamp)
    await this.#place(file, headOf(name, stamp, bytes.length), bytes)
    try {
      await syncFolder(this.path)
    } catch (error) {
      // After a sync that failed another one says nothing: it must not be found as if it had been saved.
      await remove(join(this.path, file))
      throw error
    }
  }

  async #place(file: string, head: Buffer, bytes: Buffer): Promise<void> {
    const path = join(this.path, `${NEW}${process.pid}-${hexId(random, 8)}`)
    try {
      const handle = await open(path, 'wx', 0o600)
      try {
        // Each writes all of it, or fails.
        await handle.writeFile(head)
        await handle.writeFile(bytes)
        await handle.sync()
      } finally {
        await handle.close()
      }
      await rename(path, join(this.path, file))
    } catch (error) {
      await remove(path)
      throw error
    }
  }

  /** From here on everything up to this stamp is forgotten. */
  async mark(upTo: Stamp): Promise<void> {
    const handle = await open(join(this.path, `${fileOf(upTo)}.gone`), 'a', 0o600)
    await handle.close()
    await this.sync()
  }

  sync(): Promise<void> {
    return syncFolder(this.path)
  }

  /** Throws away what means nothing any more, and all states but the newest `keep`. */
  async tidy(keep: number, now: number): Promise<void> {
    const listed = await this.look()
    if (listed === undefined) return
    const { shelf, useless, unfinished } = listed
    for (const file of [...useless, ...shelf.stamps.slice(keep).map(fileOf)]) await remove(join(this.path, file))
    for (const file of unfinished) {
      const path = join(this.path, file)
      if (await isOld(path, now)) await remove(path)
    }
  }
}

const isOld = async (path: string, now: number): Promise<boolean> => {
  try {
    return (await lstat(path)).mtimeMs < now - LEFT_BEHIND_MS
  } catch (error) {
    if (isCode(error, 'ENOENT')) return false
    throw error
  }
}

/** The files of a folder that may say whose it is, the surest first. */
export const witnesses = ({ shelf }: Listed): string[] => ['name', ...shelf.stamps.map(fileOf)]
