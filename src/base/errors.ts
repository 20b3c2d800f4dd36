/**
 * All errors of proc-mobility: one table, one class.
 *
 * `executed` answers the question that matters to a caller (G9): was my call run?
 *   no      surely not; sending it again is safe
 *   maybe   it may have been; ask the process before you repeat it
 *   yes     it was; the error is its answer
 */
import { inspect } from 'node:util'

export type Executed = 'no' | 'maybe' | 'yes'

interface ErrorEntry {
  readonly text: string
  readonly executed: Executed
  readonly retryable: boolean
}

const entry = (executed: Executed, retryable: boolean, text: string): ErrorEntry => ({ text, executed, retryable })

/** Code -> text with `{fields}`, whether the work was done, whether to try again helps. */
export const ERRORS = {
  // calls and casts
  ERR_NO_PROCESS: entry('no', true, 'Nobody has the name {name}. Start it, or check its spelling with node.list().'),
  ERR_PARKED: entry('no', true, '{name} is parked: {reason}. Mend that, then start it with node.hub.retry({name}).'),
  ERR_TIMEOUT: entry(
    'maybe',
    true,
    '{what} was not answered within {ms} ms. Raise timeoutMs, or look at what the process is doing.',
  ),
  ERR_OVERLOAD: entry(
    'no',
    true,
    '{what} found {name} at its limit of {limit} {unit}. Slow the sender down, or raise {option}.',
  ),
  ERR_UNKNOWN_CALL: entry(
    'no',
    false,
    'Kind {kind} has no {what} named {method}. Check the name and the version on the node that runs {name}.',
  ),
  ERR_REJECTED: entry('yes', false, '{name} rejected the call: {reason}.'),
  ERR_CRASHED: entry(
    'maybe',
    false,
    '{name} crashed while it handled the message: {reason}. Look into its log; the process has ended.',
  ),
  ERR_STOPPED: entry(
    'no',
    true,
    '{name} ended ({reason}) before it handled the message. Start it again, or drop the message.',
  ),
  ERR_LOST: entry(
    'maybe',
    true,
    'The answer to {what} is lost: {reason}. It may have been executed; ask the process before you repeat it.',
  ),
  ERR_UNREACHABLE: entry(
    'no',
    true,
    '{what} cannot be reached: {reason}. Check that the node runs and that its port is open.',
  ),
  ERR_IN_DOUBT: entry(
    'maybe',
    true,
    'The move of {name} is in doubt: {reason}. See node.parked() and end it with node.decide().',
  ),
  ERR_ABORTED: entry('maybe', false, '{what} was given up by its signal.'),
  ERR_CALLING_SELF: entry(
    'no',
    false,
    '{name} called itself and would wait for ever. Use cast, or call the function directly.',
  ),
  ERR_STALE: entry(
    'no',
    false,
    '{name} has gone on without this handler: {reason}. Stop work when self.signal aborts.',
  ),
  ERR_DIRECTIVE_DROPPED: entry(
    'yes',
    false,
    '{name} made a {directive} directive and did not return it. Write `return self.{directive}(...)`.',
  ),
  ERR_BAD_RETURN: entry(
    'maybe',
    false,
    '{callback} of {name} returned {returned}, which is no legal term. See docs/guides/for-erlang-people.md.',
  ),
  ERR_HOPS: entry(
    'maybe',
    false,
    'A message to {name} was relayed {hops} times between clusters. Look for gateways that point at each other.',
  ),
  // values
  ERR_NOT_PORTABLE: entry(
    'no',
    false,
    'The value at {path} cannot travel: {why}. State and messages are plain data; the rest belongs into attach().',
  ),
  ERR_BAD_ARGUMENT: entry('no', false, '{what}: {why}.'),
  ERR_NAME_INVALID: entry('no', false, 'The name {name} cannot be used: {why}.'),
  // life of a process
  ERR_ALREADY_STARTED: entry('no', false, '{name} runs on node {node} already. Use node.ref(kind, {name}).'),
  ERR_START_FAILED: entry('no', true, '{name} did not start: {reason}.'),
  ERR_UNUSABLE: entry(
    'no',
    false,
    'The saved state of {name} cannot be used: {reason}. Deploy code that reads it, or set persist.onUnusable.',
  ),
  ERR_START_IGNORED: entry('no', false, '{name} was not started: its init returned ignore().'),
  ERR_CLAIM_TIMEOUT: entry(
    'no',
    true,
    'The claim of {name} was not decided within {ms} ms: {reason}. Try again when the cluster is settled.',
  ),
  ERR_KIND_UNKNOWN: entry(
    'no',
    false,
    'Node {node} does not know the kind {kind}. Add it to the `kinds` of createNode there.',
  ),
  ERR_KIND_INVALID: entry('no', false, 'The kind {kind} cannot be used: {why}.'),
  // supervisors
  ERR_CHILD: entry('no', false, 'The supervisor {supervisor} cannot {what} its child {child}: {reason}.'),
  ERR_SHUTDOWN_CHAIN: entry(
    'no',
    false,
    '{name} asks for {asks} to end, and {above} gives it {gives}. Give it more time there, or let it ask for less.',
  ),
  // moves
  ERR_REFUSED: entry('no', true, '{node} refused {name}: {reason}. It runs on where it was.'),
  ERR_VERSION: entry(
    'no',
    false,
    '{node} cannot read version {version} of {kind}: it reads {reads}. Deploy the newer code there first.',
  ),
  ERR_NOT_NOW: entry('no', true, '{name} may not move now: {reason}.'),
  ERR_MOVING: entry('no', true, '{name} is on the move already. Wait for that move to end.'),
  ERR_MOVE_TIMEOUT: entry(
    'no',
    true,
    'The move of {name} was given up after {ms} ms ({reason}). It runs on where it was.',
  ),
  ERR_STATE_TOO_LARGE: entry(
    'no',
    false,
    'The state of {name} takes {bytes} bytes, the limit is {limit}. Raise limits.stateBytesMax on both nodes.',
  ),
  ERR_CALLBACK: entry('no', false, '{callback} of {name} failed: {reason}. The process runs on as it was.'),
  ERR_SNAPSHOT: entry('no', true, 'The snapshot of {name} cannot be read: {reason}.'),
  // links
  ERR_PROTOCOL: entry('no', false, 'The peer at {peer} broke the protocol: {reason}. The link was closed.'),
  ERR_EMPTY_FRAME: entry('no', false, 'A frame of length 0 came from {peer}. The link was closed.'),
  ERR_FRAME_TOO_LARGE: entry(
    'no',
    false,
    'A frame of {bytes} bytes is over the limit of {limit}. Send less at once, or raise limits.frameBytesMax.',
  ),
  ERR_DECODE: entry('no', false, 'Bytes cannot be decoded: {reason}.'),
  ERR_AUTH: entry('no', false, 'Authentication with {peer} failed. Check that both nodes have the same secret.'),
  ERR_HANDSHAKE_TIMEOUT: entry('no', true, '{peer} did not finish the handshake within {ms} ms.'),
  ERR_PROTOCOL_VERSION: entry(
    'no',
    false,
    '{peer} speaks protocol {theirs}, this node {ours}. Deploy a version that speaks both in between.',
  ),
  ERR_WRONG_CLUSTER: entry(
    'no',
    false,
    '{peer} belongs to cluster {theirs}, not {ours}. Use tcp(host, port) to reach another cluster.',
  ),
  ERR_WRONG_PEER: entry('no', false, '{peer} is not who it must be: {reason}.'),
  ERR_LINK_LOST: entry('no', true, 'The link to {peer} was lost: {reason}.'),
  ERR_LINK_LIMIT: entry('no', true, 'Too many connections from {peer}: the limit is {limit}.'),
  ERR_ENGINE: entry(
    'no',
    true,
    'The directory engine at {where} cannot be used: {reason}. Check that it runs, has a leader, and can be reached.',
  ),
  // stores
  ERR_STORE: entry(
    'maybe',
    true,
    'The store {where} cannot be used: {reason}. Check that it runs, has room, and can be reached.',
  ),
  ERR_STORE_MISSING: entry(
    'no',
    false,
    'The store {where} needs a package that cannot be loaded ({reason}). Install it: npm install {package}.',
  ),
  // nodes
  ERR_PORT_IN_USE: entry('no', false, 'Port {port} on {host} is in use. Stop the other program, or set another port.'),
  ERR_LISTEN: entry('no', false, 'Cannot listen on {host}:{port}: {reason}.'),
  ERR_INSECURE: entry('no', false, 'Node {name} would listen on {host}: {why}'),
  ERR_SECRET_WEAK: entry(
    'no',
    false,
    'The secret is too weak: {why}. Use at least 16 random bytes, for example from `openssl rand -base64 24`.',
  ),
  ERR_OPTION: entry('no', false, 'Option {option}: {why}.'),
  ERR_NODE_LEAVING: entry(
    'no',
    true,
    'Node {node} is about to leave and takes nothing in. Start {name} on another member, or call uncordon() there.',
  ),
  ERR_NO_QUORUM: entry(
    'no',
    true,
    'Node {node} sees too few members to serve, so {name} is not started. Look at node.nodes(), and at the network.',
  ),
  ERR_NO_PLACE: entry(
    'no',
    true,
    'No member can take {name}: {reason}. Add a node that has kind {kind}, or end the process.',
  ),
  ERR_PLACEMENT: entry('no', false, 'The place of {name} cannot be used ({problem}): {why}.'),
  ERR_UNDONE: entry(
    'no',
    true,
    '{name} was started, and stopped again: another child of its batch did not start. See the errors of the others.',
  ),
  ERR_NODE_STOPPED: entry('no', false, 'Node {node} is stopped. Create a new one.'),
  ERR_INVARIANT: entry('maybe', false, 'This should be impossible: {what}. Please report it with the log around it.'),
} as const satisfies Record<string, ErrorEntry>

