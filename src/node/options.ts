/** What `createNode` takes, and how it is checked: a wrong option is an error that says which and why. */
import { fail } from '../base/errors.js'
import { type Address, checkLabel } from '../base/ids.js'
import { type Limits, resolveLimits } from '../base/limits.js'
import { checkLogger, defaultLogger, plainLogger } from '../base/logger.js'
import type { Logger } from '../base/ports.js'
import { type ChildSpec, toChild } from '../cluster/child-spec.js'
import type { Seed } from '../cluster/discovery.js'
import { type DrainOptions, type DrainTimes, drainTimes } from '../cluster/drain.js'
import { checkHub, type HubOptions, type HubSettings } from '../cluster/hub-options.js'
import type { PartitionPolicy } from '../cluster/quorum.js'
import type { AnyKind, KindTable } from '../process/kind.js'
import { checkDirectory, type EtcdDirectory } from '../registry/etcd.js'
import type { Store } from '../store/store.js'
import type { Child } from '../wire/messages.js'

export interface NodeOptions {
  /** Its name, unique in its cluster: 1 to 64 letters, digits, dots, underscores, dashes. */
  readonly name: string
  /** Where it listens. Default 127.0.0.1; anything but loopback needs a secret and, without TLS, `insecure`. */
  readonly host?: string
  /** Default 1805. 0 takes a free one. */
  readonly port?: number
  /** Where others reach it, if that is not host and port: `'10.0.0.7:1805'`. */
  readonly advertise?: string
  /** The cluster's id. Default: random, or learned by `join`. Two nodes with different ids are two clusters. */
  readonly cluster?: string
  /** Shared by all nodes that may talk to each other, at least 16 bytes. It authenticates; it hides nothing. */
  readonly secret?: string | Uint8Array
  /** Accept that bytes cross the network in the clear. */
  readonly insecure?: boolean
  /**
   * Members to join through: `'10.0.0.5:1805'`, `'dns://host:port'` (each of its addresses) or `'srv://name'` (SRV
   * records). Its own address may be among them. Names are asked again while the node runs, and need `cluster`.
   */
  readonly join?: readonly string[]
  /** The kinds that may run here. Nothing else can arrive. */
  readonly kinds?: readonly AnyKind[]
  /** Any pino-shaped logger. Default: pino on stderr. */
  readonly logger?: Logger
  readonly limits?: Partial<Limits>
  /**
   * At SIGTERM or SIGINT: drain, stop, exit (0; 1 when something could not move). A second signal exits at once. With
   * the times of a drain, if these are not to be the defaults. Default false: no signal is listened to.
   */
  readonly handleSignals?: boolean | DrainOptions
  /**
   * What is done on both sides of a partition. Default `'diverge'`: both go on. `{ quorum: 'majority', size: 3 }` of a
   * cluster that begins with three nodes: the side that sees less than half runs nothing, and starts nothing.
   */
  readonly partition?: PartitionPolicy
  /** A call, if it does not say. Default 5_000 */
  readonly callTimeoutMs?: number
  /** Who owns which name. Default: the members themselves, without a server. `etcd({ endpoints })`: etcd does. */
  readonly directory?: EtcdDirectory
  /** Where the states of kinds with `persist` are kept: the store that they mean when they name none. */
  readonly store?: Store
  /** Others, by name: `persist: { store: 'audit' }`. */
  readonly stores?: Readonly<Record<string, Store>>
  /** How children of the cluster are placed and moved. */
  readonly hub?: HubOptions
  /** Children that the cluster is to have: each node of it may declare the same ones. */
  readonly children?: readonly ChildSpec[]
}

export interface Settings {
  readonly name: string
  readonly listen: Address
  readonly advertise: Address | undefined
  readonly cluster: string | undefined
  readonly secret: Buffer | undefined
  readonly join: readonly Seed[]
  readonly kinds: KindTable
  readonly logger: Logger
  readonly limits: Limits
  readonly partition: PartitionPolicy
  /** undefined: signals are the program's own business. */
  readonly handleSignals: DrainTimes | undefined
  readonly directory: EtcdDirectory | undefined
  readonly stores: ReadonlyMap<string, Store>
  readonly hub: HubSettings
  readonly children: readonly Child[]
}

const OPTIONS: ReadonlySet<string> = new Set([
  'name',
  'host',
  'port',
  'advertise',
  'cluster',
  'secret',
  'insecure',
  'join',
  'kinds',
  'logger',
  'limits',
  'handleSignals',
  'partition',
  'callTimeoutMs',
  'directory',
  'store',
  'stores',
  'hub',
  'children',
])

/**
 * @param trusted  the network is simulated: any host will do
 * @throws ERR_OPTION ERR_SECRET_WEAK ERR_INSECURE ERR_KIND_INVALID
 */
