/**
 * Every message of the protocol: its fields in the order in which they stand on the wire, and what each may hold.
 * One table gives the types, the encoder and the validator. New fields go to the end and are optional.
 *
 * Directions (C sender, P node of the process, S source, D destination, H holder, M any member, G gateway) stand
 * beside each. `docs/PROTOCOL.md` explains them.
 */
import { bytes, choice, type FieldsOf, flag, list, message, optional, prose, record, text, uint } from './fields.js'

const name = text(255)
const label = text(64)
const originText = text(160)
const reason = prose(1_024)
const epoch = uint()
const attempt = record({ epoch, counter: uint() })
const address = record({ host: text(255), port: uint(65_535) })
const identity = record({ cluster: label, node: label, incarnation: uint() })
const kindOffer = record({ kind: text(255), version: uint(), oldest: uint() })
/** 0: calls, casts and infos. 1: stop and sendMe, never behind a full window. */
const lane = uint(1)

/** What a member knows of a name. `via`: the address behind the gateway `node`, of a process in another cluster. */
const entry = record({
  name,
  kind: text(255),
  node: label,
  incarnation: uint(),
  epoch,
  line: epoch,
  status: choice('live', 'ended'),
  reason,
  via: optional(address),
})

const member = record({ node: label, incarnation: uint(), address })

/**
 * Of a name that stands for several: how many there are, 0: one on each member. `active`: the number of the one that is
 * active, 0: none yet; not there: all are. `guided`: `nodes` has one node for each of them, in order.
 */
const replicas = record({ count: uint(64), active: optional(uint(1_024)), guided: flag })

/**
 * A child of the cluster: what is wanted under a name (cluster/children.ts). `args` and `metadata` are encoded values.
 * `after`: lives of the name up to this epoch are none of this record's. `born` tells one wish from the next one.
 * `group`: the name that it is a replica of.
 */
const child = record({
  name,
  kind: text(255),
  args: bytes(),
  restart: choice('permanent', 'transient', 'temporary'),
  tags: list(text(255), 64),
  metadata: bytes(),
  nodes: list(label, 64),
  status: choice('wanted', 'parked', 'removed'),
  reason,
  revision: uint(),
  by: label,
  born: text(160),
  after: epoch,
  shutdownMs: optional(uint()),
  group: optional(name),
  replicas: optional(replicas),
})

/** What became of a child: no code is success; `node` runs it, or has the name. */
const childResult = record({ name, code: text(64), reason, node: text(64) })
/** `dead`: your life is over for me. `size`, `lowest`: of my live members with me, how many, and the first by name. */
const standing = record({ dead: flag, size: uint(), lowest: label })

/** A cluster that still sends to the name through a gateway of its own. */
const delegation = record({ cluster: label, node: label, incarnation: uint(), address, home: flag })