export type ErrorCode = keyof typeof ERRORS

export type ErrorFields = Readonly<Record<string, string | number>>

const fill = (text: string, fields: ErrorFields): string =>
  text.replace(/\{(\w+)\}/g, (whole, key: string) => (key in fields ? clip(String(fields[key])) : whole))

/** Control characters and the two line separators. */
const UNSAFE = /[\p{Cc}\u2028\u2029]/gu

/** Control characters escaped: a peer's text must not forge log lines. */
export const oneLine = (text: string): string =>
  text.replace(UNSAFE, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)

/** One line, at most 300 characters. */
export const clip = (text: string): string => {
  const safe = oneLine(text)
  // Half a surrogate pair, given or cut, cannot be encoded: the error could not cross the wire.
  return (safe.length > 300 ? `${safe.slice(0, 297)}...` : safe).toWellFormed()
}

const branded = Symbol.for('proc-mobility.error')

interface FailOptions {
  readonly executed?: Executed
  /** What `reject(code, data)` gave. */
  readonly data?: unknown
  readonly cause?: unknown
}

/** Every error that proc-mobility throws or rejects with. Tell them apart by `code`. */
export class MobilityError extends Error {
  readonly code: ErrorCode
  /** Was the call run? `no`: surely not. `maybe`: it may have been. `yes`: it was, and this is its answer. */
  readonly executed: Executed
  readonly retryable: boolean
  readonly fields: ErrorFields
  /** The data that a handler gave to `reject(code, data)`. */
  readonly data: unknown
  readonly [branded] = true

