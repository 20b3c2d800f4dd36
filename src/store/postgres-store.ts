/**
 * A store in PostgreSQL. A save is one statement: the row of the name's stamp is raised if the new one is higher, and
 * only what raised it writes (G2). Whoever comes at the same time waits for that row and compares with what it became.
 */
import type { Pool, PoolClient } from 'pg'
import { realClock } from '../base/clock.js'
import type { Clock } from '../base/ports.js'
import { loadPeer } from './peer.js'
import { SqlAccess, type SqlSettings, type SqlStoreOptions, sqlSettings } from './server.js'
import type { Saved, Stamp, Store } from './store.js'

/** Any number that others hardly lock: nodes that start at once make the tables one after the other. */
const SCHEMA_LOCK = 7_346_001_815

const words = (table: string) => {
  const stamps = `${table}_stamps`
  return {
    exists: `SELECT to_regclass($1) IS NOT NULL AND to_regclass($2) IS NOT NULL AS exists`,
    create: `BEGIN;
      SELECT pg_advisory_xact_lock(${SCHEMA_LOCK});
      CREATE TABLE IF NOT EXISTS ${stamps} (
        space text NOT NULL, name bytea NOT NULL, epoch bigint NOT NULL, revision bigint NOT NULL,
        PRIMARY KEY (space, name));
      CREATE TABLE IF NOT EXISTS ${table} (
        space text NOT NULL, name bytea NOT NULL, epoch bigint NOT NULL, revision bigint NOT NULL,
        bytes bytea NOT NULL, PRIMARY KEY (space, name, epoch, revision));
      COMMIT`,
    // All parts see the table as it was before: the new state is not among those that are counted.
    save: `WITH raised AS (
        INSERT INTO ${stamps} AS s (space, name, epoch, revision) VALUES ($1, $2, $3, $4)
        ON CONFLICT (space, name) DO UPDATE SET epoch = excluded.epoch, revision = excluded.revision
        WHERE (s.epoch, s.revision) < (excluded.epoch, excluded.revision)
        RETURNING 1),
      written AS (
        INSERT INTO ${table} (space, name, epoch, revision, bytes)
        SELECT $1, $2, $3, $4, $5 FROM raised),
      old AS (
        SELECT epoch, revision FROM ${table} WHERE space = $1 AND name = $2
        ORDER BY epoch DESC, revision DESC OFFSET $6),
      dropped AS (
        DELETE FROM ${table} t USING old
        WHERE t.space = $1 AND t.name = $2 AND t.epoch = old.epoch AND t.revision = old.revision
        AND EXISTS (SELECT 1 FROM raised))
      SELECT count(*)::int AS raised FROM raised`,
    isNewest: `SELECT 1 FROM ${stamps} s JOIN ${table} t USING (space, name, epoch, revision)
      WHERE space = $1 AND name = $2 AND epoch = $3 AND revision = $4`,
    load: `SELECT epoch, revision, bytes FROM ${table} WHERE space = $1 AND name = $2
      ORDER BY epoch DESC, revision DESC OFFSET $3 LIMIT 1`,
    // It locks the row in either case.
    raise: `INSERT INTO ${stamps} AS s (space, name, epoch, revision) VALUES ($1, $2, $3, $4)
      ON CONFLICT (space, name) DO UPDATE SET epoch = excluded.epoch, revision = excluded.revision
      WHERE (s.epoch, s.revision) < (excluded.epoch, excluded.revision)`,
    forget: `DELETE FROM ${table} WHERE space = $1 AND name = $2 AND (epoch, revision) <= ($3, $4)`,
    list: `SELECT DISTINCT name FROM ${table} WHERE space = $1 AND name > $2 ORDER BY name LIMIT $3`,
  }
}

interface Row {
  readonly epoch: string
  readonly revision: string
  readonly bytes: Buffer
}

class PostgresStore implements Store {
  readonly where: string
  readonly #settings: SqlSettings
  readonly #words: ReturnType<typeof words>
  readonly #access: SqlAccess<Pool, PoolClient>

