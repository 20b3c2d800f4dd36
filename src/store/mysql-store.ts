/**
 * A store in MySQL or MariaDB (InnoDB). Every change is a transaction that begins with the row of the name's stamp:
 * whoever comes at the same time waits there, and compares with what it became (G2).
 */
import type { Pool, PoolConnection, ResultSetHeader, RowDataPacket } from 'mysql2/promise'
import { realClock } from '../base/clock.js'
import type { Clock } from '../base/ports.js'
import { loadPeer } from './peer.js'
import { SqlAccess, type SqlSettings, type SqlStoreOptions, sqlSettings } from './server.js'
import { compareStamps, type Saved, type Stamp, type Store } from './store.js'

const COLUMNS = `space VARBINARY(64) NOT NULL, name VARBINARY(255) NOT NULL,
  epoch BIGINT UNSIGNED NOT NULL, revision BIGINT UNSIGNED NOT NULL`

const words = (table: string) => {
  const stamps = `${table}_stamps`
  const ofName = 'space = ? AND name = ?'
  return {
    exist: `SELECT table_name FROM information_schema.tables
      WHERE table_schema = DATABASE() AND table_name IN ('${table}', '${stamps}')`,
    create: [
      `CREATE TABLE IF NOT EXISTS ${stamps} (${COLUMNS}, PRIMARY KEY (space, name)) ENGINE = InnoDB`,
      `CREATE TABLE IF NOT EXISTS ${table} (${COLUMNS}, bytes LONGBLOB NOT NULL,
        PRIMARY KEY (space, name, epoch, revision)) ENGINE = InnoDB`,
    ],
    // From left to right: the revision is decided while the epoch is still the old one.
    raise: `INSERT INTO ${stamps} (space, name, epoch, revision) VALUES (?, ?, ?, ?) ON DUPLICATE KEY UPDATE
      revision = IF(? > epoch OR (? = epoch AND ? > revision), ?, revision), epoch = GREATEST(epoch, ?)`,
    write: `INSERT INTO ${table} (space, name, epoch, revision, bytes) VALUES (?, ?, ?, ?, ?)`,
    isNewest: `SELECT 1 FROM ${stamps} JOIN ${table} USING (space, name, epoch, revision)
      WHERE ${ofName} AND epoch = ? AND revision = ?`,
    stamps: `SELECT epoch, revision FROM ${table} WHERE ${ofName} ORDER BY epoch DESC, revision DESC`,
    drop: `DELETE FROM ${table} WHERE ${ofName} AND epoch = ? AND revision = ?`,
    load: (back: number) => `SELECT epoch, revision, bytes FROM ${table} WHERE ${ofName}
      ORDER BY epoch DESC, revision DESC LIMIT ${Math.trunc(back)}, 1`,
    list: (limit: number) => `SELECT DISTINCT name FROM ${table} WHERE space = ? AND name > ?
      ORDER BY name LIMIT ${Math.trunc(limit)}`,
  }
}

/** It was rolled back as a whole, for somebody else to go on; the server says to try again. */
const DEADLOCK = 1_213
const DEADLOCK_TRIES = 10
const NO_TABLE = 1_146

const numberOf = (error: unknown): unknown => (error as { errno?: unknown }).errno

interface Row extends RowDataPacket {
  readonly epoch: number
  readonly revision: number
  readonly bytes: Buffer
}

class MysqlStore implements Store {
  readonly where: string
  readonly #settings: SqlSettings
  readonly #words: ReturnType<typeof words>
  readonly #access: SqlAccess<Pool, PoolConnection>