export const checkOptions = (options: NodeOptions, trusted: boolean): Settings => {
  if (typeof options !== 'object' || options === null)
    throw wrong('name', 'createNode takes an object with at least a name')
  for (const key of Object.keys(options)) if (!OPTIONS.has(key)) throw wrong(key, 'there is no such option')
  const name = checkLabel('name', options.name)
  const { host = '127.0.0.1', port = 1805 } = options
  const listen: Address = { host: checkHost('host', host), port: checkPort('port', port, 0) }
  const secret = checkSecret(options.secret)
  const logger = plainLogger(options.logger === undefined ? defaultLogger(name) : checkLogger(options.logger))
  if (!trusted) checkExposure(name, listen.host, secret, options.insecure === true, logger)
  const limits = checkLimits(options)
  const kinds = checkKinds(options.kinds, limits)
  return {
    name,
    listen,
    advertise: options.advertise === undefined ? undefined : parseAddress('advertise', options.advertise),
    cluster: options.cluster === undefined ? undefined : checkLabel('cluster', options.cluster),
    secret,
    join: checkJoin(options),
    kinds,
    logger,
    limits,
    partition: checkPartition(options.partition, options.directory),
    handleSignals: checkSignals(options.handleSignals, limits),
    directory: checkDirectory(options.directory),
    stores: checkStores(options, kinds),
    hub: checkHub(options.hub),
    children: checkChildren(options.children, limits),
  }
}

/** One wish, whoever declares it. */
const checkChildren = (specs: readonly ChildSpec[] | undefined, limits: Limits): readonly Child[] => {
  const children = checkList('children', specs).map((spec) => toChild(spec, 'static', limits))
  const names = new Set<string>()
  for (const { name } of children) {
    if (names.has(name)) throw wrong('children', `two of them are named ${name}`)
    names.add(name)
  }
  return children
}

const wrong = (option: string, why: string) => fail('ERR_OPTION', { option, why })

const checkLimits = ({ limits = {}, callTimeoutMs }: NodeOptions): Limits => {
  if (typeof limits !== 'object' || limits === null) throw wrong('limits', 'must be an object')
  if (callTimeoutMs === undefined) return resolveLimits(limits)
  if (!Number.isSafeInteger(callTimeoutMs) || callTimeoutMs < 1)
    throw wrong('callTimeoutMs', 'must be a whole number above 0')
  return resolveLimits({ ...limits, callTimeoutMs })
}

const checkPartition = (given: unknown = 'diverge', directory?: unknown): PartitionPolicy => {
  if (given === 'diverge') return given
  if (directory !== undefined) throw wrong('partition', 'has no meaning with a directory on etcd: etcd has the quorum')
  const policy = (typeof given === 'object' && given !== null ? given : {}) as Record<string, unknown>
  const whole = (key: string, most: number): void => {
    const value = policy[key]
    if (!Number.isSafeInteger(value) || (value as number) < 1 || (value as number) > most)
      throw wrong('partition', `${key} must be a whole number from 1 to ${most}`)
  }
  const { quorum } = policy
  if (quorum === 'static' || quorum === 'majority') whole('size', 1_024)
  else if (quorum === 'dynamic') {
    if (policy.percent !== undefined) whole('percent', 100)
    if (policy.withinMs !== undefined) whole('withinMs', 0x7fffffff)
  } else throw wrong('partition', "must be 'diverge' or { quorum: 'static' | 'dynamic' | 'majority', ... }")
  return policy as unknown as PartitionPolicy
}

const STORE_METHODS = ['save', 'load', 'forget', 'list', 'close'] as const

const checkStores = ({ store, stores = {} }: NodeOptions, kinds: KindTable): ReadonlyMap<string, Store> => {
  if (typeof stores !== 'object' || stores === null) throw wrong('stores', 'must be an object of stores by name')
  const table = new Map<string, Store>(Object.entries(store === undefined ? stores : { ...stores, default: store }))
  for (const [name, given] of table) {
    const methods = given as unknown as Record<string, unknown> | null | undefined
    const missing = STORE_METHODS.find((method) => typeof methods?.[method] !== 'function')
    if (missing !== undefined) throw wrong('stores', `the one named ${name} is no store: it has no ${missing}()`)
  }
  for (const { kind, spec } of kinds.values()) {
    const needs = spec.persist === undefined ? undefined : (spec.persist.store ?? 'default')
    if (needs === undefined || table.has(needs)) continue
    const why = needs === 'default' ? 'and there is no option `store`' : `in a store named ${needs}, and there is none`
    throw wrong('store', `the kind ${kind} is to be kept, ${why}`)
  }
  return table
}