  constructor(code: ErrorCode, fields: ErrorFields = {}, options: FailOptions = {}) {
    const row: ErrorEntry = ERRORS[code]
    super(fill(row.text, fields), options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'MobilityError'
    this.code = code
    this.executed = options.executed ?? row.executed
    this.retryable = row.retryable
    this.fields = fields
    this.data = options.data
  }
}

/** Makes an error of the table. */
export const fail = (code: ErrorCode, fields: ErrorFields = {}, options: FailOptions = {}): MobilityError =>
  new MobilityError(code, fields, options)

/** Is it ours? Holds over two copies of the package in one program too. */
export const isMobilityError = (error: unknown): error is MobilityError =>
  typeof error === 'object' && error !== null && (error as Record<symbol, unknown>)[branded] === true

export const isErrorCode = (code: unknown): code is ErrorCode => typeof code === 'string' && Object.hasOwn(ERRORS, code)

/** Any value in one line, for people. */
export const shown = (value: unknown): string =>
  clip(inspect(value, { depth: 2, breakLength: Number.POSITIVE_INFINITY, maxArrayLength: 10, maxStringLength: 100 }))

/** A short reason from whatever was thrown: one line, no stack. Never throws, whatever that is. */
export const reasonOf = (error: unknown): string => {
  try {
    if (error instanceof Error) return clip(String(error.message === '' ? error.name : error.message))
    return typeof error === 'string' ? clip(error) : shown(error)
  } catch {
    return 'something that cannot be shown'
  }
}
