/**
 * What a store has of one name, and what becomes of it. Pure.
 *
 *   stamps, newest first   9.2   9.1   7.4 | gone 7.3      a save below 9.2 is stale, whatever else is there
 *
 * G2  The highest stamp counts, that of what was forgotten too.
 */
import { compareStamps, type Stamp } from './store.js'

export interface Shelf {
  /** Everything up to it was forgotten. 0.0: nothing was. */
  readonly gone: Stamp
  /** What is kept, newest first, all of it above `gone`. */
  readonly stamps: readonly Stamp[]
}

export const emptyShelf: Shelf = { gone: { epoch: 0, revision: 0 }, stamps: [] }

/** `again`: exactly this one is the newest already. */
export const judge = ({ gone, stamps }: Shelf, stamp: Stamp): 'new' | 'again' | 'stale' => {
  const newest = stamps[0]
  if (newest === undefined) return compareStamps(stamp, gone) > 0 ? 'new' : 'stale'
  const order = compareStamps(stamp, newest)
  if (order === 0) return 'again'
  return order > 0 ? 'new' : 'stale'
}

interface Changed {
  readonly shelf: Shelf
  /** What is to be thrown away. */
  readonly dropped: readonly Stamp[]
}

/** Only the newest `keep` stay. */
const trimmed = ({ gone, stamps }: Shelf, keep: number): Changed => ({
  shelf: { gone, stamps: stamps.slice(0, keep) },
  dropped: stamps.slice(keep),
})

export const added = ({ gone, stamps }: Shelf, stamp: Stamp, keep: number): Changed =>
  trimmed({ gone, stamps: [stamp, ...stamps] }, keep)

export const forgotten = ({ gone, stamps }: Shelf, upTo: Stamp): Changed => ({
  shelf: {
    gone: compareStamps(upTo, gone) > 0 ? { epoch: upTo.epoch, revision: upTo.revision } : gone,
    stamps: stamps.filter((stamp) => compareStamps(stamp, upTo) > 0),
  },
  dropped: stamps.filter((stamp) => compareStamps(stamp, upTo) <= 0),
})

/** The order of their bytes in UTF-8, which is not that of JavaScript. */
export const compareNames = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b))

/** Names after `after`, in order, at most `limit`. */
export const page = (names: Iterable<string>, after: string, limit: number): string[] =>
  [...names]
    .filter((name) => compareNames(name, after) > 0)
    .sort(compareNames)
    .slice(0, limit)
