/** The versions of the protocol, and how two nodes choose one: each offers a range, the highest common is spoken. */
interface ProtocolRange {
  readonly min: number
  readonly max: number
}

/** What this release speaks. `min` goes up only in a major release. */
export const PROTOCOL: ProtocolRange = { min: 1, max: 1 }

/** The highest version that both speak; `undefined` when the ranges do not meet or one of them is upside down. */
export const agree = (ours: ProtocolRange, theirs: ProtocolRange): number | undefined => {
  const version = Math.min(ours.max, theirs.max)
  return version >= ours.min && version >= theirs.min ? version : undefined
}