  constructor(settings: SqlSettings, clock: Clock) {
    const { place, table, namespace, timeoutMs } = settings
    this.where = `postgres ${place} ${table} ${namespace}`
    this.#settings = settings
    this.#words = words(table)
    this.#access = new SqlAccess(clock, timeoutMs, {
      open: () => this.#open(),
      lender: (pool: Pool) => this.#lender(pool),
      prepare: (client) => this.#prepare(client),
      // undefined_table
      isNoTable: (error) => (error as { code?: unknown }).code === '42P01',
    })
  }

  async save(name: string, stamp: Stamp, bytes: Buffer, keep: number): Promise<'saved' | 'stale'> {
    const key = [...this.#key(name), stamp.epoch, stamp.revision]
    return this.#access.use(async (client) => {
      const { rows } = await client.query(this.#words.save, [...key, bytes, keep - 1])
      if (rows[0].raised === 1) return 'saved'
      return (await client.query(this.#words.isNewest, key)).rows.length > 0 ? 'saved' : 'stale'
    })
  }

  async load(name: string, back: number): Promise<Saved | undefined> {
    const { rows } = await this.#access.use((client) => client.query<Row>(this.#words.load, [...this.#key(name), back]))
    const [row] = rows
    if (row === undefined) return undefined
    return { epoch: Number(row.epoch), revision: Number(row.revision), bytes: row.bytes }
  }

  /** In two steps: what was saved before the row was ours is seen only by a statement that begins after it was. */
  async forget(name: string, upTo: Stamp): Promise<void> {
    const key = [...this.#key(name), upTo.epoch, upTo.revision]
    await this.#access.use(async (client) => {
      await client.query('BEGIN')
      await client.query(this.#words.raise, key)
      await client.query(this.#words.forget, key)
      await client.query('COMMIT')
    })
  }

  async list(after: string, limit: number): Promise<string[]> {
    const values = [...this.#key(after), limit]
    const { rows } = await this.#access.use((client) => client.query<{ name: Buffer }>(this.#words.list, values))
    return rows.map(({ name }) => name.toString())
  }

  close(): Promise<void> {
    return this.#access.close()
  }

  #key(name: string): [string, Buffer] {
    return [this.#settings.namespace, Buffer.from(name)]
  }

  #lender(pool: Pool) {
    const { waitingMax } = this.#settings
    if (pool.waitingCount >= waitingMax) throw new Error(`${waitingMax} operations wait for a connection already`)
    return {
      get: () => pool.connect(),
      giveBack: (client: PoolClient, isGood: boolean) => client.release(!isGood),
    }
  }

  async #open(): Promise<Pool> {
    const { url, connections, timeoutMs, driver } = this.#settings
    const { default: pg } = await loadPeer(this.where, 'pg', () => import('pg'))
    const pool = new pg.Pool({
      keepAlive: true,
      application_name: 'proc-mobility',
      ...driver,
      connectionString: url,
      max: connections,
      connectionTimeoutMillis: timeoutMs,
    })
    // Of a connection that nobody uses: it is replaced when one is needed. Of one in use: what is asked on it fails.
    pool.on('error', () => {})
    pool.on('connect', (client) => client.on('error', () => {}))
    return pool
  }

  async #prepare(client: PoolClient): Promise<void> {
    const { table } = this.#settings
    const { rows } = await client.query(this.#words.exists, [table, `${table}_stamps`])
    // Who may not make tables needs not, when somebody else has made them.
    if (rows[0].exists !== true) await client.query(this.#words.create)
  }
}

/**
 * A store in PostgreSQL, 10 or newer. Its tables are made when they are not there. Needs the package `pg`.
 * @throws ERR_OPTION
 */
export const postgresStore = (options: SqlStoreOptions): Store =>
  new PostgresStore(sqlSettings('postgresStore', options, /^postgres(ql)?:$/), realClock())
