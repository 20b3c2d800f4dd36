/**
 * One channel, seen from its receiver: what to do with a message that came. Pure.
 *
 *   other line      -> reset    the sender is told the line; the message is not run
 *   seq == next     -> accept   and acknowledge
 *   seq <  next     -> again    acknowledge, do not run (G3: nothing twice)
 *   seq >  next     -> ahead    drop: an earlier one is still to come (G3: nothing out of order)
 *
 * Only a copy that runs may ask: a frozen or inert one accepts and acknowledges nothing (G4).
 */
interface Arrival {
  readonly line: number
  readonly seq: number
  readonly open: boolean
}

type ReceiverVerdict = 'accept' | 'again' | 'ahead' | 'reset' | 'stale'

export const FIRST_SEQ = 1

/** @param next  the cursor, undefined for a sender that was never seen on this line */
export const receive = (
  next: number | undefined,
  line: number,
  arrival: Arrival,
): { verdict: ReceiverVerdict; next: number } => {
  const known = next ?? FIRST_SEQ
  // A sender that knows a newer line than this copy: the copy was superseded and must not take anything.
  if (arrival.line > line) return { verdict: 'stale', next: known }
  if (arrival.line < line) return { verdict: 'reset', next: known }
  const expected = arrival.open ? Math.max(known, arrival.seq) : known
  if (arrival.seq < expected) return { verdict: 'again', next: expected }
  if (arrival.seq > expected) return { verdict: 'ahead', next: expected }
  return { verdict: 'accept', next: expected + 1 }
}
