/**
 * State at rest: the port through which snapshots of processes are kept. A store knows names, stamps and bytes; what
 * the bytes mean is above it (record.ts), so is the time that it may take (patient.ts).
 *
 * G2  Of one name only what has a higher stamp counts: a store refuses what is not above all that it has or had, in one
 *     step with the write. So an owner that was declared dead overwrites nothing that its successor has saved.
 */

/** Ordered by epoch, then by revision. No two states of a name have the same one. */
export interface Stamp {
  /** Of the owner that saved it. */
  readonly epoch: number
  /** Grows with each save of that owner, from 1. */
  readonly revision: number
}

export interface Saved extends Stamp {
  readonly bytes: Buffer
}

/**
 * What a store must do. Whatever it throws means: not now; it is asked again. A method that has thrown may have been
 * done or not. All of them may run at once, also for one name, also from other nodes.
 */
export interface Store {
  /** What it is and where, for people: `file /var/lib/rooms`. */
  readonly where: string
  /**
   * Keeps it, and of those before it only the newest: `keep` in all.
   * @returns `saved`: it is at rest, as far as this store promises that. Also when exactly this stamp was saved before:
   *   the answer was lost. `stale`: something with a higher stamp was saved, or forgotten, and nothing has changed
   */
  save(name: string, stamp: Stamp, bytes: Buffer, keep: number): Promise<'saved' | 'stale'>
  /** @param back  0: the newest, 1: the one before ... @returns undefined when there is none */
  load(name: string, back: number): Promise<Saved | undefined>
  /** Forgets everything of the name up to this stamp. The stamp itself stays, so that an older save stays refused. */
  forget(name: string, upTo: Stamp): Promise<void>
  /** Names with something saved, in the order of their bytes in UTF-8, after `after` ('' for the first ones). */
  list(after: string, limit: number): Promise<string[]>
  /** Lets go of files and connections. Nothing is asked afterwards. */
  close(): Promise<void>
}

/** Positive when `a` is the later one. */
export const compareStamps = (a: Stamp, b: Stamp): number => a.epoch - b.epoch || a.revision - b.revision
