/** The store that needs no server: LMDB where it loads, plain files where it does not. */
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { isMobilityError, reasonOf } from '../base/errors.js'
import { checkLogger, defaultLogger } from '../base/logger.js'
import type { Logger } from '../base/ports.js'
import { checkPath, fileStore, isShard } from './file-store.js'
import { lmdbStore } from './lmdb-store.js'
import type { Stamp, Store } from './store.js'

export interface EmbeddedStoreOptions {
  /** A folder on a disk of this machine. Made when it is not there, for its owner only. */
  readonly path: string
  /** Is told when plain files are used. Default: as that of a node */
  readonly logger?: Logger
}

interface Makers {
  readonly lmdb: (path: string) => Store
  readonly files: (path: string) => Store
}

const real: Makers = { lmdb: (path) => lmdbStore({ path }), files: (dir) => fileStore({ dir }) }

class EmbeddedStore implements Store {
  readonly #path: string
  readonly #log: () => Logger
  readonly #makers: Makers
  #chosen: Store | undefined
  #choosing: Promise<Store> | undefined

  constructor(path: string, log: () => Logger, makers: Makers) {
    this.#path = path
    this.#log = log
    this.#makers = makers
  }

  get where(): string {
    return this.#chosen?.where ?? `embedded ${this.#path}`
  }

  async save(name: string, stamp: Stamp, bytes: Buffer, keep: number): Promise<'saved' | 'stale'> {
    return (await this.#choose()).save(name, stamp, bytes, keep)
  }

  async load(name: string, back: number) {
    return (await this.#choose()).load(name, back)
  }

  async forget(name: string, upTo: Stamp): Promise<void> {
    await (await this.#choose()).forget(name, upTo)
  }

  async list(after: string, limit: number): Promise<string[]> {
    return (await this.#choose()).list(after, limit)
  }

  async close(): Promise<void> {
    await this.#chosen?.close()
  }

  async #choose(): Promise<Store> {
    if (this.#chosen !== undefined) return this.#chosen
    this.#choosing ??= this.#choice()
    try {
      this.#chosen = await this.#choosing
    } finally {
      this.#choosing = undefined
    }
    return this.#chosen
  }

  /** What is in the folder already decides: to look into an empty store of the other sort would lose it silently. */
  async #choice(): Promise<Store> {
    const path = this.#path
    if (existsSync(path) && readdirSync(path).some(isShard)) return this.#makers.files(path)
    const store = this.#makers.lmdb(path)
    try {
      await store.list('', 1)
      return store
    } catch (error) {
      const isMissing = isMobilityError(error) && error.code === 'ERR_STORE_MISSING'
      if (!isMissing || existsSync(join(path, 'data.mdb'))) throw error
      this.#log().warn({ path, reason: reasonOf(error) }, 'lmdb cannot be loaded: states are kept in plain files')
      return this.#makers.files(path)
    }
  }
}

/** With other makers than the real ones, for tests. */
export const embeddedOf = (options: EmbeddedStoreOptions, makers: Makers): Store => {
  const path = checkPath('embeddedStore.path', options?.path)
  const logger = options.logger === undefined ? undefined : checkLogger(options.logger)
  return new EmbeddedStore(path, () => logger ?? defaultLogger('store'), makers)
}

/**
 * A store in a folder of this machine: in LMDB, or in plain files where the package `lmdb` is not installed or does not
 * load. Which of them it was at first it stays.
 * @throws ERR_OPTION
 */
export const embeddedStore = (options: EmbeddedStoreOptions): Store => embeddedOf(options, real)