  constructor(settings: SqlSettings, clock: Clock) {
    const { place, table, namespace, timeoutMs } = settings
    this.where = `mysql ${place} ${table} ${namespace}`
    this.#settings = settings
    this.#words = words(table)
    this.#access = new SqlAccess(clock, timeoutMs, {
      open: () => this.#open(),
      lender: (pool: Pool) => ({
        get: () => pool.getConnection(),
        giveBack: (connection: PoolConnection, isGood: boolean) =>
          isGood ? connection.release() : connection.destroy(),
      }),
      prepare: (connection) => this.#prepare(connection),
      isNoTable: (error) => numberOf(error) === NO_TABLE,
    })
  }

  async save(name: string, stamp: Stamp, bytes: Buffer, keep: number): Promise<'saved' | 'stale'> {
    const key = [...this.#key(name), stamp.epoch, stamp.revision]
    return this.#change(async (connection) => {
      if (!(await this.#raise(connection, name, stamp))) {
        const [rows] = await connection.execute<Row[]>(this.#words.isNewest, key)
        return rows.length > 0 ? 'saved' : 'stale'
      }
      await connection.execute(this.#words.write, [...key, bytes])
      await this.#drop(connection, name, (_, place) => place >= keep)
      return 'saved'
    })
  }

  async load(name: string, back: number): Promise<Saved | undefined> {
    const [rows] = await this.#access.use((connection) =>
      connection.execute<Row[]>(this.#words.load(back), this.#key(name)),
    )
    const [row] = rows
    return row === undefined ? undefined : { epoch: row.epoch, revision: row.revision, bytes: row.bytes }
  }

  async forget(name: string, upTo: Stamp): Promise<void> {
    await this.#change(async (connection) => {
      await this.#raise(connection, name, upTo)
      await this.#drop(connection, name, (stamp) => compareStamps(stamp, upTo) <= 0)
    })
  }

  async list(after: string, limit: number): Promise<string[]> {
    const [rows] = await this.#access.use((connection) =>
      connection.execute<Row[]>(this.#words.list(limit), this.#key(after)),
    )
    return rows.map(({ name }) => (name as Buffer).toString())
  }

  close(): Promise<void> {
    return this.#access.close()
  }

  #key(name: string): [Buffer, Buffer] {
    return [Buffer.from(this.#settings.namespace), Buffer.from(name)]
  }

  /** From here on the name is ours until the end of the transaction. @returns whether it was raised */
  async #raise(connection: PoolConnection, name: string, { epoch, revision }: Stamp): Promise<boolean> {
    const values = [...this.#key(name), epoch, revision, epoch, epoch, revision, revision, epoch]
    const [{ affectedRows }] = await connection.execute<ResultSetHeader>(this.#words.raise, values)
    return affectedRows > 0
  }

  /** Row by row, by its whole key: a range would lock neighbours too. */
  async #drop(
    connection: PoolConnection,
    name: string,
    isOld: (stamp: Stamp, place: number) => boolean,
  ): Promise<void> {
    const [rows] = await connection.execute<Row[]>(this.#words.stamps, this.#key(name))
    for (const { epoch, revision } of rows.filter(isOld)) {
      await connection.execute(this.#words.drop, [...this.#key(name), epoch, revision])
    }
  }

  async #change<T>(act: (connection: PoolConnection) => Promise<T>): Promise<T> {
    for (let tries = 1; ; tries += 1) {
      try {
        return await this.#access.use(async (connection) => {
          await connection.query('START TRANSACTION')
          const result = await act(connection)
          await connection.query('COMMIT')
          return result
        })
      } catch (error) {
        if (numberOf(error) !== DEADLOCK || tries === DEADLOCK_TRIES) throw error
      }
    }
  }

  async #open(): Promise<Pool> {
    const { url, connections, timeoutMs, waitingMax, driver } = this.#settings
    const { createPool } = await loadPeer(this.where, 'mysql2', () => import('mysql2/promise'))
    return createPool({
      enableKeepAlive: true,
      ...driver,
      uri: url,
      connectionLimit: connections,
      queueLimit: waitingMax,
      connectTimeout: timeoutMs,
      // Only then `affectedRows` tells what was changed from what was found.
      flags: ['-FOUND_ROWS'],
    })
  }

  async #prepare(connection: PoolConnection): Promise<void> {
    const [rows] = await connection.query<Row[]>(this.#words.exist)
    // Who may not make tables needs not, when somebody else has made them.
    if (rows.length === 2) return
    for (const statement of this.#words.create) await connection.query(statement)
  }
}

/**
 * A store in MySQL 5.7 or MariaDB 10.3, or newer. Its tables are made when they are not there, in the database of the
 * URL. Needs the package `mysql2`.
 * @throws ERR_OPTION
 */
export const mysqlStore = (options: SqlStoreOptions): Store =>
  new MysqlStore(sqlSettings('mysqlStore', options, /^mysql:$/), realClock())
