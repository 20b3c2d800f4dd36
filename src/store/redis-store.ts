/**
 * A store in Redis. What is compared and what is written are one script, which Redis runs alone (G2).
 *
 *   proc-mobility:<namespace>:names      a sorted set of names, all with score 0: their order is that of their bytes
 *   proc-mobility:<namespace>:n:<name>   a hash: 'top' is the highest stamp that was saved or forgotten, and each stamp
 *                                        that is kept has its state. Stamps are 32 digits, so that text compares them
 *
 * One connection, on which commands follow each other without waiting. When anything is wrong with it, it is dropped,
 * and the next operation makes a new one.
 */
import { realClock } from '../base/clock.js'
import type { Clock } from '../base/ports.js'
import { loadPeer } from './peer.js'
import { Once, type ServerSettings, type ServerStoreOptions, serverSettings, timely } from './server.js'
import type { Saved, Stamp, Store } from './store.js'

const STAMPS = `
local stamps = {}
for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do
  if field ~= 'top' then stamps[#stamps + 1] = field end
end
table.sort(stamps, function(a, b) return a > b end)
`

/** KEYS: hash, names; ARGV: stamp, bytes, keep, name. */
const SAVE = `
local top = redis.call('HGET', KEYS[1], 'top')
if top and top >= ARGV[1] then
  return (top == ARGV[1] and redis.call('HEXISTS', KEYS[1], ARGV[1]) == 1) and 1 or 0
end
redis.call('HSET', KEYS[1], 'top', ARGV[1], ARGV[1], ARGV[2])
redis.call('ZADD', KEYS[2], 0, ARGV[4])
${STAMPS}
for i = tonumber(ARGV[3]) + 1, #stamps do redis.call('HDEL', KEYS[1], stamps[i]) end
return 1
`

/** KEYS: hash; ARGV: back. */
const LOAD = `${STAMPS}
local stamp = stamps[tonumber(ARGV[1]) + 1]
if not stamp then return false end
return { stamp, redis.call('HGET', KEYS[1], stamp) }
`

/** KEYS: hash, names; ARGV: stamp, name. */
const FORGET = `
local top = redis.call('HGET', KEYS[1], 'top')
if not top or top < ARGV[1] then redis.call('HSET', KEYS[1], 'top', ARGV[1]) end
${STAMPS}
local left = #stamps
for _, stamp in ipairs(stamps) do
  if stamp <= ARGV[1] then
    redis.call('HDEL', KEYS[1], stamp)
    left = left - 1
  end
end
if left == 0 then redis.call('ZREM', KEYS[2], ARGV[2]) end
return 1
`

const DIGITS = 16
const textOf = ({ epoch, revision }: Stamp): string =>
  `${String(epoch).padStart(DIGITS, '0')}${String(revision).padStart(DIGITS, '0')}`

/** Answers come as bytes. */
interface Line {
  ask(words: readonly (string | Buffer)[]): Promise<unknown>
  /** Hard, and what is under way fails. */
  drop(): void
}

class RedisStore implements Store {
  readonly where: string
  readonly #settings: ServerSettings
  readonly #clock: Clock
  readonly #prefix: string
  readonly #line: Once<Line>

  constructor(settings: ServerSettings, clock: Clock) {
    this.#settings = settings
    this.#clock = clock
    this.#prefix = `proc-mobility:${settings.namespace}:`
    this.where = `redis ${settings.place} ${settings.namespace}`
    this.#line = new Once(() => this.#connect())
  }

  async save(name: string, stamp: Stamp, bytes: Buffer, keep: number): Promise<'saved' | 'stale'> {
    const answer = await this.#script(SAVE, this.#keys(name), [textOf(stamp), bytes, String(keep), name])
    return answer === 1 ? 'saved' : 'stale'
  }

  async load(name: string, back: number): Promise<Saved | undefined> {
    const answer = await this.#script(LOAD, this.#keys(name).slice(0, 1), [String(back)])
    if (answer === null || answer === undefined) return undefined
    const [stamp, bytes] = answer as [Buffer, Buffer]
    const digits = stamp.toString()
    return { epoch: Number(digits.slice(0, DIGITS)), revision: Number(digits.slice(DIGITS)), bytes }
  }

  async forget(name: string, upTo: Stamp): Promise<void> {
    await this.#script(FORGET, this.#keys(name), [textOf(upTo), name])
  }

  async list(after: string, limit: number): Promise<string[]> {
    const from = after === '' ? '-' : `(${after}`
    const words = ['ZRANGEBYLEX', `${this.#prefix}names`, from, '+', 'LIMIT', '0', String(limit)]
    return ((await this.#ask(words)) as Buffer[]).map((name) => name.toString())
  }

  async close(): Promise<void> {
    const line = await this.#line.take()
    line?.drop()
  }

  #keys(name: string): [string, string] {
    return [`${this.#prefix}n:${name}`, `${this.#prefix}names`]
  }

  #script(script: string, keys: readonly string[], words: readonly (string | Buffer)[]): Promise<unknown> {
    return this.#ask(['EVAL', script, String(keys.length), ...keys, ...words])
  }

  async #ask(words: readonly (string | Buffer)[]): Promise<unknown> {
    const made = this.#line.get()
    const line = await made
    try {
      return await timely(this.#clock, this.#settings.timeoutMs, line.ask(words))
    } catch (error) {
      // An answer of Redis, even one that says no, shows that the connection is good.
      if (!isReply(error)) {
        this.#line.reset(made)
        line.drop()
      }
      throw error
    }
  }

  async #connect(): Promise<Line> {
    const { url, timeoutMs, waitingMax, driver } = this.#settings
    const { createClient, RESP_TYPES } = await loadPeer(this.where, 'redis', () => import('redis'))
    const client = createClient({
      ...driver,
      url,
      socket: { ...(driver.socket as object | undefined), connectTimeout: timeoutMs, reconnectStrategy: false },
      disableOfflineQueue: true,
      commandsQueueMaxLength: waitingMax,
    })
    const drop = (): void => {
      if (client.isOpen) client.destroy()
    }
    // Each command that it had says so itself.
    client.on('error', () => {})
    try {
      await timely(this.#clock, timeoutMs, client.connect())
    } catch (error) {
      drop()
      throw error
    }
    const inBytes = client.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer })
    return { ask: (words) => inBytes.sendCommand([...words]), drop }
  }
}

const isReply = (error: unknown): boolean =>
  error instanceof Error && ['SimpleError', 'BlobError', 'ErrorReply'].includes(error.constructor.name)

/**
 * A store in Redis, 5 or newer. Whether a crash of the server loses what was saved is the server's matter: see
 * docs/guides/stores.md. Needs the package `redis`.
 * @throws ERR_OPTION
 */
export const redisStore = (options: ServerStoreOptions): Store =>
  new RedisStore(serverSettings('redisStore', options, /^rediss?:$/), realClock())
