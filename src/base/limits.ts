/**
 * Every limit, with its unit, its default and the arithmetic behind it (G15). Reaching one is a typed error and an
 * event, never a silent drop. Times are in ms, sizes in bytes.
 */
import { fail } from './errors.js'

export interface Limits {
  /** A frame before READY. A HELLO with 100 kinds takes about 3 KiB. */
  readonly helloFrameBytesMax: number
  /** From connect to READY, in all; bytes do not extend it. */
  readonly handshakeMs: number
  /** Sockets that have not finished the handshake: in all, and from one address. */
  readonly pendingSocketsMax: number
  readonly pendingSocketsPerAddressMax: number
  /** One frame. 16 bulk chunks fit. */
  readonly frameBytesMax: number
  /** One piece of a state: small enough that a call behind it waits less than a millisecond. */
  readonly chunkBytes: number
  /** State bytes on their way to one peer that it has not acknowledged. */
  readonly bulkInFlightBytes: number
  /** An encoded snapshot. */
  readonly stateBytesMax: number
  /** Containers inside containers. */
  readonly nestingMax: number
  /** Values in one frame, and in one state. A decoded value costs up to 70 bytes of heap for one byte on the wire. */
  readonly frameElementsMax: number
  readonly stateElementsMax: number
  /** A key of an object or a string key of a Map, in bytes. */
  readonly keyBytesMax: number
  /** Messages waiting in one process. */
  readonly mailboxMax: number
  /** Unacknowledged messages of one sender to one name: number and bytes. */
  readonly windowMessagesMax: number
  readonly windowBytesMax: number
  /** Callers and casts that wait for room in one window. */
  readonly waitingSendersMax: number
  /** Sign of life on an idle link; silence that makes a peer suspect, and dead; a port that refuses. */
  readonly heartbeatMs: number
  readonly suspectMs: number
  readonly downMs: number
  readonly refusedMs: number
  /** Names of DNS in `join` are asked again: a new pod is dialed by itself, an old one found by who is new. */
  readonly discoverMs: number
  /** First and longest wait before a dial is tried again, with up to half as much jitter. */
  readonly redialMs: number
  readonly redialMsMax: number
  /** First and longest wait before unacknowledged messages are sent again. */
  readonly resendMs: number
  readonly resendMsMax: number
  /** A call, if it does not say. */
  readonly callTimeoutMs: number
  /** A move before the commit, and without progress. */
  readonly moveTimeoutMs: number
  /** A cast that waits for room in the window. */
  readonly castWaitMs: number
  /** A claim of a new name. */
  readonly claimMs: number
  /** One operation of a store, its connection included. */
  readonly storeMs: number
  /** Values of a snapshot that are written or read in one go, before calls have their turn: a matter of fairness. */
  readonly sliceValuesMax: number
  /** Inert copies that one peer may leave here; moves that are under way to one peer, the others wait and run on. */
  readonly preparedPerPeerMax: number
  /** Time for terminate() and detach(). */
  readonly shutdownMs: number
  /** A delegation that is not the home's and that nobody used; a record of an ended life; cursors of a dead sender. */
  readonly delegationIdleMs: number
  readonly endedMs: number
  readonly relayAgeMs: number
  /** Gateways that one message may pass. */
  readonly hopsMax: number
  /** Bytes that wait to be written to one peer, then reading from it pauses; a peer that reads nothing is cut. */
  readonly writeQueueBytesMax: number
  readonly slowPeerMs: number
  /** Names, kinds and members that one peer may tell us about. */
  readonly registryEntriesMax: number
  readonly kindsMax: number
  readonly membersMax: number
  /** Children of the cluster: 100,000 records of some 300 bytes are 30 MB on each member; and one of them, in bytes. */
  readonly childrenMax: number
  readonly childBytesMax: number
}

const KiB = 1024
const MiB = 1024 * KiB

export const defaultLimits: Limits = {
  helloFrameBytesMax: 4 * KiB,
  handshakeMs: 3_000,
  pendingSocketsMax: 256,
  pendingSocketsPerAddressMax: 16,
  frameBytesMax: 1 * MiB,
  chunkBytes: 64 * KiB,
  bulkInFlightBytes: 1 * MiB,
  stateBytesMax: 256 * MiB,
  nestingMax: 64,
  frameElementsMax: 100_000,
  stateElementsMax: 4_000_000,
  keyBytesMax: 1 * KiB,
  mailboxMax: 10_000,
  windowMessagesMax: 1_024,
  windowBytesMax: 4 * MiB,
  waitingSendersMax: 100_000,
  heartbeatMs: 1_000,
  suspectMs: 3_000,
  downMs: 10_000,
  refusedMs: 2_000,
  discoverMs: 10_000,
  redialMs: 100,
  redialMsMax: 5_000,
  resendMs: 200,
  resendMsMax: 5_000,
  callTimeoutMs: 5_000,
  moveTimeoutMs: 5_000,
  castWaitMs: 5_000,
  claimMs: 5_000,
  storeMs: 5_000,
  sliceValuesMax: 100_000,
  preparedPerPeerMax: 64,
  shutdownMs: 5_000,
  delegationIdleMs: 60_000,
  endedMs: 600_000,
  relayAgeMs: 60_000,
  hopsMax: 4,
  writeQueueBytesMax: 4 * MiB,
  slowPeerMs: 10_000,
  registryEntriesMax: 1_000_000,
  kindsMax: 64,
  membersMax: 1_024,
  childrenMax: 100_000,
  childBytesMax: 16 * KiB,
}

/**
 * The defaults with what the user set.
 * @throws ERR_OPTION  an unknown limit, or one that is not a positive whole number
 */
export const resolveLimits = (given: Partial<Limits> = {}): Limits => {
  const wrong = (limit: string, why: string) => fail('ERR_OPTION', { option: `limits.${limit}`, why })
  const set = Object.entries(given).filter(([, value]) => value !== undefined)
  for (const [key, value] of set) {
    if (!Object.hasOwn(defaultLimits, key)) throw wrong(key, 'there is no such limit')
    if (!Number.isSafeInteger(value) || value < 1) throw wrong(key, 'must be a whole number above 0')
  }
  const limits: Limits = { ...defaultLimits, ...Object.fromEntries(set) }
  const { heartbeatMs, suspectMs, downMs, resendMsMax, redialMsMax } = limits
  if (suspectMs >= downMs) throw wrong('suspectMs', `must be below downMs (${downMs})`)
  if (heartbeatMs >= suspectMs) throw wrong('heartbeatMs', `must be below suspectMs (${suspectMs})`)
  if (limits.resendMs > resendMsMax) throw wrong('resendMs', `must not be above resendMsMax (${resendMsMax})`)
  if (limits.redialMs > redialMsMax) throw wrong('redialMs', `must not be above redialMsMax (${redialMsMax})`)
  if (limits.chunkBytes + KiB > limits.frameBytesMax) throw wrong('chunkBytes', 'must leave 1 KiB below frameBytesMax')
  return limits
}