const checkSignals = (given: unknown, limits: Limits): DrainTimes | undefined => {
  if (given === undefined || given === false) return undefined
  if (given === true) return drainTimes({}, limits)
  if (typeof given === 'object' && given !== null) return drainTimes(given, limits)
  throw wrong('handleSignals', 'must be true, false or the times of a drain')
}

const checkList = <T>(option: string, value: readonly T[] | undefined): readonly T[] => {
  if (value === undefined) return []
  if (!Array.isArray(value)) throw wrong(option, 'must be an array')
  return value
}

const checkHost = (option: string, host: unknown): string => {
  if (typeof host === 'string' && /^[A-Za-z0-9._:%-]{1,255}$/.test(host)) return host
  throw wrong(option, 'must be a host name or an IP address')
}

const checkPort = (option: string, port: unknown, least: 0 | 1): number => {
  if (typeof port === 'number' && Number.isInteger(port) && port >= least && port <= 65_535) return port
  throw wrong(option, `must be a whole number from ${least} to 65535`)
}

/** @throws ERR_OPTION */
const parseAddress = (option: string, text: unknown): Address => {
  const match = typeof text === 'string' ? /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text) : null
  if (match === null) throw wrong(option, `must be "host:port", not ${JSON.stringify(text)}`)
  return { host: checkHost(option, match[1] ?? match[2]), port: checkPort(option, Number(match[3]), 1) }
}

const checkJoin = ({ join, cluster }: NodeOptions): Seed[] => {
  const seeds = checkList('join', join).map(parseSeed)
  // Two nodes that find nobody, since the names of both come a moment later, would begin two clusters.
  if (cluster !== undefined || seeds.every(({ type }) => type === 'address')) return seeds
  throw wrong('join', 'names of DNS need the option `cluster`, the same on all nodes')
}

const parseSeed = (text: unknown): Seed => {
  const dns = /^dns:\/\/(.*)$/.exec(String(text))
  if (dns !== null) return { type: 'dns', ...parseAddress('join', dns[1]) }
  const srv = /^srv:\/\/(.*)$/.exec(String(text))
  return srv === null
    ? { type: 'address', address: parseAddress('join', text) }
    : { type: 'srv', name: checkHost('join', srv[1]) }
}

const checkSecret = (secret: unknown): Buffer | undefined => {
  if (secret === undefined) return undefined
  if (typeof secret !== 'string' && !(secret instanceof Uint8Array)) throw wrong('secret', 'must be a string or bytes')
  const bytes = Buffer.from(secret as Uint8Array)
  if (bytes.length < 16) throw fail('ERR_SECRET_WEAK', { why: `it has ${bytes.length} bytes` })
  if (new Set(bytes).size < 8) throw fail('ERR_SECRET_WEAK', { why: 'it repeats itself' })
  return bytes
}

const isLoopback = (host: string): boolean => host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host)

const checkExposure = (
  name: string,
  host: string,
  secret: Buffer | undefined,
  insecure: boolean,
  logger: Logger,
): void => {
  if (isLoopback(host)) return
  if (secret === undefined)
    throw fail('ERR_INSECURE', { name, host, why: 'off loopback it needs a secret. Set the option `secret`.' })
  const why = 'its bytes would cross the network in the clear. Set `insecure: true` if that network is yours alone.'
  if (!insecure) throw fail('ERR_INSECURE', { name, host, why })
  logger.warn({ host }, 'listening off loopback without encryption: peers are authenticated, bytes are readable')
}

/** What a HELLO takes at most: around the kinds, and around the name of each. */
const HELLO_BYTES = 700
const KIND_BYTES = 24

const checkKinds = (kinds: readonly AnyKind[] | undefined, { kindsMax, helloFrameBytesMax }: Limits): KindTable => {
  const table = new Map<string, AnyKind>()
  for (const kind of checkList('kinds', kinds)) {
    if (
      typeof kind !== 'object' ||
      kind === null ||
      typeof kind.kind !== 'string' ||
      typeof kind.spec?.init !== 'function'
    ) {
      throw wrong('kinds', 'each must come from genServer()')
    }
    if (table.has(kind.kind)) throw wrong('kinds', `two of them are named ${kind.kind}`)
    table.set(kind.kind, kind)
  }
  // Peers refuse a HELLO with more.
  if (table.size > kindsMax) throw wrong('kinds', `has ${table.size} of them, limits.kindsMax is ${kindsMax}`)
  let bytes = HELLO_BYTES
  for (const name of table.keys()) bytes += Buffer.byteLength(name) + KIND_BYTES
  if (bytes <= helloFrameBytesMax) return table
  throw wrong('kinds', `their names need ${bytes} bytes, limits.helloFrameBytesMax is ${helloFrameBytesMax}`)
}
