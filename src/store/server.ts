/** What the stores on a server have in common: their options, and a limit of time for a connection and its use. */
import { fail } from '../base/errors.js'
import type { Clock } from '../base/ports.js'
import { within } from '../base/within.js'

export interface ServerStoreOptions {
  /** Where the server is, with user, password and database, in the words of its client. */
  readonly url: string
  /** Clusters that share a server have one each: 1 to 64 visible ASCII characters. Default 'default' */
  readonly namespace?: string
  /**
   * After this a connection that does not answer is given up, and another one made, in ms. Default 5_000. How long a
   * caller waits is `limits.storeMs` of its node.
   */
  readonly timeoutMs?: number
  /** Operations that may wait for a connection; above it they fail at once. Default 1_000 */
  readonly waitingMax?: number
  /** More options for the client, as its documentation has them: TLS, for example. */
  readonly driver?: Readonly<Record<string, unknown>>
}

export interface SqlStoreOptions extends ServerStoreOptions {
  /** Connections at most, of one store. Default 4 */
  readonly connections?: number
  /** States are in the table of this name, stamps in the one with `_stamps` behind it. Default 'proc_mobility' */
  readonly table?: string
}

export interface ServerSettings {
  readonly url: string
  /** Host, port and path of the URL: no password. */
  readonly place: string
  readonly namespace: string
  readonly timeoutMs: number
  readonly waitingMax: number
  readonly driver: Readonly<Record<string, unknown>>
}

export interface SqlSettings extends ServerSettings {
  readonly connections: number
  readonly table: string
}

const wrong = (option: string, why: string) => fail('ERR_OPTION', { option, why })

const count = (option: string, value: unknown): number => {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 1) return value
  throw wrong(option, 'must be a whole number above 0')
}

/** @throws ERR_OPTION */
export const serverSettings = (maker: string, options: ServerStoreOptions, protocols: RegExp): ServerSettings => {
  const { url, namespace = 'default', timeoutMs = 5_000, waitingMax = 1_000, driver = {} } = options ?? {}
  const parsed = typeof url === 'string' && URL.canParse(url) ? new URL(url) : undefined
  if (parsed === undefined || !protocols.test(parsed.protocol))
    throw wrong(`${maker}.url`, `must be a URL that begins like ${protocols.source}`)
  if (typeof namespace !== 'string' || !/^[\x21-\x7e]{1,64}$/.test(namespace))
    throw wrong(`${maker}.namespace`, 'must be 1 to 64 visible ASCII characters')
  if (typeof driver !== 'object' || driver === null) throw wrong(`${maker}.driver`, 'must be an object')
  return {
    url,
    place: `${parsed.host}${parsed.pathname}`,
    namespace,
    timeoutMs: count(`${maker}.timeoutMs`, timeoutMs),
    waitingMax: count(`${maker}.waitingMax`, waitingMax),
    driver,
  }
}

/** @throws ERR_OPTION */
export const sqlSettings = (maker: string, options: SqlStoreOptions, protocols: RegExp): SqlSettings => {
  const settings = serverSettings(maker, options, protocols)
  const { connections = 4, table = 'proc_mobility' } = options
  if (typeof table !== 'string' || !/^[a-z_][a-z0-9_]{0,47}$/.test(table))
    throw wrong(`${maker}.table`, 'must be 1 to 48 of a-z, 0-9 and _, and not begin with a digit')
  return { ...settings, connections: count(`${maker}.connections`, connections), table }
}

const late = (ms: number) => () => new Error(`the server did not answer within ${ms} ms`)

/** @throws Error  after `ms` */
export const timely = async <T>(clock: Clock, ms: number, work: Promise<T>): Promise<T> =>
  await within(clock, ms, work, late(ms))

/** A connection of a pool, for one use. */
interface Lender<C> {
  readonly get: () => Promise<C>
  /** @param isGood  false: something has failed on it, it is not to be used again */
  readonly giveBack: (connection: C, isGood: boolean) => void
}

/**
 * Uses a connection of a pool. One that is late, or on which anything failed, is thrown away: what is still under way
 * on it must never be taken for the answer to something else.
 */
const borrow = async <C, T>(
  clock: Clock,
  ms: number,
  { get, giveBack }: Lender<C>,
  use: (connection: C) => Promise<T>,
): Promise<T> => {
  const getting = get()
  let connection: C
  try {
    connection = await timely(clock, ms, getting)
  } catch (error) {
    getting.then(
      (one) => giveBack(one, true),
      () => {},
    )
    throw error
  }
  let isGood = false
  try {
    const result = await timely(clock, ms, use(connection))
    isGood = true
    return result
  } finally {
    giveBack(connection, isGood)
  }
}

/** Something that is made when it is first needed; when that fails, anew the next time. */
export class Once<T> {
  readonly #make: () => Promise<T>
  #made: Promise<T> | undefined

  constructor(make: () => Promise<T>) {
    this.#make = make
  }

  get(): Promise<T> {
    if (this.#made === undefined) {
      const made = this.#make()
      this.#made = made
      made.catch(() => this.reset(made))
    }
    return this.#made
  }

  /** @param made  only if it is this one still */
  reset(made?: Promise<unknown>): void {
    if (made === undefined || this.#made === made) this.#made = undefined
  }

  /** What there is, and from now on nothing. */
  async take(): Promise<T | undefined> {
    const made = this.#made
    this.#made = undefined
    return await made?.catch(() => undefined)
  }
}

interface SqlServer<P, C> {
  readonly open: () => Promise<P>
  readonly lender: (pool: P) => Lender<C>
  /** Makes the tables, if they are not there. */
  readonly prepare: (connection: C) => Promise<void>
  /** A table is not there any more. */
  readonly isNoTable: (error: unknown) => boolean
}

/** The connections of a store in a database, and its tables. */
export class SqlAccess<P extends { end(): Promise<unknown> }, C> {
  readonly #clock: Clock
  readonly #timeoutMs: number
  readonly #server: SqlServer<P, C>
  readonly #pool: Once<P>
  readonly #schema: Once<void>

  constructor(clock: Clock, timeoutMs: number, server: SqlServer<P, C>) {
    this.#clock = clock
    this.#timeoutMs = timeoutMs
    this.#server = server
    this.#pool = new Once(server.open)
    this.#schema = new Once(() => this.#borrow(server.prepare))
  }

  async use<T>(use: (connection: C) => Promise<T>): Promise<T> {
    await this.#schema.get()
    try {
      return await this.#borrow(use)
    } catch (error) {
      // Somebody has dropped it.
      if (this.#server.isNoTable(error)) this.#schema.reset()
      throw error
    }
  }

  async #borrow<T>(use: (connection: C) => Promise<T>): Promise<T> {
    const lender = this.#server.lender(await this.#pool.get())
    return borrow(this.#clock, this.#timeoutMs, lender, use)
  }

  async close(): Promise<void> {
    this.#schema.reset()
    await (await this.#pool.take())?.end()
  }
}
