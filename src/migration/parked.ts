/** What waits for an operator on this node, in each of its roles. */
/** A process that waits for a decision. */
export interface Parked {
  readonly name: string
  /** `returning`: no move, but a process of a former life of its node, which waits for its name. */
  readonly role: 'source' | 'destination' | 'holder' | 'returning'
  readonly reason: string
}

export const parkedOf = (
  departures: Iterable<{ readonly name: string; readonly doubt: string | undefined }>,
  arrivals: Iterable<{ readonly name: string; readonly parked: string | undefined }>,
  held: Iterable<{ readonly name: string; readonly reason: string }>,
): Parked[] => {
  const list: Parked[] = []
  for (const { name, doubt } of departures) if (doubt !== undefined) list.push({ name, role: 'source', reason: doubt })
  for (const { name, parked } of arrivals)
    if (parked !== undefined) list.push({ name, role: 'destination', reason: parked })
  for (const { name, reason } of held) list.push({ name, role: 'holder', reason })
  return list
}