export const MESSAGES = {
  // session
  HELLO: message({
    protocolMin: uint(255),
    protocolMax: uint(255),
    /** '' while the dialer has yet to learn it */
    cluster: text(64),
    node: label,
    incarnation: uint(),
    /** true: wants to be a member of the other's cluster */
    joining: flag,
    kinds: list(kindOffer, 64),
    nonce: bytes(32),
    listen: address,
    frameBytesMax: uint(),
    stateBytesMax: uint(),
  }),
  AUTH: message({ mac: bytes(32) }),
  /** `standing`: what a member thinks of the other one's life, and how many it sees itself (cluster/standing.ts) */
  READY: message({ standing: optional(standing) }),
  /** The last frame: why the link ends. `left`: the node leaves for good. */
  BYE: message({ code: text(64), reason, left: flag }),
  HEARTBEAT: message({ sentAt: uint(), echo: optional(uint()) }),

  // messages
  /** C->P */
  DELIVER: message({
    name,
    origin: originText,
    lane,
    line: epoch,
    /** the cursor behind the last one is still a number */
    seq: uint(Number.MAX_SAFE_INTEGER - 1),
    /** next := max(next, seq): the sender had forgotten the channel, or opens a new line */
    open: flag,
    hops: uint(255),
    what: choice('call', 'cast', 'info', 'void'),
    /** of a call: the time it has left, in ms */
    remainingMs: optional(uint()),
    body: bytes(),
  }),
  /** P->C: all below `next` is taken */
  ACK: message({ name, origin: originText, lane, line: epoch, epoch, next: uint() }),
  /** P->C */
  REPLY: message({ name, origin: originText, lane, seq: uint(), epoch, body: bytes() }),
  /** C->P */
  REPLY_ACK: message({ name, origin: originText, lane, seqs: list(uint(), 1_024) }),
  /** P->C: the name is elsewhere, or awake again: send what is not acknowledged */
  REDIRECT: message({ entry }),
  /** P->C: another line began; what was on the old one is not run */
  RESET: message({ name, origin: originText, lane, line: epoch, epoch }),
  /** P->C: the name ended here; all below `next` had been taken */
  GONE: message({ name, origin: originText, lane, epoch, next: uint(), reason }),

  // registry and members
  CLAIM: message({ id: uint(), name, kind: text(255), view: text(64) }),
  CLAIMED: message({
    id: uint(),
    verdict: choice('granted', 'taken', 'retry'),
    epoch,
    view: text(64),
    entry: optional(entry),
    reason,
  }),
  REGISTERED: message({ entries: list(entry, 1_024) }),
  /** The whole of what the sender runs, in parts; `last` ends it */
  SYNC: message({ entries: list(entry, 1_024), last: flag }),
  /** The members that the sender knows; all its registrations up to now stand before it on the link */
  VIEW: message({ view: text(64), members: list(member, 1_024) }),
  RECOVER_ASK: message({ id: uint(), node: label, incarnation: uint(), names: list(name, 1_024) }),
  /** `agreed` false: that node is not dead for me, ask again */
  RECOVER_SAY: message({ id: uint(), agreed: flag, held: list(name, 1_024) }),
  MEMBERS: message({ members: list(member, 1_024) }),
  /** The sender is about to leave, and takes nothing in; or it stays after all */
  CORDON: message({ on: flag }),
  /** Children that changed, or that the receiver may not know; `digest` of what it wants, and of tombstones */
  CHILDREN: message({
    children: list(child, 256),
    digest: list(uint(0xffff_ffff), 128),
    /** the digest of the receiver is wanted as well, behind what it has more; 0: it is not */
    ask: uint(),
    /** to a digest with that `ask`: all that the sender had more than it stands before this */
    answer: uint(),
    /** how the sender places and moves children: all members should agree */
    settings: text(255),
    /** members that are the receiver's to tell of these children */
    pass: optional(list(label, 1_024)),
  }),
  /** To the home of the names: want to note. By the home: start and check, to one node; gone, to all */
  CHILD_START: message({
    id: uint(),
    what: choice('want', 'share', 'retry', 'stop', 'update', 'tag', 'note', 'start', 'check', 'gone'),
    children: list(child, 256),
  }),
  CHILD_DONE: message({ id: uint(), results: list(childResult, 512) }),
  /** How many names are live on the sender, and the XOR of their hashes: behind all that it has published of them */
  DIGEST: message({ live: uint(), hash: uint(0xffff_ffff), ask: choice('nothing', 'digest', 'listing') }),
  /** How busy the sender is: `delayMs` is how late its timers are */
  LOAD: message({ processes: uint(), mailbox: uint(), delayMs: uint(), heapBytes: uint() }),
  /** Sent at that time of the sender; `echo`: what the receiver sent then was heard. Who counts, as the sender knows */
  QUORUM: message({ sentAt: uint(), echo: optional(uint()), serial: uint(), nodes: list(label, 1_024), least: uint() }),

  // moves
  /** S->D: what D must know before the bytes; the snapshot follows in CHUNKs of `transfer` */
  PREPARE: message({
    name,
    attempt,
    toIncarnation: uint(),
    kind: text(255),
    version: uint(),
    line: epoch,
    /** '' when D is its own holder */
    holder: text(64),
    holderIncarnation: uint(),
    transfer: uint(),
    totalBytes: uint(),
    /** clusters that send to the name through a gateway, after this move */
    delegations: list(delegation, 16),
  }),
  CHUNK: message({ transfer: uint(), index: uint(), bytes: bytes() }),
  CHUNK_END: message({ transfer: uint(), chunks: uint(), crc: uint(0xffff_ffff) }),
  /** D->S: received so far, in bytes */
  CREDIT: message({ transfer: uint(), received: uint() }),
  /** D->S */
  PREPARED: message({ name, attempt, incarnation: uint() }),
  REFUSED: message({ name, attempt, code: text(64), reason }),
  /** S->H; `foreign`: D is in another cluster and must be asked before it takes over */
  BEGIN: message({ name, attempt, kind: text(255), line: epoch, destination: identity, address, foreign: flag }),
  BEGUN: message({ name, attempt }),
  /** S->D */
  /** `frozenUs`: microseconds since the freeze */
  COMMIT: message({ name, attempt, toIncarnation: uint(), frozenUs: uint() }),
  /** D->S, and to H after a takeover */
  ACTIVATED: message({ name, attempt, epoch, line: epoch, pauseUs: uint(), bytes: uint() }),
  RETIRED: message({ name, attempt }),
  /** S->H and S->D */
  ABORT: message({ name, attempt }),
  ABORTED: message({ name, attempt, by: choice('holder', 'destination'), verdict: choice('aborted', 'taken') }),
  /** D->H, for D when S is dead */
  TAKE: message({ name, attempt }),
  TAKEN: message({ name, attempt, verdict: choice('taken', 'aborted', 'closed', 'unknown', 'wait') }),
  /** H->D outside the cluster: S is dead, run it */
  TAKE_OVER: message({ name, attempt }),
  /** S->D: all that the process had sent to `target` before the move is acknowledged */
  FLUSHED: message({ name, attempt, target: name }),

  // between clusters
  /** D->G: the name is there now, or has ended */
  LOCATED: message({ entry, cluster: label, address }),
  LOCATED_OK: message({ name, epoch }),
  /** G->D: where is it? */
  WHERE: message({ name, epoch }),
} as const

export type MessageName = keyof typeof MESSAGES
export type Message = { [K in MessageName]: { readonly type: K } & FieldsOf<(typeof MESSAGES)[K]> }[MessageName]
export type MessageOf<K extends MessageName> = Extract<Message, { readonly type: K }>

/** What a member knows of a name: one row of the table. */
export type Entry = MessageOf<'REDIRECT'>['entry']
export type Member = MessageOf<'MEMBERS'>['members'][number]
export type Child = MessageOf<'CHILDREN'>['children'][number]
export type ChildResult = MessageOf<'CHILD_DONE'>['results'][number]
export type Delegation = MessageOf<'PREPARE'>['delegations'][number]
export type Standing = NonNullable<MessageOf<'READY'>['standing']>
export type KindOffer = MessageOf<'HELLO'>['kinds'][number]
