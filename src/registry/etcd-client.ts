/**
 * The engine port over etcd's HTTP/JSON gateway (v3, since 3.4): keys and values in base64, numbers of 64 bits as text,
 * what is zero or false left out. A lease that is over has no TTL in its answer; a put on one is the gRPC code 5.
 */
import type { Clock } from '../base/ports.js'
import type {
  EngineAnswer,
  EngineClient,
  EngineCompare,
  EngineEvent,
  EngineHears,
  EngineKey,
  EngineRange,
  EngineTxn,
  EngineWrite,
  RangeOptions,
} from './engine.js'
import { type Answer, EtcdHttp } from './etcd-http.js'

interface EtcdClientOptions {
  readonly clock: Clock
  readonly endpoints: readonly string[]
  /** One question to one server. */
  readonly tryMs: number
}

const NOT_FOUND = 5
const NO_LEASE = 'requested lease not found'

const encoded = (text: string): string => Buffer.from(text, 'utf8').toString('base64')
const decoded = (base64: unknown): string =>
  typeof base64 === 'string' ? Buffer.from(base64, 'base64').toString() : ''
const numberOf = (text: unknown): number => (text === undefined ? 0 : Number(text))
const listOf = (value: unknown): readonly Json[] => (Array.isArray(value) ? (value as Json[]) : [])

interface Json {
  readonly [field: string]: unknown
}
const fieldOf = (value: unknown, field: string): Json => ((value as Json | undefined)?.[field] ?? {}) as Json

/** The first key behind all that begin with the prefix, whose last character is ASCII. */
const endOf = (prefix: string): string =>
  prefix.slice(0, -1) + String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1)

const keyOf = (json: Json): EngineKey => ({
  key: decoded(json.key),
  value: decoded(json.value),
  createRevision: numberOf(json.create_revision),
  modRevision: numberOf(json.mod_revision),
  lease: json.lease === undefined ? '' : String(json.lease),
})

const compareOf = (compare: EngineCompare): object =>
  'created' in compare
    ? { target: 'CREATE', key: encoded(compare.key), create_revision: String(compare.created) }
    : { target: 'MOD', key: encoded(compare.key), mod_revision: String(compare.modified) }

const writeOf = (write: EngineWrite): object => {
  if ('delete' in write) return { request_delete_range: { key: encoded(write.delete) } }
  const lease = write.lease === '' ? {} : { lease: write.lease }
  return { request_put: { key: encoded(write.put), value: encoded(write.value), ...lease } }
}

const eventOf = (json: Json): EngineEvent => {
  const key = fieldOf(json, 'kv')
  if (json.type !== 'DELETE') return { type: 'put', key: keyOf(key) }
  return { type: 'delete', key: decoded(key.key), modRevision: numberOf(key.mod_revision) }
}

export class EtcdClient implements EngineClient {
  readonly where: string
  readonly #http: EtcdHttp

  constructor(options: EtcdClientOptions) {
    this.where = options.endpoints.join(', ')
    this.#http = new EtcdHttp(options)
  }

  async txn({ compare, writes, reads }: EngineTxn): Promise<EngineAnswer> {
    const answer = await this.#http.ask('/v3/kv/txn', {
      compare: compare.map(compareOf),
      success: writes.map(writeOf),
      failure: reads.map((key) => ({ request_range: { key: encoded(key) } })),
    })
    const { code, error } = answer.body as Json
    if (code === NOT_FOUND && String(error).includes(NO_LEASE)) return { type: 'noLease' }
    const body = good(answer)
    const revision = numberOf(fieldOf(body, 'header').revision)
    if (body.succeeded === true) return { type: 'done', revision }
    const found = listOf(body.responses).flatMap((one) => listOf(fieldOf(one, 'response_range').kvs).map(keyOf))
    return { type: 'differs', revision, found }
  }

  async range(prefix: string, { from, limit, revision }: RangeOptions): Promise<EngineRange> {
    const body = good(
      await this.#http.ask('/v3/kv/range', {
        key: encoded(from),
        range_end: encoded(endOf(prefix)),
        limit: String(limit),
        ...(revision === 0 ? {} : { revision: String(revision) }),
      }),
    )
    const keys = listOf(body.kvs).map(keyOf)
    return { revision: numberOf(fieldOf(body, 'header').revision), keys, more: body.more === true }
  }

  async grant(ttlMs: number): Promise<{ lease: string; ttlMs: number }> {
    const body = good(await this.#http.ask('/v3/lease/grant', { TTL: String(Math.ceil(ttlMs / 1_000)) }))
    return { lease: String(body.ID), ttlMs: numberOf(body.TTL) * 1_000 }
  }

  async keepAlive(lease: string): Promise<number> {
    const body = good(await this.#http.ask('/v3/lease/keepalive', { ID: lease }))
    return numberOf(fieldOf(body, 'result').TTL) * 1_000
  }

  async revoke(lease: string): Promise<void> {
    const answer = await this.#http.ask('/v3/lease/revoke', { ID: lease })
    if ((answer.body as Json).code !== NOT_FOUND) good(answer)
  }

  watch(prefix: string, revision: number, hears: EngineHears): { close(): void } {
    const create_request = {
      key: encoded(prefix),
      range_end: encoded(endOf(prefix)),
      start_revision: String(revision),
      // An idle stream tells how far it is, now and then: so that what it asks for later is not compacted.
      progress_notify: true,
    }
    let over = false
    const last = (say: () => void): void => {
      if (over) return
      over = true
      close()
      say()
    }
    const heard = (message: unknown): void => {
      const result = fieldOf(message, 'result')
      if (result.compact_revision !== undefined) return last(hears.compacted)
      const error = fieldOf(message, 'error')
      const ended = result.canceled === true || (message as Json).error !== undefined
      if (ended) return last(() => hears.broken(String(error.message ?? result.cancel_reason ?? 'it was cancelled')))
      if (result.created === true) return
      const events = listOf(result.events).map(eventOf)
      if (events.length === 0) return hears.events(numberOf(fieldOf(result, 'header').revision), [])
      // One that has fallen behind gets many revisions at once. The header's is that of the store by now.
      for (const [at, ofOne] of byRevision(events)) if (!over) hears.events(at, ofOne)
    }
    const close = this.#http.stream('/v3/watch', { create_request }, heard, (reason) =>
      last(() => hears.broken(reason)),
    )
    return {
      close: () => {
        over = true
        close()
      },
    }
  }

  close(): void {
    this.#http.close()
  }
}

const byRevision = (events: readonly EngineEvent[]): Map<number, EngineEvent[]> => {
  const groups = new Map<number, EngineEvent[]>()
  for (const event of events) {
    const at = event.type === 'put' ? event.key.modRevision : event.modRevision
    groups.set(at, [...(groups.get(at) ?? []), event])
  }
  return groups
}

/** @throws ERR_ENGINE  it answered with an error; whether it was done is not known */
const good = (answer: Answer): Json => {
  const body = answer.body as Json
  const error = body.error ?? fieldOf(body, 'result').error
  if (answer.status === 200 && error === undefined) return body
  const text =
    typeof error === 'string' ? error : String((error as Json | undefined)?.message ?? `HTTP ${answer.status}`)
  throw answer.unable(text)
}
