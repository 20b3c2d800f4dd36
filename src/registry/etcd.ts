/** The option `directory: etcd({ ... })` of createNode. */
import { fail, shown } from '../base/errors.js'
import type { Clock } from '../base/ports.js'
import type { EngineClient } from './engine.js'
import { EtcdClient } from './etcd-client.js'

export interface EtcdOptions {
  /** The members of one etcd cluster, 3.4 or newer: `['http://10.0.0.5:2379']`. One that does not answer is left. */
  readonly endpoints: readonly string[]
  /**
   * The lease of a node, in ms: 2_000 to 600_000. Default 10_000. A node that cannot renew it stands still after 85 %
   * of it; what ran on a node that is gone may be started elsewhere after one of it, or two if its end is not proved.
   */
  readonly ttlMs?: number
  /** All keys begin with it. Default '/proc-mobility' */
  readonly prefix?: string
}

/** Made by `etcd()`, for `createNode`. */
export interface EtcdDirectory {
  readonly engine: 'etcd'
  readonly endpoints: readonly string[]
  readonly ttlMs: number
  readonly prefix: string
}

const ENDPOINTS_MAX = 16

/**
 * A directory whose authority is etcd, for `createNode({ directory: etcd({ endpoints: ['http://10.0.0.5:2379'] }) })`.
 * Each name has one owner in a partition too: a node that is cut off from etcd stands still before its lease ends. All
 * nodes of a cluster must have the same.
 * @throws ERR_OPTION
 */
export const etcd = (options: EtcdOptions): EtcdDirectory => {
  if (typeof options !== 'object' || options === null)
    throw wrong('directory', 'etcd() takes { endpoints, ttlMs, prefix }')
  const { endpoints, ttlMs = 10_000, prefix = '/proc-mobility' } = options
  if (!Array.isArray(endpoints) || endpoints.length === 0 || endpoints.length > ENDPOINTS_MAX)
    throw wrong('directory.endpoints', `must be a list of 1 to ${ENDPOINTS_MAX} URLs`)
  if (!Number.isSafeInteger(ttlMs) || ttlMs < 2_000 || ttlMs > 600_000)
    throw wrong('directory.ttlMs', 'must be a whole number of ms from 2000 to 600000')
  if (typeof prefix !== 'string' || !/^[\x21-\x7e]{1,128}$/.test(prefix) || prefix.endsWith('/'))
    throw wrong('directory.prefix', 'must be 1 to 128 visible ASCII characters, not with / at the end')
  return { engine: 'etcd', endpoints: endpoints.map(checkEndpoint), ttlMs, prefix }
}

const wrong = (option: string, why: string) => fail('ERR_OPTION', { option, why })

const checkEndpoint = (text: unknown): string => {
  const url = typeof text === 'string' && URL.canParse(text) ? new URL(text) : undefined
  const plain = url !== undefined && url.pathname === '/' && url.search === '' && url.hash === '' && url.username === ''
  if (url?.protocol === 'http:' && plain) return url.origin
  throw wrong('directory.endpoints', `must be "http://host:port", not ${shown(text)}`)
}

/** What `createNode` was given. @throws ERR_OPTION */
export const checkDirectory = (directory: unknown): EtcdDirectory | undefined => {
  if (directory === undefined) return undefined
  const given = directory as Partial<EtcdDirectory> | null
  if (typeof given === 'object' && given?.engine === 'etcd' && given.endpoints !== undefined)
    return etcd(given as EtcdDirectory)
  throw wrong('directory', 'must be made by etcd()')
}

/**
 * A server has a sixth of the lease to answer: the renewal that is sent after a third of it finds the third of three
 * servers after two thirds, before the node stands still.
 */
export const clientOf = ({ endpoints, ttlMs }: EtcdDirectory, clock: Clock): EngineClient =>
  new EtcdClient({ clock, endpoints, tryMs: Math.min(2_000, Math.floor(ttlMs / 6)) })
