/**
 * The port to a store that serialises what is written to it: the engine of an engine-backed directory. Real: etcd
 * (etcd-client.ts); its twin lives in test/fixtures/memory-engine.ts. Both pass test/contract/engine.test.ts.
 *
 *   revision   one number for the whole store, one higher for each transaction that wrote something
 *   lease      a promise that ends by the engine's clock unless it is renewed; the keys on it end with it, all
 *              in one revision
 *   watch      what was written under a prefix, in the order of revisions, from one that is named; all of a revision at
 *              once
 *
 * Each call is one question to one server. What rejects is not known to have failed: the answer may be lost. Whoever
 * wrote something asks again until he knows, in words that are safe to say twice (a compare, a token).
 */

/** A key as the engine has it. */
export interface EngineKey {
  readonly key: string
  readonly value: string
  readonly createRevision: number
  /** Of the transaction that wrote it last: the fencing token of who owns it. */
  readonly modRevision: number
  /** '' without one. */
  readonly lease: string
}

/** `created` 0: there is no such key. */
export type EngineCompare =
  | { readonly key: string; readonly created: number }
  | { readonly key: string; readonly modified: number }

export type EngineWrite =
  | { readonly put: string; readonly value: string; readonly lease: string }
  | { readonly delete: string }

export interface EngineTxn {
  readonly compare: readonly EngineCompare[]
  /** All of it, if every compare holds. */
  readonly writes: readonly EngineWrite[]
  /** Keys that are read, if not. */
  readonly reads: readonly string[]
}

export type EngineAnswer =
  | { readonly type: 'done'; readonly revision: number }
  /** A compare did not hold: nothing was written, and this is what stands there. */
  | { readonly type: 'differs'; readonly revision: number; readonly found: readonly EngineKey[] }
  /** All compares held, and a lease of a put is over: nothing was written. */
  | { readonly type: 'noLease' }

export type EngineEvent =
  | { readonly type: 'put'; readonly key: EngineKey }
  | { readonly type: 'delete'; readonly key: string; readonly modRevision: number }

export interface EngineHears {
  /** In order, nothing left out. */
  readonly events: (revision: number, events: readonly EngineEvent[]) => void
  /** What was asked for is not kept any more: read it all anew. It is the last that is heard. */
  readonly compacted: () => void
  /** The last that is heard. Ask again from the revision after the last one. */
  readonly broken: (reason: string) => void
}

export interface EngineClient {
  /** Where, for people. */
  readonly where: string
  txn(txn: EngineTxn): Promise<EngineAnswer>
  /** Up to `limit` keys under a prefix, in their order, from `from` on; as they were at `revision`, 0: now. */
  range(prefix: string, options: RangeOptions): Promise<EngineRange>
  /** @returns ttlMs may be more than was asked for */
  grant(ttlMs: number): Promise<{ readonly lease: string; readonly ttlMs: number }>
  /** @returns how long it lives from now; 0 when it is over */
  keepAlive(lease: string): Promise<number>
  /** Ends it, and all that hangs on it. One that is over already is no error. */
  revoke(lease: string): Promise<void>
  watch(prefix: string, revision: number, hears: EngineHears): { close(): void }
  close(): void
}

export interface RangeOptions {
  readonly from: string
  readonly limit: number
  readonly revision: number
}

export interface EngineRange {
  /** Of the store, when it was read. */
  readonly revision: number
  readonly keys: readonly EngineKey[]
  /** There are more behind the last one. */
  readonly more: boolean
}
